package pgembed

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// runner starts programs of Postgres, which refuses to work as root.
type runner struct {
	attr  syscall.SysProcAttr
	owner int // of the data; -1: whoever runs this
}

// newRunner returns a runner of bin's programs for data in dir. For root that
// is a user namespace in which root is called nobody, so that the data stay
// root's and no directory has to be opened to others. Where namespaces are
// forbidden the programs run as the real user nobody.
func newRunner(ctx context.Context, bin Binaries, dir string) (*runner, error) {
	if os.Geteuid() != 0 {
		return &runner{owner: -1}, nil
	}
	uid, gid, err := nobody()
	if err != nil {
		return nil, err
	}
	if r := namespaced(uid, gid); r.works(ctx, bin) {
		return r, nil
	}
	return setuid(uid, gid, dir, bin.Bin)
}

func nobody() (uid, gid int, err error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return 0, 0, fmt.Errorf("as root Postgres does not run, and there is no user nobody: run this as an ordinary user: %w", err)
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, fmt.Errorf("the user nobody has no numeric id: %w", err)
	}
	if gid, err = strconv.Atoi(u.Gid); err != nil {
		return 0, 0, fmt.Errorf("the group of nobody has no numeric id: %w", err)
	}
	return uid, gid, nil
}

func namespaced(uid, gid int) *runner {
	return &runner{owner: 0, attr: syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: 0, Size: 1}},
	}}
}

func (r *runner) works(ctx context.Context, bin Binaries) bool {
	_, err := r.foreground(bin.command(ctx, "postgres", "--version"))
	return err == nil
}

// setuid lets nobody pass through the directories above the data and the
// programs, which are closed to others in root's home.
func setuid(uid, gid int, dirs ...string) (*runner, error) {
	for _, dir := range dirs {
		if err := open(dir); err != nil {
			return nil, err
		}
	}
	return &runner{owner: uid, attr: syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
	}}, nil
}

func open(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for at := abs; at != "/"; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 != 0 {
			continue
		}
		if err := os.Chmod(at, info.Mode().Perm()|0o001); err != nil {
			return fmt.Errorf("the directory %s is closed to the user nobody, as whom Postgres runs: %w", at, err)
		}
	}
	return nil
}

// own gives a directory and what is in it to the user of the programs. An
// earlier run may have had another one.
func (r *runner) own(dir string) error {
	if r.owner < 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == r.owner {
		return nil
	}
	// The user whose it is now can put links in it meanwhile, which lead nowhere
	// outside of a root.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, r.owner, -1)
	})
	return errors.Join(err, root.Close())
}

func (r *runner) prepare(cmd *exec.Cmd) {
	attr := r.attr
	attr.Setpgid = true // Ctrl-C is for the portal, which then stops Postgres
	attr.Pdeathsig = syscall.SIGQUIT
	cmd.Dir, cmd.SysProcAttr = "/", &attr
}

func (r *runner) foreground(cmd *exec.Cmd) ([]byte, error) {
	// The kernel ends the program with the thread that started it, which
	// somebody else could end meanwhile.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r.prepare(cmd)
	return cmd.CombinedOutput()
}

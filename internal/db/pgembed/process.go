package pgembed

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// runner starts programs of Postgres, which refuses to work as root: as root
// they run as the user nobody, who then owns the data.
type runner struct {
	credential *syscall.Credential // nil: as this user
	uid, gid   int
}

func newRunner(dir string) (*runner, error) {
	if os.Geteuid() != 0 {
		return &runner{}, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("as root Postgres does not run, and there is no user nobody: run this as an ordinary user: %w", err)
	}
	uid, err1 := strconv.Atoi(nobody.Uid)
	gid, err2 := strconv.Atoi(nobody.Gid)
	if err1 != nil || err2 != nil {
		return nil, fmt.Errorf("the user nobody has no numeric id")
	}
	r := &runner{uid: uid, gid: gid, credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	return r, r.open(dir)
}

// open lets nobody pass through the directories above the data, which are
// closed to others in root's home.
func (r *runner) open(dir string) error {
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

// own gives a directory and what is in it to the user of the programs.
func (r *runner) own(dir string) error {
	if r.credential == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, r.uid, r.gid)
	})
}

func (r *runner) prepare(cmd *exec.Cmd) {
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: r.credential,
		Setpgid:    true, // Ctrl-C is for the portal, which then stops Postgres
		Pdeathsig:  syscall.SIGINT,
	}
}

func (r *runner) foreground(cmd *exec.Cmd) ([]byte, error) {
	r.prepare(cmd)
	return cmd.CombinedOutput()
}

// process is a program in the background.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  *tail
}

// background starts a program that ends with this one. The kernel sends the
// signal for that when the thread that started the program ends, so a thread
// of its own waits as long as the program runs.
func (r *runner) background(cmd *exec.Cmd) (*process, error) {
	r.prepare(cmd)
	p := &process{cmd: cmd, done: make(chan struct{}), log: &tail{}}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(p.done)
		}
	}()
	return p, <-started
}

// stop asks for a fast shutdown, then for an immediate one, which the next
// start recovers from.
func (p *process) stop() error {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := p.cmd.Process.Signal(signal); err != nil {
			return nil // it has ended already
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(stopFor):
		}
	}
	return fmt.Errorf("the private Postgres (process %d) does not end", p.cmd.Process.Pid)
}

// lastWords is the end of what the program said.
func (p *process) lastWords() string { return p.log.String() }

// tail keeps the last bytes written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 2000

// Write keeps what fits.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = t.b[over:]
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.b))
}

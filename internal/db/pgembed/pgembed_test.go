package pgembed

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// childDir tells this test program to start a server there and to wait for
// its own end.
const childDir = "PGEMBED_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
	}
	os.Exit(m.Run())
}

func child(dir string) {
	s, err := Start(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("up", s.URL())
	select {}
}

// patience is how long something may take that takes no time on a machine at
// rest.
const patience = 30 * time.Second

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func query[T any](t *testing.T, url, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

const (
	create = `SELECT 1 FROM (SELECT lo_from_bytea(4711, 'kept')) AS t`
	kept   = `SELECT convert_from(lo_get(4711), 'UTF8')`
	none   = `SELECT NOT EXISTS (SELECT FROM pg_largeobject)`
)

func TestDataSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Start(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	query[int](t, s.URL(), create)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "run", "*")); len(left) > 0 {
		t.Errorf("sockets are left: %v", left)
	}
	s = start(t, Config{Dir: dir})
	if got := query[string](t, s.URL(), kept); got != "kept" {
		t.Errorf("got %q", got)
	}
}

func TestFreshForgets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := Start(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	query[int](t, s.URL(), create)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = start(t, Config{Dir: dir, Fresh: true})
	if !query[bool](t, s.URL(), none) {
		t.Error("objects are left")
	}
}

// A portal that is killed takes its server with it, and the next one finds
// what was committed.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(stdout)
	scanner.Scan()
	url, ok := strings.CutPrefix(scanner.Text(), "up ")
	if !ok {
		t.Fatal(scanner.Text())
	}
	query[int](t, url, create)
	server := postmaster(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// At once: the killed one's server may still be on its way out.
	s := start(t, Config{Dir: dir})
	if got := query[string](t, s.URL(), kept); got != "kept" {
		t.Errorf("got %q", got)
	}
	for deadline := time.Now().Add(patience); alive(server); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the server (process %d) outlives its portal", server)
		}
	}
}

// postmaster is the process of the server on dir.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "pg*", "postmaster.pid"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v %v", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestOneAtATime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, Config{Dir: dir})
	s, err := Start(t.Context(), Config{Dir: dir})
	if err == nil {
		t.Fatal(s.Stop())
	}
	if !strings.Contains(err.Error(), dir+" is in use by another portal") {
		t.Error(err)
	}
}

func TestDirectoryThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Config{Dir: filepath.Join(file, "data")})
	if err == nil || !strings.Contains(err.Error(), "cannot be made") {
		t.Error(err)
	}
}

// An interruption while the data directory was made leaves nothing that would
// be in the way.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bin, err := FindBinaries()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "pg"+bin.Major+".unfinished", "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Dir: dir})
}

// The path of a socket is shorter than paths in general.
func TestLongPath(t *testing.T) {
	t.Parallel()
	s := start(t, Config{Dir: filepath.Join(t.TempDir(), strings.Repeat("long-", 30))})
	if s.sockets == "" || len(s.sockets) > maxSocketDir {
		t.Errorf("sockets in %q", s.sockets)
	}
}

// Root may find that it can or cannot have namespaces, today and tomorrow.
func TestRootsTwoWays(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only root has to become somebody else")
		return
	}
	uid, gid, err := nobody()
	if err != nil {
		t.Fatal(err)
	}
	bin, err := FindBinaries()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	other, err := setuid(uid, gid, filepath.Dir(data), bin.Bin)
	if err != nil {
		t.Fatal(err)
	}
	runners := []*runner{other}
	if r := namespaced(uid, gid); r.works(t.Context(), bin) {
		runners = append(runners, r, other)
	}
	for i, r := range runners {
		if err := initialise(t.Context(), r, bin, data); err != nil {
			t.Fatal(i, err)
		}
		if err := r.own(data); err != nil {
			t.Fatal(i, err)
		}
		// --single reads the data and ends.
		if output, err := r.foreground(bin.command(t.Context(), "postgres", "--single", "-D", data, "postgres")); err != nil {
			t.Errorf("way %d: %v: %s", i, err, output)
		}
	}
}

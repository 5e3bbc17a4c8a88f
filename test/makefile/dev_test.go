package makefile

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long something may take that takes seconds on a machine at
// rest.
const patience = 10 * time.Minute

// What is saved comes to be served while `make dev` runs, what does not compile
// leaves what was served before, and Ctrl-C ends all of it.
func TestDevServesWhatIsSaved(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what builds the program several times; make test does not")
	}
	t.Parallel()
	dir := t.TempDir()
	clone(t, dir)
	d := startDev(t, dir)
	d.eventually("it is ready", func() bool { return strings.Contains(d.said(), "ready "+d.url) })
	news := d.news()
	for _, c := range []struct{ file, from, to, shown string }{
		{"views/layout.templ", ">Skip to the content<", ">marker-text<", "marker-text"},
		{"views/layout.templ", ">marker-text<", `>{ strings.ToUpper("marker-logic") }<`, "MARKER-LOGIC"},
		{"internal/web/session.go", "You are signed out", "marker-go", "marker-go"},
	} {
		d.replace(c.file, c.from, c.to)
		d.eventually(c.file+" is served", func() bool { return strings.Contains(d.get("/signed-out"), c.shown) })
		d.eventually("pages are told of "+c.file, func() bool { return news() > 0 })
	}
	d.replace("internal/web/session.go", "marker-go", `marker-" + nothing + "`)
	d.eventually("a fault is told", func() bool { return strings.Contains(d.said(), "undefined: nothing") })
	if got := d.get("/signed-out"); !strings.Contains(got, "marker-go") {
		t.Errorf("with code that does not compile it serves %s", got)
	}
	appendTo(t, filepath.Join(dir, "static/src/app.css"), "\n.marker-css { color: red }\n")
	d.eventually("the CSS is served", func() bool { return strings.Contains(d.get(d.stylesheet()), "marker-css") })
	appendTo(t, filepath.Join(dir, "internal/demo/mail.go"), "\nfunc init() { println(\"marker-demo\") }\n")
	d.replace("internal/web/session.go", `marker-" + nothing + "`, "marker-again")
	d.eventually("it runs again as what was saved", func() bool {
		return strings.Contains(d.said(), "marker-demo") && strings.Contains(d.get("/signed-out"), "marker-again")
	})
	d.interrupted()
}

// development is a `make dev` that runs.
type development struct {
	t        *testing.T
	dir, url string
	cmd      *exec.Cmd
	done     chan struct{} // closed when all of its processes have ended

	mu     sync.Mutex
	output bytes.Buffer
}

func startDev(t *testing.T, dir string) *development {
	t.Helper()
	addresses := [3]string{}
	for i := range addresses {
		addresses[i] = freeAddress(t)
	}
	_, port, _ := net.SplitHostPort(addresses[0])
	d := &development{t: t, dir: dir, url: "http://localhost:" + port, done: make(chan struct{})}
	d.cmd = exec.Command("make", "dev", fmt.Sprintf("ARGS=--story=false --listen %s --simulator %s --issuer %s --data %s",
		addresses[0], addresses[1], addresses[2], filepath.Join(dir, "tmp", "data")))
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = dir, d, d
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // to press Ctrl-C for it alone
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = d.cmd.Wait() // until whoever can write its output is gone
		close(d.done)
	}()
	t.Cleanup(func() {
		d.press()
		<-d.done
		if t.Failed() {
			t.Log(d.said())
		}
	})
	return d
}

// Write keeps what is said.
func (d *development) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.output.Write(b)
}

func (d *development) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.output.String()
}

// press presses Ctrl-C.
func (d *development) press() { _ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGINT) }

func (d *development) interrupted() {
	d.t.Helper()
	d.press()
	d.eventually("it ends", func() bool {
		select {
		case <-d.done:
			return true
		default:
			return false
		}
	})
	if left, _ := filepath.Glob(filepath.Join(d.dir, "tmp", "data", "pg*", "postmaster.pid")); len(left) > 0 {
		d.t.Errorf("Postgres is left: %v", left)
	}
}

// get is the body of a page, empty when it is not there.
func (d *development) get(path string) string {
	resp, err := http.Get(d.url + path)
	if err != nil {
		return ""
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// stylesheet is the address of the CSS of a page.
func (d *development) stylesheet() string {
	_, rest, _ := strings.Cut(d.get("/signed-out"), `<link rel="stylesheet" href="`)
	address, _, _ := strings.Cut(rest, `"`)
	return address
}

// news follows, as an open page does, whether there is something newer. It
// returns how much was told since it was last asked.
func (d *development) news() func() int {
	ctx, cancel := context.WithCancel(d.t.Context())
	d.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/dev/builds", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	var mu sync.Mutex
	told := -1 // what is shown is told first
	go func() {
		defer func() { _ = resp.Body.Close() }()
		b := make([]byte, 1)
		for {
			if _, err := resp.Body.Read(b); err != nil {
				return
			}
			if b[0] == ':' { // data: …
				mu.Lock()
				told++
				mu.Unlock()
			}
		}
	}()
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		n := max(told, 0)
		told -= n
		return n
	}
}

// replace saves a file with other words.
func (d *development) replace(name, from, to string) {
	d.t.Helper()
	path := filepath.Join(d.dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	if !bytes.Contains(content, []byte(from)) {
		d.t.Fatalf("%s does not say %q", name, from)
	}
	if err := os.WriteFile(path, bytes.Replace(content, []byte(from), []byte(to), 1), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d *development) eventually(what string, is func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("never: %s", what)
		}
	}
}

// freeAddress draws an address that the system gives to nobody meanwhile: it
// takes its own choices from 32768 on.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.N(20_000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

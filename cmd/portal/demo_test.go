package main

import (
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"doksportal/internal/web/webtest"
)

// demoSite is where a demo listens and keeps its data.
type demoSite struct {
	listen, simulator, issuer, data string
}

func newDemo(t *testing.T) demoSite {
	t.Helper()
	return demoSite{freeAddress(t), freeAddress(t), freeAddress(t), filepath.Join(t.TempDir(), "data")}
}

func (d demoSite) start(t *testing.T, more ...string) *process {
	t.Helper()
	return start(t, nil, append([]string{"demo", "--story=false", "--listen", d.listen, "--simulator", d.simulator, "--issuer", d.issuer, "--data", d.data}, more...)...)
}

func (d demoSite) url() string {
	_, port, _ := net.SplitHostPort(d.listen)
	return "http://localhost:" + port
}

func (d demoSite) mailURL() string {
	_, port, _ := net.SplitHostPort(d.issuer)
	return "http://localhost:" + port + "/mail"
}

// sendsMail checks that who may decide on a request is written to.
func (d demoSite) sendsMail(t *testing.T) {
	t.Helper()
	webtest.SignIn(t, d.url(), "payments-approver")
	form := createForm("shop", "production")
	form.Set("team", "payments")
	webtest.SignIn(t, d.url(), "payments-member").Post("/clusters/new", form).WantStatus(200)
	box := webtest.NewBrowser(t, d.mailURL())
	eventually(t, "a mail asks for a decision", func() bool {
		return strings.Contains(box.Get("").Text("body"), "(Create cluster shop) waits for a decision")
	})
	if got := box.Get("").Text("body"); !strings.Contains(got, "To payments-approver@") || strings.Contains(got, "To payments-member@") {
		t.Errorf("the mails: %s", got)
	}
}

// postmaster is the process of the demo's Postgres, 0 when there is none.
func (d demoSite) postmaster(t *testing.T) int {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(d.data, "pg*", "postmaster.pid"))
	if len(files) == 0 {
		return 0
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, _ := strconv.Atoi(first)
	return pid
}

func alive(pid int) bool { return pid != 0 && syscall.Kill(pid, 0) == nil }

// TestDemo starts it, stops it, starts it again, kills it, and starts it again.
func TestDemo(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	p := d.start(t)
	p.hears("ready " + d.url())
	page := webtest.SignIn(t, d.url(), "payments-member").Get("/clusters")
	if got := page.Text("[data-testid=clusters]"); !strings.Contains(got, "payments-prod") || strings.Contains(got, "search-staging") {
		t.Errorf("the first start shows %q", got)
	}
	admin := webtest.SignIn(t, d.url(), "admin")
	form := url.Values{"slug": {"kept"}, "name": {"Kept"}, "member_group": {"k"}, "approver_group": {"l"}, "nodes": {"1"}, "sizes": {"c-2 1"}}
	unlimited(form)
	admin.Post("/admin/teams/new", form).WantStatus(200)
	d.sendsMail(t)
	postgres := d.postmaster(t)
	p.interrupt()
	if code := p.ends(); code != 0 {
		t.Errorf("exit %d: %s", code, p.text())
	}
	if alive(postgres) {
		t.Error("Postgres is left running")
	}
	if got := strings.TrimSpace(p.text()); got != "mail "+d.mailURL()+"\nready "+d.url() {
		t.Errorf("it said %q", got)
	}

	p = d.start(t)
	p.hears("ready")
	admin.Get("/admin/teams/kept").WantStatus(200) // the session lasts too
	postgres = d.postmaster(t)
	p.kill()
	eventually(t, "Postgres ends with the killed demo", func() bool { return !alive(postgres) })

	p = d.start(t)
	p.hears("ready")
	admin.Get("/admin/teams/kept").WantStatus(200)
	p.interrupt()
	p.ends()

	p = d.start(t, "--fresh")
	p.hears("ready")
	if page := webtest.SignIn(t, d.url(), "admin").Get("/admin/teams"); strings.Contains(page.Text("main"), "Kept") {
		t.Error("--fresh kept the data")
	}
}

// What is in the way is told in one line with the mend, and nothing is left
// running.
func TestDemoThatCannotBe(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	running := newDemo(t)
	running.start(t).hears("ready")
	for name, change := range map[string]func(*demoSite){
		"--listen":    func(d *demoSite) { d.listen = taken.Addr().String() },
		"--simulator": func(d *demoSite) { d.simulator = taken.Addr().String() },
		"--issuer":    func(d *demoSite) { d.issuer = taken.Addr().String() },
		"--data":      func(d *demoSite) { d.data = filepath.Join(file, "data") },
		"in use":      func(d *demoSite) { d.data = running.data },
	} {
		d := newDemo(t)
		change(&d)
		p := d.start(t)
		code := p.ends()
		if lines := strings.Count(p.text(), "\n"); code != 1 || lines != 1 || !strings.Contains(p.text(), name) {
			t.Errorf("%s: exit %d and %d lines: %s", name, code, lines, p.text())
		}
	}
}

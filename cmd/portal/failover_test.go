package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"doksportal/internal/db"
	"doksportal/internal/db/pgembed"
	"doksportal/internal/jobs"
	"doksportal/internal/web/webtest"
)

// With several hosts in the URL the portal follows the primary: the standby
// takes over with the data, and the old primary comes back read-only.
func TestFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what takes long; make test does not")
	}
	t.Parallel()
	postgres := func(dir string, settings map[string]string) *pgembed.Server {
		t.Helper()
		s, err := pgembed.Start(t.Context(), pgembed.Config{Dir: dir, Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop() })
		return s
	}
	fast := map[string]string{"fsync": "off"}
	one, two := t.TempDir(), t.TempDir()
	primary, standby := postgres(one, fast), postgres(two, fast)
	if err := db.Migrate(t.Context(), primary.URL(), jobs.Migrate, db.Runtime(primary.RuntimeURL())); err != nil {
		t.Fatal(err)
	}
	host := func(s *pgembed.Server) string { return strings.Split(strings.SplitAfter(s.URL(), "host=")[1], "&")[0] }
	s := newSite(t, "postgres:///portal?user=portal_runtime&target_session_attrs=read-write&host="+host(primary)+","+host(standby))
	if err := standby.Stop(); err != nil {
		t.Fatal(err)
	}
	s.replica(s.listen)
	s.createTeam()
	member := webtest.SignIn(t, s.url, "member")
	awaitOptions(t, member)

	if err := primary.Stop(); err != nil {
		t.Fatal(err)
	}
	member.Get("/clusters").WantStatus(http.StatusServiceUnavailable)
	copyData(t, one, two)
	postgres(two, fast)
	postgres(one, map[string]string{"fsync": "off", "default_transaction_read_only": "on"})

	eventually(t, "the portal is ready again", func() bool { return statusOf(s.url+"/readyz") == http.StatusOK })
	page := member.Post("/clusters/new", createForm("shop", "development"))
	if !strings.HasPrefix(page.URL.Path, "/requests/") {
		t.Fatalf("%d %s", page.Status, page.Text("main"))
	}
	eventually(t, "the request succeeds", func() bool {
		return strings.Contains(member.Get(page.URL.Path).Text("main"), "succeeded")
	})
	if n := s.sim.CallCount("create_cluster"); n != 1 {
		t.Errorf("%d calls to create the cluster", n)
	}
}

// copyData makes the data of a server that is stopped those of another, as
// replication would have.
func copyData(t *testing.T, from, to string) {
	t.Helper()
	data, err := filepath.Glob(filepath.Join(from, "pg*"))
	if err != nil || len(data) != 1 {
		t.Fatalf("%v, %v", data, err)
	}
	target := filepath.Join(to, filepath.Base(data[0]))
	if err := os.RemoveAll(target); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(target, os.DirFS(data[0])); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(target, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

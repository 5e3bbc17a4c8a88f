package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/auth/devidp"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/db/pgembed"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/jobs"
	"doksportal/internal/teams"
	"doksportal/internal/web/webtest"
)

const token = "dop_v1_of-this-test"

// site is what replicas of the portal need around them.
type site struct {
	t      *testing.T
	sim    *dosim.Sim
	url    string // base URL, of the first replica
	listen string // of the first replica

	auditKey string
	env      []string
}

func newSite(t *testing.T, databaseURL string) *site {
	t.Helper()
	s := &site{t: t, sim: dosim.New(dosim.Config{Token: token, Speed: 1000}), listen: freeAddress(t)}
	do := httptest.NewServer(s.sim)
	t.Cleanup(do.Close)
	s.url = "http://" + s.listen
	issuer := webtest.Issuer(t, s.url, []devidp.Account{
		{Username: "member", Name: "Mia", Groups: []string{"pay"}}, {Username: "approver", Name: "Abe", Groups: []string{"pay-approvers"}},
		{Username: "admin", Name: "Ada", Groups: []string{"admins"}},
	})
	var err error
	if s.auditKey, err = audit.NewKey("portal.example/audit"); err != nil {
		t.Fatal(err)
	}
	s.env = []string{
		"PORTAL_BASE_URL=" + s.url, "PORTAL_DATABASE_URL=" + databaseURL, "PORTAL_OIDC_ISSUER=" + issuer,
		"PORTAL_OIDC_CLIENT_ID=" + webtest.ClientID, "PORTAL_OIDC_CLIENT_SECRET=" + webtest.ClientSecret,
		"PORTAL_DO_TOKEN=" + token, "PORTAL_DO_API_URL=" + do.URL, "PORTAL_ADMIN_GROUP=admins", "PORTAL_APPROVER_GROUP=platform",
		"PORTAL_AUDIT_KEY=" + s.auditKey, "PORTAL_AUDIT_ANCHORS=none",
	}
	return s
}

// replica starts `portal serve`, with variables on top of the site's, and waits until it
// is ready.
func (s *site) replica(listen string, env ...string) *process {
	s.t.Helper()
	p := start(s.t, append(append(slices.Clone(s.env), "PORTAL_LISTEN="+listen), env...), "serve")
	p.hears(`"msg":"ready"`)
	return p
}

// createTeam makes team pay on the admin's page.
func (s *site) createTeam() {
	s.t.Helper()
	form := url.Values{"slug": {"pay"}, "name": {"pay"}, "member_group": {"pay"}, "approver_group": {"pay-approvers"}, "nodes": {"9"}, "sizes": {"s-2vcpu-4gb 9"}}
	unlimited(form)
	webtest.SignIn(s.t, s.url, "admin").Post("/admin/teams/new", form).WantStatus(http.StatusOK)
}

// unlimited leaves open all limits that the form for a team does not speak of.
func unlimited(form url.Values) {
	for name := range teams.Unlimited() {
		if !form.Has(name) {
			form.Set(name, "")
		}
	}
}

func createForm(name, environment string) url.Values {
	return url.Values{
		"submit_key": {uuid.NewString()}, "team": {"pay"}, "name": {name}, "region": {"fra1"}, "version": {"1.35.1-do.0"},
		"environment": {environment}, "pools[0].name": {"pool"}, "pools[0].size": {"s-2vcpu-4gb"}, "pools[0].count": {"1"},
		"justification": {"a test"},
	}
}

// TestReplicas has two processes share sessions, live updates and jobs.
func TestReplicas(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.URL(t))
	first := s.replica(s.listen)
	otherListen := freeAddress(t)
	s.replica(otherListen)
	other := "http://" + otherListen
	s.createTeam()
	member, approver := webtest.SignIn(t, s.url, "member"), webtest.SignIn(t, s.url, "approver")
	// What arrives at the second replica says where the page came from: the
	// one address that readers know.
	post := func(b *webtest.Browser, path string, form url.Values) webtest.Page {
		return b.At(other).Post(path, form)
	}

	page := member.At(other).Get("/clusters").WantStatus(http.StatusOK)
	if page.URL.Path != "/clusters" {
		t.Fatalf("the session of one replica is unknown to the other: %s", page.URL)
	}
	awaitOptions(t, member)
	page = post(member, "/clusters/new", createForm("shop", "production"))
	number, ok := strings.CutPrefix(page.URL.Path, "/requests/")
	if !ok {
		t.Fatalf("%d %s", page.Status, page.Text("main"))
	}
	heard := follow(t, approver.Client, s.url, s.requestID(number))
	approver.Get("/requests/" + number).WantStatus(http.StatusOK)
	digest := approver.Get("/requests/" + number).Value("digest")
	post(approver, "/requests/"+number+"/review", url.Values{"decision": {"approve"}, "digest": {digest}, "revision": {"1"}}).WantStatus(http.StatusOK)
	<-heard // by a reader of the first replica, of what the second did

	// Whichever replica had the job: one is left to finish it.
	first.interrupt()
	if code := first.ends(); code != 0 {
		t.Errorf("exit %d: %s", code, first.text())
	}
	eventually(t, "the request succeeds", func() bool {
		return strings.Contains(member.At(other).Get("/requests/"+number).Text("main"), "succeeded")
	})
	if n := s.sim.CallCount("create_cluster"); n != 1 {
		t.Errorf("%d calls to create the cluster", n)
	}
	s.replica(s.listen)
	member.Post("/logout", nil)
	if p := member.At(other).Get("/clusters"); strings.HasPrefix(p.URL.String(), other) && p.URL.Path == "/clusters" {
		t.Error("signed out at one replica, and still signed in at the other")
	}
}

// Replicas on machines whose clocks are ten minutes off, one each way, agree on the time,
// which is the database's.
func TestClocksThatAreOff(t *testing.T) {
	t.Parallel()
	database := dbtest.URL(t)
	s := newSite(t, database)
	early := s.replica(s.listen, asPortal+"=10m")
	otherListen := freeAddress(t)
	late := s.replica(otherListen, asPortal+"=-10m")
	for _, p := range []*process{early, late} {
		p.hears("the clock of this machine is off")
	}
	s.createTeam()
	member := webtest.SignIn(t, s.url, "member")
	awaitOptions(t, member)
	for i, at := range []string{s.url, "http://" + otherListen} {
		page := member.At(at).Post("/clusters/new", createForm(fmt.Sprintf("shop-%d", i), "development"))
		if !strings.HasPrefix(page.URL.Path, "/requests/") {
			t.Fatalf("%d %s", page.Status, page.Text("main"))
		}
	}
	pool, err := db.Open(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	count := func(sql string) (n int) {
		t.Helper()
		if err := pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "both requests succeed", func() bool { return count(`SELECT count(*) FROM requests WHERE state = 'succeeded'`) == 2 })
	if n := s.sim.CallCount("create_cluster"); n != 2 {
		t.Errorf("%d calls to create two clusters", n)
	}
	if n := count(`SELECT count(*) FROM events WHERE abs(extract(epoch FROM recorded_at - at)) > 60`); n > 0 {
		t.Errorf("%d events have another time than the database's", n)
	}
	if n := count(`SELECT count(*) FROM river_job WHERE attempted_at > now() + interval '1 minute' OR scheduled_at NOT BETWEEN created_at - interval '1 minute' AND created_at + interval '2 days'`); n > 0 {
		t.Errorf("%d jobs have another time than the database's", n)
	}
}

// awaitOptions waits until the portal has heard from DigitalOcean what can be
// created.
func awaitOptions(t *testing.T, b *webtest.Browser) {
	t.Helper()
	eventually(t, "the form has options", func() bool {
		return b.Get("/clusters/new").Find(`option[value="fra1"]`).Length() > 0
	})
}

// requestID is the id of the request with a number.
func (s *site) requestID(number string) string {
	s.t.Helper()
	var databaseURL string
	for _, v := range s.env {
		if u, ok := strings.CutPrefix(v, "PORTAL_DATABASE_URL="); ok {
			databaseURL = u
		}
	}
	conn, err := pgx.Connect(s.t.Context(), databaseURL)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var id string
	if err := conn.QueryRow(s.t.Context(), "SELECT id FROM requests WHERE number::text = $1", number).Scan(&id); err != nil {
		s.t.Fatal(err)
	}
	return id
}

// follow listens to what happens to a request and returns a channel that is
// closed at the first change after the greeting.
func follow(t *testing.T, client *http.Client, base, id string) <-chan struct{} {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/events?feed=request:"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "event: changed" {
		continue
	}
	heard := make(chan struct{})
	go func() {
		defer func() { _ = resp.Body.Close() }()
		for lines.Scan() {
			if lines.Text() == "event: changed" {
				close(heard)
				return
			}
		}
	}()
	return heard
}

func TestFaultsOfTheConfigurationAllAtOnce(t *testing.T) {
	t.Parallel()
	p := start(t, []string{"PORTAL_LOG_LEVEL=loud", "PORTAL_BASE_URL=ftp://x"}, "serve")
	if code := p.ends(); code != 1 {
		t.Errorf("exit %d", code)
	}
	for _, name := range []string{"PORTAL_BASE_URL", "PORTAL_DATABASE_URL", "PORTAL_OIDC_ISSUER", "PORTAL_OIDC_CLIENT_ID",
		"PORTAL_OIDC_CLIENT_SECRET", "PORTAL_DO_TOKEN", "PORTAL_ADMIN_GROUP", "PORTAL_AUDIT_KEY", "PORTAL_LOG_LEVEL"} {
		if !strings.Contains(p.text(), name) {
			t.Errorf("%s is not named: %s", name, p.text())
		}
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.URL(t))
	for _, c := range []struct{ sql, says string }{
		{"DROP TABLE goose_db_version", "run `portal migrate up`"},
		{"CREATE TABLE goose_db_version (id int, version_id bigint, is_applied bool, tstamp timestamptz)", "run `portal migrate up`"},
		{"INSERT INTO goose_db_version VALUES (1, 99999, true, now()); GRANT SELECT ON goose_db_version TO portal_runtime", "newer than this program"},
	} {
		if _, err := dbtest.Owner(t).Exec(t.Context(), c.sql); err != nil {
			t.Fatal(err)
		}
		p := start(t, s.env, "serve")
		if code := p.ends(); code != 1 || !strings.Contains(p.text(), c.says) {
			t.Errorf("after %s: exit %d: %s", c.sql, code, p.text())
		}
		status := start(t, s.env, "migrate", "status")
		if code := status.ends(); code != 1 || !strings.Contains(status.text(), c.says) {
			t.Errorf("status after %s: exit %d: %s", c.sql, code, status.text())
		}
	}
}

// Of many that migrate at once one does it, and all come up.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	databaseURL := dbtest.Empty(t)
	var all sync.WaitGroup
	for i := range 10 {
		p := start(t, []string{"PORTAL_DATABASE_URL=" + databaseURL}, "migrate", "up")
		all.Go(func() {
			<-p.done
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("%d: exit %d: %s", i, code, p.text())
			}
		})
	}
	all.Wait()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var twice int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) - count(DISTINCT version_id) FROM goose_db_version`).Scan(&twice); err != nil || twice != 0 {
		t.Errorf("%d migrations were done twice: %v", twice, err)
	}
	p := start(t, []string{"PORTAL_DATABASE_URL=" + databaseURL}, "migrate", "status")
	if code := p.ends(); code != 0 {
		t.Errorf("status: exit %d: %s", code, p.text())
	}
}

// While Postgres is away readers are told so, and once it is back all goes on.
func TestPostgresRestarted(t *testing.T) {
	t.Parallel()
	config := pgembed.Config{Dir: t.TempDir(), Settings: map[string]string{"fsync": "off"}}
	postgres, err := pgembed.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = postgres.Stop() })
	if err := db.Migrate(t.Context(), postgres.URL(), jobs.Migrate, db.Runtime(postgres.RuntimeURL())); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, postgres.RuntimeURL())
	s.replica(s.listen)
	s.createTeam()
	member := webtest.SignIn(t, s.url, "member")
	awaitOptions(t, member)
	if err := postgres.Stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the portal is not ready", func() bool { return statusOf(s.url+"/readyz") == http.StatusServiceUnavailable })
	if got := statusOf(s.url + "/healthz"); got != http.StatusOK {
		t.Errorf("/healthz: %d", got)
	}
	member.Get("/clusters").WantStatus(http.StatusServiceUnavailable)
	member.Post("/clusters/new", createForm("shop", "development")).WantStatus(http.StatusServiceUnavailable)
	if postgres, err = pgembed.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the portal is ready again", func() bool { return statusOf(s.url+"/readyz") == http.StatusOK })
	page := member.Get("/clusters").WantStatus(http.StatusOK)
	if page.URL.Path != "/clusters" {
		t.Error("the session is lost")
	}
	// The queue has come back too.
	page = member.Post("/clusters/new", createForm("shop", "development"))
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

func TestTakenAddress(t *testing.T) {
	t.Parallel()
	s := newSite(t, dbtest.URL(t))
	s.replica(s.listen)
	p := start(t, append(slices.Clone(s.env), "PORTAL_LISTEN="+s.listen), "serve")
	if code := p.ends(); code != 1 || !strings.Contains(p.text(), "PORTAL_LISTEN") {
		t.Errorf("exit %d: %s", code, p.text())
	}
}

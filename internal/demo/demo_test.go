package demo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/demo"
	"doksportal/internal/doapi"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// bundle is a demo that runs, and what the portal would see of it.
type bundle struct {
	*demo.Demo
	t    *testing.T
	pool *pgxpool.Pool
	do   *doapi.Client
}

// options are those of a demo whose data nobody else has.
func options(t *testing.T) demo.Options {
	t.Helper()
	return elsewhere(t, demo.Options{Data: filepath.Join(t.TempDir(), "data")})
}

// elsewhere are options with other addresses: somebody else may have taken those
// of a demo that has ended.
func elsewhere(t *testing.T, o demo.Options) demo.Options {
	t.Helper()
	o.Listen, o.Simulator, o.Issuer = freeAddress(t), freeAddress(t), freeAddress(t)
	return o
}

// drawn are the addresses that tests of this package have got, each once.
var drawn sync.Map

// freeAddress draws an address that the system gives to nobody meanwhile: it
// takes its own choices from 32768 on.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.N(20_000))
		if _, taken := drawn.LoadOrStore(address, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// start starts a demo that stop, or the end of the test, ends.
func start(t *testing.T, o demo.Options) *bundle {
	t.Helper()
	b := &bundle{t: t}
	var err error
	b.Demo, err = demo.Start(t.Context(), o)
	for range 20 {
		if err == nil || !strings.Contains(err.Error(), "address already in use") {
			break
		}
		// Somebody else took it since it was drawn.
		b.Demo, err = demo.Start(t.Context(), elsewhere(t, o))
	}
	b.must(err)
	t.Cleanup(b.stop)
	b.pool, err = db.Open(t.Context(), b.Config.DatabaseURL.Reveal())
	b.must(err)
	b.do, err = doapi.New(b.Config.DOAPIURL, b.Config.DOToken.Reveal())
	b.must(err)
	return b
}

func (b *bundle) stop() {
	b.t.Helper()
	if b.Demo == nil {
		return
	}
	if b.pool != nil {
		b.pool.Close()
	}
	b.must(b.Stop())
	b.Demo = nil
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) tx(fn func(pgx.Tx) error) {
	b.t.Helper()
	b.must(db.WithTx(b.t.Context(), b.pool, fn))
}

// clusters shows the inventory: name, team and environment of each.
func (b *bundle) clusters() []string {
	b.t.Helper()
	list, err := store.Clusters(b.t.Context(), b.pool, store.ClusterFilter{All: true, Limit: 100})
	b.must(err)
	var text []string
	for _, c := range list {
		text = append(text, strings.TrimSpace(fmt.Sprint(c.Name, " ", c.TeamName, " ", c.Environment)))
	}
	return text
}

// names are those of the clusters that the simulated DigitalOcean has.
func (b *bundle) names() []string {
	b.t.Helper()
	list, err := b.do.ListClusters(b.t.Context())
	b.must(err)
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// trail are the kinds of what the demo itself has done.
func (b *bundle) trail() []portal.EventKind {
	b.t.Helper()
	list, err := audit.Search(b.t.Context(), b.pool, portal.EventFilter{Limit: 100})
	b.must(err)
	var kinds []portal.EventKind
	for _, e := range list {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func (b *bundle) get(url string) string {
	b.t.Helper()
	resp, err := http.Get(url)
	b.must(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	b.must(err)
	if resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%s: %s: %s", url, resp.Status, body)
	}
	return string(body)
}

// key is what the issuer signs with.
func (b *bundle) key() string {
	b.t.Helper()
	var found struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	b.must(json.Unmarshal([]byte(b.get(b.Config.OIDCIssuer+"/.well-known/openid-configuration")), &found))
	if found.Issuer != b.Config.OIDCIssuer {
		b.t.Errorf("the issuer calls itself %q, the portal calls it %q", found.Issuer, b.Config.OIDCIssuer)
	}
	return b.get(found.Keys)
}

var atFirst = []string{"legacy", "payments-prod payments production", "search-staging search staging"}

// TestSeed checks what a new demo begins with.
func TestSeed(t *testing.T) {
	t.Parallel()
	b := start(t, options(t))
	if role, err := db.RoleOf(t.Context(), b.pool, ""); err != nil || len(role.Faults) > 0 {
		t.Errorf("the demo's portal serves as %s (%v)", role.Text(), err)
	}
	if got := b.clusters(); !slices.Equal(got, atFirst) {
		t.Errorf("the inventory has %q", got)
	}
	teams, err := store.Teams(t.Context(), b.pool)
	b.must(err)
	for _, team := range teams {
		used, err := store.TeamUsage(t.Context(), b.pool, team.ID)
		b.must(err)
		if used.Nodes() == 0 || used.Nodes() >= team.Quota.Limits[portal.AllNodes] {
			t.Errorf("team %s uses %d of %d nodes: nothing can be tried", team.Name, used.Nodes(), team.Quota.Limits[portal.AllNodes])
		}
	}
	b.wantAccounts(teams)
	version, err := store.PolicyInForce(t.Context(), b.pool)
	b.must(err)
	inForce, err := store.Policy(t.Context(), b.pool, version)
	b.must(err)
	if _, err := policy.Parse([]byte(inForce.Text)); err != nil || !strings.Contains(inForce.Text, "cool_off: 15s") || strings.Contains(inForce.Text, "15m") {
		t.Errorf("the policy (%v): %s", err, inForce.Text)
	}
	if got := b.trail(); !slices.Equal(got, []portal.EventKind{portal.EventTeamCreated, portal.EventTeamCreated, portal.EventPolicyInForce,
		portal.EventClusterAppeared, portal.EventClusterAppeared, portal.EventClusterAppeared}) {
		t.Errorf("on the trail: %q", got)
	}
}

// wantAccounts checks that the accounts of the README are there, with groups
// that mean to the portal what is said of them.
func (b *bundle) wantAccounts(teams []portal.Team) {
	b.t.Helper()
	readme, err := os.ReadFile("../../README.md")
	b.must(err)
	members, decide := map[string]int{}, map[string]int{}
	for _, a := range demo.Accounts {
		if !strings.Contains(string(readme), a.Username) {
			b.t.Errorf("the README does not know %s", a.Username)
		}
		if (len(a.Groups) == 0) != (a.Username == "outsider") {
			b.t.Errorf("%s is in the groups %q", a.Username, a.Groups)
		}
		for _, group := range a.Groups {
			members[group]++
		}
	}
	for _, group := range []string{b.Config.AdminGroup, b.Config.ApproverGroup, b.Config.AuditorGroup} {
		if members[group] == 0 {
			b.t.Errorf("nobody is in %s", group)
		}
	}
	if members[b.Config.AdminGroup] < 2 {
		b.t.Error("there is one admin, and no second one to decide on what the first proposes")
	}
	for _, team := range teams {
		decide[team.Slug] = members[team.ApproverGroup] + members[b.Config.ApproverGroup]
		if members[team.MemberGroup] == 0 || decide[team.Slug] == 0 {
			b.t.Errorf("team %s has %d members, and %d who decide", team.Slug, members[team.MemberGroup], decide[team.Slug])
		}
	}
}

// Whatever people have done stays, in all three: database, DigitalOcean, issuer.
func TestSecondStartKeepsAndFreshForgets(t *testing.T) {
	t.Parallel()
	o := options(t)
	b := start(t, o)
	key := b.key()
	b.tx(func(tx pgx.Tx) error {
		team, err := store.TeamBySlug(t.Context(), tx, "search")
		if err != nil {
			return err
		}
		team.Quota.Limits[portal.AllNodes] = 3
		return store.UpdateTeam(t.Context(), tx, team, time.Now())
	})
	legacy := b.byName("legacy")
	_, err := b.do.UpdateCluster(t.Context(), legacy.ID, doapi.UpdateCluster{Name: ptr("renamed")})
	b.must(err)
	b.must(b.do.DeleteCluster(t.Context(), b.byName("search-staging").ID))
	b.stop()

	b = start(t, elsewhere(t, o))
	if b.key() != key {
		t.Error("the issuer signs with another key: everybody's tokens have ended")
	}
	if got := b.names(); slices.Contains(got, "legacy") || !slices.Contains(got, "renamed") {
		t.Errorf("DigitalOcean has %q", got)
	}
	team, err := store.TeamBySlug(t.Context(), b.pool, "search")
	b.must(err)
	if team.Quota.Limits[portal.AllNodes] != 3 {
		t.Errorf("the quota is %d again", team.Quota.Limits[portal.AllNodes])
	}
	if got := b.trail(); len(got) != 6 {
		t.Errorf("it is seeded twice: %q", got)
	}
	b.stop()

	o.Fresh = true
	b = start(t, elsewhere(t, o))
	if got := b.names(); !slices.Equal(got, []string{"legacy", "payments-prod", "search-staging"}) {
		t.Errorf("afresh DigitalOcean has %q", got)
	}
	if got := b.clusters(); !slices.Equal(got, atFirst) {
		t.Errorf("afresh the inventory has %q", got)
	}
	if b.key() == key {
		t.Error("afresh the issuer signs with the old key")
	}
}

func (b *bundle) byName(name string) doapi.Cluster {
	b.t.Helper()
	list, err := b.do.ListClusters(b.t.Context())
	b.must(err)
	i := slices.IndexFunc(list, func(c doapi.Cluster) bool { return c.Name == name })
	if i < 0 {
		b.t.Fatalf("there is no cluster %s", name)
	}
	return list[i]
}

func ptr[T any](v T) *T { return &v }

// What cannot be read is told with the way out of it.
func TestBrokenDataAndTheWayOut(t *testing.T) {
	t.Parallel()
	o := options(t)
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.Data, "digitalocean.json"), []byte(`{"clusters": [`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Start(context.WithoutCancel(t.Context()), o); err == nil || !strings.Contains(err.Error(), "--fresh") {
		t.Fatalf("it says %v", err)
	}
	o = elsewhere(t, o)
	o.Fresh = true
	if got := start(t, o).names(); len(got) != 3 {
		t.Errorf("afresh DigitalOcean has %q", got)
	}
}

// Whoever mends what kept it from starting can start it at once.
func TestFailedStartGivesItsAddressesFree(t *testing.T) {
	t.Parallel()
	o := options(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Data = filepath.Join(file, "data")
	if _, err := demo.Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Fatalf("it says %v", err)
	}
	for _, address := range []string{o.Listen, o.Simulator, o.Issuer} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
}

// Mail is shown to whoever sits at the machine, the newest first, as text.
func TestMail(t *testing.T) {
	t.Parallel()
	b := start(t, options(t))
	if got := b.get(b.MailURL()); !strings.Contains(got, "None yet") {
		t.Errorf("before the first mail: %s", got)
	}
	server := strings.TrimPrefix(b.Config.SMTPURL.Reveal(), "smtp://")
	send := func(subject, body string) error {
		return smtp.SendMail(server, nil, "portal@example.com", []string{"paula@demo.invalid", "percy@demo.invalid"},
			[]byte("Subject: "+subject+"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"+body))
	}
	b.must(send("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "caf=C3=A9 <script>alert(1)</script>"))
	for i := range 200 {
		b.must(send(fmt.Sprintf("number %d.", i), "later"))
	}
	page := b.get(b.MailURL())
	if strings.Contains(page, "Grüße") || !strings.Contains(page, "number 0.") || strings.Index(page, "number 199.") > strings.Index(page, "number 198.") {
		t.Error("it does not show the newest 200, the newest first")
	}
	b.must(send("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "caf=C3=A9 <script>alert(1)</script>"))
	page = b.get(b.MailURL())
	for _, want := range []string{"Grüße", "café", "paula@demo.invalid, percy@demo.invalid", "&lt;script&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if strings.Contains(page, "<script>") {
		t.Error("a mail runs a script on the page")
	}
	if err := send("too long", strings.Repeat("0123456789\r\n", 200_000)); err == nil {
		t.Error("a mail of two megabytes is taken")
	}
}

func TestDefaultData(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	if dir, err := demo.DefaultData(); err != nil || dir != "/state/doks-portal/demo" {
		t.Errorf("with XDG_STATE_HOME: %q, %v", dir, err)
	}
	t.Setenv("XDG_STATE_HOME", "")
	t.Setenv("HOME", "/home/ann")
	if dir, err := demo.DefaultData(); err != nil || dir != "/home/ann/.local/state/doks-portal/demo" {
		t.Errorf("with HOME: %q, %v", dir, err)
	}
	t.Setenv("HOME", "")
	if dir, err := demo.DefaultData(); err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("with neither: %q, %v", dir, err)
	}
}

// Data of another program name the way out.
func TestDataOfANewerProgram(t *testing.T) {
	t.Parallel()
	o := options(t)
	b := start(t, o)
	owner, err := pgx.Connect(t.Context(), b.OwnerURL())
	b.must(err)
	_, err = owner.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`)
	b.must(err)
	b.must(owner.Close(t.Context()))
	b.stop()
	if _, err := demo.Start(context.WithoutCancel(t.Context()), elsewhere(t, o)); err == nil || !strings.Contains(err.Error(), "--fresh") {
		t.Fatalf("it says %v", err)
	}
}

// Package crash proves that no execution happens twice: it kills bin/portal at every
// boundary of an execution, and takes away from it what it depends on. Nothing in the
// program knows of that. What a process sends to Postgres and to DigitalOcean passes
// through here, and is held where the process is to die.
package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/auth"
	"doksportal/internal/auth/devidp"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/execute"
	"doksportal/internal/inventory"
	"doksportal/internal/jobs"
	"doksportal/internal/pauses"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
	"doksportal/internal/web/webtest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "6")                              // most of them wait most of the time
	if _, err := os.Stat(program); err != nil && !testing.Short() { // by which go test also knows of another one
		fmt.Fprintln(os.Stderr, "there is no portal to kill; make build makes it:", err)
		os.Exit(1)
	}
	dbtest.Main(m)
}

// program is the portal.
var program = filepath.Join("..", "..", "bin", "portal")

// long marks what takes the portal itself, which -short leaves out.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out what takes long; make test does not")
	}
	t.Parallel()
}

// patience is how long something may take that takes no time on a machine at rest.
const patience = 2 * time.Minute

// site is what replicas of the portal need around them, and the people who use it. What
// people do is done by this process, past the wire.
type site struct {
	t        testing.TB
	dir      string
	wire     *wire
	cloud    *cloud
	gate     *gate // at which the portal is being held; nil: none
	pool     *pgxpool.Pool
	people   *auth.Auth
	requests *request.Service
	queue    *jobs.Queue
	do       *doapi.Client
	key      audit.Signer
	env      []string
	jobs     []*job
}

func newSite(t testing.TB, databaseURL string, ops ...operation) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), cloud: newCloud()}
	door := httptest.NewServer(s.cloud)
	t.Cleanup(door.Close)
	t.Cleanup(func() { s.release(false) }) // what is held would keep the door open
	s.listen(databaseURL)
	listen := freeAddress(t)
	private, err := audit.NewKey("portal.example/audit")
	must(t, err)
	s.key, err = audit.ParseKey(private)
	must(t, err)
	s.pool, err = db.Open(context.Background(), databaseURL+"&pool_max_conns=4", audit.Vouching(s.key))
	must(t, err)
	t.Cleanup(s.pool.Close)
	base := "http://" + listen
	issuer := webtest.Issuer(t, base, []devidp.Account{{Username: "reader", Name: "Rea", Groups: []string{"admins"}}})
	s.env = append(s.env, "PORTAL_LISTEN="+listen, "PORTAL_BASE_URL="+base, "PORTAL_OIDC_ISSUER="+issuer,
		"PORTAL_OIDC_CLIENT_ID="+webtest.ClientID, "PORTAL_OIDC_CLIENT_SECRET="+webtest.ClientSecret,
		"PORTAL_DO_TOKEN="+token, "PORTAL_DO_API_URL="+door.URL, "PORTAL_ADMIN_GROUP=admins", "PORTAL_APPROVER_GROUP=platform",
		"PORTAL_AUDIT_KEY="+private, "PORTAL_AUDIT_ANCHORS=file://"+s.anchor(), "PORTAL_SETTLE_EVERY=1s", "PORTAL_SYNC_EVERY=30s")
	s.do, err = doapi.New(door.URL, token)
	must(t, err)
	s.assemble(base, issuer)
	s.begin(ops)
	return s
}

// listen puts the wire between the portal and the database.
func (s *site) listen(databaseURL string) {
	s.t.Helper()
	u, err := url.Parse(databaseURL)
	must(s.t, err)
	q := u.Query()
	sockets, err := os.MkdirTemp("", "wire-") // the path of a socket has to be short
	must(s.t, err)
	s.t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	s.wire, err = newWire(sockets, q.Get("host"))
	must(s.t, err)
	s.t.Cleanup(s.wire.close)
	q.Set("host", sockets)
	q.Set("pool_max_conns", "30") // all executions may be held at once
	u.RawQuery = q.Encode()
	s.env = append(s.env, "PORTAL_DATABASE_URL="+u.String())
}

// anchor is the file that keeps the checkpoints of the trail.
func (s *site) anchor() string { return filepath.Join(s.dir, "checkpoints") }

// assemble puts together what people use.
func (s *site) assemble(base, issuer string) {
	s.t.Helper()
	baseURL, err := url.Parse(base)
	must(s.t, err)
	quiet := slog.New(slog.DiscardHandler)
	s.people, err = auth.New(auth.Config{
		BaseURL: baseURL, Issuer: issuer, ClientID: webtest.ClientID, ClientSecret: webtest.ClientSecret, GroupsClaim: "groups",
		ApproverGroup: "platform", AdminGroup: "admins", Pool: s.pool, Now: time.Now, Logger: quiet,
	})
	must(s.t, err)
	rules := &rulebook.Service{PlatformApprovers: "platform", Pool: s.pool, People: s.people, Now: time.Now}
	s.queue, err = jobs.New(s.pool, quiet, time.Now, func(context.Context, string) (time.Duration, bool) { return 0, false }, nil) // adds jobs, and takes none
	must(s.t, err)
	s.requests = &request.Service{Pool: s.pool, DO: s.do, Jobs: s.queue, Rules: rules, People: s.people, Now: time.Now}
}

// begin makes a cluster and a team for each operation, and asks for it.
func (s *site) begin(ops []operation) {
	s.t.Helper()
	ctx := context.Background()
	for _, op := range ops {
		slug := op.slug()
		s.jobs = append(s.jobs, &job{operation: op, cluster: s.cloud.sim.Add(op.seed()), team: portal.Team{
			ID: uuid.NewString(), Slug: slug, Name: slug, MemberGroup: slug, ApproverGroup: slug + "-approvers",
			Quota: portal.QuotaOf(12, map[string]int{"s-2vcpu-4gb": 12})}})
	}
	s.sync()
	must(s.t, db.WithTx(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := store.InsertPolicy(ctx, tx, portal.PolicyVersion{
			Text: strings.ReplaceAll(policy.BuiltInText, "    cool_off: 15m\n", ""), Author: portal.System("test").Person(), CreatedAt: time.Now(),
			Note: "The built-in policy without a cool-off.", State: portal.PolicyInForce, InForceAt: time.Now()})
		for _, j := range s.jobs {
			err = errors.Join(err, store.InsertTeam(ctx, tx, j.team, time.Now()), store.AssignCluster(ctx, tx, j.cluster, j.team.ID, portal.Development))
		}
		return err
	}))
	for _, j := range s.jobs {
		s.submit(j)
	}
}

// sync reads the inventory.
func (s *site) sync() {
	s.t.Helper()
	syncer := &inventory.Syncer{Pool: s.pool, DO: s.do, Now: time.Now, Pauses: &pauses.Service{Pool: s.pool, Now: time.Now}}
	must(s.t, syncer.Sync(context.Background()))
}

// person is somebody who has just signed in with these groups.
func (s *site) person(subject string, groups ...string) portal.Actor {
	s.t.Helper()
	id := portal.Identity{Issuer: s.issuer(), Subject: subject}
	must(s.t, db.WithTx(context.Background(), s.pool, func(tx pgx.Tx) error {
		return s.people.Describe(context.Background(), tx, store.Person{Identity: id, Name: subject, Groups: groups, GroupsAt: time.Now()})
	}))
	return portal.Actor{Identity: id, Name: subject, Groups: groups, SignedInAt: time.Now()}
}

func (s *site) issuer() string { return s.setting("PORTAL_OIDC_ISSUER") }

// setting is a variable of the portal's environment.
func (s *site) setting(name string) string {
	for _, v := range s.env {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	panic("no " + name)
}

func (s *site) read(id string) portal.Request {
	s.t.Helper()
	r, err := store.RequestByID(context.Background(), s.pool, id)
	must(s.t, err)
	return r
}

// passWhileDead lets time pass while no process is there: the rows look as they would that
// much later.
func (s *site) passWhileDead(d time.Duration) {
	s.t.Helper()
	s.pass(d, `UPDATE executions SET intent_at = intent_at - @d::interval, first_look_at = first_look_at - @d::interval, last_look_at = last_look_at - @d::interval`,
		`UPDATE river_job SET attempted_at = attempted_at - @d::interval WHERE state = 'running'`,
		`UPDATE river_leader SET elected_at = elected_at - @d::interval, expires_at = expires_at - @d::interval`,
		`UPDATE replicas SET seen_at = seen_at - @d::interval`)
}

// passGrace lets the time pass in which the effect of a lost call could appear.
func (s *site) passGrace() {
	s.t.Helper()
	// What is held at a boundary has its rows locked.
	s.pass(execute.DefaultPace.Grace+time.Minute, `UPDATE executions SET first_look_at = first_look_at - @d::interval
		WHERE ctid IN (SELECT ctid FROM executions FOR UPDATE SKIP LOCKED)`)
}

func (s *site) pass(d time.Duration, statements ...string) {
	s.t.Helper()
	for _, sql := range statements {
		_, err := s.pool.Exec(context.Background(), sql, pgx.StrictNamedArgs{"d": d})
		must(s.t, err)
	}
}

// wake has the next steps of what is not at its end taken now.
func (s *site) wake() {
	s.t.Helper()
	for _, j := range s.jobs {
		must(s.t, db.WithTx(context.Background(), s.pool, func(tx pgx.Tx) error { return s.queue.Wake(context.Background(), tx, j.request.ID) }))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

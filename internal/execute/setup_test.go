package execute_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit/audittest"
	"doksportal/internal/auth"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/execute"
	"doksportal/internal/inventory"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
)

const token = "dop_v1_test"

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// noJobs enqueues nothing; tests take the steps themselves.
type noJobs struct{}

func (noJobs) Enqueue(context.Context, pgx.Tx, string) error { return nil }
func (noJobs) Wake(context.Context, pgx.Tx, string) error    { return nil }

// bundle is a portal without pages, before a simulated DigitalOcean.
type bundle struct {
	t        testing.TB
	pool     *pgxpool.Pool
	issuer   string // of everybody
	people   *auth.Auth
	clock    *clock
	sim      *dosim.Sim
	server   *httptest.Server // in front of sim
	do       *doapi.Client
	requests *request.Service
	executor *execute.Executor
	syncer   *inventory.Syncer
	team     portal.Team
	cluster  string // of the team
	member   portal.Actor
	approver portal.Actor
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{t: t, pool: dbtest.New(t), issuer: "https://idp.example", clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
	b.sim = dosim.New(dosim.Config{Token: token, Now: b.clock.Now})
	b.server = httptest.NewServer(b.sim)
	t.Cleanup(b.server.Close)
	client, err := doapi.New(b.server.URL, token)
	b.must(err)
	b.do = client
	people, err := auth.New(auth.Config{
		BaseURL: &url.URL{Scheme: "https", Host: "portal.example"}, Issuer: b.issuer, ClientID: "portal", ClientSecret: "secret",
		GroupsClaim: "groups", ApproverGroup: "platform", AdminGroup: "admins", Pool: b.pool, Now: b.clock.Now, Logger: slog.New(slog.DiscardHandler),
	})
	b.must(err)
	b.people = people
	rules := &rulebook.Service{PlatformApprovers: "platform"}
	b.requests = &request.Service{Pool: b.pool, DO: client, Jobs: noJobs{}, Rules: rules, People: people, Now: b.clock.Now}
	b.executor = &execute.Executor{Pool: b.pool, DO: client, People: people, Rules: rules, Trail: audittest.New(t, b.pool), Now: b.clock.Now,
		Pauses: &pauses.Service{Pool: b.pool, Now: b.clock.Now}, Logger: slog.New(slog.DiscardHandler), Pace: execute.DefaultPace}
	b.syncer = &inventory.Syncer{Pool: b.pool, DO: client, Now: b.clock.Now, Pauses: b.executor.Pauses}
	b.cluster = b.sim.Add(dosim.Seed{Name: "web", Region: "fra1", Size: "s-2vcpu-4gb", Count: 2})
	b.member, b.approver = b.person("ann", "pay"), b.person("bob", "pay-approvers")
	b.must(b.syncer.Sync(context.Background()))
	b.team = portal.Team{ID: uuid.NewString(), Slug: "pay", Name: "pay", MemberGroup: "pay", ApproverGroup: "pay-approvers",
		Quota: portal.QuotaOf(12, map[string]int{"s-2vcpu-4gb": 12})}
	b.must(db.WithTx(context.Background(), b.pool, func(tx pgx.Tx) error {
		return errors.Join(store.InsertTeam(context.Background(), tx, b.team, b.clock.Now()),
			store.AssignCluster(context.Background(), tx, b.cluster, b.team.ID, portal.Production))
	}))
	return b
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// person is somebody who has just signed in with these groups.
func (b *bundle) person(subject string, groups ...string) portal.Actor {
	b.t.Helper()
	if groups == nil {
		groups = []string{}
	}
	id := portal.Identity{Issuer: b.issuer, Subject: subject}
	b.must(b.describe(store.Person{Identity: id, Name: subject, Groups: groups}))
	return portal.Actor{Identity: id, Name: subject, Groups: groups, SignedInAt: b.clock.Now()}
}

// describe has the identity provider say now what it says of somebody.
func (b *bundle) describe(p store.Person) error {
	p.GroupsAt = b.clock.Now()
	return db.WithTx(context.Background(), b.pool, func(tx pgx.Tx) error { return b.people.Describe(context.Background(), tx, p) })
}

// confirmed has the identity provider say of everybody once more what it said.
func (b *bundle) confirmed() error {
	rows, err := b.pool.Query(context.Background(), `SELECT issuer, subject, name, email, groups FROM people`)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[store.Person])
	for _, p := range list {
		err = errors.Join(err, b.describe(p))
	}
	return err
}

// signedIn is somebody who has just signed in again.
func (b *bundle) signedIn(a portal.Actor) portal.Actor {
	a.SignedInAt = b.clock.Now()
	return a
}

// form is a form with what every request needs. Pairs of names and values are
// added.
func form(pairs ...string) portal.Form {
	f := portal.Form{"justification": {"a test"}, "submit_key": {uuid.NewString()}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}

func createAsk(name string, nodes int) request.SubmitInput {
	return request.SubmitInput{Operation: portal.CreateCluster, Form: form("team", "pay", "name", name, "region", "fra1",
		"version", "1.35.1-do.0", "environment", "development", "pools[0].name", "pool", "pools[0].size", "s-2vcpu-4gb",
		"pools[0].count", fmt.Sprint(nodes))}
}

func (b *bundle) deleteAsk() request.SubmitInput {
	return request.SubmitInput{Operation: portal.DeleteCluster, ClusterID: b.cluster, Form: form()}
}

// create asks for a cluster.
func (b *bundle) create(name string, nodes int) portal.Request {
	b.t.Helper()
	r, err := b.requests.Submit(context.Background(), b.member, createAsk(name, nodes))
	b.must(err)
	return r
}

// approvedDelete asks for the deletion of the team's cluster and approves it.
func (b *bundle) approvedDelete() portal.Request {
	b.t.Helper()
	ctx := context.Background()
	r, err := b.requests.Submit(ctx, b.member, b.deleteAsk())
	b.must(err)
	b.must(b.requests.Review(ctx, b.approver, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest}))
	return r
}

// step takes a request one step on and returns it.
func (b *bundle) step(r portal.Request) portal.Request {
	b.t.Helper()
	_, err := b.executor.Step(context.Background(), r.ID)
	b.must(err)
	return b.read(r)
}

func (b *bundle) read(r portal.Request) portal.Request {
	b.t.Helper()
	r, err := store.RequestByID(context.Background(), b.pool, r.ID)
	b.must(err)
	return r
}

func (b *bundle) want(r portal.Request, s portal.State) {
	b.t.Helper()
	if r.State != s {
		b.t.Fatalf("request is %s (%s), want %s", r.State, r.Reason, s)
	}
}

func (b *bundle) wantCalls(operation string, n int) {
	b.t.Helper()
	if got := b.sim.CallCount(operation); got != n {
		b.t.Errorf("%d calls to %s, want %d", got, operation, n)
	}
}

func (b *bundle) wantUsage(n int) {
	b.t.Helper()
	used, err := store.TeamUsage(context.Background(), b.pool, b.team.ID)
	b.must(err)
	if used.Nodes() != n {
		b.t.Errorf("the team uses %d nodes, want %d", used.Nodes(), n)
	}
}

func inParallel(n int, fn func(int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	return errs
}

func successes(errs []error) int {
	n := 0
	for _, err := range errs {
		if err == nil {
			n++
		}
	}
	return n
}

// long marks tests of many people or seeds, which -short leaves out.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out what takes long; make test does not")
	}
}

package execute_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/auth"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/execute"
	"doksportal/internal/inventory"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/request"
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

// jobs notes what is enqueued; tests take the steps themselves.
type jobs struct{}

func (jobs) Enqueue(context.Context, pgx.Tx, string) error { return nil }

// bundle is a portal without pages, before a simulated DigitalOcean.
type bundle struct {
	t        *testing.T
	pool     *pgxpool.Pool
	clock    *clock
	sim      *dosim.Sim
	requests *request.Service
	executor *execute.Executor
	syncer   *inventory.Syncer
	team     portal.Team
	cluster  string // of the team
	member   portal.Actor
	approver portal.Actor
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, pool: dbtest.New(t), clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
	b.sim = dosim.New(dosim.Config{Token: token, Now: b.clock.Now})
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	client, err := doapi.New(server.URL, token)
	b.must(err)
	people, err := auth.New(auth.Config{
		BaseURL: &url.URL{Scheme: "https", Host: "portal.example"}, Issuer: "https://idp.example", ClientID: "portal", ClientSecret: "secret",
		GroupsClaim: "groups", ApproverGroup: "platform", Pool: b.pool, Now: b.clock.Now, Logger: slog.New(slog.DiscardHandler),
	})
	b.must(err)
	rules := policy.Policy{PlatformApprovers: "platform"}
	b.requests = &request.Service{Pool: b.pool, DO: client, Jobs: jobs{}, Policy: rules, Now: b.clock.Now}
	b.executor = &execute.Executor{Pool: b.pool, DO: client, People: people, Policy: rules, Now: b.clock.Now,
		Logger: slog.New(slog.DiscardHandler), Pace: execute.DefaultPace}
	b.syncer = &inventory.Syncer{Pool: b.pool, DO: client, Now: b.clock.Now}
	b.cluster = b.sim.Add(dosim.Seed{Name: "web", Region: "fra1", Size: "s-2vcpu-4gb", Count: 2})
	b.member, b.approver = b.person("ann", "pay"), b.person("bob", "pay-approvers")
	b.must(b.syncer.Sync(context.Background()))
	b.team = portal.Team{ID: uuid.NewString(), Slug: "pay", Name: "pay", MemberGroup: "pay", ApproverGroup: "pay-approvers",
		Quota: portal.Quota{Nodes: 12, Sizes: map[string]int{"s-2vcpu-4gb": 12}}}
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
	_, err := b.pool.Exec(context.Background(), `INSERT INTO people VALUES ('https://idp.example', $1, $1, '', $2, $3)
		ON CONFLICT (issuer, subject) DO UPDATE SET groups = $2, groups_at = $3`, subject, groups, b.clock.Now())
	b.must(err)
	return portal.Actor{Identity: portal.Identity{Issuer: "https://idp.example", Subject: subject}, Name: subject, Groups: groups}
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

func createAsk(name string, nodes int) request.Ask {
	return request.Ask{Operation: portal.CreateCluster, Form: form("team", "pay", "name", name, "region", "fra1",
		"version", "1.35.1-do.0", "environment", "development", "pools[0].name", "pool", "pools[0].size", "s-2vcpu-4gb",
		"pools[0].count", fmt.Sprint(nodes))}
}

func (b *bundle) deleteAsk() request.Ask {
	return request.Ask{Operation: portal.DeleteCluster, ClusterID: b.cluster, Form: form()}
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
	b.must(b.requests.Review(ctx, b.approver, request.ReviewInput{Number: r.Number, Approve: true, Digest: r.Digest}))
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
	if used.Total() != n {
		b.t.Errorf("the team uses %d nodes, want %d", used.Total(), n)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 3)
	b.wantUsage(5)
	r = b.step(r)
	b.want(r, portal.Settling)
	b.wantUsage(5)
	r = b.step(r)
	b.want(r, portal.Settling)
	b.clock.advance(6 * time.Minute)
	r = b.step(r)
	b.want(r, portal.Succeeded)
	b.wantUsage(5)
	b.wantCalls("create_cluster", 1)
	c, err := store.Cluster(context.Background(), b.pool, r.TargetID)
	b.must(err)
	if c.TeamID != b.team.ID || c.Environment != portal.Development || c.State != portal.ClusterRunning {
		t.Errorf("the cluster is %+v", c)
	}
}

func TestLostAnswersAreFoundByLooking(t *testing.T) {
	t.Parallel()
	for _, kind := range []dosim.FaultKind{dosim.FaultLost, dosim.FaultCut, dosim.FaultRubbish, dosim.FaultDoneError} {
		t.Run("create "+string(kind), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			r := b.create("new", 1)
			b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: kind})
			r = b.step(r)
			b.want(r, portal.Unknown)
			r = b.step(r)
			b.want(r, portal.Settling)
			b.clock.advance(6 * time.Minute)
			b.want(b.step(r), portal.Succeeded)
			b.wantCalls("create_cluster", 1)
			b.wantUsage(3)
		})
		t.Run("delete "+string(kind), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			r := b.approvedDelete()
			b.sim.Inject(dosim.Fault{Operation: "delete_cluster", Kind: kind})
			r = b.step(r)
			if kind == dosim.FaultRubbish {
				b.want(r, portal.Settling) // a deletion's answer has no body that matters
			} else {
				b.want(r, portal.Unknown)
				b.want(b.step(r), portal.Settling)
			}
			b.clock.advance(3 * time.Minute)
			b.want(b.step(r), portal.Succeeded)
			b.wantCalls("delete_cluster", 1)
			b.wantUsage(0)
		})
	}
}

func TestACallThatNeverArrivedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultReset})
	r = b.step(r)
	b.want(r, portal.Unknown)
	b.want(b.step(r), portal.Unknown)
	b.clock.advance(11 * time.Minute)
	r = b.step(r)
	b.want(r, portal.Failed)
	b.wantCalls("create_cluster", 1)
	b.wantUsage(2)
}

func TestTwoClustersOfOneRequestStopForAHuman(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultLost})
	r = b.step(r)
	b.sim.Add(dosim.Seed{Name: "twin", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1, Tags: []string{r.RequestTag()}})
	b.clock.advance(time.Hour)
	r = b.step(r)
	b.want(r, portal.Unknown)
	if r.Reason == "" {
		t.Error("nobody is told")
	}
}

func TestAWorkerThatIsLostInTheCall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	ctx, kill := context.WithCancel(context.Background())
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultLost, Delay: time.Minute})
	ended := make(chan error, 1)
	go func() {
		_, err := b.executor.Step(ctx, r.ID)
		ended <- err
	}()
	for b.sim.CallCount("create_cluster") == 0 {
		time.Sleep(time.Millisecond)
	}
	b.want(b.step(r), portal.Executing) // too early to take over
	b.clock.advance(2 * time.Minute)
	b.want(b.step(r), portal.Unknown)
	kill()
	if err := <-ended; portal.KindOf(err) != portal.KindConflict {
		t.Errorf("the lost worker's outcome was taken: %v", err)
	}
	b.want(b.read(r), portal.Unknown)
	b.wantCalls("create_cluster", 1)
}

func TestRefusedInDigitalOceansWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	b.sim.Add(dosim.Seed{Name: "new", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	r = b.step(r)
	b.want(r, portal.Failed)
	if want := "DigitalOcean refused it: a cluster with this name already exists"; r.Reason != want {
		t.Errorf("reason %q, want %q", r.Reason, want)
	}
	b.wantUsage(2)
}

func TestWhatWasCertainlyNotTakenIsSentLater(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusUnauthorized} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			r := b.create("new", 1)
			b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultStatus, Status: status, ID: "no", Message: "not now"})
			r = b.step(r)
			b.want(r, portal.Approved)
			b.want(b.step(r), portal.Settling)
			b.wantCalls("create_cluster", 2)
			b.wantUsage(3)
		})
	}
}

func TestApprovalsAreJudgedAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*bundle)
		want   portal.State
	}{
		{"nothing changed", func(*bundle) {}, portal.Settling},
		{"the approver lost the group", func(b *bundle) { b.person("bob") }, portal.Stale},
		{"the requester lost the group", func(b *bundle) { b.person("ann") }, portal.Stale},
		{"the approver's groups are old", func(b *bundle) { b.clock.advance(6 * time.Minute) }, portal.Approved},
		{"the cluster was resized", func(b *bundle) { b.sim.Resize(b.cluster, 3) }, portal.Stale},
		{"the cluster is gone", func(b *bundle) { b.sim.Remove(b.cluster) }, portal.Stale},
		{"the cluster was made anew under its name", func(b *bundle) {
			b.sim.Remove(b.cluster)
			b.sim.Add(dosim.Seed{Name: "web", Region: "fra1", Size: "s-2vcpu-4gb", Count: 2})
		}, portal.Stale},
		{"the cluster was given away", func(b *bundle) {
			_, err := b.pool.Exec(context.Background(), `UPDATE clusters SET team_id = NULL WHERE id = $1`, b.cluster)
			b.must(err)
		}, portal.Stale},
		{"DigitalOcean does not answer", func(b *bundle) {
			b.sim.Inject(dosim.Fault{Operation: "get_cluster", Kind: dosim.FaultReset, Times: 9})
		}, portal.Approved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			r := b.approvedDelete()
			tt.change(b)
			r = b.step(r)
			b.want(r, tt.want)
			if tt.want != portal.Settling {
				b.wantCalls("delete_cluster", 0)
				if r.Reason == "" {
					t.Error("nobody is told why")
				}
			}
		})
	}
}

func TestQuotaCutBelowUsage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 3)
	_, err := b.pool.Exec(context.Background(), `UPDATE teams SET quota_nodes = 1`)
	b.must(err)
	b.want(b.step(r), portal.Stale)
	b.wantCalls("create_cluster", 0)
	b.want(b.step(b.approvedDelete()), portal.Settling) // shrinking is never refused
}

func TestReviewing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	r, err := b.requests.Submit(ctx, b.member, b.deleteAsk())
	b.must(err)
	approve := request.ReviewInput{Number: r.Number, Approve: true, Digest: r.Digest}
	both := b.person("ann", "pay", "pay-approvers")
	if err := b.requests.Review(ctx, both, approve); portal.KindOf(err) != portal.KindForbidden {
		t.Errorf("the requester approves: %v", err)
	}
	if err := b.requests.Review(ctx, b.person("eve", "other"), approve); portal.KindOf(err) != portal.KindNotFound {
		t.Errorf("a stranger's answer: %v", err)
	}
	other := approve
	other.Digest = "of another plan"
	if err := b.requests.Review(ctx, b.approver, other); portal.KindOf(err) != portal.KindConflict {
		t.Errorf("another plan is approved: %v", err)
	}
	if _, err := b.requests.Submit(ctx, b.member, b.deleteAsk()); portal.KindOf(err) != portal.KindConflict {
		t.Errorf("a second deletion is asked for: %v", err)
	}
	b.want(b.read(r), portal.Pending)
}

func TestTwoApproversInTheSameSecond(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	r, err := b.requests.Submit(ctx, b.member, b.deleteAsk())
	b.must(err)
	errs := inParallel(10, func(i int) error {
		return b.requests.Review(ctx, b.person(fmt.Sprintf("bob%d", i), "pay-approvers"),
			request.ReviewInput{Number: r.Number, Approve: i%2 == 0, Comment: "x", Digest: r.Digest})
	})
	if n := successes(errs); n != 1 {
		t.Errorf("%d decisions took effect", n)
	}
}

func TestQuotaHoldsUnderARush(t *testing.T) {
	t.Parallel()
	b := setup(t)
	errs := inParallel(30, func(i int) error {
		_, err := b.requests.Submit(context.Background(), b.member, createAsk(fmt.Sprintf("rush-%d", i), 1))
		return err
	})
	if n := successes(errs); n != 10 {
		t.Errorf("%d requests for one node each got through, 10 were free", n)
	}
	b.wantUsage(12)
}

func TestSubmittingTwiceMakesOneRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := createAsk("new", 1)
	numbers := make([]int64, 8)
	errs := inParallel(len(numbers), func(i int) error {
		r, err := b.requests.Submit(context.Background(), b.member, in)
		numbers[i] = r.Number
		return err
	})
	if successes(errs) != len(numbers) {
		t.Errorf("errors %v", errs)
	}
	for _, n := range numbers {
		if n != numbers[0] {
			t.Errorf("requests %v", numbers)
		}
	}
	b.wantUsage(3)
}

func TestOneCallWhoeverExecutes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	inParallel(8, func(int) error {
		_, err := b.executor.Step(context.Background(), r.ID)
		return err
	})
	b.wantCalls("create_cluster", 1)
	b.want(b.read(r), portal.Settling)
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

func TestInventoryTakesNothingForGoneByMistake(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := context.Background()
	for i := range 250 { // more than a page
		b.sim.Add(dosim.Seed{Name: fmt.Sprintf("many-%d", i), Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	}
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(ctx))
	b.clock.advance(time.Minute)
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Page: "2", Kind: dosim.FaultStatus, Status: 500, Times: 3})
	if err := b.syncer.Sync(ctx); err == nil {
		t.Error("half a list is taken for the whole")
	}
	state, err := store.Freshness(ctx, b.pool)
	b.must(err)
	if state.Failure == "" || !state.CompleteAt.Before(b.clock.Now()) {
		t.Errorf("the inventory does not say that it is old: %+v", state)
	}
	b.wantUsage(2)
	b.sim.Heal()
	b.sim.Remove(b.cluster)
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(ctx))
	b.wantUsage(0)
}

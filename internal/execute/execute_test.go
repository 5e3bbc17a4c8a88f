package execute_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

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
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultLost, Delay: time.Minute})
	ended := make(chan error, 1)
	go func() {
		_, err := b.executor.Step(context.Background(), r.ID)
		ended <- err
	}()
	for b.sim.CallCount("create_cluster") == 0 {
		time.Sleep(time.Millisecond)
	}
	b.want(b.step(r), portal.Executing) // too early to take over
	b.clock.advance(2 * time.Minute)
	b.want(b.step(r), portal.Unknown)
	b.server.CloseClientConnections()
	if err := <-ended; !portal.Is(err, portal.KindConflict) {
		t.Errorf("the lost worker's outcome was taken: %v", err)
	}
	b.want(b.read(r), portal.Unknown)
	b.wantCalls("create_cluster", 1)
}

// A process that is being stopped lets a call end, and writes down what came of it.
func TestStoppedDuringACall(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	ctx, stop := context.WithCancel(context.Background())
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Delay: 200 * time.Millisecond})
	ended := make(chan error, 1)
	go func() {
		_, err := b.executor.Step(ctx, r.ID)
		ended <- err
	}()
	for b.sim.CallCount("create_cluster") == 0 {
		time.Sleep(time.Millisecond)
	}
	stop()
	b.must(<-ended)
	b.want(b.read(r), portal.Settling)
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
			b.clock.advance(30 * time.Second)
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
		{"the cluster was made again under its name", func(b *bundle) {
			b.sim.Remove(b.cluster)
			b.sim.Add(dosim.Seed{Name: "web", Region: "fra1", Size: "s-2vcpu-4gb", Count: 2})
		}, portal.Stale},
		{"the cluster was given away", func(b *bundle) {
			_, err := b.pool.Exec(context.Background(), `UPDATE clusters SET team_id = NULL, environment = NULL, protected = true WHERE id = $1`, b.cluster)
			b.must(err)
		}, portal.Stale},
		{"DigitalOcean is not responding", func(b *bundle) {
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
	_, err := b.pool.Exec(context.Background(), `UPDATE teams SET quota = jsonb_set(quota, '{limits,nodes}', '1')`)
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
	approve := request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest}
	both := b.person("ann", "pay", "pay-approvers")
	if err := b.requests.Review(ctx, both, approve); !portal.Is(err, portal.KindForbidden) {
		t.Errorf("the requester approves: %v", err)
	}
	if err := b.requests.Review(ctx, b.person("eve", "other"), approve); !portal.Is(err, portal.KindNotFound) {
		t.Errorf("a stranger's answer: %v", err)
	}
	other := approve
	other.Digest = "of another plan"
	if err := b.requests.Review(ctx, b.approver, other); !portal.Is(err, portal.KindConflict) {
		t.Errorf("another plan is approved: %v", err)
	}
	if _, err := b.requests.Submit(ctx, b.member, b.deleteAsk()); !portal.Is(err, portal.KindConflict) {
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
			request.ReviewInput{Number: r.Number, Decision: []portal.ReviewDecision{portal.ReviewApprove, portal.ReviewReject}[i%2], Comment: "x", Revision: r.Revision, Digest: r.Digest})
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

package execute_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// While a cluster is occupied every change waits, diagnostics do not.
func TestWhoWaitsForABusyCluster(t *testing.T) {
	t.Parallel()
	for _, state := range []string{portal.ClusterProvisioning, portal.ClusterUpgrading} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
				if op == portal.CreateCluster || op == portal.RunClusterlint {
					return // they wait for no cluster
				}
				b := richSetup(t, c.registries...)
				r := b.approved(c)
				b.sim.SetState(b.cluster, state, "")
				r = b.step(r)
				b.want(r, portal.Approved)
				b.wantCalls(string(op), 0)
				if want := "Waiting until the cluster rich is no longer " + state + "."; r.Reason != want {
					t.Errorf("reason %q, want %q", r.Reason, want)
				}
				if len(r.Attempts) > 0 {
					t.Error("an intent was written down")
				}
				b.sim.SetState(b.cluster, "", "")
				b.want(b.finish(r), portal.Succeeded)
				b.wantCalls(string(op), 1)
			})
		})
	}
}

// A deletion waits until a change is through, and is out of date when the
// change concerned what it was decided on.
func TestDeletionWaitsForAChange(t *testing.T) {
	t.Parallel()
	for op, next := range map[portal.OperationID]portal.State{
		portal.UpdateCluster:  portal.Settling, // nothing of what the decision rests on
		portal.UpdateNodePool: portal.Stale,
		portal.UpgradeCluster: portal.Stale,
	} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			deletion := b.approved(cases[portal.DeleteCluster])
			change := b.step(b.approved(cases[op]))
			b.want(change, portal.Settling)
			deletion = b.step(deletion)
			if deletion.State == portal.Approved {
				if !strings.Contains(deletion.Reason, fmt.Sprintf("#%d", change.Number)) && !strings.Contains(deletion.Reason, "upgrading") {
					t.Errorf("reason %q", deletion.Reason)
				}
				b.want(b.finish(change), portal.Succeeded)
				b.clock.advance(time.Second)
				deletion = b.step(b.again(deletion))
			}
			b.want(deletion, next)
		})
	}
}

// A call that may have happened occupies its cluster like one that has.
func TestWaitsForWhatIsUnknown(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	first, second := b.approved(cases[portal.UpdateCluster]), b.approved(cases[portal.CreateNodePool])
	b.sim.Inject(dosim.Fault{Operation: "update_cluster", Kind: dosim.FaultReset})
	first = b.step(first)
	b.want(first, portal.Unknown)
	second = b.step(second)
	b.want(second, portal.Approved)
	if want := fmt.Sprintf("Waiting for request #%d, which is changing the cluster now.", first.Number); second.Reason != want {
		t.Errorf("reason %q, want %q", second.Reason, want)
	}
	first = b.step(first)
	b.clock.advance(11 * time.Minute)
	b.want(b.step(first), portal.Failed)
	b.clock.advance(time.Second)
	b.want(b.step(b.again(second)), portal.Settling)
}

// Clusters of other requests are nobody's concern, also those of requests on
// several.
func TestOthersDoNotWait(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	other := b.sim.Add(dosim.Seed{Name: "other", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	third := b.sim.Add(dosim.Seed{Name: "third", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	b.clock.advance(time.Second)
	b.must(b.syncer.Sync(t.Context()))
	registries := func(ids ...string) portal.Request {
		return b.approved(operationCase{admins: true, ask: func(*bundle) request.SubmitInput {
			return request.SubmitInput{Operation: portal.AddRegistries, Form: portal.Form{
				"clusters": ids, "registries": {"images"}, "justification": {"a test"}, "submit_key": {uuid.NewString()}}}
		}})
	}
	both, rest, pool := registries(b.cluster, other), registries(third), b.approved(cases[portal.UpdateNodePool])
	b.want(b.step(both), portal.Settling)
	b.want(b.step(rest), portal.Settling)
	pool = b.step(pool)
	b.want(pool, portal.Approved)
	if !strings.Contains(pool.Reason, fmt.Sprintf("#%d", both.Number)) {
		t.Errorf("reason %q", pool.Reason)
	}
}

// Of several approved changes of a cluster that replicas take up in the same
// moment, one is sent.
func TestOneOfManyChangesAtOnce(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	ops := []portal.OperationID{portal.UpdateCluster, portal.CreateNodePool, portal.DeleteNodePool, portal.RecycleNodePool, portal.DeleteNode, portal.UpdateNodePool}
	requests := make([]portal.Request, len(ops))
	for i, op := range ops {
		requests[i] = b.approved(cases[op])
	}
	for _, err := range inParallel(3*len(ops), func(i int) error {
		_, err := b.executor.Step(context.Background(), requests[i%len(ops)].ID)
		if portal.Is(err, portal.KindConflict) {
			return nil // another replica was quicker
		}
		return err
	}) {
		b.must(err)
	}
	calls := 0
	for _, op := range ops {
		calls += b.sim.CallCount(string(op))
	}
	if calls != 1 {
		t.Errorf("%d calls at once", calls)
	}
}

// Clusterlint runs while something is being done, and keeps nothing waiting.
func TestDiagnosticsWaitForNobody(t *testing.T) {
	t.Parallel()
	for op := range cases {
		if op == portal.UpgradeCluster || op == portal.CreateCluster || op == portal.RunClusterlint || op.Deletes() {
			continue // DigitalOcean itself refuses it, or there is no other cluster
		}
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t, cases[op].registries...)
			change := b.approved(cases[op])
			first, second := b.approved(cases[portal.RunClusterlint]), b.approved(cases[portal.RunClusterlint])
			b.want(b.step(first), portal.Settling)
			change = b.step(change)
			b.want(change, portal.Settling)
			b.want(b.step(second), portal.Settling)
			b.want(b.finish(second), portal.Succeeded)
			b.want(b.finish(change), portal.Succeeded)
		})
	}
}

// However many requests wait for a cluster that the inventory knows to be busy,
// DigitalOcean is not asked about it for each of them.
func TestWaitingCostsNoCalls(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	var waiting []portal.Request
	for i := range 5 {
		ask := request.SubmitInput{Operation: portal.UpdateCluster, ClusterID: b.cluster}
		ask.Form = b.opened(ask, "tags", fmt.Sprint("wait-", i))
		waiting = append(waiting, b.approved(operationCase{ask: func(*bundle) request.SubmitInput { return ask }}))
	}
	b.sim.SetState(b.cluster, portal.ClusterUpgrading, "")
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	before := b.sim.CallCount("get_cluster")
	for _, r := range waiting {
		if r = b.step(r); r.State != portal.Approved || r.Reason != "Waiting until the cluster rich is no longer upgrading." {
			t.Errorf("it is %s, %q", r.State, r.Reason)
		}
	}
	if n := b.sim.CallCount("get_cluster"); n != before {
		t.Errorf("%d calls were made for requests that wait", n-before)
	}
	b.clock.advance(3 * time.Minute) // the inventory is too old to wait on
	b.sim.SetState(b.cluster, "", "")
	first := b.step(b.again(waiting[0]))
	b.want(first, portal.Settling)
	before = b.sim.CallCount("get_cluster")
	second := b.step(b.again(waiting[1]))
	if want := fmt.Sprintf("request #%d", first.Number); !strings.Contains(second.Reason, want) || b.sim.CallCount("get_cluster") != before {
		t.Errorf("%q, after %d calls", second.Reason, b.sim.CallCount("get_cluster")-before)
	}
}

package execute_test

import (
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// A maintenance day is either carried out or complained about.
func TestMaintenanceDayWithoutATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ask := createAsk("new", 1)
	ask.Form.Set("maintenance_day", "monday")
	r, err := b.requests.Submit(t.Context(), b.member, ask)
	if faults := portal.FieldErrorsOf(err); len(faults) == 1 && strings.HasPrefix(faults[0].Field, "maintenance") {
		return
	}
	b.must(err)
	r = b.step(r)
	c, err := b.do.GetCluster(t.Context(), r.TargetID)
	b.must(err)
	if c.MaintenancePolicy.Day != "monday" {
		t.Errorf("the plan says %+v, the cluster has %+v", r.Plan.Changes, c.MaintenancePolicy)
	}
}

// The copy that the portal has may be older than what a request was planned
// with. That is no reason to void it.
func TestApprovalWithAnOldCopy(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.clock.advance(time.Second)
	b.behind(scale("fixed")) // and no look at DigitalOcean since
	r, err := b.requests.Submit(t.Context(), b.member, on(portal.DeleteCluster)(b))
	b.must(err)
	b.must(b.requests.Review(t.Context(), b.approver, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest}))
	b.want(b.read(r), portal.Approved)
	b.want(b.step(r), portal.Settling)
}

// Nodes that go count until they are gone, also when DigitalOcean no longer
// counts them for their pool.
func TestNodesThatGoCountUntilTheyAreGone(t *testing.T) {
	t.Parallel()
	for op, before := range map[portal.OperationID]int{portal.DeleteNode: 5, portal.DeleteNodePool: 5} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.step(b.approved(cases[op]))
			b.want(r, portal.Settling)
			b.clock.advance(30 * time.Second) // they are draining
			b.must(b.syncer.Sync(t.Context()))
			b.wantUsage(before)
			b.want(b.step(r), portal.Settling)
			b.wantUsage(before)
			b.want(b.finish(r), portal.Succeeded)
			b.wantUsage(cases[op].usage)
		})
	}
}

// What DigitalOcean made is known by its id, also when its answer was lost.
func TestResultOfALostAnswer(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.CreateNodePool, portal.RunClusterlint} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[op])
			b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultLost})
			r = b.finish(r)
			b.want(r, portal.Succeeded)
			if r.Result == "" {
				t.Error("what it made is not known")
			}
		})
	}
}

// A node gets its name when it has started. It is the same node.
func TestANodeThatGetsItsName(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	starting := func(ready string) func(hand) {
		return func(h hand) {
			h.pool("fixed")["nodes"].([]any)[0].(map[string]any)["ready_at"] = ready
		}
	}
	b.behind(starting("2026-02-01T00:00:00Z"))
	b.clock.advance(time.Second)
	b.must(b.syncer.Sync(t.Context()))
	r := b.approved(cases[portal.DeleteNode])
	b.behind(starting("2026-01-01T00:00:00Z"))
	b.want(b.step(r), portal.Settling)
}

// Two people want the same: the second is told how it is now.
func TestSomebodyElseHasDoneIt(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(operationCase{ask: updateAsk("auto_upgrade", "true", "tags", "green")})
	b.behind(func(h hand) { h["auto_upgrade"], h["tags"] = true, []string{"green"} })
	r = b.step(r)
	b.want(r, portal.Stale)
	for _, says := range []string{"Automatic upgrades was off and is on", "Tags was blue and is green"} {
		if !strings.Contains(r.Reason, says) {
			t.Errorf("%q does not say %q", r.Reason, says)
		}
	}
}

// The account's registry is added to what has it already, too. A lost answer
// to that is found by the cluster that has changed.
func TestLostAnswerForTwoClustersOfWhichOneChanges(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.AddRegistry, portal.RemoveRegistry} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t, "old", "default-registry")
			other := b.sim.Add(dosim.Seed{Name: "other", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1, Registries: []string{"old"}})
			b.clock.advance(time.Second)
			b.must(b.syncer.Sync(t.Context()))
			r := b.approved(operationCase{admins: true, ask: func(b *bundle) request.SubmitInput {
				return request.SubmitInput{Operation: op, Form: portal.Form{
					"clusters": {b.cluster, other}, "justification": {"a test"}, "submit_key": form()["submit_key"]}}
			}})
			b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultLost})
			b.want(b.finish(r), portal.Succeeded)
		})
	}
}

// When the pool is gone, people are told so.
func TestPoolThatIsGoneMeanwhile(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.step(b.approved(cases[portal.UpdateNodePool]))
	b.behind(func(h hand) { h.remove("wide") })
	r = b.finish(r)
	b.want(r, portal.Failed)
	if !strings.Contains(r.Reason, "pool") || strings.Contains(r.Reason, "is running") {
		t.Errorf("reason %q", r.Reason)
	}
}

// An approval does not last longer because DigitalOcean was asked in vain.
func TestApprovalsEndWhileDigitalOceanIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultStatus, Status: 401, ID: "unauthorized", Message: "Unable to authenticate you.", Times: -1})
	for range 25 {
		b.person("ann", "pay")
		b.want(b.step(r), portal.Approved)
		b.clock.advance(time.Hour)
		b.must(b.requests.Expire(t.Context()))
		if r = b.read(r); r.State == portal.Stale {
			b.wantUsage(2)
			return
		}
	}
	t.Errorf("it is %s after 25 hours: %s", r.State, r.Reason)
}

// A kubeconfig that does not exist yet can be collected once it does.
func TestCollectBeforeTheClusterIsReady(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.access(portal.GetKubeconfig, portal.Development, "30")
	b.behind(setting("ready_at", b.clock.Now().Add(5*time.Minute).Format(time.RFC3339)))
	if _, err := b.collect(b.member, r); !portal.Is(err, portal.KindUnavailable) {
		t.Errorf("collected before it is there: %v", err)
	}
	b.want(b.read(r), portal.Approved)
	b.clock.advance(5 * time.Minute)
	if _, err := b.collect(b.person("ann", "pay"), r); err != nil {
		t.Errorf("collected when it is there: %v", err)
	}
}

// A token that is no longer accepted is no fault of the request: it is still
// there to be collected, and its reader is told to come back.
func TestCollectWithATokenThatIsRefused(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.access(portal.GetCredentials, portal.Development, "30")
	b.sim.Inject(dosim.Fault{Operation: "get_credentials", Kind: dosim.FaultStatus, Status: 401, ID: "unauthorized", Message: "Unable to authenticate you."})
	if _, err := b.collect(b.member, r); !portal.Is(err, portal.KindUnavailable) {
		t.Errorf("collected: %v", err)
	}
	b.want(b.read(r), portal.Approved)
	b.clock.advance(30 * time.Second)
	if _, err := b.collect(b.member, r); err != nil {
		t.Errorf("tried again: %v", err)
	}
}

package execute_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// One request at a time changes a cluster: the second waits, says for which,
// and goes on afterwards.
func TestOneChangeAtATime(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	first, second := b.approved(cases[portal.UpdateNodePool]), b.approved(cases[portal.DeleteNodePool])
	first = b.step(first)
	b.want(first, portal.Settling)
	second = b.step(second)
	b.want(second, portal.Approved)
	if !strings.Contains(second.Reason, fmt.Sprintf("#%d", first.Number)) {
		t.Errorf("it does not say what it waits for: %q", second.Reason)
	}
	b.wantCalls("delete_node_pool", 0)
	lint := b.step(b.approved(cases[portal.RunClusterlint])) // disturbs nobody
	b.want(lint, portal.Settling)
	b.want(b.finish(first), portal.Succeeded)
	second = b.finish(b.again(second))
	b.want(second, portal.Succeeded)
}

// again has the groups of everybody confirmed again, as opening the portal does.
func (b *bundle) again(r portal.Request) portal.Request {
	b.t.Helper()
	b.person("ann", "pay")
	b.person("bob", "pay-approvers")
	b.person("pia", "platform")
	b.person("ada", "admins")
	return r
}

func TestWaitsForTheCluster(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"provisioning", "upgrading"} {
		b := richSetup(t)
		r := b.approved(cases[portal.CreateNodePool])
		b.sim.SetState(b.cluster, state, "")
		r = b.step(r)
		b.want(r, portal.Approved)
		if !strings.Contains(r.Reason, state) {
			t.Errorf("reason %q", r.Reason)
		}
		b.wantCalls("create_node_pool", 0)
		b.sim.SetState(b.cluster, "", "")
		b.want(b.step(r), portal.Settling)
	}
}

// Two requests that want the same thing: the second is out of date once the
// first is done.
func TestTheSecondOfTwo(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	first, second := b.approved(cases[portal.UpdateNodePool]), b.approved(cases[portal.UpdateNodePool])
	b.want(b.finish(first), portal.Succeeded)
	second = b.step(b.again(second))
	b.want(second, portal.Stale)
	if !strings.Contains(second.Reason, "the pool was fixed: 2") || !strings.Contains(second.Reason, "is wide: 4") {
		t.Errorf("it does not say what differs: %q", second.Reason)
	}
	b.wantCalls("update_node_pool", 1)
	b.wantNoReservation(second)
	b.wantUsage(7)
}

func TestOneCallForAPool(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(cases[portal.CreateNodePool])
	inParallel(8, func(int) error {
		_, err := b.executor.Step(context.Background(), r.ID)
		return err
	})
	b.wantCalls("create_node_pool", 1)
	b.want(b.read(r), portal.Settling)
	b.wantUsage(9)
}

// driftCases are changes behind the portal's back that void an approval, and
// the words for them.
var driftCases = []struct {
	name   string
	op     portal.OperationID
	change func(b *bundle)
	says   string // empty: it does not matter
}{
	{"resized", portal.UpdateNodePool, func(b *bundle) { b.sim.Resize(b.cluster, 3) }, "2 × s-2vcpu-4gb"},
	{"resized, before an upgrade", portal.UpgradeCluster, func(b *bundle) { b.sim.Resize(b.cluster, 3) }, "pool fixed was 2"},
	{"resized, and deleted whole", portal.DeleteClusterDangerous, func(b *bundle) { b.sim.Resize(b.cluster, 3) }, "pool fixed was 2 × s-2vcpu-4gb and is 3 × s-2vcpu-4gb"},
	{"resized, while a setting changes", portal.UpdateCluster, func(b *bundle) { b.sim.Resize(b.cluster, 3) }, ""},
	{"resized, while another pool is made", portal.CreateNodePool, func(b *bundle) { b.sim.Resize(b.cluster, 3) }, ""},
	{"made again under its name", portal.UpgradeCluster, func(b *bundle) { b.sim.Recreate(b.cluster) }, "gone already"},
	{"made again under its name, and deleted", portal.DeleteCluster, func(b *bundle) { b.sim.Recreate(b.cluster) }, "gone already"},
	{"gone", portal.AddRegistries, func(b *bundle) { b.sim.Remove(b.cluster) }, "gone already"},
	{"being deleted", portal.DeleteNodePool, func(b *bundle) { b.sim.SetState(b.cluster, "deleting", "") }, "being deleted already"},
	{"the node is gone", portal.DeleteNode, func(b *bundle) { b.sim.Resize(b.cluster, 0) }, "is gone"},
	{"the node is gone, and recycled", portal.RecycleNodePool, func(b *bundle) { b.sim.Resize(b.cluster, 0) }, "is gone"},
	{"in trouble", portal.UpdateNodePool, func(b *bundle) { b.sim.SetState(b.cluster, "degraded", "one node is slow") }, ""},
	{"a status message", portal.UpdateCluster, func(b *bundle) { b.sim.Announce(b.cluster, "hello") }, ""},
}

func TestDrift(t *testing.T) {
	t.Parallel()
	for _, c := range driftCases {
		t.Run(string(c.op)+" "+c.name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[c.op])
			c.change(b)
			r = b.step(r)
			if c.says == "" {
				b.want(r, portal.Settling)
				return
			}
			b.want(r, portal.Stale)
			b.wantCalls(string(c.op), 0)
			b.wantNoReservation(r)
			if !strings.Contains(r.Reason, c.says) {
				t.Errorf("%q does not say %q", r.Reason, c.says)
			}
		})
	}
}

// Approvers of a deletion with resources named them; others are not destroyed.
func TestResourcesThatAppear(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(cases[portal.DeleteClusterDangerous])
	_, err := b.pool.Exec(context.Background(), `UPDATE requests SET params = jsonb_set(params, '{delete,destroy}', (params #> '{delete,destroy}') - 0) WHERE id = $1`, r.ID)
	b.must(err)
	r = b.step(r)
	b.want(r, portal.Stale)
	if !strings.Contains(r.Reason, "data now belongs to the cluster") {
		t.Errorf("reason %q", r.Reason)
	}
	b.wantCalls("delete_cluster_dangerous", 0)
}

// Somebody of the team and a platform approver have to agree to a dangerous
// deletion, and a platform approver to one with chosen resources.
func TestWhoseApprovalsCount(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	ctx := context.Background()
	r, err := b.requests.Submit(ctx, b.member, cases[portal.DeleteClusterDangerous].ask(b))
	b.must(err)
	approve := request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest}
	b.must(b.requests.Review(ctx, b.approver, approve))
	b.want(b.read(r), portal.Pending)
	if err := b.requests.Review(ctx, b.person("bob", "pay-approvers", "platform"), approve); !portal.Is(err, portal.KindConflict) {
		t.Errorf("the same person approves twice: %v", err)
	}
	if err := b.requests.Review(ctx, b.person("ann", "pay", "pay-approvers"), approve); !portal.Is(err, portal.KindForbidden) {
		t.Errorf("the requester approves: %v", err)
	}
	b.must(b.requests.Review(ctx, b.person("eve", "pay-approvers"), approve))
	b.want(b.read(r), portal.Pending)
	platform := b.person("pia", "platform")
	platform.Roles = []portal.Role{portal.RolePlatformApprover}
	b.must(b.requests.Review(ctx, platform, approve))
	b.want(b.read(r), portal.Approved)
	b.cooledOff(b.read(r))
	b.person("eve", "pay-approvers")
	b.person("pia") // has lost the group since
	b.want(b.step(r), portal.Stale)
	b.wantCalls("delete_cluster_dangerous", 0)

	r, err = b.requests.Submit(ctx, b.person("ann", "pay"), cases[portal.DeleteClusterSelective].ask(b))
	b.must(err)
	approve = request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest}
	if err := b.requests.Review(ctx, b.person("bob", "pay-approvers"), approve); !portal.Is(err, portal.KindForbidden) {
		t.Errorf("the team's approver approves alone: %v", err)
	}
}

func TestOnlyAdminsAskForRegistries(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	if _, err := b.requests.Submit(context.Background(), b.member, cases[portal.AddRegistries].ask(b)); !portal.Is(err, portal.KindForbidden) {
		t.Errorf("a member asks: %v", err)
	}
	r := b.approved(cases[portal.AddRegistries])
	b.person("ada") // is no admin any more
	b.want(b.step(r), portal.Stale)
	b.wantCalls("add_registries", 0)
}

// A worker that is killed in the middle of a call leaves a request that ends in
// a true state.
func TestKilledInTheCall(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.UpdateNodePool, portal.DeleteNode, portal.UpgradeCluster, portal.DeleteClusterDangerous} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[op])
			b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultLost, Delay: time.Minute})
			ended := make(chan error, 1)
			go func() {
				_, err := b.executor.Step(context.Background(), r.ID)
				ended <- err
			}()
			for b.sim.CallCount(string(op)) == 0 {
				select {
				case err := <-ended:
					t.Fatalf("nothing was called: %v", err)
				case <-time.After(time.Millisecond):
				}
			}
			b.clock.advance(2 * time.Minute)
			b.want(b.step(r), portal.Unknown)
			b.server.CloseClientConnections()
			<-ended
			b.want(b.finish(r), portal.Succeeded)
			b.wantCalls(string(op), 1)
			b.wantDone(cases[op])
		})
	}
}

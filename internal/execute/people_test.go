package execute_test

import (
	"fmt"
	"testing"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// decides has somebody with these groups approve a request.
func (b *bundle) decides(r portal.Request, subject string, groups ...string) error {
	b.t.Helper()
	a := b.person(subject, groups...)
	for _, g := range groups {
		if g == "platform" {
			a.Roles = []portal.Role{portal.RolePlatformApprover}
		}
	}
	return b.requests.Review(b.t.Context(), a, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Digest: r.Digest})
}

// pending asks for an operation without anybody having decided.
func (b *bundle) pending(op portal.OperationID) portal.Request {
	b.t.Helper()
	asker := b.member
	if cases[op].admins {
		asker = b.person("ada", "admins")
		asker.Roles = []portal.Role{portal.RoleAdmin}
	}
	r, err := b.requests.Submit(b.t.Context(), asker, cases[op].ask(b))
	b.must(err)
	b.want(r, portal.Pending)
	return r
}

// Who may decide follows from what is asked for: destroying data and changing
// clusters of several teams is no team's own affair.
func TestWhoMayApproveWhat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		op     portal.OperationID
		groups []string
		kind   portal.Kind // KindUnknown: they may
		next   portal.State
	}{
		{portal.DeleteCluster, []string{"pay-approvers"}, 0, portal.Approved},
		{portal.DeleteCluster, []string{"platform"}, 0, portal.Approved},
		{portal.DeleteCluster, []string{"pay"}, portal.KindForbidden, portal.Pending},
		{portal.DeleteCluster, []string{"search-approvers"}, portal.KindNotFound, portal.Pending},
		{portal.DeleteNode, []string{"pay-approvers"}, 0, portal.Approved},
		{portal.RecycleNodePool, []string{"pay-approvers"}, 0, portal.Approved},
		{portal.DeleteNodePool, []string{"pay-approvers"}, 0, portal.Approved},
		{portal.DeleteClusterSelective, []string{"pay-approvers"}, portal.KindForbidden, portal.Pending},
		{portal.DeleteClusterSelective, []string{"platform"}, 0, portal.Approved},
		{portal.DeleteClusterDangerous, []string{"pay-approvers"}, 0, portal.Pending},
		{portal.DeleteClusterDangerous, []string{"platform", "pay-approvers"}, 0, portal.Pending},
		{portal.AddRegistries, []string{"pay-approvers"}, portal.KindNotFound, portal.Pending},
		{portal.AddRegistries, []string{"platform"}, 0, portal.Approved},
		{portal.RemoveRegistry, []string{"admins"}, portal.KindNotFound, portal.Pending},
		{portal.RemoveRegistry, []string{"platform"}, 0, portal.Approved},
	}
	for _, tt := range tests {
		t.Run(string(tt.op)+" "+tt.groups[0], func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.pending(tt.op)
			if err := b.decides(r, "zoe", tt.groups...); portal.KindOf(err) != tt.kind || (err == nil) != (tt.kind == 0) {
				t.Errorf("they decide: %v", err)
			}
			r = b.read(r)
			b.want(r, tt.next)
			if tt.next == portal.Pending {
				b.want(b.step(r), portal.Pending) // whatever the queue does
				b.wantCalls(string(tt.op), 0)
			}
		})
	}
}

// A dangerous deletion takes two people of different groups: neither two of one
// group nor one of both are enough.
func TestTwoPeopleOfTwoGroups(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		people [][]string
		want   portal.State
	}{
		{"two of the team", [][]string{{"pay-approvers"}, {"pay-approvers"}}, portal.Pending},
		{"two of the platform", [][]string{{"platform"}, {"platform"}, {"platform"}}, portal.Pending},
		{"one of both", [][]string{{"platform", "pay-approvers"}}, portal.Pending},
		{"one of each", [][]string{{"platform"}, {"pay-approvers"}}, portal.Approved},
		{"one of both, one of the team", [][]string{{"platform", "pay-approvers"}, {"pay-approvers"}}, portal.Approved},
		{"one of both, one of the platform", [][]string{{"platform", "pay-approvers"}, {"platform"}}, portal.Approved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.pending(portal.DeleteClusterDangerous)
			for i, groups := range tt.people {
				b.must(b.decides(r, fmt.Sprintf("zoe%d", i), groups...))
			}
			r = b.read(r)
			b.want(r, tt.want)
			if tt.want == portal.Approved {
				b.clock.advance(r.StartsAt.Sub(b.clock.Now()))
				b.again(r)
				for i, groups := range tt.people {
					b.person(fmt.Sprintf("zoe%d", i), groups...)
				}
				b.want(b.step(r), portal.Settling)
			}
		})
	}
}

// Nobody decides on what they asked for, whatever they are, and not by coming
// back as an approver.
func TestNobodyApprovesTheirOwn(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.DeleteCluster, portal.DeleteClusterSelective, portal.DeleteClusterDangerous, portal.AddRegistries} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.pending(op)
			if err := b.decides(r, r.Requester.Subject, "pay", "pay-approvers", "platform", "admins"); !portal.Is(err, portal.KindForbidden) {
				t.Errorf("they decide: %v", err)
			}
			b.want(b.read(r), portal.Pending)
		})
	}
}

// Those on whose word a request runs must still have it when it runs, by the
// groups that the verdict asked for.
func TestWordsThatNoLongerCount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		op    portal.OperationID
		after func(b *bundle)
		want  portal.State
	}{
		{"one of two approvers left", portal.DeleteClusterDangerous, func(b *bundle) { b.person("bob") }, portal.Stale},
		{"the other of two approvers left", portal.DeleteClusterDangerous, func(b *bundle) { b.person("pia") }, portal.Stale},
		{"the team's approver is the platform's now", portal.DeleteClusterDangerous, func(b *bundle) { b.person("bob", "platform") }, portal.Stale},
		{"an approver is more than that now", portal.DeleteClusterDangerous, func(b *bundle) { b.person("bob", "pay-approvers", "platform") }, portal.Settling},
		{"the platform approver is the team's now", portal.DeleteClusterSelective, func(b *bundle) { b.person("pia", "pay-approvers") }, portal.Stale},
		{"the platform approver left", portal.AddRegistries, func(b *bundle) { b.person("pia") }, portal.Stale},
		{"the admin left", portal.AddRegistries, func(b *bundle) { b.person("ada") }, portal.Stale},
		{"the requester left the team", portal.CreateNodePool, func(b *bundle) { b.person("ann", "pay-approvers") }, portal.Stale},
		{"nobody needs to approve, and an approver left", portal.CreateNodePool, func(b *bundle) { b.person("bob") }, portal.Settling},
		{"the team has other approvers", portal.DeleteNode, func(b *bundle) {
			_, err := b.pool.Exec(b.t.Context(), `UPDATE teams SET approver_group = 'others'`)
			b.must(err)
			b.person("pia")
		}, portal.Stale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[tt.op])
			tt.after(b)
			r = b.step(r)
			b.want(r, tt.want)
			if tt.want == portal.Stale {
				b.wantCalls(string(tt.op), 0)
			}
		})
	}
}

// While nobody has confirmed the groups of those on whose word it runs, a
// request waits and says for whom.
func TestGroupsThatAreOld(t *testing.T) {
	t.Parallel()
	for op, who := range map[portal.OperationID]string{
		portal.CreateNodePool: "ann", portal.RunClusterlint: "ann", portal.DeleteClusterDangerous: "bob", portal.AddRegistries: "pia",
	} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[op])
			b.clock.advance(5*time.Minute + time.Second)
			b.again(r)
			b.clock.advance(5 * time.Minute)
			b.want(b.read(r), portal.Approved)
			before := b.sim.CallCount(string(op))
			b.clock.advance(time.Second)
			for _, other := range []string{"ann", "bob", "pia", "ada"} {
				if other != who {
					b.person(other, map[string]string{"ann": "pay", "bob": "pay-approvers", "pia": "platform", "ada": "admins"}[other])
				}
			}
			r = b.step(r)
			b.want(r, portal.Approved)
			if want := "Waiting until the identity provider confirms the groups of " + who + ", which happens when they open the portal."; r.Reason != want {
				t.Errorf("reason %q, want %q", r.Reason, want)
			}
			b.wantCalls(string(op), before)
			b.want(b.step(b.again(r)), portal.Settling)
		})
	}
}

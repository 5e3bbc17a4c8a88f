package portal_test

import (
	"testing"

	"doksportal/internal/portal"
)

var (
	requester = portal.Person{Identity: portal.Identity{Issuer: "https://idp", Subject: "ann"}, Name: "Ann"}
	team      = portal.Team{Name: "payments", MemberGroup: "pay", ApproverGroup: "pay-approvers"}
)

func actor(subject string, groups []string, roles ...portal.Role) portal.Actor {
	return portal.Actor{Identity: portal.Identity{Issuer: "https://idp", Subject: subject}, Groups: groups, Roles: roles}
}

func TestReviewRefusal(t *testing.T) {
	t.Parallel()
	pending := portal.Request{State: portal.Pending, Requester: requester, Team: team, Digest: "d"}
	reviewed := pending
	reviewed.Reviews = []portal.Review{{Reviewer: actor("bob", nil).Person(), Approve: true, Digest: "older"}}
	executing := pending
	executing.State = portal.Executing
	tests := []struct {
		name    string
		request portal.Request
		actor   portal.Actor
		want    portal.Kind
		allowed bool
	}{
		{"an approver of the team", pending, actor("bob", []string{"pay-approvers"}), 0, true},
		{"a platform approver", pending, actor("bob", nil, portal.RolePlatformApprover), 0, true},
		{"the requester, though approver", pending, actor("ann", []string{"pay-approvers"}), portal.KindForbidden, false},
		{"the requester, though platform approver", pending, actor("ann", nil, portal.RolePlatformApprover), portal.KindForbidden, false},
		{"the same subject of another issuer", pending, portal.Actor{
			Identity: portal.Identity{Issuer: "https://other", Subject: "ann"}, Groups: []string{"pay-approvers"}}, 0, true},
		{"a member", pending, actor("bob", []string{"pay"}), portal.KindForbidden, false},
		{"an admin", pending, actor("bob", nil, portal.RoleAdmin), portal.KindForbidden, false},
		{"nobody", pending, portal.Actor{Groups: []string{"pay-approvers"}}, portal.KindForbidden, false},
		{"the portal itself", pending, portal.System("execute"), portal.KindForbidden, false},
		{"somebody who has decided", reviewed, actor("bob", []string{"pay-approvers"}), portal.KindConflict, false},
		{"too late", executing, actor("bob", []string{"pay-approvers"}), portal.KindConflict, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.request.ReviewRefusal(tt.actor)
			if (err == nil) != tt.allowed {
				t.Fatalf("refusal %v, allowed should be %v", err, tt.allowed)
			}
			if err != nil && portal.KindOf(err) != tt.want {
				t.Errorf("kind %v of %v, want %v", portal.KindOf(err), err, tt.want)
			}
		})
	}
}

func TestApprovalsCountPeopleOnceAtTheDigest(t *testing.T) {
	t.Parallel()
	bob, eve := actor("bob", nil).Person(), actor("eve", nil).Person()
	r := portal.Request{Requester: requester, Digest: "now", Reviews: []portal.Review{
		{Reviewer: bob, Approve: true, Digest: "now"},
		{Reviewer: bob, Approve: true, Digest: "now"},
		{Reviewer: eve, Approve: true, Digest: "before"},
		{Reviewer: requester, Approve: true, Digest: "now"},
	}}
	if got := r.Approvals(); got != 1 {
		t.Errorf("%d approvals, want 1", got)
	}
}

func TestDigestChangesWithWhatWasApproved(t *testing.T) {
	t.Parallel()
	cluster := portal.Cluster{ID: "c1", Name: "web", Version: "1.35", Pools: []portal.Pool{{ID: "p1", Size: "s", Count: 2}}}
	base := digest(t, cluster, portal.Verdict{Approvals: 1})

	autoscaled := cluster
	autoscaled.Pools = []portal.Pool{{ID: "p1", Size: "s", Count: 2, AutoScale: true, MaxNodes: 3}}
	scaledByItself := autoscaled
	scaledByItself.Pools = []portal.Pool{{ID: "p1", Size: "s", Count: 3, AutoScale: true, MaxNodes: 3}}
	upgraded, recreated := cluster, cluster
	upgraded.Version = "1.36"
	recreated.ID = "c2"

	for name, other := range map[string]string{
		"an upgrade":       digest(t, upgraded, portal.Verdict{Approvals: 1}),
		"a new id":         digest(t, recreated, portal.Verdict{Approvals: 1}),
		"autoscaling":      digest(t, autoscaled, portal.Verdict{Approvals: 1}),
		"a changed policy": digest(t, cluster, portal.Verdict{Approvals: 2}),
	} {
		if other == base {
			t.Errorf("%s leaves the digest as it was", name)
		}
	}
	if digest(t, autoscaled, portal.Verdict{}) != digest(t, scaledByItself, portal.Verdict{}) {
		t.Error("an autoscaler's own work voids an approval")
	}
}

func digest(t *testing.T, c portal.Cluster, v portal.Verdict) string {
	t.Helper()
	d, err := portal.Digest(portal.DeleteCluster, portal.Params{Delete: &portal.DeleteParams{Cluster: c.Shape()}}, v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestStates(t *testing.T) {
	t.Parallel()
	for _, s := range portal.States {
		for _, next := range portal.States {
			if s.Final() && s.CanBecome(next) {
				t.Errorf("final state %s can become %s", s, next)
			}
			if next == portal.Executing && s.CanBecome(next) && s != portal.Approved {
				t.Errorf("%s is executed without having been approved", s)
			}
		}
		if s.Sentence() == string(s) {
			t.Errorf("state %s has no sentence for people", s)
		}
	}
	if portal.Unknown.CanBecome(portal.Approved) {
		t.Error("a call whose outcome is unknown may be sent again")
	}
}

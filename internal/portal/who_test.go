package portal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/portal"
)

// everybody are one actor of each kind, and some who only seem to be.
func everybody() []portal.Actor {
	other := portal.Identity{Issuer: "https://other", Subject: "ann"}
	all, roles := []string{"pay", "pay-approvers", "sre", ""}, []portal.Role{portal.RoleAdmin, portal.RoleAuditor, portal.RolePlatformApprover}
	return []portal.Actor{
		actor("ann", all, roles...), // who asked, and has every right there is
		actor("member", []string{"pay"}),
		actor("approver", []string{"pay-approvers"}),
		actor("sre", []string{"sre"}), // a group that the verdict names
		actor("platform", []string{"platform"}, portal.RolePlatformApprover),
		actor("auditor", nil, portal.RoleAuditor),
		actor("admin", nil, portal.RoleAdmin),
		actor("stranger", []string{"search", ""}),
		{Identity: other, Name: "another issuer's ann"},
		{Groups: all, Roles: roles}, // nobody
		{Identity: portal.Identity{Issuer: "https://idp"}, Groups: all, Roles: roles},
		{Identity: portal.Identity{Subject: "ann"}, Groups: all, Roles: roles},
		{Identity: portal.System("execute").Identity, Groups: all, Roles: roles},
	}
}

// may lists what an actor may do with a request, besides reading it.
func may(r portal.Request, a portal.Actor) string {
	var list []string
	add := func(what string, allowed bool) {
		if allowed {
			list = append(list, what)
		}
	}
	add("collect", r.CanCollect(a))
	add("revise", r.CanRevise(a))
	add("withdraw", r.CanWithdraw(a))
	add("review", r.ReviewRefusal(a) == nil)
	add("stop", r.StopRefusal(a) == nil)
	add("break glass", r.BreakGlassRefusal(a) == nil)
	add("review glass", r.BreakGlassReviewRefusal(a) == nil)
	return strings.Join(list, ", ")
}

// asked is a request of Ann's that needs approvals from two groups.
func asked(state portal.State, op portal.OperationID) portal.Request {
	needs := []portal.ApprovalRule{{Count: 2, Groups: []string{"pay-approvers", "sre"}}}
	return portal.Request{State: state, Operation: op, Requester: requester, Team: team, Digest: "d", Revision: 2, Plan: portal.Plan{Verdict: portal.Verdict{Approvals: needs}}}
}

// Who may do what with a request, in each state that matters. Whoever is not
// listed may do nothing.
func TestWhoMay(t *testing.T) {
	t.Parallel()
	reviewed, breakGlass, breakGlassOfApprover := asked(portal.Pending, portal.DeleteCluster), asked(portal.Executing, portal.DeleteCluster), asked(portal.Executing, portal.DeleteCluster)
	reviewed.Reviews = []portal.Review{
		{Reviewer: actor("approver", nil).Person(), Decision: portal.ReviewApprove, Digest: "d", Revision: 2},
		{Reviewer: actor("sre", nil).Person(), Decision: portal.ReviewApprove, Digest: "c", Revision: 1}, // of an earlier plan
	}
	breakGlass.BreakGlasses = []portal.BreakGlass{{Revision: 2, By: actor("admin", nil).Person()}}
	breakGlassOfApprover.BreakGlasses = []portal.BreakGlass{{Revision: 1, By: actor("admin", nil).Person(), Reviewer: actor("sre", nil).Person()}, {Revision: 2, By: actor("approver", nil).Person()}}
	breakGlassOfBoth := asked(portal.Executing, portal.DeleteCluster)
	breakGlassOfBoth.BreakGlasses = []portal.BreakGlass{{Revision: 1, By: actor("admin", nil).Person()}, {Revision: 2, By: actor("approver", nil).Person()}}
	stop := map[string]string{"ann": "withdraw", "admin": "stop", "approver": "stop", "sre": "stop", "platform": "stop"}
	pending := map[string]string{"ann": "revise, withdraw", "admin": "break glass", "approver": "review", "sre": "review"}
	tests := []struct {
		name    string
		request portal.Request
		want    map[string]string
	}{
		{"pending", asked(portal.Pending, portal.DeleteCluster), pending},
		{"access, pending", asked(portal.Pending, portal.GetKubeconfig), pending},
		{"half approved", reviewed, map[string]string{"ann": "revise, withdraw", "admin": "break glass", "approver": "stop", "sre": "review"}},
		{"approved", asked(portal.Approved, portal.DeleteCluster), stop},
		{"access, approved", asked(portal.Approved, portal.GetKubeconfig), map[string]string{"ann": "collect, withdraw", "admin": "stop", "approver": "stop", "sre": "stop", "platform": "stop"}},
		{"stale", asked(portal.Stale, portal.DeleteCluster), map[string]string{"ann": "revise, withdraw"}},
		{"executing", asked(portal.Executing, portal.DeleteCluster), map[string]string{}},
		{"glass broken by an admin", breakGlass, map[string]string{"approver": "review glass", "sre": "review glass"}},
		{"glass broken by an approver, and earlier", breakGlassOfApprover, map[string]string{"admin": "review glass", "sre": "review glass"}},
		{"glass broken by both", breakGlassOfBoth, map[string]string{"admin": "review glass", "approver": "review glass", "sre": "review glass"}},
	}
	for _, tt := range tests {
		got := map[string]string{}
		for _, a := range everybody() {
			if what := may(tt.request, a); what != "" {
				got[strings.TrimPrefix(a.Issuer+" "+a.Subject, "https://idp ")] = what
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

// Who may read a request, and who may read what belongs to its team.
func TestWhoSees(t *testing.T) {
	t.Parallel()
	everywhere := actor("x", []string{"pay"})
	for _, tt := range []struct {
		name          string
		actor         portal.Actor
		team, request bool
	}{
		{"a member", everywhere, true, true},
		{"an approver of the team", actor("x", []string{"pay-approvers"}), true, true},
		{"a platform approver", actor("x", nil, portal.RolePlatformApprover), true, true},
		{"an auditor", actor("x", nil, portal.RoleAuditor), true, true},
		{"an admin", actor("x", nil, portal.RoleAdmin), true, true},
		{"somebody of a group that the verdict names", actor("x", []string{"sre"}), false, true},
		{"who asked and has left the team", actor("ann", nil), false, true},
		{"another team's member", actor("x", []string{"search"}), false, false},
		{"somebody in a group without a name", actor("x", []string{""}), false, false},
	} {
		if got := tt.actor.CanSee(team); got != tt.team {
			t.Errorf("%s: the team's %v", tt.name, got)
		}
		if got := asked(portal.Pending, portal.DeleteCluster).VisibleTo(tt.actor); got != tt.request {
			t.Errorf("%s: the request %v", tt.name, got)
		}
	}
	for role, want := range map[portal.Role]bool{portal.RoleAdmin: true, portal.RoleAuditor: true, portal.RolePlatformApprover: true, "member": false} {
		if got := actor("x", []string{"pay", "pay-approvers"}, role).SeesAll(); got != want {
			t.Errorf("%s sees all: %v", role, got)
		}
	}
	if nobody := actor("x", []string{""}); nobody.CanSee(portal.Team{}) || nobody.MemberOf(portal.Team{}) || nobody.ApproverOf(portal.Team{}) {
		t.Error("a team without groups has members")
	}
	for _, id := range []portal.Identity{{}, {Issuer: "i"}, {Subject: "s"}} {
		if !id.IsZero() {
			t.Errorf("%+v is somebody", id)
		}
	}
}

// An approval counts of the plan that was approved alone.
func TestWhichApprovalsCount(t *testing.T) {
	t.Parallel()
	by := func(subject string, decision portal.ReviewDecision, revision int, digest string) portal.Review {
		return portal.Review{Reviewer: actor(subject, nil).Person(), Decision: decision, Revision: revision, Digest: digest}
	}
	for _, tt := range []struct {
		name   string
		review portal.Review
		counts bool
	}{
		{"as it is now", by("x", portal.ReviewApprove, 2, "d"), true},
		{"a rejection", by("x", portal.ReviewReject, 2, "d"), false},
		{"an earlier plan that says the same", by("x", portal.ReviewApprove, 1, "d"), false},
		{"another target", by("x", portal.ReviewApprove, 2, "c"), false},
		{"the requester's own", by("ann", portal.ReviewApprove, 2, "d"), false},
	} {
		r := asked(portal.Pending, portal.DeleteCluster)
		r.Reviews = []portal.Review{tt.review}
		if got := len(r.Approvals()) == 1; got != tt.counts {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// A break-glass of an earlier plan does not count for the one that is.
func TestWhichBreakGlassCounts(t *testing.T) {
	t.Parallel()
	r := asked(portal.Approved, portal.DeleteCluster)
	r.BreakGlasses = []portal.BreakGlass{{Revision: 1, By: actor("admin", nil).Person()}}
	if r.ActiveBreakGlass() != nil {
		t.Error("the break-glass of an earlier plan counts")
	}
	r.BreakGlasses = append(r.BreakGlasses, portal.BreakGlass{Revision: 2, By: actor("other", nil).Person()})
	if g := r.ActiveBreakGlass(); g == nil || g.By.Subject != "other" {
		t.Errorf("%+v", g)
	}
}

// Why somebody may not review what was done without approvals.
func TestWhyBreakGlassIsNotReviewed(t *testing.T) {
	t.Parallel()
	outstanding := portal.BreakGlass{Revision: 2, By: actor("admin", nil).Person()}
	given := outstanding
	given.Reviewer = actor("other", nil).Person()
	admin, sre := actor("admin", nil, portal.RoleAdmin), actor("sre", []string{"sre"})
	for _, tt := range []struct {
		name       string
		actor      portal.Actor
		breakGlass []portal.BreakGlass
		want       portal.Kind
	}{
		{"who broke it", admin, []portal.BreakGlass{outstanding}, portal.KindForbidden},
		{"who broke it, once it is reviewed", admin, []portal.BreakGlass{given}, portal.KindConflict},
		{"who broke none", sre, []portal.BreakGlass{given}, portal.KindConflict},
		{"where none was broken", admin, nil, portal.KindConflict},
		{"where another's is reviewed and one's own is not", admin, []portal.BreakGlass{{Revision: 1, By: sre.Person(), Reviewer: admin.Person()}, outstanding}, portal.KindForbidden},
		{"who may not", actor("member", []string{"pay"}), []portal.BreakGlass{outstanding}, portal.KindForbidden},
	} {
		r := asked(portal.Executing, portal.DeleteCluster)
		r.BreakGlasses = tt.breakGlass
		if err := r.BreakGlassReviewRefusal(tt.actor); err == nil || portal.KindOf(err) != tt.want {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// A sign-in is asked for at the end of its time, as configured or not.
func TestSignInBounds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		age, within time.Duration
		asked       bool
	}{
		{portal.FreshFor, 0, false}, {portal.FreshFor + 1, 0, true},
		{time.Minute, time.Minute, false}, {time.Minute + 1, time.Minute, true},
		{time.Hour, 2 * time.Hour, false},
	} {
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		err := portal.Actor{SignedInAt: now.Add(-tt.age)}.CheckSignIn(now, tt.within)
		if (err != nil) != tt.asked || err != nil && !portal.Is(err, portal.KindStepUp) {
			t.Errorf("%s old, within %s: %v", tt.age, tt.within, err)
		}
	}
}

// A change of the admins' is open until the moment at which it expires, and
// benefits whoever is in a group that gains.
func TestAdminChangeBounds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := portal.AdminChange{State: portal.AdminChangeProposed, ExpiresAt: now, Gains: []portal.Gain{{Groups: []string{"pay"}}, {Groups: []string{"sre", "search"}}}}
	if !c.Open(now.Add(-1)) || c.Open(now) {
		t.Error("it is not open until it expires")
	}
	for group, want := range map[string]string{"pay": "pay", "search": "search", "other": "", "": ""} {
		if got := c.Benefits(actor("x", []string{group}), nil); got.Group != want || got.IsZero() != (want == "") {
			t.Errorf("%q: %q", group, got)
		}
	}
	zoe := portal.Person{Identity: actor("zoe", nil).Identity, Name: "zoe"}
	mandates := func(standIn string, groups ...string) []portal.Mandate {
		return []portal.Mandate{{Delegation: portal.Delegation{Delegator: zoe, StandIn: actor(standIn, nil).Person()}, DelegatorGroups: groups}}
	}
	if got := c.Benefits(actor("x", []string{"other"}), mandates("x", "other", "sre")); got != (portal.GainedBy{Group: "sre", For: zoe}) ||
		got.Text(portal.GroupLabels{"sre": "The SREs"}) != "as a stand-in for zoe, who is a member of group The SREs" {
		t.Errorf("a stand-in gains %+v", got)
	}
	for _, of := range [][]portal.Mandate{mandates("x", "other", ""), mandates("y", "sre")} {
		if got := c.Benefits(actor("x", []string{"other"}), of); !got.IsZero() {
			t.Errorf("%+v", got)
		}
	}
}

package portal_test

import (
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// named is an actor with a name.
func named(subject string, groups []string, roles ...portal.Role) portal.Actor {
	a := actor(subject, groups, roles...)
	a.Name = subject
	return a
}

// mandate has somebody of team pay stand in for somebody of some groups, for a
// week.
func mandate(delegator, standIn string, groups ...string) portal.Mandate {
	return portal.Mandate{Delegation: portal.Delegation{
		ID: delegator + " " + standIn, Delegator: named(delegator, nil).Person(), StandIn: named(standIn, nil).Person(),
		StartsAt: noon.Add(-24 * time.Hour), Until: noon.Add(6 * 24 * time.Hour),
	}, DelegatorGroups: groups, GroupsAt: noon, StandInGroups: []string{"pay"}}
}

// A stand-in decides as whom they stand in for, and nobody decides twice.
func TestStandInsDecide(t *testing.T) {
	t.Parallel()
	review := func(by, whom string) portal.Review {
		v := portal.Review{Reviewer: named(by, nil).Person(), Decision: portal.ReviewApprove, Digest: "d", Revision: 2}
		if whom != "" {
			v.For = named(whom, nil).Person()
		}
		return v
	}
	eve, approver := named("eve", []string{"pay"}), named("approver", []string{"pay-approvers"})
	forApprover := mandate("approver", "eve", "pay-approvers")
	later, ended, long, earlier := forApprover, forApprover, forApprover, forApprover
	later.StartsAt, later.Until = noon.Add(time.Second), noon.Add(time.Hour)
	ended.EndedAt = noon.Add(-time.Hour)
	long.Until = long.Until.Add(time.Second)
	earlier.Until = noon
	tests := []struct {
		name     string
		who      portal.Actor
		mandates []portal.Mandate
		change   func(*portal.Request)
		want     string // for whom; "-": for themselves; else why not
	}{
		{"nobody has named them", eve, nil, nil, "only members of"},
		{"for an approver", eve, []portal.Mandate{forApprover}, nil, "approver"},
		{"for one of two", eve, []portal.Mandate{mandate("member", "eve", "pay"), forApprover}, nil, "approver"},
		{"another's stand-in", eve, []portal.Mandate{mandate("approver", "member", "pay-approvers")}, nil, "only members of"},
		{"not yet", eve, []portal.Mandate{later}, nil, "only members of"},
		{"ended", eve, []portal.Mandate{ended}, nil, "only members of"},
		{"over", eve, []portal.Mandate{earlier}, nil, "only members of"},
		{"for longer than the policy allows", eve, []portal.Mandate{long}, nil, "for longer than the 7 days"},
		{"the policy allows none", eve, []portal.Mandate{forApprover}, func(r *portal.Request) { r.Plan.Verdict.StandIn = 0 }, "lets no stand-in"},
		{"who has left the group", eve, []portal.Mandate{mandate("approver", "eve", "pay")}, nil, "only members of"},
		{"what they may not see", named("eve", []string{"search"}), []portal.Mandate{forApprover}, nil, "may see by their own groups"},
		{"their own request", named("ann", []string{"pay"}), []portal.Mandate{mandate("approver", "ann", "pay-approvers")}, nil, "your own request"},
		{"the delegator's request", eve, []portal.Mandate{mandate("ann", "eve", "pay-approvers")}, nil, "request of ann"},
		{"their own groups go first", named("eve", []string{"pay", "sre"}), []portal.Mandate{forApprover}, nil, "-"},
		{"of a stand-in they are no stand-in", named("fay", []string{"pay"}), []portal.Mandate{forApprover, mandate("eve", "fay", "pay")}, nil, "only members of"},
		{"the delegator has decided", eve, []portal.Mandate{forApprover}, func(r *portal.Request) { r.Reviews = []portal.Review{review("approver", "")} }, "approver, for whom you stand in, has decided"},
		{"another stand-in has", eve, []portal.Mandate{forApprover}, func(r *portal.Request) { r.Reviews = []portal.Review{review("fay", "approver")} }, "approver, for whom you stand in, has decided"},
		{"the delegator has decided for another", eve, []portal.Mandate{forApprover}, func(r *portal.Request) { r.Reviews = []portal.Review{review("approver", "sre")} }, "approver, for whom you stand in, has decided"},
		{"they have decided by themselves", eve, []portal.Mandate{forApprover}, func(r *portal.Request) { r.Reviews = []portal.Review{review("eve", "")} }, "you have decided"},
		{"they have decided for another", eve, []portal.Mandate{forApprover}, func(r *portal.Request) { r.Reviews = []portal.Review{review("eve", "sre")} }, "you have decided"},
		{"somebody has decided for them", eve, []portal.Mandate{forApprover}, func(r *portal.Request) { r.Reviews = []portal.Review{review("fay", "eve")} }, "you have decided"},
		{"all that was of an earlier revision", eve, []portal.Mandate{forApprover}, func(r *portal.Request) {
			r.Reviews = []portal.Review{review("approver", "")}
			r.Reviews[0].Revision = 1
		}, "approver"},
		{"the delegator, whose stand-in has decided", approver, nil, func(r *portal.Request) { r.Reviews = []portal.Review{review("eve", "approver")} }, "eve has decided on this request for you"},
		{"it has ended", eve, []portal.Mandate{forApprover}, func(r *portal.Request) { r.State = portal.Approved }, "is approved"},
		{"the portal itself", portal.System("execute"), []portal.Mandate{mandate("approver", "execute", "pay-approvers")}, nil, "only people"},
		{"nobody", portal.Actor{}, []portal.Mandate{{Delegation: portal.Delegation{Until: noon.Add(time.Hour)}, DelegatorGroups: []string{"sre"}}}, nil, "only people"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := asked(portal.Pending, portal.DeleteCluster)
			r.Plan.Verdict.StandIn = 7 * 24 * time.Hour
			if tt.change != nil {
				tt.change(&r)
			}
			word, err := r.WordOf(tt.who, tt.mandates, noon)
			got := word.For().Name
			if err != nil {
				got = err.Error()
			} else if got == "" {
				got = "-"
			}
			if !strings.Contains(got, tt.want) || err == nil && got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if err == nil && len(word.Groups) != 1 {
				t.Errorf("by the groups %v", word.Groups)
			}
			listed := false
			for _, m := range tt.mandates {
				if m.Active(noon) && m.StandIn.Identity == tt.who.Identity {
					m.StandInGroups = tt.who.Groups
					listed = listed || len(r.CanGive(r.Plan.Verdict.Approvals[0], []portal.Approver{{Person: m.StandIn, Mandate: &m}})) > 0
				}
			}
			if want := err == nil && !word.For().IsZero(); listed != want {
				t.Errorf("named among those who can: %v, want %v", listed, want)
			}
		})
	}
}

// However reviews came to be, a pair counts once, and for nothing that one of
// them has asked for.
func TestPairsCountOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reviews string // each as who, or who:for
		want    int
	}{
		{"eve:bob", 1}, {"eve:bob bob", 1}, {"bob eve:bob", 1}, {"eve:bob fay:bob", 1}, {"eve:bob eve:dan", 1}, {"eve:bob eve", 1},
		{"eve:bob fay:eve", 1}, {"eve:bob bob:dan", 1}, {"eve:bob fay:dan", 2}, {"eve fay:dan", 2},
		{"eve:ann", 0}, {"ann:bob", 0}, {"ann", 0},
	}
	for _, tt := range tests {
		r := asked(portal.Pending, portal.DeleteCluster)
		for one := range strings.FieldsSeq(tt.reviews) {
			by, whom, stands := strings.Cut(one, ":")
			v := portal.Review{Reviewer: named(by, nil).Person(), Decision: portal.ReviewApprove, Digest: "d", Revision: 2, Groups: []string{"sre"}}
			if stands {
				v.For = named(whom, nil).Person()
			}
			r.Reviews = append(r.Reviews, v)
		}
		if got := len(r.Approvals()); got != tt.want || r.Missing()[0] != 2-tt.want {
			t.Errorf("%s: %d count, %v missing, want %d", tt.reviews, got, r.Missing(), tt.want)
		}
	}
}

// A stand-in has second thoughts like any approver, and nothing else that
// approvers and admins may.
func TestWhatStandInsMayNot(t *testing.T) {
	t.Parallel()
	eve := named("eve", []string{"pay"})
	r := asked(portal.Approved, portal.DeleteCluster)
	if r.StopRefusal(eve) == nil {
		t.Error("who has not decided stops it")
	}
	r.Reviews = []portal.Review{{Reviewer: eve.Person(), For: named("approver", nil).Person(), Decision: portal.ReviewApprove, Digest: "d", Revision: 2}}
	if err := r.StopRefusal(eve); err != nil {
		t.Errorf("who has approved it cannot stop it: %v", err)
	}
	r.Revision = 3
	if r.StopRefusal(eve) == nil {
		t.Error("who has decided on an earlier revision stops it")
	}
	r.BreakGlasses = []portal.BreakGlass{{Revision: 3, By: named("admin", nil).Person()}}
	if r.BreakGlassReviewRefusal(eve) == nil || r.BreakGlassRefusal(eve) == nil || r.MayApprove(eve) || portal.Request.VisibleTo(r, named("eve", nil)) {
		t.Error("a stand-in has more than the decision")
	}
}

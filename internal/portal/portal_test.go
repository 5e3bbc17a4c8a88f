package portal_test

import (
	"encoding/json"
	"testing"
	"time"

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
	pending := portal.Request{State: portal.Pending, Requester: requester, Team: team, Digest: "d",
		Plan: portal.Plan{Verdict: portal.Verdict{Approvals: []portal.ApprovalRule{{Count: 1, Groups: []string{"pay-approvers", "platform"}}}}}}
	platformOnly := pending
	platformOnly.Plan.Verdict.Approvals = []portal.ApprovalRule{{Count: 1, Groups: []string{"platform"}}}
	reviewed := pending
	reviewed.Reviews = []portal.Review{{Reviewer: actor("bob", nil).Person(), Decision: portal.ReviewApprove, Digest: "older"}}
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
		{"a platform approver", pending, actor("bob", []string{"platform"}, portal.RolePlatformApprover), 0, true},
		{"an approver of the team, where a platform approver is asked for", platformOnly, actor("bob", []string{"pay-approvers"}), portal.KindForbidden, false},
		{"a platform approver, where one is asked for", platformOnly, actor("bob", []string{"platform"}, portal.RolePlatformApprover), 0, true},
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
		{Reviewer: bob, Decision: portal.ReviewApprove, Digest: "now"},
		{Reviewer: bob, Decision: portal.ReviewApprove, Digest: "now"},
		{Reviewer: eve, Decision: portal.ReviewApprove, Digest: "before"},
		{Reviewer: requester, Decision: portal.ReviewApprove, Digest: "now"},
	}}
	if got := len(r.Approvals()); got != 1 {
		t.Errorf("%d approvals, want 1", got)
	}
}

// Whatever an approver decides on, and whatever carrying it out goes by, is in the digest.
func TestDigestChangesWithWhatWasApproved(t *testing.T) {
	t.Parallel()
	base := func() portal.Request {
		return portal.Request{
			Operation: portal.DeleteCluster, Params: portal.Params{Delete: &portal.DeleteParams{}, Target: []portal.Fact{{What: "the version", Value: "1.35"}}},
			Plan: portal.Plan{Summary: "Delete cluster web", Losses: []string{"3 nodes"}, Verdict: needs(1)}, Judged: json.RawMessage(`{"cluster": {"environment": "production"}}`),
			Team: portal.Team{ID: "pay"}, Requester: requester, TargetIDs: []string{"c-1"}, TargetID: "c-1", TargetName: "web", Justification: "it is old",
		}
	}
	was := digest(t, base())
	for name, change := range map[string]func(*portal.Request){
		"another operation": func(r *portal.Request) { r.Operation = portal.DeleteClusterDangerous },
		"another target":    func(r *portal.Request) { r.Params.Target = []portal.Fact{{What: "the version", Value: "1.36"}} },
		"another parameter": func(r *portal.Request) {
			r.Params.Delete = &portal.DeleteParams{Destroy: []portal.Resource{{Kind: portal.Volume, ID: "v"}}}
		},
		"a changed policy":      func(r *portal.Request) { r.Plan.Verdict = needs(2) },
		"another group's word":  func(r *portal.Request) { r.Plan.Verdict = needs(1, "others") },
		"another summary":       func(r *portal.Request) { r.Plan.Summary = "Rename pool a" },
		"another loss":          func(r *portal.Request) { r.Plan.Losses = nil },
		"what it was judged by": func(r *portal.Request) { r.Judged = json.RawMessage(`{"cluster": {"environment": "staging"}}`) },
		"another team":          func(r *portal.Request) { r.Team.ID = "find" },
		"another requester":     func(r *portal.Request) { r.Requester.Subject = "eve" },
		"another cluster":       func(r *portal.Request) { r.TargetIDs = []string{"c-2"} },
		"another name":          func(r *portal.Request) { r.TargetName = "api" },
		"another reason":        func(r *portal.Request) { r.Justification = "a harmless rename" },
	} {
		r := base()
		if change(&r); digest(t, r) == was {
			t.Errorf("%s leaves the digest as it was", name)
		}
	}
	r := base()
	r.Digest = was
	if err := r.CheckIntact(); err != nil {
		t.Error(err)
	}
	if r.TargetID = "c-2"; !portal.Is(r.CheckIntact(), portal.KindConflict) {
		t.Error("it would be carried out on another cluster than was looked at")
	}
}

// What was kept in the database and read again has the digest it had.
func TestDigestOutlivesTheDatabase(t *testing.T) {
	t.Parallel()
	params := portal.Params{Create: &portal.CreateParams{
		Tags:     []string{},
		Settings: portal.Settings{Firewall: portal.Firewall{Allowed: []string{}}, Autoscaler: portal.Autoscaler{Expanders: []string{}}, Components: map[string]bool{}},
		Pools:    []portal.PoolSpec{{Labels: map[string]string{}, Taints: []portal.Taint{}, Tags: []string{}}},
	}}
	b, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	var kept portal.Params
	if err := json.Unmarshal(b, &kept); err != nil {
		t.Fatal(err)
	}
	if digest(t, portal.Request{Operation: portal.CreateCluster, Params: kept, TargetIDs: []string{}}) != digest(t, portal.Request{Operation: portal.CreateCluster, Params: params}) {
		t.Error("the digest is another one")
	}
}

func digest(t *testing.T, r portal.Request) string {
	t.Helper()
	d, err := r.PlanDigest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func needs(approvals int, groups ...string) portal.Verdict {
	return portal.Verdict{Decision: portal.Approve, Approvals: []portal.ApprovalRule{{Count: approvals, Groups: groups}}}
}

// All needs must be met, and each person serves one of them.
func TestOutstanding(t *testing.T) {
	t.Parallel()
	both := portal.Verdict{Approvals: []portal.ApprovalRule{{Count: 1, Groups: []string{"team"}}, {Count: 1, Groups: []string{"platform"}}}}
	two := portal.Verdict{Approvals: []portal.ApprovalRule{{Count: 2, Groups: []string{"team", "platform"}}}}
	for _, c := range []struct {
		name        string
		verdict     portal.Verdict
		people      [][]string
		outstanding int
	}{
		{"nobody", both, nil, 2},
		{"two of the team", both, [][]string{{"team"}, {"team"}}, 1},
		{"one of each", both, [][]string{{"team"}, {"platform"}}, 0},
		{"one of each, the other way", both, [][]string{{"platform"}, {"team"}}, 0},
		{"one who is both", both, [][]string{{"team", "platform"}}, 1},
		{"one who is both, and one of the team", both, [][]string{{"team", "platform"}, {"team"}}, 0},
		{"one of the team, and one who is both", both, [][]string{{"team"}, {"team", "platform"}}, 0},
		{"two who are both", both, [][]string{{"team", "platform"}, {"platform", "team"}}, 0},
		{"strangers", both, [][]string{{"search"}, nil}, 2},
		{"two of one need", two, [][]string{{"team"}, {"platform"}}, 0},
		{"one of two", two, [][]string{{"team", "platform"}}, 1},
		{"none needed", portal.Verdict{}, nil, 0},
	} {
		got := 0
		for _, n := range c.verdict.Outstanding(c.people) {
			got += n.Count
		}
		if got != c.outstanding {
			t.Errorf("%s: %d approvals are outstanding, want %d", c.name, got, c.outstanding)
		}
	}
}

func TestDrift(t *testing.T) {
	t.Parallel()
	planned := []portal.Fact{{What: "the name", Value: "web"}, {What: "pool a", Value: "2 × s"}}
	if got := portal.Drift(planned, planned); got != "" {
		t.Errorf("nothing has changed: %q", got)
	}
	now := []portal.Fact{{What: "the name", Value: "shop"}, {What: "pool b", Value: "1 × s"}}
	want := "The target has changed: the name was web and is shop; pool a was 2 × s and is gone; pool b is new: 1 × s."
	if got := portal.Drift(planned, now); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
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
}

func TestFresh(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		at   time.Time
		want bool
	}{
		"now":                  {now, true},
		"just within":          {now.Add(-5 * time.Minute), true},
		"too old":              {now.Add(-5*time.Minute - time.Nanosecond), false},
		"by a clock ahead":     {now.Add(time.Minute), true},
		"by a clock far ahead": {now.Add(time.Minute + time.Nanosecond), false},
		"not known":            {time.Time{}, false},
		"very long ago":        {time.Unix(0, 0), false},
	} {
		if got := (portal.Actor{SignedInAt: c.at}).Fresh(now, 5*time.Minute); got != c.want {
			t.Errorf("signed in %s: %v", name, got)
		}
	}
	if (portal.Actor{}).Fresh(time.Time{}, time.Hour) {
		t.Error("what is not known is fresh before there is a time")
	}
}

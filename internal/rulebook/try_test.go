package rulebook_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
)

// team is team pay.
func (b *bundle) team() {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), `INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at) VALUES ($1::uuid, 'pay', 'Pay', 'members', 'approvers', '{"nodes": 1}', now())`, uuid.NewString())
	b.must(err)
}

const triedText = `rules:
  - name: large
    when: change.nodes > 10 || "pci" in cluster.tags
    deny: too large
  - name: account
    risks: [account]
    require: [{approvals: 2, from: [platform]}]
  - name: own
    when: '"members" in actor.groups'
    require: [{approvals: 1, from: [team]}]
    cool_off: 15m
`

// A draft answers to a request that nobody made as it would if it were in force.
func TestTryOut(t *testing.T) {
	b := setup(t)
	b.team()
	trial := func(op portal.OperationID, members map[string]string) rulebook.Tried {
		t.Helper()
		tried, err := b.book.TryOut(t.Context(), b.ada, triedText, rulebook.Trial{Operation: op, Environment: portal.Staging, Team: "pay", Members: members})
		b.must(err)
		return tried
	}
	tried := trial(portal.CreateNodePool, nil)
	if v := tried.Verdict; v.Decision != portal.Approve || !slices.Equal(v.Groups(), []string{"approvers"}) || v.Rule != "own" || tried.Line != 8 {
		t.Errorf("%+v", tried)
	}
	if !slices.Contains(tried.Terms, policy.TermText{Name: "cool-off", Text: "15m"}) {
		t.Errorf("%v", tried.Terms)
	}
	var asked []string
	for _, m := range tried.Asked {
		asked = append(asked, m.Name)
	}
	if !slices.Equal(asked, []string{"actor.groups", "cluster.tags", "change.nodes"}) {
		t.Errorf("asks for %v", asked)
	}
	for name, typed := range map[string]string{"change.nodes": "11", "cluster.tags": "web, pci"} {
		if v := trial(portal.CreateNodePool, map[string]string{name: typed}); v.Verdict.Decision != portal.Deny || v.Verdict.Reason != "too large" || v.Line != 2 || len(v.Terms) > 0 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v := trial(portal.CreateNodePool, map[string]string{"actor.groups": "others"}); v.Verdict.Decision != portal.Deny || v.Line != 0 {
		t.Errorf("%+v", v)
	}
	if v := trial(portal.AddRegistry, nil); v.Verdict.Rule != "account" || !slices.Equal(v.Verdict.Groups(), []string{"platform"}) {
		t.Errorf("%+v", v)
	}
	if got := b.states(); got != "" {
		t.Errorf("kept were %s", got)
	}
}

// What is wrong with a trial is told at its fields; a text with faults has no
// verdict; and only admins try.
func TestTrialsThatCannotBeJudged(t *testing.T) {
	b := setup(t)
	tried, err := b.book.TryOut(t.Context(), b.ada, triedText, rulebook.Trial{Operation: portal.ListClusters, Environment: "moon", Team: "none", Members: map[string]string{"change.nodes": "many"}})
	var fields []string
	for _, f := range portal.FieldErrorsOf(err) {
		fields = append(fields, f.Field)
	}
	if !slices.Equal(fields, []string{"operation", "environment", "team", "change.nodes"}) || len(tried.Asked) != 3 {
		t.Errorf("%v: %v", fields, tried)
	}
	if tried, err = b.book.TryOut(t.Context(), b.ada, "rules: []", rulebook.Trial{}); err != nil || len(tried.Faults) != 1 || tried.Verdict.Decision != "" {
		t.Errorf("%v: %v", tried, err)
	}
	_, err = b.book.TryOut(t.Context(), portal.Actor{Roles: []portal.Role{portal.RoleAuditor}}, triedText, rulebook.Trial{})
	b.wantKind(err, portal.KindForbidden)
}

// Trials are bounded with comparisons: who has used up their share waits.
func TestTrialsAreBounded(t *testing.T) {
	b := setup(t)
	b.team()
	share := store.Rate{Every: 4 * time.Millisecond, Burst: 60_000}
	b.must(share.Book(t.Context(), b.pool, "compare "+b.ada.Issuer+" "+b.ada.Subject, 200_000, now))
	_, err := b.book.TryOut(t.Context(), b.ada, triedText, rulebook.Trial{Operation: portal.CreateCluster, Environment: portal.Production, Team: "pay"})
	b.wantKind(err, portal.KindLimited)
}

// Reading a text is work on it too: who has used up their share waits for that,
// whatever is wrong with the text.
func TestReadingIsBooked(t *testing.T) {
	b := setup(t)
	share := store.Rate{Every: 4 * time.Millisecond, Burst: 60_000}
	b.must(share.Book(t.Context(), b.pool, "compare "+b.ada.Issuer+" "+b.ada.Subject, 200_000, now))
	const faulty = "rules: [{name: all, when: 'size([[[[[]]]]]) == 1'}]"
	_, err := b.book.Check(t.Context(), b.ada, faulty)
	b.wantKind(err, portal.KindLimited)
	_, err = b.book.TryOut(t.Context(), b.ada, faulty, rulebook.Trial{})
	b.wantKind(err, portal.KindLimited)
	_, err = b.book.Propose(t.Context(), b.ada, b.base(), faulty, "a note")
	b.wantKind(err, portal.KindLimited)
}

package rulebook_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
)

func TestPreview(t *testing.T) {
	b := setup(t)
	of := func(op portal.OperationID, e portal.Environment, nodes int) policy.Input {
		return policy.Input{Team: policy.Team{Slug: "pay", ApproverGroup: "team"}, Cluster: policy.Cluster{Environment: e}, Change: policy.Change{Operation: op, Risk: op.Risk(), Nodes: nodes}}
	}
	small, large, deleted, access := of(portal.CreateCluster, portal.Development, 2), of(portal.CreateCluster, portal.Development, 20),
		of(portal.DeleteCluster, portal.Development, 0), of(portal.GetKubeconfig, portal.Production, 0)
	b.insert(small, nil) // of before it was kept
	for _, in := range []policy.Input{small, large, deleted, access} {
		b.insert(in, in)
	}
	b.insert(small, map[string]any{"change": map[string]any{"operation": "gone"}})
	b.insert(small, []int{1})
	const text = `
rules:
  - {name: large, when: change.nodes > 10, deny: too large}
  - {name: access, risks: [secret], require: [{approvals: 1, from: [team, platform]}], longest_access: 30m}
  - {name: rest, allow: true}`
	c, err := b.book.Check(t.Context(), b.ada, text)
	b.must(err)
	want := rulebook.Preview{
		Requests: 7, Unknown: 3,
		Counts: []rulebook.Count{{"allowed, previously needs approval", 1}, {"denied, previously allowed", 1}, {"other terms", 1}},
		Changed: []rulebook.Changed{
			{5, "Get kubeconfig", policy.Difference{Kind: "other terms", Before: "longest access 1h", After: "longest access 30m"}},
			{4, "Delete cluster", policy.Difference{Kind: "allowed, previously needs approval", Before: "1 approval from team or platform", After: "allowed at once"}},
			{3, "Create cluster", policy.Difference{Kind: "denied, previously allowed", Before: "allowed at once", After: "denied"}},
		},
	}
	if diff := cmp.Diff(want, c.Preview); diff != "" {
		t.Error(diff)
	}
	if !does(c.Consequences, "easier:") || len(c.Faults) > 0 || c.Outdated > 0 {
		t.Errorf("%+v", c)
	}
	_, err = b.pool.Exec(t.Context(), `UPDATE requests SET state = 'pending'`)
	b.must(err)
	for text, outdated := range map[string]int{text: 5, policy.BuiltInText: 3} { // those that cannot be judged again count
		c, err := b.book.Check(t.Context(), b.ada, text)
		b.must(err)
		if c.Outdated != outdated {
			t.Errorf("%d would have to be planned again, not %d", c.Outdated, outdated)
		}
	}
	c, err = b.book.Check(t.Context(), b.ada, "rules:")
	b.must(err)
	if len(c.Faults) != 1 || c.Preview.Requests > 0 {
		t.Errorf("%+v", c)
	}
}

func TestHistoryPages(t *testing.T) {
	b := setup(t)
	for i := range 24 {
		_, err := b.book.Propose(t.Context(), []portal.Actor{b.ada, b.ben}[i%2], b.base(), fmt.Sprintf("# %d\n%s", i, policy.BuiltInText), "a comment")
		b.must(err)
	}
	first, next, err := b.book.History(t.Context(), 0)
	b.must(err)
	second, end, err := b.book.History(t.Context(), next)
	b.must(err)
	if len(first) != 20 || next != 6 || len(second) != 5 || end != 0 || first[0].Version != 25 || second[4].Version != 1 {
		t.Errorf("%d, %d, %d, %d", len(first), next, len(second), end)
	}
	if _, err := b.book.InForce(t.Context(), b.pool); err != nil {
		t.Error(err)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	tests := []struct{ before, after, want string }{
		{"", "", ""},
		{"", "a\nb\n", "+a +b"},
		{"a\nb\n", "a\nb", " a  b"},
		{"a\nb\nc\n", "a\nc\n", " a -b  c"},
		{"a\nb\nc\nd\n", "a\nx\nc\ny\nd\n", " a -b +x  c +y  d"},
		{"a\nb\n", "", "-a -b"},
		{"x\na\nb\n", "a\nb\nx\n", "-x  a  b +x"},
		{"a" + strings.Repeat("\nq", 3000) + "\nz", "b" + strings.Repeat("\np", 3000) + "\nz", "-a" + strings.Repeat(" -q", 3000) + " +b" + strings.Repeat(" +p", 3000) + "  z"},
	}
	for _, tt := range tests {
		var words []string
		lines, err := rulebook.Diff(tt.before, tt.after)
		if err != nil {
			t.Error(err)
		}
		for _, l := range lines {
			words = append(words, string(l.Sign)+l.Text)
		}
		if got := strings.Join(words, " "); got != tt.want {
			t.Errorf("%.40q and %.40q: %.200q, want %.200q", tt.before, tt.after, got, tt.want)
		}
	}
}

// A policy in force that cannot be read lets nothing through, and can be
// mended by two admins.
func TestUnreadablePolicy(t *testing.T) {
	b := setup(t)
	b.must(b.book.Ensure(t.Context()))
	_, err := b.pool.Exec(t.Context(), `UPDATE policies SET text = 'rules: [{name: a, allowed: true}]'`)
	b.must(err)
	_, err = b.book.InForce(t.Context(), b.pool)
	b.wantKind(err, portal.KindUnavailable)
	p, err := b.book.Propose(t.Context(), b.ada, b.base(), policy.BuiltInText, "as it was")
	b.must(err)
	if p.State != portal.PolicyProposed {
		t.Errorf("%+v", p)
	}
	b.must(b.book.Decide(t.Context(), b.ben, p.Version, true))
	if got := b.decision(); got != "2 1 approval from team or platform" {
		t.Error(got)
	}
}

// Whoever has dear drafts compared waits for that, and keeps nobody else waiting.
func TestComparisonsOfOnePersonAreBounded(t *testing.T) {
	b := setup(t)
	_, err := b.book.Check(t.Context(), b.ada, policy.BuiltInText)
	b.must(err)
	_, err = b.pool.Exec(t.Context(), `UPDATE rate_limits SET booked_until = booked_until + '4 minutes'`) // as if it had taken one
	b.must(err)
	_, err = b.book.Check(t.Context(), b.ada, policy.BuiltInText)
	b.wantKind(err, portal.KindLimited)
	_, err = b.book.Check(t.Context(), b.ben, policy.BuiltInText)
	b.must(err)
}

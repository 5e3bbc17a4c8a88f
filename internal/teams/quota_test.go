package teams_test

import (
	"slices"
	"strings"
	"testing"

	"doksportal/internal/portal"
	"doksportal/internal/teams"
)

// A quota below what the team uses keeps it from creating anything, and nobody's
// approval helps. Who sets one is told before, and the team after.
func TestQuotaBelowUseIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	told := func() (n int) {
		t.Helper()
		must(t, b.Pool.QueryRow(t.Context(), `SELECT count(*) FROM notifications WHERE kind = 'team_changed'`).Scan(&n))
		return n
	}
	for _, tt := range []struct {
		nodes, sizes string
		fields       []string
	}{
		{"2", "s 2", nil}, {"1", "s 2", []string{"nodes"}}, {"2", "s 1", []string{"sizes"}}, {"0", "s 0", []string{"nodes", "sizes"}},
	} {
		_, err := quota(tt.nodes, tt.sizes)(b, b.admin("ada"))
		var fields []string
		for _, f := range portal.FieldErrorsOf(err) {
			fields = append(fields, f.Field)
			if !strings.Contains(f.Message, "uses 2 ") {
				t.Errorf("%q", f.Message)
			}
		}
		if !slices.Equal(fields, tt.fields) {
			t.Errorf("%s nodes, %q: %v", tt.nodes, tt.sizes, err)
		}
	}
	if got := may(b.team("pay").Quota, portal.AllNodes); got != 2 || told() != 1 {
		t.Errorf("the quota is %d nodes, and the team was told %d times", got, told())
	}
	_, err := b.edit(b.admin("ada"), "pay", func(in *teams.Input) { in.Quota, in.BelowUse = typed("0", "s 0"), true })
	must(t, err)
	if got := b.team("pay").Quota; may(got, portal.AllNodes) != 0 || may(got, portal.NodesOf("s")) != 0 || told() != 2 {
		t.Errorf("%+v, and the team was told %d times", got, told())
	}
}

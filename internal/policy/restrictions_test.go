package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"doksportal/internal/policy"
)

// Whatever a condition says, a rule that denies what could pass is told: around
// requests that are made up to try a policy somebody can write one.
func TestDenials(t *testing.T) {
	t.Parallel()
	before := policy.BuiltIn()
	for _, condition := range []string{
		"quota.before < 10 || quota.before > 17", `!cluster.name.matches("^cp[0-9a-f]{8}$")`, "change.nodes == 0", "size(change.fields) != 1",
		"cost.before != 48.0 * double(quota.before - 8)", `cluster.name == "one-of-many"`,
	} {
		text := strings.Replace(policy.BuiltInText, "rules:\n", fmt.Sprintf("rules:\n  - {name: tidy, risks: [change, secret], when: '%s', deny: not now}\n", condition), 1)
		now := must(t, text)
		if got := policy.Denials(t.Context(), before, now); len(got) == 0 || !strings.Contains(got[0], "“tidy”") {
			t.Errorf("%s: %q", condition, got)
		}
		if got := policy.Denials(t.Context(), now, now); len(got) > 0 {
			t.Errorf("%s, as before: %q", condition, got)
		}
		if got := policy.Denials(t.Context(), now, before); len(got) > 0 {
			t.Errorf("%s, taken back: %q", condition, got)
		}
	}
}

// What two admins have agreed on for a few requests, one does not spread to all:
// waits and people who decide are compared outcome by outcome of the conditions.
func TestNarrowRulesDoNotSpread(t *testing.T) {
	t.Parallel()
	const narrow = `rules:
  - {name: narrow, risks: [change], when: 'cost.change > 100000.0', require: [{approvals: 1, from: [team, 'group:sre']}], cool_off: 7d}
  - {name: wide, risks: [change], require: [{approvals: 1, from: [team]}]}
`
	before := must(t, narrow)
	for from, to := range map[string]string{
		"from: [team]}]}\n": "from: [team]}], cool_off: 7d}\n",
		"from: [team]}]}":   "from: [team]}, {approvals: 1, from: ['group:sre']}]}",
	} {
		now := must(t, strings.Replace(narrow, from, to, 1))
		got := append(policy.Delays(t.Context(), before, now), policy.Newcomers(t.Context(), before, now)...)
		if len(got) != 1 || !strings.Contains(got[0], "“wide”") {
			t.Errorf("%s: %q", to, got)
		}
	}
}

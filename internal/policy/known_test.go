package policy_test

import (
	"strings"
	"testing"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// Requests that were made tell what a condition comes to, operation by operation,
// when there are enough of them.
func TestFreezesWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	builtIn := policy.BuiltIn()
	draft := must(t, strings.Replace(policy.BuiltInText, "rules:\n", "rules:\n  - {name: freeze, when: '\"Good for\" in change.fields', deny: frozen}\n", 1))
	made := func(op portal.OperationID, n int) []policy.Input {
		var list []policy.Input
		for range n {
			in := input(op, portal.Development, false)
			in.Change.Fields = []string{"Good for"}
			list = append(list, in)
		}
		return list
	}
	others := make([]policy.Input, 0, 30)
	for range 30 {
		others = append(others, input(portal.CreateCluster, portal.Development, false))
	}
	got := policy.Freezes(t.Context(), builtIn, draft, nil, append(made(portal.GetKubeconfig, 10), others...))
	if len(got) != 1 || !strings.HasPrefix(got[0], "Get kubeconfig: most") {
		t.Errorf("%q", got)
	}
	if got := policy.Freezes(t.Context(), builtIn, draft, nil, made(portal.GetKubeconfig, 9)); len(got) > 0 {
		t.Errorf("of few: %q", got)
	}
	if got := policy.Freezes(t.Context(), draft, draft, nil, made(portal.GetKubeconfig, 10)); len(got) > 0 {
		t.Errorf("as before: %q", got)
	}
}

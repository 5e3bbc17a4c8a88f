package policy_test

import (
	"strings"
	"testing"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// Who denies all requests of a kind is told.
func TestStops(t *testing.T) {
	t.Parallel()
	read := func(text string) *policy.Policy {
		p := must(t, text)
		p.PlatformApprovers = "platform"
		return p
	}
	allow := read("rules: [{name: all, allow: true}]")
	known := func() *policy.Known {
		return &policy.Known{
			Teams:  map[string]string{"pay": "pay-approvers", "web": "web-approvers"},
			People: [][]string{{"sre", "pay-approvers"}, {"pay-approvers"}, {"web-approvers"}, {"platform"}},
		}
	}
	tests := []struct {
		name, text string
		stops      bool
	}{
		{"everything", "rules: [{name: none, deny: closed}]", true},
		{"under a condition and otherwise", "rules: [{name: a, when: cluster.ha, deny: x}, {name: b, deny: y}]", true},
		{"one operation", "rules: [{name: a, operations: [create_cluster], deny: x}, {name: b, allow: true}]", true},
		{"one team", "rules: [{name: a, teams: [pay], deny: x}, {name: b, allow: true}]", true},
		{"no rule that matches", "rules: [{name: b, environments: [production], allow: true}]", true},
		{"under a condition that is always true", "rules: [{name: a, when: '1 < 2', deny: x}, {name: b, allow: true}]", true},
		{"but under a condition that is never true", "rules: [{name: a, when: 'false', allow: true}, {name: b, deny: x}]", true},
		{"under a condition that is never true", "rules: [{name: a, when: 'false', deny: x}, {name: b, allow: true}]", false},
		{"all but what nobody can approve", "rules: [{name: a, require: [{approvals: 1, from: ['group:ghosts']}]}]", true},
		{"all but what somebody can approve", "rules: [{name: a, require: [{approvals: 1, from: ['group:ghosts', 'group:sre']}]}]", false},
		{"all but what a team or the platform can approve", "rules: [{name: a, require: [{approvals: 1, from: [team]}, {approvals: 1, from: [platform]}]}]", false},
		{"all but what needs more people than a team has", "rules: [{name: a, require: [{approvals: 2, from: [team]}]}]", true},
		{"all but what needs more people than a team has, for another", "rules: [{name: a, teams: [pay], require: [{approvals: 2, from: [team]}]}, {name: b, allow: true}]", false},
		{"all but what needs one person twice", "rules: [{name: a, teams: [pay], require: [{approvals: 2, from: [team]}, {approvals: 1, from: ['group:sre']}]}, {name: b, allow: true}]", true},
		{"all but what a team that is to come can approve", "rules: [{name: a, teams: [new], require: [{approvals: 9, from: [team]}]}, {name: b, allow: true}]", false},
		{"under a condition alone", "rules: [{name: a, when: cluster.ha, deny: x}, {name: b, allow: true}]", false},
		{"but under a condition", "rules: [{name: a, when: cluster.ha, allow: true}, {name: b, deny: x}]", false},
		{"nothing that could be asked for", "rules: [{name: a, operations: [list_clusters], deny: x}, {name: b, allow: true}]", false},
	}
	for _, tt := range tests {
		if got := policy.Stops(t.Context(), allow, read(tt.text), known()); (len(got) > 0) != tt.stops {
			t.Errorf("%s: %q", tt.name, got)
		}
		if got := policy.Stops(t.Context(), read(tt.text), read(tt.text), known()); len(got) > 0 {
			t.Errorf("%s, as before: %q", tt.name, got)
		}
	}
	if got := policy.Stops(t.Context(), nil, read("rules: [{name: none, deny: closed}]"), nil); len(got) != 1 || !strings.HasPrefix(got[0], "Cr") && !strings.Contains(got[0], "no request can pass") {
		t.Errorf("without another policy: %q", got)
	}
	builtIn := policy.BuiltIn()
	builtIn.PlatformApprovers = "platform"
	if got := policy.Stops(t.Context(), nil, builtIn, nil); len(got) > 0 {
		t.Errorf("the built-in policy: %q", got)
	}
	if portal.OperationID("list_clusters").Title() == "" {
		t.Error("there is no such operation")
	}
}

// Where a policy stops some of the teams that it does not tell apart, those are
// named.
func TestStopsNamesTeams(t *testing.T) {
	t.Parallel()
	known := &policy.Known{Teams: map[string]string{"pay": "pay-approvers", "web": "web-approvers"}, People: [][]string{{"pay-approvers"}, {"pay-approvers"}, {"web-approvers"}}}
	one, two := must(t, "rules: [{name: a, require: [{approvals: 1, from: [team]}]}]"), must(t, "rules: [{name: a, require: [{approvals: 2, from: [team]}]}]")
	got := strings.Join(policy.Stops(t.Context(), one, two, known), " ")
	if !strings.Contains(got, "of team web") || strings.Contains(got, "pay") || strings.Contains(got, "other teams") {
		t.Errorf("%q", got)
	}
}

// A term cannot be so short or so long that it denies.
func TestTermsAreBounded(t *testing.T) {
	t.Parallel()
	for _, terms := range []string{"waits: 59m", "holds: 1s", "cool_off: 8d"} {
		_, faults := policy.Parse([]byte("defaults: {" + terms + "}\nrules: [{name: all, allow: true}]\n"))
		if len(faults) != 1 || !strings.Contains(faults[0].String(), "out of range") {
			t.Errorf("%s: %v", terms, faults)
		}
	}
}

package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"doksportal/internal/policy"
)

// A policy that denies all requests of a kind is told.
func TestDeniedAltogether(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		denied     bool
	}{
		{"everything", "rules: [{name: none, deny: closed}]", true},
		{"under a condition and otherwise", "rules: [{name: a, when: cluster.ha, deny: x}, {name: b, deny: y}]", true},
		{"one operation", "rules: [{name: a, operations: [create_cluster], deny: x}, {name: b, allow: true}]", true},
		{"one team", "rules: [{name: a, teams: [pay], deny: x}, {name: b, allow: true}]", true},
		{"no rule that matches", "rules: [{name: b, environments: [production], allow: true}]", true},
		{"under a condition that is always true", "rules: [{name: a, when: '1 < 2', deny: x}, {name: b, allow: true}]", true},
		{"but under a condition that is never true", "rules: [{name: a, when: 'false', allow: true}, {name: b, deny: x}]", true},
		{"under a condition that is never true", "rules: [{name: a, when: 'false', deny: x}, {name: b, allow: true}]", false},
		{"under a condition alone", "rules: [{name: a, when: cluster.ha, deny: x}, {name: b, allow: true}]", false},
		{"but under a condition", "rules: [{name: a, when: cluster.ha, allow: true}, {name: b, deny: x}]", false},
		{"nothing that could be asked for", "rules: [{name: a, operations: [list_clusters], deny: x}, {name: b, allow: true}]", false},
		{"nothing", policy.BuiltInText, false},
	}
	for _, tt := range tests {
		if got := policy.DeniedAltogether(t.Context(), must(t, tt.text)); (len(got) > 0) != tt.denied {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

// Whoever asks for approvals that nobody can give is told, whatever conditions
// stand before.
func TestStops(t *testing.T) {
	t.Parallel()
	read := func(text string) *policy.Policy {
		p := must(t, text)
		p.PlatformApprovers = "platform"
		return p
	}
	known := func() *policy.Known {
		return &policy.Known{
			Teams:  map[string]string{"pay": "pay-approvers", "web": "web-approvers"},
			People: [][]string{{"sre", "pay-approvers"}, {"pay-approvers"}, {"web-approvers"}, {"platform"}},
		}
	}
	const (
		allow = "rules: [{name: all, allow: true}]"
		small = "rules: [{name: small, when: change.nodes < 0, require: [{approvals: 1, from: [team]}]}, {name: b, require: [{approvals: %d, from: [team]}]}]"
		cards = "rules: [{name: registries, risks: [account], require: [{approvals: 1, from: [platform]}%s]}, {name: b, allow: true}]"
	)
	tests := []struct {
		name, before, after string
		stops               bool
	}{
		{"a group in which nobody is", allow, "rules: [{name: a, require: [{approvals: 1, from: ['group:ghosts']}]}]", true},
		{"or somebody", allow, "rules: [{name: a, require: [{approvals: 1, from: ['group:ghosts', 'group:sre']}]}]", false},
		{"a team and the platform", allow, "rules: [{name: a, operations: [create_cluster], require: [{approvals: 1, from: [team]}, {approvals: 1, from: [platform]}]}, {name: b, allow: true}]", false},
		{"more people than a team has", allow, "rules: [{name: a, require: [{approvals: 2, from: [team]}]}]", true},
		{"more people than another team has", allow, "rules: [{name: a, teams: [pay], require: [{approvals: 2, from: [team]}]}, {name: b, allow: true}]", false},
		{"one person twice", allow, "rules: [{name: a, teams: [pay], require: [{approvals: 2, from: [team]}, {approvals: 1, from: ['group:sre']}]}, {name: b, allow: true}]", true},
		{"all but one of those there are", allow, "rules: [{name: a, teams: [pay], require: [{approvals: 3, from: [team, platform]}]}, {name: b, allow: true}]", true},
		{"fewer than there are", allow, "rules: [{name: a, teams: [pay], require: [{approvals: 3, from: [team, platform, 'group:web-approvers']}]}, {name: b, allow: true}]", false},
		{"a team that is to come", allow, "rules: [{name: a, teams: [new], require: [{approvals: 9, from: [team]}]}, {name: b, allow: true}]", false},
		{"behind a condition", fmt.Sprintf(small, 1), fmt.Sprintf(small, 9), true},
		{"a denial, which is told as one", allow, "rules: [{name: a, deny: x}]", false},
		{"a team where there is none", fmt.Sprintf(cards, ""), fmt.Sprintf(cards, ", {approvals: 1, from: [team]}"), true},
	}
	for _, tt := range tests {
		if got := policy.Stops(t.Context(), read(tt.before), read(tt.after), known()); (len(got) > 0) != tt.stops {
			t.Errorf("%s: %q", tt.name, got)
		}
		if got := policy.Stops(t.Context(), read(tt.after), read(tt.after), known()); len(got) > 0 {
			t.Errorf("%s, as before: %q", tt.name, got)
		}
	}
	if got := policy.Stops(t.Context(), must(t, fmt.Sprintf(cards, "")), must(t, fmt.Sprintf(cards, ", {approvals: 1, from: [team]}")), nil); len(got) == 0 {
		t.Error("an approval that nobody could give is not told where nothing is known of people")
	}
	if got := policy.Stops(t.Context(), must(t, allow), must(t, "rules: [{name: a, operations: [create_cluster], require: [{approvals: 9, from: [team, platform]}]}, {name: b, allow: true}]"), nil); len(got) > 0 {
		t.Errorf("where nothing is known of people: %q", got)
	}
}

// Where a policy stops some of the teams that it does not tell apart, those are
// named.
func TestStopsNamesTeams(t *testing.T) {
	t.Parallel()
	known := &policy.Known{Teams: map[string]string{"pay": "pay-approvers", "web": "web-approvers"}, People: [][]string{{"pay-approvers"}, {"pay-approvers"}, {"web-approvers"}}}
	one, two := must(t, "rules: [{name: a, require: [{approvals: 1, from: [team]}]}]"), must(t, "rules: [{name: a, require: [{approvals: 2, from: [team]}]}]")
	got := strings.Join(policy.Stops(t.Context(), one, two, known), " ")
	if !strings.Contains(got, "team web") || strings.Contains(got, "pay") || strings.Contains(got, "other teams") {
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

package policy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

const day = 24 * time.Hour

// No stand-in decides on what is dangerous unless the rule itself says so, and
// everywhere else for two weeks.
func TestStandIns(t *testing.T) {
	t.Parallel()
	const every = "rules: [{name: a, require: [{approvals: 1, from: [team]}]"
	tests := []struct {
		text                      string
		usual, dangerous, longest time.Duration
	}{
		{every + "}]", 14 * day, 0, 14 * day},
		{every + ", stand_in: 3d}]", 3 * day, 3 * day, 3 * day},
		{every + ", stand_in: 0s}]", 0, 0, 0},
		{"defaults: {stand_in: 30d}\n" + every + "}]", 30 * day, 0, 30 * day},
		{"defaults: {stand_in: 0s}\n" + every + "}]", 0, 0, 0},
		{"defaults: {stand_in: 0s}\n" + every + ", stand_in: 1d}]", day, day, day},
		{"rules: [{name: a, risks: [dangerous], require: [{approvals: 1, from: [team]}]}, {name: b, allow: true}]", 14 * day, 0, 0},
	}
	for _, tt := range tests {
		p := must(t, tt.text)
		p.PlatformApprovers = "platform"
		for op, want := range map[portal.OperationID]time.Duration{portal.DeleteCluster: tt.usual, portal.DeleteClusterDangerous: tt.dangerous, portal.DeleteClusterSelective: tt.dangerous} {
			if got := p.Judge(input(op, portal.Production, false)).StandIn; got != want {
				t.Errorf("%s: on %s for %s, want %s", tt.text, op, got, want)
			}
		}
		if got := p.LongestStandIn(); got != tt.longest {
			t.Errorf("%s: the longest is %s, want %s", tt.text, got, tt.longest)
		}
	}
	if got := policy.BuiltIn().LongestStandIn(); got != 14*day {
		t.Errorf("the built-in policy: %s", got)
	}
}

// Stand-ins who may decide for longer, or on more, take a second admin.
func TestMoreOfStandInsIsARelaxation(t *testing.T) {
	t.Parallel()
	const every = "rules: [{name: a, require: [{approvals: 1, from: [team]}]"
	tests := []struct {
		before, after string
		relaxed       string // part of what is said; empty: nothing is
	}{
		{every + "}]", every + ", stand_in: 15d}]", "a stand-in may decide for up to 15d, previously 14d"},
		{every + "}]", every + ", stand_in: 14d}]", "a stand-in may decide for up to 14d, previously 0m"}, // on what is dangerous
		{every + "}]", "defaults: {stand_in: 14d}\n" + every + "}]", ""},
		{every + "}]", "defaults: {stand_in: 15d}\n" + every + "}]", "a stand-in may decide for up to 15d"},
		{every + "}]", every + ", stand_in: 1d}]", "Delete cluster and all its resources"},
		{every + ", stand_in: 3d}]", every + ", stand_in: 0s}]", ""},
		{every + ", stand_in: 3d}]", every + "}]", "a stand-in may decide for up to 14d, previously 3d"},
	}
	for _, tt := range tests {
		got := strings.Join(policy.Relaxations(context.Background(), must(t, tt.before), must(t, tt.after)), " ")
		if (got == "") != (tt.relaxed == "") || !strings.Contains(got, tt.relaxed) {
			t.Errorf("%s, then %s: %q, want %q", tt.before, tt.after, got, tt.relaxed)
		}
	}
}

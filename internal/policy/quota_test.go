package policy_test

import (
	"slices"
	"strings"
	"testing"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// Only a rule that names the operation lets a team have more, and never without
// approval: the rules about all operations were not written for it.
func TestOnlyNamedRulesRaiseQuotas(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]portal.Decision{
		"rules: [{name: all, allow: true}]":                                                                                  portal.Deny,
		"rules: [{name: changes, risks: [change], allow: true}]":                                                             portal.Deny,
		"rules: [{name: all, require: [{approvals: 1, from: [team]}]}]":                                                      portal.Deny,
		"rules: [{name: own, operations: [raise_quota], require: [{approvals: 1, from: [team]}]}]":                           portal.Approve,
		"rules: [{name: own, operations: [raise_quota], risks: [change], require: [{approvals: 1, from: [team]}]}]":          portal.Approve,
		"rules: [{name: own, operations: [raise_quota], deny: Ask us.}, {name: all, allow: true}]":                           portal.Deny,
		"rules: [{name: own, operations: [raise_quota], teams: [web], require: [{approvals: 1, from: [team]}]}]":             portal.Deny,
		"rules: [{name: all, allow: true}, {name: own, operations: [raise_quota], require: [{approvals: 1, from: [team]}]}]": portal.Approve,
	} {
		if v := must(t, text).Judge(input(portal.RaiseQuota, "", false)); v.Decision != want {
			t.Errorf("%s: %s, want %s", text, v.Decision, want)
		}
	}
	if v := policy.BuiltIn(); len(v.Judge(input(portal.RaiseQuota, "", false)).Approvals) != 0 {
		t.Error("the built-in policy asks for approvals of nobody")
	}
	own := policy.BuiltIn()
	own.PlatformApprovers = "platform"
	if v := own.Judge(input(portal.RaiseQuota, "", false)); v.Decision != portal.Approve || len(v.Approvals) != 1 || !slices.Equal(v.Approvals[0].Groups, []string{"platform"}) || v.Temporary {
		t.Errorf("the built-in policy: %+v", v)
	}
	if list := faults(t, "rules: [{name: own, operations: [create_cluster, raise_quota], allow: true}]"); len(list) != 1 || !strings.Contains(list[0], "never allowed without approval") {
		t.Errorf("without approval: %q", list)
	}
}

// A policy under which a quota may be raised for longer, for good, or at all, takes
// a second admin, and says so of that operation alone.
func TestMoreQuotaIsARelaxation(t *testing.T) {
	t.Parallel()
	const all = "{name: all, require: [{approvals: 1, from: [team]}]}"
	rule := func(more string) string {
		return "rules: [{name: own, operations: [raise_quota], require: [{approvals: 1, from: [platform]}]" + more + "}, " + all + "]"
	}
	tests := []struct{ before, after, says string }{
		{rule(""), rule(""), ""},
		{"rules: [" + all + "]", rule(""), "previously"},
		{rule(""), rule(", longest_grant: 31d"), "a quota is raised for up to 31d, previously 30d"},
		{rule(""), rule(", longest_grant: 2d"), ""},
		{rule(", temporary: true"), rule(""), "a quota may be raised for good"},
		{rule(""), rule(", temporary: true"), ""},
		{"rules: [" + all + "]", "defaults: {longest_grant: 60d}\nrules: [" + all + "]", ""},
	}
	for _, tt := range tests {
		old, now := must(t, tt.before), must(t, tt.after)
		got := policy.Relaxations(t.Context(), old, now)
		if (len(got) > 0) != (tt.says != "") || len(got) > 1 || len(got) == 1 && (!strings.Contains(got[0], tt.says) || !strings.HasPrefix(got[0], "Raise quota ")) {
			t.Errorf("from %s to %s: %q", tt.before, tt.after, got)
		}
	}
}

// A policy under which a cluster may be kept for longer, or until somebody deletes it,
// takes a second admin. A rule about all changes speaks of extensions too.
func TestALongerLeaseIsARelaxation(t *testing.T) {
	t.Parallel()
	rules := func(lease string) string {
		return "rules: [{name: own, risks: [change], allow: true" + lease + "}, {name: rest, deny: no}]"
	}
	for _, tt := range []struct{ before, after, says string }{
		{rules(", longest_lease: 14d"), rules(", longest_lease: 14d"), ""},
		{rules(", longest_lease: 14d"), rules(", longest_lease: 15d"), "a cluster is kept for up to 15d, previously 14d"},
		{rules(", longest_lease: 14d"), rules(""), "a cluster is kept until somebody deletes it, previously for up to 14d"},
		{rules(", longest_lease: 14d"), rules(", longest_lease: 0s"), "until somebody deletes it"},
		{rules(""), rules(", longest_lease: 14d"), ""},
	} {
		got := policy.Relaxations(t.Context(), must(t, tt.before), must(t, tt.after))
		if (len(got) > 0) != (tt.says != "") || len(got) > 1 || len(got) == 1 && (!strings.Contains(got[0], tt.says) || !strings.HasPrefix(got[0], "Create cluster, Extend lease in ")) {
			t.Errorf("from %s to %s: %q", tt.before, tt.after, got)
		}
	}
	if list := faults(t, rules(", longest_lease: 1h")); len(list) != 1 || !strings.Contains(list[0], "a day") {
		t.Errorf("a lease of an hour: %q", list)
	}
	if v := must(t, rules("")).Judge(input(portal.ExtendLease, portal.Development, false)); v.Decision != portal.Allow {
		t.Errorf("a rule about changes says of an extension: %s", v.Reason)
	}
}

package portal

import "testing"

func TestOwnershipRuleMatches(t *testing.T) {
	t.Parallel()
	c := ClusterSummary{Name: "web-prod-1", Tags: []string{"k8s", "Team-Pay", "blue"}}
	for pattern, want := range map[string]bool{
		"web-prod-1": true, "WEB-prod-1": true, "web-*": true, "*-1": true, "*prod*": true, "w*b-*1": true, "web-prod-1*": true, "*": true, "**": true,
		"web": false, "web-prod": false, "*prod": false, "prod*": false, "web*web-prod-1": false, "web-prod-1*1": false, "": false, "?eb-prod-1": false, "[w]eb*": false,
	} {
		if got := (OwnershipRule{Kind: RuleByName, Pattern: pattern}).Matches(c); got != want {
			t.Errorf("name %q: %t", pattern, got)
		}
	}
	for pattern, want := range map[string]bool{"blue": true, "team-pay": true, "team-*": true, "blu": false, "web-*": false, "red": false} {
		if got := (OwnershipRule{Kind: RuleByTag, Pattern: pattern}).Matches(c); got != want {
			t.Errorf("tag %q: %t", pattern, got)
		}
	}
}

func TestProposeOwners(t *testing.T) {
	t.Parallel()
	rules := []OwnershipRule{
		{Kind: RuleByName, Pattern: "web-*", TeamID: "pay", Environment: Staging},
		{Kind: RuleByTag, Pattern: "blue", TeamID: "pay", Environment: Staging},
		{Kind: RuleByTag, Pattern: "red", TeamID: "find", Environment: Staging},
		{Kind: RuleByTag, Pattern: "prod", TeamID: "pay", Environment: Production},
	}
	list := ProposeOwners(rules, []ClusterSummary{
		{ID: "both", Name: "web-1", Tags: []string{"blue"}}, {ID: "none", Name: "x"}, {ID: "teams", Name: "web-2", Tags: []string{"red"}},
		{ID: "environments", Name: "web-3", Tags: []string{"prod"}}, {ID: "one", Name: "x", Tags: []string{"red"}},
	})
	got := map[string]bool{}
	for _, p := range list {
		got[p.Cluster.ID] = p.Agreed()
	}
	want := map[string]bool{"both": true, "teams": false, "environments": false, "one": true}
	if len(got) != len(want) {
		t.Errorf("proposed for %v", got)
	}
	for id, agreed := range want {
		if got[id] != agreed {
			t.Errorf("%s: agreed %t", id, got[id])
		}
	}
}

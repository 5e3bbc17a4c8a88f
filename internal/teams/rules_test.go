package teams_test

import (
	"fmt"
	"strings"
	"testing"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
	"doksportal/internal/teams"
)

func rule(kind portal.RuleKind, pattern, slug string) teams.RuleInput {
	return teams.RuleInput{Kind: string(kind), Pattern: pattern, Slug: slug, Environment: "staging"}
}

// proposed is for whom each cluster that nobody owns is proposed.
func (b *bundle) proposed() string {
	b.t.Helper()
	list, err := b.ProposedOwners(b.t.Context(), b.admin("ada"))
	must(b.t, err)
	text := ""
	for _, p := range list {
		text += p.Cluster.Name + ":"
		for _, r := range p.Rules {
			text += r.TeamSlug
		}
		text += " "
	}
	return strings.TrimSpace(text)
}

// A rule proposes, for what nobody owns and nobody has proposed already, and is on the
// trail when it comes and goes.
func TestRules(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	ids := b.unowned(2)
	if got := b.proposed(); got != "" {
		t.Errorf("without rules: %q", got)
	}
	byName, err := b.AddRule(t.Context(), b.admin("ada"), rule(portal.RuleByName, " lost-* ", "pay"))
	must(t, err)
	if byName.Pattern != "lost-*" || byName.TeamName != "pay" || byName.CreatedBy != "ada" {
		t.Errorf("kept as %+v", byName)
	}
	_, err = b.AddRule(t.Context(), b.admin("bea"), rule(portal.RuleByName, "*-00", "find"))
	must(t, err)
	_, err = b.AddRule(t.Context(), b.admin("bea"), rule(portal.RuleByName, "web", "find")) // which team pay owns
	must(t, err)
	if got := b.proposed(); got != "lost-00:findpay lost-01:pay" {
		t.Errorf("proposed: %q", got)
	}
	if b.cluster(ids[1]).TeamID != "" {
		t.Error("a rule gives clusters to a team by itself")
	}
	if list, err := b.AssignUnowned(t.Context(), b.admin("ada"), ids[1:], to("pay", portal.Staging)); err != nil || !list[0].Proposed {
		t.Fatalf("what rules propose does not take a second admin: %+v, %v", list, err)
	}
	if got := b.proposed(); got != "lost-00:findpay" {
		t.Errorf("proposed while one waits for a second admin: %q", got)
	}
	_, err = b.RemoveRule(t.Context(), b.admin("bea"), byName.ID)
	must(t, err)
	if got := b.proposed(); got != "lost-00:find" {
		t.Errorf("proposed: %q", got)
	}
	_, err = b.RemoveRule(t.Context(), b.admin("bea"), byName.ID)
	wantKind(t, err, portal.KindNotFound)
	events, err := audit.Search(t.Context(), b.Pool, portal.EventFilter{Kind: portal.EventOwnershipRule, Limit: 10})
	must(t, err)
	if len(events) != 4 || events[0].Summary != "bea removed a rule: clusters with name lost-* are no longer proposed for team pay (staging)" ||
		events[3].Summary != "ada added a rule: clusters with name lost-* are proposed for team pay (staging)" || events[3].TeamID != b.team("pay").ID {
		t.Errorf("on the trail: %+v", events)
	}
}

func TestBadRules(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	_, err := b.AddRule(t.Context(), b.admin("ada"), rule(portal.RuleByTag, "blue", "pay"))
	must(t, err)
	for field, list := range map[string][]teams.RuleInput{
		"kind": {rule("", "x", "pay"), rule("region", "x", "pay")},
		"pattern": {rule(portal.RuleByName, "", "pay"), rule(portal.RuleByName, " ", "pay"), rule(portal.RuleByName, "*", "pay"), rule(portal.RuleByTag, "***", "pay"),
			rule(portal.RuleByTag, "k8s", "pay"), rule(portal.RuleByTag, "k*", "pay"), rule(portal.RuleByTag, "k8s:*", "pay"), rule(portal.RuleByTag, "blue", "find"),
			rule(portal.RuleByName, strings.Repeat("x", 256), "pay"), rule(portal.RuleByName, "we\u200bb", "pay"), rule(portal.RuleByName, "a\nb", "pay")},
		"team":        {rule(portal.RuleByName, "x", ""), rule(portal.RuleByName, "x", "nobody")},
		"environment": {{Kind: "name", Pattern: "x", Slug: "pay"}, {Kind: "name", Pattern: "x", Slug: "pay", Environment: "moon"}},
	} {
		for _, in := range list {
			_, err := b.AddRule(t.Context(), b.admin("ada"), in)
			if faults := portal.FieldErrorsOf(err); len(faults) != 1 || faults[0].Field != field || faults[0].Message == "" {
				t.Errorf("%+v: %v", in, err)
			}
		}
	}
	for i := range 99 {
		_, err := b.AddRule(t.Context(), b.admin("ada"), rule(portal.RuleByName, fmt.Sprint("c-", i), "pay"))
		must(t, err)
	}
	_, err = b.AddRule(t.Context(), b.admin("ada"), rule(portal.RuleByName, "one-more", "pay"))
	wantKind(t, err, portal.KindLimited)
}

func TestRulesAreForAdmins(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	r, err := b.AddRule(t.Context(), b.admin("ada"), rule(portal.RuleByTag, "blue", "pay"))
	must(t, err)
	member := b.admin("mia", "pay")
	member.Roles = []portal.Role{portal.RolePlatformApprover, portal.RoleAuditor}
	_, err = b.AddRule(t.Context(), member, rule(portal.RuleByTag, "red", "pay"))
	wantKind(t, err, portal.KindForbidden)
	_, err = b.RemoveRule(t.Context(), member, r.ID)
	wantKind(t, err, portal.KindForbidden)
	_, err = b.Rules(t.Context(), member)
	wantKind(t, err, portal.KindForbidden)
	_, err = b.ProposedOwners(t.Context(), member)
	wantKind(t, err, portal.KindForbidden)
}

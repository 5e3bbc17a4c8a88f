package policy

import (
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// rule is one rule of a policy.
type rule struct {
	name         string
	line         int                         // at which it begins
	operations   map[portal.OperationID]bool // that it speaks of
	environments []portal.Environment        // empty: all
	teams        []string                    // slugs; empty: all
	when         *condition                  // nil: always
	decision     portal.Decision
	reason       string
	approvals    []approvalRule // of Approve
	terms        portal.Terms
	saysStandIn  bool // the term is the rule's own, not of all rules
}

// Whose approval counts, as rules write it: the team's approvers, the
// platform's, or a group of the identity provider by its name.
const (
	fromTeam     = "team"
	fromPlatform = "platform"
	fromGroup    = "group:"
)

// approvalRule is a number of approvals from people of whom rules speak.
type approvalRule struct {
	count int
	from  []string
}

// selects reports whether the rule speaks of such requests, its condition
// aside.
func (r *rule) selects(op portal.OperationID, e portal.Environment, team string) bool {
	return r.operations[op] &&
		(len(r.environments) == 0 || slices.Contains(r.environments, e)) &&
		(len(r.teams) == 0 || slices.Contains(r.teams, team))
}

// broken reports whether the rule stands for one whose condition cannot be
// evaluated: it says nothing, so that what it matches is denied.
func (r *rule) broken() bool { return r.decision == "" }

// on is the rule for operations that are dangerous or not: on those that are no
// stand-in decides unless the rule itself says so.
func (r *rule) on(dangerous bool) *rule {
	if r == nil || !dangerous || r.saysStandIn {
		return r
	}
	strict := *r
	strict.terms.StandIn = 0
	return &strict
}

// verdict is what the rule says, given the groups of the approvers. What
// nobody could approve is denied.
func (r *rule) verdict(team, platform string) portal.Verdict {
	v := portal.Verdict{Decision: r.decision, Reason: r.reason, Rule: r.name, Terms: r.terms}
	for _, n := range r.approvals {
		groups := n.groups(team, platform)
		if len(groups) == 0 {
			return r.deny(nobody(n))
		}
		v.Approvals = append(v.Approvals, portal.ApprovalRule{Count: n.count, Groups: groups})
	}
	return v
}

func (r *rule) deny(reason string) portal.Verdict {
	return portal.Verdict{Decision: portal.Deny, Reason: reason, Rule: r.name, Terms: r.terms}
}

// groups are those whose members meet the need, each once.
func (n approvalRule) groups(team, platform string) []string {
	var list []string
	for _, from := range n.from {
		group := strings.TrimPrefix(from, fromGroup)
		switch from {
		case fromTeam:
			group = team
		case fromPlatform:
			group = platform
		}
		if group != "" && !slices.Contains(list, group) {
			list = append(list, group)
		}
	}
	return list
}

// nobody says whose approval is missing for good.
func nobody(n approvalRule) string {
	switch {
	case !slices.Contains(n.from, fromTeam):
		return "It needs a platform approver, and this portal has none."
	case !slices.Contains(n.from, fromPlatform):
		return "It needs an approver of the team, and there is none."
	}
	return "It needs an approver of the team or a platform approver, and there is neither."
}

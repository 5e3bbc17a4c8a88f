package request

import (
	"strings"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// PolicySummary says in words what the policy asks of a for an operation, within quota.
// teams are those that a is a member of.
func PolicySummary(rules *policy.Policy, op portal.Operation, a portal.Actor, teams []portal.Team) string {
	switch {
	case !op.Asked():
		return "None: it changes nothing."
	case op.Risk == portal.RiskAccount && !a.HasRole(portal.RoleAdmin):
		return "Only admins of the portal can request it."
	case op.Risk == portal.RiskAccount:
		return judged(rules, op.ID, a, portal.Team{}, portal.Production)
	case len(teams) == 0:
		return "Only members of a team can request it."
	}
	outside := judged(rules, op.ID, a, teams[0], portal.Development)
	inside := judged(rules, op.ID, a, teams[0], portal.Production)
	if outside == inside {
		return inside
	}
	return "In production: " + inside + " Elsewhere: " + outside
}

// judged says the policy's answer in words.
func judged(rules *policy.Policy, op portal.OperationID, a portal.Actor, team portal.Team, e portal.Environment) string {
	in := policy.Input{
		Actor: actorInput(a), Team: teamInput(team),
		Cluster: policy.Cluster{Environment: e}, Change: policy.Change{Operation: op, Risk: op.Risk()},
	}
	switch v := rules.Judge(in); v.Decision {
	case portal.Allow:
		return "No approval."
	case portal.Deny:
		return "Not possible: " + v.Reason
	default:
		words := v.Describe()
		return strings.ToUpper(words[:1]) + words[1:] + "."
	}
}

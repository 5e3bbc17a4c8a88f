package request

import (
	"fmt"
	"strings"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// Asks says in words what the policy asks of a for an operation, within quota.
// teams are those that a is a member of.
func (s *Service) Asks(op portal.Operation, a portal.Actor, teams []portal.Team) string {
	switch {
	case !op.Asked():
		return "Nothing: it changes nothing."
	case op.Risk == portal.RiskAccount && !a.HasRole(portal.RoleAdmin):
		return "Only admins of the portal can ask for it."
	case op.Risk == portal.RiskAccount:
		return s.judged(op.ID, portal.Team{}, portal.Production)
	case len(teams) == 0:
		return "Only members of a team can ask for it."
	}
	outside := s.judged(op.ID, teams[0], portal.Development)
	inside := s.judged(op.ID, teams[0], portal.Production)
	if outside == inside {
		return inside
	}
	return "In production: " + inside + " Elsewhere: " + outside
}

// judged says the policy's answer in words.
func (s *Service) judged(op portal.OperationID, team portal.Team, e portal.Environment) string {
	switch v := s.Policy.Judge(policy.Input{Operation: op, Team: team, Environment: e}); v.Decision {
	case portal.Allow:
		return "No approval."
	case portal.Deny:
		return "Not possible: " + v.Reason
	default:
		var needs []string
		for _, n := range v.Needs {
			approvals := "1 approval"
			if n.Approvals > 1 {
				approvals = fmt.Sprintf("%d approvals", n.Approvals)
			}
			needs = append(needs, approvals+" from "+strings.Join(n.Groups, " or "))
		}
		return strings.Join(needs, " and ") + "."
	}
}

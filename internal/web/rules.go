package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/teams"
	"doksportal/views"
	"doksportal/views/ui"
)

const rulesPath = "/admin/clusters/rules"

// ownershipRules shows the rules that propose teams for clusters that nobody owns.
func (s *Server) ownershipRules(c *gin.Context, v viewer) error {
	return s.showRules(c, v, http.StatusOK, nil, nil)
}

func (s *Server) addRule(c *gin.Context, v viewer) error {
	f := portal.Form(c.Request.PostForm)
	r, err := s.Teams.AddRule(c.Request.Context(), v.actor, teams.RuleInput{Kind: f.Get("kind"), Pattern: f.Typed("pattern"), Slug: f.Get("team"), Environment: f.Get("environment")})
	if err != nil && formProblem(err) {
		return s.showRules(c, v, status(err), f, err)
	}
	if err != nil {
		return err
	}
	return s.flash(c, rulesPath, ui.ToastProps{Text: "The rule for " + r.String() + " is added.", Next: "/admin/clusters", Label: "See what is proposed"})
}

func (s *Server) removeRule(c *gin.Context, v viewer) error {
	r, err := s.Teams.RemoveRule(c.Request.Context(), v.actor, c.Param("rule"))
	if err != nil {
		return err
	}
	return s.flash(c, rulesPath, ui.ToastProps{Text: "The rule for " + r.String() + " is removed."})
}

func (s *Server) showRules(c *gin.Context, v viewer, code int, typed portal.Form, problem error) error {
	p := views.RulesPage{Page: s.page(c, v, "Ownership rules"), Teams: v.teams, Typed: typed, Faults: portal.FieldErrorsOf(problem), Matches: map[string]int{}}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	ctx := c.Request.Context()
	var err error
	if p.Rules, err = s.Teams.Rules(ctx, v.actor); err != nil {
		return err
	}
	proposals, err := s.Teams.ProposedOwners(ctx, v.actor)
	if err != nil {
		return err
	}
	for _, proposal := range proposals {
		for _, r := range proposal.Rules {
			p.Matches[r.ID]++
		}
	}
	s.render(c, code, views.Rules(p))
	return nil
}

// proposedOwners groups what the rules propose by team and environment, as they are
// confirmed. What they disagree on comes apart.
func proposedOwners(list []portal.OwnerProposal) (groups []views.ProposedGroup, disputed []portal.OwnerProposal) {
	at := map[string]int{}
	for _, p := range list {
		if !p.Agreed() {
			disputed = append(disputed, p)
			continue
		}
		key := p.Rules[0].TeamID + string(p.Rules[0].Environment)
		i, ok := at[key]
		if !ok {
			i, at[key] = len(groups), len(groups)
			groups = append(groups, views.ProposedGroup{TeamSlug: p.Rules[0].TeamSlug, TeamName: p.Rules[0].TeamName, Environment: p.Rules[0].Environment})
		}
		if len(groups[i].Proposals) < teams.MostAtOnce {
			groups[i].Proposals = append(groups[i].Proposals, p)
		} else {
			groups[i].More++
		}
	}
	return groups, disputed
}

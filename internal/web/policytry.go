package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
	"doksportal/views"
)

// checkTrial renews the verdict on a request that nobody has made, while it or
// the text is typed.
func (s *Server) checkTrial(c *gin.Context, v viewer) error {
	typed := portal.Form(c.Request.PostForm)
	trial, err := s.tryPolicy(c, v, typed.Typed("text"), typed)
	if err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.PolicyTrialPart(trial))
	return nil
}

// tryPolicy is what a text says of the request that was typed, or of a common
// one.
func (s *Server) tryPolicy(c *gin.Context, v viewer, text string, typed portal.Form) (views.PolicyTrial, error) {
	ctx := c.Request.Context()
	teams, err := store.Teams(ctx, s.Pool)
	if err != nil {
		return views.PolicyTrial{}, err
	}
	p := views.PolicyTrial{Operation: string(portal.CreateCluster), Environment: string(portal.Production)}
	for _, t := range teams {
		p.Teams = append(p.Teams, views.PolicyTeam{Slug: t.Slug, Name: t.Name})
	}
	if typed.Has("operation") {
		p.Operation, p.Environment, p.Team = typed.Typed("operation"), typed.Typed("environment"), typed.Typed("team")
	} else if len(teams) > 0 {
		p.Team = teams[0].Slug
	}
	trial := rulebook.Trial{Operation: portal.OperationID(p.Operation), Environment: portal.Environment(p.Environment), Team: p.Team, Members: map[string]string{}}
	for _, name := range rulebook.TrialMembers() {
		trial.Members[name] = typed.Typed(name)
	}
	tried, err := s.Requests.Rules.TryOut(ctx, v.actor, text, trial)
	if err != nil && !formProblem(err) {
		return p, err
	}
	if p.Faults = portal.FieldErrorsOf(err); err != nil {
		p.Problem = message(err)
	}
	p.Faulty, p.Verdict, p.Line = len(tried.Faults) > 0, tried.Verdict, tried.Line
	for _, m := range tried.Asked {
		p.Asked = append(p.Asked, views.PolicyMember{Name: m.Name, Kind: string(m.Kind), Typed: trial.Members[m.Name]})
	}
	for _, t := range tried.Terms {
		p.Terms = append(p.Terms, views.PolicyTerm(t))
	}
	return p, nil
}

package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
	"doksportal/views"
)

func (s *Server) diagnostics(c *gin.Context, v viewer) error {
	ask, err := s.opened(c, v, lint)
	if err != nil {
		return err
	}
	return s.showDiagnostics(c, v, http.StatusOK, ask, nil)
}

func (s *Server) runLint(c *gin.Context, v viewer) error {
	ask := lint.ask(c)
	r, err := s.Requests.Submit(c.Request.Context(), v.actor, ask)
	switch {
	case err == nil:
		return s.flash(c, views.RequestPath(r.Number), saidOfRequest(c.Request.Context(), r, "sent"))
	case formProblem(err):
		return s.showDiagnostics(c, v, status(err), ask, err)
	}
	return err
}

func (s *Server) showDiagnostics(c *gin.Context, v viewer, code int, ask request.SubmitInput, problem error) error {
	cluster, team, err := s.Requests.VisibleCluster(c.Request.Context(), v.actor, ask.ClusterID)
	if err != nil {
		return err
	}
	p := views.DiagnosticsPage{Page: s.page(c, v, "Diagnostics of "+cluster.Name), Severity: query(c, "severity"), Since: query(c, "since")}
	if p.Tabs, err = s.tabs(c, cluster, v.actor.MemberOf(team)); err != nil {
		return err
	}
	if p.CanAsk {
		if p.Form, code, err = s.changePage(c, v, code, ask, problem); err != nil {
			return err
		}
	}
	if p.Severity != "" && !slices.Contains(portal.Severities, p.Severity) {
		return portal.E(portal.KindNotFound, "there is no such severity")
	}
	p.Past, err = store.Requests(c.Request.Context(), s.Pool, store.RequestFilter{
		All: v.actor.SeesAll(), TeamIDs: v.teamIDs(), TargetID: cluster.ID, Operation: portal.RunClusterlint, Limit: 20})
	if err != nil {
		return err
	}
	s.readDiagnostics(c, v, cluster.ID, &p)
	s.render(c, code, views.Diagnostics(p))
	return nil
}

// readDiagnostics reads what only DigitalOcean knows. What cannot be read is
// said in its place; the rest of the page stays useful.
func (s *Server) readDiagnostics(c *gin.Context, v viewer, clusterID string, p *views.DiagnosticsPage) {
	var err error
	p.Run, err = s.Requests.Lint(c.Request.Context(), v.actor, clusterID, query(c, "run"))
	switch {
	case portal.Is(err, portal.KindNotFound):
		p.LintFault = "DigitalOcean has no such run of clusterlint on this cluster."
		if query(c, "run") == "" {
			p.LintFault = "Clusterlint has not been run on this cluster yet."
		}
	case err != nil:
		p.LintFault = message(err)
	}
	since, ok := day(p.Since)
	if !ok {
		p.SinceFault = "Enter a day like 2026-01-31."
		return
	}
	if p.Messages, err = s.Requests.StatusMessages(c.Request.Context(), v.actor, clusterID, since); err != nil {
		p.MessagesFault = message(err)
	}
}

// day parses a day; empty is the zero time.
func day(typed string) (time.Time, bool) {
	if typed == "" {
		return time.Time{}, true
	}
	t, err := time.Parse(time.DateOnly, typed)
	return t, err == nil
}

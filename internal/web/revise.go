package web

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/views"
)

// replan plans a request again as it was asked for. Where that is not possible
// its form says why.
func (s *Server) replan(c *gin.Context, v viewer) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	r, err := s.Requests.Revise(c.Request.Context(), v.actor, n, revision(portal.Form(c.Request.PostForm)), nil)
	switch {
	case err == nil:
		return s.flash(c, views.RequestPath(n), saidOfRequest(c.Request.Context(), r, "planned again"))
	case formProblem(err):
		return s.showRevision(c, v, status(err), nil, err)
	}
	return err
}

// openRevision shows the form of a request, to ask for it differently.
func (s *Server) openRevision(c *gin.Context, v viewer) error {
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	return s.showRevision(c, v, http.StatusOK, typed, nil)
}

// revise plans a request again with what was typed.
func (s *Server) revise(c *gin.Context, v viewer) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	form := portal.Form(c.Request.PostForm)
	if changePools(form, form.Get("action")) || form.Get("action") == "look" {
		return s.showRevision(c, v, http.StatusOK, form, nil)
	}
	r, err := s.Requests.Revise(c.Request.Context(), v.actor, n, revision(form), form)
	switch {
	case err == nil:
		return s.flash(c, views.RequestPath(n), saidOfRequest(c.Request.Context(), r, "planned again"))
	case formProblem(err):
		return s.showRevision(c, v, status(err), form, err)
	}
	return err
}

// planRevision renews the plan while the form of a request is filled in.
func (s *Server) planRevision(c *gin.Context, v viewer) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	d, err := s.Requests.PlanRevision(c.Request.Context(), v.actor, n, portal.Form(c.Request.PostForm))
	return s.showPlan(c, d, err)
}

func (s *Server) showRevision(c *gin.Context, v viewer, code int, form portal.Form, problem error) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	d, err := s.Requests.PlanRevision(c.Request.Context(), v.actor, n, form)
	if err != nil && (d.Revises.ID == "" || !formProblem(err)) {
		return err
	}
	p, code, err := s.plannedPage(c, v, code, d, err, problem)
	if err != nil {
		return err
	}
	p.Action, p.Title = views.RequestPath(n)+"/revise", "Plan #"+strconv.FormatInt(n, 10)+" again: "+p.Title
	if p.Revision = d.Revises.Revision; form != nil && !portal.Is(problem, portal.KindConflict) {
		p.Revision = revision(form) // the one that was typed on
	}
	s.render(c, code, views.Change(p))
	return nil
}

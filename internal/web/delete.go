package web

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/views"
)

func (s *Server) confirmDelete(c *gin.Context, v viewer) error {
	return s.showDelete(c, v, http.StatusOK, request.DeleteInput{
		ClusterID: clean(c.Param("id")), SubmitKey: uuid.Must(uuid.NewV7()).String()}, nil)
}

func (s *Server) deleteCluster(c *gin.Context, v viewer) error {
	in := request.DeleteInput{
		ClusterID:     clean(c.Param("id")),
		Justification: c.Request.PostForm.Get("justification"),
		SubmitKey:     c.Request.PostForm.Get("submit_key"),
	}
	if c.Request.PostForm.Get("action") == "look" { // the plan could not be shown before
		return s.showDelete(c, v, http.StatusOK, in, nil)
	}
	r, err := s.Requests.SubmitDelete(c.Request.Context(), v.actor, in)
	if err == nil {
		return seeRequest(c, r.Number)
	}
	switch portal.KindOf(err) {
	case portal.KindInvalid, portal.KindConflict, portal.KindUnavailable:
		return s.showDelete(c, v, status(err), in, err)
	}
	return err
}

func (s *Server) showDelete(c *gin.Context, v viewer, code int, in request.DeleteInput, problem error) error {
	cluster, plan, err := s.Requests.PlanDelete(c.Request.Context(), v.actor, in.ClusterID)
	if err != nil {
		switch portal.KindOf(err) {
		case portal.KindConflict, portal.KindUnavailable:
			problem, code = err, status(err)
		default:
			return err
		}
	}
	p := views.DeletePage{
		Page: s.page(c, v, "Delete "+cluster.Name), Cluster: cluster, Plan: plan, Ready: err == nil,
		SubmitKey: in.SubmitKey, Justification: in.Justification, Faults: portal.FieldErrors(problem),
	}
	if problem != nil && len(p.Faults) == 0 {
		p.Problem = message(problem)
	}
	s.render(c, code, views.Delete(p))
	return nil
}

package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/views"
)

// caseFile shows all that there is of a request, and puts on the trail who reads it.
func (s *Server) caseFile(c *gin.Context, v viewer) error {
	n, err := number(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	p := views.CaseFilePage{Page: s.page(c, v, "Case file of request #"+strconv.FormatInt(n, 10)), Now: s.Now()}
	if err := s.recordReading(c, v, url.Values{"case": {strconv.FormatInt(n, 10)}}); err != nil {
		return err
	}
	if p.CaseFile, err = s.Auditors.CaseFile(ctx, v.actor, n); err != nil {
		return err
	}
	if p.Proof, err = s.proof(c); err != nil {
		return err
	}
	events := make([]portal.Event, len(p.Events))
	for i, e := range p.Events {
		events[i] = e.Event
	}
	if p.Late, err = s.Trail.Late(ctx, events); err != nil {
		return err
	}
	s.render(c, http.StatusOK, views.CaseFile(p))
	return nil
}

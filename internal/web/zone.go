package web

import (
	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/views/ui"
)

// chooseZone keeps in which time zone the reader reads times.
func (s *Server) chooseZone(c *gin.Context, v viewer) error {
	typed := c.Request.PostForm.Get("time_zone")
	err := s.Auth.SetTimeZone(c.Request.Context(), v.actor, typed)
	switch {
	case portal.Is(err, portal.KindInvalid):
		return s.showMe(c, v, status(err), meForms{zone: &typed, zoneProblem: err})
	case err != nil:
		return err
	}
	return s.flash(c, "/me", ui.ToastProps{Text: "Your time zone is saved."})
}

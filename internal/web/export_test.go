package web

import (
	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
)

// Routes lists the routes for the test that walks them all.
func (s *Server) Routes() gin.RoutesInfo { return s.engine.Routes() }

// AskAgain adds the route /ask-again, which asks for a fresh sign-in as if the
// form had been sent to the path of its parameter "path".
func (s *Server) AskAgain() {
	refuse := s.signedIn(func(c *gin.Context, _ viewer) error {
		if path := query(c, "path"); path != "" {
			c.Request.URL.Path = path
		}
		return portal.E(portal.KindStepUp, "sign in again to confirm that it is you")
	})
	s.engine.GET("/ask-again", refuse)
	s.engine.POST("/ask-again", refuse)
}

// ForgetVisits has the next page note a visit, as one after a while would.
func (s *Server) ForgetVisits() { s.visits.noted = nil }

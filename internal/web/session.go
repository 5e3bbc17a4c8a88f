package web

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/audit"
	"doksportal/internal/auth"
	"doksportal/internal/portal"
	"doksportal/views"
)

// session finds out who a request comes from.
func (s *Server) session(c *gin.Context) {
	r, err := s.Auth.Load(auth.From(c.Request, portal.Network(c.ClientIP())))
	if err != nil {
		s.fail(c, err)
		c.Abort()
		return
	}
	actor, _ := auth.ActorFrom(r.Context())
	c.Request = r.WithContext(audit.WithOrigin(r.Context(), actor.Identity, portal.Origin{
		Email: actor.Email, Roles: actor.Roles, Session: s.Auth.SessionHash(r.Context()),
		Address: c.ClientIP(), UserAgent: r.UserAgent(), HTTPRequest: c.GetString(keyRequestID),
	}))
	c.Next()
}

func (s *Server) login(c *gin.Context) error    { return s.Auth.Login(c.Writer, c.Request) }
func (s *Server) callback(c *gin.Context) error { return s.Auth.Callback(c.Writer, c.Request) }

// logout also has the browser forget the pages that its back button would show.
func (s *Server) logout(c *gin.Context) error {
	c.Header("Clear-Site-Data", `"cache"`)
	return s.Auth.Logout(c.Writer, c.Request)
}

func (s *Server) signedOut(c *gin.Context) error {
	s.render(c, http.StatusOK, views.Error(views.ErrorPage{
		Page: s.bare(c, "Signed out"), Heading: "You are signed out", Message: "Your session has ended on all servers of the portal.", SignIn: true,
	}))
	return nil
}

func (s *Server) healthz(c *gin.Context) { c.String(http.StatusOK, "ok\n") }

// signInReport shows readers what the identity provider said of them.
func (s *Server) signInReport(c *gin.Context, v viewer) error {
	report := s.Auth.ReportOf(c.Request.Context())
	p := views.SignInPage{Page: s.page(c, v, "Sign-in"), Lacks: report.Lacks, GroupsKey: s.Groups}
	for _, claim := range report.Claims {
		p.Claims = append(p.Claims, views.ClaimRow(claim))
	}
	s.render(c, http.StatusOK, views.SignIn(p))
	return nil
}

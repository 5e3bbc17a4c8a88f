package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"doksportal/internal/auth"
	"doksportal/internal/portal"
	"doksportal/views"
	"doksportal/views/ui"
)

// endOwnSession ends one of the reader's sessions. Another's looks like none.
func (s *Server) endOwnSession(c *gin.Context, v viewer) error {
	id, err := pathID(c, "session")
	if err != nil {
		return err
	}
	ended, err := s.Auth.EndOwnSession(c.Request.Context(), v.actor, id)
	if err != nil {
		return err
	}
	return s.flash(c, "/me", ui.ToastProps{Text: ended.Browser() + " is signed out."})
}

func (s *Server) endOtherSessions(c *gin.Context, v viewer) error {
	n, err := s.Auth.EndOtherSessions(c.Request, v.actor)
	if err != nil {
		return err
	}
	said := "You were signed in nowhere else."
	switch {
	case n == 1:
		said = "You are signed out of 1 other session."
	case n > 1:
		said = "You are signed out of " + strconv.Itoa(n) + " other sessions."
	}
	return s.flash(c, "/me", ui.ToastProps{Text: said})
}

// allSessions lists who is signed in. Who comes back from a fresh sign-in finds
// the list that they were at.
func (s *Server) allSessions(c *gin.Context, v viewer) error {
	typed, err := s.typed(c, v)
	if err != nil {
		return err
	}
	p := views.SessionsPage{Page: s.page(c, v, "Sessions"), Name: strings.TrimSpace(query(c, "name"))}
	if typed.Has("name") {
		p.Name = typed.Typed("name")
	}
	p.Sessions, err = s.Auth.AllSessions(c.Request, v.actor, auth.SessionFilter{Name: p.Name, Before: beforeID(c), Limit: pageSize + 1})
	if err != nil {
		return err
	}
	if len(p.Sessions) > pageSize {
		p.Sessions = p.Sessions[:pageSize]
		p.Next = nextEvents(c, p.Sessions[pageSize-1].ID)
	}
	s.render(c, http.StatusOK, views.Sessions(p))
	return nil
}

func (s *Server) endSession(c *gin.Context, v viewer) error {
	id, err := pathID(c, "session")
	if err != nil {
		return err
	}
	ended, err := s.Auth.EndSession(c.Request.Context(), v.actor, id)
	if err != nil {
		return err
	}
	return s.flashSessions(c, "A session of "+ended.Person.Name+" has ended: "+ended.Browser()+".")
}

func (s *Server) endSessionsOfOwner(c *gin.Context, v viewer) error {
	id, err := pathID(c, "session")
	if err != nil {
		return err
	}
	whose, err := s.Auth.EndSessionsOfOwner(c.Request.Context(), v.actor, id)
	if err != nil {
		return err
	}
	return s.flashSessions(c, "All sessions of "+whose.Name+" have ended.")
}

// flashSessions sends an admin back to the list that they were at.
func (s *Server) flashSessions(c *gin.Context, said string) error {
	page := "/admin/sessions"
	if name := portal.Form(c.Request.PostForm).Typed("name"); name != "" {
		page += "?" + url.Values{"name": {name}}.Encode()
	}
	return s.flash(c, page, ui.ToastProps{Text: said, Next: "/audit?kind=" + string(portal.EventSessionEnded), Label: "See the trail"})
}

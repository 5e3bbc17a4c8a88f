package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"doksportal/internal/auth"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/views"
)

// requireStepUp sends readers whose sign-in is too old for what they sent to sign in
// again. What they typed waits for them on the form's page.
//
// A page of the portal stands between the form and the provider, because
// browsers hold all redirects of a form to the policy's form-action.
func (s *Server) requireStepUp(c *gin.Context, why error) error {
	if c.Request.Method != http.MethodPost {
		return why
	}
	state, err := s.Auth.StepUp(c.Writer, c.Request, known(c.Request.PostForm), formPage(c))
	if err != nil {
		return err
	}
	redirectToStepUp(c, state)
	return nil
}

func redirectToStepUp(c *gin.Context, state string) {
	address := "/step-up?" + url.Values{"state": {state}}.Encode()
	if c.GetHeader("HX-Request") != "" {
		c.Header("HX-Redirect", address) // a script that follows a redirect stays on its page
		c.Status(http.StatusOK)
		return
	}
	c.Redirect(http.StatusSeeOther, address)
}

// stepUp is the page from which a reader leaves to sign in again. Without the
// state of a fresh sign-in it prepares one for who has typed nothing.
func (s *Server) stepUp(c *gin.Context, v viewer) error {
	state := query(c, "state")
	if state == "" {
		state, err := s.Auth.StepUp(c.Writer, c.Request, nil, query(c, "return"))
		if err == nil {
			redirectToStepUp(c, state)
		}
		return err
	}
	ready, err := s.Auth.Prepared(c.Request, state)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store") // it is of use once
	s.render(c, http.StatusOK, views.StepUp(views.StepUpPage{
		Page: s.page(c, v, "Sign in again"), Address: ready.Address, Typed: ready.Typed, Within: s.Auth.StepUpMaxAge,
	}))
	return nil
}

// typed returns what the reader had typed into the form on the page that they
// open when they were sent to sign in again; nil when that is nothing. A page
// that renews itself must not take it from the one that is opened.
func (s *Server) typed(c *gin.Context, v viewer) (portal.Form, error) {
	if c.GetHeader("HX-Request") != "" || onlyHead(c.Request) {
		return nil, nil
	}
	form, ok, err := s.Auth.TakeTyped(c.Request, c.Request.URL.EscapedPath())
	if err != nil || !ok {
		return nil, err
	}
	switch {
	case !v.actor.Fresh(s.Now(), s.Auth.StepUpMaxAge):
		c.Set(keyReturned, "You have not signed in again. What you typed is still here.")
	case len(form) == 0:
		c.Set(keyReturned, "You have signed in again. Press the button again.")
	default:
		c.Set(keyReturned, "You have signed in again. Check what you typed, then send it.")
	}
	if len(form) == 0 {
		return nil, nil
	}
	return portal.Form(form), nil
}

// opened is what a page asks for whose form is opened, or comes back after its
// reader has signed in again.
func (s *Server) opened(c *gin.Context, v viewer, ch change) (request.SubmitInput, error) {
	form, err := s.typed(c, v)
	return ch.with(c, form), err
}

// wayOut says on the page of an error where its reader can go on.
func wayOut(c *gin.Context, err error, p *views.ErrorPage) {
	var unfinished *auth.Unfinished
	switch {
	case errors.As(err, &unfinished):
		p.Back = unfinished.Page
	case portal.Is(err, portal.KindStepUp):
		p.StepUp = "/step-up?" + url.Values{"return": {formPage(c)}}.Encode()
	}
	if portal.Is(err, portal.KindUnauthorized) {
		p.SignIn, p.Return = true, formPage(c)
	}
}

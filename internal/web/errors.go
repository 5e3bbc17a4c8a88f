package web

import (
	"context"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/views"
)

// answers is the one table of what an error's kind means on the wire.
var answers = map[portal.Kind]struct {
	status  int
	heading string
}{
	portal.KindUnknown:      {http.StatusInternalServerError, "Something went wrong"},
	portal.KindInvalid:      {http.StatusUnprocessableEntity, "There is a problem"},
	portal.KindUnauthorized: {http.StatusUnauthorized, "You are not signed in"},
	portal.KindForbidden:    {http.StatusForbidden, "You are not allowed to do this"},
	portal.KindDenied:       {http.StatusForbidden, "The policy does not allow this"},
	portal.KindNotFound:     {http.StatusNotFound, "Page not found"},
	portal.KindConflict:     {http.StatusConflict, "That is not possible now"},
	portal.KindUnavailable:  {http.StatusServiceUnavailable, "Not available right now"},
	portal.KindStepUp:       {http.StatusUnauthorized, "Sign in again"},
	portal.KindLimited:      {http.StatusTooManyRequests, "Too many requests"},
	portal.KindTooLarge:     {http.StatusRequestEntityTooLarge, "That is too large"},
}

func status(err error) int { return answers[portal.KindOf(err)].status }

// message is what of an error people may read.
func message(err error) string {
	var e *portal.Error
	if errors.As(err, &e) && e.Kind != portal.KindUnknown {
		return portal.Sentence(e.Message)
	}
	return "The portal could not do this because of a fault of its own."
}

// handler is a page: it writes an answer, or returns why it cannot.
type handler func(c *gin.Context) error

func (s *Server) handle(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := h(c)
		if portal.Is(err, portal.KindStepUp) {
			err = s.requireStepUp(c, err)
		}
		if err != nil {
			s.fail(c, err)
		}
	}
}

// fail answers with the page of an error.
func (s *Server) fail(c *gin.Context, err error) {
	switch cause := context.Cause(c.Request.Context()); {
	case cause == nil:
	case errors.Is(cause, errLate):
		err = late(c.Request, err)
		c.Request = c.Request.WithContext(context.WithoutCancel(c.Request.Context())) // by which its page is rendered
	default:
		s.Logger.Debug("the reader has left", "http_request", c.GetString(keyRequestID), "error", err)
		return
	}
	if wrapped := db.Wrap(err); portal.Is(wrapped, portal.KindUnavailable) {
		err = wrapped // whoever read the database need not have given it a kind
	}
	kind := portal.KindOf(err)
	id := c.GetString(keyRequestID)
	if kind == portal.KindUnknown || kind == portal.KindUnavailable {
		s.Logger.Error("request failed", "http_request", id, "path", pathOf(c), "site", portal.SiteOf(err), "error", err)
	}
	if kind == portal.KindForbidden || portal.IsHidden(err) {
		s.recordRefusal(c, err)
	}
	if c.Writer.Written() {
		panic(http.ErrAbortHandler) // or what there is of the answer would look like all of it
	}
	if panel, ok := partOf(c); ok && c.GetHeader("HX-Request") != "" {
		s.failPart(c, panel, err)
		return
	}
	p := views.ErrorPage{Page: s.bare(c, answers[kind].heading), Heading: answers[kind].heading, Message: message(err)}
	wayOut(c, err, &p)
	if kind == portal.KindUnknown || kind == portal.KindUnavailable {
		p.RequestID = id
	}
	s.render(c, status(err), views.Error(p))
}

// late says that a request took too long, and of a form what that means for it.
func late(r *http.Request, err error) error {
	if r.Method == http.MethodPost {
		return portal.E(portal.KindUnavailable, "the database is not responding; what you sent may have been saved or not, so look before you send it again", err)
	}
	return portal.E(portal.KindUnavailable, "the database is not responding; try again in a moment", err)
}

// failPart answers a part of a page with an error in its place: what is typed
// beside it must stay. A part without a panel stays as it is.
func (s *Server) failPart(c *gin.Context, panel panel, err error) {
	if panel == nil {
		c.Header("HX-Reswap", "none")
		c.Status(status(err))
		return
	}
	s.render(c, http.StatusOK, panel(message(err)))
}

func (s *Server) notFound(*gin.Context) error {
	return portal.E(portal.KindNotFound, "this page does not exist, or you do not have access to it")
}

func (s *Server) notAllowed(c *gin.Context) error {
	s.render(c, http.StatusMethodNotAllowed, views.Error(views.ErrorPage{
		Page: s.bare(c, "There is a problem"), Heading: "There is a problem", Message: "This address does not accept that kind of request.",
	}))
	return nil
}

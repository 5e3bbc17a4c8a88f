package web

import (
	"bytes"
	"net/http"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzhttp"

	"doksportal/internal/auth"
	"doksportal/views"
	"doksportal/views/ui"
)

// render writes a page, once all of it is there.
func (s *Server) render(c *gin.Context, status int, page templ.Component) {
	var b bytes.Buffer
	reader, _ := auth.ActorFrom(c.Request.Context())
	if err := page.Render(ui.WithZone(ui.WithIcons(c.Request.Context(), s.icons), reader.TimeZone), &b); err != nil {
		if c.Request.Context().Err() != nil { // which any number of readers who leave could cause
			s.Logger.Debug("the reader has left", "http_request", c.GetString(keyRequestID), "error", err)
			return
		}
		s.Logger.Error("render", "http_request", c.GetString(keyRequestID), "error", err)
		c.String(http.StatusInternalServerError, "The portal could not show this page (%s).", c.GetString(keyRequestID))
		return
	}
	if c.Writer.Header().Get("Cache-Control") == "no-store" {
		c.Header(gzhttp.HeaderNoCompression, "1")
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}

// bare is what a page shows around its content when nothing is known of the
// reader but perhaps who they are.
func (s *Server) bare(c *gin.Context, title string) views.Page {
	actor, signedIn := auth.ActorFrom(c.Request.Context())
	return views.Page{
		Title: title, Path: c.Request.URL.RequestURI(), Actor: actor, SignedIn: signedIn,
		Theme: theme(c.Request), Notice: s.Notice, Nonce: c.GetString(keyNonce), Assets: s.assets,
		Said: s.said(c), Returned: c.GetString(keyReturned), Narrow: cookie(c.Request, "nav") == "narrow",
		Pauses: pausesOf(c),
	}
}

// page is what a page shows around its content.
func (s *Server) page(c *gin.Context, v viewer, title string) views.Page {
	p := s.bare(c, title)
	p.Member, p.Inbox = v.belongs(), v.inbox
	return p
}

// theme is the colours that the reader has chosen, empty for their system's.
func theme(r *http.Request) string {
	if chosen := cookie(r, "theme"); chosen == "light" || chosen == "dark" {
		return chosen
	}
	return ""
}

// cookie is what the browser keeps under a name, empty when it keeps nothing.
func cookie(r *http.Request, name string) string {
	if c, err := r.Cookie(name); err == nil {
		return c.Value
	}
	return ""
}

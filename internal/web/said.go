package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"doksportal/internal/auth"
	"doksportal/views/ui"
)

// saidFor is how long what came of an act waits for the page that says it.
const saidFor = time.Minute

// mostSaid bounds what a page says of an act, in characters.
const mostSaid = 400

// see sends the browser to a page that says what has happened. It goes with the
// browser in a cookie, so that no link can make a page say anything.
func (s *Server) see(c *gin.Context, page string, said ui.ToastProps) error {
	if runes := []rune(said.Text); len(runes) > mostSaid {
		said.Text = string(runes[:mostSaid-1]) + "…"
	}
	value, err := json.Marshal(said)
	if err != nil {
		return err
	}
	http.SetCookie(c.Writer, s.saidCookie(base64.RawURLEncoding.EncodeToString(value), saidFor))
	c.Redirect(http.StatusSeeOther, page)
	return nil
}

// saidCookie is the cookie with a value, or without one what removes it.
func (s *Server) saidCookie(value string, lasts time.Duration) *http.Cookie {
	cookie := &http.Cookie{Name: "portal-said", Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(lasts.Seconds())}
	if s.BaseURL.Scheme == "https" {
		cookie.Name, cookie.Secure = "__Host-"+cookie.Name, true
	}
	return cookie
}

// said returns, once, what the reader's last act did. A page that renews itself
// leaves it to one that is opened.
func (s *Server) said(c *gin.Context) ui.ToastProps {
	var said ui.ToastProps
	value := cookie(c.Request, s.saidCookie("", 0).Name)
	if value == "" || c.Request.Method != http.MethodGet || onlyHead(c.Request) || c.GetHeader("HX-Request") != "" {
		return said
	}
	http.SetCookie(c.Writer, s.saidCookie("", -time.Second))
	text, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || json.Unmarshal(text, &said) != nil || utf8.RuneCountInString(said.Text) > mostSaid {
		return ui.ToastProps{}
	}
	if said.Next != "" && auth.LocalPath(said.Next) != said.Next {
		said.Next, said.Label = "", ""
	}
	return said
}

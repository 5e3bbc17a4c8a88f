package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"doksportal/internal/auth"
	"doksportal/internal/portal"
	"doksportal/views"
	"doksportal/views/ui"
)

// saidFor is how long what came of an act waits for the page that says it.
const saidFor = time.Minute

// mostSaid bounds what a page says of an act, in characters.
const mostSaid = 400

// flash sends the browser to a page that says what has happened. It goes with the
// browser in a cookie, so that no link can make a page say anything.
func (s *Server) flash(c *gin.Context, page string, said ui.ToastProps) error {
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

// saidOfRequest says whom a request that was sent, or planned again, waits for.
func saidOfRequest(ctx context.Context, r portal.Request, done string) ui.ToastProps {
	name := "Request #" + strconv.FormatInt(r.Number, 10)
	if r.State != portal.Pending {
		return ui.ToastProps{Text: name + " is " + done + ". It needs no approval.", Next: "/requests", Label: "All requests"}
	}
	return ui.ToastProps{Text: name + " is " + done + " and waits for " + views.Approvals(ctx, r) + ".", Next: "/requests", Label: "All requests"}
}

// saidOfAct says what a form on a request's page has done.
func saidOfAct(action string, number int64, f portal.Form) ui.ToastProps {
	name := "request #" + strconv.FormatInt(number, 10)
	inbox := func(text string) ui.ToastProps {
		return ui.ToastProps{Text: text, Next: "/inbox", Label: "Back to the inbox"}
	}
	switch action {
	case "review":
		switch portal.ReviewDecision(f.Get("decision")) {
		case portal.ReviewApprove:
			return inbox("You approved " + name + ".")
		case portal.ReviewReject:
			return inbox("You rejected " + name + ".")
		}
		return inbox("You asked for changes of " + name + ".")
	case "withdraw":
		return ui.ToastProps{Text: "You withdrew " + name + ".", Next: "/requests", Label: "All requests"}
	case "stop":
		return ui.ToastProps{Text: "You stopped " + name + "."}
	case "resend":
		return ui.ToastProps{Text: "You had " + name + " sent once more."}
	case "choose":
		return ui.ToastProps{Text: "You chose the cluster of " + name + "."}
	case "remind":
		return ui.ToastProps{Text: "Those who can decide on " + name + " are reminded."}
	case "break-glass":
		return ui.ToastProps{Text: "You bypassed the approvals of " + name + ". A review of that is pending."}
	case "break-glass-review":
		return inbox("You reviewed how the approvals of " + name + " were bypassed.")
	}
	return ui.ToastProps{Text: "Your comment on " + name + " is added."}
}

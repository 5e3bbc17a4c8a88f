package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"doksportal/internal/portal"
)

// maxBody is how much a form may be, in bytes.
const maxBody = 1 << 20

// Keys of what handlers find in gin's context.
const (
	keyRequestID = "request id"
	keyNonce     = "nonce"
	keyReturned  = "returned" // what to say of a form that has come back
	keyBound     = "bound"    // the timer that ends the request
)

// answerFor is how long readers wait for an answer, as long as Postgres works on one
// statement. A server that is there and says nothing would keep them for ever.
const answerFor = 30 * time.Second

var errLate = errors.New("nothing has answered for " + answerFor.String())

// observe gives each request an id, logs it and survives panics. The log has
// the path, never the query, which may hold what people typed.
func (s *Server) observe(c *gin.Context) {
	start := time.Now()
	id := uuid.Must(uuid.NewV7()).String()
	c.Set(keyRequestID, id)
	c.Header("X-Request-Id", id)
	defer func() {
		v := recover()
		if v == http.ErrAbortHandler { //nolint:errorlint // it is panicked with as it is
			defer panic(v) // for net/http, which ends the connection
		} else if v != nil {
			s.Logger.Error("panic", "http_request", id, "value", fmt.Sprint(v), "stack", string(debug.Stack()))
			s.fail(c, fmt.Errorf("panic: %v", v))
		}
		level := slog.LevelInfo
		if strings.HasPrefix(c.Request.URL.Path, "/static/") || c.FullPath() == "/healthz" || c.FullPath() == "/readyz" ||
			c.Writer.Status() == http.StatusTooManyRequests { // of which anybody can cause any number
			level = slog.LevelDebug
		}
		s.Logger.Log(c.Request.Context(), level, "http", "http_request", id, "method", c.Request.Method,
			"path", pathOf(c), "status", c.Writer.Status(), "ms", time.Since(start).Milliseconds())
	}()
	c.Next()
}

// bound ends what takes longer than answerFor, unless its handler says that it is lasting.
func (s *Server) bound(c *gin.Context) {
	ctx, cancel := context.WithCancelCause(c.Request.Context())
	timer := time.AfterFunc(answerFor, func() { cancel(errLate) })
	defer cancel(nil)
	defer timer.Stop()
	c.Set(keyBound, timer)
	c.Request = c.Request.WithContext(ctx)
	c.Next()
}

// lasting is for answers that go on for as long as somebody reads them, or that wait for
// DigitalOcean.
func lasting(c *gin.Context) { c.MustGet(keyBound).(*time.Timer).Stop() }

// secure sets what tells browsers to trust nothing but what the portal sends.
func (s *Server) secure(c *gin.Context) {
	nonce := rand.Text()
	c.Set(keyNonce, nonce)
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", contentPolicy(nonce, "'self'"))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "private, no-cache")
	if s.BaseURL.Scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	c.Next()
}

// contentPolicy lets a page run the scripts that carry the nonce, and take its
// styles from some sources.
func contentPolicy(nonce, styles string) string {
	return "default-src 'none'; script-src 'nonce-" + nonce + "'; style-src " + styles + "; " +
		"img-src 'self' data:; connect-src 'self'; form-action 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
}

// allowStyles lets the scripts of this one answer bring style sheets of their
// own, as the editor does: by the nonce, which nothing else knows.
func allowStyles(c *gin.Context) {
	nonce := c.GetString(keyNonce)
	c.Header("Content-Security-Policy", contentPolicy(nonce, "'self' 'nonce-"+nonce+"'"))
}

// protect keeps other sites from acting in a reader's name, and bodies small.
func (s *Server) protect(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
	if err := s.checkOrigin(c.Request); err != nil {
		s.recordForeign(c, err)
		s.fail(c, portal.E(portal.KindForbidden, "this form was not sent by one of the portal's own pages", err))
		c.Abort()
		return
	}
	if err := checkForm(c.Request); err != nil {
		s.fail(c, err)
		c.Abort()
		return
	}
	c.Next()
}

// checkForm refuses bodies that are no forms: read as one they would be empty.
func checkForm(r *http.Request) error {
	if r.ContentLength == 0 {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method == http.MethodPost && (err != nil || kind != "application/x-www-form-urlencoded") {
		return portal.E(portal.KindInvalid, "this was not sent as a form", err)
	}
	return nil
}

// checkOrigin refuses unsafe requests of other origins. Go's own check takes
// a request with neither header for a command-line tool's, and compares an
// Origin by host alone; here only browsers have business, at one address.
func (s *Server) checkOrigin(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	own := s.BaseURL.Scheme + "://" + s.BaseURL.Host
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") != own {
		return fmt.Errorf("no Sec-Fetch-Site, and the origin is %q", r.Header.Get("Origin"))
	}
	protection := http.NewCrossOriginProtection()
	if err := protection.AddTrustedOrigin(own); err != nil {
		return err
	}
	return protection.Check(r)
}

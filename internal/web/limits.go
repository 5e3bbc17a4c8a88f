package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/auth"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Limits bound what one person, or one address from which nobody is signed in,
// may ask of all replicas together. Reading a page counts once.
type Limits struct {
	Person  store.Rate
	Address store.Rate
	Acts    store.Rate // forms of a person that change something, and so stay on the trail
}

// DefaultLimits are far above what people do, and what one office does that
// signs in at nine.
var DefaultLimits = Limits{
	Person:  store.Rate{Every: 50 * time.Millisecond, Burst: 600},
	Address: store.Rate{Every: 50 * time.Millisecond, Burst: 1000},
	Acts:    store.Rate{Every: 5 * time.Second, Burst: 200},
}

// What counts more than reading a page.
const (
	formCost   = 4
	signInCost = 10 // it leaves something behind in the database
)

// limit refuses readers who ask too much, and everybody while it cannot count:
// nothing that is counted works without the database.
func (s *Server) limit(c *gin.Context) {
	key, rate := "address "+portal.Network(c.ClientIP()), s.Limits.Address
	if actor, ok := auth.ActorFrom(c.Request.Context()); ok {
		key, rate = "person "+actor.Issuer+" "+actor.Subject, s.Limits.Person
	}
	wait, err := rate.Admit(c.Request.Context(), s.Pool, key, cost(c), s.Now())
	switch {
	case c.Request.Context().Err() != nil: // the reader has left
		c.Abort()
		return
	case err != nil:
		s.fail(c, err)
		c.Abort()
		return
	case wait > 0:
		s.fail(c, tooMany(c, wait))
		c.Abort()
		return
	}
	c.Next()
}

// limitActs refuses people who change too much.
func (s *Server) limitActs(c *gin.Context, actor portal.Actor) error {
	wait, err := s.Limits.Acts.Admit(c.Request.Context(), s.Pool, "acts "+actor.Issuer+" "+actor.Subject, 1, s.Now())
	if err != nil || wait == 0 {
		return err
	}
	return tooMany(c, wait)
}

func tooMany(c *gin.Context, wait time.Duration) error {
	c.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return portal.E(portal.KindLimited, "you have sent too many requests; wait a moment and try again")
}

func cost(c *gin.Context) int {
	switch {
	case c.FullPath() == "/login", c.FullPath() == "/auth/callback", c.FullPath() == "/step-up":
		return signInCost
	case c.Request.Method == http.MethodPost:
		return formCost
	}
	return 1
}

// recordRefusal puts on the trail that somebody tried what they may not.
func (s *Server) recordRefusal(c *gin.Context, refusal error) {
	actor, ok := auth.ActorFrom(c.Request.Context())
	if !ok {
		return
	}
	e := portal.Event{
		Kind: portal.EventAccessRefused, Actor: actor.Person(),
		Summary: actor.Name + " was refused " + c.Request.Method + " " + pathOf(c) + ": " + message(refusal),
	}
	if errors.Is(refusal, portal.ErrOwnRequest) {
		e.Data = map[string]any{portal.DetailOwnRequest: true}
	}
	s.record(c, e)
}

// unknownReader is the actor of forms that came without a session: browsers send
// none along with those of other sites.
var unknownReader = portal.Person{Identity: portal.Identity{Issuer: portal.SystemIssuer, Subject: "browser"}, Name: "somebody unknown"}

// recordForeign puts on the trail that a form of another site was refused. Where a
// session came with it, that is a refusal like others.
func (s *Server) recordForeign(c *gin.Context, why error) {
	if _, ok := auth.ActorFrom(c.Request.Context()); ok {
		return
	}
	s.record(c, portal.Event{
		Kind: portal.EventForeignOrigin, Actor: unknownReader, Reason: why.Error(),
		Summary: "A form that another site sent to " + pathOf(c) + " was refused",
	})
}

// record puts on the trail what was refused.
func (s *Server) record(c *gin.Context, e portal.Event) {
	const writeFor = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), writeFor)
	defer cancel()
	e.At = s.Now()
	err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		return audit.AppendRefusal(ctx, tx, e, c.Request.Method+" "+c.FullPath())
	})
	if err != nil {
		s.Logger.Error("a refusal is missing on the trail", "http_request", c.GetString(keyRequestID), "error", err)
	}
}

// pathOf is what of an address gets on the trail and into the log: escaped as
// browsers send it, for anybody can put any character there, and not without end. Its
// beginning and its end stay, where it says what was tried.
func pathOf(c *gin.Context) string {
	const first, last = 200, 100
	escaped := c.Request.URL.EscapedPath()
	if len(escaped) > first+last {
		return escaped[:first] + "…" + escaped[len(escaped)-last:]
	}
	return escaped
}

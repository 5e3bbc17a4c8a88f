// Package auth signs people in through an OpenID Connect provider, keeps their
// sessions, and knows who they are now. Any provider that conforms to the
// standard will do.
//
// web asks it who sends a request. execute, teams and rulebook have it confirm,
// by asking the provider again, that people still are who they were when they
// gave their word.
package auth

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/singleflight"

	"doksportal/internal/portal"
	"doksportal/internal/seal"
)

// Times of a session and of what is known about its owner.
const (
	Lifetime = 12 * time.Hour // of a session, whatever happens
	IdleFor  = 2 * time.Hour  // without a request, then the session ends

	// TokensFor is how long after somebody's last sign-in the provider is asked
	// about them, so that what they have approved is carried out without them.
	TokensFor = 14 * 24 * time.Hour

	AskAgainAfter = 4 * time.Minute  // how old groups are when they are asked for again
	pendingFor    = 10 * time.Minute // between leaving for the provider and coming back
)

// Config says which provider to trust for what.
type Config struct {
	BaseURL      *url.URL // of the portal; plain http is refused but for this machine
	Issuer       string
	ClientID     string
	ClientSecret string
	GroupsClaim  string // its name, or the path to it, joined by dots
	Scopes       []string

	AdminGroup    string
	ApproverGroup string // of the platform approvers
	AuditorGroup  string

	StepUpMaxAge time.Duration // how old a fresh sign-in may be; zero: portal.FreshFor

	Pool   *pgxpool.Pool
	Now    func() time.Time
	Logger *slog.Logger
}

// Auth signs people in. It is safe for concurrent use.
type Auth struct {
	Config
	http     *http.Client
	sessions *scs.SessionManager
	store    *sessionStore
	cookie   http.Cookie
	seal     seal.Seal

	provider  atomic.Pointer[provider] // nil until the provider has answered once
	refreshes singleflight.Group       // by person
	asking    chan struct{}            // holds one value for each refresh under way
	awayUntil atomic.Int64             // when the provider may be asked again after it failed, in Unix nanoseconds
}

// maxAsking bounds the refreshes under way: each holds a connection to the
// database, and a slow provider must not take them all.
const maxAsking = 4

// New returns an Auth. It does not ask the provider yet, so that the portal
// starts while the provider is away.
func New(cfg Config) (*Auth, error) {
	cookie, err := sessionCookie(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	seal, err := seal.New(cfg.ClientSecret, "session tokens")
	if err != nil {
		return nil, err
	}
	cfg.StepUpMaxAge = cmp.Or(cfg.StepUpMaxAge, portal.FreshFor)
	a := &Auth{
		Config: cfg, cookie: cookie, seal: seal, http: &http.Client{Timeout: 10 * time.Second},
		store: &sessionStore{pool: cfg.Pool, seal: seal, now: cfg.Now}, sessions: scs.New(), asking: make(chan struct{}, maxAsking),
	}
	a.sessions.Lifetime = Lifetime
	a.sessions.Store = a.store
	return a, nil
}

// sessionCookie is the cookie without its value. Browsers take neither the
// prefix nor Secure over plain http, which is for this machine only.
func sessionCookie(base *url.URL) (http.Cookie, error) {
	cookie := http.Cookie{Name: "__Host-portal", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	switch {
	case base.Scheme == "https":
		return cookie, nil
	case base.Scheme == "http" && loopback(base.Hostname()):
		cookie.Name, cookie.Secure = "portal", false
		return cookie, nil
	}
	return cookie, fmt.Errorf("the portal's own address %s must be https", base)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// RoleGroups are the groups that give roles for the whole portal.
func (a *Auth) RoleGroups() portal.RoleGroups {
	return portal.RoleGroups{
		portal.RoleAdmin: a.AdminGroup, portal.RolePlatformApprover: a.ApproverGroup, portal.RoleAuditor: a.AuditorGroup,
	}
}

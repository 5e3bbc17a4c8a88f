// Package auth signs people in through an OpenID Connect provider, keeps their
// sessions, and knows who they are now. Any provider that conforms to the
// standard will do.
package auth

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/portal"
)

// Times of a session and of what is known about its owner.
const (
	Lifetime  = 12 * time.Hour  // of a session, whatever happens
	IdleFor   = 2 * time.Hour   // without a request, then the session ends
	GroupsFor = 5 * time.Minute // how old the groups of those may be who change something

	refreshAfter = 4 * time.Minute // how old groups are when they are asked for again
	pendingFor   = 10 * time.Minute
)

// Config says which provider to trust for what.
type Config struct {
	BaseURL      *url.URL // of the portal; plain http is refused but for this machine
	Issuer       string
	ClientID     string
	ClientSecret string
	GroupsClaim  string
	Scopes       []string

	AdminGroup    string
	ApproverGroup string // of the platform approvers
	AuditorGroup  string

	Pool   *pgxpool.Pool
	Now    func() time.Time
	Logger *slog.Logger
}

// Auth signs people in. It is safe for concurrent use.
type Auth struct {
	Config
	http     *http.Client
	sessions *scs.SessionManager
	cookie   http.Cookie
	seal     cipher.AEAD

	mu       sync.Mutex
	provider *provider // nil until the provider has answered once
}

// New returns an Auth. It does not ask the provider yet, so that the portal
// starts while the provider is away.
func New(cfg Config) (*Auth, error) {
	local := cfg.BaseURL.Scheme == "http"
	if local && !loopback(cfg.BaseURL.Hostname()) {
		return nil, fmt.Errorf("the portal's own address %s must be https", cfg.BaseURL)
	}
	seal, err := newSeal(cfg.ClientSecret)
	if err != nil {
		return nil, err
	}
	a := &Auth{Config: cfg, seal: seal, http: &http.Client{Timeout: 10 * time.Second}}
	a.cookie = http.Cookie{Name: "__Host-portal", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if local {
		// Browsers take neither the prefix nor Secure over plain http.
		a.cookie.Name, a.cookie.Secure = "portal", false
	}
	a.sessions = scs.New()
	a.sessions.Lifetime = Lifetime
	a.sessions.HashTokenInStore = true
	a.sessions.Store = &sessionStore{pool: cfg.Pool, now: cfg.Now}
	return a, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// roles are the roles that the groups give for the whole portal.
func (a *Auth) roles(groups []string) []portal.Role {
	var roles []portal.Role
	for _, g := range []struct {
		group string
		role  portal.Role
	}{
		{a.AdminGroup, portal.RoleAdmin}, {a.ApproverGroup, portal.RolePlatformApprover}, {a.AuditorGroup, portal.RoleAuditor},
	} {
		if g.group != "" && slices.Contains(groups, g.group) {
			roles = append(roles, g.role)
		}
	}
	return roles
}

type contextKey struct{}

// reader is who a request comes from.
type reader struct {
	actor    portal.Actor
	groupsAt time.Time
	problem  string
}

// ActorFrom returns who the request comes from, false when nobody is signed in.
func ActorFrom(ctx context.Context) (portal.Actor, bool) {
	r, ok := ctx.Value(contextKey{}).(reader)
	return r.actor, ok
}

// GroupsProblem says in plain words why the provider's groups could not be
// read at the reader's sign-in; empty when they could.
func GroupsProblem(ctx context.Context) string {
	r, _ := ctx.Value(contextKey{}).(reader)
	return r.problem
}

// Load finds out who a request comes from. The request that it returns carries
// the session, and the actor if somebody is signed in. It fails when the
// database does.
func (a *Auth) Load(r *http.Request) (*http.Request, error) {
	token := ""
	if cookie, err := r.Cookie(a.cookie.Name); err == nil {
		token = cookie.Value
	}
	ctx, err := a.sessions.Load(r.Context(), token)
	if err != nil {
		return r, portal.E(portal.KindUnavailable, "the portal's database does not answer; try again in a moment", err)
	}
	who, err := a.identify(ctx)
	if err != nil {
		return r, err
	}
	if who != nil {
		ctx = context.WithValue(ctx, contextKey{}, *who)
	}
	return r.WithContext(ctx), nil
}

// identify returns the owner of the session in ctx, nil when it has none.
func (a *Auth) identify(ctx context.Context) (*reader, error) {
	id := a.identity(ctx)
	if id.IsZero() {
		return nil, nil
	}
	actor, groupsAt, err := a.Current(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.Now().Sub(groupsAt) >= refreshAfter {
		switch err := a.refresh(ctx, actor); {
		case errors.Is(err, errEnded):
			return nil, a.sessions.Destroy(ctx)
		case err != nil:
			// Readers go on while the provider is away; Fresh stops the others.
			a.Logger.Warn("groups could not be renewed", "error", err)
		}
		if actor, groupsAt, err = a.Current(ctx, id); err != nil {
			return nil, err
		}
	}
	return &reader{actor: actor, groupsAt: groupsAt, problem: a.sessions.GetString(ctx, keyProblem)}, nil
}

// Fresh returns the actor of a loaded request that is about to change
// something. It returns KindUnauthorized when nobody is signed in, and
// KindUnavailable when the provider has not confirmed the actor's groups for
// too long.
func (a *Auth) Fresh(r *http.Request) (portal.Actor, error) {
	who, ok := r.Context().Value(contextKey{}).(reader)
	if !ok {
		return portal.Actor{}, portal.E(portal.KindUnauthorized, "your session has ended; sign in and try again")
	}
	if a.Now().Sub(who.groupsAt) > GroupsFor {
		return portal.Actor{}, portal.E(portal.KindUnavailable,
			"the identity provider does not answer, so your groups cannot be confirmed; you can read, but change nothing until it is back")
	}
	return who.actor, nil
}

// Valid reports whether the session of a loaded request still lasts. Long
// answers ask now and then.
func (a *Auth) Valid(r *http.Request) bool {
	again, err := a.Load(r)
	if err != nil {
		return false
	}
	before, _ := ActorFrom(r.Context())
	now, ok := ActorFrom(again.Context())
	return ok && now.Identity == before.Identity && slices.Equal(now.Groups, before.Groups)
}

// LocalPath returns raw if it is a path of the portal, else "/". It is where a
// browser goes after sign-in.
func LocalPath(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "/"
	}
	for _, path := range []string{raw, u.Path} {
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsFunc(path, unsafeInPath) {
			return "/"
		}
	}
	return raw
}

// unsafeInPath finds what browsers may take for another slash or a line's end.
func unsafeInPath(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }

package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"doksportal/internal/portal"
)

type contextKey struct{}

// ActorFrom returns who the request comes from, false when nobody is signed in.
func ActorFrom(ctx context.Context) (portal.Actor, bool) {
	r, ok := ctx.Value(contextKey{}).(person)
	return r.actor, ok
}

// GroupsProblem says in plain words why the provider's groups could not be
// read when they were last asked for; empty when they could.
func GroupsProblem(ctx context.Context) string {
	r, _ := ctx.Value(contextKey{}).(person)
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
		return r, portal.E(portal.KindUnavailable, "the portal's database is not responding; try again in a moment", err)
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

// identify returns the owner of the session in ctx, nil when it has none. It
// has the provider asked when the last answer is too old.
func (a *Auth) identify(ctx context.Context) (*person, error) {
	id := a.identity(ctx)
	if id.IsZero() {
		return nil, nil
	}
	who, err := a.person(ctx, id)
	if err != nil {
		return nil, err
	}
	if a.old(who.groupsAt) {
		switch err := a.refresh(ctx, who); {
		case errors.Is(err, errEnded):
			return nil, a.sessions.Destroy(ctx)
		case err != nil:
			// Readers go on while the provider is away; Fresh stops the others.
			a.Logger.Warn("groups could not be renewed", "error", err)
		}
		if who, err = a.person(ctx, id); err != nil {
			return nil, err
		}
	}
	who.actor.SignedInAt = a.signedInAt(ctx)
	return &who, nil
}

// Fresh returns the actor of a loaded request that is about to change
// something. It returns KindUnauthorized when nobody is signed in, and
// KindUnavailable when the provider has not confirmed the actor's groups for
// too long.
func (a *Auth) Fresh(r *http.Request) (portal.Actor, error) {
	who, ok := r.Context().Value(contextKey{}).(person)
	if !ok {
		return portal.Actor{}, portal.E(portal.KindUnauthorized, "your session has ended; sign in and try again")
	}
	if a.Now().Sub(who.groupsAt) > portal.GroupsFor {
		return portal.Actor{}, portal.E(portal.KindUnavailable,
			"the identity provider is not responding, so your groups cannot be confirmed; until it is back you can read, but not change anything")
	}
	return who.actor, nil
}

// Valid reports whether the session of a loaded request still lasts and its
// owner still has the same groups. Long answers ask now and then. Asking is no
// use of the session, so a page that is merely left open does not prolong it.
func (a *Auth) Valid(r *http.Request) bool {
	before, ok := ActorFrom(r.Context())
	if !ok {
		return false
	}
	if lives, err := a.store.lives(r.Context(), a.sessions.Token(r.Context())); err != nil || !lives {
		return false
	}
	now, err := a.identify(r.Context())
	return err == nil && now != nil && slices.Equal(now.actor.Groups, before.Groups)
}

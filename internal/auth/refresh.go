package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/jackc/pgx/v5"
	"golang.org/x/oauth2"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

const (
	askFor  = 8 * time.Second  // how long the provider may take to confirm somebody's groups
	turnFor = 5 * time.Second  // how long to wait while others have the provider asked
	restFor = 15 * time.Second // how long it is left alone after it failed
)

var (
	// errEnded says that the provider no longer vouches for a person.
	errEnded = errors.New("the identity provider no longer vouches for this person")

	errAway = errors.New("the identity provider failed a moment ago and is left alone")
)

// refresh has the provider asked again about a person. Readers wait for it, so a
// provider that has just failed is not asked again at once. It returns errEnded
// when the person's sessions are over.
func (a *Auth) refresh(ctx context.Context, who person) error {
	id := who.actor.Identity
	if !who.askable {
		err := db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
			_, err := a.end(ctx, tx, portal.System("sign-in").Person(), id, nil)
			return err
		})
		return cmp.Or(err, errEnded)
	}
	_, err, _ := a.refreshes.Do(owner(id), func() (any, error) {
		// A reader who leaves must not cut off the exchange of a refresh token
		// that is good for one use only: its successor would be lost.
		ctx := context.WithoutCancel(ctx)
		select {
		case a.asking <- struct{}{}:
		case <-time.After(turnFor):
			return nil, errAway
		}
		defer func() { <-a.asking }()
		if a.Now().UnixNano() < a.awayUntil.Load() {
			return nil, errAway
		}
		err := a.refreshOnce(ctx, id, who.forged)
		var unreachable *url.Error
		if errors.As(err, &unreachable) {
			a.awayUntil.Store(a.Now().Add(restFor).UnixNano())
		}
		return nil, err
	})
	return err
}

// refreshOnce asks unless another replica has done so meanwhile. The new
// tokens are kept even if the provider then fails to say whose they are. Those
// that it refuses for good end with all sessions. What is forged says nothing of when
// it was asked.
func (a *Auth) refreshOnce(ctx context.Context, id portal.Identity, forged bool) error {
	p, err := a.discover(ctx)
	if err != nil {
		return err
	}
	var asked error
	err = db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
		t, err := store.LockTokens(ctx, tx, id, a.Now())
		if err != nil || !forged && !a.old(t.GroupsAt) {
			return err
		}
		var who profile
		if who, asked = a.ask(ctx, p, id, &t); errors.Is(asked, errEnded) {
			a.Logger.Info("sessions are ended", "subject", id.Subject, "why", asked)
			return a.EndSessions(ctx, tx, portal.System("sign-in").Person(), id)
		}
		if asked == nil {
			if err := a.setPerson(ctx, tx, who); err != nil {
				return err
			}
		}
		return store.SetTokens(ctx, tx, id, t.Tokens, t.TokensUntil)
	})
	return errors.Join(err, asked)
}

// ask gets what the provider says of a person by their tokens, and puts renewed
// ones into t.
func (a *Auth) ask(ctx context.Context, p *provider, id portal.Identity, t *store.Tokens) (profile, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, a.http), askFor)
	defer cancel()
	token, err := a.renew(ctx, p, id, t)
	if err != nil {
		return profile{}, err
	}
	c, err := a.claimsNow(ctx, p, token, id)
	if err != nil {
		return profile{}, err
	}
	if _, ok := c.find(a.GroupsClaim); !ok && t.GroupsProblem == "" {
		// The groups came in an ID token and there is no newer one: only a
		// sign-in can tell which they are now.
		return profile{}, fmt.Errorf("%w: the provider no longer tells the groups", errEnded)
	}
	c["iss"], c["sub"] = id.Issuer, id.Subject
	return a.profile(c), nil
}

// renew returns a token that is good now. A refresh token is used whenever
// there is one, because its refusal is how a provider ends a session.
func (a *Auth) renew(ctx context.Context, p *provider, id portal.Identity, t *store.Tokens) (*oauth2.Token, error) {
	var old tokens
	if err := a.seal.Open(t.Tokens, owner(id), &old); err != nil {
		return nil, fmt.Errorf("%w: the tokens cannot be read: %w", errEnded, err)
	}
	if old.Refresh == "" {
		return &oauth2.Token{AccessToken: old.Access, TokenType: old.Type}, nil
	}
	token, err := p.oauth.TokenSource(ctx, &oauth2.Token{RefreshToken: old.Refresh}).Token()
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" {
		return nil, fmt.Errorf("%w: the refresh token is no longer good", errEnded)
	}
	if refused != nil {
		return nil, errors.New("the identity provider did not renew the token") // err may hold its answer
	}
	if err != nil {
		return nil, err
	}
	t.Tokens, err = a.seal.Close(tokensOf(token), owner(id))
	return token, err
}

// claimsNow gets what the provider says of a token's owner: userinfo, and what
// that lacks from the ID token that may have come with the token.
func (a *Auth) claimsNow(ctx context.Context, p *provider, token *oauth2.Token, id portal.Identity) (claims, error) {
	c := claims{}
	if p.hasUserInfo {
		var err error
		if c, err = a.userInfo(ctx, p, token, id.Subject); err != nil {
			return nil, err
		}
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return c, nil
	}
	idToken, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("the renewed ID token is not valid: %w", err)
	}
	if idToken.Subject != id.Subject {
		return nil, fmt.Errorf("%w: the renewed ID token speaks of somebody else", errEnded)
	}
	more := claims{}
	err = idToken.Claims(&more)
	a.fill(c, more)
	return c, err
}

// tokens are what is kept of the provider's tokens.
type tokens struct {
	Access  string `json:"access"`
	Type    string `json:"type"`
	Refresh string `json:"refresh"`
}

func tokensOf(t *oauth2.Token) tokens {
	return tokens{Access: t.AccessToken, Type: t.TokenType, Refresh: t.RefreshToken}
}

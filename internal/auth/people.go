package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/jackc/pgx/v5"
	"golang.org/x/oauth2"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Current returns a person as the provider last described them, and when that
// was. It returns KindNotFound for somebody who never signed in.
func (a *Auth) Current(ctx context.Context, id portal.Identity) (portal.Actor, time.Time, error) {
	actor := portal.Actor{Identity: id}
	var groupsAt time.Time
	err := a.Pool.QueryRow(ctx, `SELECT name, email, groups, groups_at FROM people WHERE issuer = $1 AND subject = $2`,
		id.Issuer, id.Subject).Scan(&actor.Name, &actor.Email, &actor.Groups, &groupsAt)
	actor.Roles = a.roles(actor.Groups)
	return actor, groupsAt, db.Wrap(err)
}

// meet writes down what the provider says of a person now.
func (a *Auth) meet(ctx context.Context, tx pgx.Tx, who profile) error {
	groups := who.Groups
	if groups == nil {
		groups = []string{}
	}
	_, err := tx.Exec(ctx, `INSERT INTO people (issuer, subject, name, email, groups, groups_at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (issuer, subject) DO UPDATE SET name = $3, email = $4, groups = $5, groups_at = $6`,
		who.Issuer, who.Subject, who.Name, who.Email, groups, a.Now())
	return db.Wrap(err)
}

// refresh asks the provider anew about the owner of the session in ctx. Of
// several requests at once, on whatever replica, one asks while the others
// wait: a refresh token may be good for one use only. It returns errEnded when
// the provider no longer vouches for the session.
func (a *Auth) refresh(ctx context.Context, actor portal.Actor) error {
	p, err := a.discover(ctx)
	if err != nil {
		return err
	}
	return db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
		var groupsAt time.Time
		err := tx.QueryRow(ctx, `SELECT groups_at FROM people WHERE issuer = $1 AND subject = $2 FOR UPDATE`,
			actor.Issuer, actor.Subject).Scan(&groupsAt)
		if err != nil || a.Now().Sub(groupsAt) < refreshAfter {
			return err // else another request has asked meanwhile
		}
		ctx := inTx(ctx, tx)
		who, err := a.ask(ctx, p, actor)
		if err != nil {
			return err
		}
		return a.meet(ctx, tx, who)
	})
}

// ask gets the claims of a person by the tokens of their session. A renewed
// token is kept in the session.
func (a *Auth) ask(ctx context.Context, p *provider, actor portal.Actor) (profile, error) {
	old, err := a.tokens(ctx)
	if err != nil {
		return profile{}, err
	}
	token, err := a.renew(ctx, p, old)
	if err != nil {
		return profile{}, err
	}
	var c claims
	if p.hasUserInfo {
		if c, err = a.userInfo(ctx, p, token, actor.Subject); err != nil {
			return profile{}, err
		}
	}
	if _, ok := c[a.GroupsClaim]; !ok {
		// Some providers put groups in ID tokens only.
		if c, err = a.renewedClaims(ctx, p, token, actor, c); err != nil {
			return profile{}, err
		}
	}
	c["iss"], c["sub"] = actor.Issuer, actor.Subject
	return a.profile(c), nil
}

// renew returns a token that is good now. A refresh token is used whenever
// there is one, because its refusal is how a provider ends a session.
func (a *Auth) renew(ctx context.Context, p *provider, old *oauth2.Token) (*oauth2.Token, error) {
	if old.RefreshToken == "" {
		return old, nil
	}
	expired := &oauth2.Token{RefreshToken: old.RefreshToken, Expiry: time.Unix(1, 0)}
	token, err := p.oauth.TokenSource(oidc.ClientContext(ctx, a.http), expired).Token()
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" {
		return nil, fmt.Errorf("%w: the refresh token is no longer good", errEnded)
	}
	if err != nil {
		return nil, errors.New("the identity provider did not renew the token") // err may hold the answer
	}
	if err := a.putTokens(ctx, token); err != nil {
		return nil, err
	}
	_, _, err = a.sessions.Commit(ctx)
	return token, err
}

func (a *Auth) renewedClaims(ctx context.Context, p *provider, token *oauth2.Token, actor portal.Actor, c claims) (claims, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		if c == nil {
			return nil, fmt.Errorf("%w: the provider says nothing about its owner any more", errEnded)
		}
		return c, nil
	}
	idToken, err := p.verifier.Verify(oidc.ClientContext(ctx, a.http), raw)
	if err != nil {
		return nil, fmt.Errorf("the renewed ID token is not valid: %w", err)
	}
	if idToken.Subject != actor.Subject {
		return nil, fmt.Errorf("%w: the renewed ID token speaks of somebody else", errEnded)
	}
	c = claims{}
	return c, idToken.Claims(&c)
}

package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/jackc/pgx/v5"
	"golang.org/x/oauth2"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const providerAway = "the identity provider does not answer; try to sign in again in a moment"

// Login sends the browser of a loaded request to the provider. The address may
// say in "return" where to go afterwards.
func (a *Auth) Login(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	p, err := a.discover(ctx)
	if err != nil {
		return portal.E(portal.KindUnavailable, providerAway, err)
	}
	state := randomText()
	signIn := pending{
		Nonce: randomText(), Verifier: oauth2.GenerateVerifier(),
		Return: LocalPath(r.URL.Query().Get("return")), At: a.Now(),
	}
	all := a.pendings(ctx)
	all[state] = signIn
	if err := a.setPendings(ctx, all); err != nil {
		return err
	}
	if err := a.save(ctx, w); err != nil {
		return err
	}
	http.Redirect(w, r, p.oauth.AuthCodeURL(state, oidc.Nonce(signIn.Nonce), oauth2.S256ChallengeOption(signIn.Verifier)), http.StatusSeeOther)
	return nil
}

// Callback takes the browser back from the provider. It starts a session under
// a new id, if this browser has begun the sign-in and everything fits.
func (a *Auth) Callback(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	query := r.URL.Query()
	all := a.pendings(ctx)
	signIn, ok := all[query.Get("state")]
	if !ok {
		return portal.E(portal.KindForbidden, "this sign-in was not started in this browser, or has expired; start again")
	}
	// A state is good for one answer, whatever that is.
	delete(all, query.Get("state"))
	if err := a.setPendings(ctx, all); err != nil {
		return err
	}
	if err := a.save(ctx, w); err != nil {
		return err
	}
	p, err := a.discover(ctx)
	if err != nil {
		return portal.E(portal.KindUnavailable, providerAway, err)
	}
	if err := a.checkAnswer(p, r); err != nil {
		return a.refuse(ctx, err)
	}
	who, token, err := a.exchange(ctx, p, query.Get("code"), signIn)
	if err != nil {
		return a.refuse(ctx, err)
	}
	if err := a.start(ctx, w, r.UserAgent(), who, token); err != nil {
		return err
	}
	http.Redirect(w, r, signIn.Return, http.StatusSeeOther)
	return nil
}

// checkAnswer checks the parts of the provider's answer that are no token.
func (a *Auth) checkAnswer(p *provider, r *http.Request) error {
	query := r.URL.Query()
	if query.Get("error") == "access_denied" {
		return errors.New("the identity provider refused the sign-in")
	}
	if query.Has("error") {
		return errors.New("the identity provider reported an error")
	}
	if iss := query.Get("iss"); iss != a.Issuer && (iss != "" || p.sendsIssuer) {
		return errors.New("the answer came from another issuer")
	}
	return nil
}

// exchange turns a code into who the person is.
func (a *Auth) exchange(ctx context.Context, p *provider, code string, signIn pending) (profile, *oauth2.Token, error) {
	ctx = oidc.ClientContext(ctx, a.http)
	token, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(signIn.Verifier))
	if err != nil {
		return profile{}, nil, errors.New("the identity provider did not take the code") // err may hold the answer's tokens
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return profile{}, nil, fmt.Errorf("the ID token is not valid: %w", err)
	}
	// go-oidc leaves the nonce to its callers.
	if subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(signIn.Nonce)) != 1 {
		return profile{}, nil, errors.New("the ID token belongs to another sign-in")
	}
	c := claims{}
	if err := idToken.Claims(&c); err != nil {
		return profile{}, nil, fmt.Errorf("the ID token cannot be read: %w", err)
	}
	if err := a.complete(ctx, p, c, token); err != nil {
		return profile{}, nil, fmt.Errorf("userinfo cannot be read: %w", err)
	}
	who := a.profile(c)
	if who.Subject == "" {
		return profile{}, nil, errors.New("the ID token names nobody")
	}
	return who, token, nil
}

// unknownPerson is the actor of a sign-in that failed: nobody knows who it was.
var unknownPerson = portal.Person{Identity: portal.Identity{Issuer: portal.SystemIssuer, Subject: "sign-in"}, Name: "somebody unknown"}

// refuse records that a sign-in failed.
func (a *Auth) refuse(ctx context.Context, why error) error {
	err := db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
		return audit.Append(ctx, tx, portal.Event{
			At: a.Now(), Kind: portal.EventSignInRefused, Actor: unknownPerson, Summary: "A sign-in was refused: " + why.Error()})
	})
	if err != nil {
		return err
	}
	return portal.E(portal.KindForbidden, "the sign-in did not work; start again, and if it keeps failing ask your administrator", why)
}

// start begins the session of a person under a new id.
func (a *Auth) start(ctx context.Context, w http.ResponseWriter, agent string, who profile, token *oauth2.Token) error {
	return db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
		ctx := inTx(ctx, tx)
		if err := a.sessions.RenewToken(ctx); err != nil {
			return db.Wrap(err)
		}
		if err := a.sessions.Clear(ctx); err != nil {
			return err
		}
		a.sessions.Put(ctx, keyIssuer, who.Issuer)
		a.sessions.Put(ctx, keySubject, who.Subject)
		a.sessions.Put(ctx, keyAgent, agent)
		a.sessions.Put(ctx, keyProblem, who.Problem)
		if err := a.putTokens(ctx, token); err != nil {
			return err
		}
		if err := a.meet(ctx, tx, who); err != nil {
			return err
		}
		err := audit.Append(ctx, tx, portal.Event{
			At: a.Now(), Kind: portal.EventSignIn, Actor: person(who),
			Summary: who.Name + " signed in", Data: map[string]any{"groups": who.Groups}})
		if err != nil {
			return err
		}
		return a.save(ctx, w)
	})
}

func person(who profile) portal.Person {
	return portal.Person{Identity: portal.Identity{Issuer: who.Issuer, Subject: who.Subject}, Name: who.Name}
}

// Logout ends the session of a loaded request on all replicas and sends the
// browser to the page that says so.
func (a *Auth) Logout(w http.ResponseWriter, r *http.Request) error {
	err := db.WithTx(r.Context(), a.Pool, func(tx pgx.Tx) error {
		ctx := inTx(r.Context(), tx)
		if actor, ok := ActorFrom(ctx); ok {
			err := audit.Append(ctx, tx, portal.Event{
				At: a.Now(), Kind: portal.EventSignOut, Actor: actor.Person(), Summary: actor.Name + " signed out"})
			if err != nil {
				return err
			}
		}
		return a.sessions.Destroy(ctx)
	})
	if err != nil {
		return err
	}
	a.forgetCookie(w)
	http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
	return nil
}

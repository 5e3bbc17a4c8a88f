package auth

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/jackc/pgx/v5"
	"golang.org/x/oauth2"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

const providerAway = "the identity provider is not responding; try to sign in again in a moment"

// Login sends the browser of a loaded request to the provider. The address may
// say in "return" where to go afterwards.
func (a *Auth) Login(w http.ResponseWriter, r *http.Request) error {
	p, err := a.discover(r.Context())
	if err != nil {
		return portal.E(portal.KindUnavailable, providerAway, err)
	}
	state, signIn := randomText(), newPending(r.URL.Query().Get("return"))
	if err := a.keep(w, r, state, signIn); err != nil {
		return err
	}
	http.Redirect(w, r, p.address(state, signIn), http.StatusSeeOther)
	return nil
}

// address is where the provider signs somebody in.
func (p *provider) address(state string, signIn pending, more ...oauth2.AuthCodeOption) string {
	return p.oauth.AuthCodeURL(state, append(more, oidc.Nonce(signIn.Nonce), oauth2.S256ChallengeOption(signIn.Verifier))...)
}

// Callback takes the browser back from the provider. It starts a session under
// a new id, if this browser has begun the sign-in and everything fits.
func (a *Auth) Callback(w http.ResponseWriter, r *http.Request) error {
	signIn, ok, err := a.take(w, r, r.URL.Query().Get("state"))
	if err != nil {
		return err
	}
	if !ok {
		return portal.E(portal.KindForbidden, "this sign-in was not started in this browser, or has expired; start again")
	}
	who, token, err := a.verifyCallback(r.Context(), r.URL.Query(), signIn)
	if err != nil {
		return a.giveBack(r.Context(), signIn, err)
	}
	if err := a.start(w, r, signIn, who, token); err != nil {
		return err
	}
	http.Redirect(w, r, signIn.landing(who), http.StatusSeeOther)
	return nil
}

// verifyCallback returns who the provider says has signed in. What it refuses is
// recorded.
func (a *Auth) verifyCallback(ctx context.Context, answer url.Values, signIn pending) (profile, *oauth2.Token, error) {
	p, err := a.discover(ctx)
	if err != nil {
		return profile{}, nil, portal.E(portal.KindUnavailable, providerAway, err)
	}
	if err := a.checkAnswer(p, answer); err != nil {
		return profile{}, nil, a.refuse(ctx, err)
	}
	who, token, err := a.exchange(ctx, p, answer.Get("code"), signIn)
	if err == nil && signIn.StepUp != nil {
		err = a.checkFresh(who)
	}
	if err != nil {
		return profile{}, nil, a.refuse(ctx, err)
	}
	return who, token, nil
}

// checkAnswer checks the parts of the provider's answer that are no token.
func (a *Auth) checkAnswer(p *provider, answer url.Values) error {
	// An answer of another issuer may not even report an error.
	if iss := answer.Get("iss"); iss != a.Issuer && (iss != "" || p.sendsIssuer) {
		return errors.New("the answer came from another issuer")
	}
	if answer.Get("error") == "access_denied" {
		return portal.E(portal.KindForbidden, "the identity provider did not let you sign in to the portal")
	}
	if answer.Has("error") {
		return errors.New("the identity provider reported an error")
	}
	return nil
}

// exchange turns a code into who the person is.
func (a *Auth) exchange(ctx context.Context, p *provider, code string, signIn pending) (profile, *oauth2.Token, error) {
	ctx = oidc.ClientContext(ctx, a.http)
	token, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(signIn.Verifier))
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError {
		return profile{}, nil, errors.New("the identity provider did not take the code") // err may hold its answer
	}
	if err != nil {
		return profile{}, nil, portal.E(portal.KindUnavailable, providerAway)
	}
	c, err := a.verify(ctx, p, token, signIn)
	if err != nil {
		return profile{}, nil, err
	}
	signedInAt := c.time("auth_time") // before userinfo, which cannot tell
	if err := a.complete(ctx, p, c, token); err != nil {
		return profile{}, nil, fmt.Errorf("userinfo cannot be read: %w", err)
	}
	who := a.profile(c)
	who.SignedInAt = signedInAt
	who.Report = a.report(c, who, token)
	return who, token, nil
}

// verify returns the claims of the ID token, which must be meant for this
// sign-in.
func (a *Auth) verify(ctx context.Context, p *provider, token *oauth2.Token, signIn pending) (claims, error) {
	raw, _ := token.Extra("id_token").(string)
	idToken, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("the ID token is not valid: %w", err)
	}
	// go-oidc leaves the nonce and the authorized party to its callers.
	if subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(signIn.Nonce)) != 1 {
		return nil, errors.New("the ID token belongs to another sign-in")
	}
	c := claims{}
	if err := idToken.Claims(&c); err != nil {
		return nil, fmt.Errorf("the ID token cannot be read: %w", err)
	}
	if party := c.text("azp"); party != "" && party != a.ClientID {
		return nil, errors.New("the ID token was given to another application")
	}
	if c.text("sub") == "" {
		return nil, errors.New("the ID token names nobody")
	}
	return c, nil
}

// unknownPerson is the actor of a sign-in that failed: nobody knows who it was.
var unknownPerson = portal.Person{Identity: portal.Identity{Issuer: portal.SystemIssuer, Subject: "sign-in"}, Name: "somebody unknown"}

// refuse records that a sign-in failed, and returns what to tell its browser.
// A provider that is away has refused nobody.
func (a *Auth) refuse(ctx context.Context, why error) error {
	if portal.Is(why, portal.KindUnavailable) {
		return why
	}
	err := db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
		return audit.AppendRefusal(ctx, tx, portal.Event{
			At: a.Now(), Kind: portal.EventSignInRefused, Actor: unknownPerson, Summary: "A sign-in was refused: " + db.Text(why.Error())}, "sign-in")
	})
	if err != nil || portal.KindOf(why) != portal.KindUnknown {
		return cmp.Or(err, why)
	}
	return portal.E(portal.KindForbidden, "the sign-in did not work; start again, and if it keeps failing ask your administrator", why)
}

// start begins the session of a person under a new id.
func (a *Auth) start(w http.ResponseWriter, r *http.Request, signIn pending, who profile, token *oauth2.Token) error {
	ctx := r.Context()
	box, err := a.seal.Close(tokensOf(token), owner(who.identity()))
	if err != nil {
		return err
	}
	id := ""
	err = db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
		wait, err := signInRate.Admit(ctx, tx, "sign-in "+who.Issuer+" "+who.Subject, 1, a.Now())
		if err != nil {
			return err
		}
		if wait > 0 {
			return portal.E(portal.KindLimited, "you have signed in many times; try again in a minute")
		}
		// In the order in which refresh locks: the person, then the session.
		if err := a.setPerson(ctx, tx, who); err != nil {
			return err
		}
		if err := store.SetTokens(ctx, tx, who.identity(), box, a.Now().Add(TokensFor)); err != nil {
			return err
		}
		if id, err = a.renewSession(inTx(ctx, tx), valuesOf(who, r)); err != nil {
			return db.Wrap(err)
		}
		if signIn.by(who) {
			if err := a.keepTyped(ctx, tx, id, signIn); err != nil {
				return err
			}
		}
		return audit.Append(ctx, tx, signIn.event(who, a.Now()))
	})
	if err == nil {
		a.giveCookie(w, a.cookie.Name, id, Lifetime)
	}
	return err
}

// signInRate is how often one person may sign in. Each time stays on the trail.
var signInRate = store.Rate{Every: time.Minute, Burst: 60}

// mostAgent is how much of what a browser calls itself is kept with a session, in
// characters.
const mostAgent = 300

// valuesOf are what a session keeps of its owner.
func valuesOf(who profile, r *http.Request) map[string]any {
	report, err := json.Marshal(who.Report)
	if err != nil {
		report = nil // of claims that were JSON
	}
	values := map[string]any{
		keyIssuer: who.Issuer, keySubject: who.Subject, keyReport: string(report),
		keyAgent: names.Visible(db.Text(r.UserAgent()), mostAgent), keyAddress: names.Visible(db.Text(networkOf(r)), mostAgent),
	}
	if !who.SignedInAt.IsZero() {
		values[keySignedIn] = who.SignedInAt.Unix()
	}
	return values
}

// event tells of a sign-in that worked.
func (p pending) event(who profile, at time.Time) portal.Event {
	e := portal.Event{
		At: at, Kind: portal.EventSignIn, Actor: portal.Person{Identity: who.identity(), Name: who.Name},
		Summary: who.Name + " signed in", Data: map[string]any{"groups": who.Groups}}
	if p.StepUp != nil {
		e.Summary += " again"
		e.Data["fresh"], e.Data["auth_time"] = true, who.SignedInAt.UTC()
	}
	return e
}

// renewSession replaces the session of ctx by one with a new id and values.
func (a *Auth) renewSession(ctx context.Context, values map[string]any) (string, error) {
	if err := a.sessions.RenewToken(ctx); err != nil {
		return "", err
	}
	if err := a.sessions.Clear(ctx); err != nil {
		return "", err
	}
	for key, value := range values {
		a.sessions.Put(ctx, key, value)
	}
	a.sessions.SetDeadline(ctx, a.Now().Add(Lifetime))
	id, _, err := a.sessions.Commit(ctx)
	return id, err
}

// Logout ends the session of a loaded request on all replicas and sends the
// browser to the page that says so. What its owner has asked for and approved
// goes on, so the tokens by which the provider is asked about them stay.
func (a *Auth) Logout(w http.ResponseWriter, r *http.Request) error {
	err := db.WithTx(r.Context(), a.Pool, func(tx pgx.Tx) error {
		ctx := inTx(r.Context(), tx)
		if actor, ok := ActorFrom(ctx); ok {
			err := audit.Append(ctx, tx, portal.Event{
				At: a.Now(), Kind: portal.EventSignOut, Actor: actor.Person(), Summary: actor.Name + " signed out"})
			if err != nil {
				return err
			}
			if err := events.Publish(ctx, tx, events.Sessions(actor.Identity)); err != nil {
				return err
			}
		}
		return a.sessions.Destroy(ctx)
	})
	if err != nil {
		return err
	}
	a.forgetCookie(w, a.cookie.Name)
	http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
	return nil
}

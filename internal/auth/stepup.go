package auth

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/oauth2"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// stepUp is what a pending sign-in knows of the reader who has to sign in
// again.
type stepUp struct {
	Who   portal.Identity `json:"who"`
	Typed url.Values      `json:"typed"` // into the form on the page to return to
}

const (
	// maxTyped bounds what is kept of a form, in bytes: more than any form that
	// a use case takes, less than would let one person fill the database.
	maxTyped = 96 << 10

	// TypedFor is how long that is kept, between signing in again and opening the form.
	TypedFor = 10 * time.Minute
)

// StepUp prepares a fresh sign-in of the reader of a loaded request, and
// returns the state that Prepared knows it by. page is the path of the page to
// return to, typed what was typed into its form. It returns KindStepUp when
// that is too much to keep.
func (a *Auth) StepUp(w http.ResponseWriter, r *http.Request, typed url.Values, page string) (string, error) {
	id := a.identity(r.Context())
	if id.IsZero() {
		return "", portal.E(portal.KindUnauthorized, "your session has ended; sign in and try again")
	}
	if sizeOf(typed) > maxTyped {
		return "", portal.E(portal.KindStepUp,
			"this needs a fresh sign-in, and what you typed is too long to be kept while you do that; sign in again in another tab, then go back and send it again")
	}
	state, signIn := randomText(), newPending(page)
	signIn.StepUp = &stepUp{Who: id, Typed: typed}
	return state, a.keep(w, r, state, signIn)
}

func sizeOf(form url.Values) int {
	n := 0
	for name, values := range form {
		for _, v := range values {
			n += len(name) + len(v)
		}
	}
	return n
}

// Prepared is a fresh sign-in that its reader has not left for yet.
type Prepared struct {
	Address string // of the provider
	Typed   bool   // something that was typed is kept
}

// Prepared returns the fresh sign-in that the reader of a loaded request has to
// go through, KindNotFound when there is none by that state (any more).
func (a *Auth) Prepared(r *http.Request, state string) (Prepared, error) {
	signIn, ok, err := a.peek(r, state)
	if err != nil {
		return Prepared{}, err
	}
	actor, _ := ActorFrom(r.Context())
	if !ok || signIn.StepUp == nil || signIn.StepUp.Who != actor.Identity {
		return Prepared{}, portal.E(portal.KindNotFound, "this sign-in has expired or was used already; go back to the form and send it again")
	}
	p, err := a.discover(r.Context())
	if err != nil {
		return Prepared{}, portal.E(portal.KindUnavailable, providerAway, err)
	}
	asks := []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("prompt", "login"),
		oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(a.StepUpMaxAge.Seconds()))),
	}
	if actor.Email != "" {
		asks = append(asks, oauth2.SetAuthURLParam("login_hint", actor.Email))
	}
	return Prepared{Address: p.address(state, signIn, asks...), Typed: len(signIn.StepUp.Typed) > 0}, nil
}

// checkFresh makes sure that the provider has just had the person sign in,
// whatever it was asked for.
func (a *Auth) checkFresh(who profile) error {
	age := a.Now().Sub(who.SignedInAt)
	switch {
	case who.SignedInAt.IsZero():
		return portal.E(portal.KindForbidden, "the identity provider does not say when you signed in")
	case age < -portal.ClockSkew:
		return portal.E(portal.KindForbidden, "the identity provider reported a sign-in time in the future; its clock or the portal's is wrong")
	case age > a.StepUpMaxAge+portal.ClockSkew:
		return portal.E(portal.KindForbidden, "the identity provider did not ask you to sign in again")
	}
	return nil
}

// by reports whether who has signed in again began to.
func (p pending) by(who profile) bool { return p.StepUp != nil && p.StepUp.Who == who.identity() }

// landing is where the browser goes afterwards. Somebody else has no business
// where the reader was who began.
func (p pending) landing(who profile) string {
	if p.StepUp != nil && !p.by(who) {
		return "/"
	}
	return p.Return
}

// typedName is what the form of a page is kept under for a session.
func typedName(session, page string) string { return "typed " + session + " " + page }

// keepTyped keeps what was typed for the page that it belongs to, for whoever
// holds the session.
func (a *Auth) keepTyped(ctx context.Context, q db.Querier, session string, signIn pending) error {
	name := typedName(session, signIn.Return)
	data, err := a.seal.Close(signIn.StepUp.Typed, name)
	if err != nil {
		return err
	}
	holder, _ := signIn.holder(nil)
	_, err = q.Exec(ctx, `
		INSERT INTO sessions (token_hash, data, holder, created_at, last_used_at, expires_at)
		VALUES (@hash, @data, @holder, @now, @now, @expires)
		ON CONFLICT (token_hash) DO UPDATE SET data = @data, expires_at = @expires`,
		pgx.StrictNamedArgs{"hash": hashOf(name), "data": data, "holder": holder, "now": a.Now(), "expires": a.Now().Add(TypedFor)})
	return db.Wrap(err)
}

// TakeTyped returns, once, what the reader of a loaded request had typed into
// the form on a page when they were sent to sign in again. It reports false
// when they were not.
func (a *Auth) TakeTyped(r *http.Request, page string) (url.Values, bool, error) {
	name := typedName(a.sessions.Token(r.Context()), page)
	var typed url.Values
	ok, err := a.unseal(r.Context(), takeKept, name, name, &typed)
	return typed, ok, err
}

// Unfinished says that a fresh sign-in did not work, while the reader is
// signed in as before and what they typed waits for them.
type Unfinished struct {
	Page string // that it was typed on
	Err  error
}

func (u *Unfinished) Error() string { return u.Err.Error() }

// Unwrap returns why it did not work.
func (u *Unfinished) Unwrap() error { return u.Err }

// giveBack returns why a sign-in did not work. Readers who were to sign in
// again do not lose what they typed.
func (a *Auth) giveBack(ctx context.Context, signIn pending, why error) error {
	if signIn.StepUp == nil || signIn.StepUp.Who != a.identity(ctx) {
		return why
	}
	if err := a.keepTyped(ctx, a.Pool, a.sessions.Token(ctx), signIn); err != nil {
		return err
	}
	return &Unfinished{Page: signIn.Return, Err: why}
}

package auth

import (
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Keys of a session's values.
const (
	keyIssuer   = "issuer"
	keySubject  = "subject"
	keyAgent    = "user agent"
	keyReport   = "report"    // of the provider, as JSON
	keySignedIn = "signed in" // when, by the provider, in Unix seconds; missing when that is not known
)

func (a *Auth) identity(ctx context.Context) portal.Identity {
	return portal.Identity{Issuer: a.sessions.GetString(ctx, keyIssuer), Subject: a.sessions.GetString(ctx, keySubject)}
}

// signedInAt is when the owner of the session in ctx proved who they are, zero
// when that is not known.
func (a *Auth) signedInAt(ctx context.Context) time.Time {
	if !a.sessions.Exists(ctx, keySignedIn) {
		return time.Time{}
	}
	return time.Unix(a.sessions.GetInt64(ctx, keySignedIn), 0)
}

// giveCookie gives the browser a cookie like the session's.
func (a *Auth) giveCookie(w http.ResponseWriter, name, value string, lasts time.Duration) {
	cookie := a.cookie
	cookie.Name, cookie.Value, cookie.MaxAge = name, value, int(lasts.Seconds())
	http.SetCookie(w, &cookie)
}

func (a *Auth) forgetCookie(w http.ResponseWriter, name string) {
	cookie := a.cookie
	cookie.Name, cookie.MaxAge = name, -1
	http.SetCookie(w, &cookie)
}

// EndSessions ends all sessions of a person, on all replicas, and forgets the
// tokens by which the provider could be asked about them and the groups that it
// told: until they sign in again nothing is known of them, and nothing runs on
// their word. Where somebody asks
// for it, the caller makes sure that they are an admin, and records it in the
// same transaction.
func (a *Auth) EndSessions(ctx context.Context, tx pgx.Tx, id portal.Identity) error {
	// In the order in which refresh locks: the person, then the sessions.
	if err := store.ForgetPerson(ctx, tx, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE issuer = @issuer AND subject = @subject`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject})
	return db.Wrap(err)
}

// Sweep removes sessions that have ended, and tokens of people who have not
// signed in for long. A task calls it.
func (a *Auth) Sweep(ctx context.Context) error {
	now := a.Now()
	_, err := a.Pool.Exec(ctx, `DELETE FROM sessions WHERE expires_at <= @now OR last_used_at <= @idle`,
		pgx.StrictNamedArgs{"now": now, "idle": now.Add(-IdleFor)})
	if err != nil {
		return db.Wrap(err)
	}
	return store.SweepTokens(ctx, a.Pool, now)
}

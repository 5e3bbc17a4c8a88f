package auth

import (
	"context"
	"encoding/hex"
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
	keyAddress  = "address"   // that they signed in from
	keyReport   = "report"    // of the provider, as JSON
	keySignedIn = "signed in" // when, by the provider, in Unix seconds; missing when that is not known
)

func (a *Auth) identity(ctx context.Context) portal.Identity {
	return portal.Identity{Issuer: a.sessions.GetString(ctx, keyIssuer), Subject: a.sessions.GetString(ctx, keySubject)}
}

// SessionHash begins the hash under which the session of ctx is stored, empty when
// there is none. It tells sessions apart, and nobody can use it.
func (a *Auth) SessionHash(ctx context.Context) string {
	const most = 16
	token := a.sessions.Token(ctx)
	if token == "" {
		return ""
	}
	return hex.EncodeToString(hashOf(token)[:most])
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

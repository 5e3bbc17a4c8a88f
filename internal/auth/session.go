package auth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Keys of a session's values.
const (
	keyIssuer   = "issuer"
	keySubject  = "subject"
	keyAgent    = "user agent"
	keyTokens   = "tokens"    // sealed
	keyProblem  = "problem"   // with the groups, in plain words
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

// record is a session as it is in the database.
type record struct {
	token    string
	deadline time.Time
	values   map[string]any
}

// reread returns the session of ctx as it is now, errEnded when it is gone.
// What ctx itself carries may be older.
func (a *Auth) reread(ctx context.Context, tx pgx.Tx) (*record, error) {
	s := &record{token: a.sessions.Token(ctx)}
	var data []byte
	err := tx.QueryRow(ctx, `SELECT data FROM sessions WHERE token_hash = $1`, hashOf(s.token)).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errEnded
	}
	if err != nil {
		return nil, db.Wrap(err)
	}
	s.deadline, s.values, err = scs.GobCodec{}.Decode(data)
	return s, err
}

// save keeps the session's values, unless it has ended meanwhile.
func (s *record) save(ctx context.Context, tx pgx.Tx) error {
	data, err := scs.GobCodec{}.Encode(s.deadline, s.values)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE sessions SET data = $2 WHERE token_hash = $1`, hashOf(s.token), data)
	return db.Wrap(err)
}

// EndSessions ends all sessions of a person, on all replicas. The caller makes
// sure that whoever asks is an admin, and records it in the same transaction.
func (a *Auth) EndSessions(ctx context.Context, tx pgx.Tx, id portal.Identity) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE issuer = $1 AND subject = $2`, id.Issuer, id.Subject)
	return db.Wrap(err)
}

// Sweep removes sessions that have ended. A job calls it.
func (a *Auth) Sweep(ctx context.Context) error {
	_, err := a.Pool.Exec(ctx, `DELETE FROM sessions WHERE expires_at <= $1 OR last_used_at <= $2`, a.Now(), a.Now().Add(-IdleFor))
	return db.Wrap(err)
}

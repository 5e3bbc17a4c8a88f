package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/oauth2"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Keys of a session's values.
const (
	keyIssuer  = "issuer"
	keySubject = "subject"
	keyAgent   = "user agent"
	keyTokens  = "tokens"  // sealed
	keyProblem = "problem" // with the groups, in plain words
	keyPending = "pending" // sign-ins under way, as JSON
)

func (a *Auth) identity(ctx context.Context) portal.Identity {
	return portal.Identity{Issuer: a.sessions.GetString(ctx, keyIssuer), Subject: a.sessions.GetString(ctx, keySubject)}
}

// save keeps the session and gives the browser its cookie.
func (a *Auth) save(ctx context.Context, w http.ResponseWriter) error {
	token, expiry, err := a.sessions.Commit(ctx)
	if err != nil {
		return db.Wrap(err)
	}
	cookie := a.cookie
	cookie.Value, cookie.Expires = token, expiry
	cookie.MaxAge = int(time.Until(expiry).Seconds())
	http.SetCookie(w, &cookie)
	return nil
}

func (a *Auth) forgetCookie(w http.ResponseWriter) {
	cookie := a.cookie
	cookie.MaxAge = -1
	http.SetCookie(w, &cookie)
}

// pending is a sign-in that has been sent to the provider and not come back.
type pending struct {
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Return   string    `json:"return"`
	At       time.Time `json:"at"`
}

// maxPending allows for a few tabs that sign in at the same time.
const maxPending = 5

// pendings returns the sign-ins under way by their state.
func (a *Auth) pendings(ctx context.Context) map[string]pending {
	all := map[string]pending{}
	// What cannot be read is no sign-in.
	_ = json.Unmarshal(a.sessions.GetBytes(ctx, keyPending), &all)
	for state, p := range all {
		if a.Now().Sub(p.At) > pendingFor {
			delete(all, state)
		}
	}
	return all
}

func (a *Auth) setPendings(ctx context.Context, all map[string]pending) error {
	for len(all) > maxPending {
		oldest := ""
		for state, p := range all {
			if oldest == "" || p.At.Before(all[oldest].At) {
				oldest = state
			}
		}
		delete(all, oldest)
	}
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	a.sessions.Put(ctx, keyPending, b)
	return nil
}

// newSeal derives the key that seals tokens from the client secret, so that a
// copy of the database does not give them away.
func newSeal(clientSecret string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(clientSecret), nil, "doks-portal session tokens", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (a *Auth) putTokens(ctx context.Context, t *oauth2.Token) error {
	plain, err := json.Marshal(oauth2.Token{AccessToken: t.AccessToken, TokenType: t.TokenType, RefreshToken: t.RefreshToken, Expiry: t.Expiry})
	if err != nil {
		return err
	}
	a.sessions.Put(ctx, keyTokens, a.seal.Seal(nil, nil, plain, []byte(a.sessions.GetString(ctx, keySubject))))
	return nil
}

func (a *Auth) tokens(ctx context.Context) (*oauth2.Token, error) {
	plain, err := a.seal.Open(nil, nil, a.sessions.GetBytes(ctx, keyTokens), []byte(a.sessions.GetString(ctx, keySubject)))
	if err != nil {
		return nil, fmt.Errorf("%w: its tokens cannot be read: %w", errEnded, err)
	}
	var t oauth2.Token
	return &t, json.Unmarshal(plain, &t)
}

// sessionStore keeps sessions in Postgres for scs, which hands it hashes of
// the tokens. Reading one notes its use, at most once a minute.
type sessionStore struct {
	pool *pgxpool.Pool
	now  func() time.Time
}

type txKey struct{}

// inTx makes the store write in tx.
func inTx(ctx context.Context, tx pgx.Tx) context.Context { return context.WithValue(ctx, txKey{}, tx) }

var _ scs.CtxStore = (*sessionStore)(nil)

// FindCtx returns the data of a session that has not expired or been idle for
// too long.
func (s *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var data []byte
	var usedAt time.Time
	now := s.now()
	err := s.pool.QueryRow(ctx, `SELECT data, last_used_at FROM sessions
		WHERE token_hash = $1 AND expires_at > $2 AND last_used_at > $3`,
		[]byte(token), now, now.Add(-IdleFor)).Scan(&data, &usedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err == nil && now.Sub(usedAt) > time.Minute {
		_, err = s.pool.Exec(ctx, `UPDATE sessions SET last_used_at = $2 WHERE token_hash = $1`, []byte(token), now)
	}
	return data, err == nil, err
}

// CommitCtx keeps a session.
func (s *sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	_, values, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return err
	}
	text := func(key string) string { v, _ := values[key].(string); return v }
	const sql = `INSERT INTO sessions (token_hash, data, issuer, subject, user_agent, created_at, last_used_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7)
		ON CONFLICT (token_hash) DO UPDATE SET data = $2, issuer = $3, subject = $4, user_agent = $5, expires_at = $7`
	args := []any{[]byte(token), data, text(keyIssuer), text(keySubject), text(keyAgent), s.now(), expiry}
	return s.exec(ctx, sql, args...)
}

// DeleteCtx ends a session.
func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.exec(ctx, `DELETE FROM sessions WHERE token_hash = $1`, []byte(token))
}

func (s *sessionStore) exec(ctx context.Context, sql string, args ...any) error {
	if tx, ok := ctx.Value(txKey{}).(pgx.Tx); ok {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	}
	_, err := s.pool.Exec(ctx, sql, args...)
	return err
}

// Find, Commit and Delete are what scs calls where it has no context, which
// the portal never makes it do.
func (s *sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context.
func (s *sessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx without a context.
func (s *sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// Sweep removes sessions that have ended. A job calls it.
func (a *Auth) Sweep(ctx context.Context) error {
	_, err := a.Pool.Exec(ctx, `DELETE FROM sessions WHERE expires_at < $1 OR last_used_at < $2`, a.Now(), a.Now().Add(-IdleFor))
	return db.Wrap(err)
}

// randomText is 256 random bits as text.
func randomText() string { return rand.Text() + rand.Text() }

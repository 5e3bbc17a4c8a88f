package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/seal"
)

// sessionStore keeps sessions in Postgres for scs, under the hashes of their
// tokens, and sealed for these: who can write to the database cannot make a token of
// theirs somebody's session. Reading one notes its use, at most once a minute.
type sessionStore struct {
	pool *pgxpool.Pool
	seal seal.Seal
	now  func() time.Time
}

var _ scs.CtxStore = (*sessionStore)(nil)

// hashOf is what is stored of a token.
func hashOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

type txKey struct{}

// inTx makes the store write in tx.
func inTx(ctx context.Context, tx pgx.Tx) context.Context { return context.WithValue(ctx, txKey{}, tx) }

// FindCtx returns the data of a session that has not expired or been idle for
// too long.
func (s *sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	type row struct {
		Data       []byte
		LastUsedAt time.Time
	}
	now := s.now()
	r, err := db.One(ctx, s.pool, pgx.RowToStructByName[row], `SELECT data, last_used_at FROM sessions s WHERE `+lasting, s.lasting(token, now))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, false, nil
	}
	if err == nil && now.Sub(r.LastUsedAt) > time.Minute {
		_, err = s.pool.Exec(ctx, `UPDATE sessions SET last_used_at = @now WHERE token_hash = @hash`,
			pgx.StrictNamedArgs{"hash": hashOf(token), "now": now})
	}
	if err != nil {
		return nil, false, err
	}
	var data []byte
	if err := s.seal.Open(r.Data, ofToken(token), &data); err != nil {
		return nil, false, nil //nolint:nilerr // it was written by somebody else, or under another secret: it is no session
	}
	deadline, _, err := scs.GobCodec{}.Decode(data)
	if err != nil || now.After(deadline) {
		return nil, false, err // however long the database says that it lasts
	}
	return data, true, nil
}

// ofToken is whom a session's data are sealed for.
func ofToken(token string) string { return "session " + string(hashOf(token)) }

// lasting finds a session that has not ended, with what its method returns.
const lasting = `s.token_hash = @hash AND ` + anyLasting

// anyLasting matches the sessions s of all people that have not ended.
const anyLasting = `s.issuer <> '' AND s.expires_at > @now AND s.last_used_at > @idle`

func (s *sessionStore) lasting(token string, now time.Time) pgx.StrictNamedArgs {
	return pgx.StrictNamedArgs{"hash": hashOf(token), "now": now, "idle": now.Add(-IdleFor)}
}

// lives reports whether a session could be found now, without using it.
func (s *sessionStore) lives(ctx context.Context, token string) (bool, error) {
	return db.One(ctx, s.pool, pgx.RowTo[bool], `SELECT EXISTS (SELECT FROM sessions s WHERE `+lasting+`)`, s.lasting(token, s.now()))
}

// CommitCtx keeps a new session. It replaces none: writing what was read some
// time ago would bring a session back that has ended meanwhile.
func (s *sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	_, values, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return err
	}
	text := func(key string) string { v, _ := values[key].(string); return v }
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	if data, err = s.seal.Close(data, ofToken(token)); err != nil {
		return err
	}
	_, err = s.exec(ctx, `
		INSERT INTO sessions (token_hash, id, data, issuer, subject, user_agent, address, created_at, last_used_at, expires_at)
		VALUES (@hash, @id, @data, @issuer, @subject, @agent, @address, @now, @now, @expires)`,
		pgx.StrictNamedArgs{"hash": hashOf(token), "id": id, "data": data, "issuer": text(keyIssuer), "subject": text(keySubject),
			"agent": text(keyAgent), "address": text(keyAddress), "now": s.now(), "expires": expiry})
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `DELETE FROM sessions WHERE token_hash IN (
		SELECT token_hash FROM sessions WHERE issuer = @issuer AND subject = @subject ORDER BY last_used_at DESC, token_hash OFFSET @most)`,
		pgx.StrictNamedArgs{"issuer": text(keyIssuer), "subject": text(keySubject), "most": MostSessions})
	return err
}

// MostSessions is how many sessions a person has at a time; the ones that have not
// been used for longest end.
const MostSessions = 50

// DeleteCtx ends a session.
func (s *sessionStore) DeleteCtx(ctx context.Context, token string) error {
	_, err := s.exec(ctx, `DELETE FROM sessions WHERE token_hash = @hash`, pgx.StrictNamedArgs{"hash": hashOf(token)})
	return err
}

func (s *sessionStore) exec(ctx context.Context, sql string, args pgx.StrictNamedArgs) (pgconn.CommandTag, error) {
	if tx, ok := ctx.Value(txKey{}).(pgx.Tx); ok {
		return tx.Exec(ctx, sql, args)
	}
	return s.pool.Exec(ctx, sql, args)
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

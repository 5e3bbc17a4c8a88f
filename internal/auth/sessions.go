package auth

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// What readSession reads, of sessions s or of those that were deleted.
const (
	sessionColumns = `SELECT s.id, s.token_hash, s.issuer, s.subject, coalesce(p.name, s.subject) AS name, s.user_agent, s.address, s.created_at, s.last_used_at FROM `
	withOwner      = ` s LEFT JOIN people p ON p.issuer = s.issuer AND p.subject = s.subject `
	sessionRows    = sessionColumns + `sessions` + withOwner
)

// readSession reads a session; token is that of who asks.
func readSession(token string) pgx.RowToFunc[portal.Session] {
	type row struct {
		ID, Issuer, Subject, Name, UserAgent, Address string
		TokenHash                                     []byte
		CreatedAt, LastUsedAt                         time.Time
	}
	return func(r pgx.CollectableRow) (portal.Session, error) {
		s, err := pgx.RowToStructByName[row](r)
		return portal.Session{
			ID: s.ID, Person: portal.Person{Identity: portal.Identity{Issuer: s.Issuer, Subject: s.Subject}, Name: s.Name},
			Agent: s.UserAgent, Address: s.Address, SignedInAt: s.CreatedAt, SeenAt: s.LastUsedAt, Current: bytes.Equal(s.TokenHash, hashOf(token)),
		}, err
	}
}

// Sessions returns the sessions of the reader of a loaded request, this one first,
// then by when they were used last.
func (a *Auth) Sessions(r *http.Request) ([]portal.Session, error) {
	id, token := a.identity(r.Context()), a.sessions.Token(r.Context())
	return db.All(r.Context(), a.Pool, readSession(token), sessionRows+`
		WHERE s.issuer = @issuer AND s.subject = @subject AND `+anyLasting+`
		ORDER BY s.token_hash = @hash DESC, s.last_used_at DESC, s.id DESC`, a.args(pgx.StrictNamedArgs{
		"issuer": id.Issuer, "subject": id.Subject, "hash": hashOf(token)}))
}

// LiveSessions counts the sessions of each person that have not ended. Callers make sure
// that the reader may know.
func (a *Auth) LiveSessions(ctx context.Context, q db.Querier) (map[portal.Identity]int, error) {
	type row struct {
		portal.Identity
		Sessions int
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `SELECT s.issuer, s.subject, count(*)::int AS sessions FROM sessions s WHERE `+anyLasting+` GROUP BY s.issuer, s.subject`,
		a.args(pgx.StrictNamedArgs{}))
	count := make(map[portal.Identity]int, len(list))
	for _, r := range list {
		count[r.Identity] = r.Sessions
	}
	return count, err
}

// SessionFilter narrows a list of everybody's sessions.
type SessionFilter struct {
	Name   string // part of their owner's name; empty: anybody's
	Before string // id of the session that the previous page ended with
	Limit  int
}

// AllSessions returns everybody's sessions, the newest first. Only admins may.
func (a *Auth) AllSessions(r *http.Request, by portal.Actor, f SessionFilter) ([]portal.Session, error) {
	if err := by.RequireAdmin(); err != nil {
		return nil, err
	}
	return db.All(r.Context(), a.Pool, readSession(a.sessions.Token(r.Context())), sessionRows+`
		WHERE (@name = '' OR position(lower(@name) IN lower(p.name)) > 0) AND (@before = '' OR s.id < nullif(@before, '')::uuid)
			AND `+anyLasting+` ORDER BY s.id DESC LIMIT @limit`,
		a.args(pgx.StrictNamedArgs{"name": f.Name, "before": f.Before, "limit": f.Limit}))
}

// args adds the times that sessions last by.
func (a *Auth) args(args pgx.StrictNamedArgs) pgx.StrictNamedArgs {
	now := a.Now()
	args["now"], args["idle"] = now, now.Add(-IdleFor)
	return args
}

// EndOwnSession ends one session of by. It returns KindNotFound when by has none
// with that id, whoever else may.
func (a *Auth) EndOwnSession(ctx context.Context, by portal.Actor, id string) (portal.Session, error) {
	s, err := a.session(ctx, id)
	if err == nil && s.Person.Identity != by.Identity {
		err = portal.Hidden(errNoSession.Message)
	}
	if err != nil {
		return s, err
	}
	return s, a.endSession(ctx, by, s)
}

// EndOtherSessions ends all sessions of the reader of a loaded request but that
// of the request, and returns how many these were.
func (a *Auth) EndOtherSessions(r *http.Request, by portal.Actor) (int, error) {
	n := 0
	err := db.WithTx(r.Context(), a.Pool, func(tx pgx.Tx) error {
		var err error
		n, err = a.end(r.Context(), tx, by.Person(), by.Identity, hashOf(a.sessions.Token(r.Context())))
		return err
	})
	return n, err
}

// EndSession ends a session of anybody. Only admins may who have just signed in
// (KindStepUp); it returns KindNotFound when there is none (any more).
func (a *Auth) EndSession(ctx context.Context, by portal.Actor, id string) (portal.Session, error) {
	s, err := a.sessionForAdmin(ctx, by, id)
	if err != nil {
		return s, err
	}
	return s, a.endSession(ctx, by, s)
}

// EndSessionsOfOwner ends all sessions of whoever has the session, as EndSessions
// does, for whom EndSession lets.
func (a *Auth) EndSessionsOfOwner(ctx context.Context, by portal.Actor, id string) (portal.Person, error) {
	s, err := a.sessionForAdmin(ctx, by, id)
	if err != nil {
		return s.Person, err
	}
	return s.Person, db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
		return a.EndSessions(ctx, tx, by.Person(), s.Person.Identity)
	})
}

func (a *Auth) sessionForAdmin(ctx context.Context, by portal.Actor, id string) (portal.Session, error) {
	if err := by.RequireAdmin(); err != nil {
		return portal.Session{}, err
	}
	s, err := a.session(ctx, id)
	if err != nil {
		return s, err
	}
	return s, by.CheckSignIn(a.Now(), a.StepUpMaxAge)
}

var errNoSession = portal.E(portal.KindNotFound, "this session has ended, or there never was one")

// session returns a session that lasts.
func (a *Auth) session(ctx context.Context, id string) (portal.Session, error) {
	s, err := db.One(ctx, a.Pool, readSession(""), sessionRows+` WHERE s.id = @id AND `+anyLasting,
		a.args(pgx.StrictNamedArgs{"id": id}))
	if errors.Is(err, pgx.ErrNoRows) || portal.Is(err, portal.KindNotFound) {
		return s, errNoSession
	}
	return s, err
}

// endSession ends one session on the word of by.
func (a *Auth) endSession(ctx context.Context, by portal.Actor, s portal.Session) error {
	return db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM sessions WHERE id = @id`, pgx.StrictNamedArgs{"id": s.ID})
		if err != nil {
			return db.Wrap(err)
		}
		if tag.RowsAffected() == 0 {
			return errNoSession
		}
		return a.recordEnd(ctx, tx, by.Person(), s)
	})
}

// EndSessions ends all sessions of a person, on all replicas, and forgets the
// tokens by which the provider could be asked about them and the groups that it
// told: until they sign in again nothing is known of them, and nothing runs on
// their word. The trail has each session as ended by whom by names; callers make
// sure that they may.
func (a *Auth) EndSessions(ctx context.Context, tx pgx.Tx, by portal.Person, id portal.Identity) error {
	if err := store.ForgetPerson(ctx, tx, id); err != nil {
		return err
	}
	_, err := a.end(ctx, tx, by, id, nil)
	return err
}

// end ends the sessions of a person but the one with that hash, and returns how
// many of them had not ended by themselves.
func (a *Auth) end(ctx context.Context, tx pgx.Tx, by portal.Person, id portal.Identity, but []byte) (int, error) {
	// In the order in which refresh locks: the person, then the sessions.
	args := pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject}
	if _, err := tx.Exec(ctx, `SELECT FROM people WHERE issuer = @issuer AND subject = @subject FOR UPDATE`, args); err != nil {
		return 0, db.Wrap(err)
	}
	args["but"] = but
	list, err := db.All(ctx, tx, readSession(""), `
		WITH ended AS (DELETE FROM sessions WHERE issuer = @issuer AND subject = @subject AND token_hash IS DISTINCT FROM @but RETURNING *)
		`+sessionColumns+`ended`+withOwner+`WHERE `+anyLasting+` ORDER BY s.id`, a.args(args))
	if err != nil {
		return 0, err
	}
	for _, s := range list {
		if err := a.recordEnd(ctx, tx, by, s); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// recordEnd puts on the trail that a session was ended, and has its pages hear of
// it.
func (a *Auth) recordEnd(ctx context.Context, tx pgx.Tx, by portal.Person, s portal.Session) error {
	whose := "a session of " + s.Person.Name
	if by.Identity == s.Person.Identity {
		whose = "a session of their own"
	}
	err := audit.Append(ctx, tx, portal.Event{
		At: a.Now(), Kind: portal.EventSessionEnded, Actor: by,
		Summary: by.Name + " ended " + whose + ": " + s.Browser() + ", signed in from " + s.Address,
		Target:  portal.EventTarget{Kind: portal.TargetPerson, ID: s.Person.Subject, Name: s.Person.Name},
		Data:    map[string]any{"session": s.ID, "of": s.Person},
	})
	if err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.Sessions(s.Person.Identity))
}

// Ended reports whether the session of a loaded request was ended, by somebody or
// because the provider no longer vouches for its owner. One that ends by itself
// is not, until it is swept.
func (a *Auth) Ended(r *http.Request) bool {
	there, err := db.One(r.Context(), a.Pool, pgx.RowTo[bool], `SELECT EXISTS (SELECT FROM sessions WHERE token_hash = @hash)`,
		pgx.StrictNamedArgs{"hash": hashOf(a.sessions.Token(r.Context()))})
	return err == nil && !there
}

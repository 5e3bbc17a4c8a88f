package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Rate is how often something may happen: once every Every in the long run, and
// Burst times at once.
type Rate struct {
	Every time.Duration
	Burst int
}

// Admit books something that counts cost times under a key, in one statement
// that all replicas share. When that is too much it books nothing and returns
// after how long to try again; zero: it is admitted.
func (r Rate) Admit(ctx context.Context, q Querier, key string, cost int, now time.Time) (time.Duration, error) {
	takes, ahead := time.Duration(cost)*r.Every, time.Duration(r.Burst)*r.Every
	args := pgx.NamedArgs{"key": key, "now": now, "next": now.Add(takes), "takes": takes, "latest": now.Add(ahead - takes)}
	_, err := db.One(ctx, q, pgx.RowTo[time.Time], `INSERT INTO rate_limits AS l (key, booked_until) VALUES (@key, @next)
		ON CONFLICT (key) DO UPDATE SET booked_until = greatest(l.booked_until, @now) + @takes
		WHERE greatest(l.booked_until, @now) <= @latest RETURNING booked_until`, args)
	if !errors.Is(err, pgx.ErrNoRows) {
		return 0, err
	}
	booked, err := db.One(ctx, q, pgx.RowTo[time.Time], `SELECT booked_until FROM rate_limits WHERE key = @key`, args)
	return max(booked.Sub(now.Add(ahead-takes)), time.Second), err
}

// Book books what has happened already and counts cost times, however much that
// is: what follows has to wait for it.
func (r Rate) Book(ctx context.Context, q Querier, key string, cost int, now time.Time) error {
	_, err := q.Exec(ctx, `INSERT INTO rate_limits AS l (key, booked_until) VALUES (@key, @now::timestamptz + @takes)
		ON CONFLICT (key) DO UPDATE SET booked_until = greatest(l.booked_until, @now) + @takes`,
		pgx.StrictNamedArgs{"key": key, "now": now, "takes": time.Duration(cost) * r.Every})
	return db.Wrap(err)
}

// SweepRates forgets what has not happened for an hour.
func SweepRates(ctx context.Context, q Querier, now time.Time) error {
	_, err := q.Exec(ctx, `DELETE FROM rate_limits WHERE booked_until < @old`, pgx.StrictNamedArgs{"old": now.Add(-time.Hour)})
	return db.Wrap(err)
}

// triedKept is how many different refusals of one person are told in their sum.
const triedKept = 50

// CountRefusal adds to the refusals of a person that are summed up; tried says
// what was refused.
func CountRefusal(ctx context.Context, q Querier, kind portal.EventKind, p portal.Person, tried string, now time.Time) error {
	_, err := q.Exec(ctx, `INSERT INTO refusals AS r (kind, issuer, subject, actor_name, number, tried, first_at, last_at)
		VALUES (@kind, @issuer, @subject, @name, 1, ARRAY[@tried], @now, @now)
		ON CONFLICT (kind, issuer, subject) DO UPDATE SET number = r.number + 1, last_at = @now,
			tried = CASE WHEN cardinality(r.tried) < @most AND @tried <> ALL (r.tried) THEN r.tried || @tried ELSE r.tried END`,
		pgx.StrictNamedArgs{"kind": kind, "issuer": p.Issuer, "subject": p.Subject, "name": p.Name, "tried": tried, "most": triedKept, "now": now})
	return db.Wrap(err)
}

// Refusals are refusals of one person that are to be summed up.
type Refusals struct {
	Kind   portal.EventKind
	Person portal.Person
	Number int
	Tried  []string // the first of them that differ
	From   time.Time
	To     time.Time
}

// TakeRefusals returns the refusals that are to be summed up and removes them.
func TakeRefusals(ctx context.Context, tx pgx.Tx) ([]Refusals, error) {
	return db.All(ctx, tx, readRefusals, `
		DELETE FROM refusals RETURNING kind, issuer, subject, actor_name AS name, number, tried, first_at AS "from", last_at AS "to"`)
}

func readRefusals(row pgx.CollectableRow) (Refusals, error) {
	type refusals struct {
		Refusals
		portal.Person
	}
	r, err := pgx.RowToStructByNameLax[refusals](row)
	r.Refusals.Person = r.Person
	return r.Refusals, err
}

// CommentsSince counts what somebody has commented since a time, on all
// requests, up to most.
func CommentsSince(ctx context.Context, q Querier, id portal.Identity, since time.Time, most int) (int, error) {
	return db.One(ctx, q, pgx.RowTo[int], `
		SELECT count(*) FROM (
			SELECT FROM comments WHERE issuer = @issuer AND subject = @subject AND created_at > @since LIMIT @most) newest`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject, "since": since, "most": most})
}

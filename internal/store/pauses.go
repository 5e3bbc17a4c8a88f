package store

import (
	"context"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// The next try of a token that is refused is after FirstTry, then after twice as long
// each time, at most after LongestTry.
const (
	FirstTry   = 30 * time.Second
	LongestTry = 10 * time.Minute
)

// after is how long it is until the next try after so many, as SQL.
func after(tries string) string {
	return `least(@first::interval * power(2, least(` + tries + `, 20)), @longest::interval)`
}

const pauseColumns = `kind, since, issuer, subject, by_name, reason, status, operation, tries, next_try_at`

type pauseRow struct {
	portal.Pause
	Issuer, Subject, ByName string
	NextTryAt               *time.Time
}

func readPause(row pgx.CollectableRow) (portal.Pause, error) {
	got, err := pgx.RowToStructByNameLax[pauseRow](row)
	p := got.Pause
	p.By, p.NextTryAt = person(got.Issuer, got.Subject, got.ByName), fromNull(got.NextTryAt)
	return p, err
}

// Pauses are why nothing is sent to DigitalOcean, that of an admin first; none when
// nothing keeps it.
func Pauses(ctx context.Context, q Querier) ([]portal.Pause, error) {
	return db.All(ctx, q, readPause, `SELECT `+pauseColumns+` FROM execution_pauses ORDER BY kind`)
}

// LockPauses is Pauses, and keeps everybody from pausing and resuming until tx ends, and
// not from calling it as well. Callers have locked before whatever else they lock, and
// write no pause.
func LockPauses(ctx context.Context, tx pgx.Tx) ([]portal.Pause, error) {
	if _, err := tx.Exec(ctx, `LOCK TABLE execution_pauses IN SHARE MODE`); err != nil {
		return nil, db.Wrap(err)
	}
	return Pauses(ctx, tx)
}

// LockPause returns the pause of a kind, and keeps others from changing it until tx ends;
// KindNotFound when there is none.
func LockPause(ctx context.Context, tx pgx.Tx, kind portal.PauseKind) (portal.Pause, error) {
	return db.One(ctx, tx, readPause, `SELECT `+pauseColumns+` FROM execution_pauses WHERE kind = @kind FOR UPDATE`, pgx.StrictNamedArgs{"kind": kind})
}

// InsertPause pauses execution. It reports false when it was paused by the same kind
// already, which stays as it is.
func InsertPause(ctx context.Context, tx pgx.Tx, p portal.Pause) (bool, error) {
	tag, err := tx.Exec(ctx, `INSERT INTO execution_pauses (`+pauseColumns+`)
		VALUES (@kind, @since, @issuer, @subject, @name, @reason, @status, @operation, @tries, @next)
		ON CONFLICT (kind) DO NOTHING`,
		pgx.StrictNamedArgs{"kind": p.Kind, "since": p.Since, "issuer": p.By.Issuer, "subject": p.By.Subject, "name": p.By.Name, "reason": p.Reason,
			"status": p.Status, "operation": p.Operation, "tries": p.Tries, "next": db.OrNull(p.NextTryAt)})
	return tag.RowsAffected() > 0, db.Wrap(err)
}

// ClaimTry has one caller, of all replicas, try whether the token is accepted again with
// a request for the operation, when that is due. It returns when the next try is due by
// then, which stands for this one; the zero time for everybody else. What DigitalOcean
// does not allow the token is tried with requests for just that while there are any.
func ClaimTry(ctx context.Context, q Querier, op portal.OperationID, now time.Time) (time.Time, error) {
	list, err := db.All(ctx, q, pgx.RowTo[time.Time], `
		UPDATE execution_pauses SET next_try_at = @now::timestamptz + `+after(`tries`)+`
		WHERE kind = @token AND next_try_at <= @now AND (status <> @forbidden OR operation = @operation OR NOT EXISTS (
			SELECT FROM requests r WHERE r.state IN `+literals(portal.Approved)+` AND r.operation = execution_pauses.operation AND r.starts_at <= @now
				AND (r.campaign_id IS NULL OR r.released_at IS NOT NULL)))
		RETURNING next_try_at`,
		pgx.StrictNamedArgs{"token": portal.PauseToken, "forbidden": http.StatusForbidden, "operation": op, "now": now, "first": FirstTry, "longest": LongestTry})
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return list[0], nil
}

// TryRefused notes that a try was in vain. It reports false when there is no such try any
// more.
func TryRefused(ctx context.Context, tx pgx.Tx, try time.Time, p portal.Pause, now time.Time) (bool, error) {
	tag, err := tx.Exec(ctx, `
		UPDATE execution_pauses SET tries = tries + 1, status = @status, operation = @operation, reason = @reason,
			next_try_at = @now::timestamptz + `+after(`tries + 1`)+`
		WHERE kind = @token AND next_try_at = @try`,
		pgx.StrictNamedArgs{"token": portal.PauseToken, "try": try, "status": p.Status, "operation": p.Operation, "reason": p.Reason,
			"now": now, "first": FirstTry, "longest": LongestTry})
	return tag.RowsAffected() > 0, db.Wrap(err)
}

// DeletePause ends a pause. Callers have locked it.
func DeletePause(ctx context.Context, tx pgx.Tx, kind portal.PauseKind) error {
	_, err := tx.Exec(ctx, `DELETE FROM execution_pauses WHERE kind = @kind`, pgx.StrictNamedArgs{"kind": kind})
	return db.Wrap(err)
}

// ReadAround reads, in one query, what every page shows to a beside what it is about.
func ReadAround(ctx context.Context, q Querier, a portal.Actor, now time.Time, limit int) (Around, error) {
	return db.One(ctx, q, pgx.RowToStructByName[Around], `SELECT (`+inboxCount+`) AS waiting, (
			SELECT coalesce(jsonb_agg(jsonb_build_object('Kind', kind, 'Since', since, 'By', jsonb_build_object('Name', by_name), 'Reason', reason,
				'Status', status, 'Operation', operation, 'NextTryAt', coalesce(next_try_at, since)) ORDER BY kind), '[]')
			FROM execution_pauses) AS pauses`, inboxOf(a, now, limit))
}

// Around is what every page shows beside what it is about.
type Around struct {
	Waiting int            // requests that wait for the reader, counted to a limit
	Pauses  []portal.Pause // why nothing is sent to DigitalOcean, as in Pauses
}

// ToBeSent finds the requests r that wait to be sent.
var ToBeSent = `r.state IN ` + literals(portal.Approved)

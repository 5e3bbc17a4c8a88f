package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const policyColumns = `version, base, text, issuer, subject, author_name, note, created_at, state,
	decided_issuer, decided_subject, decided_name, decided_at, in_force_at`

func scanPolicy(row pgx.CollectableRow) (portal.PolicyVersion, error) {
	var p portal.PolicyVersion
	var decidedAt, inForceAt *time.Time
	err := row.Scan(&p.Version, &p.Base, &p.Text, &p.Author.Issuer, &p.Author.Subject, &p.Author.Name, &p.Note, &p.CreatedAt, &p.State,
		&p.DecidedBy.Issuer, &p.DecidedBy.Subject, &p.DecidedBy.Name, &decidedAt, &inForceAt)
	p.DecidedAt, p.InForceAt = fromNull(decidedAt), fromNull(inForceAt)
	return p, err
}

// PolicyInForce returns the number of the version in force, 0 when none is.
func PolicyInForce(ctx context.Context, q Querier) (int, error) {
	var version int
	err := q.QueryRow(ctx, `SELECT coalesce(max(version), 0) FROM policies WHERE state = 'in_force'`).Scan(&version)
	return version, db.Wrap(err)
}

// Policy returns a version of the policy, or an error of KindNotFound.
func Policy(ctx context.Context, q Querier, version int) (portal.PolicyVersion, error) {
	return onePolicy(ctx, q, `WHERE version = $1`, version)
}

// ProposedPolicy returns the version that waits for a decision, or an error of
// KindNotFound.
func ProposedPolicy(ctx context.Context, q Querier) (portal.PolicyVersion, error) {
	return onePolicy(ctx, q, `WHERE state = 'proposed'`)
}

// AgreedPolicy returns the newest version that came into force on the word of two
// admins, or that the portal began with, or an error of KindNotFound.
func AgreedPolicy(ctx context.Context, q Querier) (portal.PolicyVersion, error) {
	return onePolicy(ctx, q, `WHERE version = (SELECT max(version) FROM policies
		WHERE in_force_at IS NOT NULL AND (decided_at IS NOT NULL OR issuer = $1))`, portal.SystemIssuer)
}

func onePolicy(ctx context.Context, q Querier, where string, args ...any) (portal.PolicyVersion, error) {
	rows, err := q.Query(ctx, `SELECT `+policyColumns+` FROM policies `+where, args...)
	if err != nil {
		return portal.PolicyVersion{}, db.Wrap(err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPolicy)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, portal.E(portal.KindNotFound, "there is no such version of the policy", err)
	}
	return p, db.Wrap(err)
}

// Policies lists versions of the policy, newest first, from below a version on;
// 0: from the newest.
func Policies(ctx context.Context, q Querier, before, limit int) ([]portal.PolicyVersion, error) {
	rows, err := q.Query(ctx, `SELECT `+policyColumns+` FROM policies WHERE $1 = 0 OR version < $1
		ORDER BY version DESC LIMIT $2`, before, limit)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, scanPolicy)
	return list, db.Wrap(err)
}

// LockPolicies keeps others from changing the versions of the policy until tx
// ends. Readers do not wait.
func LockPolicies(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `LOCK TABLE policies IN SHARE ROW EXCLUSIVE MODE`)
	return db.Wrap(err)
}

// InsertPolicy keeps a new version and returns its number. The caller has
// locked the policies.
func InsertPolicy(ctx context.Context, tx pgx.Tx, p portal.PolicyVersion) (int, error) {
	var version int
	err := tx.QueryRow(ctx, `INSERT INTO policies (version, base, text, issuer, subject, author_name, note, created_at, state, in_force_at)
		SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9 FROM policies RETURNING version`,
		p.Base, p.Text, p.Author.Issuer, p.Author.Subject, p.Author.Name, p.Note, p.CreatedAt, p.State, db.OrNull(p.InForceAt)).Scan(&version)
	return version, db.Wrap(err)
}

// SupersedePolicy ends the version in force, if any.
func SupersedePolicy(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE policies SET state = 'superseded' WHERE state = 'in_force'`)
	return db.Wrap(err)
}

// DecidePolicy writes down what became of a proposed version: its new state, by
// whom and when.
func DecidePolicy(ctx context.Context, tx pgx.Tx, p portal.PolicyVersion) error {
	tag, err := tx.Exec(ctx, `UPDATE policies SET state = $2, decided_issuer = $3, decided_subject = $4, decided_name = $5, decided_at = $6, in_force_at = $7
		WHERE version = $1 AND state = 'proposed'`,
		p.Version, p.State, p.DecidedBy.Issuer, p.DecidedBy.Subject, p.DecidedBy.Name, p.DecidedAt, db.OrNull(p.InForceAt))
	if err == nil && tag.RowsAffected() != 1 {
		return portal.E(portal.KindConflict, "this version has been decided on already")
	}
	return db.Wrap(err)
}

// JudgedRequest is a request with what the policy judged it by.
type JudgedRequest struct {
	Number  int64
	Verdict portal.Verdict
	Input   []byte // JSON; empty when it was not kept
}

// JudgedRequests lists the newest requests with their verdicts.
func JudgedRequests(ctx context.Context, q Querier, limit int) ([]JudgedRequest, error) {
	rows, err := q.Query(ctx, `SELECT number, plan->'verdict', judged FROM requests ORDER BY number DESC LIMIT $1`, limit)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (JudgedRequest, error) {
		var r JudgedRequest
		return r, row.Scan(&r.Number, &r.Verdict, &r.Input)
	})
	return list, db.Wrap(err)
}

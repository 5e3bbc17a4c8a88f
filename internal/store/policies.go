package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const policyColumns = `version, base, text, issuer, subject, author_name AS name, note, created_at, state,
	decided_issuer, decided_subject, decided_name, decided_at AS decided, in_force_at AS in_force, stricter`

func readPolicy(row pgx.CollectableRow) (portal.PolicyVersion, error) {
	type policy struct {
		portal.PolicyVersion
		portal.Person
		DecidedIssuer, DecidedSubject, DecidedName string
		Decided, InForce                           *time.Time
	}
	r, err := pgx.RowToStructByNameLax[policy](row)
	p := r.PolicyVersion
	p.Author, p.DecidedBy = r.Person, person(r.DecidedIssuer, r.DecidedSubject, r.DecidedName)
	p.DecidedAt, p.InForceAt = fromNull(r.Decided), fromNull(r.InForce)
	return p, err
}

// PolicyInForce returns the number of the version in force, 0 when none is.
func PolicyInForce(ctx context.Context, q Querier) (int, error) {
	return db.One(ctx, q, pgx.RowTo[int], `SELECT coalesce(max(version), 0) FROM policies WHERE state IN `+literals(portal.PolicyInForce))
}

// Policy returns a version of the policy, or an error of KindNotFound.
func Policy(ctx context.Context, q Querier, version int) (portal.PolicyVersion, error) {
	return onePolicy(ctx, q, `WHERE version = @version`, pgx.StrictNamedArgs{"version": version})
}

// ProposedPolicy returns the version that waits for a decision, or an error of
// KindNotFound.
func ProposedPolicy(ctx context.Context, q Querier) (portal.PolicyVersion, error) {
	return onePolicy(ctx, q, `WHERE state IN `+literals(portal.PolicyProposed))
}

// AgreedPolicy returns the newest version that came into force on the word of two
// admins, or that the portal began with, or an error of KindNotFound.
func AgreedPolicy(ctx context.Context, q Querier) (portal.PolicyVersion, error) {
	return onePolicy(ctx, q, `WHERE version = (SELECT max(version) FROM policies
		WHERE in_force_at IS NOT NULL AND (decided_at IS NOT NULL OR issuer = @system))`, pgx.StrictNamedArgs{"system": portal.SystemIssuer})
}

// StricterAlone counts the versions that ask for more and came into force after a
// time on the word of one admin, since two agreed on one.
func StricterAlone(ctx context.Context, q Querier, since time.Time) (int, error) {
	return db.One(ctx, q, pgx.RowTo[int], `SELECT count(*) FROM policies
		WHERE stricter AND in_force_at > @since AND decided_at IS NULL AND issuer <> @system
			AND version > (SELECT coalesce(max(version), 0) FROM policies WHERE in_force_at IS NOT NULL AND decided_at IS NOT NULL)`,
		pgx.StrictNamedArgs{"since": since, "system": portal.SystemIssuer})
}

func onePolicy(ctx context.Context, q Querier, where string, args ...any) (portal.PolicyVersion, error) {
	p, err := db.One(ctx, q, readPolicy, `SELECT `+policyColumns+` FROM policies `+where, args...)
	return p, named(err, "there is no such version of the policy")
}

// Policies lists versions of the policy, newest first, from below a version on;
// 0: from the newest.
func Policies(ctx context.Context, q Querier, before, limit int) ([]portal.PolicyVersion, error) {
	return db.All(ctx, q, readPolicy, `SELECT `+policyColumns+` FROM policies WHERE @before = 0 OR version < @before
		ORDER BY version DESC LIMIT @limit`, pgx.StrictNamedArgs{"before": before, "limit": limit})
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
	return db.One(ctx, tx, pgx.RowTo[int], `
		INSERT INTO policies (version, base, text, issuer, subject, author_name, note, created_at, state, in_force_at, stricter)
		SELECT coalesce(max(version), 0) + 1, @base, @text, @issuer, @subject, @name, @note, @at, @state, @in_force, @stricter FROM policies
		RETURNING version`,
		pgx.StrictNamedArgs{"base": p.Base, "text": p.Text, "issuer": p.Author.Issuer, "subject": p.Author.Subject, "name": p.Author.Name,
			"note": p.Note, "at": p.CreatedAt, "state": p.State, "in_force": db.OrNull(p.InForceAt), "stricter": p.Stricter})
}

// SupersedePolicy ends the version in force, if any.
func SupersedePolicy(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE policies SET state = @superseded WHERE state = @in_force`,
		pgx.StrictNamedArgs{"superseded": portal.PolicySuperseded, "in_force": portal.PolicyInForce})
	return db.Wrap(err)
}

// DecidePolicy writes down what became of a proposed version: its new state, by
// whom and when.
func DecidePolicy(ctx context.Context, tx pgx.Tx, p portal.PolicyVersion) error {
	tag, err := tx.Exec(ctx, `
		UPDATE policies SET state = @state, decided_issuer = @issuer, decided_subject = @subject, decided_name = @name,
			decided_at = @at, in_force_at = @in_force
		WHERE version = @version AND state = @proposed`,
		pgx.StrictNamedArgs{"version": p.Version, "proposed": portal.PolicyProposed, "state": p.State, "issuer": p.DecidedBy.Issuer,
			"subject": p.DecidedBy.Subject, "name": p.DecidedBy.Name, "at": p.DecidedAt, "in_force": db.OrNull(p.InForceAt)})
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

const judgedColumns = `number, plan->'verdict' AS verdict, judged AS input`

// JudgedRequests lists the newest requests with their verdicts.
func JudgedRequests(ctx context.Context, q Querier, limit int) ([]JudgedRequest, error) {
	return db.All(ctx, q, pgx.RowToStructByName[JudgedRequest],
		`SELECT `+judgedColumns+` FROM requests ORDER BY number DESC LIMIT @limit`, pgx.StrictNamedArgs{"limit": limit})
}

// JudgedWaiting lists requests that wait for a decision or to be carried out, with
// their verdicts.
func JudgedWaiting(ctx context.Context, q Querier, limit int) ([]JudgedRequest, error) {
	return db.All(ctx, q, pgx.RowToStructByName[JudgedRequest],
		`SELECT `+judgedColumns+` FROM requests WHERE `+waiting+` ORDER BY number LIMIT @limit`, pgx.StrictNamedArgs{"limit": limit})
}

package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// InsertReview keeps a decision. A second one by the same person on the same
// revision gives an error of KindConflict.
func InsertReview(ctx context.Context, tx pgx.Tx, requestID string, v portal.Review) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO reviews (id, request_id, issuer, subject, reviewer_name, decision, comment, digest, created_at, groups, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		id, requestID, v.Reviewer.Issuer, v.Reviewer.Subject, v.Reviewer.Name, v.Decision, v.Comment, v.Digest, v.CreatedAt, notNil(v.Groups), v.Revision)
	return db.Wrap(err)
}

func reviews(ctx context.Context, q Querier, requestID string) ([]portal.Review, error) {
	rows, err := q.Query(ctx, `SELECT issuer, subject, reviewer_name, decision, comment, digest, created_at, groups, revision
		FROM reviews WHERE request_id = $1 ORDER BY id`, requestID)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (portal.Review, error) {
		var v portal.Review
		return v, row.Scan(&v.Reviewer.Issuer, &v.Reviewer.Subject, &v.Reviewer.Name, &v.Decision,
			&v.Comment, &v.Digest, &v.CreatedAt, &v.Groups, &v.Revision)
	})
	return list, db.Wrap(err)
}

// InsertAttempt records the intent to call DigitalOcean. It must be committed
// before the call. It fails when an earlier attempt may have had an effect.
func InsertAttempt(ctx context.Context, tx pgx.Tx, requestID string, a portal.Attempt) error {
	_, err := tx.Exec(ctx, `INSERT INTO executions (request_id, attempt, intent_at) VALUES ($1, $2, $3)`,
		requestID, a.Number, a.IntentAt)
	return db.Wrap(err)
}

// FinishAttempt records the outcome of an attempt, which cannot be changed
// afterwards: a second outcome gives an error of KindConflict.
func FinishAttempt(ctx context.Context, tx pgx.Tx, requestID string, a portal.Attempt) error {
	tag, err := tx.Exec(ctx, `UPDATE executions SET outcome = $3, outcome_at = $4, message = $5, do_request_id = $6
		WHERE request_id = $1 AND attempt = $2 AND outcome = ''`,
		requestID, a.Number, a.Outcome, a.OutcomeAt, a.Message, a.DORequestID)
	return expectOne(tag.RowsAffected(), err)
}

func attempts(ctx context.Context, q Querier, requestID string) ([]portal.Attempt, error) {
	rows, err := q.Query(ctx, `SELECT attempt, intent_at, outcome, outcome_at, message, do_request_id
		FROM executions WHERE request_id = $1 ORDER BY attempt`, requestID)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (portal.Attempt, error) {
		var a portal.Attempt
		var outcomeAt *time.Time
		err := row.Scan(&a.Number, &a.IntentAt, &a.Outcome, &outcomeAt, &a.Message, &a.DORequestID)
		a.OutcomeAt = fromNull(outcomeAt)
		return a, err
	})
	return list, db.Wrap(err)
}

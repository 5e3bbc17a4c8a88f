package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// InsertComment keeps what somebody said about a request. It reports whether
// it was new: a comment with the same id is kept once.
func InsertComment(ctx context.Context, tx pgx.Tx, requestID string, c portal.Comment) (bool, error) {
	tag, err := tx.Exec(ctx, `INSERT INTO comments (id, request_id, issuer, subject, author_name, text, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
		c.ID, requestID, c.Author.Issuer, c.Author.Subject, c.Author.Name, c.Text, c.CreatedAt)
	return err == nil && tag.RowsAffected() > 0, db.Wrap(err)
}

// Comments lists the newest comments on a request, oldest first.
func Comments(ctx context.Context, q Querier, requestID string, limit int) ([]portal.Comment, error) {
	rows, err := q.Query(ctx, `SELECT * FROM (SELECT issuer, subject, author_name, text, created_at
		FROM comments WHERE request_id = $1 ORDER BY created_at DESC, id LIMIT $2) newest ORDER BY created_at`, requestID, limit)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (portal.Comment, error) {
		var c portal.Comment
		return c, row.Scan(&c.Author.Issuer, &c.Author.Subject, &c.Author.Name, &c.Text, &c.CreatedAt)
	})
	return list, db.Wrap(err)
}

// InsertBreakGlass keeps that an admin did without the approvals of a request. A
// second time for the same revision gives an error of KindConflict.
func InsertBreakGlass(ctx context.Context, tx pgx.Tx, requestID string, g portal.BreakGlass) error {
	_, err := tx.Exec(ctx, `INSERT INTO break_glasses (request_id, revision, issuer, subject, name, reason, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, requestID, g.Revision, g.By.Issuer, g.By.Subject, g.By.Name, g.Reason, g.At)
	return db.Wrap(err)
}

// ReviewBreakGlass keeps the pending review of a revision. When it has been
// given meanwhile it returns an error of KindConflict.
func ReviewBreakGlass(ctx context.Context, tx pgx.Tx, requestID string, g portal.BreakGlass) error {
	tag, err := tx.Exec(ctx, `UPDATE break_glasses SET reviewer_issuer = $3, reviewer_subject = $4, reviewer_name = $5, comment = $6, reviewed_at = $7
		WHERE request_id = $1 AND revision = $2 AND reviewed_at IS NULL`,
		requestID, g.Revision, g.Reviewer.Issuer, g.Reviewer.Subject, g.Reviewer.Name, g.Comment, g.ReviewedAt)
	return expectOne(tag.RowsAffected(), err)
}

func breakGlasses(ctx context.Context, q Querier, requestID string) ([]portal.BreakGlass, error) {
	rows, err := q.Query(ctx, `SELECT revision, issuer, subject, name, reason, at,
			reviewer_issuer, reviewer_subject, reviewer_name, comment, reviewed_at
		FROM break_glasses WHERE request_id = $1 ORDER BY revision`, requestID)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (portal.BreakGlass, error) {
		var g portal.BreakGlass
		var reviewedAt *time.Time
		err := row.Scan(&g.Revision, &g.By.Issuer, &g.By.Subject, &g.By.Name, &g.Reason, &g.At,
			&g.Reviewer.Issuer, &g.Reviewer.Subject, &g.Reviewer.Name, &g.Comment, &reviewedAt)
		g.ReviewedAt = fromNull(reviewedAt)
		return g, err
	})
	return list, db.Wrap(err)
}

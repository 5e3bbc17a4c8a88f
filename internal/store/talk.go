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
	tag, err := tx.Exec(ctx, `
		INSERT INTO comments (id, request_id, issuer, subject, author_name, text, created_at)
		VALUES (@id, @request, @issuer, @subject, @name, @text, @at) ON CONFLICT (id) DO NOTHING`,
		pgx.StrictNamedArgs{"id": c.ID, "request": requestID, "issuer": c.Author.Issuer, "subject": c.Author.Subject, "name": c.Author.Name,
			"text": c.Text, "at": c.CreatedAt})
	return err == nil && tag.RowsAffected() > 0, db.Wrap(err)
}

// Comments lists the newest comments on a request, oldest first.
func Comments(ctx context.Context, q Querier, requestID string, limit int) ([]portal.Comment, error) {
	return db.All(ctx, q, readComment, `
		SELECT * FROM (
			SELECT issuer, subject, author_name AS name, text, created_at
			FROM comments WHERE request_id = @request ORDER BY created_at DESC, id LIMIT @limit
		) newest ORDER BY created_at`, pgx.StrictNamedArgs{"request": requestID, "limit": limit})
}

// CommentsOn counts what somebody has commented on a request, up to most.
func CommentsOn(ctx context.Context, q Querier, requestID string, id portal.Identity, most int) (int, error) {
	return db.One(ctx, q, pgx.RowTo[int], `
		SELECT count(*) FROM (
			SELECT FROM comments WHERE request_id = @request AND issuer = @issuer AND subject = @subject LIMIT @most) theirs`,
		pgx.StrictNamedArgs{"request": requestID, "issuer": id.Issuer, "subject": id.Subject, "most": most})
}

func readComment(row pgx.CollectableRow) (portal.Comment, error) {
	type comment struct {
		portal.Comment
		portal.Person
	}
	r, err := pgx.RowToStructByNameLax[comment](row)
	r.Author = r.Person
	return r.Comment, err
}

// unreviewed is SQL that is true of a break-glass g that nobody has reviewed. A review of
// which no event tells is none.
const unreviewed = `(g.reviewed_at IS NULL OR NOT EXISTS (SELECT FROM events e WHERE e.request_id = g.request_id
	AND e.kind = @reviewed AND e.data ->> 'revision' = g.revision::text AND e.subject = g.reviewer_subject AND e.issuer = g.reviewer_issuer))`

// UnreviewedBreakGlass is the number of the request for which somebody has bypassed
// approvals, and which nobody has reviewed yet; 0: there is none.
func UnreviewedBreakGlass(ctx context.Context, q Querier, by portal.Identity, now time.Time) (int64, error) {
	return db.One(ctx, q, pgx.RowTo[int64], `SELECT coalesce((
		SELECT r.number FROM break_glasses g JOIN requests r ON r.id = g.request_id
		WHERE g.issuer = @issuer AND g.subject = @subject AND `+unreviewed+` LIMIT 1), 0)`,
		pgx.StrictNamedArgs{"issuer": by.Issuer, "subject": by.Subject, "reviewed": portal.EventBreakGlassReviewed})
}

// UnreviewedBreakGlasses lists the bypassed approvals that nobody has reviewed, oldest
// first, up to limit.
func UnreviewedBreakGlasses(ctx context.Context, q Querier, now time.Time, limit int) ([]portal.UnreviewedBreakGlass, error) {
	type row struct {
		portal.UnreviewedBreakGlass
		portal.Person
	}
	list, err := db.All(ctx, q, pgx.RowToStructByNameLax[row], `
		SELECT r.number, r.operation, r.target_name, g.at, g.reason, g.issuer, g.subject, g.name FROM break_glasses g JOIN requests r ON r.id = g.request_id
		WHERE `+unreviewed+` ORDER BY g.at LIMIT @limit`, pgx.StrictNamedArgs{"limit": limit, "reviewed": portal.EventBreakGlassReviewed})
	pending := make([]portal.UnreviewedBreakGlass, len(list))
	for i, r := range list {
		pending[i] = r.UnreviewedBreakGlass
		pending[i].By = r.Person
	}
	return pending, err
}

// InsertBreakGlass keeps that an admin did without the approvals of a request. A
// second time for the same revision, or before somebody has reviewed that the same
// person did so elsewhere, gives an error of KindConflict.
func InsertBreakGlass(ctx context.Context, tx pgx.Tx, requestID string, g portal.BreakGlass) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO break_glasses (request_id, revision, issuer, subject, name, reason, at)
		VALUES (@request, @revision, @issuer, @subject, @name, @reason, @at)`,
		pgx.StrictNamedArgs{"request": requestID, "revision": g.Revision, "issuer": g.By.Issuer, "subject": g.By.Subject, "name": g.By.Name,
			"reason": g.Reason, "at": g.At})
	return db.Wrap(err)
}

// BypassedDigests are the digests of what, by the trail, the approvals of a revision were
// bypassed for: one, unless the trail was tampered with, or has been archived since.
func BypassedDigests(ctx context.Context, q Querier, requestID string, revision int) ([]string, error) {
	return db.All(ctx, q, pgx.RowTo[string], `SELECT DISTINCT data ->> 'digest' FROM events WHERE request_id = @request AND kind = @kind AND data ->> 'revision' = @revision::int::text`,
		pgx.StrictNamedArgs{"request": requestID, "kind": portal.EventBreakGlass, "revision": revision})
}

// ReviewBreakGlass keeps the pending review of a revision. When it has been
// given meanwhile it returns an error of KindConflict.
func ReviewBreakGlass(ctx context.Context, tx pgx.Tx, requestID string, g portal.BreakGlass) error {
	tag, err := tx.Exec(ctx, `
		UPDATE break_glasses SET reviewer_issuer = @issuer, reviewer_subject = @subject, reviewer_name = @name,
			comment = @comment, reviewed_at = @at
		WHERE request_id = @request AND revision = @revision AND reviewed_at IS NULL`,
		pgx.StrictNamedArgs{"request": requestID, "revision": g.Revision, "issuer": g.Reviewer.Issuer, "subject": g.Reviewer.Subject,
			"name": g.Reviewer.Name, "comment": g.Comment, "at": g.ReviewedAt})
	return expectOne(tag.RowsAffected(), err)
}

func breakGlasses(ctx context.Context, q Querier, requestID string) ([]portal.BreakGlass, error) {
	return db.All(ctx, q, readBreakGlass, `
		SELECT revision, issuer, subject, name, reason, at,
			reviewer_issuer, reviewer_subject, reviewer_name, comment, reviewed_at AS reviewed
		FROM break_glasses WHERE request_id = @id ORDER BY revision`, pgx.StrictNamedArgs{"id": requestID})
}

func readBreakGlass(row pgx.CollectableRow) (portal.BreakGlass, error) {
	type breakGlass struct {
		portal.BreakGlass
		portal.Person
		ReviewerIssuer, ReviewerSubject, ReviewerName string
		Reviewed                                      *time.Time
	}
	r, err := pgx.RowToStructByNameLax[breakGlass](row)
	r.By, r.Reviewer, r.ReviewedAt = r.Person, person(r.ReviewerIssuer, r.ReviewerSubject, r.ReviewerName), fromNull(r.Reviewed)
	return r.BreakGlass, err
}

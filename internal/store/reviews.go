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
	_, err = tx.Exec(ctx, `
		INSERT INTO reviews (id, request_id, issuer, subject, reviewer_name, decision, comment, digest, created_at, groups, revision,
			for_issuer, for_subject, for_name)
		VALUES (@id, @request, @issuer, @subject, @name, @decision, @comment, @digest, @at, @groups, @revision,
			@for_issuer, @for_subject, @for_name)`,
		pgx.StrictNamedArgs{"id": id, "request": requestID, "issuer": v.Reviewer.Issuer, "subject": v.Reviewer.Subject, "name": v.Reviewer.Name,
			"decision": v.Decision, "comment": v.Comment, "digest": v.Digest, "at": v.CreatedAt, "groups": notNil(v.Groups), "revision": v.Revision,
			"for_issuer": v.For.Issuer, "for_subject": v.For.Subject, "for_name": v.For.Name})
	return db.Wrap(err)
}

// reviewColumns are what reviewRow reads.
const reviewColumns = `issuer, subject, reviewer_name AS name, decision, comment, digest, created_at, groups, revision, for_issuer, for_subject, for_name`

// reviewRow is a review as reviewColumns has it.
type reviewRow struct {
	portal.Review
	portal.Person
	ForIssuer, ForSubject, ForName string
}

func (r reviewRow) review() portal.Review {
	r.Reviewer, r.Review.For = r.Person, person(r.ForIssuer, r.ForSubject, r.ForName)
	return r.Review
}

func reviews(ctx context.Context, q Querier, requestID string) ([]portal.Review, error) {
	return db.All(ctx, q, readReview, `
		SELECT `+reviewColumns+`
		FROM reviews WHERE request_id = @id ORDER BY id`, pgx.StrictNamedArgs{"id": requestID})
}

// withReviews lists requests, as listColumns has them, with their reviews.
func withReviews(ctx context.Context, q Querier, sql string, args any) ([]portal.Request, error) {
	list, err := db.All(ctx, q, readListed, sql, args)
	if err != nil || len(list) == 0 {
		return list, err
	}
	return list, addReviews(ctx, q, list)
}

// addReviews reads the reviews of all requests of a list at once.
func addReviews(ctx context.Context, q Querier, list []portal.Request) error {
	at := make(map[string]int, len(list))
	ids := make([]string, len(list))
	for i, r := range list {
		at[r.ID], ids[i] = i, r.ID
	}
	type review struct {
		reviewRow
		RequestID string
	}
	found, err := db.All(ctx, q, pgx.RowToStructByNameLax[review], `
		SELECT request_id::text, `+reviewColumns+`
		FROM reviews WHERE request_id = ANY(@ids::uuid[]) ORDER BY id`, pgx.StrictNamedArgs{"ids": ids})
	for _, v := range found {
		r := &list[at[v.RequestID]]
		r.Reviews = append(r.Reviews, v.review())
	}
	return err
}

func readReview(row pgx.CollectableRow) (portal.Review, error) {
	r, err := pgx.RowToStructByNameLax[reviewRow](row)
	return r.review(), err
}

// InsertAttempt records the intent to call DigitalOcean. It must be committed
// before the call. It fails when an earlier attempt may have had an effect.
func InsertAttempt(ctx context.Context, tx pgx.Tx, requestID string, a portal.Attempt) error {
	_, err := tx.Exec(ctx, `INSERT INTO executions (request_id, attempt, intent_at, leaves) VALUES (@request, @attempt, @at, @leaves)`,
		pgx.StrictNamedArgs{"request": requestID, "attempt": a.Number, "at": a.IntentAt, "leaves": notNil(a.Leaves)})
	return db.Wrap(err)
}

// FinishAttempt records the outcome of an attempt, which cannot be changed
// afterwards: a second outcome gives an error of KindConflict.
func FinishAttempt(ctx context.Context, tx pgx.Tx, requestID string, a portal.Attempt) error {
	tag, err := tx.Exec(ctx, `
		UPDATE executions SET outcome = @outcome, outcome_at = @at, message = @message, do_request_id = @do_request
		WHERE request_id = @request AND attempt = @attempt AND outcome = ''`,
		pgx.StrictNamedArgs{"request": requestID, "attempt": a.Number, "outcome": a.Outcome, "at": a.OutcomeAt,
			"message": a.Message, "do_request": a.DORequestID})
	return expectOne(tag.RowsAffected(), err)
}

// CountLook counts a complete look for the effect of a lost call that found nothing.
func CountLook(ctx context.Context, tx pgx.Tx, requestID string, attempt int, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE executions SET looks = looks + 1, first_look_at = coalesce(first_look_at, @now), last_look_at = @now
		WHERE request_id = @request AND attempt = @attempt AND outcome = @unknown`,
		pgx.StrictNamedArgs{"request": requestID, "attempt": attempt, "now": now, "unknown": portal.OutcomeUnknown})
	return db.Wrap(err)
}

// GiveUpAttempt says of a lost call that it had no effect, so that it may be made once
// more. It returns KindConflict when that has been said of one of the request's already.
func GiveUpAttempt(ctx context.Context, tx pgx.Tx, requestID string, attempt int) error {
	tag, err := tx.Exec(ctx, `
		UPDATE executions SET outcome = @absent WHERE request_id = @request AND attempt = @attempt AND outcome = @unknown`,
		pgx.StrictNamedArgs{"request": requestID, "attempt": attempt, "absent": portal.OutcomeAbsent, "unknown": portal.OutcomeUnknown})
	return expectOne(tag.RowsAffected(), err)
}

// ReviveAttempt takes back that a lost call had no effect.
func ReviveAttempt(ctx context.Context, tx pgx.Tx, requestID string) error {
	tag, err := tx.Exec(ctx, `
		UPDATE executions SET outcome = @unknown, looks = 0, first_look_at = NULL, last_look_at = NULL
		WHERE request_id = @request AND outcome = @absent`,
		pgx.StrictNamedArgs{"request": requestID, "absent": portal.OutcomeAbsent, "unknown": portal.OutcomeUnknown})
	return expectOne(tag.RowsAffected(), err)
}

// addAttempts reads the attempts of all requests of a list at once.
func addAttempts(ctx context.Context, q Querier, list []portal.Request) error {
	at, ids := make(map[string]int, len(list)), make([]string, len(list))
	for i, r := range list {
		at[r.ID], ids[i] = i, r.ID
	}
	type attempt struct {
		portal.Attempt
		RequestID                  string
		Ended, FirstLook, LastLook *time.Time
	}
	found, err := db.All(ctx, q, pgx.RowToStructByNameLax[attempt], `
		SELECT request_id::text, attempt AS number, intent_at, outcome, outcome_at AS ended, message, do_request_id, leaves,
			looks, first_look_at AS first_look, last_look_at AS last_look
		FROM executions WHERE request_id = ANY(@ids::uuid[]) ORDER BY attempt`, pgx.StrictNamedArgs{"ids": ids})
	for _, a := range found {
		a.OutcomeAt, a.FirstLookAt, a.LastLookAt = fromNull(a.Ended), fromNull(a.FirstLook), fromNull(a.LastLook)
		r := &list[at[a.RequestID]]
		r.Attempts = append(r.Attempts, a.Attempt)
	}
	return err
}

package jobs

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// later are the states of a job whose time has not come.
var later = []rivertype.JobState{rivertype.JobStateScheduled, rivertype.JobStateAvailable, rivertype.JobStateRetryable}

// Wake has the next step of a request taken when tx commits, and not when it is due. A
// step that is being taken is not taken again.
func (q *Queue) Wake(ctx context.Context, tx pgx.Tx, requestID string) error {
	tag, err := tx.Exec(ctx, `UPDATE river_job SET state = @available, scheduled_at = now() WHERE id IN (
			SELECT id FROM river_job WHERE args @> @args AND kind = @kind AND state = ANY(@later::text[]::river_job_state[]) FOR UPDATE SKIP LOCKED)`,
		pgx.StrictNamedArgs{"available": rivertype.JobStateAvailable, "kind": requestArgs{}.Kind(), "later": later, "args": requestArgs{RequestID: requestID}})
	if err != nil || tag.RowsAffected() > 0 {
		return db.Wrap(err)
	}
	return q.Enqueue(ctx, tx, requestID)
}

// NextSteps are when the next steps of requests are taken, by their ids. One that has no
// job is not among them.
func (q *Queue) NextSteps(ctx context.Context, requestIDs []string) (map[string]portal.NextStep, error) {
	type row struct {
		RequestID string
		At        time.Time
		Now       bool
	}
	list, err := db.All(ctx, q.pool, pgx.RowToStructByName[row], `
		SELECT asked.id AS request_id, job.scheduled_at AS at, job.state = @running AS now
		FROM unnest(@ids::text[]) AS asked (id) CROSS JOIN LATERAL (
			SELECT scheduled_at, state FROM river_job WHERE args @> jsonb_build_object('request_id', asked.id) AND kind = @kind
				AND (state = @running OR state = ANY(@later::text[]::river_job_state[])) LIMIT 1) job`,
		pgx.StrictNamedArgs{"ids": requestIDs, "kind": requestArgs{}.Kind(), "running": rivertype.JobStateRunning, "later": later})
	steps := make(map[string]portal.NextStep, len(list))
	for _, r := range list {
		steps[r.RequestID] = portal.NextStep{At: r.At, Now: r.Now}
	}
	return steps, err
}

// WakeWaiting has the next step of all requests that wait to be sent taken when tx
// commits, and not when it is due. A step that is being taken is not taken again.
func (q *Queue) WakeWaiting(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		UPDATE river_job SET state = @available, scheduled_at = now()
		WHERE kind = @kind AND state = ANY(@later::text[]::river_job_state[]) AND scheduled_at > now()
			AND args ->> 'request_id' IN (SELECT id::text FROM requests r WHERE `+store.ToBeSent+`)`,
		pgx.StrictNamedArgs{"available": rivertype.JobStateAvailable, "kind": requestArgs{}.Kind(), "later": later})
	return db.Wrap(err)
}

package jobs

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"

	"doksportal/internal/db"
	"doksportal/internal/store"
)

// later are the states of a job whose time has not come.
var later = []rivertype.JobState{rivertype.JobStateScheduled, rivertype.JobStateAvailable, rivertype.JobStateRetryable}

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

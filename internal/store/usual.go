package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// usualOf is of how many requests the usual time is the median.
const usualOf = 20

// UsualTime is how long the operation usually takes from the call to DigitalOcean
// until its effect is there: the median of the last requests for it that
// succeeded, zero when there are none.
func UsualTime(ctx context.Context, q Querier, op portal.OperationID) (time.Duration, error) {
	times, err := UsualTimes(ctx, q, []portal.OperationID{op})
	return times[op], err
}

// UsualTimes is UsualTime for several operations.
func UsualTimes(ctx context.Context, q Querier, ops []portal.OperationID) (map[portal.OperationID]time.Duration, error) {
	type row struct {
		Operation portal.OperationID
		Seconds   float64
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `
		SELECT op.operation, percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM newest.updated_at - e.intent_at))::float8 AS seconds
		FROM unnest(@operations::text[]) AS op (operation) CROSS JOIN LATERAL (
			SELECT r.id, r.updated_at FROM requests r
			WHERE r.operation = op.operation AND r.state IN `+literals(portal.Succeeded)+` ORDER BY r.updated_at DESC LIMIT @most) newest
		CROSS JOIN LATERAL (SELECT intent_at FROM executions WHERE request_id = newest.id AND outcome <> ALL(@not_taken) LIMIT 1) e
		GROUP BY op.operation`,
		pgx.StrictNamedArgs{"operations": ops, "not_taken": []portal.Outcome{portal.OutcomeDeferred, portal.OutcomeAbsent}, "most": usualOf})
	times := make(map[portal.OperationID]time.Duration, len(list))
	for _, r := range list {
		times[r.Operation] = time.Duration(r.Seconds * float64(time.Second))
	}
	return times, err
}

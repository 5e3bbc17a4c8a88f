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
	seconds, err := db.One(ctx, q, pgx.RowTo[float64], `
		SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM took)), 0)::float8 FROM (
			SELECT r.updated_at - e.intent_at AS took
			FROM requests r JOIN executions e ON e.request_id = r.id AND e.outcome = @accepted
			WHERE r.operation = @operation AND r.state IN `+literals(portal.Succeeded)+` ORDER BY r.number DESC LIMIT @most) newest`,
		pgx.StrictNamedArgs{"operation": op, "accepted": portal.OutcomeAccepted, "most": usualOf})
	return time.Duration(seconds * float64(time.Second)), err
}

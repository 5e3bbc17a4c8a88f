package audit

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// UnusualKinds are the kinds of event that an auditor looks into: what somebody
// did without approvals or was refused, and what did not go as it should.
var UnusualKinds = []portal.EventKind{portal.EventBreakGlass, portal.EventAccessRefused, portal.EventRefused, portal.EventSignInRefused,
	portal.EventFailed, portal.EventOutcome}

// Unusual lists of each of these kinds the newest events since a time, up to
// limit, newest first. Of the outcomes of calls only those count whose answer was
// lost. OFFSET keeps the planner from walking through all events of that time
// where there are few of a kind. Only who may see the whole trail may see them.
func Unusual(ctx context.Context, q db.Querier, since time.Time, limit int) ([]portal.Event, error) {
	return db.All(ctx, q, readEvent, `
		SELECT e.id, e.at, e.kind, e.issuer, e.subject, e.actor_name AS name, coalesce(r.number, 0) AS request_number, e.summary
		FROM unnest(@kinds::text[]) AS of (kind) CROSS JOIN LATERAL (
			SELECT * FROM (
				SELECT * FROM events WHERE events.kind = of.kind AND events.at >= @from
					AND (events.kind <> @outcome OR events.data ->> 'outcome' = @unknown) OFFSET 0
			) lately ORDER BY at DESC, id DESC LIMIT @limit
		) e LEFT JOIN requests r ON r.id = e.request_id ORDER BY e.at DESC, e.id DESC`,
		pgx.StrictNamedArgs{"kinds": UnusualKinds, "from": since, "outcome": portal.EventOutcome, "unknown": portal.OutcomeUnknown, "limit": limit})
}

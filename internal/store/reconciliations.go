package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// ErrSaidMeanwhile is what InsertReconciliation returns when somebody else has said
// something of the same change at the same time.
var ErrSaidMeanwhile = portal.E(portal.KindConflict, "somebody has just said something of this change; look at it again")

// ReconciliationTold is SQL that is true of a row r of reconciliations of which an event
// tells, with the argument reconciled: any other is nobody's word.
const ReconciliationTold = `EXISTS (SELECT FROM events s WHERE s.kind = @reconciled AND s.at > r.at - interval '10 minutes' AND s.at < r.at + interval '10 minutes'
	AND s.subject = r.subject AND s.issuer = r.issuer AND s.data ->> 'event' = r.event_id::text AND s.data ->> 'entry' = r.number::text AND s.data ->> 'resolved' = r.resolved::text)`

// InsertReconciliation keeps what somebody says of a change that no request explains;
// requestID is that of the request that does after all, if any.
func InsertReconciliation(ctx context.Context, tx pgx.Tx, r portal.Reconciliation, requestID string) error {
	_, err := tx.Exec(ctx, `INSERT INTO reconciliations (id, event_id, number, resolved, request_id, reason, issuer, subject, by_name, own_team)
		VALUES (@id, @event, @number, @resolved, nullif(@request, '')::uuid, @reason, @issuer, @subject, @name, @own)`,
		pgx.StrictNamedArgs{"id": r.ID, "event": r.EventID, "number": r.Number, "resolved": r.Resolved, "request": requestID, "reason": r.Reason,
			"issuer": r.By.Issuer, "subject": r.By.Subject, "name": r.By.Name, "own": r.OwnTeam})
	if db.IsUnique(err, "reconciliations_in_order") {
		return ErrSaidMeanwhile
	}
	return db.Wrap(err)
}

// AddReconciliations puts into changes what was said of them. What nobody has said, since
// no event tells of it, only takes a number.
func AddReconciliations(ctx context.Context, q Querier, changes []portal.ClusterChange) error {
	places, ids := map[string]*portal.ClusterChange{}, make([]string, len(changes))
	for i := range changes {
		places[changes[i].EventID], ids[i] = &changes[i], changes[i].EventID
	}
	type row struct {
		portal.Reconciliation
		portal.Identity
		ByName string
		Told   bool
	}
	list, err := db.All(ctx, q, pgx.RowToStructByNameLax[row], `
		SELECT r.id, r.event_id, r.number, r.resolved, coalesce(q.number, 0) AS request_number, r.reason, r.issuer, r.subject, r.by_name, r.own_team, r.at, `+ReconciliationTold+` AS told
		FROM reconciliations r LEFT JOIN requests q ON q.id = r.request_id
		WHERE r.event_id = ANY (@ids::uuid[]) ORDER BY r.event_id, r.number`, pgx.StrictNamedArgs{"ids": ids, "reconciled": portal.EventReconciled})
	for _, r := range list {
		r.By = portal.Person{Identity: r.Identity, Name: r.ByName}
		c := places[r.EventID]
		if c.Numbers = r.Number; r.Told {
			c.Entries = append(c.Entries, r.Reconciliation)
		}
	}
	return err
}

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

// AddReconciliations puts into changes what was said of them.
func AddReconciliations(ctx context.Context, q Querier, changes []portal.ClusterChange) error {
	places, ids := map[string]*portal.ClusterChange{}, make([]string, len(changes))
	for i := range changes {
		places[changes[i].EventID], ids[i] = &changes[i], changes[i].EventID
	}
	type row struct {
		portal.Reconciliation
		portal.Identity
		ByName string
	}
	list, err := db.All(ctx, q, pgx.RowToStructByNameLax[row], `
		SELECT c.id, c.event_id, c.number, c.resolved, coalesce(r.number, 0) AS request_number, c.reason, c.issuer, c.subject, c.by_name, c.own_team, c.at
		FROM reconciliations c LEFT JOIN requests r ON r.id = c.request_id
		WHERE c.event_id = ANY (@ids::uuid[]) ORDER BY c.event_id, c.number`, pgx.StrictNamedArgs{"ids": ids})
	for _, r := range list {
		r.By = portal.Person{Identity: r.Identity, Name: r.ByName}
		c := places[r.EventID]
		c.Entries = append(c.Entries, r.Reconciliation)
	}
	return err
}

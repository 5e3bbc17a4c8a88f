package store

import (
	"context"
	"time"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// InventoryState returns how fresh the inventory is.
func InventoryState(ctx context.Context, q Querier) (portal.InventoryState, error) {
	var s portal.InventoryState
	var completeAt, attemptedAt, optionsAt *time.Time
	var options *portal.Options
	err := q.QueryRow(ctx, `SELECT complete_at, attempted_at, failure, options, options_at FROM inventory_state`).
		Scan(&completeAt, &attemptedAt, &s.Failure, &options, &optionsAt)
	if options != nil {
		s.Options = *options
	}
	s.CompleteAt, s.AttemptedAt, s.OptionsAt = fromNull(completeAt), fromNull(attemptedAt), fromNull(optionsAt)
	return s, db.Wrap(err)
}

// SetInventoryComplete records that the inventory is what DigitalOcean had at
// the given time.
func SetInventoryComplete(ctx context.Context, q Querier, at time.Time) error {
	_, err := q.Exec(ctx, `UPDATE inventory_state SET complete_at = $1, attempted_at = $1, failure = ''`, at)
	return db.Wrap(err)
}

// SetInventoryFailure records why the inventory could not be read at the given time.
func SetInventoryFailure(ctx context.Context, q Querier, at time.Time, why string) error {
	_, err := q.Exec(ctx, `UPDATE inventory_state SET attempted_at = $1, failure = $2`, at, why)
	return db.Wrap(err)
}

// SetOptions keeps what DigitalOcean offers.
func SetOptions(ctx context.Context, q Querier, o portal.Options, at time.Time) error {
	_, err := q.Exec(ctx, `UPDATE inventory_state SET options = $1, options_at = $2`, o, at)
	return db.Wrap(err)
}

package store

import (
	"context"
	"time"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Freshness returns how old the inventory is.
func Freshness(ctx context.Context, q Querier) (portal.Freshness, error) {
	var f portal.Freshness
	var completeAt, attemptedAt *time.Time
	err := q.QueryRow(ctx, `SELECT complete_at, attempted_at, failure FROM inventory_state`).
		Scan(&completeAt, &attemptedAt, &f.Failure)
	f.CompleteAt, f.AttemptedAt = fromNull(completeAt), fromNull(attemptedAt)
	return f, db.Wrap(err)
}

// Offer returns what DigitalOcean offered when it was last asked.
func Offer(ctx context.Context, q Querier) (portal.Offer, error) {
	var o portal.Offer
	var options *portal.Options
	var asOf *time.Time
	err := q.QueryRow(ctx, `SELECT options, options_at FROM inventory_state`).Scan(&options, &asOf)
	if options != nil {
		o.Options = *options
	}
	o.AsOf = fromNull(asOf)
	return o, db.Wrap(err)
}

// SetInventoryComplete records that the inventory is what DigitalOcean had at
// the given time, unless something newer is recorded.
func SetInventoryComplete(ctx context.Context, q Querier, at time.Time) error {
	_, err := q.Exec(ctx, `UPDATE inventory_state SET complete_at = $1, attempted_at = $1, failure = ''
		WHERE complete_at IS NULL OR complete_at <= $1`, at)
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

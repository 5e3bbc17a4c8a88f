package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Freshness returns how old the inventory is.
func Freshness(ctx context.Context, q Querier) (portal.Freshness, error) {
	type row struct {
		CompleteAt, AttemptedAt *time.Time
		Failure                 string
	}
	r, err := db.One(ctx, q, pgx.RowToStructByName[row], `SELECT complete_at, attempted_at, failure FROM inventory_state`)
	return portal.Freshness{CompleteAt: fromNull(r.CompleteAt), AttemptedAt: fromNull(r.AttemptedAt), Failure: r.Failure}, err
}

// Offer returns what DigitalOcean offered when it was last asked.
func Offer(ctx context.Context, q Querier) (portal.Offer, error) {
	type row struct {
		Options   *portal.Options
		OptionsAt *time.Time
	}
	r, err := db.One(ctx, q, pgx.RowToStructByName[row], `SELECT options, options_at FROM inventory_state`)
	o := portal.Offer{AsOf: fromNull(r.OptionsAt)}
	if r.Options != nil {
		o.Options = *r.Options
	}
	return o, err
}

// SetInventoryComplete records that the inventory is what DigitalOcean had at
// the given time, unless something newer is recorded.
func SetInventoryComplete(ctx context.Context, q Querier, at time.Time) error {
	_, err := q.Exec(ctx, `UPDATE inventory_state SET complete_at = @at, attempted_at = @at, failure = ''
		WHERE complete_at IS NULL OR complete_at <= @at`, pgx.StrictNamedArgs{"at": at})
	return db.Wrap(err)
}

// SetInventoryFailure records why the inventory could not be read at the given time.
func SetInventoryFailure(ctx context.Context, q Querier, at time.Time, why string) error {
	_, err := q.Exec(ctx, `UPDATE inventory_state SET attempted_at = @at, failure = @why`, pgx.StrictNamedArgs{"at": at, "why": why})
	return db.Wrap(err)
}

// SetOptions keeps what DigitalOcean offers.
func SetOptions(ctx context.Context, q Querier, o portal.Options, at time.Time) error {
	_, err := q.Exec(ctx, `UPDATE inventory_state SET options = @options, options_at = @at`, pgx.StrictNamedArgs{"options": o, "at": at})
	return db.Wrap(err)
}

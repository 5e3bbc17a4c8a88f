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
	return freshness(ctx, q, "")
}

func freshness(ctx context.Context, q Querier, lock string) (portal.Freshness, error) {
	type row struct {
		CompleteAt, AttemptedAt *time.Time
		Failure                 string
	}
	r, err := db.One(ctx, q, pgx.RowToStructByName[row], `SELECT complete_at, attempted_at, failure FROM inventory_state`+lock)
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

// LockInventory keeps other readings of all clusters from being written down
// until tx ends, and returns how old the inventory is. Whoever locks clusters too
// locks them afterwards; who has locked clusters does not call it.
func LockInventory(ctx context.Context, tx pgx.Tx) (portal.Freshness, error) {
	return freshness(ctx, tx, ` FOR UPDATE`)
}

// SetInventoryComplete records that the inventory is what DigitalOcean had at
// the given time. Callers have locked it.
func SetInventoryComplete(ctx context.Context, tx pgx.Tx, at time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE inventory_state SET complete_at = @at, attempted_at = @at, failure = ''`, pgx.StrictNamedArgs{"at": at})
	return db.Wrap(err)
}

// SetInventoryFailure records why the inventory could not be read at the given
// time. It reports whether something else was said of it until now.
func SetInventoryFailure(ctx context.Context, tx pgx.Tx, at time.Time, why string) (bool, error) {
	before, err := LockInventory(ctx, tx)
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `UPDATE inventory_state SET attempted_at = @at, failure = @why`, pgx.StrictNamedArgs{"at": at, "why": why})
	return before.Failure != why, db.Wrap(err)
}

// SetOptions keeps what DigitalOcean offers.
func SetOptions(ctx context.Context, q Querier, o portal.Options, at time.Time) error {
	_, err := q.Exec(ctx, `UPDATE inventory_state SET options = @options, options_at = @at`, pgx.StrictNamedArgs{"options": o, "at": at})
	return db.Wrap(err)
}

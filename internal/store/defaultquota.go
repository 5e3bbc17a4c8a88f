package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// DefaultQuota is what new teams start with, and its version: nothing is limited,
// at version 0, until an admin has set it.
func DefaultQuota(ctx context.Context, q Querier) (portal.Quota, int, error) {
	type row struct {
		Quota   portal.Quota
		Version int
	}
	r, err := db.One(ctx, q, pgx.RowToStructByName[row], `SELECT quota, version FROM default_quota`)
	if errors.Is(err, pgx.ErrNoRows) || portal.Is(err, portal.KindNotFound) {
		err = nil
	}
	return r.Quota, r.Version, err
}

// SetDefaultQuota changes what new teams start with, unless it is no longer at the
// version that was read (KindConflict).
func SetDefaultQuota(ctx context.Context, tx pgx.Tx, quota portal.Quota, version int, now time.Time) error {
	tag, err := tx.Exec(ctx, `INSERT INTO default_quota AS d (quota, version, updated_at) VALUES (@quota, 1, @now)
		ON CONFLICT (single) DO UPDATE SET quota = @quota, version = d.version + 1, updated_at = @now WHERE d.version = @version`,
		pgx.StrictNamedArgs{"quota": quota, "version": version, "now": now})
	if err == nil && tag.RowsAffected() == 0 {
		return portal.E(portal.KindConflict, "someone else has changed the default quota in the meantime; look at the current one and try again")
	}
	return db.Wrap(err)
}

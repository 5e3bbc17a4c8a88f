package audit

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// ToldSince reports whether there is an event of a kind from a time on.
func ToldSince(ctx context.Context, q db.Querier, kind portal.EventKind, since time.Time) (bool, error) {
	return db.One(ctx, q, pgx.RowTo[bool], `SELECT EXISTS (SELECT FROM events WHERE kind = @kind AND at >= @since)`,
		pgx.StrictNamedArgs{"kind": kind, "since": since})
}

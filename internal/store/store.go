// Package store keeps teams, clusters and requests in Postgres: hand-written
// SQL, one file an aggregate. Functions that write take a pgx.Tx, because what
// they write belongs to a transaction with an audit event. Errors carry a
// portal.Kind where people can do something about them.
package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier reads: a pool, or a transaction that must see its own writes.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// fromNull returns the zero time for SQL's NULL.
func fromNull(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

package db

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier runs SQL: a pool, or a transaction that must see its own writes.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// All returns what a query finds, each row read by a function of pgx, like
// pgx.RowToStructByName.
func All[T any](ctx context.Context, q Querier, read pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, wrap(err)
	}
	list, err := pgx.CollectRows(rows, read)
	return list, wrap(err)
}

// One is All for a query that finds one row. When it finds none it returns
// KindNotFound, which wraps pgx.ErrNoRows.
func One[T any](ctx context.Context, q Querier, read pgx.RowToFunc[T], sql string, args ...any) (T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		var none T
		return none, wrap(err)
	}
	one, err := pgx.CollectExactlyOneRow(rows, read)
	return one, wrap(err)
}

package db_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

// Whoever uses a pool whose connections are all taken is told, without a
// deadline of their own. The same holds for a table that is locked.
func TestWaitsHaveABound(t *testing.T) {
	t.Parallel()
	pool, err := db.Open(t.Context(), dbtest.URL(t)+"&pool_max_conns=1", db.AcquireWithin(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	conn, err := pool.Acquire(t.Context())
	for err != nil && t.Context().Err() == nil { // to connect may take longer than the bound; it goes on meanwhile
		conn, err = pool.Acquire(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	var locks string
	if err := conn.QueryRow(t.Context(), "SHOW lock_timeout").Scan(&locks); err != nil || locks != "5s" {
		t.Errorf("locks are waited for %q: %v", locks, err)
	}
	for name, use := range map[string]func(ctx context.Context) error{
		"Exec":     func(ctx context.Context) error { _, err := pool.Exec(ctx, "SELECT 1"); return err },
		"Query":    func(ctx context.Context) error { _, err := pool.Query(ctx, "SELECT 1"); return err },
		"QueryRow": func(ctx context.Context) error { return pool.QueryRow(ctx, "SELECT 1").Scan(new(int)) },
		"Begin":    func(ctx context.Context) error { _, err := pool.Begin(ctx); return err },
		"Batch":    func(ctx context.Context) error { return pool.SendBatch(ctx, &pgx.Batch{}).Close() },
		"Ping":     pool.Ping,
		"WithTx":   func(ctx context.Context) error { return db.WithTx(ctx, pool, func(pgx.Tx) error { return nil }) },
	} {
		failure, cancel := context.WithTimeout(t.Context(), time.Minute)
		if err := db.Wrap(use(failure)); !portal.Is(err, portal.KindUnavailable) || failure.Err() != nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	conn.Release()
	err = pool.Ping(t.Context())
	for again := 0; err != nil && again < 100; again++ {
		err = pool.Ping(t.Context())
	}
	if err != nil {
		t.Errorf("once there is a connection again: %v", err)
	}
}

// A table that somebody else has locked is not waited for without bound.
func TestLocksHaveABound(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	tx, err := pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "LOCK TABLE teams"); err != nil {
		t.Fatal(err)
	}
	failure, cancel := context.WithTimeout(t.Context(), 25*time.Second) // less than statement_timeout
	defer cancel()
	err = db.Wrap(pool.QueryRow(failure, "SELECT count(*) FROM teams").Scan(new(int)))
	if !portal.Is(err, portal.KindUnavailable) || failure.Err() != nil {
		t.Errorf("%v", err)
	}
}

// PgBouncer refuses startup parameters that it does not know.
func TestStartupParametersSuitPoolers(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	for name := range pool.Config().ConnConfig.RuntimeParams {
		switch name {
		case "timezone", "application_name", "client_encoding", "datestyle", "standard_conforming_strings":
		default:
			t.Errorf("PgBouncer refuses the startup parameter %s", name)
		}
	}
}

package db_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/migrations"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// steps moves a database from one version of the schema to another.
func steps(t *testing.T, pool *pgxpool.Pool) *goose.Provider {
	t.Helper()
	sqlDB := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { _ = sqlDB.Close() })
	p, err := goose.NewProvider(goose.DialectPostgres, sqlDB, migrations.FS)
	must(t, err)
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The schema can be taken down and set up again, with nothing left over.
func TestDownAndUp(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pool, err := db.Open(ctx, dbtest.Empty(t))
	must(t, err)
	t.Cleanup(pool.Close)
	p := steps(t, pool)
	for range 2 {
		_, err = p.Up(ctx)
		must(t, err)
		_, err = p.DownTo(ctx, 0)
		must(t, err)
		var left int
		must(t, pool.QueryRow(ctx, `SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'goose_db_version%'`).Scan(&left))
		if left != 0 {
			t.Errorf("%d tables and indexes are left", left)
		}
	}
}

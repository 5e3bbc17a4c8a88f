package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"doksportal/migrations"
)

// migrationLock is the advisory lock that whoever migrates holds. The number
// has no meaning.
const migrationLock = 7363019522

// Migrate brings the schema up to date as the role that url names, which owns it,
// then calls more for tables that have migrations of their own, and last for the
// role that serves, see Runtime. Of several callers at once one does it, while the
// others wait and then find nothing to do.
func Migrate(ctx context.Context, url string, more ...func(context.Context, *pgxpool.Pool) error) error {
	pool, err := Open(ctx, url, patient)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := CheckSession(ctx, pool); err != nil {
		return err
	}
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("the database is not responding: %w", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_lock(%d)", migrationLock)); err != nil {
		return fmt.Errorf("wait to migrate: %w", err)
	}
	defer func() {
		_, _ = conn.Exec(context.WithoutCancel(ctx), fmt.Sprintf("SELECT pg_advisory_unlock(%d)", migrationLock))
	}()
	if err := checkOwner(ctx, pool); err != nil {
		return err
	}
	if err := migrate(ctx, pool); err != nil {
		return err
	}
	for _, fn := range more {
		if err := fn(ctx, pool); err != nil {
			return err
		}
	}
	return nil
}

func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	sqlDB := stdlib.OpenDBFromPool(pool)
	defer func() { _ = sqlDB.Close() }()
	provider, err := goose.NewProvider(goose.DialectPostgres, sqlDB, migrations.FS)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Schema tells which version the schema has and which the program needs.
type Schema struct {
	Have, Want int64 // Have is 0 when nothing is set up, or not for the role that asks
}

// SchemaOf reads the version of the schema and changes nothing.
func SchemaOf(ctx context.Context, pool *pgxpool.Pool) (Schema, error) {
	s := Schema{Want: want()}
	err := pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&s.Have)
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && (pgErr.Code == "42P01" || pgErr.Code == "42501") { // undefined_table, insufficient_privilege
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read the schema's version: %w", err)
	}
	return s, nil
}

// Check returns nil when program and schema fit, else what to do.
func (s Schema) Check() error {
	switch {
	case s.Have == 0:
		return errors.New("the database is not set up yet, or not for this role: run `portal migrate up`")
	case s.Have < s.Want:
		return fmt.Errorf("the database schema (version %d) is older than this program (version %d): run `portal migrate up`", s.Have, s.Want)
	case s.Have > s.Want:
		return fmt.Errorf("the database schema (version %d) is newer than this program (version %d): run the newer program", s.Have, s.Want)
	}
	return nil
}

// want is the version of the newest migration, which its file's name begins with.
func want() int64 {
	var newest int64
	names, _ := fs.Glob(migrations.FS, "*.sql")
	for _, name := range names {
		if version, err := goose.NumericComponent(name); err == nil {
			newest = max(newest, version)
		}
	}
	return newest
}

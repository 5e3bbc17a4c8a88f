package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/config"
	"doksportal/internal/db"
	"doksportal/internal/jobs"
	"doksportal/internal/rulebook"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Bring the schema, and the privileges of the role that serves, up to date. If several run at once, only one does it."`
	Status migrateStatusCmd `cmd:"" help:"Show the schema's version and the program's, and what the role that serves should not be able to do."`
}

// oneRole is said where the roles are not kept apart.
const oneRole = "PORTAL_DATABASE_OWNER_URL is not set: everything runs as the role of PORTAL_DATABASE_URL, which has to own the tables and could change the audit trail; docs/operating.md says how to have two roles"

type migrateUpCmd struct{}

// Run migrates.
func (migrateUpCmd) Run(ctx context.Context, k *kong.Context) error {
	runtime, owner, err := config.DatabaseURLs(os.Environ())
	if err != nil {
		return err
	}
	if owner == "" {
		_, _ = fmt.Fprintln(k.Stdout, oneRole)
		owner = runtime
	}
	pool, err := db.Open(ctx, owner.Reveal())
	if err != nil {
		return err
	}
	defer pool.Close()
	before, err := db.SchemaOf(ctx, pool)
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, owner.Reveal(), jobs.Migrate, db.Runtime(runtime.Reveal())); err != nil {
		return err
	}
	if err := recordMigration(ctx, pool, before); err != nil {
		return err
	}
	if err := (&rulebook.Service{Pool: pool, Now: time.Now}).Ensure(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(k.Stdout, "the database schema is up to date")
	if owner == runtime {
		return nil
	}
	return showRoles(ctx, k.Stdout, pool, runtime)
}

// recordMigration puts on the trail that the schema is another one now.
func recordMigration(ctx context.Context, pool *pgxpool.Pool, before db.Schema) error {
	if before.Have == before.Want {
		return nil
	}
	return db.WithTx(ctx, pool, func(tx pgx.Tx) error {
		return audit.Append(ctx, tx, audit.Migration(time.Now(), before.Have, before.Want, version()))
	})
}

type migrateStatusCmd struct{}

// Run shows the versions and the roles.
func (migrateStatusCmd) Run(ctx context.Context, k *kong.Context) error {
	runtime, owner, err := config.DatabaseURLs(os.Environ())
	if err != nil {
		return err
	}
	if owner == "" {
		owner = runtime
	}
	pool, err := db.Open(ctx, owner.Reveal())
	if err != nil {
		return err
	}
	defer pool.Close()
	schema, err := db.SchemaOf(ctx, pool)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(k.Stdout, "database: version %d\nprogram:  version %d\n", schema.Have, schema.Want)
	if err := showRoles(ctx, k.Stdout, pool, runtime); err != nil {
		return err
	}
	return schema.Check()
}

// showRoles says who owns the tables and who serves, and how what the latter has
// too much of is taken from it.
func showRoles(ctx context.Context, w io.Writer, pool *pgxpool.Pool, runtime config.Secret) error {
	role, err := db.RoleOf(ctx, pool, runtime.Reveal())
	if err != nil {
		return err
	}
	if role.Owner != "" {
		_, _ = fmt.Fprintln(w, "owner:    "+role.Owner)
	}
	_, _ = fmt.Fprintln(w, "serves:   "+role.Text())
	for _, f := range role.Faults {
		_, _ = fmt.Fprintf(w, "          %s: %s\n", f.What, f.Remedy)
	}
	return nil
}

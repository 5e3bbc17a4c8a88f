package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"doksportal/internal/config"
	"doksportal/internal/db"
	"doksportal/internal/jobs"
	"doksportal/internal/rulebook"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Bring the schema up to date. If several run at once, only one does it."`
	Status migrateStatusCmd `cmd:"" help:"Show the schema's version and the program's."`
}

type migrateUpCmd struct{}

// Run migrates.
func (migrateUpCmd) Run(ctx context.Context) error {
	url, err := config.DatabaseURL(os.Environ())
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, url.Reveal(), jobs.Migrate); err != nil {
		return err
	}
	pool, err := db.Open(ctx, url.Reveal())
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := (&rulebook.Service{Pool: pool, Now: time.Now}).Ensure(ctx); err != nil {
		return err
	}
	fmt.Println("the database schema is up to date")
	return nil
}

type migrateStatusCmd struct{}

// Run shows the versions.
func (migrateStatusCmd) Run(ctx context.Context) error {
	url, err := config.DatabaseURL(os.Environ())
	if err != nil {
		return err
	}
	pool, err := db.Open(ctx, url.Reveal())
	if err != nil {
		return err
	}
	defer pool.Close()
	schema, err := db.SchemaOf(ctx, pool)
	if err != nil {
		return err
	}
	fmt.Printf("database: version %d\nprogram:  version %d\n", schema.Have, schema.Want)
	return schema.Check()
}

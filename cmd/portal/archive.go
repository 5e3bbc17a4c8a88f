package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
)

type auditExportCmd struct {
	File string    `arg:"" help:"Where to write; it must not exist."`
	From time.Time `format:"2006-01-02" required:"" help:"The first day (UTC), like 2026-01-31."`
	To   time.Time `format:"2006-01-02" required:"" help:"The last day."`
}

// Run writes a bundle.
func (c auditExportCmd) Run(ctx context.Context, k *kong.Context) error {
	pool, err := openDatabase(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	var signers []audit.Signer
	if os.Getenv("PORTAL_AUDIT_KEY")+os.Getenv("PORTAL_AUDIT_KEY_FILE") != "" { // without it nobody signs how many there are
		key, err := auditKey()
		if err != nil {
			return err
		}
		signers = append(signers, key)
	}
	count, sum, err := audit.ExportFile(ctx, pool, c.File, audit.Days(c.From, c.To), signers...)
	if err != nil {
		return err
	}
	if err := recordExport(ctx, pool, c, count, sum); err != nil {
		return errors.Join(err, os.Remove(c.File)) // what is handed out is on the trail
	}
	fmt.Fprintf(k.Stdout, "%d events with their proofs; verify them with portal audit verify --bundle %s --key PUBLIC-KEY\n", count, c.File)
	return nil
}

func recordExport(ctx context.Context, pool *pgxpool.Pool, c auditExportCmd, count int64, sum string) error {
	return db.WithTx(ctx, pool, func(tx pgx.Tx) error {
		return audit.Append(ctx, tx, audit.CommandExport(time.Now(), count, c.From, c.To, sum))
	})
}

type auditArchiveCmd struct {
	Month time.Time `arg:"" format:"2006-01" help:"The month, like 2025-01. It must have ended a year ago."`
	File  string    `arg:"" help:"Where to write; it must not exist. Keep it: the portal forgets these events."`
}

// Run archives a month, as the owner of the database.
func (c auditArchiveCmd) Run(ctx context.Context, k *kong.Context) error {
	key, err := auditKey()
	if err != nil {
		return err
	}
	pool, err := openDatabase(ctx, audit.Vouching(key))
	if err != nil {
		return err
	}
	defer pool.Close()
	trail, err := audit.New(audit.Config{Pool: pool, Signers: []audit.Signer{key}, Vouched: true, Logger: slog.Default(), Now: time.Now})
	if err != nil {
		return err
	}
	count, err := audit.Archive(ctx, pool, trail, c.Month, c.File)
	if err != nil {
		return err
	}
	fmt.Fprintf(k.Stdout, "%d events of %s are in %s and no longer in the database\n", count, c.Month.Format("January 2006"), c.File)
	return nil
}

package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/alecthomas/kong"

	"doksportal/internal/audit"
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
	count, _, err := audit.ExportFile(ctx, pool, c.File, audit.Days(c.From, c.To))
	if err != nil {
		return err
	}
	fmt.Fprintf(k.Stdout, "%d events with their proofs; verify them with portal audit verify --bundle %s --key PUBLIC-KEY\n", count, c.File)
	return nil
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
	pool, err := openDatabase(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	trail, err := audit.New(audit.Config{Pool: pool, Signers: []audit.Signer{key}, Logger: slog.Default(), Now: time.Now})
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

package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// ArchiveBefore is how old a month must be for its events to be archived: they are
// at hand for a year at least.
const ArchiveBefore = 365 * 24 * time.Hour

// Archive writes the events of one month into a file, which must not exist, puts
// that on the trail, and then removes them from the database, whose owner alone may
// do so. Their hashes stay, so that the trail is verified as before, and the file by
// its proofs. It returns how many events there were. The file is left once the trail
// says that it is the archive.
func Archive(ctx context.Context, owner *pgxpool.Pool, t *Trail, month time.Time, name string) (int64, error) {
	month = time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC)
	next := month.AddDate(0, 1, 0)
	if t.Now().Sub(next) < ArchiveBefore {
		return 0, portal.E(portal.KindConflict, "only months that ended a year ago or more can be archived")
	}
	table := pgx.Identifier{"events_" + month.Format("2006_01")}.Sanitize()
	if _, err := owner.Exec(ctx, `SELECT FROM `+table+` LIMIT 1`); err != nil {
		return 0, portal.E(portal.KindNotFound, "the database has no partition of "+month.Format("January 2006"), err)
	}
	bounds := monthOf(month)
	open, err := openChanges(ctx, owner, bounds)
	if err != nil {
		return 0, err
	}
	if open > 0 {
		return 0, portal.E(portal.KindConflict, fmt.Sprintf("changes of clusters in %s are open (%d): resolve them on the page Reconciliation first, which has no archived months", month.Format("January 2006"), open))
	}
	if err := t.Seal(ctx); err != nil {
		return 0, err
	}
	a := archive{Origin: t.Origin(), From: bounds.From, To: bounds.To}
	if a.Events, a.SHA256, err = ExportFile(ctx, owner, name, bounds, t.Signers...); err != nil {
		return 0, err
	}
	if err := checkArchive(ctx, owner, t, &a, name, table); err != nil {
		return 0, errors.Join(err, os.Remove(name))
	}
	if err := recordArchive(ctx, owner, t, a, month); err != nil {
		return 0, errors.Join(err, os.Remove(name))
	}
	if err := t.Seal(ctx); err != nil {
		return 0, err
	}
	return a.Events - a.Kept, dropArchived(ctx, owner, a, table)
}

// recordArchive puts on the trail that a file is the archive of a month, signed.
func recordArchive(ctx context.Context, owner *pgxpool.Pool, t *Trail, a archive, month time.Time) error {
	signed, err := state(formArchive, a, t.Signers...)
	if err != nil {
		return err
	}
	return db.WithTx(ctx, owner, func(tx pgx.Tx) error {
		return Append(ctx, tx, portal.Event{
			At: t.Now(), Kind: portal.EventTrailArchived, Actor: self, Target: portal.EventTarget{Kind: portal.TargetTrail, ID: t.Origin()},
			Summary: fmt.Sprintf("%d events of %s were archived", a.Events, month.Format("January 2006")),
			Data:    map[string]any{"events": a.Events, "sha256": a.SHA256, statementKey: signed},
		})
	})
}

// dropArchived removes the partition, unless somebody has put an event into it since
// it was archived. It is counted exactly, under a lock: what is dropped is gone.
func dropArchived(ctx context.Context, owner *pgxpool.Pool, a archive, table string) error {
	return db.WithTx(ctx, owner, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE `+table+` IN ACCESS EXCLUSIVE MODE`); err != nil {
			return err
		}
		there, err := db.One(ctx, tx, pgx.RowTo[int64], `SELECT count(*) FROM `+table)
		if err != nil {
			return err
		}
		if there != a.Events {
			return fmt.Errorf("the database has %d events of this month now, and the file %d: nothing was removed", there, a.Events)
		}
		// What is kept goes on as it is, past the trigger that would
		// have it recorded now.
		_, err = tx.Exec(ctx, `ALTER TABLE events DETACH PARTITION `+table)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `ALTER TABLE events_other DISABLE TRIGGER events_are_stamped`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO events_other SELECT * FROM `+table+` WHERE kind = ANY (@kinds)`, pgx.NamedArgs{"kinds": keptKinds}); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `ALTER TABLE events_other ENABLE TRIGGER events_are_stamped; DROP TABLE `+table)
		return err
	})
}

// checkArchive makes sure that the file has all that is about to be removed, before
// it is, and notes which numbers these are, the checkpoint that they are under, and how many stay.
func checkArchive(ctx context.Context, owner *pgxpool.Pool, t *Trail, a *archive, name, table string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	report, err := VerifyBundle(io.TeeReader(f, sum), t.publicKeys())
	if err != nil {
		return err
	}
	var there int64
	err = owner.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE kind = ANY (@kinds)) FROM `+table, pgx.NamedArgs{"kinds": keptKinds}).Scan(&there, &a.Kept)
	switch {
	case err != nil:
		return err
	case !report.OK():
		return fmt.Errorf("%w: %s: %s", ErrTampered, report.Faults[0].Where, report.Faults[0].What)
	case hex.EncodeToString(sum.Sum(nil)) != a.SHA256 || report.Events != a.Events || there != a.Events:
		return fmt.Errorf("the file has %d events, and the database %d: nothing was removed", report.Events, there)
	}
	a.First, a.Last, a.Checkpoint = report.First, report.Last, report.Checkpoint
	return nil
}

package audit

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
)

// Next returns the events with the numbers from one on, as far as they are under a
// checkpoint and without those whose month was archived, and from which number to go on.
// There are no more than count, and of details little more than so many bytes. It returns
// an error that wraps ErrTampered unless they are all that there are, as they were
// signed: who reads on would never see again what is missing or another for a moment.
// Who may call it is as with Search.
func (t *Trail) Next(ctx context.Context, from int64, count, bytes int) (list []Entry, next int64, err error) {
	next = from
	err = pgx.BeginTxFunc(ctx, t.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		stored, err := newestCheckpoint(ctx, tx)
		if err != nil {
			return err
		}
		c, err := t.opened(stored)
		to := min(from+int64(count), c.Size)
		if err != nil || to <= from {
			return err
		}
		list, err = entries(ctx, tx, `l.number >= @from AND l.number < @to`, numberOrder, pgx.StrictNamedArgs{"from": from, "to": to, "most": bytes})
		if err != nil {
			return err
		}
		if next = to; len(list) > 0 {
			next = list[len(list)-1].Number + 1
		}
		return t.checkSigned(ctx, tx, c, list, from, next)
	})
	if err != nil {
		return nil, from, db.Wrap(err)
	}
	return list, next, nil
}

// checkSigned makes sure that a list has all events with the numbers from one up to
// another, as a checkpoint has them, but for those that were archived.
func (t *Trail) checkSigned(ctx context.Context, tx pgx.Tx, c Checkpoint, list []Entry, from, to int64) error {
	hashes := newTree(ctx, tx)
	for len(list) > 0 {
		first, run := list[0].Number, 1
		for run < len(list) && list[run].Number == first+int64(run) {
			run++
		}
		if err := t.checkArchived(ctx, tx, from, first); err != nil {
			return err
		}
		edge, err := hashes.edge(first)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTampered, err)
		}
		from, list = first+int64(run), list[run:]
		if err := growBy(ctx, tx, &edge, from, func(int64, []byte, [][]byte) error { return nil }); err != nil {
			return err
		}
		proof, err := tlog.ProveTree(c.Size, from, hashes)
		if err == nil {
			err = tlog.CheckTree(proof, c.Size, c.Root, from, edge.root())
		}
		if err != nil {
			return fmt.Errorf("%w: the events from %d to %d are not those that were signed: %w", ErrTampered, first, from-1, err)
		}
	}
	return t.checkArchived(ctx, tx, from, to)
}

// checkArchived makes sure that the events with the numbers from one up to another, which
// are not there, may have been archived.
func (t *Trail) checkArchived(ctx context.Context, tx pgx.Tx, from, to int64) error {
	if from >= to {
		return nil
	}
	newest, err := db.One(ctx, tx, pgx.RowTo[*uuid.UUID], `SELECT max(event_id::text COLLATE "C")::uuid FROM event_log WHERE number >= @from AND number < @to`,
		pgx.StrictNamedArgs{"from": from, "to": to})
	if err != nil {
		return err
	}
	if newest == nil || t.Now().Sub(timeOfID(*newest)) < ArchiveBefore {
		return fmt.Errorf("%w: there are events with the numbers from %d to %d that are not there", ErrTampered, from, to-1)
	}
	return nil
}

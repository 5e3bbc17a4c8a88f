package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Intent is what this process has written on the trail of what it is about to send to
// DigitalOcean.
type Intent struct {
	id   uuid.UUID
	hash tlog.Hash
}

type intentKey struct{}

// WithIntent returns a context in which Append notes the intent that it records, for
// SealIntent. The executor calls it for the transaction of one intent.
func WithIntent(ctx context.Context) (context.Context, *Intent) {
	intent := &Intent{}
	return context.WithValue(ctx, intentKey{}, intent), intent
}

// noteIntent works out the hash of an intent by what was meant to be written, and not
// by what the database has made of it. All that this says is when it was recorded.
func noteIntent(ctx context.Context, tx pgx.Tx, kind portal.EventKind, args pgx.StrictNamedArgs, recorded time.Time) error {
	intent, wanted := ctx.Value(intentKey{}).(*Intent)
	if !wanted || kind != portal.EventIntent {
		return nil
	}
	values := make([][]byte, len(columns))
	for i, c := range columns {
		value := args[c.name]
		if i == columnRecordedAt {
			value = recorded
		}
		var err error
		switch is := value.(type) {
		case []string:
			if len(is) == 0 {
				continue // nothing, however that is written
			}
		case string:
			if c.shape == shapeUUID && is == "" {
				continue
			} else if c.shape == shapeUUID {
				value, err = uuid.Parse(is)
			}
		}
		if err == nil {
			values[i], err = tx.Conn().TypeMap().Encode(c.shape.oid(), pgx.BinaryFormatCode, value, nil)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	line, err := appendRecord(nil, values)
	intent.id, intent.hash = uuid.UUID(values[columnID]), tlog.RecordHash(line)
	return err
}

// SealIntent is Seal for what is about to be sent to DigitalOcean. It makes sure,
// besides, that its intent, as this process has written it, is a leaf of the tree that
// the checkpoint is of: whoever owns the database can have it swallow events, or change
// them. It returns an error that wraps ErrTampered when it is not.
func (t *Trail) SealIntent(ctx context.Context, intent *Intent) error {
	c, err := t.seal(ctx)
	if err != nil {
		return err
	}
	numbers, err := db.All(ctx, t.Pool, pgx.RowTo[int64], `SELECT number FROM event_log WHERE event_id = @id AND number >= 0 AND number < @size`,
		pgx.StrictNamedArgs{"id": intent.id, "size": c.Size})
	if err != nil {
		return err
	}
	for _, number := range numbers { // wherever the database says that it is, the proof has to lead to the root
		proof, err := tlog.ProveRecord(c.Size, number, newTree(ctx, t.Pool))
		if err != nil && !errors.Is(err, errMissing) {
			return err
		}
		if err == nil && tlog.CheckRecord(proof, c.Size, c.Root, number, intent.hash) == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: it has not kept the intent of what is about to be sent", ErrTampered)
}

// Seal returns once everything that is committed is under a checkpoint, and that is
// anchored where anchors are configured. Callers make no change outside the
// database before it has returned without an error.
func (t *Trail) Seal(ctx context.Context) error {
	_, err := t.seal(ctx)
	return err
}

func (t *Trail) seal(ctx context.Context) (Checkpoint, error) {
	c, err := t.Checkpoint(ctx)
	if err != nil {
		return c, err
	}
	if err = t.anchor(ctx, c); err == nil {
		return c, nil
	}
	// An anchor that has a newer one of another replica meanwhile takes no older one.
	newer, failed := t.Checkpoint(ctx)
	if failed != nil || newer.Size == c.Size {
		return c, errors.Join(err, failed)
	}
	return newer, t.anchor(ctx, newer)
}

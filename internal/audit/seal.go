package audit

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/portal"
)

// SealIntent is Seal for what is about to be sent to DigitalOcean. It makes sure,
// besides, that the intent of this attempt of a request is under the checkpoint:
// whoever owns the database can have it swallow events. It returns an error that
// wraps ErrTampered when it is not.
func (t *Trail) SealIntent(ctx context.Context, requestID string, attempt int) error {
	c, err := t.seal(ctx)
	if err != nil {
		return err
	}
	formats := append(pgx.QueryResultFormats{pgx.BinaryFormatCode}, recordFormats...)
	rows, err := t.Pool.Query(ctx, `SELECT l.hash, `+recordColumns+` FROM events e JOIN event_log l ON l.event_id = e.id
		WHERE e.request_id = @request AND e.kind = @kind AND e.data ->> 'attempt' = @attempt::bigint::text AND l.number < @size`,
		formats, pgx.StrictNamedArgs{"request": requestID, "kind": portal.EventIntent, "attempt": attempt, "size": c.Size})
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		values := rows.RawValues()
		if line, err := appendRecord(nil, values[1:]); err == nil && tlog.RecordHash(line) == hashOf(values[0]) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return err
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

package audit

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
func noteIntent(ctx context.Context, tx pgx.Tx, kind portal.EventKind, values [][]byte, recorded time.Time) error {
	intent, wanted := ctx.Value(intentKey{}).(*Intent)
	if !wanted || kind != portal.EventIntent {
		return nil
	}
	var err error
	if values[columnRecordedAt], err = tx.Conn().TypeMap().Encode(shapeTime.oid(), pgx.BinaryFormatCode, recorded, nil); err != nil {
		return err
	}
	line, err := appendRecord(nil, values)
	intent.id, intent.hash = uuid.UUID(values[columnID]), tlog.RecordHash(line)
	return err
}

// SealIntent is Seal for what is about to be sent to DigitalOcean. It makes sure,
// besides, that its intent, as this process has written it, is a leaf of the tree that
// the checkpoint is of, and so are the grounds on which it is sent: whoever owns the
// database can have it swallow events, change them, or make up who agreed. It returns an
// error that wraps ErrTampered when they are not.
func (t *Trail) SealIntent(ctx context.Context, intent *Intent, grounds ...Ground) error {
	c, err := t.seal(ctx)
	if err != nil {
		return err
	}
	hashes := newTree(ctx, t.Pool)
	numbers, err := db.All(ctx, t.Pool, pgx.RowTo[int64], `SELECT number FROM event_log WHERE event_id = @id AND number >= 0 AND number < @size`,
		pgx.StrictNamedArgs{"id": intent.id, "size": c.Size})
	if err != nil {
		return err
	}
	kept := false
	for _, number := range numbers { // wherever the database says that it is, the proof has to lead to the root
		if kept, err = isLeaf(hashes, c, number, intent.hash); kept || err != nil {
			break
		}
	}
	if err == nil && !kept {
		err = fmt.Errorf("%w: it has not kept the intent of what is about to be sent", ErrTampered)
	}
	for _, g := range grounds {
		if err == nil {
			err = t.checkGround(ctx, hashes, c, g)
		}
	}
	return err
}

// isLeaf reports whether a hash is the leaf at a number of the tree that a checkpoint is
// of.
func isLeaf(hashes tree, c Checkpoint, number int64, hash tlog.Hash) (bool, error) {
	proof, err := tlog.ProveRecord(c.Size, number, hashes)
	switch {
	case errors.Is(err, errMissing):
		return false, nil
	case err != nil:
		return false, err
	}
	return tlog.CheckRecord(proof, c.Size, c.Root, number, hash) == nil, nil
}

// Ground is an event on which something is sent: a plan that was asked for, or that
// somebody agreed to.
type Ground struct {
	Kinds     []portal.EventKind // one of these
	RequestID string
	Digest    string          // of the plan
	By        portal.Identity // zero: whoever said so
}

// checkGround makes sure that a ground was given: that an event which says so is a leaf of
// the signed tree.
func (t *Trail) checkGround(ctx context.Context, hashes tree, c Checkpoint, g Ground) error {
	rows, err := t.Pool.Query(ctx, `SELECT l.number, `+recordColumns+` FROM events e JOIN event_log l ON l.event_id = e.id
		WHERE e.request_id = @request AND e.kind = ANY(@kinds) AND l.number < @size ORDER BY e.id DESC`,
		append(pgx.QueryResultFormats{pgx.BinaryFormatCode}, recordFormats...), pgx.StrictNamedArgs{"request": g.RequestID, "kinds": g.Kinds, "size": c.Size})
	if err != nil {
		return db.Wrap(err)
	}
	type candidate struct {
		number int64
		hash   tlog.Hash
	}
	var list []candidate
	for rows.Next() {
		values := rows.RawValues()
		line, err := appendRecord(nil, values[1:])
		if err == nil && g.saidBy(values[1:]) {
			list = append(list, candidate{numberOf(values[0]), tlog.RecordHash(line)})
		}
	}
	if err := rows.Err(); err != nil {
		return db.Wrap(err)
	}
	for _, e := range list {
		if kept, err := isLeaf(hashes, c, e.number, e.hash); kept || err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: nothing signed has a %s of request %s as it is planned, by %s", ErrTampered, g.Kinds[0], g.RequestID, cmp.Or(g.By.Subject, "anybody"))
}

// saidBy reports whether an event is the ground, by what was received of it.
func (g Ground) saidBy(record [][]byte) bool {
	var says struct{ Digest string }
	request, err := uuid.Parse(g.RequestID)
	return err == nil && json.Unmarshal(record[columnData], &says) == nil && says.Digest == g.Digest &&
		bytes.Equal(record[columnRequestID], request[:]) && slices.Contains(g.Kinds, portal.EventKind(record[columnKind])) &&
		(g.By.IsZero() || string(record[columnIssuer]) == g.By.Issuer && string(record[columnSubject]) == g.By.Subject)
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

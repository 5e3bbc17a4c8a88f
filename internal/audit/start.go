package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit/anchor"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// beforeFirst are the kinds of event that there may be for long before the portal has
// signed anything: what commands and starts leave.
var beforeFirst = []portal.EventKind{portal.EventMigrated, portal.EventReplicaStarted, portal.EventReplicaStopped, portal.EventPolicyInForce}

// A database that somebody has changed while the portal was not running would be made
// good by the next signature. So a process looks, before its first one, at what it
// can: the trail has to have the newest checkpoint of each anchor that can be read,
// and checkpoints at all, if there are events that had to be under one.

// readBack reads the anchors.
func (t *Trail) readBack(ctx context.Context) error {
	if t.looked {
		return nil
	}
	for _, r := range t.Asked {
		c, err := t.newestOf(ctx, r)
		if err != nil {
			return fmt.Errorf("look what %s has, before anything is signed: %w", r, err)
		}
		if c.Size > t.last.Size {
			t.last = c // which the tree is held against
		}
	}
	return nil
}

// checkFirst looks for events that had to be under a checkpoint when there is none.
func (t *Trail) checkFirst(ctx context.Context, tx pgx.Tx, stored storedCheckpoint) error {
	if t.looked || stored.Size > 0 {
		return nil
	}
	old, err := db.One(ctx, tx, pgx.RowTo[bool], `SELECT EXISTS (SELECT FROM events
		WHERE recorded_at < clock_timestamp() - @old::interval AND kind <> ALL (@kinds))`, pgx.StrictNamedArgs{"old": unsignedFor, "kinds": beforeFirst})
	if err == nil && old {
		err = fmt.Errorf("%w: it has no checkpoint at all, and events that are older than %s", ErrTampered, unsignedFor)
	}
	return err
}

// newestOf is the newest checkpoint that an anchor has; the zero Checkpoint if it has
// none yet, or does not let the portal read. It returns an error that wraps ErrTampered
// when the newest is none of this trail: it would hide those before it.
func (t *Trail) newestOf(ctx context.Context, r anchor.Reader) (newest Checkpoint, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	other := false
	for text, err := range r.Newest(ctx) {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return newest, nil
		case errors.Is(err, fs.ErrPermission):
			t.Logger.Warn("an anchor of the audit trail cannot be read back", "anchor", r.String(), "error", err)
			return newest, nil
		case err != nil:
			return newest, err
		}
		c, err := openCheckpoint(text, t.known)
		switch {
		case err != nil || c.Origin != t.Origin():
			other = true
		case c.Size > newest.Size:
			newest = c
		}
	}
	if other && newest.Size == 0 {
		return newest, fmt.Errorf("%w: the newest that it has is no checkpoint of this trail; find out who put it there, or name another anchor", ErrTampered)
	}
	return newest, nil
}

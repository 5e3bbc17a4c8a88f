package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// ownEvent is what the trail says of itself.
type ownEvent struct {
	Number   int64
	Kind     portal.EventKind
	Recorded []byte
	Data     []byte
}

// ownKinds are the kinds of event by which the trail is verified. They are never
// archived.
var ownKinds = []portal.EventKind{portal.EventTrailKey, portal.EventTrailArchived, portal.EventTrailTold}

// ownEvents are those of some kinds. The number of one that has none is negative.
func ownEvents(ctx context.Context, q db.Querier, kinds ...portal.EventKind) ([]ownEvent, error) {
	return db.All(ctx, q, pgx.RowToStructByName[ownEvent], `
		SELECT coalesce(l.number, -1) AS number, e.kind, timestamptz_send(e.recorded_at) AS recorded, convert_to(e.data::text, 'UTF8') AS data
		FROM events e LEFT JOIN event_log l ON l.event_id = e.id WHERE e.kind = ANY (@kinds)`, pgx.NamedArgs{"kinds": kinds})
}

// rotations are those that both keys have signed.
func rotations(ctx context.Context, q db.Querier) ([]rotation, error) {
	list, err := ownEvents(ctx, q, portal.EventTrailKey)
	var proven []rotation
	for _, e := range list {
		if r, ok := readRotation(e.Data); ok {
			proven = append(proven, r)
		}
	}
	return proven, err
}

// prepare reads what the trail says of itself, as far as it is signed.
func (v *verifier) prepare(ctx context.Context, tx pgx.Tx) error {
	rotations, err := rotations(ctx, tx)
	if err != nil {
		return err
	}
	if v.keys, err = newKeyring(v.Keys, rotations); err != nil {
		return err
	}
	list, err := ownEvents(ctx, tx, ownKinds...)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Number >= 0 {
			v.believe(e)
		}
	}
	queued, err := db.All(ctx, tx, pgx.RowTo[[16]byte], `SELECT event_id FROM event_queue`)
	if err != nil {
		return err
	}
	v.queued = make(map[[16]byte]bool, len(queued))
	for _, id := range queued {
		v.queued[id] = true
	}
	var count, size int64
	err = tx.QueryRow(ctx, `SELECT count(*), coalesce(max(number) + 1, 0) FROM event_log`).Scan(&count, &size)
	v.recorded = make([]int64, min(size, 2*count+mostGap))
	return err
}

// believe takes an event's word if it is signed.
func (v *verifier) believe(e ownEvent) {
	var err error
	switch e.Kind {
	case portal.EventTrailKey:
		if _, ok := readRotation(e.Data); !ok {
			err = errStatement
		}
	case portal.EventTrailArchived:
		var a *provenArchive
		if a, err = v.proveArchive(e); err == nil {
			v.archives = append(v.archives, a)
		}
	default:
		var t told
		if _, err = openStatement(e.Data, formTold, &t, v.keys.all()...); err == nil && t.Last < e.Number {
			v.told = append(v.told, t)
		}
	}
	if err != nil {
		v.fault(e.Number, fmt.Sprintf("event %d", e.Number), "It says something of the trail itself that its key has not signed (%s): somebody else has put it in, and it is not believed.", err)
	}
}

// readCheckpoints checks the signatures of all checkpoints and collects what they
// say. The newest has to be of a key that is trusted.
func (v *verifier) readCheckpoints(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT size, note FROM checkpoints ORDER BY size`)
	if err != nil {
		return err
	}
	var c storedCheckpoint
	var old string // the newest, if only a key of before has signed it
	_, err = pgx.ForEachRow(rows, []any{&c.Size, &c.Note}, func() error {
		v.Checkpoints++
		where := fmt.Sprintf("checkpoint of %d events", c.Size)
		opened, trusted, err := v.keys.open(c.Note)
		switch {
		case err != nil:
			v.fault(-1, where, "It was not signed by a key of the portal, or was changed afterwards (%s).", err)
			return nil
		case opened.Size != c.Size:
			v.fault(-1, where, "What was signed is of %d events: the checkpoint was moved.", opened.Size)
		case opened.Origin != v.origin():
			v.fault(-1, where, "It is of another trail, %s.", opened.Origin)
		}
		if old = ""; !trusted {
			old = where
		} else {
			v.Covered, v.Newest = opened.Size, c.Note
		}
		v.statements = append(v.statements, statement{size: opened.Size, root: opened.Root, where: where})
		return nil
	})
	if err == nil && old != "" {
		v.fault(-1, old, "Only a key that was replaced has signed it, and no later one: whoever has that key has written it.")
	}
	return err
}

// origin names the trail.
func (v *verifier) origin() string { return v.keys.trusted[0].Name() }

func (v *verifier) readAnchors(ctx context.Context, _ pgx.Tx) error {
	for _, a := range v.Anchors {
		r, err := v.readAnchor(ctx, a)
		if err != nil {
			return err
		}
		v.Anchored = append(v.Anchored, r)
	}
	slices.SortStableFunc(v.statements, func(a, b statement) int { return cmp.Compare(a.size, b.size) })
	return nil
}

func (v *verifier) readAnchor(ctx context.Context, a AnchorNotes) (AnchorReport, error) {
	r := AnchorReport{Name: a.Name}
	for text, err := range a.Notes {
		if err != nil {
			return r, fmt.Errorf("read %s: %w", a.Name, err)
		}
		r.Checkpoints++
		c, _, err := v.keys.open(text)
		if err != nil {
			v.fault(-1, a.Name, "It has a checkpoint that no key of the portal has signed (%s).", err)
			continue
		}
		where := fmt.Sprintf("checkpoint of %d events in %s", c.Size, a.Name)
		if c.Origin != v.origin() {
			v.fault(-1, where, "It is of another trail, %s.", c.Origin)
			continue
		}
		r.Size = max(r.Size, c.Size)
		if since, err := v.madeSince(ctx, c); err != nil || since {
			if err != nil {
				return r, err
			}
			continue
		}
		v.statements = append(v.statements, statement{c.Size, c.Root, a.Name, where})
	}
	if r.Checkpoints == 0 {
		v.fault(-1, a.Name, "It has no checkpoint, so it proves nothing: it was emptied, or it is another place than the portal's.")
	}
	return r, nil
}

// madeSince reports whether a checkpoint of an anchor is newer than the state of the
// database that is verified: the portal goes on while anchors are read.
func (v *verifier) madeSince(ctx context.Context, c Checkpoint) (bool, error) {
	if c.Size <= int64(len(v.recorded)) {
		return false, nil
	}
	return db.One(ctx, v.pool, pgx.RowTo[bool], `SELECT EXISTS (SELECT FROM checkpoints WHERE size = @size AND note = @note)
		AND EXISTS (SELECT FROM event_log WHERE number = @size - 1)`, pgx.StrictNamedArgs{"size": c.Size, "note": c.Note})
}

// statement is what a checkpoint says.
type statement struct {
	size  int64
	root  tlog.Hash
	place string // that keeps it; empty: the database
	where string
}

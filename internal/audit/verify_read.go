package audit

import (
	"cmp"
	"context"
	"errors"
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
	Hash     tlog.Hash // of all of it
}

// ownKinds are the kinds of event by which the trail is verified. They are never
// archived.
var ownKinds = []portal.EventKind{portal.EventTrailKey, portal.EventTrailArchived, portal.EventTrailTold}

// keptKinds are the kinds of event that are not archived with their month: besides ownKinds
// those without which what somebody has signed or reviewed would count as made up.
var keptKinds = append([]portal.EventKind{portal.EventBreakGlass, portal.EventBreakGlassReviewed, portal.EventDailyReview, portal.EventReconciled, portal.EventAccessReviewed}, ownKinds...)

// ownEvents are those of some kinds. The number of one that has none is negative.
func ownEvents(ctx context.Context, q db.Querier, kinds ...portal.EventKind) ([]ownEvent, error) {
	formats := append(pgx.QueryResultFormats{pgx.BinaryFormatCode}, recordFormats...)
	return db.All(ctx, q, readOwn, `SELECT coalesce(l.number, -1), `+recordColumns+`
		FROM events e LEFT JOIN event_log l ON l.event_id = e.id WHERE e.kind = ANY (@kinds)`, formats, pgx.StrictNamedArgs{"kinds": kinds})
}

func readOwn(row pgx.CollectableRow) (ownEvent, error) {
	values := row.RawValues()
	number, record := values[0], values[1:]
	line, err := appendRecord(nil, record)
	if err != nil || len(number) != 8 || len(record[columnRecordedAt]) != 8 {
		return ownEvent{}, errors.Join(errForm, err)
	}
	return ownEvent{Number: numberOf(number), Kind: portal.EventKind(record[columnKind]), Recorded: slices.Clone(record[columnRecordedAt]),
		Data: slices.Clone(record[columnData]), Hash: tlog.RecordHash(line)}, nil
}

// rotations are those that both keys have signed.
func rotations(ctx context.Context, q db.Querier) ([]keyChange, error) {
	list, err := ownEvents(ctx, q, portal.EventTrailKey)
	return keyChanges(list), err
}

func keyChanges(list []ownEvent) (proven []keyChange) {
	for _, e := range list {
		if r, ok := readRotation(e.Data); ok && e.Kind == portal.EventTrailKey {
			proven = append(proven, keyChange{r, e.Number})
		}
	}
	return proven
}

// prepare reads what the trail says of itself, as far as it is signed.
func (v *verifier) prepare(ctx context.Context, tx pgx.Tx) error {
	list, err := ownEvents(ctx, tx, ownKinds...) // once, or they could be others the second time
	if err != nil {
		return err
	}
	if v.keys, err = newKeyring(v.Keys, keyChanges(list)); err != nil {
		return err
	}
	v.own = map[int64]tlog.Hash{}
	for _, e := range list {
		if e.Number >= 0 {
			v.own[e.Number] = e.Hash
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
	if err != nil {
		return err
	}
	size = max(0, min(size, 2*count+mostGap))
	v.recorded, v.requests, v.bond = make([]int64, size), make([]uint64, size), newBond(size)
	return nil
}

// believe takes an event's word if it is signed.
func (v *verifier) believe(e ownEvent) {
	var err error
	switch e.Kind {
	case portal.EventTrailKey:
		if r, ok := readRotation(e.Data); !ok || !v.keys.vouches(verifierOf(r.Key), e.Number) {
			err = errStatement
		}
	case portal.EventTrailArchived:
		var a *provenArchive
		if a, err = v.proveArchive(e); err == nil {
			v.archives = append(v.archives, a)
		}
	default:
		var t told
		if t, err = v.keys.told(e); err == nil {
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
	var old Checkpoint // the newest that only a key of before has signed
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
		switch {
		case trusted && opened.Size > v.Covered:
			v.Covered, v.Newest = opened.Size, c.Note
		case !trusted && opened.Size > old.Size:
			old = opened
		}
		v.statements = append(v.statements, statement{size: opened.Size, root: opened.Root, where: where})
		return nil
	})
	if err == nil && old.Size > v.Covered {
		v.fault(-1, fmt.Sprintf("checkpoint of %d events", old.Size), "Only a key that was replaced has signed it, and no later one: whoever has that key has written it.")
	}
	return err
}

// origin names the trail.
func (v *verifier) origin() string { return v.keys.origin() }

// anchorNote is a checkpoint as an anchor has it, by its place among the anchors.
type anchorNote struct {
	anchor int
	text   string
}

// readAnchors reads what the anchors have, before anything is read of the database: a
// checkpoint is committed before it is anchored, so that the state of the database
// that is verified has all of them. By which keys they are signed, that one tells.
func (v *verifier) readAnchors() error {
	for i, a := range v.Anchors {
		for text, err := range a.Notes {
			if err != nil {
				return fmt.Errorf("read %s: %w", a.Name, err)
			}
			v.notes = append(v.notes, anchorNote{i, text})
		}
		v.Anchored = append(v.Anchored, AnchorReport{Name: a.Name})
	}
	return nil
}

// openAnchors collects what the checkpoints of the anchors say.
func (v *verifier) openAnchors() {
	for _, n := range v.notes {
		v.openAnchored(&v.Anchored[n.anchor], n.text)
	}
	v.notes = nil
	for _, r := range v.Anchored {
		if r.Checkpoints == 0 {
			v.fault(-1, r.Name, "It has no checkpoint, so it proves nothing: it was emptied, or it is another place than the portal's.")
		}
	}
	slices.SortStableFunc(v.statements, func(a, b statement) int { return cmp.Compare(a.size, b.size) })
}

func (v *verifier) openAnchored(r *AnchorReport, text string) {
	r.Checkpoints++
	c, _, err := v.keys.open(text)
	if err != nil {
		v.fault(-1, r.Name, "It has a checkpoint that no key of the portal has signed (%s).", err)
		return
	}
	where := fmt.Sprintf("checkpoint of %d events in %s", c.Size, r.Name)
	if c.Origin != v.origin() {
		v.fault(-1, where, "It is of another trail, %s.", c.Origin)
		return
	}
	r.Size = max(r.Size, c.Size)
	v.statements = append(v.statements, statement{c.Size, c.Root, r.Name, where})
}

// statement is what a checkpoint says.
type statement struct {
	size  int64
	root  tlog.Hash
	place string // that keeps it; empty: the database
	where string
}

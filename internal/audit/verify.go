package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// mostFaults is how many faults a report lists.
const mostFaults = 10_000

// VerifyOptions say what a trail is held against.
type VerifyOptions struct {
	Keys    []string // public, of which one has signed the first checkpoints; later ones follow from the trail
	Anchors []AnchorNotes
}

// AnchorNotes are the checkpoints that an anchor has kept.
type AnchorNotes struct {
	Name  string
	Notes iter.Seq2[string, error]
}

// Fault is something wrong with a trail.
type Fault struct {
	Number int64  // of the event; negative where it is about none
	Where  string // "event 12 (018f…)", "checkpoint of 40 events"
	What   string // what is wrong and what that means
}

// Report is what came of verifying a trail.
type Report struct {
	Events      int64 // that have numbers
	Waiting     int64 // that have none yet
	Archived    int64 // that were archived and removed; their hashes are in the tree
	Checkpoints int
	Anchored    int // checkpoints of anchors
	Covered     int64
	Newest      string // the newest checkpoint of the database, as signed
	Faults      []Fault
	More        int // faults that are not listed
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool { return len(r.Faults) == 0 }

// Verify recomputes a trail from the database, by its events alone, and holds it
// against every checkpoint of the database and of the anchors. It reads one state
// of the database, however long that takes, and changes nothing. An error says that
// it could not look; what it found wrong is in the report.
func Verify(ctx context.Context, pool *pgxpool.Pool, o VerifyOptions) (Report, error) {
	v := verifier{}
	err := snapshots(ctx, pool, func(one, other pgx.Tx) error { return v.run(ctx, one, other, o) })
	slices.SortStableFunc(v.Faults, func(a, b Fault) int { return cmp.Compare(a.Number, b.Number) })
	return v.Report, err
}

// snapshots calls fn with two transactions that see the same state of the database,
// for two queries at once.
func snapshots(ctx context.Context, pool *pgxpool.Pool, fn func(one, other pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return db.Wrap(pgx.BeginTxFunc(ctx, pool, options, func(one pgx.Tx) error {
		var snapshot string
		if err := one.QueryRow(ctx, `SELECT pg_export_snapshot()`).Scan(&snapshot); err != nil {
			return err
		}
		return pgx.BeginTxFunc(ctx, pool, options, func(other pgx.Tx) error {
			if _, err := other.Exec(ctx, `SET TRANSACTION SNAPSHOT '`+snapshot+`'`); err != nil {
				return err
			}
			for _, tx := range []pgx.Tx{one, other} {
				// Reading all takes longer than any other statement, and goes by the
				// indexes: sorting millions of rows would fill the disk.
				if _, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
					SET LOCAL enable_hashjoin = off; SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL jit = off`); err != nil {
					return err
				}
			}
			return fn(one, other)
		})
	}))
}

// verifier is a trail that is being verified.
type verifier struct {
	Report
	statements []statement
	rotations  []rotation
	archives   []archive
	queued     map[[16]byte]bool
	differs    map[string]bool // places of which a checkpoint differs
	recorded   []int32         // when each event was recorded, in seconds; 0: not known
}

// statement is what a checkpoint says.
type statement struct {
	size  int64
	root  tlog.Hash
	place string // that keeps it; empty: the database
	where string
}

// rotation is an event that says which key signs from then on.
type rotation struct {
	number int64
	Key    string `json:"key"`
	Before string `json:"before"`
}

// archive is what an event says of the events that were archived: those whose ids
// are from one on and below another, as UUIDs are ordered.
type archive struct {
	From   uuid.UUID `json:"from"`
	To     uuid.UUID `json:"to"`
	Events int64     `json:"events"`
	SHA256 string    `json:"sha256"` // of the bundle
}

func (v *verifier) fault(number int64, where, what string, args ...any) {
	if len(v.Faults) == mostFaults {
		v.More++
		return
	}
	v.Faults = append(v.Faults, Fault{Number: number, Where: where, What: fmt.Sprintf(what, args...)})
}

func (v *verifier) run(ctx context.Context, one, other pgx.Tx, o VerifyOptions) error {
	if err := v.prepare(ctx, one); err != nil {
		return err
	}
	if err := v.readCheckpoints(ctx, one, o); err != nil {
		return err
	}
	leaves := verifier{statements: v.statements, differs: map[string]bool{}}
	var work errgroup.Group
	work.Go(func() error { return v.compareEvents(ctx, one) })
	work.Go(func() error { return leaves.compareTree(ctx, other) })
	err := work.Wait()
	v.Faults, v.More = append(v.Faults, leaves.Faults...), v.More+leaves.More
	v.Events = leaves.Events
	v.checkTimes()
	return err
}

// prepare reads what the trail says of itself.
func (v *verifier) prepare(ctx context.Context, tx pgx.Tx) error {
	type about struct {
		Number int64
		Kind   portal.EventKind
		Data   []byte
	}
	list, err := db.All(ctx, tx, pgx.RowToStructByName[about], `
		SELECT l.number, e.kind, e.data FROM events e JOIN event_log l ON l.event_id = e.id WHERE e.kind = ANY (@kinds) ORDER BY l.number`,
		pgx.NamedArgs{"kinds": []portal.EventKind{portal.EventTrailKey, portal.EventTrailArchived}})
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Kind == portal.EventTrailArchived {
			var a archive
			if err := json.Unmarshal(e.Data, &a); err == nil {
				v.archives = append(v.archives, a)
			}
			continue
		}
		r := rotation{number: e.Number}
		if err := json.Unmarshal(e.Data, &r); err == nil {
			v.rotations = append(v.rotations, r)
		}
	}
	queued, err := db.All(ctx, tx, pgx.RowTo[[16]byte], `SELECT event_id FROM event_queue`)
	v.queued = make(map[[16]byte]bool, len(queued))
	for _, id := range queued {
		v.queued[id] = true
	}
	return err
}

// readCheckpoints checks the signatures of all checkpoints and collects what they
// say.
func (v *verifier) readCheckpoints(ctx context.Context, tx pgx.Tx, o VerifyOptions) error {
	keys, err := newKeyring(o.Keys, v.rotations)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT size, note FROM checkpoints ORDER BY size`)
	if err != nil {
		return err
	}
	var c storedCheckpoint
	origin := ""
	_, err = pgx.ForEachRow(rows, []any{&c.Size, &c.Note}, func() error {
		v.Checkpoints++
		where := fmt.Sprintf("checkpoint of %d events", c.Size)
		opened, err := keys.open(c.Note)
		switch {
		case err != nil:
			v.fault(-1, where, "It was not signed by a key of the portal, or was changed afterwards (%s).", err)
			return nil
		case opened.Size != c.Size:
			v.fault(-1, where, "What was signed is of %d events: the checkpoint was moved.", opened.Size)
		case origin != "" && opened.Origin != origin:
			v.fault(-1, where, "It is of another trail, %s.", opened.Origin)
		}
		origin, v.Covered, v.Newest = opened.Origin, opened.Size, c.Note
		v.statements = append(v.statements, statement{size: opened.Size, root: opened.Root, where: where})
		return nil
	})
	if err != nil {
		return err
	}
	for _, a := range o.Anchors {
		if err := v.readAnchor(a, keys, origin); err != nil {
			return err
		}
	}
	slices.SortStableFunc(v.statements, func(a, b statement) int { return cmp.Compare(a.size, b.size) })
	return nil
}

func (v *verifier) readAnchor(a AnchorNotes, keys *keyring, origin string) error {
	for text, err := range a.Notes {
		if err != nil {
			return fmt.Errorf("read %s: %w", a.Name, err)
		}
		v.Anchored++
		c, err := keys.open(text)
		if err != nil {
			v.fault(-1, a.Name, "It has a checkpoint that no key of the portal has signed (%s).", err)
			continue
		}
		where := fmt.Sprintf("checkpoint of %d events in %s", c.Size, a.Name)
		if origin != "" && c.Origin != origin {
			v.fault(-1, where, "It is of another trail, %s.", c.Origin)
			continue
		}
		v.statements = append(v.statements, statement{c.Size, c.Root, a.Name, where})
	}
	return nil
}

package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/audit/anchor"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// How often events get numbers, and those a checkpoint unless somebody waits for
// one.
const (
	sequenceEvery   = 250 * time.Millisecond
	checkpointEvery = 10 * time.Second
)

// sequenceMost is how many events get their numbers in one transaction.
const sequenceMost = 2000

// sequenceLock is the advisory lock of whoever gives numbers and signs. The number
// has no meaning.
const sequenceLock = 7363019524

// errMissing says that hashes of the tree are not there.
var errMissing = errors.New("hashes of the tree are missing")

// ErrTampered says that the database no longer has what was signed.
var ErrTampered = errors.New("the trail in the database is not the one that was signed")

// Config is what a Trail needs.
type Config struct {
	Pool *pgxpool.Pool
	// Signers sign checkpoints: the key of now, and while keys are changed the old
	// one, both of the same name.
	Signers []Signer
	Vouched bool // only events that a process has vouched for by a key of Signers are signed
	Logger  *slog.Logger
	Now     func() time.Time
	Anchors []anchor.Anchor
	Readers []anchor.Reader // that VerifyAll holds the trail against
	Asked   []anchor.Reader // whose newest checkpoint the trail has to have before this process signs
	// Tell hears of what admins and auditors must know; nil for nobody.
	Tell func(ctx context.Context, tx pgx.Tx, e portal.Event) error
}

// Trail gives events their numbers and signs checkpoints. Every replica has one;
// by a lock in the database one of them works at a time.
type Trail struct {
	Config
	known note.Verifiers

	mu     sync.Mutex
	last   Checkpoint // the newest that this process has signed or seen
	looked bool       // at what was there before this process signs

	confirming sync.Mutex
	confirmed  map[string]int64 // sizes of checkpoints, by the anchors that have confirmed them to this process
}

// New returns a trail. Run works for it.
func New(c Config) (*Trail, error) {
	if len(c.Signers) == 0 {
		return nil, errors.New("a trail needs a key")
	}
	var verifiers []note.Verifier
	for _, s := range c.Signers {
		if s.Name() != c.Signers[0].Name() {
			return nil, fmt.Errorf("the keys are of different trails: %s and %s", c.Signers[0].Name(), s.Name())
		}
		verifiers = append(verifiers, s.verifier)
	}
	return &Trail{Config: c, known: note.VerifierList(verifiers...), confirmed: map[string]int64{}}, nil
}

// publicKeys are those by which everybody can verify what this process signs.
func (t *Trail) publicKeys() (list []string) {
	for _, s := range t.Signers {
		list = append(list, s.Public)
	}
	return list
}

// Origin names the trail in its checkpoints.
func (t *Trail) Origin() string { return t.Signers[0].Name() }

// Sequence gives the events that wait, up to a number of them, their numbers. It reports
// whether more may wait. While another replica does so it returns at once.
func (t *Trail) Sequence(ctx context.Context) (more bool, err error) {
	err = db.WithTx(ctx, t.Pool, func(tx pgx.Tx) error {
		if mine, err := lockSequence(ctx, tx, false); err != nil || !mine {
			return err
		}
		more, err = numberQueued(ctx, tx)
		return err
	})
	return more, err
}

// numberQueued gives events that wait their numbers, in the order in which they wait,
// and reports whether more may wait. Callers have the lock. What is committed meanwhile
// before one of those that were read is not passed by.
func numberQueued(ctx context.Context, tx pgx.Tx) (more bool, err error) {
	size, err := logSize(ctx, tx)
	if err != nil {
		return false, err
	}
	list, err := readQueued(ctx, tx, size)
	if err != nil || len(list.ids) == 0 {
		return false, err
	}
	taken, err := db.One(ctx, tx, pgx.RowTo[int], `SELECT number_events(@ids, @hashes)`, pgx.StrictNamedArgs{"ids": list.ids, "hashes": list.hashes})
	if err != nil {
		return false, err
	}
	numbered := size
	for _, fresh := range list.fresh[:taken] {
		if fresh {
			numbered++
		}
	}
	return taken < len(list.ids) || taken == sequenceMost, storeNodes(ctx, tx, size, numbered)
}

// lockSequence takes the lock under which numbers are given. Who has it and says nothing
// any more, as a replica that was frozen, keeps all others from changing anything, so it
// loses it sooner than other transactions lose theirs.
func lockSequence(ctx context.Context, tx pgx.Tx, wait bool) (bool, error) {
	const silentFor = `, set_config('idle_in_transaction_session_timeout', '15s', true)`
	args := pgx.StrictNamedArgs{"lock": sequenceLock}
	if wait {
		_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(@lock)`+silentFor, args)
		return true, err
	}
	type got struct {
		Locked bool
		Bound  string
	}
	g, err := db.One(ctx, tx, pgx.RowToStructByPos[got], `SELECT pg_try_advisory_xact_lock(@lock)`+silentFor, args)
	return g.Locked, err
}

// queued are events that wait for a number.
type queued struct {
	ids    [][16]byte
	hashes [][]byte
	fresh  []bool // they have no number yet
}

// readQueued reads the first events that wait, with what they hash to. What has a number
// already, since the owner of the database has put it into the queue again, does not get
// another. What is in the queue was committed with its event: it returns an error that
// wraps ErrTampered for what is not there, or has a number that is none of the tree's.
func readQueued(ctx context.Context, tx pgx.Tx, size int64) (list queued, err error) {
	formats := append(slices.Repeat(pgx.QueryResultFormats{pgx.BinaryFormatCode}, 3), recordFormats...)
	rows, err := tx.Query(ctx, `
		WITH first AS MATERIALIZED (SELECT place, event_id FROM event_queue ORDER BY place LIMIT @most)
		SELECT first.event_id, l.number, l.hash, `+recordColumns+`
		FROM first LEFT JOIN event_log l ON l.event_id = first.event_id LEFT JOIN events e ON e.id = first.event_id ORDER BY first.place`, formats, pgx.StrictNamedArgs{"most": sequenceMost})
	if err != nil {
		return list, err
	}
	defer rows.Close()
	var line []byte
	for rows.Next() {
		id, number, leaf, record := rows.RawValues()[0], rows.RawValues()[1], hashOf(rows.RawValues()[2]), rows.RawValues()[3:]
		if len(id) != 16 || !bytes.Equal(id, record[columnID]) {
			return list, fmt.Errorf("%w: %x waits for a number, and there is no such event", ErrTampered, id)
		}
		if line, err = appendRecord(line[:0], record); err != nil {
			return list, err
		}
		hash := tlog.RecordHash(line)
		if number != nil {
			if n := numberOf(number); n < 0 || n >= size || hash != leaf {
				return list, fmt.Errorf("%w: the event %s has the number %d, which is not that of the tree", ErrTampered, uuidText(id), n)
			}
		}
		list.ids, list.hashes, list.fresh = append(list.ids, [16]byte(id)), append(list.hashes, hash[:]), append(list.fresh, number == nil)
	}
	return list, rows.Err()
}

// logSize is how many events have numbers.
func logSize(ctx context.Context, q db.Querier) (int64, error) {
	return db.One(ctx, q, pgx.RowTo[int64], `SELECT coalesce(max(number) + 1, 0) FROM event_log`)
}

// Checkpoint gives everything that waits its number, signs the tree, unless that was
// done already, and returns the newest checkpoint; the zero Checkpoint for a trail
// without events. It returns an error that wraps ErrTampered, and neither numbers nor
// signs, when the tree does not continue the one that was signed last.
func (t *Trail) Checkpoint(ctx context.Context) (Checkpoint, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var c Checkpoint
	if err := t.readBack(ctx); err != nil {
		return c, err
	}
	err := db.WithTx(ctx, t.Pool, func(tx pgx.Tx) error {
		if _, err := lockSequence(ctx, tx, true); err != nil {
			return err
		}
		stored, err := newestCheckpoint(ctx, tx)
		if err != nil {
			return err
		}
		if err := t.checkFirst(ctx, tx, stored); err != nil {
			return err
		}
		for more := true; more; {
			if more, err = numberQueued(ctx, tx); err != nil {
				return err
			}
		}
		size, err := logSize(ctx, tx)
		if err != nil {
			return err
		}
		hashes := newTree(ctx, tx)
		if c, err = t.continues(hashes, size, stored); err != nil || c.Size == size {
			return err
		}
		for err == nil && c.Size < size {
			c, err = t.signNext(ctx, tx, hashes, c, min(size, c.Size+signMost))
		}
		return err
	})
	if err == nil {
		t.last, t.looked = c, true
	}
	return c, err
}

// signMost is how many events one checkpoint adds, so that looking at them takes no
// longer than a statement may, however long nobody has signed.
const signMost = 100_000

// signNext signs the tree of a size, which continues one that is signed.
func (t *Trail) signNext(ctx context.Context, tx pgx.Tx, hashes tree, before Checkpoint, size int64) (Checkpoint, error) {
	hash, err := tlog.TreeHash(size, hashes)
	if err != nil {
		return before, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	if err := grown(hashes, before, size, hash); err != nil {
		return before, err
	}
	if t.last.Size <= size {
		if err := grown(hashes, t.last, size, hash); err != nil {
			return before, err
		}
	}
	switch own, err := t.rootOfEvents(ctx, tx, hashes, before, size); {
	case err != nil:
		return before, err
	case own != hash:
		return before, fmt.Errorf("%w: its hashes are not those of its events", ErrTampered)
	}
	c, err := sign(t.Origin(), size, hash, t.Signers)
	if err != nil {
		return before, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO checkpoints (size, note) VALUES (@size, @note)`, pgx.StrictNamedArgs{"size": c.Size, "note": c.Note})
	return c, err
}

// grown makes sure that a tree of which the root is about to be signed has grown out of
// what was signed before, by a proof that leads to both roots: two readings of the tree
// are not the same because one should think so.
func grown(hashes tree, before Checkpoint, size int64, root tlog.Hash) error {
	if before.Size == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(size, before.Size, hashes)
	if err == nil {
		err = tlog.CheckTree(proof, size, root, before.Size, before.Root)
	}
	if err != nil {
		return fmt.Errorf("%w: what it has now does not continue the first %d events that were signed: %w", ErrTampered, before.Size, err)
	}
	return nil
}

// continues makes sure that the tree has what was signed: the newest checkpoint of
// the database, and the newest of this process. It returns the former, opened.
func (t *Trail) continues(hashes tree, size int64, stored storedCheckpoint) (Checkpoint, error) {
	newest, err := t.opened(stored)
	if err != nil {
		return newest, err
	}
	for _, signed := range []Checkpoint{newest, t.last} {
		if signed.Size > size {
			return newest, fmt.Errorf("%w: it has %d events, of which %d were signed", ErrTampered, size, signed.Size)
		}
		if signed.Size == 0 {
			continue
		}
		hash, err := tlog.TreeHash(signed.Size, hashes)
		if err != nil {
			return newest, fmt.Errorf("%w: %w", ErrTampered, err)
		}
		if hash != signed.Root {
			return newest, fmt.Errorf("%w: its first %d events have another root than was signed", ErrTampered, signed.Size)
		}
	}
	return newest, nil
}

// opened is a checkpoint of the database, if the portal has signed it; the zero
// Checkpoint if there is none.
func (t *Trail) opened(stored storedCheckpoint) (Checkpoint, error) {
	if stored.Size == 0 {
		return Checkpoint{}, nil
	}
	c, err := openCheckpoint(stored.Note, t.known)
	if err != nil {
		return c, fmt.Errorf("%w: its newest checkpoint, of %d events, was not signed by this key: %w", ErrTampered, stored.Size, err)
	}
	if c.Size != stored.Size || c.Origin != t.Origin() {
		return c, fmt.Errorf("%w: its newest checkpoint is of another size or trail", ErrTampered)
	}
	return c, nil
}

// Begin records that a key is new, once, signed by it and by the one before, so that
// whoever trusts one of them can follow. It is called before Run.
func (t *Trail) Begin(ctx context.Context) error {
	return db.WithTx(ctx, t.Pool, func(tx pgx.Tx) error {
		if _, err := lockSequence(ctx, tx, true); err != nil {
			return err
		}
		stored, err := newestCheckpoint(ctx, tx)
		if err != nil || stored.Size == 0 {
			return err
		}
		c, err := openCheckpoint(stored.Note, t.known)
		if err != nil || slices.Contains(c.Keys, keyName(t.Signers[0])) {
			return nil // Checkpoint tells what is wrong
		}
		before := t.Signers[slices.IndexFunc(t.Signers, func(s Signer) bool { return slices.Contains(c.Keys, keyName(s)) })]
		says := rotation{Origin: t.Origin(), Key: t.Signers[0].Public, Before: before.Public}
		if known, err := rotations(ctx, tx); err != nil || slices.ContainsFunc(known, func(c keyChange) bool { return c.rotation == says }) {
			return err
		}
		signed, err := state(formRotation, says, t.Signers[0], before)
		if err != nil {
			return err
		}
		return Append(ctx, tx, portal.Event{
			At: t.Now(), Kind: portal.EventTrailKey, Actor: self, Target: portal.EventTarget{Kind: portal.TargetTrail, ID: t.Origin()},
			Summary: "Checkpoints are signed with another key from now on",
			Data:    map[string]any{"key": says.Key, "before": says.Before, statementKey: signed},
		})
	})
}

// RecordTold puts on the trail that all events under the newest checkpoint tell of
// what was before they were recorded. Who fills a new portal with what happened
// elsewhere calls it, once.
func (t *Trail) RecordTold(ctx context.Context) error {
	c, err := t.Checkpoint(ctx)
	if err != nil || c.Size == 0 {
		return err
	}
	signed, err := state(formTold, told{Origin: t.Origin(), Last: c.Size - 1}, t.Signers...)
	if err != nil {
		return err
	}
	return db.WithTx(ctx, t.Pool, func(tx pgx.Tx) error {
		return Append(ctx, tx, portal.Event{
			At: t.Now(), Kind: portal.EventTrailTold, Actor: self, Target: portal.EventTarget{Kind: portal.TargetTrail, ID: t.Origin()},
			Summary: fmt.Sprintf("The first %d events tell of what was before they were recorded", c.Size),
			Data:    map[string]any{"events": c.Size, statementKey: signed},
		})
	})
}

// self is the actor of what the trail says of itself.
var self = portal.System("audit").Person()

package audit

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"doksportal/internal/db"
)

// mostFaults is how many faults a report lists.
const mostFaults = 10_000

// unsignedFor is how long an event may wait for its number and a checkpoint, and how
// far an anchor may be behind, before that is a fault.
const unsignedFor = 10 * time.Minute

// VerifyOptions say what a trail is held against.
type VerifyOptions struct {
	Keys     []string // public; those that came after them are trusted, too
	Anchors  []AnchorNotes
	Archives []ArchiveFile
	Now      time.Time // zero: by the database's clock
}

// AnchorNotes are the checkpoints that an anchor has kept.
type AnchorNotes struct {
	Name  string
	Live  bool // it takes checkpoints still, so that it is a fault if it is behind
	Notes iter.Seq2[string, error]
}

// ArchiveFile is the bundle of a month that was archived.
type ArchiveFile struct {
	Name string
	Open func() (io.ReadCloser, error)
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
	Looked      int64 // archived events that files given have
	Told        int64 // that tell of what was long before, as a key has signed
	Checkpoints int
	Anchored    []AnchorReport
	Covered     int64
	Newest      string // the newest checkpoint of the database, as signed
	Faults      []Fault
	More        int // faults that are not listed
}

// AnchorReport is how far an anchor has the trail.
type AnchorReport struct {
	Name        string
	Checkpoints int
	Size        int64 // the largest that a key has signed
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool { return len(r.Faults) == 0 }

// AnchorCheckpoints is how many checkpoints all anchors have.
func (r Report) AnchorCheckpoints() (count int) {
	for _, a := range r.Anchored {
		count += a.Checkpoints
	}
	return count
}

// Verify recomputes a trail from the database, by its events alone, and holds it
// against every checkpoint of the database and of the anchors. It reads one state
// of the database, however long that takes, and changes nothing. An error says that
// it could not look; what it found wrong is in the report.
func Verify(ctx context.Context, pool *pgxpool.Pool, o VerifyOptions) (Report, error) {
	v := verifier{VerifyOptions: o, differs: map[string]bool{}}
	err := v.readAnchors() // first: what they have was committed before they got it
	if err == nil {
		err = snapshots(ctx, pool, readers, func(txs []pgx.Tx) error { return v.run(ctx, txs) })
	}
	if err == nil {
		err = v.checkArchives()
	}
	slices.SortStableFunc(v.Faults, func(a, b Fault) int { return cmp.Compare(a.Number, b.Number) })
	return v.Report, err
}

// readers is how many connections read a trail at once. They wait for the disk for
// much of the time.
const readers = 6

// readAtOnce is how many bytes of answers are read at once.
const readAtOnce = 256 << 10

// snapshots calls fn with transactions that see the same state of the database, count
// of them, for as many queries at once; fewer, if the pool has fewer connections. Their connections are none of the pool's, which others
// need meanwhile, and read more at once: there are gigabytes to read.
func snapshots(ctx context.Context, pool *pgxpool.Pool, count int, fn func([]pgx.Tx) error) error {
	config := pool.Config()
	config.MinConns, config.MinIdleConns = 0, 0
	config.ConnConfig.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(bufio.NewReaderSize(r, readAtOnce), w)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	count, snapshot := min(count, int(config.MaxConns)), ""
	var begin func(txs []pgx.Tx) error
	begin = func(txs []pgx.Tx) error {
		if len(txs) == count {
			return fn(txs)
		}
		options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
		return pgx.BeginTxFunc(ctx, pool, options, func(tx pgx.Tx) error {
			if err := share(ctx, tx, &snapshot); err != nil {
				return err
			}
			return begin(append(txs, tx))
		})
	}
	return db.Wrap(begin(nil))
}

// share has a transaction see what the first one sees. Reading all takes longer than
// any other statement, and goes by the indexes: sorting millions of rows would fill
// the disk.
func share(ctx context.Context, tx pgx.Tx, snapshot *string) error {
	if *snapshot == "" {
		if err := tx.QueryRow(ctx, `SELECT pg_export_snapshot()`).Scan(snapshot); err != nil {
			return err
		}
	} else if _, err := tx.Exec(ctx, `SET TRANSACTION SNAPSHOT '`+*snapshot+`'`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL search_path = pg_catalog, public, pg_temp;
		SET LOCAL enable_hashjoin = off; SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL jit = off`)
	return err
}

// verifier is a trail that is being verified. Several goroutines do so; what they
// find goes through found.
type verifier struct {
	VerifyOptions
	notes      []anchorNote
	keys       *keyring
	statements []statement
	archives   []*provenArchive
	told       []told
	queued     map[[16]byte]bool
	differs    map[string]bool // places of which a checkpoint differs
	recorded   []int64         // when each event was recorded, by its number; 0: not known; negative: it was archived, and its id is of then
	requests   []uint64        // by number, too: of which request it is, by a part of its id; 0: of none
	bond       *bond           // of the same numbers

	found sync.Mutex
	own   map[int64]tlog.Hash // of the events that were believed, by number, until they are among all others
	Report
}

func (v *verifier) fault(number int64, where, what string, args ...any) {
	v.found.Lock()
	defer v.found.Unlock()
	if len(v.Faults) == mostFaults {
		v.More++
		return
	}
	v.Faults = append(v.Faults, Fault{Number: number, Where: where, What: fmt.Sprintf(what, args...)})
}

func (v *verifier) run(ctx context.Context, txs []pgx.Tx) error {
	if v.Now.IsZero() {
		if err := txs[0].QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&v.Now); err != nil {
			return err
		}
	}
	for _, read := range []func(context.Context, pgx.Tx) error{v.checkSchema, v.prepare, v.readCheckpoints} {
		if err := read(ctx, txs[0]); err != nil {
			return err
		}
	}
	v.openAnchors()
	ranges, err := idRanges(ctx, txs[0], int64(len(v.recorded)))
	if err != nil {
		return err
	}
	tasks := make(chan func(pgx.Tx) error, len(ranges)+1)
	tasks <- func(tx pgx.Tx) error { return v.compareTree(ctx, tx) }
	for _, ids := range ranges {
		tasks <- func(tx pgx.Tx) error { return v.compareEvents(ctx, tx, ids) }
	}
	close(tasks)
	var work errgroup.Group
	for _, tx := range txs {
		work.Go(func() error {
			for task := range tasks {
				if err := task(tx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	v.checkBond()
	v.checkTimes()
	v.checkOrder()
	v.checkUnsigned()
	v.checkBehind()
	return nil
}

// checkUnsigned looks for events that nothing proves though they have been there for
// long.
func (v *verifier) checkUnsigned() {
	if v.Covered >= int64(len(v.recorded)) || v.recorded[v.Covered] <= 0 {
		return
	}
	if since := timeAt(v.recorded[v.Covered]); v.Now.Sub(since) > unsignedFor {
		v.fault(-1, fmt.Sprintf("events %d to %d", v.Covered, len(v.recorded)-1),
			"They are under no checkpoint, though the first was recorded at %s: nothing proves them. Checkpoints were removed, or the portal has not signed since.", since.Format(time.RFC3339))
	}
}

// checkBehind looks for anchors that do not get checkpoints any more.
func (v *verifier) checkBehind() {
	for i, a := range v.Anchors {
		size := v.Anchored[i].Size
		for size < v.Covered && size < int64(len(v.recorded)) && v.recorded[size] <= 0 {
			size++ // archived since
		}
		if !a.Live || size >= v.Covered || size >= int64(len(v.recorded)) || v.recorded[size] <= 0 {
			continue
		}
		if since := timeAt(v.recorded[size]); v.Now.Sub(since) > unsignedFor {
			v.fault(-1, a.Name, "Its newest checkpoint is of %d events, and the trail's of %d, though the first between them was recorded at %s: it gets no checkpoints, or some of its own were removed.",
				v.Anchored[i].Size, v.Covered, since.Format(time.RFC3339))
		}
	}
}

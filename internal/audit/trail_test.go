package audit_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/audit/anchor"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/portal"
)

// While the trail is behind nothing is changed; what ends something, or tells of
// what has happened, is recorded all the same.
func TestBehindStopsChanges(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	record := func(kind portal.EventKind) error {
		return b.tx(func(tx pgx.Tx) error {
			e := b.event("now")
			e.Kind = kind
			return audit.Append(t.Context(), tx, e)
		})
	}
	b.append(b.event("waits"))
	b.asOwner(`UPDATE event_queue SET queued_at = now() - interval '59 seconds'`)
	b.must(record(portal.EventSubmitted))
	b.asOwner(`UPDATE event_queue SET queued_at = now() - interval '61 seconds'`)
	for _, kind := range []portal.EventKind{portal.EventSubmitted, portal.EventApprovedBy, portal.EventIntent, portal.EventTeamChanged, portal.EventPolicyInForce} {
		if err := record(kind); !portal.Is(err, portal.KindUnavailable) || !strings.Contains(err.Error(), "behind") {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, kind := range []portal.EventKind{portal.EventSignIn, portal.EventOutcome, portal.EventStopped, portal.EventAccessRefused, portal.EventTrailRead} {
		if err := record(kind); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if status, err := b.trail.Status(t.Context()); err != nil || !status.Behind {
		t.Errorf("%+v, %v", status, err)
	}
	b.must(b.trail.Seal(t.Context()))
	b.must(record(portal.EventSubmitted))
	if status, err := b.trail.Status(t.Context()); err != nil || status.Behind || status.Covered != 7 || status.Public != b.key.Public {
		t.Errorf("%+v, %v", status, err)
	}
}

// place is an anchor that takes nothing while it is down.
type place struct {
	name   string
	prompt bool

	mu    sync.Mutex
	down  bool
	taken []int64
}

func (p *place) String() string { return p.name }
func (p *place) Prompt() bool   { return p.prompt }

func (p *place) Publish(_ context.Context, c anchor.Checkpoint) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return portal.E(portal.KindUnavailable, p.name+" is down")
	}
	p.taken = append(p.taken, c.Size)
	return nil
}

// A change waits until one anchor has the checkpoint that its intent is under. Mail
// is not waited for.
func TestSealWaitsForAnAnchor(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	one, two, mail := &place{name: "one", prompt: true}, &place{name: "two", prompt: true}, &place{name: "mail"}
	b.trail.Anchors = []anchor.Anchor{one, two, mail}
	b.append(b.event("first"))
	one.down = true
	b.must(b.trail.Seal(t.Context()))
	if len(two.taken) != 1 || two.taken[0] != 1 || len(mail.taken) != 0 {
		t.Errorf("%v, mail %v", two.taken, mail.taken)
	}
	two.down = true
	b.append(b.event("second"))
	if err := b.trail.Seal(t.Context()); err == nil {
		t.Error("no anchor has it, and nobody is told")
	}
	status, err := b.trail.Status(t.Context())
	b.must(err)
	if len(status.Anchors) != 3 || status.Anchors[1].Size != 1 || !strings.Contains(status.Anchors[1].Fault, "two is down") || !status.Anchors[0].At.IsZero() {
		t.Errorf("%+v", status.Anchors)
	}
	one.down = false
	b.must(b.trail.Seal(t.Context()))
	if status, err = b.trail.Status(t.Context()); err != nil || status.Anchors[0].Size != 2 || status.Anchors[0].Fault != "" {
		t.Errorf("%+v, %v", status.Anchors, err)
	}
}

// A file is an anchor as another machine would have it.
func TestFileAnchorFindsACutTail(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	address := "file://" + filepath.Join(t.TempDir(), "checkpoints")
	anchors, err := anchor.Open([]string{address}, anchor.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	b.must(err)
	b.trail.Anchors = anchors
	b.fill(10)
	b.fill(5)
	for _, sql := range []string{`DELETE FROM events WHERE id IN (SELECT event_id FROM event_log WHERE number >= 10)`,
		`DELETE FROM event_log WHERE number >= 10`, `DELETE FROM checkpoints WHERE size > 10`} {
		b.asOwner(sql)
	}
	reader, err := anchor.OpenReader(address, anchor.Options{Now: time.Now})
	b.must(err)
	r, err := audit.Verify(t.Context(), b.pool, audit.VerifyOptions{Keys: []string{b.key.Public},
		Anchors: []audit.AnchorNotes{{Name: reader.String(), Notes: reader.Checkpoints(t.Context())}}})
	b.must(err)
	b.wantFault(r, "checkpoint of 15 events in file", "cut off")
}

// That nothing is put under checkpoints any more is an event, as is that it is
// again, and whom it concerns are told.
func TestTrailSaysThatItStopped(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(1)
	var mu sync.Mutex
	now, told := time.Now(), []portal.EventKind{}
	stranger := b.newTrail(audittest.NewKey(t))
	stranger.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(20 * time.Second); return now }
	stranger.Tell = func(_ context.Context, _ pgx.Tx, e portal.Event) error {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, e.Kind)
		return nil
	}
	ctx, stop := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() { stranger.Run(ctx) })
	b.await(portal.EventTrailStopped)
	if n := len(b.search(portal.EventFilter{})); b.verify().Events != 1 || n < 2 {
		t.Errorf("%d events, of which %d have numbers", n, b.verify().Events)
	}
	b.asOwner(`DELETE FROM checkpoints`) // as if there was none of another key
	b.await(portal.EventTrailResumed)
	stop()
	working.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 2 || told[0] != portal.EventTrailStopped || told[1] != portal.EventTrailResumed {
		t.Errorf("told of %v", told)
	}
}

// await waits for an event of a kind.
func (b *trailBundle) await(kind portal.EventKind) {
	b.t.Helper()
	for len(b.search(portal.EventFilter{Kind: kind})) == 0 {
		if b.t.Context().Err() != nil {
			b.t.Fatalf("no %s", kind)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// What the portal finds when it verifies by itself is on the trail.
func TestVerifyAll(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(5)
	b.must(b.trail.VerifyAll(t.Context()))
	b.asOwner(`UPDATE events SET summary = 'another' WHERE summary = 'event 3'`)
	if err := b.trail.VerifyAll(t.Context()); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	list := b.search(portal.EventFilter{Kind: portal.EventTrailVerified})
	if len(list) != 2 || list[1].Result != portal.ResultDone || list[0].Result != portal.ResultFailed || !strings.Contains(list[0].Summary, "event 3 ") {
		t.Errorf("%+v", list)
	}
}

// The role that serves gives events their numbers in the order in which they were written
// alone: it can keep none of them back while others get theirs.
func TestNobodyKeepsANumberBack(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	for _, summary := range []string{"first", "second", "third"} {
		b.append(b.event(summary))
	}
	number := func(list string) (taken int) {
		b.t.Helper()
		b.must(b.pool.QueryRow(t.Context(), `SELECT number_events(array_agg(event_id ORDER BY n), array_agg(sha256('') ORDER BY n))
			FROM unnest($1::int[]) WITH ORDINALITY o (i, n) JOIN (SELECT event_id, row_number() OVER (ORDER BY place) AS i FROM event_queue) q USING (i)`, list).Scan(&taken))
		return taken
	}
	for list, want := range map[string]int{"{2}": 0, "{2,3}": 0, "{3,2,1}": 0} {
		if taken := number(list); taken != want {
			t.Errorf("of %s %d have left the queue", list, taken)
		}
	}
	if taken := number("{1,3}"); taken != 1 {
		t.Errorf("%d have left the queue, want the first alone", taken)
	}
	var waiting, numbered int
	b.must(b.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM event_queue), (SELECT count(*) FROM event_log)`).Scan(&waiting, &numbered))
	if waiting != 2 || numbered != 1 {
		t.Errorf("%d wait, %d have numbers", waiting, numbered)
	}
}

// Events of one request that got their numbers in another order than they were written
// in, which the owner of the database can see to, are found.
func TestOrderOfARequestIsFound(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	for _, kind := range []portal.EventKind{portal.EventSubmitted, portal.EventStopped} {
		e := b.event(string(kind))
		e.Kind, e.RequestID = kind, b.request.ID
		b.append(e)
	}
	b.asOwner(`WITH first AS (DELETE FROM event_queue WHERE place = (SELECT min(place) FROM event_queue) RETURNING event_id)
		INSERT INTO event_queue (event_id) SELECT event_id FROM first`)
	b.must(b.trail.Seal(t.Context()))
	b.wantFault(b.verify(), "event 1", "before an event of the same request")
}

package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/audit/stream"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

// A SIEM gets every event once, in order, in batches, and goes on where it was after
// the portal is started anew.
func TestStream(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := b.stream()
	if b.step(s) {
		t.Error("there is more than nothing")
	}
	b.fill(1200)
	if status := b.status(s); status.Waiting != 1200 || status.Since.IsZero() || !status.At.IsZero() || status.Behind || status.Target != strings.Split(strings.Replace(b.address, "https://", "webhook ", 1), "/")[0] {
		t.Errorf("%+v", status)
	}
	for b.step(s) {
	}
	b.want(b.siem.first(), numbers(0, 1200))
	if len(b.siem.batches) != 3 || len(b.siem.batches[0]) != 500 || b.siem.ids[1] != "events-500-999" {
		t.Errorf("%d batches: %q", len(b.siem.batches), b.siem.ids)
	}
	if r := b.siem.last; r.URL.String() != "/canary?key=canary-key" || r.Header.Get("Authorization") != "Splunk canary-token" || r.Method != http.MethodPost || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-ndjson") {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	if status := b.status(s); status.Waiting != 0 || !status.Since.IsZero() || status.At.IsZero() || status.Fault != "" {
		t.Errorf("%+v", status)
	}
	b.fill(5)
	b.step(b.stream())
	b.want(b.siem.taken, numbers(0, 1205))
}

// Whatever a SIEM does but take a batch, it is told in words, and the same batch comes
// again, later and later.
func TestReceiverThatDoesNotTake(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.now = time.Now()
	b.fill(3)
	s := b.stream()
	slow := make(chan struct{})
	defer close(slow)
	for i, test := range []struct {
		answer func([]int64) int
		says   string
		wait   time.Duration
	}{
		{func([]int64) int { return http.StatusInternalServerError }, "it answered with status 500", time.Second},
		{func([]int64) int { return http.StatusBadRequest }, "it answered with status 400", 2 * time.Second},
		{func([]int64) int { return http.StatusFound }, "it answered with a redirect (302)", 4 * time.Second},
		{func([]int64) int { <-slow; return http.StatusOK }, "it did not answer in time", 8 * time.Second},
		{func([]int64) int { panic(http.ErrAbortHandler) }, "it ended the connection without an answer", 16 * time.Second},
	} {
		b.siem.set(test.answer)
		s.Within(time.Minute)
		if strings.Contains(test.says, "in time") {
			s.Within(3 * time.Second) // enough to reach it
		}
		if b.step(s) {
			t.Errorf("%s: there is more right away", test.says)
		}
		status := b.status(s)
		if !strings.Contains(status.Fault, test.says) || strings.Contains(status.Fault, "canary") || status.Waiting != 3 {
			t.Errorf("%+v does not say %q", status, test.says)
		}
		b.siem.set(nil)
		b.now = b.now.Add(test.wait - time.Millisecond)
		if b.step(s); len(b.siem.batches) != i+1 {
			t.Fatalf("%s: it is sent again before %s", test.says, test.wait)
		}
		b.now = b.now.Add(time.Millisecond)
	}
	b.step(s)
	b.want(b.siem.taken, numbers(0, 3))
	if status := b.status(s); status.Fault != "" || status.Waiting != 0 {
		t.Errorf("%+v", status)
	}
	if slices.ContainsFunc(b.siem.ids, func(id string) bool { return id != "events-0-2" }) {
		t.Errorf("%q", b.siem.ids)
	}
}

// However long a SIEM is away, it is tried once a minute, and one that hangs keeps
// nobody else waiting.
func TestReceiverThatIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.now = time.Now()
	b.fill(1)
	s := b.stream()
	b.siem.set(func([]int64) int { return http.StatusServiceUnavailable })
	for range 20 {
		b.step(s)
		b.now = b.now.Add(time.Minute)
	}
	if len(b.siem.batches) != 20 {
		t.Errorf("%d attempts in 20 minutes", len(b.siem.batches))
	}
	reached, answer := make(chan struct{}, 2), make(chan struct{})
	b.siem.set(func([]int64) int { reached <- struct{}{}; <-answer; return http.StatusOK })
	var stepping sync.WaitGroup
	stepping.Go(func() { b.step(s) })
	<-reached
	b.fill(10) // numbered and signed, too
	other := b.stream()
	other.Within(time.Second)
	if b.step(other) || len(reached) > 0 {
		t.Error("two replicas send at once")
	}
	close(answer)
	stepping.Wait()
	b.siem.set(nil)
	b.step(s)
	b.want(b.siem.taken, numbers(0, int64(len(b.siem.taken))))
}

// Who is far behind is told of once, and once that it is over.
func TestStreamThatIsBehind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(1) // long before the stream begins
	begun := time.Now()
	b.now = begun.Add(time.Hour)
	s := b.stream()
	b.siem.set(func([]int64) int { return http.StatusTooManyRequests })
	for minutes := range 30 {
		b.now = begun.Add(time.Hour + time.Duration(minutes)*time.Minute)
		b.step(s)
		if status := b.status(s); len(b.told) > 0 != (minutes > 10) || status.Behind != (minutes > 10) {
			t.Errorf("after %d minutes: told of %v, %+v", minutes, b.told, status)
		}
	}
	b.siem.set(nil)
	b.now = b.now.Add(time.Minute)
	b.step(s) // what was late
	_, err := b.trail.Checkpoint(t.Context())
	b.must(err)
	b.fill(1)
	b.now = time.Now().Add(5 * time.Minute)
	for b.step(s) {
	}
	if !slices.Equal(b.told, []portal.EventKind{portal.EventStreamBehind, portal.EventStreamResumed}) {
		t.Errorf("told of %v", b.told)
	}
	var reason string
	b.must(b.pool.QueryRow(t.Context(), `SELECT reason FROM events WHERE kind = $1`, portal.EventStreamBehind).Scan(&reason))
	if reason != "it answered with status 429" {
		t.Errorf("%q", reason)
	}
}

// Whoever keeps the stream from sending keeps nobody from being told.
func TestSilencedStreamIsToldOf(t *testing.T) {
	t.Parallel()
	for name, silence := range map[string]func(*testBundle){
		"by the lock": func(b *testBundle) {
			conn, err := b.pool.Acquire(t.Context())
			b.must(err)
			b.t.Cleanup(conn.Release)
			_, err = conn.Exec(t.Context(), `SELECT pg_advisory_lock(7363019525)`)
			b.must(err)
			b.t.Cleanup(func() { _, _ = conn.Exec(context.Background(), `SELECT pg_advisory_unlock_all()`) })
		},
		"by the time of the next try": func(b *testBundle) {
			_, err := b.pool.Exec(t.Context(), `UPDATE audit_streams SET retry_at = $1::timestamptz + interval '50 seconds'`, b.clock())
			b.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.now = time.Now()
			s := b.stream()
			b.fill(3)
			b.siem.set(func([]int64) int { return http.StatusInternalServerError })
			b.step(s)
			silence(b)
			for minutes := range 15 {
				b.now = time.Now().Add(time.Duration(minutes) * time.Minute)
				if name != "by the lock" {
					silence(b)
				}
				b.step(s)
			}
			if !slices.Equal(b.told, []portal.EventKind{portal.EventStreamBehind}) {
				t.Errorf("told of %v", b.told)
			}
		})
	}
}

// What is changed or hidden while the stream reads is not sent, and not passed over.
func TestEventsThatAreNotThoseThatWereSigned(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]struct{ do, undo string }{
		"changed": {`UPDATE events SET summary = 'made up' WHERE id = (SELECT event_id FROM event_log WHERE number = 1)`,
			`UPDATE events SET summary = 'event 1' WHERE id = (SELECT event_id FROM event_log WHERE number = 1)`},
		"hidden": {`CREATE TABLE kept AS SELECT * FROM events WHERE id = (SELECT event_id FROM event_log WHERE number = 1); DELETE FROM events WHERE id IN (SELECT id FROM kept)`,
			`INSERT INTO events SELECT * FROM kept; DROP TABLE kept`},
		"all hidden": {`CREATE TABLE kept AS SELECT * FROM events; DELETE FROM events`,
			`INSERT INTO events SELECT * FROM kept; DROP TABLE kept`},
		"changed with its hash": {`CREATE TABLE kept AS SELECT * FROM event_log; UPDATE event_log SET hash = (SELECT hash FROM event_log WHERE number = 0) WHERE number = 1`,
			`UPDATE event_log l SET hash = k.hash FROM kept k WHERE k.number = l.number; DROP TABLE kept`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.fill(3)
			s := b.stream()
			b.asOwner(sql.do)
			if _, err := s.Step(t.Context()); !errors.Is(err, audit.ErrTampered) {
				t.Errorf("the step says %v", err)
			}
			b.asOwner(sql.undo)
			for b.step(s) {
			}
			b.want(b.siem.taken, numbers(0, 3))
		})
	}
}

// asOwner does what the triggers of the trail keep even its owner from.
func (b *testBundle) asOwner(sql string) {
	b.t.Helper()
	b.must(db.WithTx(b.t.Context(), dbtest.Owner(b.t), func(tx pgx.Tx) error {
		_, err := tx.Exec(b.t.Context(), `SET LOCAL session_replication_role = replica; `+sql)
		return err
	}))
}

// What was sent when the database went away, before that was noted, is sent again.
func TestSentAndNotNoted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(4)
	owner := dbtest.Owner(t)
	b.siem.set(func([]int64) int {
		if _, err := owner.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`); err != nil {
			t.Error(err)
		}
		return http.StatusOK
	})
	s := b.stream()
	if _, err := s.Step(t.Context()); err == nil {
		t.Fatal("the transaction has survived")
	}
	b.siem.set(nil)
	b.fill(1)
	b.step(s)
	b.want(b.siem.taken, append(numbers(0, 4), numbers(0, 5)...))
}

// With two replicas, a receiver that fails now and then, and events that come all the
// time, each event comes before those after it.
func TestOrderOverReplicas(t *testing.T) {
	t.Parallel()
	b := setup(t)
	count := 0
	b.siem.set(func([]int64) int {
		b.siem.mu.Lock()
		defer b.siem.mu.Unlock()
		if count++; count%5 == 3 {
			return http.StatusBadGateway
		}
		return http.StatusOK
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	for range 2 {
		s := b.stream()
		running.Go(func() { s.Run(ctx) })
	}
	for range 10 {
		b.fill(150)
	}
	for len(b.siem.first()) < 1500 && t.Context().Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	running.Wait()
	b.want(b.siem.first(), numbers(0, 1500))
}

// Details that are large make batches small, and what was archived is left out without
// stopping anything.
func TestBatches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		for range 12 {
			e := portal.Event{At: time.Now(), Kind: portal.EventCommented, Actor: portal.System("test").Person(), Summary: "large", Data: map[string]any{"x": strings.Repeat("x", 250_000)}}
			if err := audit.Append(t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
	b.fill(1100)
	owner := dbtest.Owner(t)
	b.must(db.WithTx(t.Context(), owner, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica; DELETE FROM events WHERE id IN (SELECT event_id FROM event_log WHERE number >= 20 AND number < 1050)`)
		return err
	}))
	b.trail.Now = func() time.Time { return time.Now().AddDate(1, 1, 0) } // they may have been archived
	s := b.stream()
	for b.step(s) {
	}
	b.want(b.siem.taken, append(numbers(0, 20), numbers(1050, 1112)...))
	if len(b.siem.batches[0]) != 5 {
		t.Errorf("a batch has %d events of 250 kB", len(b.siem.batches[0]))
	}
	if status := b.status(s); status.Waiting != 0 {
		t.Errorf("%+v", status)
	}
}

// Of a syslog server each event is a message, in order.
func TestSyslog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(3)
	listener, messages := serveSyslog(t)
	b.address = "syslog+tls://" + listener + "?format=jsonl"
	b.siem.roots = syslogRoots
	s := b.stream()
	b.step(s)
	for i := range 3 {
		message := <-messages
		head, text, _ := strings.Cut(message, fmt.Sprintf(` event [event@32473 number="%d"] `, i))
		var e struct {
			Number  *int64
			Summary string
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil || e.Number == nil || *e.Number != int64(i) || !strings.HasPrefix(head, "<109>1 20") {
			t.Errorf("received %q: %v", message, err)
		}
	}
	if status := b.status(s); status.Waiting != 0 || status.Target != "syslog "+listener {
		t.Errorf("%+v", status)
	}
	b.fill(1)
	b.siem.roots = nil
	b.step(b.stream())
	if status := b.status(s); !strings.Contains(status.Fault, "certificate") || status.Waiting != 1 {
		t.Errorf("%+v", status)
	}
}

// Addresses that cannot be are refused in words that have nothing secret.
func TestOpen(t *testing.T) {
	t.Parallel()
	for address, says := range map[string]string{
		"": "write it like", "siem.example": "write it like", "http://siem.example?format=ocsf": "write it like", "https:///canary?format=ocsf": "write it like", "https://siem.example/canary": "format must be jsonl or ocsf",
		"https://siem.example/canary?format=csv": "format must be", "https://siem.example/canary?format=parquet": "format must be", "https://canary:canary@siem.example?format=ocsf": "password",
		"syslog+tls://siem.example?format=ocsf&canary=1": "there is no setting", "syslog+tls://siem.example/canary?format=ocsf": "write it like", "syslog+tls://siem.example?format=ocsf&ca=/nowhere": "no such file", "%zz": "write it like",
	} {
		_, err := stream.Open(address, stream.Options{Now: time.Now, Secret: secret})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "canary:") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, secret := range []string{"", "canary", "whsec_Y2FuYXJ5"} {
		if _, err := stream.Open("https://siem.example?format=ocsf", stream.Options{Secret: secret}); err == nil || !strings.Contains(err.Error(), "PORTAL_AUDIT_STREAM_SECRET") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", secret, err)
		}
	}
	if _, err := stream.Open("syslog+tls://siem.example?format=ocsf", stream.Options{}); err != nil {
		t.Error(err)
	}
}

// Whoever moves the position of a stream in the database keeps nothing from the SIEM.
func TestMovedPositionKeepsNothingBack(t *testing.T) {
	for name, sql := range map[string]string{
		"beyond the end":     `UPDATE audit_streams SET next = 4611686018427387904`,
		"over what waits":    `UPDATE audit_streams SET next = next + 2`,
		"not before a while": `UPDATE audit_streams SET retry_at = now() + interval '100 years'`,
		"not before the end": `UPDATE audit_streams SET retry_at = 'infinity'`,
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.fill(3)
			s := b.stream()
			for b.step(s) {
			}
			_, err := b.pool.Exec(t.Context(), sql)
			b.must(err)
			b.fill(2)
			for b.step(s) {
			}
			b.must(b.trail.Seal(t.Context())) // of what was told
			for b.step(s) {
			}
			if got := b.siem.first(); len(got) < 5 || got[4] != 4 {
				t.Errorf("the SIEM has %v", got)
			}
		})
	}
}

// What is under no checkpoint yet, since nobody has vouched for it, is not sent.
func TestOnlySignedEventsAreSent(t *testing.T) {
	b := setup(t)
	b.fill(1)
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		return audit.Append(t.Context(), tx, portal.Event{At: time.Now(), Kind: portal.EventCommented, Actor: portal.System("test").Person(), Summary: "not yet"})
	}))
	_, err := b.trail.Sequence(t.Context())
	b.must(err)
	s := b.stream()
	for b.step(s) {
	}
	if got := b.siem.first(); !slices.Equal(got, []int64{0}) {
		t.Errorf("the SIEM has %v", got)
	}
}

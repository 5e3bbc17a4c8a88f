package audit_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/audit/anchor"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/portal"
)

// forge has somebody who is not the portal put an event in, which waits for a number.
func (b *trailBundle) forge(kind portal.EventKind, data string) {
	b.t.Helper()
	_, err := b.owner().Exec(b.t.Context(), `INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, summary, data)
		VALUES ($1, now(), $2, 'done', 'portal', 'audit', 'audit', 'forged', $3)`, uuid.Must(uuid.NewV7()), kind, data)
	b.must(err)
}

// An event is not archived because somebody says so.
func TestForgedArchiveIsNotBelieved(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(20)
	victim := b.search(portal.EventFilter{Limit: 1})[0].ID
	b.forge(portal.EventTrailArchived, fmt.Sprintf(`{"from": %q, "to": "ffffffff-ffff-ffff-ffff-ffffffffffff", "events": 1, "sha256": ""}`, victim))
	b.asOwner(`DELETE FROM events WHERE id = $1`, victim)
	b.must(b.trail.Seal(t.Context()))
	r := b.verify()
	b.wantFault(r, "event 20", "not believed")
	b.wantFault(r, "event 19", "removed")
}

// oldMonth makes the partition of January 2024.
func (b *trailBundle) oldMonth() {
	b.t.Helper()
	b.asOwner(`CREATE TABLE events_2024_01 PARTITION OF events FOR VALUES FROM ('018cc251-f400-0000-0000-000000000000') TO ('018d61f8-dc00-0000-0000-000000000000')`)
}

// old records events of January 2024 as the first ones of the trail, as if it had
// been kept since; more are made before the trail goes on today.
func (b *trailBundle) old(count int, more ...func()) {
	b.t.Helper()
	b.oldMonth()
	for i := range count {
		b.asOwner(`WITH e AS (INSERT INTO events (id, recorded_at, at, kind, outcome, issuer, subject, actor_name, summary)
			VALUES ($1, '2024-01-03 15:45', '2024-01-03 15:45', 'replica_started', 'done', 'i', 's', 'n', 'old ' || $2) RETURNING id) INSERT INTO event_queue (event_id) SELECT id FROM e`,
			fmt.Sprintf("018cd000-0000-7000-8000-00000000000%d", i), fmt.Sprint(i))
	}
	b.must(b.trail.Seal(b.t.Context()))
	for _, put := range more {
		put()
	}
	b.fill(3)
}

var january = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// What is archived can be looked into, and no more can be removed than was archived.
func TestArchiveHidesNothingElse(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.old(3)
	name := filepath.Join(t.TempDir(), "2024-01")
	_, err := audit.Archive(t.Context(), b.owner(), b.trail, january, name)
	b.must(err)
	open := func(name string) audit.ArchiveFile {
		return audit.ArchiveFile{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }}
	}
	verify := func(files ...audit.ArchiveFile) audit.Report {
		t.Helper()
		r, err := audit.Verify(t.Context(), b.owner(), audit.VerifyOptions{Keys: []string{b.key.Public}, Archives: files})
		b.must(err)
		return r
	}
	r := verify()
	b.wantOK(r)
	if r.Archived != 3 || r.Looked != 0 {
		t.Errorf("%+v", r)
	}
	r = verify(open(name))
	b.wantOK(r)
	if r.Archived != 3 || r.Looked != 3 {
		t.Errorf("%+v", r)
	}
	content, err := os.ReadFile(name)
	b.must(err)
	changed := name + "-changed"
	b.must(os.WriteFile(changed, []byte(strings.Replace(string(content), `"summary":"old 1"`, `"summary":"new 1"`, 1)), 0o600))
	r = verify(open(changed))
	b.wantFault(r, "event 1", "not the event")
	b.wantFault(r, changed, "changed afterwards")

	// One event is passed off as one of that month.
	b.asOwner(`UPDATE event_log SET event_id = '018cd000-0000-7000-8000-000000000009' WHERE number = 4`)
	b.asOwner(`DELETE FROM events WHERE summary = 'event 1'`)
	r = verify(open(name))
	b.wantFault(r, "January 2024", "Others were removed")
	b.wantFault(r, "event 4", "was recorded") // whoever has the key can have more archived, but not among what is younger
}

// An archived event that is put back makes no room for another one to go.
func TestArchivedEventPutBack(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.old(3)
	b.asOwner(`CREATE TABLE kept AS SELECT * FROM events WHERE summary = 'old 1'`)
	_, err := audit.Archive(t.Context(), b.owner(), b.trail, january, filepath.Join(t.TempDir(), "2024-01"))
	b.must(err)
	b.asOwner(`INSERT INTO events SELECT * FROM kept`)
	b.asOwner(`UPDATE event_log SET event_id = '018cd000-0000-7000-8000-000000000009' WHERE number = 4`)
	b.asOwner(`DELETE FROM events WHERE summary = 'event 1'`)
	b.wantFault(b.verify(), "January 2024", "put back")
}

// rewrite empties all that is signed and has all events wait anew.
func (b *trailBundle) rewrite() {
	b.t.Helper()
	for _, sql := range []string{`WITH gone AS (DELETE FROM event_queue) INSERT INTO event_queue (event_id) SELECT id FROM events ORDER BY id`, `DELETE FROM event_log`, `DELETE FROM checkpoints`} {
		b.asOwner(sql)
	}
	_, err := b.owner().Exec(b.t.Context(), `SET session_replication_role = replica; DELETE FROM tree_nodes; RESET session_replication_role`, pgx.QueryExecModeSimpleProtocol)
	b.must(err)
}

// Who has the database and a key of their own cannot have it taken for the portal's.
func TestForgedRotationIsNotFollowed(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(10)
	evil := audittest.NewKey(t)
	b.asOwner(`UPDATE events SET summary = 'nothing' WHERE summary = 'event 3'`)
	b.forge(portal.EventTrailKey, fmt.Sprintf(`{"key": %q, "before": %q}`, b.key.Public, evil.Public))
	b.forge(portal.EventTrailKey, fmt.Sprintf(`{"key": %q, "before": %q}`, evil.Public, b.key.Public))
	b.rewrite()
	b.must(b.newTrail(evil).Seal(t.Context()))
	r := b.verify()
	b.wantFault(r, "checkpoint of 12 events", "not signed by a key of the portal")
	b.wantFault(r, "event 10", "not believed")
}

// A key that was replaced, and got out, vouches for nothing any more.
func TestReplacedKeySignsNothingNew(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(3)
	before, next := b.key, audittest.NewKey(t)
	b.trail = b.newTrail(next, before)
	b.must(b.trail.Begin(t.Context()))
	b.fill(3)
	b.key = next
	b.wantOK(b.verify())
	b.asOwner(`UPDATE events SET summary = 'nothing' WHERE summary = 'event 1'`)
	b.rewrite()
	b.must(b.newTrail(before).Seal(t.Context()))
	b.wantFault(b.verify(), "checkpoint of 7 events", "Only a key that was replaced")
}

// later verifies some time from now.
func (b *trailBundle) later(after time.Duration) audit.Report {
	b.t.Helper()
	r, err := audit.Verify(b.t.Context(), b.owner(), audit.VerifyOptions{Keys: []string{b.key.Public}, Now: time.Now().Add(after)})
	b.must(err)
	return r
}

// What nobody has signed is proven by nothing, and that is said.
func TestEventsUnderNoCheckpoint(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(10)
	b.append(b.event("waits"))
	b.wantOK(b.later(9 * time.Minute))
	b.wantFault(b.later(11*time.Minute), "event ", "waited for a number")
	b.fill(5)
	b.wantOK(b.later(time.Hour))
	b.asOwner(`DELETE FROM checkpoints WHERE size > 10`)
	b.wantFault(b.later(11*time.Minute), "events 10 to 15", "nothing proves them")
	b.asOwner(`DELETE FROM checkpoints`)
	b.wantFault(b.later(11*time.Minute), "events 0 to 15", "nothing proves them")
}

// anchored gives a trail a file as its anchor, as the portal does.
func (b *trailBundle) anchored(address string, keys ...audit.Signer) *audit.Trail {
	b.t.Helper()
	trail := b.newTrail(keys...)
	o := anchor.Options{Now: time.Now, Log: trail.Logger}
	var err error
	trail.Anchors, err = anchor.Open([]string{address}, o)
	b.must(err)
	r, err := anchor.OpenReader(address, o)
	b.must(err)
	trail.Readers, trail.Asked = []anchor.Reader{r}, []anchor.Reader{r}
	return trail
}

// A portal that is started signs no trail that contradicts what is anchored, nor one
// that has lost its checkpoints.
func TestStartSignsNoOtherTrail(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	address := "file://" + filepath.Join(t.TempDir(), "checkpoints")
	b.trail = b.anchored(address, b.key)
	b.fill(10)
	b.must(b.anchored(address, b.key).Seal(t.Context())) // as after a deployment
	b.asOwner(`UPDATE events SET summary = 'nothing' WHERE summary = 'event 3'`)
	b.rewrite()
	started := b.anchored(address, b.key)
	for range 2 {
		if err := started.Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "not the one that was signed") {
			t.Errorf("it signs another trail: %v", err)
		}
	}

	b = setupTrail(t)
	b.must(b.trail.Seal(t.Context()))
	b.asOwner(`INSERT INTO events (id, recorded_at, at, kind, outcome, issuer, subject, actor_name, summary)
		VALUES ('018cd000-0000-7000-8000-000000000001', '2024-01-03 15:45', '2024-01-03 15:45', 'break_glass', 'done', 'i', 's', 'n', 'old')`)
	b.must(b.trail.Seal(t.Context()))
	if err := b.newTrail(b.key).Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "no checkpoint at all") {
		t.Errorf("it signs a trail that has lost its checkpoints: %v", err)
	}
}

// What is put after the checkpoints of an anchor does not have a portal that is started
// take it for empty.
func TestRubbishHidesNoCheckpoint(t *testing.T) {
	t.Parallel()
	b, other, empty := setupTrail(t), setupTrail(t), setupTrail(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	b.trail = b.anchored("file://"+path, b.key)
	b.fill(10)
	content, err := os.ReadFile(path)
	b.must(err)
	elsewhere := filepath.Join(t.TempDir(), "checkpoints")
	other.trail = other.anchored("file://"+elsewhere, other.key)
	other.fill(20)
	theirs, err := os.ReadFile(elsewhere)
	b.must(err)
	for name, rubbish := range map[string]string{"nothing": "", "one of another trail": string(theirs), "a broken one": "rubbish\n=== 1000 0123456789abcdef\n", "half of one": string(theirs[:20])} {
		b.must(os.WriteFile(path, append(slices.Clone(content), rubbish...), 0o600))
		if err := empty.anchored("file://"+path, b.key).Seal(t.Context()); err == nil {
			t.Errorf("with %s after it, it signs a trail that has nothing", name)
		}
	}
}

// What the database says of an anchor counts for nothing against the anchor.
func TestDatabaseDoesNotVouchForAnchors(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	b.trail = b.anchored("file://"+path, b.key)
	b.fill(10)
	b.asOwner(`UPDATE anchors SET size = 11`)
	b.append(b.event("an intent"))
	b.must(b.trail.Seal(t.Context()))
	if content, err := os.ReadFile(path); err != nil || !strings.Contains(string(content), "\n11\n") {
		t.Errorf("it was not anchored: %v", err)
	}
	_, err := b.pool.Exec(t.Context(), `UPDATE anchors SET size = 999999999`) // as the role that serves may
	b.must(err)
	b.append(b.event("an intent"))
	if err := b.trail.Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "not the one that was signed") {
		t.Errorf("that somebody has changed it is not noticed: %v", err)
	}
	status, err := b.trail.Status(t.Context())
	b.must(err)
	if !strings.Contains(status.Anchors[0].Fault, "somebody has changed that") {
		t.Errorf("%+v", status.Anchors)
	}
	_, err = b.pool.Exec(t.Context(), `DELETE FROM anchors`)
	b.must(err)
	b.fill(1)
	_, err = b.pool.Exec(t.Context(), `DELETE FROM anchors`)
	b.must(err)
	b.must(b.trail.VerifyAll(t.Context()))
	if e := b.search(portal.EventFilter{Kind: portal.EventTrailVerified})[0]; e.Data["anchored"] != 3.0 {
		t.Errorf("the daily verification has read %v checkpoints of the file", e.Data["anchored"])
	}
}

// An anchor that gets nothing any more is told of; an old copy of one is not.
func TestAnchorThatIsBehind(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	old := b.fill(10)
	b.fill(10)
	verify := func(live bool, after time.Duration) audit.Report {
		t.Helper()
		r, err := audit.Verify(t.Context(), b.owner(), audit.VerifyOptions{Keys: []string{b.key.Public}, Now: time.Now().Add(after),
			Anchors: []audit.AnchorNotes{{Name: "the anchor", Live: live, Notes: notes([]string{old})}}})
		b.must(err)
		return r
	}
	b.wantOK(verify(true, 9*time.Minute))
	b.wantFault(verify(true, 11*time.Minute), "the anchor", "gets no checkpoints")
	r := verify(false, 11*time.Minute)
	b.wantOK(r)
	if len(r.Anchored) != 1 || r.Anchored[0].Size != 10 || r.Covered != 20 {
		t.Errorf("%+v", r)
	}
}

// An anchor that is so far behind that what followed was archived since is told of.
func TestAnchorThatIsBehindAnArchive(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	var anchored string
	b.old(3, func() {
		c, err := b.trail.Checkpoint(t.Context())
		b.must(err)
		anchored = c.Note
		b.asOwner(`WITH e AS (INSERT INTO events (id, recorded_at, at, kind, outcome, issuer, subject, actor_name, summary)
			VALUES ('018cd000-0000-7000-8000-000000000009', '2024-01-03 15:45', '2024-01-03 15:45', 'sign_in', 'done', 'i', 's', 'n', 'old') RETURNING id) INSERT INTO event_queue (event_id) SELECT id FROM e`)
	})
	b.done(audit.Archive(t.Context(), b.owner(), b.trail, january, filepath.Join(t.TempDir(), "2024-01")))
	r, err := audit.Verify(t.Context(), b.owner(), audit.VerifyOptions{Keys: []string{b.key.Public}, Now: time.Now().Add(time.Hour),
		Anchors: []audit.AnchorNotes{{Name: "the anchor", Live: true, Notes: notes([]string{anchored})}}})
	b.must(err)
	b.wantFault(r, "the anchor", "gets no checkpoints")
}

// What the trail is verified by outlasts the month in which it was recorded.
func TestArchiveKeepsWhatProves(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	next := audittest.NewKey(t)
	data, err := audit.StateRotation(next, b.key)
	b.must(err)
	b.old(2, func() {
		b.asOwner(`WITH e AS (INSERT INTO events (id, recorded_at, at, kind, outcome, issuer, subject, actor_name, summary, data)
			VALUES ('018cd000-0000-7000-8000-000000000009', '2024-01-03 15:45', '2024-01-03 15:45', 'trail_key_changed', 'done', 'i', 's', 'n', 'another key', $1::jsonb::json) RETURNING id)
			INSERT INTO event_queue (event_id) SELECT id FROM e`, data)
	})
	b.trail = b.newTrail(next, b.key)
	count, err := audit.Archive(t.Context(), b.owner(), b.trail, january, filepath.Join(t.TempDir(), "2024-01"))
	b.must(err)
	for _, b.key = range []audit.Signer{next, b.key} {
		r := b.verify()
		b.wantOK(r)
		if count != 2 || r.Archived != 2 {
			t.Errorf("%d archived: %+v", count, r)
		}
	}
	b.asOwner(`DELETE FROM events WHERE kind = 'trail_key_changed'`)
	b.wantFault(b.verify(), "January 2024", "Others were removed")
}

// An anchor that has nothing proves nothing.
func TestEmptyAnchor(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(2)
	b.wantFault(b.verify([]string{}...), "the anchor", "proves nothing")
}

// A hash that is none is a fault of the trail, and stops nobody from looking or
// serving.
func TestHashesOfAnotherLength(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{`''`, `hash || 'x'`} {
		b := setupTrail(t)
		b.fill(300)
		_, err := b.owner().Exec(t.Context(), `ALTER TABLE event_log DROP CONSTRAINT event_log_hash_check; ALTER TABLE tree_nodes DROP CONSTRAINT tree_nodes_hash_check`)
		b.must(err)
		b.asOwner(`UPDATE event_log SET hash = ` + hash + ` WHERE number = 290`)
		b.asOwner(`UPDATE tree_nodes SET hash = ` + hash)
		r := b.verify()
		b.wantFault(r, "event 290 ", "changed afterwards")
		b.wantFault(r, "events 0 to 255", "stored hash")
		b.append(b.event("next"))
		if err := b.newTrail(b.key).Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "not the one that was signed") {
			t.Errorf("it is signed: %v", err)
		}
	}
}

// What somebody else has signed the portal hands to nobody.
func TestForgedCheckpointIsNotHandedOn(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	b.trail = b.anchored("file://"+path, b.key)
	b.fill(3)
	note := strings.Replace(b.fill(1), "\n4\n", "\n888888888\n", 1)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO checkpoints (size, note) VALUES (888888888, $1)`, note)
	b.must(err)
	status, err := b.trail.Status(t.Context())
	b.must(err)
	if status.Checkpoint != "" || status.Covered != 0 || !strings.Contains(status.Fault, "has not signed") {
		t.Errorf("%+v", status)
	}
	if err := b.trail.AnchorNewest(t.Context()); err == nil || !strings.Contains(err.Error(), "not signed by this key") {
		t.Errorf("%v", err)
	}
	if content, err := os.ReadFile(path); err != nil || strings.Contains(string(content), "888888888") {
		t.Errorf("it was anchored: %v", err)
	}
}

// Two intents under one checkpoint both go on once an anchor has it, whatever the
// other anchors do.
func TestOneAnchorIsEnough(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.trail.Anchors = []anchor.Anchor{&place{name: "one", prompt: true}, &place{name: "two", prompt: true, down: true}}
	b.append(b.event("two intents"))
	for range 2 {
		b.must(b.trail.Seal(t.Context()))
	}
	b.must(b.trail.AnchorNewest(t.Context()))
}

// A portal that goes on while its trail is verified is not taken for one that was cut.
func TestVerifyWhileThePortalGoesOn(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(3)
	meanwhile := func(yield func(string, error) bool) { yield(b.fill(2), nil) }
	r, err := audit.Verify(t.Context(), b.owner(), audit.VerifyOptions{Keys: []string{b.key.Public}, Anchors: []audit.AnchorNotes{{Name: "the anchor", Notes: meanwhile}}})
	b.must(err)
	b.wantOK(r)
	if r.Events != 5 || r.Anchored[0].Size != 5 {
		t.Errorf("%+v", r)
	}
}

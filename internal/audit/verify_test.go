package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

// trailBundle is a trail with its key, and what its owner can do to it.
type trailBundle struct {
	*bundle
	trail *audit.Trail
	key   audit.Signer
	own   *pgxpool.Pool // see owner
}

func setupTrail(t *testing.T) *trailBundle {
	t.Helper()
	b := &trailBundle{bundle: setup(t), key: audittest.NewKey(t)}
	b.now = time.Now() // by which all is verified
	b.trail = b.newTrail(b.key)
	return b
}

func (b *trailBundle) newTrail(keys ...audit.Signer) *audit.Trail {
	b.t.Helper()
	trail, err := audit.New(audit.Config{Pool: b.pool, Signers: keys, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	b.must(err)
	return trail
}

// fill records events and puts them under a checkpoint, which it returns.
func (b *trailBundle) fill(count int) string {
	b.t.Helper()
	b.must(b.tx(func(tx pgx.Tx) error {
		for i := range count {
			e := b.event(fmt.Sprintf("event %d", i))
			e.TeamID, e.Reason, e.Clusters, e.Data = b.team.ID, "because", []string{"c-1", "c-2"}, map[string]any{"n": i, "text": "é"}
			if err := audit.Append(b.t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
	b.must(b.trail.Seal(b.t.Context()))
	c, err := b.trail.Checkpoint(b.t.Context())
	b.must(err)
	return c.Note
}

// verify returns what is found, having checked that nothing was in the way.
func (b *trailBundle) verify(anchored ...string) audit.Report {
	b.t.Helper()
	o := audit.VerifyOptions{Keys: []string{b.key.Public}}
	if anchored != nil {
		o.Anchors = []audit.AnchorNotes{{Name: "the anchor", Notes: notes(anchored)}}
	}
	report, err := audit.Verify(b.t.Context(), b.owner(), o)
	b.must(err)
	return report
}

func notes(list []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, n := range list {
			if !yield(n, nil) {
				return
			}
		}
	}
}

func (b *trailBundle) wantOK(r audit.Report) {
	b.t.Helper()
	if !r.OK() {
		b.t.Fatalf("%+v", r.Faults)
	}
}

// wantFault checks that something is found that is at a place and says something.
func (b *trailBundle) wantFault(r audit.Report, where, what string) {
	b.t.Helper()
	if !slices.ContainsFunc(r.Faults, func(f audit.Fault) bool {
		return strings.Contains(f.Where, where) && strings.Contains(f.What, what)
	}) {
		b.t.Errorf("no fault at %q says %q: %+v", where, what, r.Faults)
	}
}

// asOwner does what only the owner of the database can: past the triggers.
func (b *trailBundle) asOwner(sql string, args ...any) {
	b.t.Helper()
	b.must(db.WithTx(b.t.Context(), b.owner(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(b.t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		tag, err := tx.Exec(b.t.Context(), sql, args...)
		if err == nil && tag.RowsAffected() == 0 && !strings.HasPrefix(sql, "CREATE") {
			return fmt.Errorf("%s does nothing", sql)
		}
		return err
	}))
}

// owner is the database's owner.
func (b *trailBundle) owner() *pgxpool.Pool {
	if b.own == nil {
		b.own = dbtest.Owner(b.t)
	}
	return b.own
}

func TestVerifyUntouched(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.wantOK(b.verify())
	anchored := []string{b.fill(1), b.fill(254), b.fill(1), b.fill(2300), b.fill(3)}
	b.append(b.event("waits"))
	r := b.verify(anchored...)
	b.wantOK(r)
	if r.Events != 2559 || r.Waiting != 1 || r.Covered != 2559 || r.Checkpoints != 5 || r.AnchorCheckpoints() != 5 {
		t.Errorf("%+v", r)
	}
	for i, e := range b.search(portal.EventFilter{Limit: 3000}) {
		if want := int64(2559 - i); (i == 0 && e.Number != -1) || (i > 0 && e.Number != want) {
			t.Fatalf("event %d back has number %d", i, e.Number)
		}
	}
}

// Of a thousand random changes of one byte each is found at its event.
func TestEveryByteIsProven(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(1000)
	columns := map[string]string{ // and how a byte of them changes
		"id":          `set_byte(uuid_send(id), 8 + $2 % 8, get_byte(uuid_send(id), 8 + $2 % 8) # 1)`,
		"team_id":     `set_byte(uuid_send(team_id), $2 % 16, get_byte(uuid_send(team_id), $2 % 16) # 1)`,
		"at":          `at + interval '1 microsecond'`,
		"recorded_at": `recorded_at + interval '1 microsecond'`,
		"revision":    `revision # 1`,
		"clusters":    `ARRAY['c-1', 'c-3']`,
		"data":        `overlay(data::text PLACING CASE substr(data::text, 6, 1) WHEN '7' THEN '8' ELSE '7' END FROM 6 FOR 1)`,
	}
	for _, text := range []string{"kind", "issuer", "subject", "actor_name", "summary", "reason"} {
		columns[text] = fmt.Sprintf(`convert_from(set_byte(convert_to(%[1]s, 'UTF8'), $2 %% length(%[1]s), 32 + ((get_byte(convert_to(%[1]s, 'UTF8'), $2 %% length(%[1]s)) - 31) %% 95)), 'UTF8')`, text)
	}
	casts := map[string]string{"id": "encode(%s, 'hex')::uuid", "team_id": "encode(%s, 'hex')::uuid", "data": "(%s)::json"}
	names := []string{"id", "team_id", "at", "recorded_at", "revision", "clusters", "data", "kind", "issuer", "subject", "actor_name", "summary", "reason"}
	random := rand.New(rand.NewPCG(1, 2))
	for number := range 1000 {
		name := names[random.IntN(len(names))]
		value := columns[name]
		if cast, ok := casts[name]; ok {
			value = fmt.Sprintf(cast, value)
		}
		sql := fmt.Sprintf(`UPDATE events SET %s = %s WHERE id = (SELECT event_id FROM event_log WHERE number = $1)`, name, value)
		if !strings.Contains(value, "$2") {
			sql += ` AND $2::int >= 0`
		}
		b.asOwner(sql, number, random.IntN(1000))
	}
	found := map[int64]bool{}
	for _, f := range b.verify().Faults {
		found[f.Number] = true
	}
	for number := range int64(1000) {
		if !found[number] {
			t.Errorf("the change of event %d is not found", number)
		}
	}
}

// What an owner of the database may do to the trail is found, at its place.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	const moved = `1000000` // a number that is free
	for name, test := range map[string]struct {
		do          []string
		where, what string
	}{
		"an event deleted":          {[]string{`DELETE FROM events WHERE summary = 'event 7'`}, "event 7 ", "removed"},
		"with its leaf":             {[]string{`DELETE FROM events WHERE summary = 'event 7'`, `DELETE FROM event_log WHERE number = 7`}, "events 7 to 7", "removed"},
		"and closed up":             {[]string{`DELETE FROM events WHERE summary = 'event 7'`, `DELETE FROM event_log WHERE number = 7`, `UPDATE event_log SET number = number + 1000 WHERE number > 7`, `UPDATE event_log SET number = number - 1001 WHERE number > 7`}, "checkpoint of 300", "cut off"},
		"two swapped":               {[]string{`UPDATE event_log SET number = ` + moved + ` WHERE number = 7`, `UPDATE event_log SET number = 7 WHERE number = 8`, `UPDATE event_log SET number = 8 WHERE number = ` + moved}, "checkpoint of 300", "another root"},
		"an event and its leaf":     {[]string{`UPDATE events SET summary = 'nothing' WHERE summary = 'event 7'`, `UPDATE event_log SET hash = sha256('anything') WHERE number = 7`}, "event 7 ", "changed"},
		"a leaf":                    {[]string{`UPDATE event_log SET hash = set_byte(hash, 3, get_byte(hash, 3) # 1) WHERE number = 7`}, "event 7 ", "changed"},
		"a stored hash":             {[]string{`UPDATE tree_nodes SET hash = set_byte(hash, 3, get_byte(hash, 3) # 1)`}, "events 0 to 255", "changed"},
		"a stored hash gone":        {[]string{`DELETE FROM tree_nodes`}, "events 0 to 255", "missing"},
		"a checkpoint's root":       {[]string{`UPDATE checkpoints SET note = overlay(note PLACING 'AAAA' FROM position(E'\n300\n' IN note) + 5)`}, "checkpoint of 300", "not signed"},
		"a checkpoint's size":       {[]string{`UPDATE checkpoints SET size = 299`}, "checkpoint of 299", "moved"},
		"a checkpoint's signature":  {[]string{`UPDATE checkpoints SET note = overlay(note PLACING 'AAAA' FROM length(note) - 20)`}, "checkpoint of 300", "not signed"},
		"the tail cut":              {[]string{`DELETE FROM events WHERE id IN (SELECT event_id FROM event_log WHERE number >= 290)`, `DELETE FROM event_log WHERE number >= 290`}, "checkpoint of 300", "cut off"},
		"an event without a number": {[]string{`INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, summary) VALUES ('01900000-0000-7000-8000-000000000000', now(), 'sign_in', 'done', 'i', 's', 'n', 'put in')`}, "event 01900000-0000", "put in past the portal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupTrail(t)
			b.fill(300)
			for _, sql := range test.do {
				b.asOwner(sql)
			}
			b.wantFault(b.verify(), test.where, test.what)
		})
	}
}

// An event that is recorded through the queue, but says that it is an old one, is
// told from those that are.
func TestBackdatedEventIsFound(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(10)
	b.asOwner(`WITH e AS (INSERT INTO events (id, recorded_at, at, kind, outcome, issuer, subject, actor_name, summary)
		VALUES ('01900000-0000-7000-8000-000000000000', now() - interval '1 hour', now(), 'sign_in', 'done', 'i', 's', 'n', 'put in') RETURNING id)
		INSERT INTO event_queue (event_id) SELECT id FROM e`)
	b.must(b.trail.Seal(t.Context()))
	b.wantFault(b.verify(), "event 10", "put in afterwards")
}

// Who cuts the end off, or writes all anew, and has the key, is found through an
// anchor; so is an old backup.
func TestAnchorsFindWhatTheKeySigned(t *testing.T) {
	t.Parallel()
	t.Run("the tail cut and signed again", func(t *testing.T) {
		t.Parallel()
		b := setupTrail(t)
		anchored := []string{b.fill(10), b.fill(5)}
		for _, sql := range []string{`DELETE FROM events WHERE id IN (SELECT event_id FROM event_log WHERE number >= 10)`,
			`DELETE FROM event_log WHERE number >= 10`, `DELETE FROM checkpoints WHERE size > 10`} {
			b.asOwner(sql)
		}
		b.trail = b.newTrail(b.key)
		b.wantOK(b.verify())
		b.wantFault(b.verify(anchored...), "checkpoint of 15 events in the anchor", "cut off")
		b.fill(9)
		b.wantOK(b.verify())
		b.wantFault(b.verify(anchored...), "checkpoint of 15 events in the anchor", "another root")
	})
	t.Run("the whole trail written anew", func(t *testing.T) {
		t.Parallel()
		b := setupTrail(t)
		anchored := []string{b.fill(10)}
		for _, table := range []string{"events", "event_log", "tree_nodes", "checkpoints"} {
			_, err := b.owner().Exec(t.Context(), `SET session_replication_role = replica; DELETE FROM `+table+`; RESET session_replication_role`, pgx.QueryExecModeSimpleProtocol)
			b.must(err)
		}
		b.trail = b.newTrail(b.key)
		b.fill(12)
		b.wantOK(b.verify())
		b.wantFault(b.verify(anchored...), "checkpoint of 10 events in the anchor", "shown to somebody else")
	})
	t.Run("a fork shown to two readers", func(t *testing.T) {
		t.Parallel()
		b := setupTrail(t)
		b.owner() // of this database, before there is the other
		other := setupTrail(t)
		other.key, other.trail = b.key, other.newTrail(b.key)
		shown := []string{b.fill(10), other.fill(10)}
		b.wantFault(b.verify(shown...), "checkpoint of 10 events in the anchor", "shown to somebody else")
		b.wantOK(b.verify(shown[0]))
	})
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		b := setupTrail(t)
		b.fill(10)
		b.key = audittest.NewKey(t)
		b.wantFault(b.verify(), "checkpoint of 10", "not signed by a key of the portal")
	})
}

// A process that has signed a trail signs no other one.
func TestTrailThatWasCutIsNotSigned(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(10)
	b.fill(10)
	for _, sql := range []string{`DELETE FROM events WHERE id IN (SELECT event_id FROM event_log WHERE number >= 10)`,
		`DELETE FROM event_log WHERE number >= 10`, `DELETE FROM checkpoints WHERE size > 10`} {
		b.asOwner(sql)
	}
	b.append(b.event("after"))
	if err := b.trail.Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "not the one that was signed") {
		t.Errorf("%v", err)
	}
}

// Whoever trusts the first key follows the trail to the newest one.
func TestKeyIsChanged(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(3)
	next := audittest.NewKey(t)
	b.trail = b.newTrail(next, b.key)
	b.must(b.trail.Begin(t.Context()))
	b.fill(3)
	b.trail = b.newTrail(next)
	b.must(b.trail.Begin(t.Context()))
	b.fill(3)
	r := b.verify()
	b.wantOK(r)
	if r.Events != 10 {
		t.Errorf("%d events, want 9 and the one of the key", r.Events)
	}
	b.key = next
	b.wantOK(b.verify()) // and back again
	b.trail = b.newTrail(audittest.NewKey(t))
	b.append(b.event("after"))
	if err := b.trail.Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "not signed by this key") {
		t.Errorf("an unknown key: %v", err)
	}
}

// Writers and sequencers at once, of which many are cut off, leave no gap, and lose
// and double no event.
func TestSequencersAreCutOff(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	const writers, each, kills = 32, 20, 100
	ctx, stop := context.WithCancel(t.Context())
	var writing, working sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for i := range each {
				err := b.tx(func(tx pgx.Tx) error { return audit.Append(ctx, tx, b.event(fmt.Sprint(i))) })
				for err != nil && ctx.Err() == nil {
					err = b.tx(func(tx pgx.Tx) error { return audit.Append(ctx, tx, b.event(fmt.Sprint(i))) })
				}
			}
		})
	}
	for range 2 {
		working.Go(func() {
			for ctx.Err() == nil {
				_ = b.trail.Seal(ctx) // cut off now and then
			}
		})
	}
	killed := 0
	for killed < kills {
		tag, err := b.owner().Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()`)
		if err == nil {
			killed += int(tag.RowsAffected())
		}
		b.append(b.event("goes on"))
	}
	writing.Wait()
	stop()
	working.Wait()
	last := b.newTrail(b.key)
	if last.Seal(t.Context()) != nil { // that a connection was cut off may be noticed only now
		b.must(last.Seal(t.Context()))
	}
	r := b.verify()
	b.wantOK(r)
	var written, distinct int64
	b.must(b.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM events), (SELECT count(DISTINCT event_id) FROM event_log)`).Scan(&written, &distinct))
	if r.Events != written || distinct != written || written < writers*each+1 || r.Waiting != 0 || r.Covered != written {
		t.Errorf("%+v of %d events", r, written)
	}
}

// No column of the trail is left out of what is proven, but for the voucher, which is
// none of what an event says.
func TestEveryColumnIsHashed(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(1)
	var exported bytes.Buffer
	_, err := audit.Export(t.Context(), b.pool, &exported, everything)
	b.must(err)
	rows, err := db.All(t.Context(), b.pool, pgx.RowTo[string], `SELECT attname::text FROM pg_attribute
		WHERE attrelid = 'events'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`)
	b.must(err)
	for _, column := range rows {
		if column != "voucher" && !slices.Contains(audit.HashedColumns(), column) {
			t.Errorf("%s is not hashed", column)
		}
	}
	if strings.Contains(exported.String(), `"session"`) {
		t.Error("what is empty is hashed, so that no column can be added")
	}
}

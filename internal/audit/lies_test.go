package audit_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Parts of the queries by which a trail is verified.
const (
	whenEvents = `current_query() LIKE '%FULL JOIN%'`
	whenTree   = `current_query() LIKE '%FROM event_log ORDER BY number'`
	whenSized  = `current_query() LIKE '%count(*)%'`
	whenOwn    = `current_query() LIKE '%LEFT JOIN event_log%'`
)

// lie puts a view in the place of a table, whose rows are then those of named_kept.
func (b *trailBundle) lie(table, view string) {
	b.t.Helper()
	b.done(b.owner().Exec(b.t.Context(), fmt.Sprintf(`ALTER TABLE %[1]s RENAME TO %[1]s_kept; CREATE VIEW %[1]s AS %[2]s; GRANT SELECT ON %[1]s TO PUBLIC`, table, view)))
}

func (b *trailBundle) done(_ any, err error) {
	b.t.Helper()
	b.must(err)
}

// leafOf is what the event with a number would have as its hash, as it is now.
func (b *trailBundle) leafOf(number int) string {
	b.t.Helper()
	var exported bytes.Buffer
	b.done(audit.Export(b.t.Context(), b.pool, &exported, everything))
	line := strings.Split(exported.String(), "\n")[1+number]
	var parts struct{ Event json.RawMessage }
	b.must(json.Unmarshal([]byte(line), &parts))
	hash := tlog.RecordHash(parts.Event)
	return `'\x` + hex.EncodeToString(hash[:]) + `'::bytea`
}

// A database that answers each query of verifying as it likes is found out, whichever
// of them it is.
func TestDatabaseThatLiesIsFound(t *testing.T) {
	t.Parallel()
	const rewritten = `UPDATE events SET actor_name = 'Bob' WHERE summary = 'event 7'`
	const removed = `DELETE FROM events WHERE summary = 'event 7'`
	hash := func(hash string) string {
		return `SELECT number, event_id, ` + hash + ` AS hash FROM event_log_kept`
	}
	for name, test := range map[string]struct {
		do, view    string // %s: the hash that the event now has
		where, what string
	}{
		"removed, and kept from who looks at events": {removed, `SELECT * FROM event_log_kept WHERE number <> 7 OR NOT ` + whenEvents, "event 7", "removed"},
		"removed, with another event twice":          {removed, `SELECT number, CASE WHEN number = 7 AND ` + whenEvents + ` THEN (SELECT event_id FROM event_log_kept WHERE number = 8) ELSE event_id END AS event_id, hash FROM event_log_kept`, "event 7", "changed"},
		"rewritten, for who looks at events":         {rewritten, hash(`CASE WHEN number = 7 AND ` + whenEvents + ` THEN %s ELSE hash END`), "event 7", "changed"},
		"rewritten, for all but who makes the tree":  {rewritten, hash(`CASE WHEN number = 7 AND NOT ` + whenTree + ` THEN %s ELSE hash END`), "event 7", "changed"},
		"rewritten, as one of the end":               {rewritten, `SELECT CASE WHEN number = 7 AND ` + whenEvents + ` THEN 1000 ELSE number END AS number, event_id, CASE WHEN number = 7 AND ` + whenEvents + ` THEN %s ELSE hash END AS hash FROM event_log_kept`, "event 7", "removed"},
		"rewritten, and none of it in the size":      {rewritten, hash(`CASE WHEN number = 7 AND `+whenEvents+` THEN %s ELSE hash END`) + ` WHERE NOT ` + whenSized, "event 7", "than another"},
		"put into the tree twice":                    {`UPDATE events SET reason = reason`, `SELECT * FROM event_log_kept UNION ALL SELECT * FROM event_log_kept WHERE number = 7 AND ` + whenTree, "event", "comes twice"},
		"removed at the end, which is not told of":   {`DELETE FROM events WHERE summary = 'event 299'`, `SELECT * FROM event_log_kept WHERE number < 299 OR NOT (` + whenEvents + ` OR ` + whenSized + `)`, "event 299", "beyond"},
		"put in, with a number beyond the end":       {`INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, summary) VALUES ('01900000-0000-7000-8000-000000000000', now(), 'put_in', 'done', 'i', 's', 'n', 'put in')`, `SELECT * FROM event_log_kept UNION ALL SELECT 1000, id, hash FROM events CROSS JOIN event_log_kept WHERE kind = 'put_in' AND number = 1 AND ` + whenEvents, "event 1000", "does not have"},
		"shown as waiting":                           {`INSERT INTO event_queue (event_id) SELECT id FROM events WHERE summary = 'event 7'`, `SELECT * FROM event_log_kept WHERE number <> 7 OR NOT ` + whenEvents, "event 7", "removed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupTrail(t)
			note := b.fill(300)
			b.asOwner(test.do)
			view := test.view
			if strings.Contains(view, "%s") {
				view = strings.ReplaceAll(view, "%s", b.leafOf(7))
			}
			b.lie("event_log", view)
			b.wantFault(b.verify(note), test.where, test.what)
		})
	}
}

// What an archive covers is bound like all else: another event cannot go in its place.
func TestArchiveIsBound(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.old(3)
	b.done(audit.Archive(t.Context(), b.owner(), b.trail, january, t.TempDir()+"/2024-01"))
	b.wantOK(b.verify())
	b.asOwner(`DELETE FROM events WHERE summary = 'event 1'`)
	b.lie("event_log", `SELECT * FROM event_log_kept WHERE NOT (number = 4 AND `+whenEvents+`)
		UNION ALL SELECT 1, '018cd000-0000-7000-8000-000000000009', hash FROM event_log_kept WHERE number = 4 AND `+whenEvents)
	r := b.verify()
	b.wantFault(r, "event 4", "removed")
	b.wantFault(r, "event 1", "removed")
}

// A root is signed when the tree has grown out of the one before, not when it was
// asked for that one and answered what was signed.
func TestSignedTreeGrowsOutOfTheOneBefore(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(300)
	b.append(slices.Repeat([]portal.Event{b.event("more")}, 300)...)
	b.done(b.trail.Sequence(t.Context()))
	// Event 270 is rewritten, and the stored hash above it, which the new root is made of.
	b.asOwner(`UPDATE events SET actor_name = 'Bob' WHERE id = (SELECT event_id FROM event_log WHERE number = 270)`)
	rewritten := b.leafOf(270)
	leaves, err := db.All(t.Context(), b.pool, pgx.RowTo[[]byte], `SELECT CASE WHEN number = 270 THEN `+rewritten+` ELSE hash END FROM event_log WHERE number BETWEEN 256 AND 511 ORDER BY number`)
	b.must(err)
	for len(leaves) > 1 {
		for i := range len(leaves) / 2 {
			node := tlog.NodeHash(tlog.Hash(leaves[2*i]), tlog.Hash(leaves[2*i+1]))
			leaves[i] = node[:]
		}
		leaves = leaves[:len(leaves)/2]
	}
	b.asOwner(`UPDATE tree_nodes SET hash = $1 WHERE level = 8 AND index = 1`, leaves[0])
	if _, err := b.trail.Checkpoint(t.Context()); err == nil || !strings.Contains(err.Error(), "does not continue") {
		t.Errorf("a rewritten trail is signed: %v", err)
	}
}

// The end cannot be put back for those who read anchors, and cut off for those who
// read the trail.
func TestAnchorsAreReadBeforeTheTrail(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(10)
	note := b.fill(5)
	tables := []string{"events", "event_log", "checkpoints"}
	for _, table := range tables {
		b.done(b.owner().Exec(t.Context(), `CREATE TABLE put_back_`+table+` AS TABLE `+table))
	}
	cut := func() {
		b.asOwner(`DELETE FROM events WHERE id IN (SELECT event_id FROM event_log WHERE number >= 10)`)
		b.asOwner(`DELETE FROM event_log WHERE number >= 10`)
		b.asOwner(`DELETE FROM checkpoints WHERE size > 10`)
	}
	cut()
	meanwhile := func(yield func(string, error) bool) {
		for _, table := range tables {
			b.asOwner(`INSERT INTO ` + table + ` SELECT * FROM put_back_` + table + ` ON CONFLICT DO NOTHING`)
		}
		yield(note, nil)
		cut()
	}
	r, err := audit.Verify(t.Context(), b.owner(), audit.VerifyOptions{Keys: []string{b.key.Public}, Anchors: []audit.AnchorNotes{{Name: "the anchor", Notes: meanwhile}}})
	b.must(err)
	b.wantFault(r, "checkpoint of 15 events in the anchor", "cut off")
}

// What a replaced key signs afterwards is believed nowhere, however it is put in.
func TestReplacedKeyStatesNothing(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.now = time.Now().Add(-time.Hour)
	b.fill(1)
	b.must(b.trail.RecordTold(t.Context())) // while the key was the trail's
	before, next, other := b.key, audittest.NewKey(t), audittest.NewKey(t)
	b.trail = b.newTrail(next, before)
	b.must(b.trail.Begin(t.Context()))
	b.must(b.trail.Seal(t.Context()))
	b.key, b.trail = next, b.newTrail(next)
	b.wantOK(b.verify())
	put := func(kind portal.EventKind, data map[string]any, err error) {
		t.Helper()
		b.must(err)
		text, err := json.Marshal(data)
		b.must(err)
		b.forge(kind, string(text))
		b.must(b.trail.Seal(t.Context()))
	}
	late := func() {
		b.append(b.event("dated back"))
		b.must(b.trail.Seal(t.Context()))
	}
	late() // 3
	data, err := audit.StateTold(3, 3, before)
	put(portal.EventTrailTold, data, err) // 4
	r := b.verify()
	b.wantFault(r, "event 4", "not believed")
	b.wantFault(r, "event 3", "dated back")
	list := b.search(portal.EventFilter{Kind: portal.EventCommented})
	marked, err := b.trail.Late(t.Context(), list)
	b.must(err)
	if len(list) != 2 || !marked[list[0].ID] || marked[list[1].ID] {
		t.Errorf("late: %v of %+v", marked, list)
	}

	// What says when it was replaced is put in once more, and it signs that it has
	// replaced another key, which then signs.
	var rotation string
	b.must(b.pool.QueryRow(t.Context(), `SELECT data::text FROM events WHERE kind = 'trail_key_changed'`).Scan(&rotation))
	data, err = audit.StateRotation(before, other)
	put(portal.EventTrailKey, data, err) // 5
	b.forge(portal.EventTrailKey, rotation)
	late() // 7
	data, err = audit.StateTold(7, 7, other)
	put(portal.EventTrailTold, data, err) // 8
	r = b.verify()
	b.wantFault(r, "event 5", "not believed")
	b.wantFault(r, "event 8", "not believed")
	b.wantFault(r, "event 7", "dated back")

	// The database says of the first of them that it was before the key was replaced.
	b.lie("event_log", `SELECT CASE WHEN number = 4 AND `+whenOwn+` THEN -number ELSE number END + CASE WHEN number = 2 AND `+whenOwn+` THEN 100 ELSE 0 END AS number, event_id, hash FROM event_log_kept`)
	r = b.verify()
	b.wantFault(r, "event 2", "did not show")
}

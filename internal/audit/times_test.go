package audit_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
)

const insertAsRuntime = `INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, summary) VALUES ($1, now(), 'sign_in', 'done', 'i', 's', 'n', 'put in')`

// Who has the role that serves can choose neither when an event was recorded nor its
// place among the others.
func TestEventsAreStamped(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	old := "0193" + uuid.Must(uuid.NewV7()).String()[4:]
	for _, id := range []string{old, "f" + old[1:], uuid.NewString()} {
		if _, err := b.pool.Exec(t.Context(), insertAsRuntime, id); err == nil || !strings.Contains(err.Error(), "of another time") {
			t.Errorf("an event with the id %s: %v", id, err)
		}
	}
	_, err := b.pool.Exec(t.Context(), strings.NewReplacer("(id,", "(recorded_at, id,", "($1,", "('2024-01-01', $1,").Replace(insertAsRuntime), uuid.Must(uuid.NewV7()))
	b.must(err)
	if e := b.search(portal.EventFilter{})[0]; time.Since(e.RecordedAt) > time.Minute {
		t.Errorf("recorded at %s", e.RecordedAt)
	}
}

// Nothing can be put in that would be hashed only in part, or not at all.
func TestEventsThatCannotBeHashed(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	for _, test := range []string{
		"actor_roles, '{{a,b},{c,d}}'", "actor_groups, ARRAY['a', NULL]", "clusters, '[2:3]={a,b}'", "clusters, '{{a}}'",
		"at, 'infinity'", "at, '-infinity'", "at, '0044-01-01 BC'", "at, '12026-01-01'", `data, E'{\n}'`,
	} {
		column, value, _ := strings.Cut(test, ", ")
		sql := strings.NewReplacer("(id, at,", "(id, at, "+column+",", "($1, now(),", "($1, now(), "+value+",").Replace(insertAsRuntime)
		if column == "at" {
			sql = strings.Replace(insertAsRuntime, "now()", value, 1)
		}
		if _, err := b.pool.Exec(t.Context(), sql, uuid.Must(uuid.NewV7())); err == nil {
			t.Errorf("%s is taken", test)
		}
	}
	b.wantOK(b.verify())
}

// No event is so long that a bundle that has it cannot be read; what Append writes is
// short enough, whatever it is given.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	for _, test := range []string{
		`data, to_json(repeat('x', 2000000))`, `summary, repeat('x', 3000)`, `reason, repeat('x', 5000)`, `subject, repeat('x', 20000)`,
		`target_id, repeat('x', 20000)`, `http_request, repeat('x', 20000)`, `actor_groups, ARRAY[repeat('x', 2000000)]`, `clusters, ARRAY[repeat('x', 2000000)]`,
	} {
		column, value, _ := strings.Cut(test, ", ")
		sql := strings.NewReplacer("(id, at,", "(id, at, "+column+",", "($1, now(),", "($1, now(), "+value+",").Replace(insertAsRuntime)
		if column == "summary" || column == "subject" {
			with := map[string]string{"summary": "'put in'", "subject": "'s'"}[column]
			sql = strings.Replace(insertAsRuntime, with, value, 1)
		}
		if _, err := b.pool.Exec(t.Context(), sql, uuid.Must(uuid.NewV7())); err == nil || !strings.Contains(err.Error(), "events_are_bounded") {
			t.Errorf("%s: %v", test, err)
		}
	}
	long := strings.Repeat("\u202e\U0001f600", 100_000)
	e := b.event(long)
	e.Reason, e.Target, e.Data = long, portal.EventTarget{Kind: portal.TargetCluster, ID: long, Name: long}, map[string]any{"one": long, "two": long, "three": 3}
	for range 1000 {
		e.Clusters = append(e.Clusters, strings.Repeat("x", 400))
	}
	b.append(e)
	b.fill(1)
	var exported bytes.Buffer
	b.done(audit.Export(t.Context(), b.pool, &exported, everything))
	r, err := audit.VerifyBundle(&exported, []string{b.key.Public})
	b.must(err)
	if !r.OK() || r.Events != 2 {
		t.Errorf("%+v", r)
	}
}

// What was put in past all of that is found, and what was there is not blamed.
func TestChangedFormsAreFound(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(10)
	_, err := b.owner().Exec(t.Context(), `ALTER TABLE events DROP CONSTRAINT events_actor_roles_check, DROP CONSTRAINT events_clusters_check`)
	b.must(err)
	b.asOwner(`UPDATE events SET actor_roles = '{{a,b},{c,d}}' WHERE summary = 'event 3'`)
	b.asOwner(`UPDATE events SET clusters = '[2:3]={c-1,c-2}' WHERE summary = 'event 4'`)
	r := b.verify()
	b.wantFault(r, "event 3 ", "changed afterwards")
	b.wantFault(r, "event 4 ", "changed afterwards")
	for _, f := range r.Faults {
		if f.Number >= 0 && f.Number != 3 && f.Number != 4 {
			t.Errorf("%+v", f)
		}
	}
}

// An event that is dated back or ahead in any of its times is told from the others,
// which are not.
func TestTimesAreCompared(t *testing.T) {
	t.Parallel()
	past, ahead := uuid.MustParse("0193"+uuid.Must(uuid.NewV7()).String()[4:]), uuid.MustParse("0293"+uuid.Must(uuid.NewV7()).String()[4:])
	sec, nsec := ahead.Time().UnixTime()
	yetToCome := time.Unix(sec, nsec).UTC().Format(time.RFC3339)
	for name, test := range map[string]struct {
		id           uuid.UUID
		recorded, at string
		what         string
	}{
		"its id alone":              {past, "now()", "now()", "its id is of"},
		"what it tells of":          {uuid.Nil, "now()", "now() - interval '1 day'", "dated back"},
		"recorded before":           {uuid.Nil, "now() - interval '1 hour'", "now() - interval '1 hour'", "its id is of"},
		"recorded in 1970":          {uuid.Nil, "'1970-01-01'", "now()", "its id is of"},
		"recorded in 1950":          {uuid.Nil, "'1950-01-01'", "now()", "its id is of"},
		"recorded in 2000":          {uuid.Nil, "'2000-01-01'", "now()", "its id is of"},
		"recorded in the future":    {uuid.Nil, "'2090-01-01'", "now()", "its id is of"},
		"all of it, and yet to be":  {ahead, "'" + yetToCome + "'", "'" + yetToCome + "'", "yet to come"},
		"all of it, and consistent": {firstOf(time.Now().Add(-time.Hour)), "now() - interval '1 hour'", "now() - interval '1 hour'", "before an event that has a smaller number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupTrail(t)
			b.fill(10)
			if test.id == uuid.Nil {
				test.id = uuid.Must(uuid.NewV7())
			}
			b.asOwner(fmt.Sprintf(`WITH e AS (INSERT INTO events (id, recorded_at, at, kind, outcome, issuer, subject, actor_name, summary)
				VALUES ('%s', %s, %s, 'sign_in', 'done', 'i', 's', 'n', 'put in') RETURNING id) INSERT INTO event_queue (event_id) SELECT id FROM e`, test.id, test.recorded, test.at))
			b.must(b.trail.Seal(t.Context()))
			b.fill(10)
			r := b.verify()
			b.wantFault(r, "event 10", test.what)
			if len(r.Faults) != 1 {
				t.Errorf("others are blamed: %+v", r.Faults)
			}
		})
	}
}

// firstOf is an id of a time.
func firstOf(at time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	ms := at.UnixMilli()
	for i := range 6 {
		id[5-i] = byte(ms >> (8 * i))
	}
	return id
}

// An event that is ahead of all others is blamed itself, not those after it.
func TestEventThatIsAhead(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	put := func(at time.Time) {
		b.asOwner(`WITH e AS (INSERT INTO events (id, recorded_at, at, kind, outcome, issuer, subject, actor_name, summary)
			VALUES ($1, $2, $2, 'replica_started', 'done', 'i', 's', 'n', 'put in') RETURNING id) INSERT INTO event_queue (event_id) SELECT id FROM e`, firstOf(at), at)
		b.must(b.trail.Seal(t.Context()))
	}
	start := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	for i := range 10 {
		if i == 4 {
			put(start.Add(12 * time.Hour))
		}
		put(start.Add(time.Duration(i) * time.Minute))
	}
	r := b.verify()
	b.wantFault(r, "event 4", "long after those that have larger numbers")
	if len(r.Faults) != 1 {
		t.Errorf("others are blamed: %+v", r.Faults)
	}
}

// What is told later is so by the word of the trail's key alone.
func TestToldLater(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.now = time.Now().Add(-90 * 24 * time.Hour)
	b.fill(5)
	b.wantFault(b.verify(), "event 4 ", "dated back")
	b.must(b.trail.RecordTold(t.Context()))
	b.must(b.trail.Seal(t.Context()))
	r := b.verify()
	b.wantOK(r)
	if r.Told != 5 || r.Events != 6 {
		t.Errorf("%+v", r)
	}
	b.fill(1)
	b.wantFault(b.verify(), "event 6 ", "dated back")
	b.forge(portal.EventTrailTold, `{"statement": "doks-portal audit told 1\n{}\n"}`)
	b.must(b.trail.Seal(t.Context()))
	b.wantFault(b.verify(), "event 7", "not believed")
}

// What has a number already can wait for one again, and keeps nobody from getting
// theirs.
func TestQueuedAgain(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	b.fill(2100)
	_, err := b.owner().Exec(t.Context(), `INSERT INTO event_queue (event_id) SELECT id FROM events`)
	b.must(err)
	b.append(b.event("an intent"))
	c, err := b.trail.Checkpoint(t.Context())
	b.must(err)
	if c.Size != 2101 {
		t.Errorf("%d events under the checkpoint", c.Size)
	}
	b.wantOK(b.verify())
}

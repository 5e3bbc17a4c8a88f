package audit_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
)

// intend records an intent that says what it must alone, or something in every column.
// anything lets everything be sent.
func anything(audit.History) error { return nil }

func (b *trailBundle) intend(bare bool) *audit.Intent {
	b.t.Helper()
	if bare {
		ctx, intent := audit.WithIntent(b.t.Context())
		b.must(b.tx(func(tx pgx.Tx) error {
			return audit.Append(ctx, tx, portal.Event{At: time.Now(), Kind: portal.EventIntent, Actor: b.ann, Summary: "About to send"})
		}))
		return intent
	}
	ctx := audit.WithOrigin(b.t.Context(), b.ann.Identity, portal.Origin{Email: "ann@example.com", Roles: []portal.Role{portal.RoleAdmin}, Groups: []string{"a \"group\"", "é,{}"},
		Session: "0123", Address: "203.0.113.7", UserAgent: "a\u202eb\x00c", HTTPRequest: "h"})
	ctx, intent := audit.WithIntent(ctx)
	b.must(b.tx(func(tx pgx.Tx) error {
		e := portal.Event{At: time.Now(), Kind: portal.EventIntent, Actor: b.ann, TeamID: strings.ToUpper(b.team.ID), RequestID: b.request.ID, Revision: 3,
			Target: portal.EventTarget{Kind: portal.TargetCluster, ID: "c-1", Name: "web <é>"}, Clusters: []string{"c-1", ""}, Summary: "About to send", Reason: "one\r\ntwo \x00",
			Data: map[string]any{"attempt": 1, "text": "a\x00 <é>\n"}}
		if err := audit.Append(ctx, tx, e); err != nil {
			return err
		}
		e.Kind, e.Summary = portal.EventCommented, "another one"
		return audit.Append(ctx, tx, e)
	}))
	return intent
}

// An intent is sealed when it is, as it was meant, under the root that was signed, and
// whatever the tables say otherwise is not enough.
func TestIntentIsALeafOfTheSignedTree(t *testing.T) {
	t.Parallel()
	const swallow = `CREATE FUNCTION swallow(u uuid) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET session_replication_role = replica AS $$
		DECLARE e events; line text;
		BEGIN
			SELECT * INTO e FROM events WHERE id = u AND kind = 'execution_intent';
			IF FOUND THEN `
	const swallowed = ` END IF;
			RETURN true;
		END $$; ALTER TABLE event_queue ADD CONSTRAINT looks_fine CHECK (swallow(event_id)) NOT VALID`
	const hash = `line := concat('{"id":"', e.id, '","recorded_at":"', to_char(e.recorded_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '","at":"', to_char(e.at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
		'","kind":"execution_intent","outcome":"done","issuer":', to_json(e.issuer), ',"subject":', to_json(e.subject), ',"actor_name":', to_json(e.actor_name), ',"actor_email":', to_json(e.actor_email),
		',"actor_roles":', array_to_json(e.actor_roles), ',"actor_groups":', array_to_json(e.actor_groups), ',"session":', to_json(e.session), ',"address":', to_json(e.address), ',"user_agent":', to_json(e.user_agent),
		',"http_request":', to_json(e.http_request), ',"team_id":"', e.team_id, '","request_id":"', e.request_id, '","revision":', e.revision, ',"target_kind":"cluster","target_id":', to_json(e.target_id),
		',"target_name":', to_json(e.target_name), ',"clusters":', array_to_json(e.clusters), ',"summary":', to_json(e.summary), ',"reason":', to_json(e.reason), ',"data":', e.data, '}');`
	for name, sql := range map[string]string{
		"nothing": ``,
		"it has a number that is none": `ALTER TABLE event_log DROP CONSTRAINT event_log_number_check; ` + swallow + hash + `
			INSERT INTO event_log VALUES (-1, e.id, sha256('\x00'::bytea || convert_to(line, 'UTF8')));` + swallowed,
		"it has a number beyond the tree": swallow + hash + `
			INSERT INTO event_log VALUES (1000000, e.id, sha256('\x00'::bytea || convert_to(line, 'UTF8')));` + swallowed,
		"it is swallowed, and another event shown": `CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET session_replication_role = replica AS $$ BEGIN
				DELETE FROM events WHERE id = NEW.event_id AND kind = 'execution_intent'; IF FOUND THEN DELETE FROM event_queue WHERE event_id = NEW.event_id; END IF; RETURN NULL; END $$;
			CREATE TRIGGER gone AFTER INSERT ON event_queue FOR EACH ROW EXECUTE FUNCTION gone()`,
		"it is another one when it is written": `CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.actor_name := 'Bob'; RETURN NEW; END $$;
			CREATE TRIGGER other BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION other()`,
		"it is another one afterwards": swallow + `UPDATE events SET actor_name = 'Bob' WHERE id = u;` + swallowed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupTrail(t)
			b.fill(300)
			b.done(b.owner().Exec(t.Context(), `SET timezone = 'UTC'; `+sql, pgx.QueryExecModeSimpleProtocol))
			err := b.trail.SealIntent(t.Context(), b.intend(false), anything)
			if name == "nothing" {
				b.must(err)
				b.must(b.trail.SealIntent(t.Context(), b.intend(true), anything))
				b.wantOK(b.verify())
			} else if err == nil || !strings.Contains(err.Error(), "not the one that was signed") {
				t.Errorf("it is sealed: %v", err)
			}
		})
	}
}

// What waits for a number and is no event, or has one of its own, is told of, and
// nothing is changed until it is gone.
func TestQueueThatWasChangedStopsTheTrail(t *testing.T) {
	t.Parallel()
	const put = `INSERT INTO event_queue (event_id, queued_at) VALUES ($1, clock_timestamp() + $2::interval)`
	for _, after := range []string{"-61 seconds", "100 years"} { // so that nothing is behind it
		b := setupTrail(t)
		b.fill(3)
		b.done(b.owner().Exec(t.Context(), put, uuid.UUID{15: 1}, after))
		if err := b.trail.Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "no such event") {
			t.Errorf("%v", err)
		}
		err := b.tx(func(tx pgx.Tx) error {
			e := b.event("now")
			e.Kind = portal.EventSubmitted
			return audit.Append(t.Context(), tx, e)
		})
		if !portal.Is(err, portal.KindUnavailable) {
			t.Errorf("something changes: %v", err)
		}
		trail, told := b.newTrail(b.key), make(chan portal.EventKind, 2)
		var mu sync.Mutex
		now := time.Now()
		trail.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); now = now.Add(20 * time.Second); return now }
		trail.Tell = func(_ context.Context, _ pgx.Tx, e portal.Event) error { told <- e.Kind; return nil }
		ctx, stop := context.WithCancel(t.Context())
		var working sync.WaitGroup
		working.Go(func() { trail.Run(ctx) })
		if kind := <-told; kind != portal.EventTrailStopped {
			t.Errorf("told of %s", kind)
		}
		b.done(b.owner().Exec(t.Context(), `DELETE FROM event_queue WHERE event_id = $1`, uuid.UUID{15: 1}))
		if kind := <-told; kind != portal.EventTrailResumed {
			t.Errorf("told of %s", kind)
		}
		stop()
		working.Wait()
	}
	b := setupTrail(t)
	b.fill(3)
	b.done(b.owner().Exec(t.Context(), `INSERT INTO event_queue (event_id) SELECT id FROM events`))
	b.asOwner(`UPDATE event_log SET hash = sha256('anything') WHERE number = 2`)
	if err := b.newTrail(b.key).Seal(t.Context()); err == nil || !strings.Contains(err.Error(), "not that of the tree") {
		t.Errorf("%v", err)
	}
}

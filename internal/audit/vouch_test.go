package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// vouching are the portal's connections, and its trail, with a key that is not in the
// database.
func (b *trailBundle) vouching(key audit.Signer, signers ...audit.Signer) (*pgxpool.Pool, *audit.Trail) {
	b.t.Helper()
	config := b.pool.Config()
	audit.Vouching(key)(config)
	pool, err := pgxpool.NewWithConfig(b.t.Context(), config)
	b.must(err)
	b.t.Cleanup(pool.Close)
	trail, err := audit.New(audit.Config{Pool: pool, Signers: append(signers, key), Vouched: true, Logger: b.trail.Logger, Now: time.Now})
	b.must(err)
	return pool, trail
}

func writes(ctx context.Context, pool *pgxpool.Pool, summary string) error {
	return db.WithTx(ctx, pool, func(tx pgx.Tx) error {
		e := benchEvent
		e.At, e.Summary = time.Now(), summary
		return audit.Append(ctx, tx, e)
	})
}

// What a process of the portal has written is signed; what anybody else puts in, as the
// role that serves or as the owner of the database, or has the database make of an event
// on its way, is not, and the trail stops.
func TestOnlyWhatThePortalWritesIsSigned(t *testing.T) {
	t.Parallel()
	const put = `INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, summary)
		SELECT (rpad(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7abc8', 32, '0'))::uuid,
			clock_timestamp(), 'review_approved', 'done', issuer, subject, actor_name, 'put in' FROM events LIMIT 1`
	for name, c := range map[string]struct{ runtime, owner string }{
		"nothing":                   {},
		"an event":                  {runtime: put},
		"an event, with its number": {runtime: put + `; SELECT number_events(ARRAY[(SELECT event_id FROM event_queue)], ARRAY[sha256('x')])`},
		"another's voucher":         {runtime: strings.NewReplacer("summary)", "summary, voucher)", "'put in'", "'put in', voucher").Replace(put)},
		"in the name of a command": {runtime: `INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, summary)
			SELECT (rpad(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7abc8', 32, '0'))::uuid,
				clock_timestamp(), 'schema_migrated', 'done', 'portal', 'platform-approver', 'Petra', 'Petra approved #1' `},
		"a command that says something else": {runtime: `INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, summary)
			SELECT (rpad(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7abc8', 32, '0'))::uuid,
				clock_timestamp(), 'schema_migrated', 'done', 'portal', 'migrate', 'portal migrate', 'Petra approved #1' `},
		"another actor": {owner: `CREATE OR REPLACE FUNCTION stamp_event() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN NEW.recorded_at := clock_timestamp(); NEW.subject := 'somebody else'; RETURN NEW; END $$`},
		"another summary": {owner: `CREATE OR REPLACE FUNCTION stamp_event() RETURNS trigger LANGUAGE plpgsql AS
			$$ BEGIN NEW.recorded_at := clock_timestamp(); NEW.summary := 'nothing much'; RETURN NEW; END $$`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setupTrail(t)
			pool, trail := b.vouching(audittest.NewKey(t))
			b.must(writes(t.Context(), pool, "first"))
			signed, err := trail.Checkpoint(t.Context())
			b.must(err)
			if c.owner != "" {
				b.asOwner(c.owner)
			}
			if c.runtime != "" {
				_, err := pool.Exec(t.Context(), c.runtime, pgx.QueryExecModeSimpleProtocol)
				b.must(err)
			}
			b.must(writes(t.Context(), pool, "second"))
			after, err := trail.Checkpoint(t.Context())
			switch {
			case name == "nothing" && (err != nil || after.Size != signed.Size+1):
				t.Errorf("%d events are signed: %v", after.Size, err)
			case name != "nothing" && !errors.Is(err, audit.ErrTampered):
				t.Errorf("it is signed: %v", err)
			}
		})
	}
}

// While keys are changed, what a process with the old one has written is signed.
func TestVouchersOfTheOldKey(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	old, now, stranger := audittest.NewKey(t), audittest.NewKey(t), audittest.NewKey(t)
	before, _ := b.vouching(old)
	b.must(writes(t.Context(), before, "by the old key"))
	_, trail := b.vouching(now, old)
	if _, err := trail.Checkpoint(t.Context()); err != nil {
		t.Errorf("what the old key vouches for is not signed: %v", err)
	}
	other, _ := b.vouching(stranger)
	b.must(writes(t.Context(), other, "by nobody's key"))
	if _, err := trail.Checkpoint(t.Context()); !errors.Is(err, audit.ErrTampered) {
		t.Errorf("what a key of nobody's vouches for is signed: %v", err)
	}
}

// Commands that have no key say what they do, and nothing else.
func TestCommandsWithoutAKey(t *testing.T) {
	t.Parallel()
	b := setupTrail(t)
	_, trail := b.vouching(audittest.NewKey(t))
	without := func(e portal.Event) error {
		return db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error { return audit.Append(t.Context(), tx, e) })
	}
	for _, e := range []portal.Event{audit.Migration(time.Now(), 0, 2, "1.0"), audit.CommandExport(time.Now(), 12, time.Now(), time.Now(), "5a")} {
		b.must(without(e))
		if _, err := trail.Checkpoint(t.Context()); err != nil {
			t.Errorf("%s: it is not signed: %v", e.Kind, err)
		}
	}
	for _, change := range []func(*portal.Event){
		func(e *portal.Event) { e.Actor = benchEvent.Actor },
		func(e *portal.Event) { e.Data["approved_by"] = "Petra Platform" },
		func(e *portal.Event) { e.Data["version"] = "1.0, approved by Petra Platform" },
	} {
		b := setupTrail(t)
		_, trail := b.vouching(audittest.NewKey(t))
		e := audit.Migration(time.Now(), 1, 2, "1.0")
		change(&e)
		b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error { return audit.Append(t.Context(), tx, e) }))
		if _, err := trail.Checkpoint(t.Context()); !errors.Is(err, audit.ErrTampered) {
			t.Errorf("something else is signed: %v", err)
		}
	}
}

func (b *trailBundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

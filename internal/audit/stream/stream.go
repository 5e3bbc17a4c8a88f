// Package stream sends the events of the audit trail to a SIEM as they get their
// numbers: each at least once, in their order, from one replica at a time. How far it
// is stands in the database, and goes on only once the receiver has taken what was
// sent. Nothing waits for it. It owns the SQL of audit_streams; docs/audit.md says what
// a receiver can rely on.
package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/remote"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// How much is sent at once, and how long the receiver may take for it: less than a
// transaction may be idle.
const (
	batchEvents = 500
	batchBytes  = 1 << 20
	sendFor     = 30 * time.Second
)

// BehindAfter is how late events may be until admins and auditors are told.
const BehindAfter = 10 * time.Minute

// Stream sends the trail to a target. Every replica has one; by a lock in the database
// one of them sends at a time.
type Stream struct {
	Pool   *pgxpool.Pool
	Trail  *audit.Trail
	Target *Target
	Logger *slog.Logger
	Now    func() time.Time
	Began  time.Time // when this process did: what there was before was not due earlier
	// Tell hears of what admins and auditors must know; nil for nobody.
	Tell func(ctx context.Context, tx pgx.Tx, e portal.Event) error

	within time.Duration // how long the receiver may take; zero: sendFor
	looked time.Time     // when it last looked how late events are
}

// Run sends until ctx ends. What cannot be sent is tried again for ever.
func (s *Stream) Run(ctx context.Context) {
	const lookEvery = time.Second
	for ctx.Err() == nil {
		more, err := s.Step(ctx)
		if err != nil && ctx.Err() == nil {
			s.Logger.Error("the stream of the audit trail", "target", s.Target.String(), "error", err)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

// position is how far a stream is.
type position struct {
	Next     int64  // number of the event that is sent next
	Mark     []byte // by which the portal vouches for that
	Attempts int    // that failed since something was taken
	RetryAt  *time.Time
	Told     bool // that it is far behind
}

// Step sends the next batch, unless another replica sends or the last one has just
// failed, and reports whether there may be more right away. That the receiver did not
// take it is noted, and no error.
func (s *Stream) Step(ctx context.Context) (more bool, err error) {
	var p position
	var late delay
	err = db.WithTx(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		var mine bool
		if p, mine, err = s.claim(ctx, tx); err != nil || !mine || (p.RetryAt != nil && s.Now().Before(*p.RetryAt)) {
			return err
		}
		if !s.Trail.Marks(s.Target.String(), p.Next, p.Mark) {
			more = true
			return s.beginAgain(ctx, tx)
		}
		events, next, err := s.Trail.Next(ctx, p.Next, batchEvents, batchBytes)
		if err != nil || next == p.Next {
			return err
		}
		if len(events) > 0 {
			if why := s.send(ctx, events); why != nil {
				late = delay{s.late(events[0].RecordedAt), why.Error(), true}
				return errors.Join(ctx.Err(), s.failed(ctx, tx, p, why))
			}
			late = delay{s.late(events[len(events)-1].RecordedAt), "", true}
		}
		more = true
		return s.moved(ctx, tx, next)
	})
	switch {
	case late.known && (late.by > BehindAfter) != p.Told:
		err = errors.Join(err, s.tell(ctx, late)) // in a transaction of its own: what was sent is noted, whatever becomes of it
	case !late.known && ctx.Err() == nil:
		err = errors.Join(err, s.lookBehind(ctx, err))
	}
	return more && err == nil, err
}

// lookBehind looks, every now and then, how late events are that were not sent, whatever
// keeps this process from sending them: another that has the lock and does nothing, or
// who only says that it is too early.
func (s *Stream) lookBehind(ctx context.Context, why error) error {
	const every = 30 * time.Second
	if s.Now().Sub(s.looked) < every {
		return nil
	}
	s.looked = s.Now()
	st, err := s.Status(ctx)
	if err != nil || !st.Behind {
		return err
	}
	late := delay{by: s.late(st.Since), why: st.Fault}
	if why != nil {
		late.why = why.Error()
	}
	return s.tell(ctx, late)
}

// delay is how late events are, as the last attempt has shown.
type delay struct {
	by    time.Duration
	why   string
	known bool
}

// claim takes the lock of the stream, if nobody has it, and reads how far it is. The
// lock ends with the transaction, so that nobody else sends before what was sent here
// is noted, or given up with the connection.
func (s *Stream) claim(ctx context.Context, tx pgx.Tx) (p position, mine bool, err error) {
	const streamLock = 7363019525 // the number has no meaning
	mine, err = db.One(ctx, tx, pgx.RowTo[bool], `SELECT pg_try_advisory_xact_lock(@lock)`, pgx.StrictNamedArgs{"lock": int64(streamLock)})
	if err != nil || !mine {
		return p, mine, err
	}
	list, err := db.All(ctx, tx, pgx.RowToStructByName[position], `SELECT next, mark, attempts, told,
			CASE WHEN retry_at <= @latest THEN retry_at END AS retry_at FROM audit_streams WHERE name = @name`,
		pgx.StrictNamedArgs{"name": s.Target.String(), "latest": s.Now().Add(longestWait)})
	if err != nil {
		return p, false, err
	}
	if len(list) > 0 {
		return list[0], true, nil
	}
	p.Mark = s.Trail.Mark(s.Target.String(), 0)
	_, err = tx.Exec(ctx, `INSERT INTO audit_streams (name, mark) VALUES (@name, @mark)`, pgx.StrictNamedArgs{"name": s.Target.String(), "mark": p.Mark})
	return p, true, db.Wrap(err)
}

// beginAgain has all events sent again, when somebody else than the portal has changed
// how far the stream is: rather twice than never.
func (s *Stream) beginAgain(ctx context.Context, tx pgx.Tx) error {
	if err := s.moved(ctx, tx, 0); err != nil {
		return err
	}
	e := portal.Event{At: s.Now(), Kind: portal.EventStreamBehind, Actor: portal.System("stream").Person(), Target: portal.EventTarget{Kind: portal.TargetTrail},
		Summary: "How far the SIEM has the events was changed in the database, so all are sent again: " + s.Target.String()}
	if err := audit.Append(ctx, tx, e); err != nil || s.Tell == nil {
		return err
	}
	return s.Tell(ctx, tx, e)
}

// send has the receiver take events.
func (s *Stream) send(ctx context.Context, events []audit.Entry) error {
	lines := make([][]byte, len(events))
	for i, e := range events {
		var err error
		if lines[i], err = s.Target.format.Line(e); err != nil {
			return fmt.Errorf("event %d cannot be written: %w", e.Number, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.within, sendFor))
	defer cancel()
	if err := s.Target.send(ctx, events, lines); err != nil {
		return errors.New(remote.Explain(ctx, err, s.Target.secrets))
	}
	return nil
}

// moved notes that all before a number was taken.
func (s *Stream) moved(ctx context.Context, tx pgx.Tx, next int64) error {
	_, err := tx.Exec(ctx, `UPDATE audit_streams SET next = @next, mark = @mark, at = @now, fault = '', attempts = 0, retry_at = NULL WHERE name = @name`,
		pgx.StrictNamedArgs{"name": s.Target.String(), "next": next, "mark": s.Trail.Mark(s.Target.String(), next), "now": s.Now()})
	return db.Wrap(err)
}

// longestWait is after how long at the most a batch that was not taken is sent again.
const longestWait = time.Minute

// failed notes that the receiver did not take a batch, and when to try again.
func (s *Stream) failed(ctx context.Context, tx pgx.Tx, p position, why error) error {
	wait := min(longestWait, time.Second<<max(0, min(p.Attempts, 6)))
	_, err := tx.Exec(ctx, `UPDATE audit_streams SET fault = @fault, fault_at = @now, attempts = attempts + 1, retry_at = @retry WHERE name = @name`,
		pgx.StrictNamedArgs{"name": s.Target.String(), "fault": why.Error(), "now": s.Now(), "retry": s.Now().Add(wait)})
	return db.Wrap(err)
}

// late is for how long an event has been due. What there was when this process began was
// not due before, whatever the database says of when the stream did.
func (s *Stream) late(recorded time.Time) time.Duration {
	if s.Began.After(recorded) {
		recorded = s.Began
	}
	return s.Now().Sub(recorded)
}

// tell puts on the trail, once, that the stream is far behind, or that it no longer is,
// and tells whom it concerns.
func (s *Stream) tell(ctx context.Context, late delay) error {
	behind := late.by > BehindAfter
	e := portal.Event{At: s.Now(), Kind: portal.EventStreamResumed, Actor: portal.System("stream").Person(), Target: portal.EventTarget{Kind: portal.TargetTrail},
		Summary: "Events reach the SIEM again: " + s.Target.String()}
	if behind {
		e.Kind, e.Reason = portal.EventStreamBehind, late.why
		e.Summary = fmt.Sprintf("Events have not reached the SIEM for %d minutes: %s", int(late.by.Minutes()), s.Target)
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE audit_streams SET told = @told WHERE name = @name AND told <> @told`, pgx.StrictNamedArgs{"name": s.Target.String(), "told": behind})
		if err != nil || tag.RowsAffected() == 0 { // another replica has
			return err
		}
		if err := audit.Append(ctx, tx, e); err != nil || s.Tell == nil {
			return err
		}
		return s.Tell(ctx, tx, e)
	})
}

// Status is how far a stream is, for people.
type Status struct {
	Target  string
	Waiting int64     // events that have numbers and were not taken
	Since   time.Time // when the first of these was recorded; zero when there is none
	At      time.Time // when something was last taken; zero: never
	Fault   string    // of the last attempt; empty when that worked
	Behind  bool      // for longer than BehindAfter
}

// Status looks how far the stream is. Only who may read the trail may see it.
func (s *Stream) Status(ctx context.Context) (Status, error) {
	type row struct {
		Waiting int64
		Since   *time.Time
		At      *time.Time
		Fault   string
	}
	r, err := db.One(ctx, s.Pool, pgx.RowToStructByName[row], `
		SELECT greatest(size - next, 0) AS waiting, at, fault,
			(SELECT e.recorded_at FROM event_log l JOIN events e ON e.id = l.event_id WHERE l.number >= next AND l.number < next + @most ORDER BY l.number LIMIT 1) AS since
		FROM (SELECT coalesce(max(number) + 1, 0) AS size FROM event_log) log,
			(SELECT coalesce(max(next), 0) AS next, max(at) AS at, coalesce(max(fault), '') AS fault FROM audit_streams WHERE name = @name) stream`,
		pgx.StrictNamedArgs{"name": s.Target.String(), "most": batchEvents})
	if err != nil {
		return Status{}, err
	}
	st := Status{Target: s.Target.String(), Waiting: r.Waiting, Fault: r.Fault, Since: deref(r.Since), At: deref(r.At)}
	st.Behind = r.Since != nil && s.late(*r.Since) > BehindAfter
	return st, nil
}

// deref is what a column that may be NULL has, the zero time for that.
func deref(t *time.Time) (at time.Time) {
	if t != nil {
		at = *t
	}
	return at
}

package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// stoppedAfter is how long the trail may fail before that is an event of its own: as
// long as until nothing is changed any more.
const stoppedAfter = 60 * time.Second

// runner is a trail at work.
type runner struct {
	*Trail
	signed  time.Time // when a checkpoint was last due
	failing time.Time // since when it fails; zero: it does not
	told    bool      // that it does
}

// Run gives numbers, signs and anchors until ctx ends.
func (t *Trail) Run(ctx context.Context) {
	r := &runner{Trail: t}
	tick := time.NewTicker(sequenceEvery)
	defer tick.Stop()
	for {
		r.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *runner) round(ctx context.Context) {
	err := r.step(ctx)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		r.failing = time.Time{}
		if r.told {
			r.told = r.record(ctx, portal.EventTrailResumed, "Events are put under checkpoints again", nil) != nil
		}
	case r.failing.IsZero():
		r.failing = r.Now()
		r.Logger.Error("the audit trail is not put under checkpoints", "error", err)
	case !r.told && r.Now().Sub(r.failing) > stoppedAfter:
		r.told = r.record(ctx, portal.EventTrailStopped, "Events are not put under checkpoints, so nothing is changed until they are", err) == nil
	}
}

// step gives numbers to what waits, and signs and anchors when that is due.
func (r *runner) step(ctx context.Context) error {
	waiting, err := r.waiting(ctx)
	if err != nil {
		return err
	}
	for numbered := sequenceMost; numbered == sequenceMost; {
		if numbered, err = r.Sequence(ctx, false); err != nil {
			return err
		}
	}
	if since := r.Now().Sub(waiting); !waiting.IsZero() && since > stoppedAfter && !r.told {
		err := r.record(ctx, portal.EventTrailResumed, fmt.Sprintf("Events are put under checkpoints again, after %s without", since.Round(time.Second)), nil)
		if err != nil {
			return err
		}
	}
	if r.Now().Sub(r.signed) < checkpointEvery {
		return nil
	}
	r.signed = r.Now()
	c, err := r.Checkpoint(ctx)
	if err != nil {
		return err
	}
	return r.anchorAll(ctx, c)
}

// waiting is since when the oldest event waits for a number, zero when none does.
func (t *Trail) waiting(ctx context.Context) (time.Time, error) {
	list, err := db.All(ctx, t.Pool, pgx.RowTo[time.Time], `SELECT queued_at FROM event_queue ORDER BY event_id LIMIT 1`)
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return list[0], nil
}

// MakePartitions makes the partitions of the next months' events. A task calls it.
func (t *Trail) MakePartitions(ctx context.Context) error {
	_, err := t.Pool.Exec(ctx, `SELECT make_event_partitions()`)
	return db.Wrap(err)
}

// record puts on the trail what became of it, and tells whom it concerns.
func (t *Trail) record(ctx context.Context, kind portal.EventKind, summary string, why error) error {
	e := portal.Event{At: t.Now(), Kind: kind, Actor: self, Target: portal.EventTarget{Kind: portal.TargetTrail, ID: t.Origin()}, Summary: summary}
	if why != nil {
		e.Reason = why.Error()
	}
	err := db.WithTx(ctx, t.Pool, func(tx pgx.Tx) error {
		if err := Append(ctx, tx, e); err != nil || t.Tell == nil {
			return err
		}
		return t.Tell(ctx, tx, e)
	})
	if err != nil {
		t.Logger.Error("what became of the audit trail is not on it", "kind", kind, "error", err)
	}
	return err
}

// VerifyAll verifies the trail by the portal's own key and by the anchors that it reads, and puts on the trail what was found. A task calls it every day.
func (t *Trail) VerifyAll(ctx context.Context) error {
	o := VerifyOptions{}
	for _, s := range t.Signers {
		o.Keys = append(o.Keys, s.Public)
	}
	for _, r := range t.Readers {
		o.Anchors = append(o.Anchors, AnchorNotes{Name: r.String(), Notes: r.Checkpoints(ctx)})
	}
	report, err := Verify(ctx, t.Pool, o)
	if err != nil {
		return err
	}
	e := portal.Event{At: t.Now(), Kind: portal.EventTrailVerified, Actor: self, Target: portal.EventTarget{Kind: portal.TargetTrail, ID: t.Origin()},
		Summary: fmt.Sprintf("The trail was verified: %d events, nothing was changed", report.Events),
		Data:    map[string]any{"events": report.Events, "checkpoints": report.Checkpoints, "anchored": report.Anchored, "faults": len(report.Faults) + report.More}}
	if !report.OK() {
		e.Result = portal.ResultFailed
		e.Summary = fmt.Sprintf("The trail is not what was signed: %d faults, the first: %s: %s", len(report.Faults)+report.More, report.Faults[0].Where, report.Faults[0].What)
		err = errors.New(e.Summary)
	}
	return errors.Join(err, db.WithTx(ctx, t.Pool, func(tx pgx.Tx) error {
		if err := Append(ctx, tx, e); err != nil || report.OK() || t.Tell == nil {
			return err
		}
		return t.Tell(ctx, tx, e)
	}))
}

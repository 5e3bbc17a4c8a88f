package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit/anchor"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// stoppedAfter is how long the trail may fail before that is an event of its own: as
// long as until nothing is changed any more.
const stoppedAfter = 60 * time.Second

// Run gives numbers and signs, and has anchors take what was signed, until ctx ends.
func (t *Trail) Run(ctx context.Context) {
	var working sync.WaitGroup
	sequencer := &runner{Trail: t, stopped: "Events are not put under checkpoints, so nothing is changed until they are", resumed: "Events are put under checkpoints again"}
	working.Go(func() { sequencer.repeat(ctx, sequenceEvery, sequencer.sequence) })
	if len(t.Anchors) > 0 { // on its own: an anchor may take long
		anchors := &runner{Trail: t, stopped: "No anchor takes checkpoints, so nothing is sent to DigitalOcean until one does", resumed: "Anchors take checkpoints again"}
		working.Go(func() { anchors.repeat(ctx, checkpointEvery, anchors.anchorNewest) })
	}
	working.Wait()
}

// runner does one of a trail's works again and again.
type runner struct {
	*Trail
	stopped, resumed string // what the trail says when it fails for long, and after that

	signed  time.Time // when a checkpoint was last due
	failing time.Time // since when it fails; zero: it does not
	told    bool      // that it does
}

func (r *runner) repeat(ctx context.Context, every time.Duration, work func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		r.judge(ctx, work(ctx))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// judge takes note of whether it worked.
func (r *runner) judge(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil:
		r.failing = time.Time{}
		if r.told {
			r.told = r.record(ctx, portal.EventTrailResumed, r.resumed, nil) != nil
		}
	case r.failing.IsZero():
		r.failing = r.Now()
		r.Logger.Error("the audit trail", "error", err)
	case !r.told && r.Now().Sub(r.failing) > stoppedAfter:
		r.told = r.record(ctx, portal.EventTrailStopped, r.stopped, err) == nil
	}
}

// sequence gives numbers to what waits, and signs when that is due. While signing
// fails nothing gets a number either, so that changes stop.
func (r *runner) sequence(ctx context.Context) error {
	waiting, err := r.waiting(ctx)
	if err != nil {
		return err
	}
	if r.failing.IsZero() && r.Now().Sub(r.signed) < checkpointEvery {
		if waiting.IsZero() {
			return nil
		}
		for more := true; more; {
			if more, err = r.Sequence(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	r.signed = r.Now()
	if _, err := r.Checkpoint(ctx); err != nil {
		return err
	}
	if since := r.Now().Sub(waiting); !waiting.IsZero() && since > stoppedAfter && !r.told {
		return r.record(ctx, portal.EventTrailResumed, fmt.Sprintf("%s, after %s without", r.resumed, since.Round(time.Second)), nil)
	}
	return nil
}

// anchorNewest has the anchors take the newest checkpoint. It fails when none of
// those that are prompt has it.
func (r *runner) anchorNewest(ctx context.Context) error {
	stored, err := newestCheckpoint(ctx, r.Pool)
	if err != nil {
		return err
	}
	c, err := r.opened(stored) // nobody else's is handed on, least of all to where it stays
	if err != nil || c.Size == 0 {
		return err
	}
	late := r.anchorAll(ctx, c)
	if late != nil && r.anchored(c) && !errors.Is(late, ErrTampered) {
		r.Logger.Warn("an anchor of the audit trail", "error", late)
		return nil
	}
	return late
}

// waiting is since when the oldest event waits for a number, zero when none does.
func (t *Trail) waiting(ctx context.Context) (time.Time, error) {
	list, err := db.All(ctx, t.Pool, pgx.RowTo[time.Time], `SELECT queued_at FROM event_queue ORDER BY place LIMIT 1`)
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

// VerifyAll verifies the trail by the portal's own key and by the anchors that it
// reads, and puts on the trail what was found. A task calls it every day.
func (t *Trail) VerifyAll(ctx context.Context) error {
	o := VerifyOptions{Now: t.Now(), Keys: t.publicKeys()}
	for _, r := range t.Readers {
		switch there, err := t.republish(ctx, r); {
		case err != nil:
			return err
		case !there:
			continue // there is no checkpoint yet
		}
		o.Anchors = append(o.Anchors, AnchorNotes{Name: r.String(), Live: true, Notes: r.Checkpoints(ctx)})
	}
	report, err := Verify(ctx, t.Pool, o)
	if err != nil {
		return err
	}
	e := portal.Event{At: t.Now(), Kind: portal.EventTrailVerified, Actor: self, Target: portal.EventTarget{Kind: portal.TargetTrail, ID: t.Origin()},
		Summary: fmt.Sprintf("The trail was verified: %d events, nothing was changed", report.Events),
		Data:    map[string]any{"events": report.Events, "checkpoints": report.Checkpoints, "anchored": report.AnchorCheckpoints(), "archived": report.Archived, "faults": len(report.Faults) + report.More}}
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

// republish has the anchor that is read take the newest checkpoint, which its file
// does not have if somebody has moved that away since. It reports whether there is one.
func (t *Trail) republish(ctx context.Context, r anchor.Reader) (bool, error) {
	c, err := t.Checkpoint(ctx)
	for _, a := range t.Anchors {
		if err == nil && c.Size > 0 && a.String() == r.String() {
			err = t.publish(ctx, a, c)
		}
	}
	return c.Size > 0, err
}

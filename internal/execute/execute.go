// Package execute carries out approved requests: it commits the intent, makes
// at most one call to DigitalOcean that may have an effect, commits the
// outcome, and follows the effect until it is final. Package jobs says when.
package execute

import (
	"cmp"
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/doapi"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
)

// callFor bounds a call. An attempt that has no outcome after twice that time
// was cut off: whoever made it can no longer be about to send it.
const callFor = 30 * time.Second

// Pace says how long to wait between looks.
type Pace struct {
	Settle time.Duration // while an effect is awaited
	Wait   time.Duration // while something in the way of a call may pass
	Grace  time.Duration // for a lost call's effect to appear
	Most   time.Duration // for an accepted call's effect to be complete
}

// DefaultPace suits DigitalOcean, where a cluster takes minutes.
var DefaultPace = Pace{Settle: 10 * time.Second, Wait: 30 * time.Second, Grace: 10 * time.Minute, Most: 6 * time.Hour}

// Executor carries out requests. All members but StepUpWithin must be set.
type Executor struct {
	Pool   *pgxpool.Pool
	DO     *doapi.Client
	People portal.People
	Rules  *rulebook.Service
	Pauses *pauses.Service
	Now    func() time.Time
	Trail  Sealer
	Logger *slog.Logger
	Pace   Pace

	StepUpWithin time.Duration // how old the sign-in may be of who collects; zero: portal.FreshFor
}

// Sealer puts what is on the audit trail under a checkpoint, a call's intent above
// all, and anchors that. Its error says that this did not work, so that nothing may be
// sent.
type Sealer interface {
	SealIntent(ctx context.Context, intent *audit.Intent, judge func(audit.History) error) error
}

// self is the actor of what the executor does by itself.
var self = portal.System("executor").Person()

// done says that a request needs no further step.
const done = time.Duration(-1)

// Advance is Step for the job queue. It returns after how long to take the next
// step, and whether there is one. A failure of the portal's own, like a database
// that is away, is no end: the step is taken again.
func (e *Executor) Advance(ctx context.Context, requestID string) (wait time.Duration, more bool) {
	next, err := e.Step(doapi.Background(ctx), requestID)
	switch {
	case portal.Is(err, portal.KindConflict):
		return e.Pace.Settle, true // another replica moved it; look again
	case err != nil:
		e.Logger.Error("step of a request failed", "request", requestID, "error", err)
		return e.Pace.Wait, true
	}
	return next, next != done
}

// Step takes a request one step on and returns after how long to take the
// next; done when there is none. Steps may be repeated, and taken by several
// replicas at once: only one of them moves the request.
func (e *Executor) Step(ctx context.Context, requestID string) (time.Duration, error) {
	r, err := store.RequestByID(ctx, e.Pool, requestID)
	if err != nil {
		return 0, err
	}
	switch r.State {
	case portal.Approved:
		if r.Operation.Risk() == portal.RiskSecret {
			return done, nil // its requester collects it, see Collect
		}
		if !r.Released() {
			return done, nil // its campaign starts it
		}
		if early, why := e.tooEarly(r); early > 0 {
			return min(early, e.Pace.Wait), e.explain(ctx, r, why) // it may be stopped or planned again meanwhile
		}
		if r.Operation.Own() {
			return e.carryOutOwn(ctx, r)
		}
		return e.carryOut(ctx, r)
	case portal.Executing:
		return e.recover(ctx, r)
	case portal.Unknown:
		return e.reconcile(ctx, r)
	case portal.Settling:
		return e.settle(ctx, r)
	}
	return done, nil
}

// tooEarly is how long it takes until a request may be carried out: after its
// cool-off, when its requester wants it, and while the policy's windows are
// open.
func (e *Executor) tooEarly(r portal.Request) (wait time.Duration, why string) {
	now := e.Now()
	if now.Before(r.StartsAt) {
		return r.StartsAt.Sub(now), r.Reason // its page says from when on it is carried out
	}
	if r.ActiveBreakGlass() != nil {
		return 0, ""
	}
	switch opens := portal.NextOpening(r.Plan.Verdict.Windows, now); {
	case opens.IsZero():
		return e.Pace.Wait, "The policy allows this only in windows that never open."
	case opens.After(now):
		return opens.Sub(now), "Waiting for the next window in which the policy allows this: " + opens.UTC().Format("2 January 2006 15:04 MST") + "."
	}
	return 0, ""
}

// carryOut makes the call of an approved request, unless something has changed
// or is in the way.
func (e *Executor) carryOut(ctx context.Context, r portal.Request) (time.Duration, error) {
	look, o := e.check(ctx, r)
	if o.blocks() {
		return e.stop(ctx, r, o)
	}
	// The time to send is bounded from before the intent is committed, so that
	// a worker that was paused in between sends nothing afterwards. A process that
	// is being stopped lets the call end: what it would leave behind is unknown.
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), callFor)
	defer cancel()
	attempt, intent, o := e.commitIntent(ctx, r, self, look)
	if o.blocks() {
		return e.stop(ctx, r, o)
	}
	r.State = portal.Executing
	var a answer
	err := e.seal(call, intent, r)
	if err == nil {
		a, err = e.send(call, r, look.clusters)
	}
	return e.commitOutcome(ctx, r, attempt, look.try, a, err)
}

// unsealedError says that nothing was sent, because the intent to is under no
// checkpoint.
type unsealedError struct{ error }

// Unwrap returns why.
func (e unsealedError) Unwrap() error { return e.error }

// seal makes sure that nobody can take the intent off the trail unseen, before the
// call that it announces is made, and that the request may be sent by what is signed.
func (e *Executor) seal(ctx context.Context, intent *audit.Intent, r portal.Request) error {
	err := e.Trail.SealIntent(ctx, intent, func(history audit.History) error {
		return standing(r, history, e.Now())
	})
	if err != nil {
		e.Logger.Error("the audit trail does not vouch for what is about to be sent, so nothing is sent", "request", r.Number, "error", err)
		return unsealedError{err}
	}
	return nil
}

// stop does with a request what an obstacle demands.
func (e *Executor) stop(ctx context.Context, r portal.Request, o blocker) (time.Duration, error) {
	switch {
	case o.err != nil:
		return 0, o.err
	case o.moved:
		return 0, nil
	case o.stale != "":
		return done, e.makeStale(ctx, r, o.stale)
	}
	return cmp.Or(o.next, e.Pace.Wait), e.explain(ctx, r, o.wait)
}

package execute

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// Collect carries out an approved request for a secret: it fetches the secret
// from DigitalOcean and returns it to its requester, who alone may collect it,
// once. Nothing keeps it. The caller makes sure that a's groups are fresh. It
// returns KindNotFound for a request that a may not see, KindForbidden for
// somebody else's, KindConflict when there is nothing to collect (any more) or
// the request went out of date, KindStepUp when a's sign-in is too old, and
// KindUnavailable when DigitalOcean is not responding or an approval cannot be
// confirmed now; then it may be tried again.
func (e *Executor) Collect(ctx context.Context, a portal.Actor, number int64) (portal.Secret, error) {
	ctx = doapi.WithCaller(ctx, a.Identity)
	r, err := e.collectable(ctx, a, number)
	if err != nil {
		return portal.Secret{}, err
	}
	if early, _ := e.tooEarly(r); early > 0 {
		return portal.Secret{}, portal.E(portal.KindConflict, "this can be collected from "+e.Now().Add(early).UTC().Format("2 January 2006 15:04 MST")+" on")
	}
	if err := a.CheckSignIn(e.Now(), e.StepUpWithin); err != nil {
		return portal.Secret{}, err
	}
	look, o := e.check(ctx, r)
	if o.blocks() {
		return portal.Secret{}, e.refuse(ctx, r, o)
	}
	attempt, intent, o := e.commitIntent(ctx, r, a.Person(), look)
	if o.blocks() {
		return portal.Secret{}, e.refuse(ctx, r, o)
	}
	r.State = portal.Executing
	var secret portal.Secret
	callErr := e.seal(ctx, intent, r)
	if callErr == nil {
		secret, callErr = e.fetch(ctx, r)
	}
	if callErr != nil {
		_, err := e.commitOutcome(ctx, r, attempt, look.try, answer{}, callErr)
		if err != nil {
			return portal.Secret{}, err
		}
		return portal.Secret{}, collectError(callErr)
	}
	if err := e.handOver(ctx, r, attempt, look.try, a.Person()); err != nil {
		return portal.Secret{}, err // only what is on the trail is handed out
	}
	return secret, nil
}

func (e *Executor) collectable(ctx context.Context, a portal.Actor, number int64) (portal.Request, error) {
	r, err := store.RequestByNumber(ctx, e.Pool, number)
	switch {
	case err != nil:
		return r, err
	case !r.VisibleTo(a):
		return r, portal.Hidden("there is no such request")
	case a.Identity != r.Requester.Identity:
		return r, portal.E(portal.KindForbidden, "only "+r.Requester.Name+" can collect this")
	case !r.CanCollect(a):
		return r, portal.E(portal.KindConflict, "there is nothing to collect: this request is "+string(r.State))
	}
	return r, nil
}

// refuse turns an obstacle into an answer for the requester.
func (e *Executor) refuse(ctx context.Context, r portal.Request, o blocker) error {
	switch {
	case o.err != nil:
		return o.err
	case o.stale != "":
		if err := e.makeStale(ctx, r, o.stale); err != nil {
			return err
		}
		return portal.E(portal.KindConflict, "this request is out of date: "+o.stale)
	}
	return portal.E(portal.KindUnavailable, o.wait)
}

// fetch makes the one call.
func (e *Executor) fetch(ctx context.Context, r portal.Request) (portal.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	lifetime := r.Params.Access.Lifetime()
	if r.Operation == portal.GetKubeconfig {
		file, err := e.DO.GetKubeconfig(ctx, r.TargetID, lifetime)
		return portal.Secret{Kubeconfig: file, ExpiresAt: e.Now().Add(lifetime)}, err
	}
	c, err := e.DO.GetCredentials(ctx, r.TargetID, lifetime)
	return c.Portal(), err
}

func collectError(err error) error {
	if classify(err) == portal.OutcomeRefused {
		return portal.E(portal.KindConflict, "DigitalOcean refused it: "+doapi.UserMessage(err), err)
	}
	if unsealed(err) {
		return portal.E(portal.KindUnavailable, callMessage(err)+"; try again in a moment", err)
	}
	return portal.E(portal.KindUnavailable, "DigitalOcean did not issue it: "+doapi.UserMessage(err)+" Try again", err)
}

// handOver records that a secret was handed to its requester.
func (e *Executor) handOver(ctx context.Context, r portal.Request, attempt int, try time.Time, requester portal.Person) error {
	return db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if _, err := e.lock(ctx, tx, r); err != nil {
			return err
		}
		if err := store.FinishAttempt(ctx, tx, r.ID, e.attempt(attempt, portal.OutcomeAccepted, nil)); err != nil {
			return err
		}
		if err := request.Move(ctx, tx, r, e.outcomeStep(r, attempt, portal.OutcomeAccepted, nil)); err != nil {
			return err
		}
		r.State = portal.Settling
		err := request.Move(ctx, tx, r, request.Step{
			Next: portal.Succeeded, At: e.Now(), Actor: requester, Kind: portal.EventSucceeded,
			Summary: fmt.Sprintf("%s collected what #%d requested, valid for %s", requester.Name, r.Number, portal.DurationText(r.Params.Access.Lifetime())),
		})
		if err != nil {
			return err
		}
		return e.noteToken(ctx, tx, r, try, nil)
	})
}

package execute

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// commitOutcome writes down what came of the call. It does so even when the
// process is being stopped: what DigitalOcean answered is worth seconds. try is that of
// the portal's token that the call was, if it was one.
func (e *Executor) commitOutcome(ctx context.Context, r portal.Request, attempt int, try time.Time, a answer, callErr error) (time.Duration, error) {
	const writeFor = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeFor)
	defer cancel()
	outcome := classify(callErr)
	err := db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if _, err := e.lock(ctx, tx, r); err != nil {
			return err
		}
		if err := store.FinishAttempt(ctx, tx, r.ID, e.attempt(attempt, outcome, callErr)); err != nil {
			return err
		}
		if outcome == portal.OutcomeAccepted {
			if err := e.recordAnswer(ctx, tx, &r, a); err != nil {
				return err
			}
		}
		if err := request.Move(ctx, tx, r, e.outcomeStep(r, attempt, outcome, callErr)); err != nil {
			return err
		}
		return e.noteToken(ctx, tx, r, try, callErr)
	})
	return e.after(attempt, outcome, callErr), err
}

// classify sorts the answer to a call by what it says about its effect. What
// it cannot be sure of is unknown.
func classify(err error) portal.Outcome {
	switch {
	case unsealed(err):
		return portal.OutcomeDeferred
	case err == nil:
		return portal.OutcomeAccepted
	case doapi.OutcomeUnknown(err):
		return portal.OutcomeUnknown
	case doapi.IsRateLimited(err), doapi.IsUnavailable(err), tokenRefused(err):
		return portal.OutcomeDeferred
	case doapi.IsRefused(err), doapi.IsNotFound(err):
		return portal.OutcomeRefused
	}
	return portal.OutcomeUnknown
}

func unsealed(err error) bool {
	_, ok := errors.AsType[unsealedError](err)
	return ok
}

// callMessage says what came of a call that was not accepted.
func callMessage(err error) string {
	if unsealed(err) {
		return "the intent could not be put under a checkpoint of the audit trail"
	}
	return doapi.UserMessage(err)
}

// after is when to take the next step after an attempt with a number. What is deferred
// again and again is tried less and less often: each try is two events on the trail.
func (e *Executor) after(number int, o portal.Outcome, err error) time.Duration {
	switch o {
	case portal.OutcomeAccepted:
		return e.Pace.Settle
	case portal.OutcomeUnknown:
		return e.Pace.Wait
	case portal.OutcomeDeferred:
		const mostDoubled = 4
		wait := e.Pace.Wait << min(max(0, number-1), mostDoubled)
		var answer *doapi.Error
		if errors.As(err, &answer) {
			return max(wait, answer.RetryAfter)
		}
		return wait
	}
	return done
}

func (e *Executor) attempt(number int, o portal.Outcome, err error) portal.Attempt {
	a := portal.Attempt{Number: number, Outcome: o, OutcomeAt: e.Now()}
	if err != nil {
		a.Message = callMessage(err)
	}
	var answer *doapi.Error
	if errors.As(err, &answer) {
		a.DORequestID = answer.RequestID
	}
	return a
}

func (e *Executor) outcomeStep(r portal.Request, attempt int, o portal.Outcome, err error) request.Step {
	step := request.Step{
		At: e.Now(), Actor: self, Kind: portal.EventOutcome,
		Data: map[string]any{"attempt": attempt, "outcome": o},
	}
	switch o {
	case portal.OutcomeAccepted:
		step.Next, step.Summary = portal.Settling, fmt.Sprintf("DigitalOcean accepted request #%d", r.Number)
		return step
	case portal.OutcomeUnknown:
		step.Result = portal.ResultUnknown
		step.Next, step.Summary = portal.Unknown, fmt.Sprintf("DigitalOcean's answer to request #%d was lost: %s", r.Number, doapi.UserMessage(err))
	case portal.OutcomeDeferred:
		step.Result = portal.ResultRefused
		step.Next, step.Summary = portal.Approved, fmt.Sprintf("DigitalOcean did not accept request #%d; it will be sent later: %s", r.Number, doapi.UserMessage(err))
		step.Reason = "Waiting for DigitalOcean: " + doapi.UserMessage(err)
		if tokenRefused(err) {
			step.Reason = refusedToken(err).Waiting()
		}
		if unsealed(err) {
			step.Summary = fmt.Sprintf("Nothing was sent for request #%d; it will be sent later: %s", r.Number, callMessage(err))
			step.Reason = "Waiting for the audit trail: " + callMessage(err) + "."
		}
	default:
		step.Result = portal.ResultRefused
		step.Next, step.Summary = portal.Failed, fmt.Sprintf("DigitalOcean refused request #%d: %s", r.Number, doapi.UserMessage(err))
		step.Reason = "DigitalOcean refused it: " + doapi.UserMessage(err)
	}
	step.Data["message"] = callMessage(err)
	if answer, ok := errors.AsType[*doapi.Error](err); ok && answer.RequestID != "" {
		step.Data["do_request_id"] = answer.RequestID
	}
	return step
}

// recordAnswer writes into the inventory what DigitalOcean said when it accepted a
// request. Until the request has ended a pool counts as much as it had or gets,
// whichever is more: growth is promised, a list may be stale, and what shrinks
// is free only once it is seen to be gone.
func (e *Executor) recordAnswer(ctx context.Context, tx pgx.Tx, r *portal.Request, a answer) error {
	switch {
	case a.cluster != nil && r.Operation == portal.CreateCluster:
		return e.adopt(ctx, tx, r, *a.cluster)
	case a.cluster != nil:
		return recordClusters(ctx, tx, a.cluster.Portal(e.Now()))
	case a.pool != nil:
		return e.recordPool(ctx, tx, r, a.pool.Portal())
	case a.runID != "":
		r.Result = a.runID
		return store.SetResult(ctx, tx, r.ID, a.runID)
	}
	return e.holdGoing(ctx, tx, *r)
}

// holdGoing has a pool whose nodes are to go count as it does now until the
// request has ended.
func (e *Executor) holdGoing(ctx context.Context, tx pgx.Tx, r portal.Request) error {
	var id string
	switch {
	case r.Params.DeletePool != nil:
		id = r.Params.DeletePool.PoolID
	case r.Params.DeleteNode != nil && !r.Params.DeleteNode.Replace:
		id = r.Params.DeleteNode.PoolID
	default:
		return nil
	}
	cluster, err := store.Cluster(ctx, tx, r.TargetID)
	if err != nil {
		return err
	}
	if pool, ok := cluster.Pool(id); ok {
		return store.Hold(ctx, tx, r.ID, r.Team.ID, pool, pool.Cost())
	}
	return nil
}

func (e *Executor) recordPool(ctx context.Context, tx pgx.Tx, r *portal.Request, now portal.Pool) error {
	cluster, err := store.Cluster(ctx, tx, r.TargetID)
	if err != nil {
		return err
	}
	before, _ := cluster.Pool(now.ID)
	if err := store.Hold(ctx, tx, r.ID, r.Team.ID, now, max(before.Cost(), now.Cost())); err != nil {
		return err
	}
	if err := store.UpsertPool(ctx, tx, r.TargetID, now, e.Now()); err != nil {
		return err
	}
	r.Result = now.ID
	if err := store.SetResult(ctx, tx, r.ID, now.ID); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.ClusterChanged(r.TargetID, r.Team.ID)...)
}

// adopt makes a cluster that DigitalOcean created for r the team's: what the
// request held of the quota is from now on counted with the cluster.
func (e *Executor) adopt(ctx context.Context, tx pgx.Tx, r *portal.Request, c doapi.Cluster) error {
	cluster := c.Portal(e.Now())
	r.TargetID, r.TargetIDs = cluster.ID, []string{cluster.ID}
	for _, write := range []func() error{
		func() error { return store.UpsertCluster(ctx, tx, cluster) },
		func() error {
			return store.AssignCluster(ctx, tx, cluster.ID, r.Team.ID, r.Params.Create.Environment)
		},
		func() error { return store.SetTarget(ctx, tx, r.ID, cluster.ID) },
		func() error {
			if r.Params.Create.Lease.ForGood() {
				return nil
			}
			return e.lease(ctx, tx, *r, r.Params.Create.Lease)
		},
		func() error { return store.Release(ctx, tx, r.ID) },
		func() error { return events.Publish(ctx, tx, events.ClusterChanged(cluster.ID, r.Team.ID)...) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// explain says on the request what it waits for, without moving it.
func (e *Executor) explain(ctx context.Context, r portal.Request, why string) error {
	if r.Reason == why {
		return nil
	}
	return db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if err := store.SetReason(ctx, tx, r, why); err != nil {
			return err
		}
		return events.Publish(ctx, tx, events.Request(r.ID), events.Requests)
	})
}

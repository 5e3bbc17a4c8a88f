package execute

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
// process is being stopped: what DigitalOcean answered is worth seconds.
func (e *Executor) commitOutcome(ctx context.Context, r portal.Request, attempt int, c doapi.Cluster, callErr error) (time.Duration, error) {
	const writeFor = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeFor)
	defer cancel()
	outcome := classify(callErr)
	err := db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		// Everybody locks the team before the request, so that nobody waits in a circle.
		if _, err := store.LockTeam(ctx, tx, r.Team.ID); err != nil {
			return err
		}
		if err := store.FinishAttempt(ctx, tx, r.ID, e.attempt(attempt, outcome, callErr)); err != nil {
			return err
		}
		if outcome == portal.OutcomeAccepted && r.Operation == portal.CreateCluster {
			if err := e.adopt(ctx, tx, &r, c); err != nil {
				return err
			}
		}
		return request.Move(ctx, tx, r, e.outcomeStep(r, attempt, outcome, callErr))
	})
	return e.after(outcome, callErr), err
}

// classify sorts the answer to a call by what it says about its effect. What
// it cannot be sure of is unknown.
func classify(err error) portal.Outcome {
	switch {
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

// tokenRefused reports whether DigitalOcean no longer takes the portal's
// token, which is no fault of the request.
func tokenRefused(err error) bool {
	var answer *doapi.Error
	return errors.As(err, &answer) && answer.Status == http.StatusUnauthorized
}

func (e *Executor) after(o portal.Outcome, err error) time.Duration {
	switch o {
	case portal.OutcomeAccepted:
		return e.Pace.Settle
	case portal.OutcomeUnknown:
		return e.Pace.Wait
	case portal.OutcomeDeferred:
		var answer *doapi.Error
		if errors.As(err, &answer) {
			return max(e.Pace.Wait, answer.RetryAfter)
		}
		return e.Pace.Wait
	}
	return done
}

func (e *Executor) attempt(number int, o portal.Outcome, err error) portal.Attempt {
	a := portal.Attempt{Number: number, Outcome: o, OutcomeAt: e.Now()}
	if err != nil {
		a.Message = doapi.Words(err)
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
		step.Next, step.Summary = portal.Unknown, fmt.Sprintf("DigitalOcean's answer to request #%d was lost: %s", r.Number, doapi.Words(err))
	case portal.OutcomeDeferred:
		step.Next, step.Summary = portal.Approved, fmt.Sprintf("DigitalOcean did not take request #%d, it will be sent later: %s", r.Number, doapi.Words(err))
		step.Reason = "Waiting for DigitalOcean: " + doapi.Words(err)
	default:
		step.Next, step.Summary = portal.Failed, fmt.Sprintf("DigitalOcean refused request #%d: %s", r.Number, doapi.Words(err))
		step.Reason = "DigitalOcean refused it: " + doapi.Words(err)
	}
	step.Data["message"] = doapi.Words(err)
	return step
}

// adopt makes a cluster that DigitalOcean created for r the team's: what the
// request held of the quota is from now on counted with the cluster.
func (e *Executor) adopt(ctx context.Context, tx pgx.Tx, r *portal.Request, c doapi.Cluster) error {
	cluster := c.Portal(e.Now())
	r.TargetID = cluster.ID
	for _, write := range []func() error{
		func() error { return store.SeeCluster(ctx, tx, cluster) },
		func() error {
			return store.AssignCluster(ctx, tx, cluster.ID, r.Team.ID, r.Params.Create.Environment)
		},
		func() error { return store.SetTarget(ctx, tx, r.ID, cluster.ID) },
		func() error { return store.Release(ctx, tx, r.ID) },
		func() error { return events.Publish(ctx, tx, events.Inventory) },
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

package execute

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// recover deals with a call whose maker left no outcome, because it was killed
// or could not reach the database. Nobody knows what came of it.
func (e *Executor) recover(ctx context.Context, r portal.Request) (time.Duration, error) {
	if len(r.Attempts) == 0 {
		return 0, fmt.Errorf("request %s is executing without an attempt", r.ID)
	}
	last := r.Attempts[len(r.Attempts)-1]
	if age := e.Now().Sub(last.IntentAt); age < 2*callFor {
		return 2*callFor - age, nil
	}
	return e.commitOutcome(ctx, r, last.Number, doapi.Cluster{}, context.DeadlineExceeded)
}

// reconcile finds out by looking whether a call had an effect.
func (e *Executor) reconcile(ctx context.Context, r portal.Request) (time.Duration, error) {
	if r.Operation == portal.CreateCluster {
		return e.reconcileCreate(ctx, r)
	}
	return e.reconcileDelete(ctx, r)
}

func (e *Executor) reconcileCreate(ctx context.Context, r portal.Request) (time.Duration, error) {
	all, err := e.DO.ListClusters(ctx)
	if err != nil {
		return e.Pace.Wait, e.explain(ctx, r, "Looking for the cluster; DigitalOcean does not answer: "+doapi.Words(err))
	}
	ours := slices.DeleteFunc(all, func(c doapi.Cluster) bool { return !slices.Contains(c.Tags, r.RequestTag()) })
	switch {
	case len(ours) == 1:
		return e.Pace.Settle, e.found(ctx, r, &ours[0])
	case len(ours) > 1:
		return e.Pace.Grace, e.explain(ctx, r, fmt.Sprintf(
			"DigitalOcean has %d clusters with the tag %s. The portal touches neither; an operator has to look.", len(ours), r.RequestTag()))
	case e.graceOver(r):
		return done, e.fail(ctx, r, "DigitalOcean's answer was lost and no cluster of this request has appeared since. Nothing was sent again; ask anew if it is still needed.")
	}
	return e.Pace.Settle, nil
}

func (e *Executor) reconcileDelete(ctx context.Context, r portal.Request) (time.Duration, error) {
	live, err := e.DO.GetCluster(ctx, r.TargetID)
	switch {
	case doapi.IsNotFound(err):
		return e.Pace.Settle, e.found(ctx, r, nil)
	case err != nil:
		return e.Pace.Wait, e.explain(ctx, r, "Looking for the cluster; DigitalOcean does not answer: "+doapi.Words(err))
	case live.Status.State == portal.ClusterDeleting, live.Status.State == portal.ClusterDeleted:
		return e.Pace.Settle, e.found(ctx, r, nil)
	case e.graceOver(r):
		return done, e.fail(ctx, r, "DigitalOcean's answer was lost and the cluster is still there. Nothing was sent again; ask anew if it should still go.")
	}
	return e.Pace.Settle, nil
}

func (e *Executor) graceOver(r portal.Request) bool {
	return e.Now().Sub(r.UpdatedAt) > e.Pace.Grace
}

// found records that a call whose answer was lost did have its effect. created
// is the cluster that a create made.
func (e *Executor) found(ctx context.Context, r portal.Request, created *doapi.Cluster) error {
	return db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if _, err := store.LockTeam(ctx, tx, r.Team.ID); err != nil {
			return err
		}
		if created != nil {
			if err := e.adopt(ctx, tx, &r, *created); err != nil {
				return err
			}
		}
		return request.Move(ctx, tx, r, request.Step{
			Next: portal.Settling, At: e.Now(), Actor: self, Kind: portal.EventOutcome,
			Summary: fmt.Sprintf("Request #%d did take effect at DigitalOcean, as a look showed", r.Number),
			Data:    map[string]any{"outcome": "found"},
		})
	})
}

// settle looks whether the effect that DigitalOcean promised is there.
func (e *Executor) settle(ctx context.Context, r portal.Request) (time.Duration, error) {
	asOf := e.Now()
	live, err := e.DO.GetCluster(ctx, r.TargetID)
	gone := doapi.IsNotFound(err)
	if err != nil && !gone {
		return e.Pace.Wait, e.explain(ctx, r, "Waiting for DigitalOcean: "+doapi.Words(err))
	}
	cluster := live.Portal(asOf)
	gone = gone || cluster.State == portal.ClusterDeleted
	if gone {
		return e.settleGone(ctx, r)
	}
	return e.settlePresent(ctx, r, cluster)
}

func (e *Executor) settleGone(ctx context.Context, r portal.Request) (time.Duration, error) {
	return done, db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if _, err := store.MarkClusterGone(ctx, tx, r.TargetID, e.Now()); err != nil {
			return err
		}
		if r.Operation == portal.DeleteCluster {
			return e.succeed(ctx, tx, r, "is gone")
		}
		return e.failIn(ctx, tx, r, "The cluster was deleted before it was ready.")
	})
}

func (e *Executor) settlePresent(ctx context.Context, r portal.Request, c portal.Cluster) (next time.Duration, err error) {
	next = e.Pace.Settle
	err = db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if err := store.SeeCluster(ctx, tx, c); err != nil {
			return err
		}
		if err := events.Publish(ctx, tx, events.Inventory); err != nil {
			return err
		}
		switch {
		case r.Operation == portal.CreateCluster && c.State == portal.ClusterRunning:
			next = done
			return e.succeed(ctx, tx, r, "is running")
		case r.Operation == portal.CreateCluster && c.State == portal.ClusterError:
			next = done
			return e.failIn(ctx, tx, r, "DigitalOcean could not finish the cluster: "+c.StateMessage)
		case r.Operation == portal.DeleteCluster && c.State != portal.ClusterDeleting && e.graceOver(r):
			next = done
			return e.failIn(ctx, tx, r, "DigitalOcean accepted the deletion, but the cluster is still "+c.State+". "+c.StateMessage)
		}
		return nil
	})
	return next, err
}

func (e *Executor) succeed(ctx context.Context, tx pgx.Tx, r portal.Request, what string) error {
	if err := events.Publish(ctx, tx, events.Inventory); err != nil {
		return err
	}
	return request.Move(ctx, tx, r, request.Step{
		Next: portal.Succeeded, At: e.Now(), Actor: self, Kind: portal.EventSucceeded,
		Summary: fmt.Sprintf("Request #%d succeeded: cluster %s %s", r.Number, r.TargetName, what),
	})
}

func (e *Executor) fail(ctx context.Context, r portal.Request, why string) error {
	return db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error { return e.failIn(ctx, tx, r, why) })
}

func (e *Executor) failIn(ctx context.Context, tx pgx.Tx, r portal.Request, why string) error {
	return request.Move(ctx, tx, r, request.Step{
		Next: portal.Failed, Reason: why, At: e.Now(), Actor: self, Kind: portal.EventFailed,
		Summary: fmt.Sprintf("Request #%d failed: %s", r.Number, why),
	})
}

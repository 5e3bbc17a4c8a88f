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

// reconcileCreate looks for the cluster of a create whose answer was lost.
func (e *Executor) reconcileCreate(ctx context.Context, r portal.Request) (time.Duration, error) {
	ours, err := e.tagged(ctx, r)
	if err != nil {
		return e.lookFailed(ctx, r, "Looking for the cluster.", err)
	}
	switch {
	case len(ours) == 1:
		return e.Pace.Settle, e.found(ctx, r, &ours[0], observation{})
	case len(ours) > 1:
		return e.Pace.Wait, e.explain(ctx, r, fmt.Sprintf(
			"DigitalOcean has %d clusters with the tag %s. The portal leaves them alone until an admin says which one it is.", len(ours), r.RequestTag()))
	case e.graceOver(r):
		return done, e.fail(ctx, r, "DigitalOcean's answer was lost and no cluster of this request has appeared since. Request it again if it is still needed.")
	}
	return e.Pace.Settle, e.foundNothing(ctx, r)
}

// lookFailed says that a look at DigitalOcean failed, and what it was for.
func (e *Executor) lookFailed(ctx context.Context, r portal.Request, what string, err error) (time.Duration, error) {
	o := e.unanswered(ctx, time.Time{}, err)
	o.wait = what + " " + o.wait
	return e.stop(ctx, r, o)
}

// tagged are the clusters at DigitalOcean that carry the tag of a request.
func (e *Executor) tagged(ctx context.Context, r portal.Request) ([]doapi.Cluster, error) {
	everything, err := e.DO.ListClusters(ctx)
	return slices.DeleteFunc(everything, func(c doapi.Cluster) bool { return !slices.Contains(c.Tags, r.RequestTag()) }), err
}

// foundNothing counts a complete look that found no effect of a lost call.
func (e *Executor) foundNothing(ctx context.Context, r portal.Request) error {
	lost, ok := r.LostAttempt()
	if !ok {
		return nil
	}
	return db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if err := store.CountLook(ctx, tx, r.ID, lost.Number, e.Now()); err != nil {
			return err
		}
		return events.Publish(ctx, tx, events.Request(r.ID))
	})
}

// graceOver reports whether the effect of a lost call has had long enough to appear,
// since the first complete look for it: before, nobody could have seen it.
func (e *Executor) graceOver(r portal.Request) bool {
	lost, ok := r.LostAttempt()
	return ok && lost.Looks > 0 && e.Now().Sub(lost.FirstLookAt) > e.Pace.Grace
}

// showsUp looks a last time for a cluster before its create is sent once more. If there
// is one the request goes back to where it is looked for.
func (e *Executor) showsUp(ctx context.Context, r portal.Request) blocker {
	if r.Operation != portal.CreateCluster || !r.SentOnceMore() {
		return blocker{}
	}
	ours, err := e.tagged(ctx, r)
	if err != nil {
		return e.unanswered(ctx, time.Time{}, err)
	}
	if len(ours) == 0 {
		return blocker{}
	}
	err = db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if err := unmoved(ctx, tx, r); err != nil {
			return err
		}
		if err := store.ReviveAttempt(ctx, tx, r.ID); err != nil {
			return err
		}
		return request.Move(ctx, tx, r, request.Step{
			Next: portal.Unknown, At: e.Now(), Actor: self, Kind: portal.EventOutcome, Result: portal.ResultUnknown,
			Summary: fmt.Sprintf("Request #%d was not sent once more: its cluster has shown up at DigitalOcean", r.Number),
			Data:    map[string]any{"outcome": portal.OutcomeUnknown},
		})
	})
	if err != nil {
		return blocker{err: err}
	}
	return blocker{moved: true}
}

// Choose says which of several clusters with its tag a request has made. The others
// stay nobody's. Only admins may. It returns KindForbidden or KindConflict when a may
// not, KindInvalid for a cluster that does not carry the tag or has an owner, KindStepUp
// when a's sign-in is too old, and KindUnavailable when DigitalOcean does not answer.
func (e *Executor) Choose(ctx context.Context, a portal.Actor, number int64, clusterID string) error {
	r, err := store.RequestByNumber(ctx, e.Pool, number)
	switch {
	case err != nil:
		return err
	case !r.VisibleTo(a):
		return portal.Hidden("there is no such request")
	}
	if err := r.ChooseRefusal(a); err != nil {
		return err
	}
	if err := a.CheckSignIn(e.Now(), e.StepUpWithin); err != nil {
		return err
	}
	ours, err := e.tagged(doapi.WithCaller(ctx, a.Identity), r)
	if err != nil {
		return portal.E(portal.KindUnavailable, "DigitalOcean cannot be asked about the cluster: "+doapi.UserMessage(err)+" Try again", err)
	}
	i := slices.IndexFunc(ours, func(c doapi.Cluster) bool { return c.ID == clusterID })
	if i < 0 {
		return portal.Invalid(portal.FieldError{Field: "cluster", Message: "choose one of the clusters that carry the request's tag"})
	}
	return e.choose(ctx, a, r, ours[i])
}

func (e *Executor) choose(ctx context.Context, a portal.Actor, r portal.Request, c doapi.Cluster) error {
	return db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if _, err := e.lock(ctx, tx, r); err != nil {
			return err
		}
		if err := store.LockClusters(ctx, tx, []string{c.ID}); err != nil {
			return err
		}
		if err := unmoved(ctx, tx, r); err != nil {
			return err
		}
		kept, err := store.ClustersByID(ctx, tx, []string{c.ID})
		if err != nil {
			return err
		}
		if len(kept) > 0 && kept[0].TeamID != "" {
			return portal.Invalid(portal.FieldError{Field: "cluster", Message: "this cluster belongs to team " + kept[0].TeamName + " already"})
		}
		if err := e.adopt(ctx, tx, &r, c); err != nil {
			return err
		}
		return request.Move(ctx, tx, r, request.Step{
			Next: portal.Settling, At: e.Now(), Actor: a.Person(), Kind: portal.EventClusterChosen,
			Summary: fmt.Sprintf("%s said that request #%d made the cluster %s (%s)", a.Name, r.Number, c.Name, c.ID),
			Data:    map[string]any{"cluster": c.ID, "tag": r.RequestTag()},
		})
	})
}

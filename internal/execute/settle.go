package execute

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/events"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// observation is what a look at DigitalOcean shows of a request's effect.
type observation struct {
	effect operation.Effect
	live   []portal.Cluster // those that exist
	gone   []string         // ids of those that do not
	why    string           // it failed
	runID  string           // of clusterlint
}

// observe looks how far the effect of a request is to be seen.
func (e *Executor) observe(ctx context.Context, r portal.Request) (observation, error) {
	if r.Operation == portal.RunClusterlint {
		return e.observeLint(ctx, r)
	}
	if len(r.TargetIDs) == 0 {
		return observation{}, fmt.Errorf("request %s names no cluster", r.ID)
	}
	asOf := e.Now()
	found, err := request.ReadClusters(ctx, e.DO, r.TargetIDs)
	if err != nil {
		return observation{}, err
	}
	s := observation{effect: operation.Complete}
	for _, id := range r.TargetIDs {
		c, ok := found[id]
		if !ok || c.Status.State == portal.ClusterDeleted {
			s.gone = append(s.gone, id)
			continue
		}
		s.live = append(s.live, c.Portal(asOf))
	}
	if len(s.gone) > 0 && !r.Operation.Deletes() {
		s.effect, s.why = operation.Failed, "The cluster has been deleted in the meantime."
	}
	if r.Operation == portal.CreateCluster && slices.ContainsFunc(s.live, func(c portal.Cluster) bool { return !slices.Contains(c.Tags, r.RequestTag()) }) {
		s.effect, s.why = operation.Failed, "The cluster does not carry the tag "+r.RequestTag()+", so it is not the one that this request made."
	}
	believed := r.State == portal.Settling || slices.ContainsFunc(s.live, func(c portal.Cluster) bool { return operation.Differs(r, c) })
	for _, c := range s.live {
		switch now := operation.EffectOf(r, c, believed); {
		case now == operation.Failed:
			s.effect, s.why = operation.Failed, failedBecause(r, c)
		case s.effect != operation.Failed:
			s.effect = min(s.effect, now)
		}
	}
	return s, nil
}

// failedBecause says what keeps a request from ending well.
func failedBecause(r portal.Request, c portal.Cluster) string {
	if r.Params.UpdatePool != nil {
		return "The pool has been deleted in the meantime."
	}
	return "DigitalOcean could not finish it: the cluster is " + c.State + ". " + c.StateMessage
}

// observeLint looks for the run of clusterlint that a request started.
func (e *Executor) observeLint(ctx context.Context, r portal.Request) (observation, error) {
	run, err := e.DO.GetClusterlint(ctx, r.TargetID, r.Result)
	switch {
	case doapi.IsNotFound(err):
		return observation{effect: operation.Absent}, nil
	case err != nil:
		return observation{}, err
	case r.Result == "" && run.RequestedAt.Before(r.Attempts[len(r.Attempts)-1].IntentAt.Truncate(time.Second)):
		return observation{effect: operation.Absent}, nil // an earlier one
	case run.CompletedAt.IsZero():
		return observation{effect: operation.Underway, runID: run.RunID}, nil
	}
	return observation{effect: operation.Complete, runID: run.RunID}, nil
}

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
	return e.commitOutcome(ctx, r, last.Number, time.Time{}, answer{}, context.DeadlineExceeded)
}

// reconcile finds out by looking whether a call had an effect.
func (e *Executor) reconcile(ctx context.Context, r portal.Request) (time.Duration, error) {
	switch {
	case r.Operation == portal.CreateCluster:
		return e.reconcileCreate(ctx, r)
	case r.Operation.Risk() == portal.RiskSecret:
		return done, e.fail(ctx, r, "It was lost on its way to the requester. Request it again; what was lost expires by itself.")
	}
	s, err := e.observe(ctx, r)
	switch {
	case err != nil:
		return e.lookFailed(ctx, r, "Checking whether it took effect.", err)
	case s.effect == operation.Failed:
		return done, e.fail(ctx, r, "DigitalOcean's answer was lost. "+s.why)
	case s.effect != operation.Absent:
		return e.Pace.Settle, e.found(ctx, r, nil, s)
	case e.graceOver(r):
		return done, e.fail(ctx, r, "DigitalOcean's answer was lost, and there is no sign that it took effect. It was not sent again; request it again if it is still needed.")
	}
	return e.Pace.Settle, e.foundNothing(ctx, r)
}

// found records that a call whose answer was lost did have its effect. created
// is the cluster that a create made; s is what was seen of others.
func (e *Executor) found(ctx context.Context, r portal.Request, created *doapi.Cluster, s observation) error {
	return db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if _, err := e.lock(ctx, tx, r); err != nil {
			return err
		}
		if created != nil {
			if err := e.adopt(ctx, tx, &r, *created); err != nil {
				return err
			}
		}
		if err := e.recordObserved(ctx, tx, &r, s); err != nil {
			return err
		}
		return request.Move(ctx, tx, r, request.Step{
			Next: portal.Settling, At: e.Now(), Actor: self, Kind: portal.EventOutcome,
			Summary: fmt.Sprintf("Request #%d did take effect at DigitalOcean, as a later check showed", r.Number),
			Data:    map[string]any{"outcome": portal.OutcomeFound},
		})
	})
}

// recordObserved writes down what an answer would have said.
func (e *Executor) recordObserved(ctx context.Context, tx pgx.Tx, r *portal.Request, s observation) error {
	if pool, ok := poolFor(*r, s.live); ok {
		return e.recordPool(ctx, tx, r, pool)
	}
	if s.runID != "" {
		return store.SetResult(ctx, tx, r.ID, s.runID)
	}
	return e.holdGoing(ctx, tx, *r)
}

// poolFor is the pool that a request made or changed.
func poolFor(r portal.Request, live []portal.Cluster) (portal.Pool, bool) {
	for _, c := range live {
		for _, p := range c.Pools {
			if r.Params.UpdatePool != nil && p.ID == r.Params.UpdatePool.PoolID || slices.Contains(p.Details.Tags, r.RequestTag()) && r.Params.CreatePool != nil {
				return p, true
			}
		}
	}
	return portal.Pool{}, false
}

// campaignSlack is how many times as rarely members of campaigns are looked at: a wave
// of them would take DigitalOcean's whole limit otherwise.
const campaignSlack = 3

// settle looks whether the effect that DigitalOcean promised is complete.
func (e *Executor) settle(ctx context.Context, r portal.Request) (time.Duration, error) {
	s, err := e.observe(doapi.Background(ctx), r)
	if err != nil {
		return e.Pace.Wait, e.explain(ctx, r, waitingFor(err))
	}
	next := e.Pace.Settle
	if r.Params.Campaign != nil {
		next *= campaignSlack
	}
	err = db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		if err := e.recordCluster(ctx, tx, r, s); err != nil {
			return err
		}
		since := e.Now().Sub(r.UpdatedAt)
		switch {
		case s.effect == operation.Failed:
			next = done
			return e.failIn(ctx, tx, r, s.why)
		case s.effect == operation.Complete:
			next = done
			return e.succeed(ctx, tx, r)
		case s.effect == operation.Absent && since > e.Pace.Grace:
			next = done
			return e.failIn(ctx, tx, r, "DigitalOcean accepted it, but there is no sign that it took effect"+stateOf(s)+".")
		case since > e.Pace.Most:
			next = done
			return e.failIn(ctx, tx, r, "DigitalOcean accepted it and began, but has not finished"+stateOf(s)+".")
		}
		return noteProgress(ctx, tx, r, operation.Progress(r, s.live))
	})
	return next, err
}

// noteProgress keeps how far DigitalOcean is, and tells the request's page of it, when
// that is something new.
func noteProgress(ctx context.Context, tx pgx.Tx, r portal.Request, now portal.Progress) error {
	if now == r.Progress {
		return nil
	}
	if err := store.SetProgress(ctx, tx, r, now); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.Request(r.ID))
}

func stateOf(s observation) string {
	if len(s.live) == 0 {
		return ""
	}
	return "; the cluster is " + s.live[0].State
}

// recordCluster writes into the inventory what was seen. A cluster that went without
// having been asked to is for the inventory to report.
func (e *Executor) recordCluster(ctx context.Context, tx pgx.Tx, r portal.Request, s observation) error {
	slices.SortFunc(s.live, func(a, b portal.Cluster) int { return strings.Compare(a.ID, b.ID) }) // in the order of locks
	if err := recordClusters(ctx, tx, s.live...); err != nil {
		return err
	}
	var feeds []events.Feed
	for _, id := range s.gone {
		if !r.Operation.Deletes() {
			continue
		}
		first, err := store.MarkClusterGone(ctx, tx, id, e.Now())
		if err != nil {
			return err
		}
		if first {
			feeds = append(feeds, events.ClusterChanged(id, r.Team.ID)...)
		}
	}
	return events.Publish(ctx, tx, feeds...)
}

// recordClusters writes into the inventory what was seen of clusters, and announces
// those that are not as they were.
func recordClusters(ctx context.Context, tx pgx.Tx, clusters ...portal.Cluster) error {
	written, err := store.WriteClusters(ctx, tx, clusters, nil)
	if err != nil {
		return err
	}
	var feeds []events.Feed
	for _, c := range written {
		if c.Changed {
			feeds = append(feeds, events.ClusterChanged(c.ID, c.TeamID)...)
		}
	}
	return events.Publish(ctx, tx, feeds...)
}

func (e *Executor) succeed(ctx context.Context, tx pgx.Tx, r portal.Request) error {
	step := request.Step{
		Next: portal.Succeeded, At: e.Now(), Actor: self, Kind: portal.EventSucceeded,
		Summary: fmt.Sprintf("Request #%d succeeded: %s %s", r.Number, r.Operation.Title(), r.TargetName),
	}
	if n := len(r.Attempts); n > 0 && len(r.Attempts[n-1].Leaves) > 0 {
		left := r.Attempts[n-1].Leaves
		step.Data = map[string]any{"left_behind": left}
		if err := store.InsertOrphans(ctx, tx, r, left, step.At); err != nil {
			return err
		}
	}
	return request.Move(ctx, tx, r, step)
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

package execute

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// commitIntent writes down that a call is about to be made on actor's behalf,
// having checked under locks what may have changed since the request was
// planned or its clusters were looked at. If it has, nothing is written and the
// obstacle says what.
func (e *Executor) commitIntent(ctx context.Context, r portal.Request, actor portal.Person, seen preflight) (attempt int, intent *audit.Intent, o blocker) {
	attempt = len(r.Attempts) + 1
	ctx, intent = audit.WithIntent(ctx)
	err := db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		team, err := e.lock(ctx, tx, r)
		if err != nil {
			return err
		}
		if err := unmoved(ctx, tx, r); err != nil {
			return err
		}
		if o = e.recheck(ctx, tx, r, team, seen); o.blocks() {
			return nil
		}
		if o = e.stillPaused(ctx, tx, r, seen.try); o.blocks() {
			return nil
		}
		if err := store.InsertAttempt(ctx, tx, r.ID, portal.Attempt{Number: attempt, IntentAt: e.Now(), Leaves: seen.leaves}); err != nil {
			return err
		}
		op := r.Operation.Operation()
		return request.Move(ctx, tx, r, request.Step{
			Next: portal.Executing, At: e.Now(), Actor: actor, Kind: portal.EventIntent,
			Summary: fmt.Sprintf("About to send %s %s for request #%d", op.Method, op.PathOf(r.TargetID, r.Params.PoolID(), r.Params.NodeID()), r.Number),
			Data:    map[string]any{"attempt": attempt, "params": r.Params, "digest": r.Digest, "requester": r.Requester, "approvers": approvers(r), "break_glass": r.ActiveBreakGlass(), "revision": r.Revision},
		})
	})
	if err != nil {
		return attempt, intent, blocker{err: err}
	}
	return attempt, intent, o
}

// unmoved locks a request and returns KindConflict unless it is as it was read:
// it may have been stopped, or planned again and approved again, meanwhile.
func unmoved(ctx context.Context, tx pgx.Tx, r portal.Request) error {
	now, err := store.LockRequest(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	if now.State != r.State || now.Revision != r.Revision || now.Digest != r.Digest || !now.ReleasedAt.Equal(r.ReleasedAt) {
		return portal.E(portal.KindConflict, "this request has changed in the meantime")
	}
	return nil
}

// approvers are the people on whose word a request runs, stand-ins with whom they
// stood in for.
func approvers(r portal.Request) []portal.Person {
	var people []portal.Person
	for _, v := range r.Approvals() {
		people = append(people, v.Reviewer)
		if !v.For.IsZero() {
			people = append(people, v.For)
		}
	}
	return people
}

// lock locks the team and then the clusters of a request. Everybody locks in
// this order, and the request last, so that nobody waits in a circle.
func (e *Executor) lock(ctx context.Context, tx pgx.Tx, r portal.Request) (portal.Team, error) {
	var team portal.Team
	if r.Team.ID != "" {
		var err error
		if team, err = store.LockTeam(ctx, tx, r.Team.ID); err != nil {
			return team, err
		}
	}
	return team, store.LockClusters(ctx, tx, r.TargetIDs)
}

// recheck compares quota, owner and policy with the plan, and makes sure that
// nothing else is being done to the clusters. They and the team are locked.
func (e *Executor) recheck(ctx context.Context, tx pgx.Tx, r portal.Request, team portal.Team, seen preflight) blocker {
	clusters, o := e.recheckTarget(ctx, tx, r, seen.at)
	if o.blocks() {
		return o
	}
	return e.rejudge(ctx, tx, r, team, seen, e.merge(seen.clusters, clusters))
}

// rejudge compares quota and policy with the plan of a request on clusters.
func (e *Executor) rejudge(ctx context.Context, tx pgx.Tx, r portal.Request, team portal.Team, seen preflight, clusters []portal.Cluster) blocker {
	rules, err := e.Rules.InForce(ctx, tx)
	if err != nil {
		return blocker{err: err}
	}
	r.Team = team
	offer, err := store.Offer(ctx, tx)
	if err != nil {
		return blocker{err: err}
	}
	effect, err := quotaNow(ctx, tx, r, clusters, offer.Options, e.Now())
	if err != nil {
		return blocker{err: err}
	}
	changed, err := request.Rejudge(rules, r, request.Now{
		Requester: &seen.requester, Clusters: clusters, Offer: offer.Options, Quota: effect})
	if err != nil {
		return blocker{err: err}
	}
	return blocker{stale: changed}
}

// merge puts what the portal itself keeps of clusters into what DigitalOcean
// says of them.
func (e *Executor) merge(live []doapi.Cluster, kept []portal.Cluster) []portal.Cluster {
	merged := make([]portal.Cluster, 0, len(live))
	for _, c := range live {
		now := c.Portal(e.Now())
		if i := slices.IndexFunc(kept, func(k portal.Cluster) bool { return k.ID == c.ID }); i >= 0 {
			now.TeamID, now.TeamName, now.Environment, now.Protected = kept[i].TeamID, kept[i].TeamName, kept[i].Environment, kept[i].Protected
		}
		merged = append(merged, now)
	}
	return merged
}

func (e *Executor) recheckTarget(ctx context.Context, tx pgx.Tx, r portal.Request, lookedAt time.Time) ([]portal.Cluster, blocker) {
	if r.Operation == portal.CreateCluster || r.Operation.Own() {
		return nil, blocker{}
	}
	if changes(r.Operation) {
		if o := e.checkBusy(ctx, tx, r, lookedAt); o.blocks() {
			return nil, o
		}
	}
	return e.ownClusters(ctx, tx, r)
}

// ownClusters are the clusters of a request as the portal has them, unless they are
// gone or another team's.
func (e *Executor) ownClusters(ctx context.Context, tx pgx.Tx, r portal.Request) ([]portal.Cluster, blocker) {
	clusters, err := store.ClustersByID(ctx, tx, r.TargetIDs)
	switch {
	case err != nil:
		return nil, blocker{err: err}
	case len(clusters) < len(r.TargetIDs):
		return nil, blocker{stale: "The cluster is gone already."}
	case r.Team.ID != "" && clusters[0].TeamID != r.Team.ID:
		return nil, blocker{stale: "The cluster belongs to another team now."}
	}
	return clusters, blocker{}
}

// quotaNow is the quota effect of what the request, whose reservation is part
// of the usage, is about to take.
func quotaNow(ctx context.Context, tx pgx.Tx, r portal.Request, clusters []portal.Cluster, offer portal.Options, now time.Time) (portal.QuotaEffect, error) {
	takes, err := store.Reserved(ctx, tx, r.ID)
	demand := operation.Demand(r.Params, clusters, takes)
	if err != nil || r.Team.ID == "" || demand.None() {
		return portal.QuotaEffect{}, err
	}
	used, err := store.TeamUsage(ctx, tx, r.Team.ID)
	if err != nil {
		return portal.QuotaEffect{}, err
	}
	return quota.Check(r.Team.QuotaAt(now), offer, used.Minus(takes), demand), nil
}

func (e *Executor) makeStale(ctx context.Context, r portal.Request, why string) error {
	return db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error { return request.MakeStale(ctx, tx, r, e.Now(), self, why) })
}

// Package execute carries out approved requests: it commits the intent, makes
// at most one call to DigitalOcean that may have an effect, commits the
// outcome, and follows the effect until it is final. It alone knows the job
// queue.
package execute

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/doapi"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Client is what of DigitalOcean's API an execution needs.
type Client interface {
	ListClusters(ctx context.Context) ([]doapi.Cluster, error)
	GetCluster(ctx context.Context, id string) (doapi.Cluster, error)
	CreateCluster(ctx context.Context, c doapi.CreateCluster) (doapi.Cluster, error)
	DeleteCluster(ctx context.Context, id string) error
}

// People knows people as the identity provider last described them.
type People interface {
	// Current returns who the identity is now and how old that knowledge is.
	Current(ctx context.Context, id portal.Identity) (portal.Actor, time.Time, error)
}

// groupsFor is how old the groups of those may be on whose word a call is made.
const groupsFor = 5 * time.Minute

// callFor bounds a call. An attempt that has no outcome after twice that time
// was cut off: whoever made it can no longer be about to send it.
const callFor = 30 * time.Second

// Pace says how long to wait between looks.
type Pace struct {
	Settle time.Duration // while an effect is awaited
	Wait   time.Duration // while something in the way of a call may pass
	Grace  time.Duration // for a lost call's effect to appear
}

// DefaultPace suits DigitalOcean, where a cluster takes minutes.
var DefaultPace = Pace{Settle: 10 * time.Second, Wait: 30 * time.Second, Grace: 10 * time.Minute}

// Executor carries out requests. All members must be set.
type Executor struct {
	Pool   *pgxpool.Pool
	DO     Client
	People People
	Policy policy.Policy
	Now    func() time.Time
	Logger *slog.Logger
	Pace   Pace
}

// self is the actor of what the executor does by itself.
var self = portal.System("executor").Person()

// done says that a request needs no further step.
const done = time.Duration(-1)

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

// carryOut makes the call of an approved request, unless something has changed
// or is in the way.
func (e *Executor) carryOut(ctx context.Context, r portal.Request) (time.Duration, error) {
	switch o := e.check(ctx, r); {
	case o.err != nil:
		return 0, o.err
	case o.stale != "":
		return done, e.makeStale(ctx, r, o.stale)
	case o.wait != "":
		return e.Pace.Wait, e.explain(ctx, r, o.wait)
	}
	// The time to send is bounded from before the intent is committed, so that
	// a worker that was paused in between sends nothing afterwards.
	call, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	attempt, stale, err := e.commitIntent(ctx, r)
	if err != nil {
		return 0, err
	}
	if stale != "" {
		return done, e.makeStale(ctx, r, stale)
	}
	r.State = portal.Executing
	cluster, err := e.send(call, r)
	return e.commitOutcome(ctx, r, attempt, cluster, err)
}

// send makes the one call.
func (e *Executor) send(ctx context.Context, r portal.Request) (doapi.Cluster, error) {
	if err := ctx.Err(); err != nil {
		return doapi.Cluster{}, err
	}
	switch r.Operation {
	case portal.CreateCluster:
		return e.DO.CreateCluster(ctx, createCall(r))
	case portal.DeleteCluster:
		return doapi.Cluster{}, e.DO.DeleteCluster(ctx, r.TargetID)
	}
	return doapi.Cluster{}, fmt.Errorf("no call for operation %q", r.Operation)
}

// createCall adds to what was asked for the tags that make the cluster's owner
// visible at DigitalOcean, and the one by which it is found again.
func createCall(r portal.Request) doapi.CreateCluster {
	p := r.Params.Create
	call := doapi.CreateCluster{
		Name: p.Name, Region: p.Region, Version: p.Version, HA: p.HA,
		Tags: append([]string{r.RequestTag(), "team:" + r.Team.Slug, "env:" + string(p.Environment)}, p.Tags...),
	}
	for _, pool := range p.Pools {
		call.NodePools = append(call.NodePools, doapi.CreateNodePool{Name: pool.Name, Size: pool.Size, Count: pool.Count})
	}
	return call
}

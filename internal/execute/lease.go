package execute

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/events"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// lease gives the cluster of a request the lease that was asked for, from now on. Its
// team is locked.
func (e *Executor) lease(ctx context.Context, tx pgx.Tx, r portal.Request, lasts portal.Lasting) error {
	l := portal.Lease{ClusterID: r.TargetID, Until: lasts.End(e.Now()), RequestID: r.ID}
	if l.Told = l.Notices(e.Now()); l.Told > 0 {
		l.ToldAt = e.Now() // who asked for so short a lease knows
	}
	return store.SetLease(ctx, tx, l)
}

// recheckExtension is recheck for a lease, which must be what it was when people
// decided. The team and the cluster are locked.
func (e *Executor) recheckExtension(ctx context.Context, tx pgx.Tx, r portal.Request, team portal.Team, seen preflight) blocker {
	clusters, o := e.ownClusters(ctx, tx, r)
	if o.blocks() {
		return o
	}
	l, err := store.Lease(ctx, tx, r.TargetID)
	switch {
	case portal.Is(err, portal.KindNotFound):
		return blocker{stale: "The cluster no longer has a lease."}
	case err != nil:
		return blocker{err: err}
	}
	if drift := portal.Drift(r.Params.Target, operation.LeaseFacts(clusters[0], l)); drift != "" {
		return blocker{stale: drift}
	}
	if r.Params.Extend.Over(e.Now()) {
		return blocker{stale: "The day until which the cluster was to be kept is over."}
	}
	switch d, err := e.deletion(ctx, tx, l); {
	case err != nil:
		return blocker{err: err}
	case d.ID != "" && !d.State.Final() && !d.State.CanBecome(portal.Withdrawn):
		return blocker{stale: fmt.Sprintf("The cluster is being deleted by request #%d already.", d.Number)}
	}
	return e.rejudge(ctx, tx, r, team, seen, clusters)
}

// extend gives a cluster its next lease, and takes back the request for its deletion
// that the end of the one before has made.
func (e *Executor) extend(ctx context.Context, tx pgx.Tx, r portal.Request, team portal.Team) error {
	before, err := store.Lease(ctx, tx, r.TargetID)
	if err != nil {
		return err
	}
	d, err := e.deletion(ctx, tx, before)
	if err != nil {
		return err
	}
	if d.ID != "" && d.State.CanBecome(portal.Withdrawn) {
		step := request.Step{
			Next: portal.Withdrawn, At: e.Now(), Actor: self, Kind: portal.EventWithdrawn, Reason: fmt.Sprintf("Request #%d has extended the lease.", r.Number),
			Summary: fmt.Sprintf("#%d (%s %s) was withdrawn: request #%d has extended the lease", d.Number, d.Operation.Title(), d.TargetName, r.Number),
		}
		if err := request.Move(ctx, tx, d, step); err != nil {
			return err
		}
	}
	lasts := r.Params.Extend.Lasting
	text := lasts.Text()
	data := map[string]any{"before": before.Until, "revision": r.Revision, "digest": r.Digest, "requester": r.Requester, "approvers": approvers(r)}
	if lasts.ForGood() {
		text = "until somebody deletes it"
		err = store.DropLease(ctx, tx, r.TargetID)
	} else {
		data["until"] = lasts.End(e.Now())
		err = e.lease(ctx, tx, r, lasts)
	}
	if err != nil {
		return err
	}
	if err := audit.Append(ctx, tx, portal.Event{
		At: e.Now(), Kind: portal.EventLeaseExtended, Actor: self, TeamID: team.ID, RequestID: r.ID, Revision: r.Revision, Operation: r.Operation,
		Target:  portal.EventTarget{Kind: portal.TargetCluster, ID: r.TargetID, Name: r.TargetName},
		Summary: fmt.Sprintf("Request #%d keeps cluster %s %s", r.Number, r.TargetName, text), Reason: r.Justification, Data: data,
	}); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.ClusterChanged(r.TargetID, team.ID)...)
}

// deletion is the request that the end of a lease has made, locked; the zero Request
// when it has made none.
func (e *Executor) deletion(ctx context.Context, tx pgx.Tx, l portal.Lease) (portal.Request, error) {
	r, err := store.RequestBySubmitKey(ctx, tx, l.By.Identity, request.DeletionKey(l))
	if portal.Is(err, portal.KindNotFound) {
		return portal.Request{}, nil
	}
	if err != nil || !r.Operation.Deletes() {
		return portal.Request{}, err
	}
	return store.LockRequest(ctx, tx, r.ID)
}

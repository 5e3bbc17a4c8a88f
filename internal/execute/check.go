package execute

import (
	"context"
	"fmt"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// blocker is what keeps a request from being carried out: for good (stale),
// for now (wait), or because the portal itself fails (err).
type blocker struct {
	stale, wait string
	moved       bool          // the request is no longer where it was
	next        time.Duration // after which the next step is taken where it waits; zero: as usual
	err         error
}

func (o blocker) blocks() bool { return o != blocker{} }

// preflight is what was seen of a request right before it is carried out.
type preflight struct {
	at        time.Time // when it began
	requester portal.Actor
	clusters  []doapi.Cluster
	leaves    []portal.Resource // what deleting the cluster leaves behind
	try       time.Time         // of the portal's token that this is, see pauses.Service.Claim; zero: none
}

// check judges a request again right before it is carried out, and returns what
// it has seen.
func (e *Executor) check(ctx context.Context, r portal.Request) (preflight, blocker) {
	seen := preflight{at: e.Now()}
	if seen.at.After(r.DueAt) {
		return seen, blocker{stale: request.TooLate}
	}
	due, o := e.paused(ctx, r)
	if o.blocks() {
		return seen, o
	}
	if o = e.foresee(ctx, r); o.blocks() {
		return seen, o
	}
	if seen.requester, o = e.checkPeople(ctx, r); o.blocks() {
		return seen, o
	}
	if due {
		if seen.try, o = e.claim(ctx, r); o.blocks() {
			return seen, o
		}
	}
	if o = e.showsUp(ctx, r); o.blocks() {
		return seen, o
	}
	if seen.clusters, o = e.lookAt(ctx, r, seen.try); o.blocks() || len(seen.clusters) == 0 {
		return seen, o
	}
	if o = e.answered(ctx, seen); o.blocks() {
		return seen, o
	}
	if o = e.checkTarget(r, seen.clusters); o.blocks() {
		return seen, o
	}
	seen.leaves, o = e.checkResources(ctx, r, seen.try)
	return seen, o
}

// knownFor is how long what the inventory has of a cluster is good enough to wait
// on, instead of asking DigitalOcean.
const knownFor = 2 * time.Minute

// foresee says what the portal itself knows to be in the way, without a call to
// DigitalOcean: many requests may wait for one cluster, each for hours.
func (e *Executor) foresee(ctx context.Context, r portal.Request) blocker {
	if !changes(r.Operation) || r.Operation.Own() || len(r.TargetIDs) == 0 {
		return blocker{}
	}
	onlyNow := e.Now().Add(callFor) // not what has ended, which the look that follows sees
	if o := e.checkBusy(ctx, e.Pool, r, onlyNow); o.blocks() {
		return o
	}
	clusters, err := store.ClustersByID(ctx, e.Pool, r.TargetIDs)
	if err != nil {
		return blocker{err: err}
	}
	fresh, err := store.Freshness(ctx, e.Pool)
	if err != nil {
		return blocker{err: err}
	}
	for _, c := range clusters {
		recent := e.Now().Sub(c.SeenAt) < knownFor || e.Now().Sub(fresh.CompleteAt) < knownFor
		if recent && underway(c.State) {
			return blocker{wait: untilSettled(c.Name, c.State)}
		}
	}
	return blocker{}
}

// underway reports whether a cluster in a state is on its way to another, so that
// nothing else can change it.
func underway(state string) bool {
	return state == portal.ClusterProvisioning || state == portal.ClusterUpgrading
}

func untilSettled(name, state string) string {
	return "Waiting until the cluster " + name + " is no longer " + state + "."
}

// checkBusy waits for another request that is changing a cluster of r, or has been
// since it was looked at.
func (e *Executor) checkBusy(ctx context.Context, q store.Querier, r portal.Request, lookedAt time.Time) blocker {
	busy, err := store.Busy(ctx, q, r, changing(), lookedAt)
	switch {
	case err != nil:
		return blocker{err: err}
	case busy != 0:
		return blocker{wait: fmt.Sprintf("Waiting for request #%d, which is changing the cluster now.", busy)}
	}
	return blocker{}
}

// checkPeople makes sure that the requester may still ask, and that those on
// whose word the request runs may still give it: the approvers, or the admin who
// did without them. What the provider has not just confirmed of anybody counts
// neither for them nor against them.
func (e *Executor) checkPeople(ctx context.Context, r portal.Request) (requester portal.Actor, o blocker) {
	if requester, o = e.confirm(ctx, r.Requester); o.blocks() {
		return requester, o
	}
	if why := mayNotAsk(requester, r); why != "" {
		return requester, blocker{stale: why}
	}
	if breakGlass := r.ActiveBreakGlass(); breakGlass != nil {
		return requester, e.checkBreakGlass(ctx, *breakGlass)
	}
	return requester, e.checkApprovers(ctx, r)
}

// checkBreakGlass makes sure that who did without approvals still is an admin.
func (e *Executor) checkBreakGlass(ctx context.Context, breakGlass portal.BreakGlass) blocker {
	admin, o := e.confirm(ctx, breakGlass.By)
	if o.blocks() {
		return o
	}
	if !admin.HasRole(portal.RoleAdmin) {
		return blocker{stale: breakGlass.By.Name + ", who ran it without approvals, is no longer an admin."}
	}
	return blocker{}
}

// checkApprovers makes sure that those who approved it and still may are enough.
// While that hangs on somebody whom the provider does not confirm, it waits.
func (e *Executor) checkApprovers(ctx context.Context, r portal.Request) blocker {
	var groups [][]string
	var unconfirmed blocker
	for _, v := range r.Approvals() {
		counts, o := e.checkApproval(ctx, r, v)
		if !o.blocks() && len(counts) > 0 {
			counts, o = e.unlessGains(ctx, r, v, counts)
		}
		switch {
		case o.err != nil:
			return o
		case o.blocks():
			unconfirmed = o
		case len(counts) > 0:
			groups = append(groups, counts)
		}
	}
	switch {
	case len(r.Plan.Verdict.Outstanding(groups)) == 0:
		return blocker{}
	case unconfirmed.blocks():
		return unconfirmed
	}
	return blocker{stale: "Someone who approved it may no longer do so."}
}

// checkApproval returns the groups for which an approval counts now, none when
// it no longer does: those of who gave it, or of whom they stood in for, as long
// as the stand-in still may see the request. Whether they still stand in for
// them does not matter.
func (e *Executor) checkApproval(ctx context.Context, r portal.Request, v portal.Review) ([]string, blocker) {
	approver, o := e.confirm(ctx, v.Reviewer)
	if o.blocks() || v.For.IsZero() {
		return r.ApproverGroups(approver), o
	}
	if !r.VisibleTo(approver) {
		return nil, blocker{}
	}
	delegator, o := e.confirm(ctx, v.For)
	return r.ApproverGroups(delegator), o
}

// unlessGains is the groups for which an approval counts, none when it is by
// somebody who gains by the request, or for them.
func (e *Executor) unlessGains(ctx context.Context, r portal.Request, v portal.Review, groups []string) ([]string, blocker) {
	if len(r.GainedBy()) == 0 {
		return groups, blocker{}
	}
	approver, err := store.PersonByIdentity(ctx, e.Pool, v.Reviewer.Identity, e.Now()) // as has just been confirmed
	if err != nil {
		return nil, blocker{err: err}
	}
	a := portal.Actor{Identity: approver.Identity, Name: approver.Name, Groups: approver.Groups}
	switch err := request.RefuseGains(ctx, e.Pool, r, a, v.For.Identity, e.Now()); {
	case portal.Is(err, portal.KindForbidden):
		return nil, blocker{}
	case err != nil:
		return nil, blocker{err: err}
	}
	return groups, blocker{}
}

// confirm returns somebody as the provider has just described them.
func (e *Executor) confirm(ctx context.Context, p portal.Person) (portal.Actor, blocker) {
	a, asOf, err := e.People.Confirm(ctx, p.Identity)
	if err != nil {
		return a, blocker{err: err}
	}
	return a, e.checkAge(p, asOf)
}

// mayNotAsk says why the requester could no longer ask for r.
func mayNotAsk(a portal.Actor, r portal.Request) string {
	switch {
	case r.Team.ID != "" && !a.MemberOf(r.Team):
		return fmt.Sprintf("%s is no longer a member of team %s.", r.Requester.Name, r.Team.Name)
	case r.Team.ID == "" && !a.HasRole(portal.RoleAdmin):
		return r.Requester.Name + " is no longer an admin."
	}
	return ""
}

func (e *Executor) checkAge(p portal.Person, asOf time.Time) blocker {
	if e.Now().Sub(asOf) <= portal.GroupsFor {
		return blocker{}
	}
	return blocker{wait: fmt.Sprintf("Waiting until the identity provider confirms the groups of %s, which happens when they open the portal.", p.Name)}
}

// lookAt reads the clusters of a request from DigitalOcean.
func (e *Executor) lookAt(ctx context.Context, r portal.Request, try time.Time) ([]doapi.Cluster, blocker) {
	if r.Operation.Own() {
		return nil, blocker{}
	}
	found, err := request.ReadClusters(ctx, e.DO, r.TargetIDs)
	if err != nil {
		return nil, e.unanswered(ctx, try, err)
	}
	live := make([]doapi.Cluster, len(r.TargetIDs))
	for i, id := range r.TargetIDs {
		var ok bool
		if live[i], ok = found[id]; !ok {
			return nil, blocker{stale: "The cluster is gone already."}
		}
	}
	if len(live) == 0 && r.Operation != portal.CreateCluster {
		return nil, blocker{err: fmt.Errorf("request %s names no cluster", r.ID)}
	}
	return live, blocker{}
}

func waitingFor(err error) string { return "Waiting for DigitalOcean: " + doapi.UserMessage(err) }

// checkTarget compares the clusters at DigitalOcean with what was approved.
func (e *Executor) checkTarget(r portal.Request, live []doapi.Cluster) blocker {
	clusters := make([]portal.Cluster, len(live))
	for i, c := range live {
		clusters[i] = c.Portal(e.Now())
		switch c.Status.State {
		case portal.ClusterDeleting, portal.ClusterDeleted:
			return blocker{stale: "The cluster is being deleted already."}
		}
		if underway(c.Status.State) && (changes(r.Operation) || r.Operation.Risk() == portal.RiskSecret && c.Status.State == portal.ClusterProvisioning) {
			return blocker{wait: untilSettled(c.Name, c.Status.State)}
		}
	}
	return blocker{stale: portal.Drift(r.Params.Target, operation.Facts(r.Operation, r.Params, clusters))}
}

// checkResources compares the resources that belong to a cluster with those that its
// deletion was approved with, and returns what the deletion leaves behind. Nobody can
// ask DigitalOcean for that once the cluster is gone.
func (e *Executor) checkResources(ctx context.Context, r portal.Request, try time.Time) ([]portal.Resource, blocker) {
	if r.Params.Delete == nil {
		return nil, blocker{}
	}
	now, err := e.DO.ListAssociatedResources(ctx, r.TargetID)
	if err != nil {
		return nil, e.unanswered(ctx, try, err)
	}
	return operation.LeftBehind(*r.Params.Delete, now.Portal()), blocker{stale: operation.ResourceDrift(r.Operation, *r.Params.Delete, now.Portal())}
}

// changes reports whether an operation changes a cluster, so that only one at
// a time may be under way there.
func changes(op portal.OperationID) bool {
	return op.Risk() != portal.RiskDiagnostic && op.Risk() != portal.RiskSecret
}

// changing lists the operations that change clusters.
func changing() []portal.OperationID {
	var list []portal.OperationID
	for _, op := range portal.Catalogue {
		if op.Asked() && changes(op.ID) {
			list = append(list, op.ID)
		}
	}
	return list
}

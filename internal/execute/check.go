package execute

import (
	"context"
	"fmt"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// obstacle is what keeps a request from being carried out: for good (stale),
// for now (wait), or because the portal itself fails (err).
type obstacle struct {
	stale, wait string
	err         error
}

func (o obstacle) is() bool { return o != obstacle{} }

// look is what was seen of a request right before it is carried out.
type look struct {
	at        time.Time // when it began
	requester portal.Actor
	clusters  []doapi.Cluster
}

// check judges a request again right before it is carried out, and returns what
// it has seen.
func (e *Executor) check(ctx context.Context, r portal.Request) (look, obstacle) {
	seen := look{at: e.Now()}
	if seen.at.After(r.DueAt) {
		return seen, obstacle{stale: request.TooLate}
	}
	var o obstacle
	if seen.requester, o = e.checkPeople(ctx, r); o.is() {
		return seen, o
	}
	if seen.clusters, o = e.lookAt(ctx, r); o.is() || len(seen.clusters) == 0 {
		return seen, o
	}
	return seen, e.checkTarget(ctx, r, seen.clusters)
}

// checkPeople makes sure that the requester may still ask, and that those on
// whose word the request runs may still give it: the approvers, or the admin who
// did without them. What the provider has not just confirmed of anybody counts
// neither for them nor against them.
func (e *Executor) checkPeople(ctx context.Context, r portal.Request) (requester portal.Actor, o obstacle) {
	requester, asOf, err := e.People.Confirm(ctx, r.Requester.Identity)
	if err != nil {
		return requester, obstacle{err: err}
	}
	if o := e.checkAge(r.Requester, asOf); o.is() {
		return requester, o
	}
	if why := mayNotAsk(requester, r); why != "" {
		return requester, obstacle{stale: why}
	}
	if glass := r.Broken(); glass != nil {
		return requester, e.checkGlass(ctx, *glass)
	}
	return requester, e.checkApprovers(ctx, r)
}

// checkGlass makes sure that who did without approvals still is an admin.
func (e *Executor) checkGlass(ctx context.Context, glass portal.Glass) obstacle {
	admin, asOf, err := e.People.Confirm(ctx, glass.By.Identity)
	if err != nil {
		return obstacle{err: err}
	}
	if o := e.checkAge(glass.By, asOf); o.is() {
		return o
	}
	if !admin.HasRole(portal.RoleAdmin) {
		return obstacle{stale: glass.By.Name + ", who had it carried out without approvals, is no longer an admin."}
	}
	return obstacle{}
}

// checkApprovers makes sure that those who approved it and still may are enough.
// While that hangs on somebody whom the provider does not confirm, it waits.
func (e *Executor) checkApprovers(ctx context.Context, r portal.Request) obstacle {
	var groups [][]string
	var unconfirmed obstacle
	for _, v := range r.Approvals() {
		approver, asOf, err := e.People.Confirm(ctx, v.Reviewer.Identity)
		if err != nil {
			return obstacle{err: err}
		}
		switch o := e.checkAge(v.Reviewer, asOf); {
		case o.is():
			unconfirmed = o
		case r.MayApprove(approver):
			groups = append(groups, r.ApproverGroups(approver))
		}
	}
	switch {
	case len(r.Plan.Verdict.Owed(groups)) == 0:
		return obstacle{}
	case unconfirmed.is():
		return unconfirmed
	}
	return obstacle{stale: "Who approved it may no longer approve it."}
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

func (e *Executor) checkAge(p portal.Person, asOf time.Time) obstacle {
	if e.Now().Sub(asOf) <= portal.GroupsFor {
		return obstacle{}
	}
	return obstacle{wait: fmt.Sprintf("Waiting until the identity provider confirms the groups of %s, which happens when they open the portal.", p.Name)}
}

// lookAt reads the clusters of a request from DigitalOcean.
func (e *Executor) lookAt(ctx context.Context, r portal.Request) ([]doapi.Cluster, obstacle) {
	found, err := request.Look(ctx, e.DO, r.TargetIDs)
	if err != nil {
		return nil, obstacle{wait: waitingFor(err)}
	}
	live := make([]doapi.Cluster, len(r.TargetIDs))
	for i, id := range r.TargetIDs {
		var ok bool
		if live[i], ok = found[id]; !ok {
			return nil, obstacle{stale: "The cluster is gone already."}
		}
	}
	if len(live) == 0 && r.Operation != portal.CreateCluster {
		return nil, obstacle{err: fmt.Errorf("request %s names no cluster", r.ID)}
	}
	return live, obstacle{}
}

func waitingFor(err error) string { return "Waiting for DigitalOcean: " + doapi.Words(err) }

// checkTarget compares the clusters at DigitalOcean with what was approved.
func (e *Executor) checkTarget(ctx context.Context, r portal.Request, live []doapi.Cluster) obstacle {
	clusters := make([]portal.Cluster, len(live))
	for i, c := range live {
		clusters[i] = c.Portal(e.Now())
		switch c.Status.State {
		case portal.ClusterDeleting, portal.ClusterDeleted:
			return obstacle{stale: "The cluster is being deleted already."}
		case portal.ClusterProvisioning, portal.ClusterUpgrading:
			if changes(r.Operation) || r.Operation.Risk() == portal.RiskSecret && c.Status.State == portal.ClusterProvisioning {
				return obstacle{wait: "Waiting until the cluster " + c.Name + " is no longer " + c.Status.State + "."}
			}
		}
	}
	if drift := portal.Drift(r.Params.Target, request.Facts(r.Operation, r.Params, clusters)); drift != "" {
		return obstacle{stale: drift}
	}
	if r.Params.Delete == nil || r.Operation == portal.DeleteCluster {
		return obstacle{}
	}
	now, err := e.DO.ListAssociatedResources(ctx, r.TargetID)
	if err != nil {
		return obstacle{wait: waitingFor(err)}
	}
	return obstacle{stale: request.ResourceDrift(r.Operation, *r.Params.Delete, now.Portal())}
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

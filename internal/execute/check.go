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

// check judges a request again right before it is carried out.
func (e *Executor) check(ctx context.Context, r portal.Request) obstacle {
	if o := e.checkPeople(ctx, r); o != (obstacle{}) {
		return o
	}
	if r.Params.Delete == nil {
		return obstacle{}
	}
	return e.checkTarget(ctx, r)
}

// checkPeople makes sure that those on whose word the request runs may still
// give it. That is the approvers, or the requester where none are needed, and
// their groups must be fresh.
func (e *Executor) checkPeople(ctx context.Context, r portal.Request) obstacle {
	requester, asOf, err := e.People.Current(ctx, r.Requester.Identity)
	if err != nil {
		return obstacle{err: err}
	}
	if !requester.MemberOf(r.Team) {
		return obstacle{stale: fmt.Sprintf("%s is no longer a member of team %s.", r.Requester.Name, r.Team.Name)}
	}
	if r.Plan.Verdict.Approvals == 0 {
		return e.checkAge(r.Requester, asOf)
	}
	valid := 0
	for _, person := range r.Approvers() {
		approver, asOf, err := e.People.Current(ctx, person.Identity)
		if err != nil {
			return obstacle{err: err}
		}
		if !approver.ApproverOf(r.Team) {
			continue
		}
		if o := e.checkAge(person, asOf); o != (obstacle{}) {
			return o
		}
		valid++
	}
	if valid < r.Plan.Verdict.Approvals {
		return obstacle{stale: "Who approved it may no longer approve for team " + r.Team.Name + "."}
	}
	return obstacle{}
}

func (e *Executor) checkAge(p portal.Person, asOf time.Time) obstacle {
	if e.Now().Sub(asOf) <= groupsFor {
		return obstacle{}
	}
	return obstacle{wait: fmt.Sprintf("Waiting until the identity provider confirms the groups of %s, which happens when they open the portal.", p.Name)}
}

// checkTarget compares the cluster at DigitalOcean with what was approved.
func (e *Executor) checkTarget(ctx context.Context, r portal.Request) obstacle {
	live, err := e.DO.GetCluster(ctx, r.TargetID)
	if doapi.IsNotFound(err) {
		return obstacle{stale: "The cluster is gone already."}
	}
	if err != nil {
		return obstacle{wait: "Waiting for DigitalOcean: " + doapi.Words(err)}
	}
	cluster := live.Portal(e.Now())
	if cluster.State == portal.ClusterDeleting || cluster.State == portal.ClusterDeleted {
		return obstacle{stale: "The cluster is being deleted already."}
	}
	return obstacle{stale: request.Drift(r.Params.Delete.Cluster, cluster.Shape())}
}

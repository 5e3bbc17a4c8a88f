package request

import (
	"context"
	"strings"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// findRelated finds the other requests that concern the draft's clusters.
func findRelated(ctx context.Context, q store.Querier, a portal.Actor, d *portal.Draft) error {
	r := portal.Request{ID: d.Revises.ID, Operation: d.Operation, TargetIDs: d.TargetIDs, Params: d.Params}
	var err error
	d.Plan.Related, err = RelatedRequests(ctx, q, a, r)
	return err
}

// RelatedRequests lists the open requests on the same clusters, and says of each whether
// both can be carried out as they are planned. Of those that a may not see it
// says no more.
func RelatedRequests(ctx context.Context, q store.Querier, a portal.Actor, r portal.Request) ([]portal.RelatedRequest, error) {
	if len(r.TargetIDs) == 0 {
		return nil, nil
	}
	open, err := store.OpenOn(ctx, q, r.TargetIDs, r.ID)
	if err != nil {
		return nil, err
	}
	list := make([]portal.RelatedRequest, len(open))
	for i, o := range open {
		list[i] = portal.RelatedRequest{
			Number: o.Number, Operation: o.Operation, Target: o.TargetName, State: o.State, Requester: o.Requester.Name,
			Conflict: r.Conflict(o.Operation, o.PoolID),
		}
		if !o.VisibleTo(a) {
			list[i] = portal.RelatedRequest{Operation: o.Operation, State: o.State, Conflict: list[i].Conflict}
		}
	}
	return list, nil
}

// concern says that nobody is known who could give the approvals.
func concern(outstanding []portal.ApprovalRule) string {
	rules := make([]string, len(outstanding))
	for i, n := range outstanding {
		rules[i] = n.Describe(nil)
	}
	return "Of the people who have signed in to the portal nobody else could give the approvals that are needed (" + strings.Join(rules, ", ") +
		"). It would wait until somebody in that group signs in, or expire."
}

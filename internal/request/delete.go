package request

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/doapi"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/store"
)

// DeleteInput is what a person typed to ask for a deletion.
type DeleteInput struct {
	ClusterID     string
	Justification string
	SubmitKey     string
}

// PlanDelete says what deleting a cluster would do, from a live look at
// DigitalOcean. It returns KindNotFound for a cluster that a may not see,
// KindForbidden for one of a team that a is no member of, KindConflict for
// one that is gone, and KindUnavailable when DigitalOcean does not answer.
func (s *Service) PlanDelete(ctx context.Context, a portal.Actor, clusterID string) (portal.Cluster, portal.Plan, error) {
	cluster, team, err := s.ownCluster(ctx, a, clusterID)
	if err != nil {
		return cluster, portal.Plan{}, err
	}
	live, resources, err := s.look(ctx, cluster)
	if err != nil {
		return cluster, portal.Plan{}, err
	}
	d, err := s.draftDelete(ctx, s.Pool, team, live, resources)
	return cluster, d.plan, err
}

// SubmitDelete makes a request to delete a cluster, once for a given submit
// key. Its errors are those of PlanDelete, KindConflict also when a deletion
// is under way, and KindInvalid for the justification.
func (s *Service) SubmitDelete(ctx context.Context, a portal.Actor, in DeleteInput) (portal.Request, error) {
	cluster, team, err := s.ownCluster(ctx, a, in.ClusterID)
	if err != nil {
		return portal.Request{}, err
	}
	live, resources, err := s.look(ctx, cluster)
	if err != nil {
		return portal.Request{}, err
	}
	return s.submit(ctx, a, team, in.SubmitKey, func(tx pgx.Tx, team portal.Team) (draft, error) {
		now, err := store.Cluster(ctx, tx, cluster.ID)
		if err != nil {
			return draft{}, err
		}
		if now.TeamID != team.ID {
			return draft{}, portal.E(portal.KindConflict, "this cluster has been given to another team meanwhile")
		}
		live.Environment = now.Environment
		d, err := s.draftDelete(ctx, tx, team, live, resources)
		d.faults.checkText("justification", "why it should go", in.Justification, maxJustification, true)
		d.request.Justification = strings.TrimSpace(in.Justification)
		return d, err
	})
}

// ownCluster returns a cluster and the team that owns it, if a may ask for its
// deletion.
func (s *Service) ownCluster(ctx context.Context, a portal.Actor, id string) (portal.Cluster, portal.Team, error) {
	cluster, team, err := s.VisibleCluster(ctx, a, id)
	switch {
	case err != nil:
		return cluster, team, err
	case !a.MemberOf(team):
		return cluster, team, portal.E(portal.KindForbidden, "only members of the team that owns a cluster can ask for its deletion")
	case !cluster.GoneAt.IsZero():
		return cluster, team, portal.E(portal.KindConflict, "this cluster is gone already")
	}
	return cluster, team, nil
}

// VisibleCluster returns a cluster and the team that owns it (the zero Team
// for nobody's). What a may not see does not exist (KindNotFound).
func (s *Service) VisibleCluster(ctx context.Context, a portal.Actor, id string) (portal.Cluster, portal.Team, error) {
	cluster, err := store.Cluster(ctx, s.Pool, id)
	if err != nil {
		return cluster, portal.Team{}, err
	}
	teams, err := store.Teams(ctx, s.Pool)
	if err != nil {
		return cluster, portal.Team{}, err
	}
	for _, team := range teams {
		if team.ID == cluster.TeamID && a.CanSee(team) {
			return cluster, team, nil
		}
	}
	if cluster.TeamID == "" && a.SeesAll() {
		return cluster, portal.Team{}, nil
	}
	return portal.Cluster{}, portal.Team{}, portal.E(portal.KindNotFound, "there is no such cluster")
}

// look reads the cluster and what belongs to it from DigitalOcean.
func (s *Service) look(ctx context.Context, known portal.Cluster) (portal.Cluster, []portal.Resource, error) {
	c, err := s.DO.GetCluster(ctx, known.ID)
	if err != nil {
		return portal.Cluster{}, nil, unreadable(err)
	}
	associated, err := s.DO.ListAssociatedResources(ctx, known.ID)
	if err != nil {
		return portal.Cluster{}, nil, unreadable(err)
	}
	live := c.Portal(s.Now())
	if live.State == portal.ClusterDeleting || live.State == portal.ClusterDeleted {
		return portal.Cluster{}, nil, portal.E(portal.KindConflict, "this cluster is being deleted already")
	}
	live.TeamID, live.TeamName, live.Environment = known.TeamID, known.TeamName, known.Environment
	return live, associated.Portal(), nil
}

func unreadable(err error) error {
	if doapi.IsNotFound(err) {
		return portal.E(portal.KindConflict, "DigitalOcean no longer has this cluster", err)
	}
	return portal.E(portal.KindUnavailable,
		"DigitalOcean does not answer, so the portal cannot show what would be deleted and submits nothing; try again later", err)
}

func (s *Service) draftDelete(ctx context.Context, q store.Querier, team portal.Team, c portal.Cluster, remains []portal.Resource) (draft, error) {
	offer, err := store.Offer(ctx, q)
	if err != nil {
		return draft{}, err
	}
	used, err := store.TeamUsage(ctx, q, team.ID)
	if err != nil {
		return draft{}, err
	}
	freed := portal.Usage{}
	for size, n := range c.Usage() {
		freed[size] = -n
	}
	effect := quota.Check(team.Quota, used, freed)
	plan := portal.Plan{
		Summary: fmt.Sprintf("Delete cluster %s in %s with its %s.", c.Name, c.Region, nodes(c.NodeCount())),
		Quota:   effect,
		Remains: remains,
		Verdict: s.Policy.Judge(policy.Input{Operation: portal.DeleteCluster, Team: team, Environment: c.Environment, Quota: effect}),
	}
	addLosses(&plan, c, offer.Options)
	return draft{
		request: portal.Request{
			Operation: portal.DeleteCluster, TargetID: c.ID, TargetName: c.Name,
			Params: portal.Params{Delete: &portal.DeleteParams{Cluster: c.Shape()}},
		},
		plan: plan,
	}, nil
}

// addLosses says what is destroyed with the cluster and what that saves.
func addLosses(plan *portal.Plan, c portal.Cluster, o portal.Options) {
	plan.Losses = append(plan.Losses, "The control plane with everything kept in it: workloads, configuration, secrets.")
	plan.Changes = append(plan.Changes, portal.Change{What: "Cluster " + c.Name, Before: c.Version + " in " + c.Region})
	for _, p := range c.Pools {
		size, _ := o.Size(p.Size)
		plan.MonthlyCents -= size.MonthlyCents * int64(p.Count)
		plan.Changes = append(plan.Changes, portal.Change{What: "Pool " + p.Name, Before: fmt.Sprintf("%d × %s", p.Count, p.Size)})
		plan.Losses = append(plan.Losses, fmt.Sprintf("Pool %s with %s and what is on their disks.", p.Name, nodes(p.Count)))
	}
	if c.HA {
		plan.MonthlyCents -= haMonthlyCents
	}
}

package request

import (
	"context"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// ownCluster returns a cluster and the team that owns it, if a may ask for
// something to be done to it.
func (s *Service) ownCluster(ctx context.Context, a portal.Actor, id string) (portal.Cluster, portal.Team, error) {
	cluster, team, err := s.VisibleCluster(ctx, a, id)
	switch {
	case err != nil:
		return cluster, team, err
	case !a.MemberOf(team):
		return cluster, team, portal.E(portal.KindForbidden, "only members of the team that owns a cluster can request this")
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
	var team portal.Team
	if cluster.TeamID != "" {
		if team, err = store.TeamByID(ctx, s.Pool, cluster.TeamID); err != nil {
			return portal.Cluster{}, team, err
		}
	}
	if !a.CanSee(team) { // nobody is in the groups of no team
		return portal.Cluster{}, portal.Team{}, portal.Hidden("there is no such cluster")
	}
	return cluster, team, nil
}

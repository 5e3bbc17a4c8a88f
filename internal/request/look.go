package request

import (
	"context"
	"slices"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

// needsLook are the operations whose plan cannot rest on the inventory, which
// does not know what they are about.
var needsLook = map[portal.OperationID]bool{
	portal.UpgradeCluster: true, portal.DeleteCluster: true, portal.DeleteClusterSelective: true, portal.DeleteClusterDangerous: true,
}

// look reads the target from DigitalOcean, where the inventory does not do.
func (s *Service) look(ctx context.Context, d *portal.Draft, live bool) error {
	needed := needsLook[d.Operation]
	if !live && !needed {
		return nil
	}
	c, err := s.DO.GetCluster(ctx, d.Cluster.ID)
	if err != nil {
		return unreadable(err)
	}
	now := c.Portal(s.Now())
	if now.State == portal.ClusterDeleting || now.State == portal.ClusterDeleted {
		return portal.E(portal.KindConflict, "this cluster is being deleted already")
	}
	now.TeamID, now.TeamName, now.Environment, now.Protected = d.Cluster.TeamID, d.Cluster.TeamName, d.Cluster.Environment, d.Cluster.Protected
	d.Cluster = now
	if !needed {
		return nil
	}
	if d.Operation == portal.UpgradeCluster {
		upgrades, err := s.DO.ListUpgrades(ctx, now.ID)
		if err != nil {
			return unreadable(err)
		}
		d.Upgrades = doapi.PortalVersions(upgrades)
		return nil
	}
	associated, err := s.DO.ListAssociatedResources(ctx, now.ID)
	if err != nil {
		return unreadable(err)
	}
	d.Resources = associated.Portal()
	return nil
}

func unreadable(err error) error {
	if doapi.IsNotFound(err) {
		return portal.E(portal.KindConflict, "DigitalOcean no longer has this cluster", err)
	}
	return portal.E(portal.KindUnavailable,
		"DigitalOcean is not responding, so the portal cannot show what would happen and submits nothing; try again later", err)
}

// ClusterReader reads clusters from DigitalOcean.
type ClusterReader interface {
	GetCluster(ctx context.Context, id string) (doapi.Cluster, error)
	ListClusters(ctx context.Context) ([]doapi.Cluster, error)
}

// ReadClusters reads the clusters with the ids, in as few calls as that takes. Those
// that do not exist are missing from the answer; a list may be stale, so that is
// made sure of by id.
func ReadClusters(ctx context.Context, do ClusterReader, ids []string) (map[string]doapi.Cluster, error) {
	const few = 3 // a list of 500 clusters takes as many calls
	found := map[string]doapi.Cluster{}
	if len(ids) > few {
		all, err := do.ListClusters(ctx)
		if err != nil {
			return nil, err
		}
		for _, c := range all {
			if slices.Contains(ids, c.ID) {
				found[c.ID] = c
			}
		}
	}
	for _, id := range ids {
		if _, ok := found[id]; ok {
			continue
		}
		c, err := do.GetCluster(ctx, id)
		switch {
		case err == nil:
			found[id] = c
		case !doapi.IsNotFound(err):
			return nil, err
		}
	}
	return found, nil
}

// Lint returns a run of clusterlint on a cluster, the latest when runID is
// empty; KindNotFound when there is none. What a may not see does not exist.
func (s *Service) Lint(ctx context.Context, a portal.Actor, clusterID, runID string) (portal.LintRun, error) {
	ctx = doapi.Recent(doapi.WithCaller(ctx, a.Identity))
	if _, _, err := s.VisibleCluster(ctx, a, clusterID); err != nil {
		return portal.LintRun{}, err
	}
	run, err := s.DO.GetClusterlint(ctx, clusterID, runID)
	return run.Portal(), s.readable(err)
}

// StatusMessages returns what DigitalOcean has said about a cluster's troubles
// since the given time.
func (s *Service) StatusMessages(ctx context.Context, a portal.Actor, clusterID string, since time.Time) ([]portal.StatusMessage, error) {
	ctx = doapi.Recent(doapi.WithCaller(ctx, a.Identity))
	if _, _, err := s.VisibleCluster(ctx, a, clusterID); err != nil {
		return nil, err
	}
	messages, err := s.DO.ListStatusMessages(ctx, clusterID, since)
	return doapi.PortalMessages(messages), s.readable(err)
}

// ClusterUser returns who the portal's token is inside a cluster.
func (s *Service) ClusterUser(ctx context.Context, a portal.Actor, clusterID string) (portal.ClusterUser, error) {
	ctx = doapi.Recent(doapi.WithCaller(ctx, a.Identity))
	if _, _, err := s.VisibleCluster(ctx, a, clusterID); err != nil {
		return portal.ClusterUser{}, err
	}
	user, err := s.DO.GetClusterUser(ctx, clusterID)
	return portal.ClusterUser{Name: user.Username, Groups: user.Groups}, s.readable(err)
}

// readable gives an error of a live look the kind that people can act on.
func (s *Service) readable(err error) error {
	switch {
	case err == nil:
		return nil
	case doapi.IsNotFound(err):
		return portal.E(portal.KindNotFound, "DigitalOcean has nothing like this", err)
	}
	return portal.E(portal.KindUnavailable, "this cannot be read from DigitalOcean now: "+doapi.UserMessage(err), err)
}

package teams

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// MostAtOnce is how many clusters are given to a team at once. No more changes of one
// admin wait at a time.
const MostAtOnce = mostProposed

// AssignUnowned gives clusters that nobody owns to one team, each as Assign does, or
// proposes each to a second admin: all of them or, when it fails, none. Its errors
// are those of Assign, which name the cluster; besides KindInvalid, at "cluster", says
// that none or too many were chosen, and KindConflict that one has a team by now.
func (s *Service) AssignUnowned(ctx context.Context, a portal.Actor, clusterIDs []string, o Ownership) ([]Outcome, error) {
	if err := a.RequireAdmin(); err != nil {
		return nil, err
	}
	ids := slices.Compact(slices.Sorted(slices.Values(clusterIDs)))
	switch {
	case len(ids) == 0:
		return nil, portal.Invalid(portal.FieldError{Field: "cluster", Message: "Select at least one cluster that nobody owns."})
	case len(ids) > MostAtOnce:
		return nil, portal.Invalid(portal.FieldError{Field: "cluster", Message: fmt.Sprintf("You selected %d clusters; at most %d can be assigned at once.", len(ids), MostAtOnce)})
	case o.Slug == "":
		return nil, portal.Invalid(portal.FieldError{Field: "team", Message: "Choose a team."})
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	o.ETag = ETagOf("", "", true)
	var list []Outcome
	err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		clusters, err := lockUnowned(ctx, tx, o.Slug, ids)
		if err != nil {
			return err
		}
		for _, c := range clusters {
			out, err := s.submitIn(ctx, tx, a, &ownershipChange{ClusterID: c.ID, To: o})
			if err != nil {
				return ofCluster(c, err)
			}
			list = append(list, out)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// lockUnowned locks a team and then, at once, the clusters that it is to get, like
// everybody who locks both, and makes sure that nobody owns them.
func lockUnowned(ctx context.Context, tx pgx.Tx, slug string, ids []string) ([]portal.Cluster, error) {
	team, err := store.TeamBySlug(ctx, tx, slug)
	if err != nil {
		return nil, err
	}
	if _, err := store.LockTeam(ctx, tx, team.ID); err != nil {
		return nil, err
	}
	if err := store.LockClusters(ctx, tx, ids); err != nil {
		return nil, err
	}
	clusters, err := store.ClustersByID(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	if len(clusters) < len(ids) {
		return nil, portal.E(portal.KindConflict, "a cluster that you selected is no longer there; select again")
	}
	for _, c := range clusters {
		if c.TeamID != "" {
			return nil, portal.E(portal.KindConflict, c.Name+" has been given to team "+c.TeamName+" in the meantime; nothing was assigned")
		}
	}
	return clusters, nil
}

// ofCluster names the cluster for which none were assigned, where people can do
// something about it.
func ofCluster(c portal.Cluster, err error) error {
	var e *portal.Error
	if !errors.As(err, &e) || e.Kind != portal.KindConflict {
		return err
	}
	return portal.E(e.Kind, c.Name+": "+e.Message+". Nothing was assigned", err)
}

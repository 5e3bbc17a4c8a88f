package teams

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/events"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Ownership is what admins set of a cluster. What nobody owns has no
// environment and is protected.
type Ownership struct {
	Slug        string             `json:"team"` // of the team; empty: nobody's
	Environment portal.Environment `json:"environment"`
	Protected   bool               `json:"protected"` // no request may delete it
	ETag        string             `json:"seen"`      // what the admin saw of it, see SeenOf; empty: as it is now
}

// ETagOf tells apart who owns a cluster, so that an admin does not undo
// unawares what another has done meanwhile.
func ETagOf(teamID string, e portal.Environment, protected bool) string {
	return fmt.Sprintf("%s %s %t", teamID, e, protected)
}

// Assign sets who owns a cluster, or proposes that to a second admin, which the
// outcome says. Only admins may; KindStepUp asks for a fresh sign-in where
// somebody gains something, KindConflict says that the cluster is not as it was
// seen, KindInvalid names the wrong fields.
func (s *Service) Assign(ctx context.Context, a portal.Actor, clusterID string, o Ownership) (Outcome, error) {
	if err := a.RequireAdmin(); err != nil {
		return Outcome{}, err
	}
	if err := o.check(); err != nil {
		return Outcome{}, err
	}
	if o.Slug == "" {
		o.Environment, o.Protected = "", true
	}
	return s.submit(ctx, a, &ownershipChange{ClusterID: clusterID, To: o})
}

// check says what is wrong with an ownership as it was typed.
func (o Ownership) check() error {
	switch {
	case o.Environment != "" && !slices.Contains(portal.Environments, o.Environment):
		return portal.Invalid(portal.FieldError{Field: "environment", Message: "There is no such environment."})
	case o.Slug != "" && o.Environment == "":
		return portal.Invalid(portal.FieldError{Field: "environment", Message: "A cluster of a team needs an environment."})
	}
	return nil
}

// ownershipChange gives a cluster to a team or to nobody.
type ownershipChange struct {
	ClusterID string    `json:"cluster"`
	To        Ownership `json:"to"`

	cluster         portal.Cluster
	losing, winning portal.Team
}

func (c *ownershipChange) subject() string { return "cluster:" + c.ClusterID }

func (c *ownershipChange) title() string {
	if c.losing.ID != c.winning.ID {
		return fmt.Sprintf("Give cluster %s to %s", c.cluster.Name, owner(c.winning.Name))
	}
	return "Change the protection of cluster " + c.cluster.Name
}

// load locks the teams before the cluster, like everybody who locks both.
func (c *ownershipChange) load(ctx context.Context, tx pgx.Tx) error {
	before, err := store.Cluster(ctx, tx, c.ClusterID)
	if err != nil {
		return err
	}
	if c.To.Slug != "" {
		if c.winning, err = store.TeamBySlug(ctx, tx, c.To.Slug); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(slices.Values([]string{before.TeamID, c.winning.ID})) {
		if id == "" {
			continue
		}
		team, err := store.LockTeam(ctx, tx, id)
		if err != nil {
			return err
		}
		if id == c.winning.ID {
			c.winning = team
		}
		if id == before.TeamID {
			c.losing = team
		}
	}
	if err := store.LockClusters(ctx, tx, []string{c.ClusterID}); err != nil {
		return err
	}
	if c.cluster, err = store.Cluster(ctx, tx, c.ClusterID); err != nil {
		return err
	}
	seen := ETagOf(c.cluster.TeamID, c.cluster.Environment, c.cluster.Protected)
	if c.cluster.TeamID != before.TeamID || c.To.ETag != "" && c.To.ETag != seen {
		return portal.E(portal.KindConflict, "someone else has changed "+c.cluster.Name+" in the meantime; look at its current settings")
	}
	c.To.ETag = seen
	return nil
}

func (c *ownershipChange) gains() []portal.Gain {
	return ownershipGains(c.cluster, c.losing, c.winning, c.To.Environment, c.To.Protected)
}

// adopts reports whether the cluster gets its first team.
func (c *ownershipChange) adopts(ctx context.Context, tx pgx.Tx) (bool, error) {
	had, err := store.HadTeam(ctx, tx, c.ClusterID)
	return !had && c.losing.ID == "", err
}

func (c *ownershipChange) groups() []string {
	return []string{c.losing.MemberGroup, c.losing.ApproverGroup, c.winning.MemberGroup, c.winning.ApproverGroup}
}

func (c *ownershipChange) apply(ctx context.Context, tx pgx.Tx, by decision) error {
	if err := store.AssignCluster(ctx, tx, c.ClusterID, c.winning.ID, c.To.Environment); err != nil {
		return err
	}
	if _, err := store.Protect(ctx, tx, c.ClusterID, c.To.Protected); err != nil {
		return err
	}
	if c.cluster.TeamID != c.winning.ID || c.cluster.Environment != c.To.Environment {
		if err := c.record(ctx, tx, by, portal.EventClusterAssigned, fmt.Sprintf("%s gave cluster %s to %s (%s), before %s (%s)",
			by.Actor.Name, c.cluster.Name, owner(c.winning.Name), cmp.Or(c.To.Environment, "no environment"),
			owner(c.losing.Name), cmp.Or(c.cluster.Environment, "no environment"))); err != nil {
			return err
		}
	}
	if c.cluster.Protected != c.To.Protected {
		kind, verb := portal.EventProtected, "protected cluster %s against deletion"
		if !c.To.Protected {
			kind, verb = portal.EventUnprotected, "lifted the protection of cluster %s against deletion"
		}
		if err := c.record(ctx, tx, by, kind, by.Actor.Name+" "+fmt.Sprintf(verb, c.cluster.Name)); err != nil {
			return err
		}
	}
	return events.Publish(ctx, tx, events.ClusterChanged(c.ClusterID, c.losing.ID, c.winning.ID)...)
}

// record puts a change of the cluster on the trail, and tells the team that
// loses it, or the one that has it.
func (c *ownershipChange) record(ctx context.Context, tx pgx.Tx, by decision, kind portal.EventKind, summary string) error {
	e := portal.Event{At: by.at, Kind: kind, Actor: by.Actor.Person(), Environment: c.cluster.Environment,
		Target:  portal.EventTarget{Kind: portal.TargetCluster, ID: c.ClusterID, Name: c.cluster.Name},
		Summary: summary + by.suffix(), Data: by.data()}
	e.Data["before"] = map[string]any{"team": c.losing.Slug, "environment": c.cluster.Environment, "protected": c.cluster.Protected}
	e.Data["after"] = map[string]any{"team": c.winning.Slug, "environment": c.To.Environment, "protected": c.To.Protected}
	for _, id := range c.teams() { // each finds it among its own events
		e.TeamID = id
		if err := audit.Append(ctx, tx, e); err != nil {
			return err
		}
	}
	return notify.Queue(ctx, tx, notify.Notification{Kind: kind, TeamID: cmp.Or(c.losing.ID, c.winning.ID), ClusterID: c.ClusterID,
		Actor: e.Actor, Summary: e.Summary, At: e.At})
}

// teams are the ids of those that lose or get the cluster; one of no team when
// there are none.
func (c *ownershipChange) teams() []string {
	if c.losing.ID == "" || c.losing.ID == c.winning.ID {
		return []string{c.winning.ID}
	}
	if c.winning.ID == "" {
		return []string{c.losing.ID}
	}
	return []string{c.losing.ID, c.winning.ID}
}

func owner(name string) string {
	if name == "" {
		return "nobody"
	}
	return "team " + name
}

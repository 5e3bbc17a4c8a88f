package policy

import (
	"context"
	"slices"

	"doksportal/internal/portal"
)

// KnownTeam is a team as it is, by which a policy is tried: whoever writes a rule
// around requests that are made up has to write it around these, too.
type KnownTeam struct {
	Team     Team
	Limit    int       // of its nodes
	Actors   []Actor   // some of its members
	Clusters []Cluster // some that it owns; of HA and tags nothing is known
}

// enough is how many requests say something of those to come.
const enough = 10

// Freezes says in plain words of which requests the new policy denies most,
// where the old one let them pass, as far as Stops does not: ordinary requests
// of the teams that there are, and requests that were made. What could not be
// tried because ctx has ended, it says too.
func Freezes(ctx context.Context, old, now *Policy, teams []KnownTeam, made []Input) []string {
	found := findings{}
	stopped := func(op portal.OperationID, e portal.Environment, team string) bool {
		return now.deniesAll(op, e, team, nil) || now.deniesMost(old, ordinary(op, e, team))
	}
	for _, team := range teams {
		named := "" // as Stops tells teams apart
		if now.namesTeam(team.Team.Slug) || old.namesTeam(team.Team.Slug) {
			named = team.Team.Slug
		}
		for _, op := range portal.Catalogue {
			for _, e := range portal.Environments {
				if ctx.Err() != nil {
					return []string{"The policy could not be tried on all teams in time, so it cannot be shown that every kind of request can still pass."}
				}
				if op.Risk != portal.RiskRead && now.deniesMost(old, team.ordinary(op.ID, e)) && !stopped(op.ID, e, named) {
					found.add("most ordinary requests are denied", op.ID, e, teamSet{called: []string{"team " + team.Team.Slug}})
				}
			}
		}
	}
	list := found.sentences(true)
	for _, op := range portal.Catalogue {
		like := slices.DeleteFunc(slices.Clone(made), func(in Input) bool { return in.Change.Operation != op.ID })
		if len(like) >= enough && now.deniesMost(old, like) {
			list = append(list, op.Title+": most of the last requests would have been denied.")
		}
	}
	return list
}

// ordinary are ordinary requests of the team's own people for its own clusters.
func (t KnownTeam) ordinary(op portal.OperationID, e portal.Environment) []Input {
	clusters := slices.DeleteFunc(slices.Clone(t.Clusters), func(c Cluster) bool { return guarded(c.Environment) != e })
	list := ordinary(op, e, t.Team.Slug)
	for i := range list {
		in := &list[i]
		in.Team, in.Quota.Limit = t.Team, t.Limit
		if len(t.Actors) > 0 {
			in.Actor = t.Actors[i%len(t.Actors)]
		}
		if op != portal.CreateCluster && len(clusters) > 0 {
			in.Cluster = clusters[i%len(clusters)]
			in.Cluster.HA = i%2 == 0 // which is not known here
		}
	}
	return list
}

// namesTeam reports whether a rule speaks of the team by its slug.
func (p *Policy) namesTeam(slug string) bool {
	return slices.ContainsFunc(p.rules, func(r rule) bool { return slices.Contains(r.teams, slug) })
}

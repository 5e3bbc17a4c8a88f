package teams

import (
	"fmt"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// newTeamGains is what a new team gives to its groups.
func newTeamGains(t portal.Team) []portal.Gain {
	return []portal.Gain{
		{Text: fmt.Sprintf("Members of group %s get a team with a quota of %s.", t.MemberGroup, quotaText(t.Quota)), Groups: []string{t.MemberGroup}},
		{Text: fmt.Sprintf("Members of group %s can approve requests of team %s.", t.ApproverGroup, t.Name), Groups: []string{t.ApproverGroup}},
	}
}

// teamGains is what an edit of a team gives to its groups. A policy may judge a
// team by its name, so another name gives the team whatever that name has.
func teamGains(before, after portal.Team) []portal.Gain {
	var list []portal.Gain
	if before.Name != after.Name {
		list = append(list, portal.Gain{Text: fmt.Sprintf("Team %s is called %s, by which the policy and people know it.", before.Name, after.Name),
			Groups: []string{after.MemberGroup, after.ApproverGroup}})
	}
	if before.MemberGroup != after.MemberGroup {
		list = append(list, portal.Gain{Text: fmt.Sprintf("Members of group %s, instead of group %s, get the clusters and the quota of team %s.", after.MemberGroup, before.MemberGroup, after.Name),
			Groups: []string{after.MemberGroup}})
	}
	if before.ApproverGroup != after.ApproverGroup {
		list = append(list, portal.Gain{Text: fmt.Sprintf("Members of group %s, instead of group %s, can approve requests of team %s.", after.ApproverGroup, before.ApproverGroup, after.Name),
			Groups: []string{after.ApproverGroup}})
	}
	for _, text := range quotaGains(after.Name, before.Quota, after.Quota) {
		list = append(list, portal.Gain{Text: text, Groups: []string{after.MemberGroup}})
	}
	return list
}

// ownershipGains is what another owner, environment or protection of a cluster
// gives to the groups of its teams. A cluster that nobody owns counts as
// production and as protected, and takes none of a quota.
func ownershipGains(c portal.Cluster, losing, winning portal.Team, env portal.Environment, protected bool) []portal.Gain {
	var list []portal.Gain
	if losing.ID != winning.ID {
		if losing.ID != "" {
			list = append(list, portal.Gain{Text: fmt.Sprintf("Team %s no longer has cluster %s, and can use the freed quota for others.", losing.Name, c.Name),
				Groups: []string{losing.MemberGroup}})
		}
		if winning.ID != "" {
			list = append(list, portal.Gain{Text: fmt.Sprintf("Team %s gets cluster %s, and decides on requests for it.", winning.Name, c.Name),
				Groups: []string{winning.MemberGroup, winning.ApproverGroup}})
		}
	}
	if winning.ID == "" {
		return list
	}
	to := []string{winning.MemberGroup, winning.ApproverGroup}
	if level(env) < level(c.Environment) {
		list = append(list, portal.Gain{Text: fmt.Sprintf("Cluster %s counts as %s, no longer as %s.", c.Name, env, guarded(c.Environment)), Groups: to})
	}
	if c.Protected && !protected {
		list = append(list, portal.Gain{Text: fmt.Sprintf("Cluster %s can be deleted.", c.Name), Groups: to})
	}
	return list
}

// guarded is the environment that a cluster counts as.
func guarded(e portal.Environment) portal.Environment {
	if e == "" {
		return portal.Production
	}
	return e
}

// level grows with how well an environment is guarded.
func level(e portal.Environment) int { return slices.Index(portal.Environments, guarded(e)) }

// quotaText says in one line how much a quota allows.
func quotaText(q portal.Quota) string {
	var parts []string
	for _, item := range limited(q) {
		parts = append(parts, item.Amount(q.Limits[item]))
	}
	if _, ok := q.Limits[portal.AllNodes]; !ok {
		parts = append([]string{"any number of nodes"}, parts...)
	}
	return strings.Join(parts, ", ")
}

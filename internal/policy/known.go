package policy

import (
	"fmt"
	"slices"

	"doksportal/internal/portal"
)

// Known is what a portal knows of those who may approve. It serves one comparison
// at a time.
type Known struct {
	Teams  map[string]string // the approver group of each team, by slug
	People [][]string        // of each person, the groups of theirs that policies name or teams have

	met map[string]bool // by approvals
}

// Groups of which nothing is known, but that somebody is in them.
const (
	someTeam     = "\x00team"
	somePlatform = "\x00platform"
)

// canMeet reports whether there are people for the approvals of a rule that does
// not deny. Who asks may be one of them, which no policy can know.
func (k *Known) canMeet(r *rule, team, platform string) bool {
	if k == nil {
		platform = somePlatform
	}
	v := r.verdict(team, platform)
	if k == nil || v.Decision == portal.Deny {
		return v.Decision != portal.Deny
	}
	v.Approvals = slices.DeleteFunc(v.Approvals, func(n portal.ApprovalRule) bool { return slices.Contains(n.Groups, someTeam) })
	key := ""
	for _, n := range v.Approvals {
		key += fmt.Sprintf("%d %q ", n.Count, n.Groups)
	}
	met, ok := k.met[key]
	if !ok {
		if met = len(v.Outstanding(k.People)) == 0; k.met == nil {
			k.met = map[string]bool{}
		}
		k.met[key] = met
	}
	return met
}

// approversOf are the approver groups of the teams of a kind of request, by slug.
// What concerns the whole account has no team, and so no approvers of one.
func (k *Known) approversOf(of kind) map[string]string {
	found := map[string]string{}
	switch {
	case of.account && of.teams.slug != "":
		return found
	case of.account:
		return map[string]string{"": ""}
	}
	if k != nil {
		for slug, group := range k.Teams {
			if of.teams.has(slug) {
				found[slug] = group
			}
		}
	}
	if len(found) == 0 {
		found[of.teams.slug] = someTeam
	}
	return found
}

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

// someTeam is the approver group of a team of which nothing is known.
const someTeam = "\x00team"

// canMeet reports whether there are people for the approvals of a rule that does
// not deny. Who asks may be one of them, which no policy can know.
func (k *Known) canMeet(r *rule, team, platform string) bool {
	if k == nil {
		return true
	}
	v := r.verdict(team, platform)
	if v.Decision == portal.Deny {
		return false
	}
	v.Approvals = slices.DeleteFunc(v.Approvals, func(n portal.ApprovalRule) bool { return slices.Contains(n.Groups, someTeam) })
	key := fmt.Sprint(v.Approvals)
	met, ok := k.met[key]
	if !ok {
		if met = len(v.Outstanding(k.People)) == 0; k.met == nil {
			k.met = map[string]bool{}
		}
		k.met[key] = met
	}
	return met
}

// approversOf are the approver groups of the teams of a set, by slug.
func (k *Known) approversOf(set teamSet) map[string]string {
	found := map[string]string{}
	if k != nil {
		for slug, group := range k.Teams {
			if set.has(slug) {
				found[slug] = group
			}
		}
	}
	if len(found) == 0 {
		found[set.slug] = someTeam
	}
	return found
}

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
// not deny.
func (k *Known) canMeet(r *rule, team, platform string) bool {
	v := k.verdict(r, team, platform)
	if k == nil || v.Decision == portal.Deny {
		return v.Decision != portal.Deny
	}
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

// canAlways reports whether the approvals of a rule can be given whoever of those
// who can give them asks: nobody's word counts for what they ask for themselves.
func (k *Known) canAlways(r *rule, team, platform string) bool {
	v := k.verdict(r, team, platform)
	if k == nil {
		return true
	}
	var concerned [][]string // the groups of each person who can give one of them
	for _, groups := range k.People {
		if slices.ContainsFunc(v.Approvals, func(n portal.ApprovalRule) bool {
			return slices.ContainsFunc(groups, func(g string) bool { return slices.Contains(n.Groups, g) })
		}) {
			concerned = append(concerned, groups)
		}
	}
	tried := map[string]bool{} // by groups: those who are in the same are one like the other
	for i, groups := range concerned {
		if key := fmt.Sprintf("%q", groups); !tried[key] {
			tried[key] = true
			if len(v.Outstanding(slices.Delete(slices.Clone(concerned), i, i+1))) > 0 {
				return false
			}
		}
	}
	return true
}

// verdict is what a rule asks for, but for the approvals of teams of which nothing
// is known.
func (k *Known) verdict(r *rule, team, platform string) portal.Verdict {
	if k == nil {
		platform = somePlatform
	}
	v := r.verdict(team, platform)
	if k != nil {
		v.Approvals = slices.DeleteFunc(v.Approvals, func(n portal.ApprovalRule) bool { return slices.Contains(n.Groups, someTeam) })
	}
	return v
}

// asked is how many approvals a rule asks for.
func (r *rule) asked() int {
	n := 0
	for _, a := range r.approvals {
		n += a.count
	}
	return n
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

package policy

import (
	"slices"

	"doksportal/internal/portal"
)

// Stops says in plain words which requests the new policy denies whatever
// their conditions come to, where the old one let some pass. Not even
// break-glass passes such a denial, so its author should know.
func Stops(old, now *Policy) []string {
	found := findings{}
	teams := append(teamsOf(old, now), "")
	for _, op := range portal.Catalogue {
		if !op.Asked() {
			continue
		}
		for _, e := range portal.Environments {
			for _, team := range teams {
				if now.deniesAll(op.ID, e, team) && !old.deniesAll(op.ID, e, team) {
					found.add("every request is denied", op.ID, e, team)
				}
			}
		}
	}
	return found.sentences(len(teams) > 1)
}

// deniesAll reports whether no request of a kind can pass.
func (p *Policy) deniesAll(op portal.OperationID, e portal.Environment, team string) bool {
	return !slices.ContainsFunc(p.selected(op, e, team), func(r *rule) bool { return !denies(r) })
}

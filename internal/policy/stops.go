package policy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// Stops says in plain words of which requests none can pass under the new policy,
// where some could under the old one; of no old policy (nil), all of which none
// can pass. No request passes whose approvals nobody can give, as far as people
// are known; known is nil where nothing is known of them. What could not be looked
// at, because it was too much or because ctx has ended, Stops says too.
func Stops(ctx context.Context, old, now *Policy, known *Known) []string {
	policies := []*Policy{now}
	if old != nil {
		policies = append(policies, old)
	}
	found, some := findings{}, false // some: but not all of a set
	sets, whole := eachKind(ctx, policies, func(op portal.OperationID, e portal.Environment, set teamSet) {
		if op.Risk() == portal.RiskRead {
			return
		}
		teams := known.approversOf(set)
		var stopped []string
		for _, slug := range slices.Sorted(maps.Keys(teams)) {
			if !now.canPass(op, e, slug, teams[slug], known) && (old == nil || old.canPass(op, e, slug, teams[slug], known)) {
				stopped = append(stopped, slug)
			}
		}
		if 0 < len(stopped) && len(stopped) < len(teams) {
			set.called, some = called(stopped), true
		}
		if len(stopped) > 0 {
			found.add("no request can pass", op, e, set)
		}
	})
	list := found.sentences(sets > 1 || some)
	if !whole {
		list = append(list, "The teams are too many to compare, so it cannot be shown that every kind of request can still pass.")
	}
	return list
}

// canPass reports whether some request of a kind can pass.
func (p *Policy) canPass(op portal.OperationID, e portal.Environment, team, approvers string, known *Known) bool {
	return slices.ContainsFunc(p.selected(op, e, team), func(r *rule) bool { return !denies(r) && known.canMeet(r, approvers, p.PlatformApprovers) })
}

// Groups are the groups of the identity provider that the rules name, each once.
func (p *Policy) Groups() []string {
	var list []string
	for _, r := range p.rules {
		for _, n := range r.approvals {
			for _, from := range n.from {
				if group, named := strings.CutPrefix(from, fromGroup); named {
					list = append(list, group)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

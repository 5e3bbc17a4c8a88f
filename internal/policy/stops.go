package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// Stops says in plain words for which requests nobody could give the approvals
// that the new policy asks for, where people could give those of the old one: for
// every outcome of the conditions, and as far as people are known. Where a policy
// newly asks for many, they must be enough for what one of them asks for, too. known
// is nil where nothing is known of people.
func Stops(ctx context.Context, old, now *Policy, known *Known) []string {
	c := comparison{byTeam: true, left: maxOutcomes, known: map[string][]string{}, found: findings{}}
	c.differ = func(was, is *rule, k kind) []string {
		if denies(was) || denies(is) {
			return nil
		}
		teams := known.approversOf(k)
		var stopped []string
		for _, slug := range slices.Sorted(maps.Keys(teams)) {
			if ctx.Err() != nil {
				return nil
			}
			before, after := known.canMeet(was, teams[slug], old.PlatformApprovers), known.canMeet(is, teams[slug], now.PlatformApprovers)
			many := is.asked() >= manyApprovals && is.asked() > was.asked()
			if before && (!after || many && !known.canAlways(is, teams[slug], now.PlatformApprovers)) {
				stopped = append(stopped, slug)
			}
		}
		switch {
		case len(stopped) == 0:
			return nil
		case len(stopped) < len(teams):
			return []string{fmt.Sprintf("nobody could give the approvals for %s (rule “%s”)", strings.Join(called(stopped), ", "), is.name)}
		}
		return []string{fmt.Sprintf("nobody could give the approvals (rule “%s”)", is.name)}
	}
	return c.run(ctx, old, now, "every request can still be approved")
}

// manyApprovals are so many that few people could give them.
const manyApprovals = 3

// DeniedAltogether says in plain words of which kinds of requests a policy denies
// all, whatever its conditions come to. A larger quota is none of them: where nobody
// may request it, admins give it.
func DeniedAltogether(ctx context.Context, p *Policy) []string {
	found := findings{}
	sets, whole := eachKind(ctx, []*Policy{p}, func(op portal.OperationID, e portal.Environment, teams teamSet) {
		if op.Risk() != portal.RiskRead && !op.Named() && !slices.ContainsFunc(p.selected(op, e, teams.slug), func(r *rule) bool { return !denies(r) }) {
			found.add("every request is denied", op, e, teams)
		}
	})
	list := found.sentences(sets > 1)
	if !whole {
		list = append(list, "The teams are too many to compare, so it cannot be shown that every kind of request can pass.")
	}
	return list
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

package policy

import (
	"context"
	"maps"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// NewApprovers returns the groups of the identity provider whose members may
// approve something under the new policy that they may not under the old one,
// each once; team reports that the teams' own approvers are among them. What both
// let pass is compared outcome by outcome of the conditions: who decides on a few
// requests of a kind gains by deciding on all. whole is false when there was too
// much to compare, or ctx has ended.
func NewApprovers(ctx context.Context, old, now *Policy) (groups []string, team, whole bool) {
	found := map[string]bool{}
	note := func(before, after map[string]bool) {
		for from := range after {
			if !before[from] {
				found[from] = true
			}
		}
	}
	_, whole = eachKind(ctx, []*Policy{old, now}, func(op portal.OperationID, e portal.Environment, teams teamSet) {
		note(old.approvers(op, e, teams.slug), now.approvers(op, e, teams.slug))
	})
	unshown := compare(ctx, old, now, func(was, is *rule, _ kind) []string {
		if !denies(was) && !denies(is) {
			note(was.approvers(), is.approvers())
		}
		return nil
	}, "nobody gains by it")
	whole = whole && len(unshown) == 0
	for _, from := range slices.Sorted(maps.Keys(found)) {
		switch group, named := strings.CutPrefix(from, fromGroup); {
		case named:
			groups = append(groups, group)
		case from == fromPlatform && now.PlatformApprovers != "":
			groups = append(groups, now.PlatformApprovers)
		case from == fromTeam:
			team = true
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups), team, whole
}

// approvers are those whose approval may count for some request of a kind, as
// rules write them.
func (p *Policy) approvers(op portal.OperationID, e portal.Environment, team string) map[string]bool {
	list := map[string]bool{}
	for _, r := range p.selected(op, e, team) {
		maps.Copy(list, r.approvers())
	}
	return list
}

// approvers are those whose approval counts by the rule.
func (r *rule) approvers() map[string]bool {
	list := map[string]bool{}
	for _, n := range r.approvals {
		for _, from := range n.from {
			list[from] = true
		}
	}
	return list
}

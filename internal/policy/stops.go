package policy

import (
	"context"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// Stops says in plain words of which requests the new policy denies all, or
// most of the ordinary ones, where the old one let them pass; of no old policy
// (nil), all that it denies so. Not even break-glass passes such a denial, so its
// author should know. hasMembers says of a group of the identity provider whether
// anybody is known to be in it; nil where nothing is known of groups. What could
// not be looked at, because it was too much or because ctx has ended, Stops says
// too.
func Stops(ctx context.Context, old, now *Policy, hasMembers func(group string) bool) []string {
	policies := []*Policy{now}
	if old != nil {
		policies = append(policies, old)
	}
	tried, before := now, old
	if hasMembers == nil { // somebody may be a platform approver, too
		tried, before = withPlatform(now), withPlatform(old)
	}
	found := findings{}
	sets, whole := eachKind(ctx, policies, func(op portal.OperationID, e portal.Environment, teams teamSet) {
		switch {
		case op.Risk() == portal.RiskRead:
		case now.deniesAll(op, e, teams.slug, hasMembers):
			if old == nil || !old.deniesAll(op, e, teams.slug, hasMembers) {
				found.add("every request is denied", op, e, teams)
			}
		case tried.deniesMost(before, ordinary(op, e, teams.slug)):
			found.add("most ordinary requests are denied", op, e, teams)
		}
	})
	list := found.sentences(sets > 1)
	if !whole {
		list = append(list, "The teams are too many to compare, so it cannot be shown that every kind of request can still pass.")
	}
	return list
}

// deniesAll reports whether no request of a kind can pass.
func (p *Policy) deniesAll(op portal.OperationID, e portal.Environment, team string, hasMembers func(string) bool) bool {
	return !slices.ContainsFunc(p.selected(op, e, team), func(r *rule) bool {
		return !denies(r) && !slices.ContainsFunc(r.approvals, func(n approvalRule) bool { return !n.canBeMet(p.PlatformApprovers, hasMembers) })
	})
}

// canBeMet reports whether there may be anybody whose approval counts. Of a
// team's approvers nothing is known here: each team has its own.
func (n approvalRule) canBeMet(platform string, hasMembers func(string) bool) bool {
	return hasMembers == nil || slices.ContainsFunc(n.from, func(from string) bool {
		group, named := strings.CutPrefix(from, fromGroup)
		return from == fromTeam || from == fromPlatform && platform != "" || named && hasMembers(group)
	})
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

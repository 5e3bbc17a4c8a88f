// Package quota compares what a team uses, and what a change would add, with
// the team's limits. It is pure: the same numbers give the same answer. request
// calls Check for each plan, and execute again right before the call; web shows
// each team's Standing. What a team uses they read from store.
package quota

import (
	"maps"
	"slices"

	"doksportal/internal/portal"
)

// Check returns the limits that a change touches, before and after it: the one
// on all nodes first, then each size of the change in alphabetical order. used
// includes the reservations of requests that are under way.
func Check(limits portal.Quota, used, change portal.Usage) portal.QuotaEffect {
	effect := portal.QuotaEffect{Lines: []portal.QuotaLine{{
		Limit:   limits.Nodes,
		Before:  used.Total(),
		After:   used.Total() + change.Total(),
		Allowed: true,
	}}}
	for _, size := range slices.Sorted(maps.Keys(change)) {
		limit, allowed := limits.Sizes[size]
		effect.Lines = append(effect.Lines, portal.QuotaLine{
			Size:    size,
			Limit:   limit,
			Before:  used[size],
			After:   used[size] + change[size],
			Allowed: allowed,
		})
	}
	return effect
}

// Standing returns how a team stands against all of its limits, and against
// sizes that it uses without a limit.
func Standing(limits portal.Quota, used portal.Usage) portal.QuotaEffect {
	sizes := portal.Usage{}
	for size := range limits.Sizes {
		sizes[size] = 0
	}
	for size := range used {
		sizes[size] = 0
	}
	return Check(limits, used, sizes)
}

// Package quota compares what a team uses, and what a change would add, with
// the team's limits. It is pure: the same numbers give the same answer. request
// calls Check for each plan, and execute again right before the call; web shows
// each team's Standing. What a team uses they read from store.
package quota

import (
	"math"

	"doksportal/internal/portal"
)

// Check returns the limits that a change touches, before and after it, in the
// order of the table of limits. used includes the reservations of requests that
// are under way.
func Check(limits portal.Quota, used, change portal.Usage) portal.QuotaEffect {
	var effect portal.QuotaEffect
	for _, l := range table {
		for _, line := range l(limits, change) {
			line.Before = line.of(used)
			line.After = line.Before + line.of(change)
			effect.Lines = append(effect.Lines, line.QuotaLine)
		}
	}
	return effect
}

// Room returns how many more of an item the limits leave room for, and whether
// they allow it at all.
func Room(limits portal.Quota, used portal.Usage, item portal.Item) (left int, allowed bool) {
	left = math.MaxInt
	for _, l := range Check(limits, used, portal.Usage{item: 1}).Lines {
		if !l.Allowed {
			return 0, false
		}
		if each := l.After - l.Before; each > 0 {
			left = min(left, max(0, l.Limit-l.Before)/each)
		}
	}
	return left, true
}

// Standing returns how a team stands against all of its limits, and against
// sizes that it uses without a limit.
func Standing(limits portal.Quota, used portal.Usage) portal.QuotaEffect {
	all := portal.Usage{}
	for size := range limits.Sizes {
		all[portal.NodesOf(size)] = 0
	}
	for item := range used {
		all[item] = 0
	}
	return Check(limits, used, all)
}

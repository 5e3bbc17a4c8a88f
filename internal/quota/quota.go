// Package quota compares what a team uses, and what a change would add, with
// the team's limits. It is pure: the same numbers give the same answer. request
// calls Check for each plan, and execute again right before the call; web shows
// each team's Standing. What a team uses they read from store.
package quota

import (
	"math"
	"slices"

	"doksportal/internal/portal"
)

// Check returns the limits that a change touches, before and after it: first all
// nodes, then sums, families, sizes and what may not be used at all. used includes
// the reservations of requests that are under way. Sums of vCPUs, memory and cost
// go by what DigitalOcean offers.
func Check(limits portal.Quota, offer portal.Options, used portal.Usage, d portal.Demand) portal.QuotaEffect {
	var effect portal.QuotaEffect
	for _, item := range items(limits, d.Usage) {
		l, ok := line(limits, offer, item, used, d.Usage)
		if l.Refusal != "" && chosen(item, d.Sizes) {
			l.After = max(l.After, l.Before+1) // a pool may not be there, though it has no nodes yet
		}
		if ok && touches(d.Usage, l) {
			effect.Lines = append(effect.Lines, l)
		}
	}
	if limit, ok := limits.Limit(portal.PoolNodes); ok && d.Pool > 0 {
		effect.Lines = append(effect.Lines, portal.QuotaLine{Item: portal.PoolNodes, Title: portal.PoolNodes.Title(), Limit: limit, After: d.Pool})
	}
	effect.Lines = append(effect.Lines, choices(limits, d)...)
	return effect
}

// chosen reports whether an item counts nodes of one of the sizes.
func chosen(i portal.Item, sizes []string) bool {
	return slices.ContainsFunc(sizes, func(size string) bool {
		return i == portal.NodesOf(size) || i == portal.NodesOfFamily(portal.FamilyOf(size))
	})
}

// touches reports whether a change is about what a line counts.
func touches(change portal.Usage, l portal.QuotaLine) bool {
	if l.After != l.Before {
		return true
	}
	for item := range change {
		if _, isSize := item.Size(); isSize && (item == l.Item || l.Item == portal.AllNodes) {
			return true
		}
	}
	return false
}

// Room returns how many more nodes of a size the limits leave room for, in one
// pool, and whether they allow them at all.
func Room(limits portal.Quota, offer portal.Options, used portal.Usage, size string) (left int, allowed bool) {
	left = math.MaxInt32
	for _, l := range Check(limits, offer, used, portal.Demand{Usage: portal.Usage{portal.NodesOf(size): 1}, Pool: 1}).Lines {
		if l.Refusal != "" {
			return 0, false
		}
		if each := l.After - l.Before; each > 0 && !l.Unlimited {
			left = min(left, max(0, l.Limit-l.Before)/each)
		}
	}
	return left, true
}

// Nearest is the limit of which the most is used, and how much of it, in
// hundredths; ok is false when there is none. Nothing of a limit of nothing is no
// use of it.
func Nearest(e portal.QuotaEffect) (nearest portal.QuotaLine, hundredths int, ok bool) {
	for _, l := range e.Lines {
		if l.Unlimited || l.Limit == 0 && l.Before == 0 {
			continue
		}
		if n := l.Before * 100 / max(1, l.Limit); !ok || n > hundredths {
			nearest, hundredths, ok = l, n, true
		}
	}
	return nearest, hundredths, ok
}

// Used is how much of an item a usage takes.
func Used(i portal.Item, offer portal.Options, used portal.Usage) int {
	n, _ := measureOf(i)(used, offer)
	return n
}

// Standing returns how a team stands against all of its limits, and against
// sizes that it uses without a limit.
func Standing(limits portal.Quota, offer portal.Options, used portal.Usage) portal.QuotaEffect {
	var effect portal.QuotaEffect
	for _, item := range items(limits, used) {
		if l, ok := line(limits, offer, item, used, nil); ok && (!l.Unlimited || l.Before > 0 || item == portal.AllNodes) {
			effect.Lines = append(effect.Lines, l)
		}
	}
	return effect
}

package quota

import (
	"maps"
	"slices"

	"doksportal/internal/portal"
)

// limit is a kind of limit: the lines of it that a change touches.
type limit func(q portal.Quota, change portal.Usage) []line

// line is one limit, with how much of a usage it counts.
type line struct {
	portal.QuotaLine
	of func(portal.Usage) int
}

// table is all limits, in the order in which they are shown.
var table = []limit{nodes, nodesOfSize}

func nodes(q portal.Quota, _ portal.Usage) []line {
	return []line{{portal.QuotaLine{Title: "All nodes", Unit: "nodes", Limit: q.Nodes, Allowed: true}, portal.Usage.Nodes}}
}

// nodesOfSize limits the sizes that a team may use; all others are not allowed.
func nodesOfSize(q portal.Quota, change portal.Usage) []line {
	var list []line
	for _, item := range slices.Sorted(maps.Keys(change)) {
		size, ok := item.Size()
		if !ok {
			continue
		}
		limit, allowed := q.Sizes[size]
		list = append(list, line{portal.QuotaLine{Title: size, Unit: size + " nodes", Size: size, Limit: limit, Allowed: allowed},
			func(u portal.Usage) int { return u[item] }})
	}
	return list
}

package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// order is that in which limits are shown; those of sizes and families follow.
var order = []portal.Item{portal.AllNodes, portal.Clusters, portal.HAClusters, portal.VCPUs, portal.Memory, portal.Cost}

// items are what a quota limits and a usage has, in the order in which they are
// shown. All nodes come first even when they are unlimited.
func items(q portal.Quota, touched ...portal.Usage) []portal.Item {
	others := map[portal.Item]bool{}
	for item := range q.Limits {
		others[item] = true
	}
	for _, u := range touched {
		for item := range u {
			if size, ok := item.Size(); ok {
				others[item], others[portal.NodesOfFamily(portal.FamilyOf(size))] = true, true
			}
		}
	}
	list := slices.DeleteFunc(slices.Clone(order), func(i portal.Item) bool {
		_, limited := q.Limit(i)
		return !limited && i != portal.AllNodes
	})
	for _, i := range append(list, portal.PoolNodes) { // a pool is no part of a sum
		delete(others, i)
	}
	return append(list, slices.Sorted(maps.Keys(others))...)
}

// line is how a limit stands; ok is false when there is nothing to say of it.
func line(q portal.Quota, o portal.Options, i portal.Item, used, change portal.Usage) (l portal.QuotaLine, ok bool) {
	limit, limited := q.Limit(i)
	of := measureOf(i)
	before, _ := of(used, o)
	after, unknown := of(used.Plus(change), o)
	l = portal.QuotaLine{Item: i, Title: i.Title(), Limit: limit, Unlimited: !limited, Before: before, After: after}
	size, isSize := i.Size()
	switch {
	case isSize && len(q.Sizes) > 0 && !slices.Contains(q.Sizes, size):
		l.Refusal = fmt.Sprintf("may not use the size %s; it may use %s", size, listed(q.Sizes))
	case isSize && limited && limit == 0:
		l.Refusal = fmt.Sprintf("may not use the size %s", size)
	case !isSize && limited && limit == 0 && i == portal.NodesOfFamily("gpu"):
		l.Refusal = "may not use sizes with graphics processors"
	case limited && unknown != "" && grows(change):
		// What cannot be added up could be anything.
		l.Refusal = fmt.Sprintf("has a limit on its %s, and how much of that a node of %s takes is not known",
			i.Name(), unknown)
		l.After = max(l.After, before+1)
	}
	return l, limited || isSize || i == portal.AllNodes
}

func grows(change portal.Usage) bool {
	for _, n := range change {
		if n > 0 {
			return true
		}
	}
	return false
}

// choices are the lines of what a change would use and may not.
func choices(q portal.Quota, d portal.Demand) []portal.QuotaLine {
	var list []portal.QuotaLine
	if d.Region != "" && len(q.Regions) > 0 && !slices.Contains(q.Regions, d.Region) {
		list = append(list, portal.QuotaLine{Item: portal.UsedRegion, Title: "Region " + d.Region, After: 1,
			Refusal: fmt.Sprintf("may not use the region %s; it may use %s", d.Region, listed(q.Regions))})
	}
	if d.Version != "" && len(q.Versions) > 0 && !slices.Contains(q.Versions, portal.MinorOf(d.Version)) {
		list = append(list, portal.QuotaLine{Item: portal.UsedVersion, Title: "Kubernetes " + d.Version, After: 1,
			Refusal: fmt.Sprintf("may not use Kubernetes %s; it may use %s", portal.MinorOf(d.Version), listed(q.Versions))})
	}
	return list
}

// listed names things that may be used instead.
func listed(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

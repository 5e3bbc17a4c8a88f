package quota

import (
	"doksportal/internal/portal"
)

// measure is how much of an item a usage takes. unknown is a size of which that
// cannot be said, and which is left out; empty when there is none.
type measure func(u portal.Usage, o portal.Options) (n int, unknown string)

const mibPerGiB = 1024

// sums are the items that follow from how many clusters and nodes there are.
var sums = map[portal.Item]measure{
	portal.Clusters:   counted(portal.Clusters),
	portal.HAClusters: counted(portal.HAClusters),
	portal.AllNodes:   func(u portal.Usage, _ portal.Options) (int, string) { return u.Nodes(), "" },
	portal.VCPUs:      ofSizes(func(s portal.Size) int { return s.VCPUs }),
	portal.Memory: func(u portal.Usage, o portal.Options) (int, string) {
		mib, unknown := ofSizes(func(s portal.Size) int { return s.MemoryMiB })(u, o)
		return (mib + mibPerGiB - 1) / mibPerGiB, unknown
	},
	portal.Cost: func(u portal.Usage, o portal.Options) (int, string) {
		nodes, unknown := ofSizes(func(s portal.Size) int { return int(s.MonthlyCents) })(u, o)
		return nodes + u[portal.HAClusters]*portal.HAMonthlyCents, unknown
	},
}

func measureOf(i portal.Item) measure {
	if m, ok := sums[i]; ok {
		return m
	}
	family, ok := i.Family()
	if !ok {
		return counted(i)
	}
	return func(u portal.Usage, _ portal.Options) (n int, _ string) {
		for item, count := range u {
			if size, ok := item.Size(); ok && portal.FamilyOf(size) == family {
				n += count
			}
		}
		return n, ""
	}
}

func counted(i portal.Item) measure {
	return func(u portal.Usage, _ portal.Options) (int, string) { return u[i], "" }
}

// ofSizes adds up what a node of each size takes.
func ofSizes(each func(portal.Size) int) measure {
	return func(u portal.Usage, o portal.Options) (n int, unknown string) {
		for item, count := range u {
			slug, ok := item.Size()
			if !ok || count == 0 {
				continue
			}
			size, _ := o.Size(slug)
			size.Slug = slug
			one := each(size.Described())
			if one == 0 && (unknown == "" || slug < unknown) {
				unknown = slug
			}
			n += count * one
		}
		return n, unknown
	}
}

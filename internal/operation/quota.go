package operation

import (
	"fmt"
	"slices"

	"doksportal/internal/portal"
)

// Demand is what parameters ask of a quota whose use changes as given. clusters
// are those that they are about.
func Demand(p portal.Params, clusters []portal.Cluster, u portal.Usage) portal.Demand {
	d := portal.Demand{Usage: u}
	switch {
	case p.Create != nil:
		d.Region, d.Version = p.Create.Region, p.Create.Version
		for _, pool := range p.Create.Pools {
			d.Pool, d.Sizes = max(d.Pool, pool.Cost()), append(d.Sizes, pool.Size)
		}
	case p.CreatePool != nil:
		d.Pool, d.Sizes = p.CreatePool.Cost(), []string{p.CreatePool.Size}
	case p.Upgrade != nil:
		d.Version = p.Upgrade.Version
	case p.UpdatePool != nil && len(clusters) == 1:
		if now, ok := clusters[0].Pool(p.UpdatePool.PoolID); ok && u[portal.NodesOf(now.Size)] > 0 {
			d.Pool = p.UpdatePool.Applied(now).Cost()
		}
	}
	return d
}

// CheckQuota notes the limits that the draft exceeds, each at the last field that
// is about it.
func CheckQuota(d *portal.Draft) {
	for _, line := range d.Plan.Quota.Lines {
		if line.Over() > 0 {
			d.Errors.Add(quotaField(d, line), "%s", line.Exceeded(d.Team))
		}
	}
}

// quotaField is the field that says how much there should be of what a line is
// about.
func quotaField(d *portal.Draft, l portal.QuotaLine) string {
	switch l.Item {
	case portal.UsedRegion:
		return "region"
	case portal.UsedVersion:
		return "version"
	case portal.HAClusters:
		return "ha"
	}
	if d.Operation == portal.UpdateCluster {
		return "ha" // all else that it may take follows from that
	}
	prefix, autoScale := "", d.Form.On("auto_scale")
	if p := d.Params.Create; p != nil {
		i := len(p.Pools) - 1
		for i > 0 && !concerns(l, p.Pools, i) {
			i--
		}
		prefix, autoScale = fmt.Sprintf("pools[%d].", i), i >= 0 && p.Pools[i].AutoScale
	}
	_, isSize := l.Item.Size()
	switch {
	case isSize && l.Refusal != "" && d.Operation != portal.UpdateNodePool:
		return prefix + "size"
	case autoScale:
		return prefix + "max_nodes"
	}
	return prefix + "count"
}

// concerns reports whether a line is about the pool at i, of several.
func concerns(l portal.QuotaLine, pools []portal.PoolSpec, i int) bool {
	if size, ok := l.Item.Size(); ok {
		return pools[i].Size == size
	}
	if family, ok := l.Item.Family(); ok {
		return portal.FamilyOf(pools[i].Size) == family
	}
	if l.Item == portal.PoolNodes {
		return pools[i].Cost() == slices.MaxFunc(pools, func(a, b portal.PoolSpec) int { return a.Cost() - b.Cost() }).Cost()
	}
	return true
}

package operation

import "doksportal/internal/portal"

// nodesCost is the list price of nodes of a size, from the least to the most.
func nodesCost(o portal.Options, size string, least, most int) portal.Money {
	s, _ := o.Size(size)
	return portal.Money{Least: s.MonthlyCents * int64(least), Most: s.MonthlyCents * int64(most)}
}

// poolCost is the list price of a pool; what it may grow or shrink to when it
// autoscales.
func poolCost(o portal.Options, p portal.Pool) portal.Money {
	if p.AutoScale {
		return nodesCost(o, p.Size, p.MinNodes, p.MaxNodes)
	}
	return nodesCost(o, p.Size, p.Count, p.Count)
}

// specsCost is the list price of pools that are yet to be made.
func specsCost(o portal.Options, specs ...portal.PoolSpec) portal.Money {
	var sum portal.Money
	for _, p := range specs {
		sum = sum.Plus(poolCost(o, portal.Pool{Size: p.Size, Count: p.Count, AutoScale: p.AutoScale, MinNodes: p.MinNodes, MaxNodes: p.MaxNodes}))
	}
	return sum
}

func controlPlaneCost(ha bool) portal.Money {
	if !ha {
		return portal.Money{}
	}
	return portal.Money{Least: portal.HAMonthlyCents, Most: portal.HAMonthlyCents}
}

// ClusterCost is the list price of a cluster without the resources that belong
// to it.
func ClusterCost(o portal.Options, c portal.Cluster) portal.Money {
	sum := controlPlaneCost(c.HA)
	for _, p := range c.Pools {
		sum = sum.Plus(poolCost(o, p))
	}
	return sum
}

// resourceCost is the list price of load balancers. What a volume or a snapshot
// costs depends on its size, which DigitalOcean does not tell here.
func resourceCost(list []portal.Resource) portal.Money {
	var sum portal.Money
	for _, r := range list {
		if price := portal.PriceOf(r.Kind); !price.PerGiB {
			sum = sum.Plus(portal.Money{Least: price.MonthlyCents, Most: price.MonthlyCents})
		}
	}
	return sum
}

// costWith compares the cost of the draft's cluster with what it is when the
// pool is as given.
func costWith(d *portal.Draft, pool portal.Pool) portal.CostEffect {
	effect := portal.CostEffect{Before: ClusterCost(d.Offer, d.Cluster), After: controlPlaneCost(d.Cluster.HA)}
	for _, p := range d.Cluster.Pools {
		if p.ID == pool.ID {
			p = pool
		}
		effect.After = effect.After.Plus(poolCost(d.Offer, p))
	}
	return effect
}

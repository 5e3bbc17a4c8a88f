package doapi

import (
	"math"
	"time"

	"doksportal/internal/portal"
)

// Portal returns the cluster in the portal's words, as it was seen at asOf.
func (c Cluster) Portal(asOf time.Time) portal.Cluster {
	p := portal.Cluster{
		ID: c.ID, Name: c.Name, Region: c.Region, Version: c.Version, HA: c.HA,
		State: c.Status.State, StateMessage: c.Status.Message, Tags: c.Tags,
		Endpoint: c.Endpoint, CreatedAt: c.CreatedAt, SeenAt: asOf,
	}
	for _, pool := range c.NodePools {
		p.Pools = append(p.Pools, pool.portal())
	}
	return p
}

func (n NodePool) portal() portal.Pool {
	p := portal.Pool{
		ID: n.ID, Name: n.Name, Size: n.Size, Count: n.Count,
		AutoScale: n.AutoScale, MinNodes: n.MinNodes, MaxNodes: n.MaxNodes,
	}
	for _, node := range n.Nodes {
		p.Nodes = append(p.Nodes, portal.Node{
			ID: node.ID, Name: node.Name, State: node.Status.State, Message: node.Status.Message})
	}
	return p
}

// Portal returns the resources in the portal's words.
func (a AssociatedResources) Portal() []portal.Resource {
	var list []portal.Resource
	add := func(kind string, resources []AssociatedResource) {
		for _, r := range resources {
			list = append(list, portal.Resource{Kind: kind, ID: r.ID, Name: r.Name})
		}
	}
	add("load balancer", a.LoadBalancers)
	add("volume", a.Volumes)
	add("volume snapshot", a.VolumeSnapshots)
	return list
}

// Portal returns the options in the portal's words, with what sizes says of
// the nodes.
func (o Options) Portal(sizes []Size) portal.Options {
	var p portal.Options
	for _, r := range o.Regions {
		p.Regions = append(p.Regions, portal.Choice{Slug: r.Slug, Name: r.Name})
	}
	for _, v := range o.Versions {
		p.Versions = append(p.Versions, portal.Choice{Slug: v.Slug, Name: v.KubernetesVersion})
	}
	known := make(map[string]Size, len(sizes))
	for _, s := range sizes {
		known[s.Slug] = s
	}
	for _, s := range o.Sizes {
		k := known[s.Slug]
		p.Sizes = append(p.Sizes, portal.Size{
			Slug: s.Slug, VCPUs: k.VCPUs, MemoryMiB: k.Memory, MonthlyCents: int64(math.Round(k.PriceMonthly * 100))})
	}
	return p
}

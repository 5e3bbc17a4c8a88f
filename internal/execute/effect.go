package execute

import (
	"maps"
	"slices"

	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// effect is how far a call's effect is to be seen on its cluster.
type effect int

const (
	absent   effect = iota // nothing of it is to be seen
	underway               // it has begun
	complete
	broken // it has begun and will not end well
)

// effectOf tells how far the effect of a request is to be seen on a cluster
// that exists. It is pure; what it looks at tells requests apart from what
// others may have done only as well as DigitalOcean's answers allow. Where that
// is not at all, it is taken to be there when the call is believed.
func effectOf(r portal.Request, c portal.Cluster, believed bool) effect {
	p := r.Params
	switch r.Operation {
	case portal.CreateCluster:
		return ofCreate(c)
	case portal.UpdateCluster:
		return all(updated(*p.Update, c))
	case portal.UpgradeCluster:
		return ofUpgrade(*p.Upgrade, c)
	case portal.CreateNodePool:
		return ofNewPool(r, c)
	case portal.UpdateNodePool:
		return ofPool(*p.UpdatePool, c)
	case portal.DeleteNodePool:
		return ofGonePool(*p.DeletePool, c)
	case portal.DeleteNode:
		return ofGoneNodes(p.DeleteNode.PoolID, []string{p.DeleteNode.NodeID}, p.DeleteNode.Replace, c)
	case portal.RecycleNodePool:
		return ofGoneNodes(p.Recycle.PoolID, p.Recycle.NodeIDs, true, c)
	case portal.AddRegistries, portal.RemoveRegistries, portal.AddRegistry, portal.RemoveRegistry:
		return all(registered(r, c, believed))
	}
	if r.Operation.Deletes() && (c.State == portal.ClusterDeleting || c.State == portal.ClusterDeleted) {
		return underway
	}
	return absent
}

func all(ok bool) effect {
	if ok {
		return complete
	}
	return absent
}

func ofCreate(c portal.Cluster) effect {
	switch c.State {
	case portal.ClusterRunning:
		return complete
	case portal.ClusterError:
		return broken
	}
	return underway
}

func updated(p portal.UpdateParams, c portal.Cluster) bool {
	outstanding := func(x portal.Setting) bool { return !x.Done(p, c.Details.Settings) }
	return (p.Name == nil || *p.Name == c.Name) && (p.HA == nil || *p.HA == c.HA) &&
		(p.Tags == nil || slices.Equal(*p.Tags, portal.OwnTags(c.Tags))) &&
		!slices.ContainsFunc(portal.ClusterSettings, outstanding)
}

func ofUpgrade(p portal.UpgradeParams, c portal.Cluster) effect {
	settled := !slices.ContainsFunc(c.Pools, func(p portal.Pool) bool { return !p.Settled() })
	switch {
	case c.Version == p.Version && c.State == portal.ClusterRunning && settled:
		return complete
	case c.Version == p.Version, c.State == portal.ClusterUpgrading:
		return underway
	}
	return absent
}

func ofNewPool(r portal.Request, c portal.Cluster) effect {
	i := slices.IndexFunc(c.Pools, func(p portal.Pool) bool { return slices.Contains(p.Details.Tags, r.RequestTag()) })
	if i < 0 {
		return absent
	}
	return settled(c.Pools[i])
}

// settled tells whether a pool that is as it should be also has its nodes.
func settled(p portal.Pool) effect {
	if p.Settled() {
		return complete
	}
	return underway
}

func ofPool(u portal.UpdatePoolParams, c portal.Cluster) effect {
	now, ok := c.Pool(u.PoolID)
	if !ok {
		return broken
	}
	want := u.Applied(now)
	if want.Name != now.Name || want.Count != now.Count && !now.AutoScale || want.AutoScale != now.AutoScale ||
		want.MinNodes != now.MinNodes || want.MaxNodes != now.MaxNodes ||
		!sameDetails(want.Details, now.Details) {
		return absent
	}
	if u.Count == nil && u.AutoScale == nil && u.MinNodes == nil && u.MaxNodes == nil {
		return complete // no node comes or goes
	}
	return settled(now)
}

func sameDetails(a, b portal.PoolDetails) bool {
	return maps.Equal(a.Labels, b.Labels) && portal.TaintText(a.Taints) == portal.TaintText(b.Taints) && slices.Equal(portal.OwnTags(a.Tags), portal.OwnTags(b.Tags))
}

func ofGonePool(p portal.DeletePoolParams, c portal.Cluster) effect {
	pool, ok := c.Pool(p.PoolID)
	if !ok {
		return complete
	}
	return begun(pool.Nodes)
}

// begun tells whether nodes have begun to go.
func begun(nodes []portal.Node) effect {
	if slices.ContainsFunc(nodes, func(n portal.Node) bool { return n.State == portal.NodeDraining || n.State == portal.NodeDeleting }) {
		return underway
	}
	return absent
}

func ofGoneNodes(poolID string, ids []string, replaced bool, c portal.Cluster) effect {
	pool, ok := c.Pool(poolID)
	if !ok {
		return complete
	}
	var left []portal.Node
	for _, id := range ids {
		if n, ok := pool.Node(id); ok {
			left = append(left, n)
		}
	}
	switch {
	case len(left) == 0 && replaced:
		return settled(pool)
	case len(left) == 0:
		return complete
	case len(left) < len(ids):
		return underway
	}
	return begun(left)
}

// registered tells whether a cluster has its registries as asked for. Which one
// is the account's own DigitalOcean does not say: there a call that it accepted
// is believed, and one whose answer was lost only when something has changed.
func registered(r portal.Request, c portal.Cluster, believed bool) bool {
	has := func(name string) bool { return slices.Contains(c.Details.Registries, name) }
	switch r.Operation {
	case portal.AddRegistry:
		return believed && c.Details.RegistryEnabled
	case portal.RemoveRegistry:
		return believed
	case portal.AddRegistries:
		return !slices.ContainsFunc(r.Params.Registries.Names, func(n string) bool { return !has(n) })
	}
	return !slices.ContainsFunc(r.Params.Registries.Names, has)
}

// differs tells whether a cluster is no longer what the request was planned for.
func differs(r portal.Request, c portal.Cluster) bool {
	return slices.ContainsFunc(request.Facts(r.Operation, r.Params, []portal.Cluster{c}), func(now portal.Fact) bool {
		return !slices.Contains(r.Params.Target, now)
	})
}

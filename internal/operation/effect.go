package operation

import (
	"slices"

	"doksportal/internal/portal"
)

// Effect is how far a call's effect is to be seen on its cluster.
type Effect int

// The effects, the least first: what a request does to several clusters is as
// far as it is on the last of them.
const (
	Absent   Effect = iota // nothing of it is to be seen
	Underway               // it has begun
	Complete
	Failed // it has begun and will not end well
)

// EffectOf tells how far the effect of a request is to be seen on a cluster
// that exists. What it looks at tells requests apart from what others may have
// done only as well as DigitalOcean's answers allow. Where that is not at all,
// it is taken to be there when the call is believed.
func EffectOf(r portal.Request, c portal.Cluster, believed bool) Effect {
	if effect := definitions[r.Operation].effect; effect != nil {
		return effect(r, c, believed)
	}
	return Absent
}

// Differs tells whether a cluster is no longer what the request was planned for.
func Differs(r portal.Request, c portal.Cluster) bool {
	return slices.ContainsFunc(Facts(r.Operation, r.Params, []portal.Cluster{c}), func(now portal.Fact) bool {
		return !slices.Contains(r.Params.Target, now)
	})
}

// completeIf is the effect of what is there at once or not at all.
func completeIf(ok bool) Effect {
	if ok {
		return Complete
	}
	return Absent
}

// settled tells whether a pool that is as it should be also has its nodes.
func settled(p portal.Pool) Effect {
	if p.Settled() {
		return Complete
	}
	return Underway
}

// going tells whether nodes have begun to go.
func going(nodes []portal.Node) Effect {
	leaving := func(n portal.Node) bool { return n.State == portal.NodeDraining || n.State == portal.NodeDeleting }
	if slices.ContainsFunc(nodes, leaving) {
		return Underway
	}
	return Absent
}

// gone tells whether nodes have gone from a pool and, where they are replaced,
// whether others are there in their place.
func gone(poolID string, ids []string, replaced bool, c portal.Cluster) Effect {
	pool, ok := c.Pool(poolID)
	if !ok {
		return Complete
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
		return Complete
	case len(left) < len(ids):
		return Underway
	}
	return going(left)
}

package operation

import (
	"fmt"
	"slices"

	"doksportal/internal/portal"
)

var recyclePool = definition{
	fields:  []string{"nodes"},
	rewrite: rewriteRecycle, read: readRecycle, plan: planRecycle, facts: nodeFacts, effect: recycleEffect,
}

func rewriteRecycle(d *portal.Draft, p portal.Params) { d.Form["nodes"] = p.Recycle.NodeIDs }

func readRecycle(d *portal.Draft, f *fieldErrors) {
	chosen := slices.Compact(slices.Sorted(slices.Values(d.Form.All("nodes"))))
	if len(chosen) == 0 {
		f.Add("nodes", "Choose at least one node.")
	}
	for _, id := range chosen {
		if _, ok := d.Pool.Node(id); !ok {
			f.Add("nodes", "The pool has no node %s now.", portal.Quote(id))
		}
	}
	d.Params.Recycle = &portal.RecycleParams{PoolID: d.Pool.ID, NodeIDs: chosen}
}

func planRecycle(d *portal.Draft) {
	d.Plan.Summary = fmt.Sprintf("Recycle %s of pool %s in cluster %s.", nodes(len(d.Params.Recycle.NodeIDs)), d.Pool.Name, d.Cluster.Name)
	for _, id := range d.Params.Recycle.NodeIDs {
		if n, ok := d.Pool.Node(id); ok {
			d.Plan.Changes = append(d.Plan.Changes, portal.Change{What: "Node " + nodeName(n), Before: portal.OrNone(n.State), After: "a new node"})
		}
	}
	d.Plan.Steps = []string{"Each node is drained and deleted, and a new one takes its place."}
	d.Plan.Cost, d.Plan.Nodes = costWith(d, d.Pool), len(d.Params.Recycle.NodeIDs)
	d.Plan.Losses = []string{"The data on the nodes' disks."}
}

func recycleEffect(r portal.Request, c portal.Cluster, _ bool) Effect {
	return gone(r.Params.Recycle.PoolID, r.Params.Recycle.NodeIDs, true, c)
}

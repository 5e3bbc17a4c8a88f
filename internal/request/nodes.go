package request

import (
	"fmt"
	"slices"

	"doksportal/internal/portal"
)

func fillDeleteNode(d *portal.Draft) { d.Form.Tick("replace", true) }

func readDeleteNode(d *portal.Draft, _ *fieldErrors) {
	d.TargetName = d.Cluster.Name + "/" + nodeName(d.Node)
	d.Params.DeleteNode = &portal.DeleteNodeParams{
		PoolID: d.Pool.ID, NodeID: d.Node.ID, SkipDrain: d.Form.On("skip_drain"), Replace: d.Form.On("replace"),
	}
}

func planDeleteNode(d *portal.Draft) {
	p, node := d.Params.DeleteNode, nodeName(d.Node)
	d.Plan.Summary = fmt.Sprintf("Delete node %s of pool %s in cluster %s.", node, d.Pool.Name, d.Cluster.Name)
	d.Plan.Changes = []portal.Change{{What: "Node " + node, Before: portal.OrNone(d.Node.State)}}
	if p.SkipDrain {
		d.Plan.Steps = append(d.Plan.Steps, "The node goes at once: its pods are killed, not moved.")
	} else {
		d.Plan.Steps = append(d.Plan.Steps, "The node is drained: its pods move to other nodes, if they fit there. Then it is deleted.")
	}
	d.Plan.Cost = costWith(d, d.Pool)
	if p.Replace {
		d.Plan.Steps = append(d.Plan.Steps, "A new node takes its place.")
	} else {
		d.Plan.Changes = append(d.Plan.Changes, portal.Change{What: "Nodes of the pool", Before: fmt.Sprint(d.Pool.Count), After: fmt.Sprint(max(0, d.Pool.Count-1))})
		if !d.Pool.AutoScale {
			d.Usage = portal.Usage{d.Pool.Size: -1}
			smaller := d.Pool
			smaller.Count--
			d.Plan.Cost = costWith(d, smaller)
		}
	}
	d.Plan.Nodes = 1
	d.Plan.Losses = []string{"What is on the node's disk."}
}

func nodeName(n portal.Node) string {
	if n.Name == "" {
		return n.ID
	}
	return n.Name
}

func readRecycle(d *portal.Draft, f *fieldErrors) {
	chosen := slices.Compact(slices.Sorted(slices.Values(d.Form.All("nodes"))))
	if len(chosen) == 0 {
		f.add("nodes", "Choose at least one node.")
	}
	for _, id := range chosen {
		if _, ok := d.Pool.Node(id); !ok {
			f.add("nodes", "The pool has no node %s now.", quote(id))
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
	d.Plan.Losses = []string{"What is on the nodes' disks."}
}

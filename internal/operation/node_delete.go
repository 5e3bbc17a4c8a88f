package operation

import (
	"fmt"

	"doksportal/internal/portal"
)

var deleteNode = definition{
	fields: []string{"replace", "skip_drain"},
	open:   openDeleteNode, rewrite: rewriteDeleteNode, read: readDeleteNode, plan: planDeleteNode, facts: nodeFacts, effect: deleteNodeEffect,
}

func openDeleteNode(d *portal.Draft) { d.Form.Tick("replace", true) }

func rewriteDeleteNode(d *portal.Draft, p portal.Params) {
	delete(d.Form, "replace")
	d.Form.Tick("replace", p.DeleteNode.Replace)
	d.Form.Tick("skip_drain", p.DeleteNode.SkipDrain)
}

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
		d.Plan.Steps = append(d.Plan.Steps, "The node is deleted immediately: its pods are killed, not moved.")
	} else {
		d.Plan.Steps = append(d.Plan.Steps, "The node is drained: its pods move to other nodes, if they fit there. Then it is deleted.")
	}
	d.Plan.Cost = costWith(d, d.Pool)
	if p.Replace {
		d.Plan.Steps = append(d.Plan.Steps, "A new node takes its place.")
	} else {
		d.Plan.Changes = append(d.Plan.Changes, portal.Change{What: nodesOfPool, Before: fmt.Sprint(d.Pool.Count), After: fmt.Sprint(max(0, d.Pool.Count-1))})
		if !d.Pool.AutoScale {
			d.Usage = portal.Usage{portal.NodesOf(d.Pool.Size): -1}
			smaller := d.Pool
			smaller.Count--
			d.Plan.Cost = costWith(d, smaller)
		}
	}
	d.Plan.Nodes = 1
	d.Plan.Losses = []string{"The data on the node's disk."}
}

func nodeName(n portal.Node) string {
	if n.Name == "" {
		return n.ID
	}
	return n.Name
}

func deleteNodeEffect(r portal.Request, c portal.Cluster, _ bool) Effect {
	p := r.Params.DeleteNode
	return gone(p.PoolID, []string{p.NodeID}, p.Replace, c)
}

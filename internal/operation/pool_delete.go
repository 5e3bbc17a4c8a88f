package operation

import (
	"fmt"

	"doksportal/internal/portal"
)

var deletePool = definition{read: readDeletePool, plan: planDeletePool, facts: poolFacts, effect: deletePoolEffect}

func readDeletePool(d *portal.Draft, f *fieldErrors) {
	if len(d.Cluster.Pools) < 2 {
		f.Add("pool", "This is the last pool of the cluster, and a cluster needs at least one.")
	}
	d.Params.DeletePool = &portal.DeletePoolParams{PoolID: d.Pool.ID}
}

func planDeletePool(d *portal.Draft) {
	p := d.Pool
	d.Usage = portal.Usage{portal.NodesOf(p.Size): -p.Cost()}
	d.Plan.Cost, d.Plan.Nodes = costWith(d, portal.Pool{ID: p.ID}), p.Count
	have := nodes(p.Count)
	if p.AutoScale {
		have = fmt.Sprintf("nodes: %d now, up to %d when it is carried out", p.Count, p.MaxNodes)
	}
	d.Plan.Summary = fmt.Sprintf("Delete pool %s of cluster %s with its %s.", p.Name, d.Cluster.Name, have)
	d.Plan.Changes = []portal.Change{{What: "Pool " + p.Name, Before: poolNodes(p)}}
	d.Plan.Steps = []string{"All nodes of the pool are drained, then deleted. Pods go to other pools, if they fit there."}
	d.Plan.Losses = []string{"All nodes of the pool and the data on their disks."}
}

func deletePoolEffect(r portal.Request, c portal.Cluster, _ bool) Effect {
	pool, ok := c.Pool(r.Params.DeletePool.PoolID)
	if !ok {
		return Complete
	}
	return going(pool.Nodes)
}

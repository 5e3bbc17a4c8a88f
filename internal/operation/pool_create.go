package operation

import (
	"fmt"
	"slices"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

var createPool = definition{
	open: openCreatePool, rewrite: rewriteCreatePool, read: readCreatePool, plan: planCreatePool, facts: identityFacts, effect: createPoolEffect,
}

func rewriteCreatePool(d *portal.Draft, p portal.Params) { openPool(d.Form, "", *p.CreatePool) }

func openCreatePool(d *portal.Draft) {
	d.Form.Set("name", fmt.Sprintf("pool-%d", len(d.Cluster.Pools)+1))
	size := ""
	if len(d.Cluster.Pools) > 0 {
		size = d.Cluster.Pools[0].Size
	}
	d.Form.Set("size", usualSize(d, size))
	d.Form.Set("count", "1")
}

func readCreatePool(d *portal.Draft, f *fieldErrors) {
	pool := f.readSpec("", d.Form, d.Offer)
	f.checkPoolName(d.Cluster, "", pool.Name)
	f.checkTotal(d, pool.Cost(), pool.AutoScale)
	d.TargetName = d.Cluster.Name + "/" + pool.Name
	d.Params.CreatePool = &pool
}

func planCreatePool(d *portal.Draft) {
	p := d.Params.CreatePool
	d.Usage = portal.Usage{portal.NodesOf(p.Size): p.Cost()}
	before := ClusterCost(d.Offer, d.Cluster)
	d.Plan.Cost = portal.CostEffect{Before: before, After: before.Plus(specsCost(d.Offer, *p))}
	d.Plan.Summary = fmt.Sprintf("Add pool %s with %s to cluster %s.", p.Name, nodes(p.Count), d.Cluster.Name)
	d.Plan.Changes = []portal.Change{{What: "Pool " + p.Name, After: specText(*p)}}
}

// CreatePoolCall is the body of the call. The pool carries the tag by which it
// is found again.
func CreatePoolCall(r portal.Request) doapi.CreateNodePool {
	call := poolCall(*r.Params.CreatePool)
	call.Tags = append([]string{r.RequestTag()}, call.Tags...)
	return call
}

func createPoolEffect(r portal.Request, c portal.Cluster, _ bool) Effect {
	for _, p := range c.Pools {
		if slices.Contains(p.Details.Tags, r.RequestTag()) {
			return settled(p)
		}
	}
	return Absent
}

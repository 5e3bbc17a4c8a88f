package request

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"doksportal/internal/portal"
)

// readPools reads the pools of a new cluster: pools[0].name and so on.
func (f *fieldErrors) readPools(form portal.Form, options portal.Options) []portal.PoolSpec {
	count := form.Pools()
	if count == 0 {
		f.add("pools", "A cluster needs at least one node pool.")
	}
	if count > portal.MaxPools {
		f.add("pools", "These are too many pools; at most %d are allowed.", portal.MaxPools)
		return nil
	}
	names := map[string]bool{}
	pools, total := make([]portal.PoolSpec, 0, count), 0
	for i := range count {
		prefix := fmt.Sprintf("pools[%d].", i)
		pool := f.readSpec(prefix, form, options)
		if pool.Name != "" && names[pool.Name] {
			f.add(prefix+"name", "Another pool is called %s already.", quote(pool.Name))
		}
		names[pool.Name] = true
		total += pool.Cost()
		pools = append(pools, pool)
	}
	if total > maxNodes {
		f.add("pools", "These are %d nodes in all; a cluster can have at most %d.", total, maxNodes)
	}
	if count > 0 && total == 0 && len(*f) == 0 {
		f.add("pools[0].count", "A cluster needs at least one node.")
	}
	return pools
}

// readSpec reads a new pool, whose fields have names with that prefix.
func (f *fieldErrors) readSpec(prefix string, form portal.Form, options portal.Options) portal.PoolSpec {
	pool := portal.PoolSpec{Name: form.Get(prefix + "name")}
	f.checkLabel(prefix+"name", "pool name", pool.Name, maxPoolName)
	size := form.Get(prefix + "size")
	if size == "" {
		f.add(prefix+"size", "Choose a size.")
	} else if _, ok := options.Size(size); ok {
		pool.Size = size
	} else {
		f.add(prefix+"size", "DigitalOcean does not offer the size %s.", quote(size))
	}
	pool.AutoScale = form.On(prefix + "auto_scale")
	pool.Count, pool.MinNodes, pool.MaxNodes = f.readNodes(prefix, form)
	pool.Labels = f.readLabels(prefix+"labels", form, nil)
	pool.Taints = f.readTaints(prefix+"taints", form, nil)
	pool.Tags = f.readTags(prefix+"tags", form)
	return pool
}

// readNodes reads how many nodes a pool has: a number, or when it autoscales
// two bounds, the lower of which it starts with.
func (f *fieldErrors) readNodes(prefix string, form portal.Form) (count, least, most int) {
	if !form.On(prefix + "auto_scale") {
		return f.readCount(prefix+"count", 0, form), 0, 0
	}
	before := len(*f)
	least = f.readCount(prefix+"min_nodes", 0, form)
	most = f.readCount(prefix+"max_nodes", 1, form)
	if len(*f) == before && most < least {
		f.add(prefix+"max_nodes", "The most nodes (%d) are fewer than the least (%d).", most, least)
	}
	return least, least, most
}

func (f *fieldErrors) readCount(field string, least int, form portal.Form) int {
	typed := form.Get(field)
	if typed == "" {
		f.add(field, "Enter how many nodes.")
		return 0
	}
	n, ok := portal.ParseNumber(typed, least, maxNodes)
	if !ok {
		f.add(field, "Enter a whole number from %d to %d; this is %s.", least, maxNodes, quote(typed))
		return 0
	}
	return n
}

func fillCreatePool(d *portal.Draft) {
	d.Form.Set("name", fmt.Sprintf("pool-%d", len(d.Cluster.Pools)+1))
	d.Form.Set("count", "1")
}

func readCreatePool(d *portal.Draft, f *fieldErrors) {
	pool := f.readSpec("", d.Form, d.Offer)
	f.checkPoolName(d.Cluster, "", pool.Name)
	f.checkTotal(d, pool.Cost(), pool.AutoScale)
	d.TargetName = d.Cluster.Name + "/" + pool.Name
	d.Params.CreatePool = &pool
}

// checkPoolName makes sure that no other pool of the cluster has the name.
func (f *fieldErrors) checkPoolName(c portal.Cluster, own, name string) {
	for _, p := range c.Pools {
		if p.Name == name && p.ID != own {
			f.add("name", "Another pool of this cluster is called %s already.", quote(name))
		}
	}
}

// checkTotal makes sure that the cluster does not get more nodes than
// DigitalOcean allows.
func (f *fieldErrors) checkTotal(d *portal.Draft, nodes int, autoScale bool) {
	total := nodes
	for _, p := range d.Cluster.Pools {
		if p.ID != d.Pool.ID {
			total += p.Cost()
		}
	}
	if total > maxNodes {
		field := "count"
		if autoScale {
			field = "max_nodes"
		}
		f.add(field, "The cluster would have %d nodes in all; it can have at most %d.", total, maxNodes)
	}
}

func planCreatePool(d *portal.Draft) {
	p := d.Params.CreatePool
	d.Usage = portal.Usage{p.Size: p.Cost()}
	before := clusterCost(d.Offer, d.Cluster)
	d.Plan.Cost = portal.CostEffect{Before: before, After: before.Plus(specsCost(d.Offer, *p))}
	d.Plan.Summary = fmt.Sprintf("Add pool %s with %s to cluster %s.", p.Name, nodes(p.Count), d.Cluster.Name)
	d.Plan.Changes = []portal.Change{{What: "Pool " + p.Name, After: specText(*p)}}
}

func fillUpdatePool(d *portal.Draft) {
	p, f := d.Pool, d.Form
	f.Set("name", p.Name)
	f.Set("count", strconv.Itoa(p.Count))
	f.Tick("auto_scale", p.AutoScale)
	if p.AutoScale {
		f.Set("min_nodes", strconv.Itoa(p.MinNodes))
		f.Set("max_nodes", strconv.Itoa(p.MaxNodes))
	}
	f.Set("labels", strings.ReplaceAll(portal.LabelText(p.Details.Labels), ", ", "\n"))
	f.Set("taints", strings.ReplaceAll(portal.TaintText(p.Details.Taints), ", ", "\n"))
	f.Set("tags", strings.Join(portal.OwnTags(p.Details.Tags), ", "))
}

func readUpdatePool(d *portal.Draft, f *fieldErrors) {
	p, form := d.Pool, d.Form
	name, autoScale := form.Get("name"), form.On("auto_scale")
	f.checkLabel("name", "pool name", name, maxPoolName)
	f.checkPoolName(d.Cluster, p.ID, name)
	count, least, most := f.readNodes("", form)
	u := portal.UpdatePoolParams{PoolID: p.ID, Name: changed(p.Name, name), AutoScale: changed(p.AutoScale, autoScale)}
	if autoScale {
		u.MinNodes, u.MaxNodes = changed(p.MinNodes, least), changed(p.MaxNodes, most)
		f.checkTotal(d, most, true)
	} else {
		// One that autoscaled until now needs to be told how many nodes it has.
		if u.Count = changed(p.Count, count); p.AutoScale {
			u.Count = &count
		}
		f.checkTotal(d, count, false)
	}
	if labels := f.readLabels("labels", form, p.Details.Labels); !maps.Equal(labels, p.Details.Labels) {
		u.Labels = &labels
	}
	if taints := f.readTaints("taints", form, p.Details.Taints); portal.TaintText(taints) != portal.TaintText(p.Details.Taints) {
		u.Taints = &taints
	}
	if tags := f.readTags("tags", form); !slices.Equal(tags, portal.OwnTags(p.Details.Tags)) {
		u.Tags = &tags
	}
	d.Params.UpdatePool = &u
	if len(poolChanges(p, u)) == 0 {
		f.add("name", "Nothing here differs from what the pool has.")
	}
}

// poolChanges lists what an update does to a pool, in words.
func poolChanges(p portal.Pool, u portal.UpdatePoolParams) []portal.Change {
	after := u.Applied(p)
	list := []portal.Change{
		{What: "Name", Before: p.Name, After: after.Name},
		{What: "Nodes", Before: nodesText(p.AutoScale, p.Count, p.MinNodes, p.MaxNodes), After: nodesText(after.AutoScale, after.Count, after.MinNodes, after.MaxNodes)},
		{What: "Autoscaling", Before: portal.OnOff(p.AutoScale), After: portal.OnOff(after.AutoScale)},
		{What: "Labels", Before: portal.OrNone(portal.LabelText(p.Details.Labels)), After: portal.OrNone(portal.LabelText(after.Details.Labels))},
		{What: "Taints", Before: portal.OrNone(portal.TaintText(p.Details.Taints)), After: portal.OrNone(portal.TaintText(after.Details.Taints))},
		{What: "Tags", Before: portal.OrNone(strings.Join(portal.OwnTags(p.Details.Tags), ", ")), After: portal.OrNone(strings.Join(portal.OwnTags(after.Details.Tags), ", "))},
	}
	return slices.DeleteFunc(list, func(c portal.Change) bool { return c.Before == c.After })
}

func planUpdatePool(d *portal.Draft) {
	p, u := d.Pool, d.Params.UpdatePool
	after := u.Applied(p)
	d.Usage = portal.Usage{p.Size: after.Cost() - p.Cost()}
	d.Plan.Cost = costWith(d, after)
	d.Plan.Nodes = max(0, p.Count-after.Count)
	d.Plan.Summary = fmt.Sprintf("Change pool %s of cluster %s.", p.Name, d.Cluster.Name)
	d.Plan.Changes = poolChanges(p, *u)
	switch {
	case p.Count > after.Count:
		d.Plan.Steps = append(d.Plan.Steps, fmt.Sprintf("It loses %s, which DigitalOcean chooses, drains and removes.", nodes(p.Count-after.Count)))
		d.Plan.Losses = append(d.Plan.Losses, "What is on the disks of the nodes that go.")
	case p.Count < after.Count:
		d.Plan.Steps = append(d.Plan.Steps, fmt.Sprintf("It gains %s.", nodes(after.Count-p.Count)))
	}
	if u.Name != nil {
		d.Plan.Steps = append(d.Plan.Steps, "Nodes that are there keep their names; only new ones take the pool's new name.")
	}
	if u.Labels != nil {
		d.Plan.Steps = append(d.Plan.Steps, "Labels that are taken away stay on the nodes that are there.")
	}
}

func readDeletePool(d *portal.Draft, f *fieldErrors) {
	if len(d.Cluster.Pools) < 2 {
		f.add("pool", "This is the last pool of the cluster; DigitalOcean does not let it go.")
	}
	d.Params.DeletePool = &portal.DeletePoolParams{PoolID: d.Pool.ID}
}

func planDeletePool(d *portal.Draft) {
	p := d.Pool
	d.Usage = portal.Usage{p.Size: -p.Cost()}
	d.Plan.Cost, d.Plan.Nodes = costWith(d, portal.Pool{ID: p.ID}), p.Count
	have := nodes(p.Count)
	if p.AutoScale {
		have = fmt.Sprintf("nodes: %d now, up to %d when it is carried out", p.Count, p.MaxNodes)
	}
	d.Plan.Summary = fmt.Sprintf("Delete pool %s of cluster %s with its %s.", p.Name, d.Cluster.Name, have)
	d.Plan.Changes = []portal.Change{{What: "Pool " + p.Name, Before: poolNodes(p)}}
	d.Plan.Steps = []string{"All nodes of the pool are drained, then deleted. Pods go to other pools, if they fit there."}
	d.Plan.Losses = []string{"All nodes of the pool and what is on their disks."}
}

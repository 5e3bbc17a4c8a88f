package operation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

// Limits of DigitalOcean's.
const (
	maxPoolName = 55  // characters
	maxNodes    = 512 // a cluster
)

// PoolFields are the names of the fields of a pool. A form for a new cluster has
// them once a pool, as pools[0].name and so on.
func PoolFields() []string {
	return []string{"name", "size", "count", "auto_scale", "min_nodes", "max_nodes", "tags", "labels", "taints"}
}

// usualSize is the size that a new pool has unless it is asked for otherwise: the
// preferred one or else the cheapest of which the team may have more. It is empty
// when there is none, or no team is chosen yet.
func usualSize(d *portal.Draft, preferred string) string {
	best := portal.Size{}
	for _, s := range d.Offer.Sizes {
		if d.Room[s.Slug] <= 0 {
			continue
		}
		if s.Slug == preferred {
			return preferred
		}
		if best.Slug == "" || s.MonthlyCents != 0 && (best.MonthlyCents == 0 || s.MonthlyCents < best.MonthlyCents) {
			best = s
		}
	}
	return best.Slug
}

// openPool fills in the fields of a pool, whose names have that prefix.
func openPool(f portal.Form, prefix string, p portal.PoolSpec) {
	for name, value := range map[string]string{
		"name": p.Name, "size": p.Size, "count": strconv.Itoa(p.Count), "min_nodes": "", "max_nodes": "",
		"labels": onePerLine(portal.LabelText(p.Labels)), "taints": onePerLine(portal.TaintText(p.Taints)), "tags": strings.Join(p.Tags, ", "),
	} {
		f.Set(prefix+name, value)
	}
	f.Tick(prefix+"auto_scale", p.AutoScale)
	if p.AutoScale {
		f.Set(prefix+"min_nodes", strconv.Itoa(p.MinNodes))
		f.Set(prefix+"max_nodes", strconv.Itoa(p.MaxNodes))
	}
}

// readPools reads the pools of a new cluster: pools[0].name and so on.
func (f *fieldErrors) readPools(form portal.Form, options portal.Options) []portal.PoolSpec {
	count := form.Pools()
	if count == 0 {
		f.Add("pools", "A cluster needs at least one node pool.")
	}
	if count > portal.MaxPools {
		f.Add("pools", "There are too many pools; at most %d are allowed.", portal.MaxPools)
		return nil
	}
	names := map[string]bool{}
	pools, total := make([]portal.PoolSpec, 0, count), 0
	for i := range count {
		prefix := fmt.Sprintf("pools[%d].", i)
		pool := f.readSpec(prefix, form, options)
		if pool.Name != "" && names[pool.Name] {
			f.Add(prefix+"name", "Another pool is called %s already.", portal.Quote(pool.Name))
		}
		names[pool.Name] = true
		total += pool.Cost()
		pools = append(pools, pool)
	}
	if total > maxNodes {
		f.Add("pools", "You entered %d nodes in total; a cluster can have at most %d.", total, maxNodes)
	}
	if count > 0 && total == 0 && len(f.FieldErrors) == 0 {
		f.Add("pools[0].count", "A cluster needs at least one node.")
	}
	return pools
}

// readSpec reads a new pool, whose fields have names with that prefix.
func (f *fieldErrors) readSpec(prefix string, form portal.Form, options portal.Options) portal.PoolSpec {
	pool := portal.PoolSpec{Name: form.Get(prefix + "name")}
	f.checkName(prefix+"name", "pool name", pool.Name, maxPoolName)
	size := form.Get(prefix + "size")
	if size == "" {
		f.Add(prefix+"size", "Choose a size.")
	} else if _, ok := options.Size(size); ok {
		pool.Size = size
	} else {
		f.Add(prefix+"size", "DigitalOcean does not offer the size %s.", portal.Quote(size))
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
	before := len(f.FieldErrors)
	least = f.readCount(prefix+"min_nodes", 0, form)
	most = f.readCount(prefix+"max_nodes", 1, form)
	if len(f.FieldErrors) == before && most < least {
		f.Add(prefix+"max_nodes", "The maximum number of nodes (%d) is less than the minimum (%d).", most, least)
	}
	return least, least, most
}

func (f *fieldErrors) readCount(field string, least int, form portal.Form) int {
	typed := form.Get(field)
	if typed == "" {
		f.Add(field, "Enter the number of nodes.")
		return 0
	}
	n, ok := portal.ParseNumber(typed, least, maxNodes)
	if !ok {
		f.Add(field, "Enter a whole number from %d to %d; this is %s.", least, maxNodes, portal.Quote(typed))
		return 0
	}
	return n
}

// checkPoolName makes sure that no other pool of the cluster has the name.
func (f *fieldErrors) checkPoolName(c portal.Cluster, own, name string) {
	for _, p := range c.Pools {
		if p.Name == name && p.ID != own {
			f.Add("name", "Another pool of this cluster is called %s already.", portal.Quote(name))
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
		f.Add(field, "The cluster would have %d nodes in total; it can have at most %d.", total, maxNodes)
	}
}

// specText says in one line what a new pool is.
func specText(p portal.PoolSpec) string {
	parts := []string{nodesText(p.AutoScale, p.Count, p.MinNodes, p.MaxNodes) + " × " + p.Size}
	for what, text := range map[string]string{
		"labels ": portal.LabelText(p.Labels), "taints ": portal.TaintText(p.Taints), "tags ": strings.Join(p.Tags, ", "),
	} {
		if text != "" {
			parts = append(parts, what+text)
		}
	}
	slices.Sort(parts[1:])
	return strings.Join(parts, "; ")
}

func poolCall(p portal.PoolSpec) doapi.CreateNodePool {
	call := doapi.CreateNodePool{
		Name: p.Name, Size: p.Size, Count: p.Count, AutoScale: p.AutoScale, MinNodes: p.MinNodes, MaxNodes: p.MaxNodes,
		Tags: slices.Clone(p.Tags), Labels: p.Labels,
	}
	for _, t := range p.Taints {
		call.Taints = append(call.Taints, taintCall(t))
	}
	return call
}

func taintCall(t portal.Taint) doapi.Taint {
	return doapi.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect}
}

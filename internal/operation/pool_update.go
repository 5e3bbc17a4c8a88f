package operation

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

var updatePool = definition{
	open: openUpdatePool, rewrite: rewriteUpdatePool, read: readUpdatePool, plan: planUpdatePool, facts: poolFacts, effect: updatePoolEffect,
}

func openUpdatePool(d *portal.Draft) {
	p, f := d.Pool, d.Form
	f.Set("name", p.Name)
	f.Set("count", strconv.Itoa(p.Count))
	f.Tick("auto_scale", p.AutoScale)
	if p.AutoScale {
		f.Set("min_nodes", strconv.Itoa(p.MinNodes))
		f.Set("max_nodes", strconv.Itoa(p.MaxNodes))
	}
	f.Set("labels", onePerLine(portal.LabelText(p.Details.Labels)))
	f.Set("taints", onePerLine(portal.TaintText(p.Details.Taints)))
	f.Set("tags", strings.Join(portal.OwnTags(p.Details.Tags), ", "))
}

func rewriteUpdatePool(d *portal.Draft, p portal.Params) {
	now := d.Pool
	delete(d.Form, "auto_scale")
	d.Pool = p.UpdatePool.Applied(now)
	openUpdatePool(d)
	d.Pool = now
}

func readUpdatePool(d *portal.Draft, f *fieldErrors) {
	p, form := d.Pool, d.Form
	name, autoScale := form.Get("name"), form.On("auto_scale")
	f.checkName("name", "pool name", name, maxPoolName)
	f.checkPoolName(d.Cluster, p.ID, name)
	count, least, most := f.readNodes("", form)
	u := portal.UpdatePoolParams{PoolID: p.ID, Name: portal.Changed(p.Name, name), AutoScale: portal.Changed(p.AutoScale, autoScale)}
	if autoScale {
		u.MinNodes, u.MaxNodes = portal.Changed(p.MinNodes, least), portal.Changed(p.MaxNodes, most)
		f.checkTotal(d, most, true)
	} else {
		// One that autoscaled until now needs to be told how many nodes it has.
		if u.Count = portal.Changed(p.Count, count); p.AutoScale {
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
		f.Add("name", "Nothing has changed.")
	}
}

// poolChanges lists what an update does to a pool, in words.
func poolChanges(p portal.Pool, u portal.UpdatePoolParams) []portal.Change {
	return differences(poolConfiguration(p), poolConfiguration(u.Applied(p)))
}

func planUpdatePool(d *portal.Draft) {
	p, u := d.Pool, d.Params.UpdatePool
	after := u.Applied(p)
	d.Usage = portal.Usage{portal.NodesOf(p.Size): after.Cost() - p.Cost()}
	d.Plan.Cost = costWith(d, after)
	d.Plan.Nodes = max(0, p.Count-after.Count)
	d.Plan.Summary = fmt.Sprintf("Update pool %s of cluster %s.", p.Name, d.Cluster.Name)
	d.Plan.Changes = poolChanges(p, *u)
	switch {
	case p.Count > after.Count:
		d.Plan.Steps = append(d.Plan.Steps, fmt.Sprintf("It loses %s, which DigitalOcean chooses, drains and removes.", nodes(p.Count-after.Count)))
		d.Plan.Losses = append(d.Plan.Losses, "The data on the disks of the removed nodes.")
	case p.Count < after.Count:
		d.Plan.Steps = append(d.Plan.Steps, fmt.Sprintf("It gains %s.", nodes(after.Count-p.Count)))
	}
	if u.Name != nil {
		d.Plan.Steps = append(d.Plan.Steps, "Existing nodes keep their names; only new ones use the pool's new name.")
	}
	if u.Labels != nil {
		d.Plan.Steps = append(d.Plan.Steps, "Labels that are removed stay on existing nodes.")
	}
}

// UpdatePoolCall says what is to change. The reference asks for name and count
// with every change. The count of a pool that autoscales is not ours to say,
// unless its bounds leave it out: DigitalOcean would go down to the lower one.
func UpdatePoolCall(u portal.UpdatePoolParams, cluster doapi.Cluster) (doapi.UpdateNodePool, error) {
	i := slices.IndexFunc(cluster.NodePools, func(p doapi.NodePool) bool { return p.ID == u.PoolID })
	if i < 0 {
		return doapi.UpdateNodePool{}, &doapi.Error{Invalid: true, Write: true, Err: fmt.Errorf("the cluster has no pool %s", u.PoolID)}
	}
	now := cluster.NodePools[i]
	call := doapi.UpdateNodePool{Name: u.Name, Count: u.Count, AutoScale: u.AutoScale, MinNodes: u.MinNodes, MaxNodes: u.MaxNodes, Labels: u.Labels}
	if call.Name == nil {
		call.Name = &now.Name
	}
	if after := u.Applied(now.Portal()); call.Count == nil && (!after.AutoScale || !now.AutoScale || after.Count != now.Count) {
		call.Count = &after.Count
	}
	if u.Tags != nil {
		call.Tags = withSystemTags(now.Tags, *u.Tags)
	}
	if u.Taints != nil {
		taints := make([]doapi.Taint, len(*u.Taints))
		for i, t := range *u.Taints {
			taints[i] = taintCall(t)
		}
		call.Taints = &taints
	}
	return call, nil
}

func updatePoolEffect(r portal.Request, c portal.Cluster, _ bool) Effect {
	u := r.Params.UpdatePool
	now, ok := c.Pool(u.PoolID)
	if !ok {
		return Failed
	}
	want := u.Applied(now)
	if want.Name != now.Name || want.Count != now.Count && !now.AutoScale || want.AutoScale != now.AutoScale ||
		want.MinNodes != now.MinNodes || want.MaxNodes != now.MaxNodes ||
		!sameDetails(want.Details, now.Details) {
		return Absent
	}
	if u.Count == nil && u.AutoScale == nil && u.MinNodes == nil && u.MaxNodes == nil {
		return Complete // no node comes or goes
	}
	return settled(now)
}

func sameDetails(a, b portal.PoolDetails) bool {
	return maps.Equal(a.Labels, b.Labels) && portal.TaintText(a.Taints) == portal.TaintText(b.Taints) && slices.Equal(portal.OwnTags(a.Tags), portal.OwnTags(b.Tags))
}

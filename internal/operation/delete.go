package operation

import (
	"fmt"
	"slices"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

// deleteCluster is all three ways to delete a cluster.
var deleteCluster = definition{
	fields:  []string{"operation", "resources", "typed_name"},
	rewrite: rewriteDelete, read: readDelete, plan: planDelete, facts: clusterFacts, effect: deleteEffect,
}

func rewriteDelete(d *portal.Draft, p portal.Params) {
	if d.Operation == portal.DeleteClusterSelective {
		for _, r := range p.Delete.Destroy {
			d.Form["resources"] = append(d.Form["resources"], r.ID)
		}
	}
}

// readDelete reads which of the resources that belong to a cluster go with it.
// What is named is frozen into the request: execution refuses when it differs.
func readDelete(d *portal.Draft, f *fieldErrors) {
	p := portal.DeleteParams{}
	switch d.Operation {
	case portal.DeleteClusterDangerous:
		p.Destroy = d.Resources
	case portal.DeleteClusterSelective:
		p = f.readChosen(d)
	default:
		p.Keep = d.Resources
	}
	d.Params.Delete = &p
}

func (f *fieldErrors) readChosen(d *portal.Draft) portal.DeleteParams {
	var p portal.DeleteParams
	chosen := d.Form.All("resources")
	for _, r := range d.Resources {
		if slices.Contains(chosen, r.ID) {
			p.Destroy = append(p.Destroy, r)
		} else {
			p.Keep = append(p.Keep, r)
		}
	}
	for _, id := range chosen {
		if !slices.ContainsFunc(p.Destroy, func(r portal.Resource) bool { return r.ID == id }) {
			f.Add("resources", "The cluster has no resource %s now.", portal.Quote(id))
		}
	}
	if len(chosen) == 0 {
		f.Add("resources", "Choose what should be deleted with the cluster, or delete the cluster only.")
	}
	return p
}

func planDelete(d *portal.Draft) {
	c, p := d.Cluster, d.Params.Delete
	d.Usage = portal.Usage{}.Minus(c.Usage())
	d.Plan.Nodes = c.NodeCount()
	d.Plan.Cost = portal.CostEffect{
		Before: ClusterCost(d.Offer, c).Plus(resourceCost(d.Resources)), After: resourceCost(p.Keep),
	}
	d.Plan.Summary = fmt.Sprintf("Delete cluster %s in %s with its %s.", c.Name, c.Region, nodes(c.NodeCount()))
	d.Plan.Destroys, d.Plan.Remains = p.Destroy, p.Keep
	d.Plan.Losses = append(d.Plan.Losses, "The control plane with everything stored in it: workloads, configuration, secrets.")
	d.Plan.Changes = append(d.Plan.Changes, portal.Change{What: "Cluster " + c.Name, Before: c.Version + " in " + c.Region})
	for _, pool := range c.Pools {
		d.Plan.Changes = append(d.Plan.Changes, portal.Change{What: "Pool " + pool.Name, Before: poolNodes(pool)})
		d.Plan.Losses = append(d.Plan.Losses, fmt.Sprintf("Pool %s with %s and the data on their disks.", pool.Name, nodes(pool.Count)))
	}
}

// LeftBehind is what of the resources that belong to a cluster its deletion does not
// destroy, also those that have come since it was planned.
func LeftBehind(p portal.DeleteParams, now []portal.Resource) []portal.Resource {
	return slices.DeleteFunc(now, func(r portal.Resource) bool {
		return slices.ContainsFunc(p.Destroy, func(d portal.Resource) bool { return d.Kind == r.Kind && d.ID == r.ID })
	})
}

// ResourceDrift says how the resources that belong to a cluster differ from
// those that a deletion was planned with, empty when that does not matter.
func ResourceDrift(op portal.OperationID, p portal.DeleteParams, now []portal.Resource) string {
	has := func(list []portal.Resource, id string) bool {
		return slices.ContainsFunc(list, func(r portal.Resource) bool { return r.ID == id })
	}
	for _, r := range p.Destroy {
		if !has(now, r.ID) {
			return fmt.Sprintf("The %s %s, which was to be destroyed, no longer belongs to the cluster.", r.Kind, r.Name)
		}
	}
	if op != portal.DeleteClusterDangerous {
		return ""
	}
	for _, r := range now {
		if !has(p.Destroy, r.ID) {
			return fmt.Sprintf("The %s %s now belongs to the cluster and would be destroyed too.", r.Kind, r.Name)
		}
	}
	return ""
}

// SelectiveCall is the body of the call that names what goes with a cluster.
func SelectiveCall(resources []portal.Resource) doapi.DeleteClusterSelective {
	var call doapi.DeleteClusterSelective
	for _, r := range resources {
		switch r.Kind {
		case portal.LoadBalancer:
			call.LoadBalancers = append(call.LoadBalancers, r.ID)
		case portal.Volume:
			call.Volumes = append(call.Volumes, r.ID)
		case portal.VolumeSnapshot:
			call.VolumeSnapshots = append(call.VolumeSnapshots, r.ID)
		}
	}
	return call
}

func deleteEffect(_ portal.Request, c portal.Cluster, _ bool) Effect {
	if c.State == portal.ClusterDeleting || c.State == portal.ClusterDeleted {
		return Underway
	}
	return Absent
}

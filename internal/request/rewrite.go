package request

import (
	"fmt"
	"strconv"
	"strings"

	"doksportal/internal/portal"
)

// rewriteForm fills the form of a request that is planned anew with what it asks
// for, on top of what there is now.
func rewriteForm(d *portal.Draft) {
	r := d.Revises
	if r.ID == "" {
		return
	}
	operations[d.Operation].write(d, r.Params)
	d.Form.Set("operation", string(d.Operation))
	d.Form.Set("justification", r.Justification)
	if r.Plan.Verdict.TypedName {
		d.Form.Set("typed_name", r.TargetName) // as it was typed
	}
	if at := r.Params.NotBefore; at != nil {
		d.Form.Set("start_at", at.UTC().Format(minuteLayout))
		d.Form.Set("zone", "UTC")
	}
}

func writeCreate(d *portal.Draft, params portal.Params) {
	p, f := params.Create, d.Form
	for name, value := range map[string]string{
		"team": d.Revises.Team.Slug, "name": p.Name, "region": p.Region, "version": p.Version, "environment": string(p.Environment),
		"vpc_uuid": p.VPC, "cluster_subnet": p.ClusterSubnet, "service_subnet": p.ServiceSubnet, "tags": strings.Join(p.Tags, ", "),
	} {
		f.Set(name, value)
	}
	f.Tick("ha", p.HA)
	fillSettings(f, p.Settings)
	for i, pool := range p.Pools {
		writeSpec(f, fmt.Sprintf("pools[%d].", i), pool)
	}
}

func writeCreatePool(d *portal.Draft, p portal.Params) { writeSpec(d.Form, "", *p.CreatePool) }

// writeSpec fills in the fields of a pool, whose names have that prefix.
func writeSpec(f portal.Form, prefix string, p portal.PoolSpec) {
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

// onePerLine puts each part of a list on a line of its own.
func onePerLine(list string) string { return strings.ReplaceAll(list, ", ", "\n") }

func writeUpdate(d *portal.Draft, params portal.Params) {
	p, now := params.Update, d.Cluster
	after := now
	after.Details.Settings = p.Applied(now.Details.Settings)
	if p.Name != nil {
		after.Name = *p.Name
	}
	if p.Tags != nil {
		after.Tags = *p.Tags
	}
	after.HA = now.HA || p.HA != nil && *p.HA
	for _, box := range []string{"ha", "auto_upgrade", "surge_upgrade", "firewall"} {
		delete(d.Form, box)
	}
	d.Cluster = after
	fillUpdate(d)
	d.Cluster = now
}

func writeUpgrade(d *portal.Draft, p portal.Params) { d.Form.Set("version", p.Upgrade.Version) }

func writeUpdatePool(d *portal.Draft, p portal.Params) {
	now := d.Pool
	delete(d.Form, "auto_scale")
	d.Pool = p.UpdatePool.Applied(now)
	fillUpdatePool(d)
	d.Pool = now
}

func writeDeleteNode(d *portal.Draft, p portal.Params) {
	delete(d.Form, "replace")
	d.Form.Tick("replace", p.DeleteNode.Replace)
	d.Form.Tick("skip_drain", p.DeleteNode.SkipDrain)
}

func writeRecycle(d *portal.Draft, p portal.Params) { d.Form["nodes"] = p.Recycle.NodeIDs }

func writeDelete(d *portal.Draft, p portal.Params) {
	if d.Operation == portal.DeleteClusterSelective {
		for _, r := range p.Delete.Destroy {
			d.Form["resources"] = append(d.Form["resources"], r.ID)
		}
	}
}

func writeLint(d *portal.Draft, params portal.Params) {
	p := params.Lint
	d.Form.Set("include_groups", strings.Join(p.IncludeGroups, ", "))
	d.Form.Set("include_checks", strings.Join(p.IncludeChecks, ", "))
	d.Form.Set("exclude_groups", strings.Join(p.ExcludeGroups, ", "))
	d.Form.Set("exclude_checks", strings.Join(p.ExcludeChecks, ", "))
}

func writeAccess(d *portal.Draft, p portal.Params) {
	d.Form.Set("minutes", strconv.Itoa(int(p.Access.Lifetime().Minutes())))
}

func writeRegistries(d *portal.Draft, p portal.Params) {
	d.Form["clusters"] = p.Registries.ClusterIDs
	d.Form.Set("registries", strings.Join(p.Registries.Names, ", "))
}

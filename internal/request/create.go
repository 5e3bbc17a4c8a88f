package request

import (
	"fmt"
	"slices"
	"strings"

	"doksportal/internal/portal"
)

func fillCreate(d *portal.Draft) {
	f := d.Form
	f.Set("team", d.Team.Slug)
	f.Tick("surge_upgrade", true)
	f.Set("maintenance_day", "any")
	f.Set("pools[0].name", "pool-1")
	f.Set("pools[0].count", "3")
}

func readCreate(d *portal.Draft, f *fieldErrors) {
	form, options := d.Form, d.Offer
	p := portal.CreateParams{
		Name: form.Get("name"), Region: form.Get("region"), Version: form.Get("version"), HA: form.On("ha"),
		Environment: portal.Environment(form.Get("environment")),
		VPC:         form.Get("vpc_uuid"), ClusterSubnet: form.Get("cluster_subnet"), ServiceSubnet: form.Get("service_subnet"),
	}
	if d.Team.ID == "" {
		f.add("team", "Choose one of your teams.")
	}
	f.checkLabel("name", "name", p.Name, maxName)
	f.checkChoice("region", "region", p.Region, options.Regions)
	f.checkChoice("version", "Kubernetes version", p.Version, options.Versions)
	if p.Environment == "" {
		f.add("environment", "Choose an environment.")
	} else if !slices.Contains(portal.Environments, p.Environment) {
		f.add("environment", "There is no environment called %s.", quote(string(p.Environment)))
	}
	f.checkUUID("vpc_uuid", p.VPC)
	f.checkNetwork("cluster_subnet", p.ClusterSubnet)
	f.checkNetwork("service_subnet", p.ServiceSubnet)
	p.Tags = f.readTags("tags", form)
	p.Settings = f.readSettings(form)
	p.Pools = f.readPools(form, options)
	d.TargetName, d.Params.Create = p.Name, &p
}

func planCreate(d *portal.Draft) {
	p := d.Params.Create
	d.Usage = p.Usage()
	count := 0
	for _, pool := range p.Pools {
		count += pool.Count
	}
	d.Plan.Cost.After = specsCost(d.Offer, p.Pools...).Plus(controlPlaneCost(p.HA))
	d.Plan.Summary = fmt.Sprintf("Create cluster %s in %s with %s.", p.Name, p.Region, nodes(count))
	d.Plan.Changes = createChanges(d.Team, *p)
	d.Plan.Warnings = firewallWarnings(p.Settings.Firewall)
}

func createChanges(team portal.Team, p portal.CreateParams) []portal.Change {
	changes := []portal.Change{
		{What: "Name", After: p.Name},
		{What: "Team", After: team.Name},
		{What: "Environment", After: string(p.Environment)},
		{What: "Region", After: p.Region},
		{What: "Kubernetes version", After: p.Version},
		{What: "High availability", After: portal.YesNo(p.HA)},
	}
	for _, pool := range p.Pools {
		changes = append(changes, portal.Change{What: "Pool " + pool.Name, After: specText(pool)})
	}
	for _, c := range []portal.Change{
		{What: "Tags", After: strings.Join(p.Tags, ", ")}, {What: "VPC", After: p.VPC},
		{What: "Network of the pods", After: p.ClusterSubnet}, {What: "Network of the services", After: p.ServiceSubnet},
	} {
		if c.After != "" {
			changes = append(changes, c)
		}
	}
	// What stays at DigitalOcean's default is not worth a line.
	for _, c := range settingChanges(portal.Settings{SurgeUpgrade: true, Maintenance: portal.Maintenance{Day: "any"}}, p.Settings) {
		changes = append(changes, portal.Change{What: c.What, After: c.After})
	}
	return changes
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

// addQuota names the last field that each exceeded limit is about.
func (f *fieldErrors) addQuota(d *portal.Draft) {
	for _, line := range d.Plan.Quota.Lines {
		if line.Over() > 0 {
			f.add(quotaField(d, line.Size), "%s", overQuota(d.Team, line))
		}
	}
}

// quotaField is the field that says how many nodes of a size there should be.
func quotaField(d *portal.Draft, size string) string {
	p := d.Params.Create
	switch {
	case p != nil:
		i := len(p.Pools) - 1
		for i > 0 && size != "" && p.Pools[i].Size != size {
			i--
		}
		if i >= 0 && p.Pools[i].AutoScale {
			return fmt.Sprintf("pools[%d].max_nodes", i)
		}
		return fmt.Sprintf("pools[%d].count", i)
	case d.Form.On("auto_scale"):
		return "max_nodes"
	}
	return "count"
}

func overQuota(team portal.Team, l portal.QuotaLine) string {
	if !l.Allowed {
		return fmt.Sprintf("Team %s may not use the size %s.", team.Name, l.Size)
	}
	what := "nodes"
	if l.Size != "" {
		what = l.Size + " nodes"
	}
	return fmt.Sprintf("Team %s may have %d %s and would have %d: %d too many.", team.Name, l.Limit, what, l.After, l.Over())
}

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

var createCluster = definition{
	fields: slices.Concat([]string{"team", "name", "region", "version", "environment", "ha", "tags"}, networkFields, lastingFields),
	open:   openCreate, rewrite: rewriteCreate, read: readCreate, plan: planCreate, effect: createEffect,
}

var networkFields = []string{"vpc_uuid", "cluster_subnet", "service_subnet"}

// MoreFields are the names of the fields for a new cluster that most people leave
// as they are, and that pages fold away.
func MoreFields() []string { return slices.Concat(SettingFields(), networkFields, []string{"tags"}) }

// MoreChanged reports whether any of MoreFields is not what the form for a new
// cluster is opened with.
func MoreChanged(form portal.Form) bool {
	opened := portal.Form{}
	openMore(opened)
	return slices.ContainsFunc(MoreFields(), func(name string) bool { return form.Get(name) != opened.Get(name) })
}

func openMore(f portal.Form) {
	f.Tick("surge_upgrade", true)
	f.Set("maintenance_day", "any")
}

// usualCount is how many nodes the pool of a new cluster has unless it is asked
// for otherwise.
const usualCount = 3

func openCreate(d *portal.Draft) {
	f := d.Form
	f.Set("team", d.Team.Slug)
	switch {
	case d.Like.ID != "":
		writeCreate(f, likeParams(d))
		return
	case d.LikeRequest.ID != "":
		writeCreate(f, kept(d, *d.LikeRequest.Params.Create))
		return
	case d.Template.ID != "":
		f.Set("template", d.Template.ID)
		writeCreate(f, kept(d, d.Template.Params))
		return
	}
	openMore(f)
	f.Set("lasts", portal.LastsForGood)
	f.Set("region", firstOffered(d.Offer.Regions, d.Region))
	f.Set("version", firstOffered(d.Offer.Versions, ""))
	size := usualSize(d, "")
	f.Set("pools[0].name", "pool-1")
	f.Set("pools[0].size", size)
	count := usualCount
	if left := d.Room[size]; left > 0 {
		count = min(count, left)
	}
	f.Set("pools[0].count", strconv.Itoa(count))
}

// firstOffered is the slug that is preferred, or the first that is offered.
func firstOffered(choices []portal.Choice, preferred string) string {
	if len(choices) == 0 || portal.Has(choices, preferred) {
		return preferred
	}
	return choices[0].Slug
}

// likeParams are the parameters for another cluster like the one that is there.
// Its name and its subnets, which no two clusters of a VPC share, are its own.
func likeParams(d *portal.Draft) portal.CreateParams {
	c := d.Like
	p := portal.CreateParams{
		Region: c.Region, Version: likeVersion(d.Offer.Versions, c.Version), HA: c.HA, Environment: c.Environment,
		Tags: portal.OwnTags(c.Tags), VPC: c.Details.VPC, Settings: c.Details.Settings,
	}
	for _, pool := range c.Pools {
		spec := portal.PoolSpec{Name: pool.Name, Size: pool.Size, Count: pool.Count, AutoScale: pool.AutoScale,
			MinNodes: pool.MinNodes, MaxNodes: pool.MaxNodes, Tags: portal.OwnTags(pool.Details.Tags), Labels: maps.Clone(pool.Details.Labels)}
		maps.DeleteFunc(spec.Labels, func(key, _ string) bool { return owned(key) })
		for _, t := range pool.Details.Taints {
			if !owned(t.Key) {
				spec.Taints = append(spec.Taints, t)
			}
		}
		p.Pools = append(p.Pools, spec)
	}
	return p
}

// likeVersion is the version that is offered of the same minor, or else the
// newest.
func likeVersion(offered []portal.Choice, version string) string {
	if i := slices.IndexFunc(offered, func(c portal.Choice) bool { return portal.MinorOf(c.Slug) == portal.MinorOf(version) }); i >= 0 {
		return offered[i].Slug
	}
	return firstOffered(offered, "")
}

func rewriteCreate(d *portal.Draft, params portal.Params) {
	f := d.Form
	for _, name := range append(SettingFields(), "ha") {
		delete(f, name)
	}
	f.Set("team", d.Revises.Team.Slug)
	writeCreate(f, *params.Create)
}

// writeCreate puts parameters into the form.
func writeCreate(f portal.Form, p portal.CreateParams) {
	for name, value := range map[string]string{
		"name": p.Name, "region": p.Region, "version": p.Version, "environment": string(p.Environment),
		"vpc_uuid": p.VPC, "cluster_subnet": p.ClusterSubnet, "service_subnet": p.ServiceSubnet, "tags": strings.Join(p.Tags, ", "),
	} {
		f.Set(name, value)
	}
	f.Tick("ha", p.HA)
	writeLasting(f, p.Lease)
	openSettings(f, p.Settings)
	for i, pool := range p.Pools {
		openPool(f, fmt.Sprintf("pools[%d].", i), pool)
	}
}

func readCreate(d *portal.Draft, f *fieldErrors) {
	form, options := d.Form, d.Offer
	p := portal.CreateParams{
		Name: form.Get("name"), Region: form.Get("region"), Version: form.Get("version"), HA: form.On("ha"),
		Environment: portal.Environment(form.Get("environment")),
		VPC:         form.Get("vpc_uuid"), ClusterSubnet: form.Get("cluster_subnet"), ServiceSubnet: form.Get("service_subnet"),
	}
	if d.Team.ID == "" {
		f.Add("team", "Choose one of your teams.")
	}
	f.checkName("name", "name", p.Name, maxName)
	f.checkChoice("region", "region", p.Region, options.Regions)
	f.checkChoice("version", "Kubernetes version", p.Version, options.Versions)
	if p.Environment == "" {
		f.Add("environment", "Choose an environment.")
	} else if !slices.Contains(portal.Environments, p.Environment) {
		f.Add("environment", "There is no environment called %s.", portal.Quote(string(p.Environment)))
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
	if p.Name == "" || p.Region == "" { // not typed yet
		d.Plan.Summary = fmt.Sprintf("Create a cluster with %s.", nodes(count))
	}
	d.Plan.Changes = createChanges(d.Team, *p)
	d.Plan.Warnings = firewallWarnings(p.Settings.Firewall)
}

func createChanges(team portal.Team, p portal.CreateParams) []portal.Change {
	changes := []portal.Change{
		{What: "Name", After: p.Name},
		{What: "Team", After: team.Name},
		{What: "Environment", After: string(p.Environment)},
		{What: "Region", After: p.Region},
		{What: versionField, After: p.Version},
		{What: "High availability", After: portal.YesNo(p.HA)},
	}
	for _, pool := range p.Pools {
		changes = append(changes, portal.Change{What: "Pool " + pool.Name, After: specText(pool)})
	}
	changes = append(changes, leaseChanges(p.Lease)...)
	changes = append(changes,
		portal.Change{What: "Tags", After: strings.Join(p.Tags, ", ")}, portal.Change{What: "VPC", After: p.VPC},
		portal.Change{What: "Cluster subnet", After: p.ClusterSubnet}, portal.Change{What: "Service subnet", After: p.ServiceSubnet})
	// What stays at DigitalOcean's default is not worth a line.
	for _, c := range settingChanges(portal.Settings{SurgeUpgrade: true, Maintenance: portal.Maintenance{Day: "any"}}, p.Settings) {
		changes = append(changes, portal.Change{What: c.What, After: c.After})
	}
	return slices.DeleteFunc(changes, func(c portal.Change) bool { return c.After == "" }) // left empty, or not typed yet
}

// CreateCall is the body of the call. It adds to what was asked for the tags
// that make the cluster's owner visible at DigitalOcean, and the one by which it
// is found again.
func CreateCall(r portal.Request) doapi.CreateCluster {
	p := r.Params.Create
	call := doapi.CreateCluster{
		Name: p.Name, Region: p.Region, Version: p.Version, HA: p.HA,
		Tags:    append([]string{r.RequestTag(), "team:" + r.Team.Slug, "env:" + string(p.Environment)}, p.Tags...),
		VPCUUID: p.VPC, ClusterSubnet: p.ClusterSubnet, ServiceSubnet: p.ServiceSubnet,
	}
	createSettings(&call, p.Settings)
	for _, pool := range p.Pools {
		call.NodePools = append(call.NodePools, poolCall(pool))
	}
	return call
}

func createEffect(_ portal.Request, c portal.Cluster, _ bool) Effect {
	switch c.State {
	case portal.ClusterRunning:
		return Complete
	case portal.ClusterError:
		return Failed
	}
	return Underway
}

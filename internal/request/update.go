package request

import (
	"slices"
	"strings"

	"doksportal/internal/portal"
)

func fillUpdate(d *portal.Draft) {
	c := d.Cluster
	d.Form.Set("name", c.Name)
	d.Form.Set("tags", strings.Join(portal.OwnTags(c.Tags), ", "))
	d.Form.Tick("ha", c.HA)
	fillSettings(d.Form, c.Details.Settings)
}

func readUpdate(d *portal.Draft, f *fieldErrors) {
	c, form := d.Cluster, d.Form
	f.checkLabel("name", "name", form.Get("name"), maxName)
	tags := f.readTags("tags", form)
	after := f.readSettings(form)
	before := c.Details.Settings
	if before.Maintenance.Day != "" && after.Maintenance.Day == "" {
		f.add("maintenance_day", "A maintenance window can be moved, not taken away; choose a day, or “any”.")
	}
	if before.Maintenance.Start != "" && after.Maintenance.Start == "" && after.Maintenance.Day == "any" {
		f.add("maintenance_start", "Enter when the maintenance window begins, like 04:00.")
	}
	ha := form.On("ha")
	if c.HA && !ha {
		f.add("ha", "High availability cannot be switched off again.")
	}
	p := portal.UpdateParams{
		Name: changed(c.Name, form.Get("name")), HA: changed(c.HA, ha),
		AutoUpgrade: changed(before.AutoUpgrade, after.AutoUpgrade), SurgeUpgrade: changed(before.SurgeUpgrade, after.SurgeUpgrade),
		Maintenance: changed(before.Maintenance, after.Maintenance), Components: changedComponents(before.Components, after.Components),
	}
	if !slices.Equal(tags, portal.OwnTags(c.Tags)) {
		p.Tags = &tags
	}
	if !portal.SameFirewall(before.Firewall, after.Firewall) {
		p.Firewall = &after.Firewall
	}
	if !portal.SameAutoscaler(before.Autoscaler, after.Autoscaler) {
		p.Autoscaler = &after.Autoscaler
	}
	d.Params.Update = &p
	if len(updateChanges(p, c)) == 0 {
		f.add("name", "Nothing here differs from what the cluster has.")
	}
}

// changed returns what is asked for, nil when it is what there is.
func changed[T comparable](before, after T) *T {
	if before == after {
		return nil
	}
	return &after
}

// updateChanges lists what an update does, in words.
func updateChanges(p portal.UpdateParams, c portal.Cluster) []portal.Change {
	var list []portal.Change
	if p.Name != nil {
		list = append(list, portal.Change{What: "Name", Before: c.Name, After: *p.Name})
	}
	if p.Tags != nil {
		list = append(list, portal.Change{What: "Tags", Before: portal.OrNone(strings.Join(portal.OwnTags(c.Tags), ", ")), After: portal.OrNone(strings.Join(*p.Tags, ", "))})
	}
	if p.HA != nil {
		list = append(list, portal.Change{What: "High availability", Before: portal.YesNo(c.HA), After: portal.YesNo(*p.HA)})
	}
	return append(list, settingChanges(c.Details.Settings, p.Applied(c.Details.Settings))...)
}

func planUpdate(d *portal.Draft) {
	p := d.Params.Update
	d.Plan.Summary = "Change cluster " + d.Cluster.Name + "."
	d.Plan.Changes = updateChanges(*p, d.Cluster)
	d.Plan.Cost = costWith(d, portal.Pool{})
	if p.HA != nil && *p.HA {
		d.Plan.Cost.After = d.Plan.Cost.After.Plus(controlPlaneCost(true))
		d.Plan.Steps = append(d.Plan.Steps, "The control plane is made highly available, which cannot be undone.")
	}
	if p.Firewall != nil {
		d.Plan.Warnings = firewallWarnings(*p.Firewall)
	}
	if p.Firewall != nil && p.Firewall.Enabled {
		d.Plan.Steps = append(d.Plan.Steps, "From then on the cluster's API can be reached from the allowed addresses only.")
	}
}

package operation

import (
	"slices"
	"strings"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

var updateCluster = definition{
	fields: []string{"name", "tags", "ha"},
	open:   openUpdate, rewrite: rewriteUpdate, read: readUpdate, plan: planUpdate, facts: updateFacts, effect: updateEffect,
}

func openUpdate(d *portal.Draft) {
	c := d.Cluster
	d.Form.Set("name", c.Name)
	d.Form.Set("tags", strings.Join(portal.OwnTags(c.Tags), ", "))
	d.Form.Tick("ha", c.HA)
	openSettings(d.Form, c.Details.Settings)
}

func rewriteUpdate(d *portal.Draft, params portal.Params) {
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
	for _, name := range append(SettingFields(), "ha") {
		delete(d.Form, name)
	}
	d.Cluster = after
	openUpdate(d)
	d.Cluster = now
}

func readUpdate(d *portal.Draft, f *fieldErrors) {
	c, form := d.Cluster, d.Form
	f.checkName("name", "name", form.Get("name"), maxName)
	tags := f.readTags("tags", form)
	before, after := c.Details.Settings, f.readSettings(form)
	f.checkMoved(before.Maintenance, after.Maintenance)
	ha := form.On("ha")
	if c.HA && !ha {
		f.Add("ha", "High availability cannot be switched off again.")
	}
	p := before.Update(after)
	p.Name, p.HA = portal.Changed(c.Name, form.Get("name")), portal.Changed(c.HA, ha)
	if !slices.Equal(tags, portal.OwnTags(c.Tags)) {
		p.Tags = &tags
	}
	d.Params.Update = &p
	if len(updateChanges(p, c)) == 0 {
		f.Add("name", "Nothing has changed.")
	}
}

// updateChanges lists what an update does, in words.
func updateChanges(p portal.UpdateParams, c portal.Cluster) []portal.Change {
	var list []portal.Change
	if p.Name != nil {
		list = append(list, portal.Change{What: "Name", Before: c.Name, After: *p.Name})
	}
	if p.Tags != nil {
		list = append(list, portal.Change{What: "Tags", Before: tagText(c.Tags), After: portal.OrNone(strings.Join(*p.Tags, ", "))})
	}
	if p.HA != nil {
		list = append(list, portal.Change{What: "High availability", Before: portal.YesNo(c.HA), After: portal.YesNo(*p.HA)})
	}
	return append(list, settingChanges(c.Details.Settings, p.Applied(c.Details.Settings))...)
}

func planUpdate(d *portal.Draft) {
	p := d.Params.Update
	d.Plan.Summary = "Update cluster " + d.Cluster.Name + "."
	d.Plan.Changes = updateChanges(*p, d.Cluster)
	d.Plan.Cost = costWith(d, portal.Pool{})
	if p.HA != nil && *p.HA {
		d.Usage = portal.Usage{portal.HAClusters: 1}
		d.Plan.Cost.After = d.Plan.Cost.After.Plus(controlPlaneCost(true))
		d.Plan.Steps = append(d.Plan.Steps, "The control plane is made highly available, which cannot be undone.")
	}
	if p.Firewall != nil {
		d.Plan.Warnings = firewallWarnings(*p.Firewall)
	}
	if p.Firewall != nil && p.Firewall.Enabled {
		d.Plan.Steps = append(d.Plan.Steps, "From then on, only the allowed addresses can reach the cluster's API.")
	}
}

// updateFacts are the settings that change, as they are.
func updateFacts(p portal.Params, c portal.Cluster) []portal.Fact {
	list := identityFacts(p, c)
	if p.Update == nil {
		return list
	}
	if p.Update.Tags != nil {
		list = append(list, portal.Fact{What: "Tags", Value: tagText(c.Tags)})
	}
	if p.Update.HA != nil {
		list = append(list, portal.Fact{What: "High availability", Value: portal.YesNo(c.HA)})
	}
	for _, x := range portal.ClusterSettings {
		if x.Asked(*p.Update) {
			list = append(list, portal.Fact{What: x.Label, Value: x.Text(c.Details.Settings)})
		}
	}
	return list
}

// UpdateCall is the body of the call. It says what is to change, and nothing
// else but the name, which DigitalOcean's public OpenAPI asks for with every
// change.
func UpdateCall(p portal.UpdateParams, now doapi.Cluster) doapi.UpdateCluster {
	call := doapi.UpdateCluster{Name: p.Name, HA: p.HA}
	if call.Name == nil {
		call.Name = &now.Name
	}
	if p.Tags != nil {
		call.Tags = withSystemTags(now.Tags, *p.Tags)
	}
	updateSettings(&call, p, now)
	return call
}

func updateEffect(r portal.Request, c portal.Cluster, _ bool) Effect {
	p := *r.Params.Update
	outstanding := func(x portal.Setting) bool { return !x.Done(p, c.Details.Settings) }
	return completeIf((p.Name == nil || *p.Name == c.Name) && (p.HA == nil || *p.HA == c.HA) &&
		(p.Tags == nil || slices.Equal(*p.Tags, portal.OwnTags(c.Tags))) &&
		!slices.ContainsFunc(portal.ClusterSettings, outstanding))
}

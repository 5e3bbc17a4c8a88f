package operation

import (
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// Difference is a part of a cluster's configuration that is no longer what it was.
type Difference struct {
	portal.Change
	poolID string // of the pool; empty: it is of the cluster itself
	field  string // as plans call it; empty: all of the pool
}

// Explanation says how far a request explains a difference.
type Explanation int

// The explanations, the least first: of several requests the best one holds.
const (
	Unexplained Explanation = iota
	Receding                // it is as before the request, which a stale answer of DigitalOcean's would say too
	Explained
)

// Baseline is what drift of a cluster is told from when it is as in c: what changes by
// somebody's hand alone, without what comes and goes by itself, like states and nodes.
func Baseline(c portal.Cluster) portal.Baseline {
	own := portal.Cluster{ID: c.ID, Name: c.Name, Region: c.Region, Version: c.Version, HA: c.HA, Tags: c.Tags}
	own.Details = portal.ClusterDetails{Registries: c.Details.Registries, RegistryEnabled: c.Details.RegistryEnabled, Settings: c.Details.Settings}
	for _, p := range c.Pools {
		p.Nodes, p.Details.Extra = nil, nil
		own.Pools = append(own.Pools, p)
	}
	b := portal.Baseline{Cluster: own}
	for _, f := range append(clusterConfiguration(own), poolConfiguration(portal.Pool{})...) {
		b.Fields = append(b.Fields, f.What)
	}
	return b
}

// Differences lists how the configuration of a cluster is no longer what it was,
// but for what DigitalOcean changes by itself: how many nodes an autoscaled pool
// has, and the patch version where upgrades are automatic.
func Differences(baseline portal.Baseline, after portal.Cluster) []Difference {
	var list []Difference
	before := baseline.Cluster
	for _, c := range differences(clusterConfiguration(before), clusterConfiguration(after)) {
		if c.What != versionField || !upgradedByItself(before, after) {
			list = append(list, Difference{Change: c, field: c.What})
		}
	}
	for _, p := range byName(after.Pools) {
		was, ok := before.Pool(p.ID)
		if !ok {
			list = append(list, Difference{Change: portal.Change{What: "Pool " + p.Name, After: poolNodes(p)}, poolID: p.ID})
			continue
		}
		for _, c := range differences(poolConfiguration(was), poolConfiguration(p)) {
			list = append(list, Difference{portal.Change{What: "Pool " + p.Name + ": " + c.What, Before: c.Before, After: c.After}, p.ID, c.What})
		}
	}
	for _, p := range byName(before.Pools) {
		if _, ok := after.Pool(p.ID); !ok {
			list = append(list, Difference{Change: portal.Change{What: "Pool " + p.Name, Before: poolNodes(p)}, poolID: p.ID})
		}
	}
	return slices.DeleteFunc(list, func(d Difference) bool { return d.field != "" && !slices.Contains(baseline.Fields, d.field) })
}

// FirstSight says what a cluster is that was not known, as changes from nothing.
func FirstSight(c portal.Cluster) []portal.Change {
	list := []portal.Change{{What: "Region", After: c.Region}, {What: versionField, After: c.Version},
		{What: "High availability", After: portal.YesNo(c.HA)}, {What: "Tags", After: tagText(c.Tags)}}
	for _, p := range byName(c.Pools) {
		list = append(list, portal.Change{What: "Pool " + p.Name, After: poolNodes(p)})
	}
	return list
}

// What plans and differences call the same.
const (
	versionField    = "Kubernetes version"
	registriesField = "Registries"
	nodesField      = "Nodes"
	nodesOfPool     = "Nodes of the pool"
)

func clusterConfiguration(c portal.Cluster) []portal.Fact {
	return append([]portal.Fact{{What: "Name", Value: c.Name}, {What: "Region", Value: c.Region}, {What: versionField, Value: c.Version},
		{What: "High availability", Value: portal.YesNo(c.HA)}, {What: "Tags", Value: tagText(c.Tags)}, {What: "Tags of the portal", Value: portalTags(c.Tags)},
		{What: registriesField, Value: portal.RegistryText(c)}}, portal.SettingFacts(c.Details.Settings)...)
}

// poolConfiguration is what of a pool changes by somebody's hand alone.
func poolConfiguration(p portal.Pool) []portal.Fact {
	return []portal.Fact{
		{What: "Name", Value: p.Name},
		{What: "Size", Value: p.Size},
		{What: nodesField, Value: nodesText(p.AutoScale, p.Count, p.MinNodes, p.MaxNodes)},
		{What: "Autoscaling", Value: portal.OnOff(p.AutoScale)},
		{What: "Labels", Value: portal.OrNone(portal.LabelText(p.Details.Labels))},
		{What: "Taints", Value: portal.OrNone(portal.TaintText(p.Details.Taints))},
		{What: "Tags", Value: tagText(p.Details.Tags)},
	}
}

// portalTags names the tags that the portal sets.
func portalTags(tags []string) string {
	own := slices.DeleteFunc(slices.Sorted(slices.Values(tags)), func(t string) bool {
		return t == "k8s" || strings.HasPrefix(t, "k8s:") || len(portal.OwnTags([]string{t})) > 0
	})
	return portal.OrNone(strings.Join(own, ", "))
}

// differences lists how facts differ that are of the same things, in words.
func differences(before, after []portal.Fact) []portal.Change {
	var list []portal.Change
	for i, was := range before {
		if is := after[i]; was.Value != is.Value {
			list = append(list, portal.Change{What: was.What, Before: was.Value, After: is.Value})
		}
	}
	return list
}

// upgradedByItself reports whether a cluster with automatic upgrades has a newer
// patch of its version.
func upgradedByItself(before, after portal.Cluster) bool {
	return before.Details.Settings.AutoUpgrade && portal.SameMinor(before.Version, after.Version) && portal.CompareVersions(before.Version, after.Version) < 0
}

// Explain says how far a request that was being carried out explains a difference
// of one of its clusters, which is now as in after.
func Explain(r portal.Request, d Difference, after portal.Cluster) Explanation {
	p := r.Params
	switch {
	case r.Operation == portal.CreateCluster, r.Operation.Deletes():
		return Explained // until it has ended nothing of the cluster stays as it is
	case p.CreatePool != nil:
		return explainCreatePool(r, d, after)
	case p.DeletePool != nil && p.DeletePool.PoolID == d.poolID:
		if d.field == "" && d.Before == "" {
			return Receding
		}
		return Explained
	case p.Registries != nil && d.field == registriesField && d.poolID == "":
		return explainRegistries(r, d, after)
	case p.Update != nil && d.poolID == "" && settingDone(*p.Update, d.field, after.Details.Settings):
		return Explained
	case p.PoolID() != d.poolID:
		return Unexplained
	}
	return explainByPlan(r, d)
}

// explainByPlan compares a difference with what a request has planned for the same.
func explainByPlan(r portal.Request, d Difference) Explanation {
	field := d.field
	if r.Params.DeleteNode != nil && field == nodesField {
		field = nodesOfPool
	}
	for _, c := range r.Plan.Changes {
		switch {
		case field == "" || c.What != field:
		case c.After == d.After:
			return Explained
		case c.Before == d.After:
			return Receding
		}
	}
	return Unexplained
}

func explainCreatePool(r portal.Request, d Difference, after portal.Cluster) Explanation {
	if d.field != "" {
		return Unexplained
	}
	pool, ok := after.Pool(d.poolID)
	switch {
	case ok && r.Result != "" && pool.ID != r.Result: // it has made another one
		return Unexplained
	case ok && slices.Contains(pool.Details.Tags, r.RequestTag()):
		return Explained
	case !ok && d.poolID == r.Result:
		return Receding
	}
	return Unexplained
}

func explainRegistries(r portal.Request, d Difference, after portal.Cluster) Explanation {
	if registryEffect(r, after, true) == Complete {
		return Explained
	}
	if slices.ContainsFunc(r.Plan.Changes, func(c portal.Change) bool { return c.What == "Cluster "+after.Name && c.Before == d.After }) {
		return Receding
	}
	return Unexplained
}

// settingDone reports whether an update asks for a setting, and it is so.
func settingDone(p portal.UpdateParams, label string, now portal.Settings) bool {
	return slices.ContainsFunc(portal.ClusterSettings, func(x portal.Setting) bool { return x.Label == label && x.Asked(p) && x.Done(p, now) })
}

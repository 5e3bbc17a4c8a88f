package operation

import (
	"fmt"
	"slices"

	"doksportal/internal/portal"
)

var upgradeCluster = definition{
	fields: []string{"version"},
	open:   openUpgrade, rewrite: rewriteUpgrade, read: readUpgrade, plan: planUpgrade, facts: upgradeFacts, effect: upgradeEffect,
}

func openUpgrade(d *portal.Draft) {
	if len(d.Upgrades) > 0 {
		d.Form.Set("version", d.Upgrades[0].Slug)
	}
}

func rewriteUpgrade(d *portal.Draft, p portal.Params) { d.Form.Set("version", p.Upgrade.Version) }

func readUpgrade(d *portal.Draft, f *fieldErrors) {
	version := d.Form.Get("version")
	switch {
	case len(d.Upgrades) == 0:
		f.Add("version", "DigitalOcean offers no upgrade for this cluster: it is up to date.")
	case version == "":
		f.Add("version", "Choose a version.")
	case !portal.Has(d.Upgrades, version):
		f.Add("version", "DigitalOcean does not offer an upgrade to %s.", portal.Quote(version))
	}
	d.Params.Upgrade = &portal.UpgradeParams{Version: version}
}

func planUpgrade(d *portal.Draft) {
	c, version := d.Cluster, d.Params.Upgrade.Version
	d.Plan.Summary = fmt.Sprintf("Upgrade cluster %s from %s to %s.", c.Name, c.Version, version)
	d.Plan.Changes = []portal.Change{{What: versionField, Before: c.Version, After: version}}
	control := "The control plane is upgraded first; during this time the cluster's API may be unavailable for a few minutes."
	if c.HA {
		control = "The control plane is upgraded first; because it is highly available, it stays available."
	}
	d.Plan.Steps = append(d.Plan.Steps, control)
	d.Plan.Cost, d.Plan.Nodes = costWith(d, portal.Pool{}), c.NodeCount()
	for _, p := range c.Pools {
		how := "each node is drained and replaced"
		if c.Details.Settings.SurgeUpgrade {
			how = "new nodes come up before old ones are drained and deleted"
		}
		d.Plan.Steps = append(d.Plan.Steps, fmt.Sprintf("Then pool %s (%s): %s.", p.Name, nodes(p.Count), how))
	}
	d.Plan.Steps = append(d.Plan.Steps, "An upgrade cannot be undone.")
	d.Plan.Losses = []string{"The data on the nodes' disks."}
}

// upgradeFacts are what of a cluster says how an upgrade goes.
func upgradeFacts(p portal.Params, c portal.Cluster) []portal.Fact {
	return append(clusterFacts(p, c), portal.Fact{What: "surge upgrades", Value: portal.OnOff(c.Details.Settings.SurgeUpgrade)})
}

func upgradeEffect(r portal.Request, c portal.Cluster, _ bool) Effect {
	wanted := r.Params.Upgrade.Version
	unsettled := slices.ContainsFunc(c.Pools, func(p portal.Pool) bool { return !p.Settled() })
	switch {
	case c.Version == wanted && c.State == portal.ClusterRunning && !unsettled:
		return Complete
	case c.Version == wanted, c.State == portal.ClusterUpgrading:
		return Underway
	}
	return Absent
}

package operation

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/portal"
)

// reversed is web with every list the other way round, and with empty lists
// where there was none: DigitalOcean promises no order, and says nothing in two
// ways.
func reversed() portal.Cluster {
	back := func(c portal.Cluster) portal.Cluster {
		c.Tags, c.Pools, c.Details.Registries = slices.Clone(c.Tags), slices.Clone(c.Pools), []string{"zoo", "api"}
		slices.Reverse(c.Tags)
		slices.Reverse(c.Pools)
		for i := range c.Pools {
			d := &c.Pools[i].Details
			d.Taints, d.Tags = slices.Clone(d.Taints), slices.Clone(d.Tags)
			slices.Reverse(d.Taints)
			slices.Reverse(d.Tags)
			if d.Labels == nil {
				d.Labels, d.Taints, d.Tags = map[string]string{}, []portal.Taint{}, []string{}
			}
		}
		c.Details.Settings.Firewall.Allowed, c.Details.Settings.Autoscaler.Expanders = []string{}, []string{}
		return c
	}
	return back(web)
}

func TestFactsDoNotGoByOrder(t *testing.T) {
	t.Parallel()
	forth := web
	forth.Details.Registries = []string{"api", "zoo"}
	back := reversed()
	for op := range definitions {
		d := draft(op)
		d.Cluster = forth
		read(d)
		was, is := Facts(op, d.Params, []portal.Cluster{forth}), Facts(op, d.Params, []portal.Cluster{back})
		if diff := cmp.Diff(was, is); diff != "" {
			t.Errorf("%s (-was +is):\n%s", op, diff)
		}
		if drift := portal.Drift(was, is); drift != "" {
			t.Errorf("%s: %s", op, drift)
		}
	}
	if a, b := ETag(&portal.Draft{Cluster: forth}), ETag(&portal.Draft{Cluster: back}); a != b {
		t.Error("the fingerprints differ")
	}
}

// A fingerprint tells apart what people would plan differently for.
func TestFingerprintsTellApart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, change := range map[string]func(*portal.Draft){
		"as it is":         func(*portal.Draft) {},
		"another id":       func(d *portal.Draft) { d.Cluster.ID = "c2" },
		"another name":     func(d *portal.Draft) { d.Cluster.Name = "x" },
		"another version":  func(d *portal.Draft) { d.Cluster.Version = "x" },
		"highly available": func(d *portal.Draft) { d.Cluster.HA = true },
		"another tag":      func(d *portal.Draft) { d.Cluster.Tags = []string{"red"} },
		"no registry":      func(d *portal.Draft) { d.Cluster.Details.Registries, d.Cluster.Details.RegistryEnabled = nil, false },
		"the account's":    func(d *portal.Draft) { d.Cluster.Details.Registries = nil },
		"a setting":        func(d *portal.Draft) { d.Cluster.Details.Settings.AutoUpgrade = true },
		"a component":      func(d *portal.Draft) { d.Cluster.Details.Settings.Components = map[string]bool{"routing_agent": true} },
		"fewer pools":      func(d *portal.Draft) { d.Cluster.Pools = d.Cluster.Pools[:1] },
		"a label":          func(d *portal.Draft) { d.Cluster.Pools[0].Details.Labels = map[string]string{"x": ""} },
		"a count":          func(d *portal.Draft) { d.Cluster.Pools[0].Count = 9 },
		"bounds":           func(d *portal.Draft) { d.Cluster.Pools[1].MaxNodes = 9 },
		"resources":        func(d *portal.Draft) { d.Resources = []portal.Resource{{Kind: portal.Volume, ID: "v1"}} },
		"a resource more": func(d *portal.Draft) {
			d.Resources = []portal.Resource{{Kind: portal.Volume, ID: "v1"}, {Kind: portal.Volume, ID: "v2"}}
		},
		"an upgrade offered": func(d *portal.Draft) { d.Upgrades = []portal.Choice{{Slug: "1.35.1-do.0"}} },
	} {
		d := &portal.Draft{Cluster: web}
		d.Cluster.Pools = slices.Clone(web.Pools)
		change(d)
		print := ETag(d)
		if other, ok := seen[print]; ok {
			t.Errorf("%s looks like %s", name, other)
		}
		seen[print] = name
	}
	scaled := &portal.Draft{Cluster: web}
	scaled.Cluster.Pools = slices.Clone(web.Pools)
	scaled.Cluster.Pools[1].Count, scaled.Cluster.Pools[1].Nodes, scaled.Cluster.State = 4, nil, "degraded"
	if seen[ETag(scaled)] != "as it is" {
		t.Error("the autoscaler's doing looks like somebody's")
	}
}

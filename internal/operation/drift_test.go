package operation

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/portal"
)

// reread is a baseline as it comes back from the database.
func reread(t *testing.T, c portal.Cluster) portal.Baseline {
	t.Helper()
	text, err := json.Marshal(Baseline(c))
	if err != nil {
		t.Fatal(err)
	}
	var b portal.Baseline
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// changedWeb is web with a change.
func changedWeb(change func(c *portal.Cluster, p *portal.Pool)) portal.Cluster {
	c := web
	c.Pools = slices.Clone(web.Pools)
	change(&c, &c.Pools[0])
	return c
}

func changeLines(list []Difference) string {
	var lines []string
	for _, d := range list {
		lines = append(lines, d.What+": "+d.Before+" → "+d.After)
	}
	return strings.Join(lines, "\n")
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*portal.Cluster, *portal.Pool){
		"Name: web → shop":                              func(c *portal.Cluster, _ *portal.Pool) { c.Name = "shop" },
		"Kubernetes version: 1.34.4-do.0 → 1.34.5-do.0": func(c *portal.Cluster, _ *portal.Pool) { c.Version = "1.34.5-do.0" },
		"High availability: no → yes":                   func(c *portal.Cluster, _ *portal.Pool) { c.HA = true },
		"Tags: blue → blue, green":                      func(c *portal.Cluster, _ *portal.Pool) { c.Tags = append(slices.Clone(c.Tags), "green") },
		"Tags of the portal: team:pay → team:search":    func(c *portal.Cluster, _ *portal.Pool) { c.Tags = []string{"k8s", "k8s:c1", "blue", "team:search"} },
		"Registries: old → the account's registry":      func(c *portal.Cluster, _ *portal.Pool) { c.Details.Registries = nil },
		"Automatic upgrades: off → on":                  func(c *portal.Cluster, _ *portal.Pool) { c.Details.Settings.AutoUpgrade = true },
		"Surge upgrades: on → off":                      func(c *portal.Cluster, _ *portal.Pool) { c.Details.Settings.SurgeUpgrade = false },
		"Maintenance: any day from 00:00 UTC → sunday from 04:00 UTC": func(c *portal.Cluster, _ *portal.Pool) {
			c.Details.Settings.Maintenance = portal.Maintenance{Day: "sunday", Start: "04:00"}
		},
		"Control plane firewall: off → only from 192.0.2.1": func(c *portal.Cluster, _ *portal.Pool) {
			c.Details.Settings.Firewall = portal.Firewall{Enabled: true, Allowed: []string{"192.0.2.1"}}
		},
		"Routing agent: off → on": func(c *portal.Cluster, _ *portal.Pool) {
			c.Details.Settings.Components = map[string]bool{"routing_agent": true}
		},
		"Pool fixed: Nodes: 3 → 4": func(_ *portal.Cluster, p *portal.Pool) { p.Count = 4 },
		"Pool fixed: Nodes: 3 → 1 to 4\nPool fixed: Autoscaling: off → on": func(_ *portal.Cluster, p *portal.Pool) { p.AutoScale, p.MinNodes, p.MaxNodes = true, 1, 4 },
		"Pool auto: Nodes: 1 to 5 → 1 to 9":                                func(c *portal.Cluster, _ *portal.Pool) { c.Pools[1].MaxNodes = 9 },
		"Pool fixed: Labels: a/b=, tier=web → a/b=":                        func(_ *portal.Cluster, p *portal.Pool) { p.Details.Labels = map[string]string{"a/b": ""} },
		"Pool fixed: Taints: a:NoExecute, k=v:NoSchedule → none":           func(_ *portal.Cluster, p *portal.Pool) { p.Details.Taints = nil },
		"Pool fixed: Tags: blue → none":                                    func(_ *portal.Cluster, p *portal.Pool) { p.Details.Tags = nil },
		"Pool solid: Name: fixed → solid":                                  func(_ *portal.Cluster, p *portal.Pool) { p.Name = "solid" },
		"Pool fixed: 3 × s-2vcpu-4gb → ":                                   func(c *portal.Cluster, _ *portal.Pool) { c.Pools = c.Pools[1:] },
		"Pool third:  → 1 × s-2vcpu-4gb": func(c *portal.Cluster, _ *portal.Pool) {
			c.Pools = append(c.Pools, portal.Pool{ID: "p3", Name: "third", Size: small, Count: 1})
		},
	} {
		if got := changeLines(Differences(reread(t, web), changedWeb(change))); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What comes and goes by itself is no drift, nor is what an earlier version of the
// portal did not write down.
func TestNoDifferences(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*portal.Cluster, *portal.Pool){
		"nothing": func(*portal.Cluster, *portal.Pool) {},
		"states": func(c *portal.Cluster, _ *portal.Pool) {
			c.State, c.StateMessage, c.Endpoint = "degraded", "slow", "https://x"
		},
		"nodes":      func(_ *portal.Cluster, p *portal.Pool) { p.Nodes = p.Nodes[1:] },
		"autoscaled": func(c *portal.Cluster, _ *portal.Pool) { c.Pools[1].Count = 4 },
		"order": func(c *portal.Cluster, _ *portal.Pool) {
			c.Tags = []string{"blue", "k8s", "team:pay", "k8s:c1"}
			slices.Reverse(c.Pools)
		},
		"DigitalOcean's":  func(c *portal.Cluster, _ *portal.Pool) { c.Tags = append(slices.Clone(c.Tags), "k8s:new") },
		"unknown members": func(c *portal.Cluster, _ *portal.Pool) { c.Details.Extra = json.RawMessage(`{"new":true}`) },
	} {
		if got := changeLines(Differences(reread(t, web), changedWeb(change))); got != "" {
			t.Errorf("%s: %q", what, got)
		}
	}
	old := reread(t, web)
	old.Fields = slices.DeleteFunc(old.Fields, func(f string) bool { return f == "Surge upgrades" })
	if got := changeLines(Differences(old, changedWeb(func(c *portal.Cluster, _ *portal.Pool) { c.Details.Settings.SurgeUpgrade = false }))); got != "" {
		t.Errorf("of what the baseline does not say: %q", got)
	}
}

func TestAutomaticUpgrades(t *testing.T) {
	t.Parallel()
	before := changedWeb(func(c *portal.Cluster, _ *portal.Pool) { c.Details.Settings.AutoUpgrade = true })
	for version, differs := range map[string]bool{"1.34.9-do.1": false, "1.34.4-do.1": false, "1.34.3-do.0": true, "1.35.0-do.0": true, "2.34.9-do.0": true} {
		after := before
		after.Version = version
		if got := changeLines(Differences(reread(t, before), after)); (got != "") != differs {
			t.Errorf("to %s: %q", version, got)
		}
	}
}

// Each operation explains what it does to a cluster, and that a stale answer still
// shows what was there before it; and nothing else.
func TestRequestsExplainWhatTheyDo(t *testing.T) {
	t.Parallel()
	for op, do := range map[portal.OperationID]func(*portal.Cluster, *portal.Pool){
		portal.UpdateCluster:  func(c *portal.Cluster, _ *portal.Pool) { c.Details.Settings.AutoUpgrade = true },
		portal.UpgradeCluster: func(c *portal.Cluster, _ *portal.Pool) { c.Version = "1.35.1-do.0" },
		portal.UpdateNodePool: func(_ *portal.Cluster, p *portal.Pool) { p.Count = 4 },
		portal.DeleteNode:     func(_ *portal.Cluster, p *portal.Pool) { p.Count = 2 },
		portal.DeleteNodePool: func(c *portal.Cluster, _ *portal.Pool) { c.Pools = c.Pools[1:] },
		portal.CreateNodePool: func(c *portal.Cluster, _ *portal.Pool) {
			c.Pools = append(c.Pools, portal.Pool{ID: "p3", Name: "pool-3", Size: small, Count: 1, Details: portal.PoolDetails{Tags: []string{"portal-request:r1"}}})
		},
		portal.AddRegistries:    func(c *portal.Cluster, _ *portal.Pool) { c.Details.Registries = []string{"images", "old"} },
		portal.RemoveRegistries: func(c *portal.Cluster, _ *portal.Pool) { c.Details.Registries = nil; c.Details.RegistryEnabled = false },
	} {
		pairs := []string{}
		if op == portal.DeleteNode {
			pairs = []string{"replace", ""}
		}
		d := planned(t, op, pairs...)
		r := portal.Request{ID: "r1", Operation: op, Params: d.Params, Plan: d.Plan, Result: "p3", TargetIDs: []string{"c1"}}
		after := changedWeb(do)
		best := func(from, to portal.Cluster) (list []Explanation) {
			for _, d := range Differences(reread(t, from), to) {
				list = append(list, Explain(r, d, to))
			}
			return list
		}
		if got := best(web, after); !slices.Equal(got, []Explanation{Explained}) {
			t.Errorf("%s: its effect is %v", op, got)
		}
		if got := best(after, web); !slices.Equal(got, []Explanation{Receding}) {
			t.Errorf("%s: what was there before is %v", op, got)
		}
		strange := changedWeb(func(c *portal.Cluster, p *portal.Pool) {
			c.Name, c.Details.Settings.SurgeUpgrade, c.Pools[1].MaxNodes = "shop", false, 9
			c.Pools = append(c.Pools, portal.Pool{ID: "p4", Name: "fourth"})
		})
		if got := best(web, strange); !cmp.Equal(got, make([]Explanation, 4)) {
			t.Errorf("%s: what it did not ask for is %v", op, got)
		}
	}
}

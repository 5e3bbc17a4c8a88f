package dosim_test

import (
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
)

func TestUpgradePaths(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const features = `,"supported_features":["cluster-autoscaler","docr-integration","token-authentication"]}`
	for from, want := range map[string]string{
		"1.35.1-do.0":  "null",
		"1.35.0-do.2":  `[{"kubernetes_version":"1.35.1","slug":"1.35.1-do.0"` + features + `]`,
		"1.34.4-do.0":  `[{"kubernetes_version":"1.35.1","slug":"1.35.1-do.0"` + features + `]`,
		"1.34.1-do.0":  `[{"kubernetes_version":"1.34.4","slug":"1.34.4-do.0"` + features + `]`,
		"1.33.8-do.1":  `[{"kubernetes_version":"1.34.4","slug":"1.34.4-do.0"` + features + `]`,
		"1.32.10-do.2": `[{"kubernetes_version":"1.33.8","slug":"1.33.8-do.1"` + features + `]`,
	} {
		path := clusterPath(b.sim.Add(dosim.Seed{Name: "on-" + from, Region: "fra1", Version: from, Size: "c-2", Count: 1}))
		b.get(path+"/upgrades").is("available_upgrade_versions", want)
		for _, to := range []string{"", from, "1.36.0-do.0", "1.34", "latest", "1.34.1-do.0"} {
			b.call("POST", path+"/upgrade", `{"version":"`+to+`"}`).invalid("invalid upgrade path")
		}
		b.get(path).is("kubernetes_cluster.status.state", `"running"`)
	}
	b.call("POST", clusterPath("x")+"/upgrade", `{}`).refuses(404, "not_found", "cluster not found")
	b.call("GET", clusterPath("x")+"/upgrades", "").refuses(404, "not_found", "cluster not found")
}

// An upgrade does the control plane, then one pool after the other; a surge
// makes the new nodes before the old ones go.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	const busy, still = "upgrading", "running"
	type step struct {
		after                         time.Duration
		state, version, first, second string
	}
	for surge, steps := range map[string][]step{
		"true": {
			{0, busy, "1.34.1-do.0", "running", "running"},
			{4 * time.Minute, busy, "1.34.4-do.0", "running provisioning", "running"},
			{2 * time.Minute, busy, "1.34.4-do.0", "draining running", "running"},
			{time.Minute, busy, "1.34.4-do.0", "deleting running", "running"},
			{30 * time.Second, busy, "1.34.4-do.0", "running", "running provisioning"},
			{3*time.Minute + 30*time.Second, still, "1.34.4-do.0", "running", "running"},
		},
		"false": {
			{4*time.Minute - 1, busy, "1.34.1-do.0", "running", "running"},
			{1, busy, "1.34.4-do.0", "draining", "running"},
			{time.Minute, busy, "1.34.4-do.0", "deleting", "running"},
			{30 * time.Second, busy, "1.34.4-do.0", "provisioning", "running"},
			{2 * time.Minute, busy, "1.34.4-do.0", "running", "draining"},
			{210 * time.Second, still, "1.34.4-do.0", "running", "running"},
		},
	} {
		b := setup(t)
		path := clusterPath(b.sim.Add(dosim.Seed{Name: "shop", Region: "fra1", Version: "1.34.1-do.0",
			Pools: []dosim.SeedPool{{Name: "web", Size: "c-2", Count: 1}, {Name: "batch", Size: "c-2", Count: 1}}}))
		b.call("PUT", path, `{"surge_upgrade":`+surge+`}`).want(202)
		first, second := b.pool(path, 0), b.pool(path, 1)
		old := b.get(first).text("node_pool.nodes.0.id")
		b.call("POST", path+"/upgrade", `{"version":"1.34.4-do.0"}`).want(202)
		for _, s := range steps {
			b.clock.advance(s.after)
			c := b.get(path)
			got := step{s.after, c.text("kubernetes_cluster.status.state"), c.text("kubernetes_cluster.version"), b.states(first), b.states(second)}
			if got != s {
				t.Errorf("surge %s: %+v, want %+v", surge, got, s)
			}
			c.is("kubernetes_cluster.node_pools.0.count", "1")
		}
		if now := b.get(first).text("node_pool.nodes.0.id"); now == old {
			t.Errorf("surge %s: the node was not replaced", surge)
		}
		b.get(path+"/upgrades").is("available_upgrade_versions.0.slug", `"1.35.1-do.0"`)
		b.call("POST", path+"/upgrade", `{"version":"1.35.1-do.0"}`).want(202)
		b.clock.advance(time.Hour)
		b.get(path).is("kubernetes_cluster.version", `"1.35.1-do.0"`)
		b.get(path+"/upgrades").is("available_upgrade_versions", "null")
	}
}

func TestStatusMessages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := clusterPath(b.call("POST", clusters, strings.Replace(minimal, "1.35", "1.34", 1)).text("kubernetes_cluster.id"))
	messages := path + "/status_messages"
	b.get(messages).is("messages.0.timestamp", `"2026-01-02T03:04:05Z"`).is("messages.1", nothing)
	b.clock.advance(5 * time.Minute)
	b.get(messages).is("messages.1", `{"message":"The cluster is running","timestamp":"2026-01-02T03:09:05Z"}`)
	b.call("POST", path+"/upgrade", `{"version":"1.35.1-do.0"}`).want(202)
	b.sim.Announce(strings.TrimPrefix(path, clusters+"/"), "Resource provisioning may be delayed while our team resolves an incident")
	b.clock.advance(time.Hour)
	got := b.get(messages + "?since=2026-01-02T03:09:05Z")
	for i, want := range []string{"The cluster is running", "The upgrade to 1.35.1-do.0 has started with the control plane",
		"Resource provisioning may be delayed while our team resolves an incident",
		"The control plane runs 1.35.1-do.0, the node pools follow", "The upgrade to 1.35.1-do.0 has finished"} {
		got.is("messages."+string(rune('0'+i))+".message", `"`+want+`"`)
	}
	b.get(messages+"?since=2027-01-01T00:00:00Z").is("messages", "[]")
	b.call("GET", messages+"?since=yesterday", "").invalid("validation error: invalid since")
	b.call("GET", clusterPath("x")+"/status_messages", "").refuses(404, "not_found", "cluster not found")
}

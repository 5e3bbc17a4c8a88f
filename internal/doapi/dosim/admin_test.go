package dosim_test

import (
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
)

func TestAdmin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.add("shop")
	admin := func(method, path, body string) reply { return b.as("").call(method, "/_sim"+path, body) }
	b.get(path)
	admin("GET", "/calls", "").want(200).is("get_cluster", "1").is("list_clusters", nothing)

	admin("POST", "/faults", `{"operation":"get_cluster","kind":"status","status":500,"times":2}`).want(204)
	b.call("GET", path, "").want(500)
	admin("DELETE", "/faults", "").want(204)
	b.get(path)
	admin("POST", "/faults", `{"operation":"drop_table"}`).refuses(400, "bad_request", `there is no operation "drop_table"`)
	admin("POST", "/faults", `{"times":"many"}`).want(400)

	behind := strings.Replace(path, "/v2/kubernetes", "", 1)
	admin("PUT", behind, `{"name":"renamed","tags":["other"]}`).want(204)
	b.get(path).is("kubernetes_cluster.name", `"renamed"`).is("kubernetes_cluster.tags.2", `"other"`)
	admin("PUT", behind, `{"tags":["k8s:x"]}`).invalid("validation error: tags cannot start with k8s")
	admin("PUT", behind+"/nodes", `{"count":4}`).want(204)
	b.get(path).is("kubernetes_cluster.node_pools.0.count", "4").is("kubernetes_cluster.node_pools.0.nodes.3.status.state", `"running"`)
	admin("PUT", behind+"/nodes", `{"count":-1}`).want(400)
	admin("PUT", behind+"/state", `{"state":"degraded","message":"etcd is slow"}`).want(204)
	b.get(path).is("kubernetes_cluster.status", `{"message":"etcd is slow","state":"degraded"}`)
	admin("PUT", behind+"/state", `{}`).want(204)
	b.get(path).is("kubernetes_cluster.status", `{"state":"running"}`)
	admin("POST", behind+"/status_messages", `{"message":"100% delayed"}`).want(204)
	b.get(path+"/status_messages").is("messages.0.message", `"100% delayed"`)

	for _, c := range [][2]string{{"PUT", ""}, {"DELETE", ""}, {"POST", "/recreate"}, {"PUT", "/nodes"}, {"PUT", "/state"}, {"POST", "/status_messages"}} {
		admin(c[0], "/clusters/unknown"+c[1], "{}").refuses(404, "not_found", "cluster not found")
	}
}

// A cluster that is deleted or made again by somebody else.
func TestBehindTheBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.sim.Add(dosim.Seed{Name: "shop", Region: "ams3", Tags: []string{"mine"}, HA: true, Resources: resources,
		Pools: []dosim.SeedPool{{Name: "web", Size: "c-2", Count: 3, MinNodes: 1, MaxNodes: 5, Labels: map[string]string{"a": "b"}}}})
	again := b.as("").call("POST", "/_sim/clusters/"+id+"/recreate", "").want(200).text("id")
	b.call("GET", clusterPath(id), "").want(404)
	got := b.get(clusterPath(again)).is("kubernetes_cluster.name", `"shop"`).is("kubernetes_cluster.region", `"ams3"`).is("kubernetes_cluster.ha", "true")
	got.is("kubernetes_cluster.tags", `["k8s","k8s:`+again+`","mine"]`).is("kubernetes_cluster.status.state", `"running"`)
	got.is("kubernetes_cluster.node_pools.0.count", "3").is("kubernetes_cluster.node_pools.0.max_nodes", "5").is("kubernetes_cluster.node_pools.0.labels.a", `"b"`)
	got.is("kubernetes_cluster.node_pools.0.nodes.2.status.state", `"running"`).is("kubernetes_cluster.created_at", `"2026-01-02T03:04:05Z"`)
	b.get(clusters).is("meta.total", "1")

	b.as("").call("DELETE", "/_sim/clusters/"+again, "").want(204)
	b.get(clusters).is("meta.total", "0")
	b.as("").call("GET", "/_sim/clusters/"+id+"/survivors", "").want(200).is("load_balancers.0.id", `"lb-1"`)
	b.as("").call("GET", "/_sim/clusters/unknown/survivors", "").refuses(404, "not_found", "no such cluster was deleted")
	if b.sim.Recreate("unknown") != "" {
		t.Error("a cluster that was not there was made again")
	}
	b.sim.Remove("unknown")
	b.sim.Resize("unknown", 3)
}

// A cluster that is busy can be changed behind the back all the same.
func TestBehindTheBackOfABusyCluster(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.call("POST", clusters, minimal).text("kubernetes_cluster.id")
	b.sim.SetState(id, "error", "out of droplets")
	b.get(clusterPath(id)).is("kubernetes_cluster.status", `{"message":"out of droplets","state":"error"}`)
	b.call("DELETE", clusterPath(id), "").want(204)
	b.clock.advance(2 * time.Minute)
	b.call("GET", clusterPath(id), "").want(404)
}

package dosim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
)

// A pool's count is at once what was asked for; its nodes follow.
func TestPools(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cluster := b.add("shop")
	made := b.call("POST", cluster+"/node_pools", `{"name":"web","size":"s-2vcpu-4gb","count":2,"tags":["front"],"labels":{"a":"b"}}`).want(201)
	made.is("node_pool.count", "2").is("node_pool.tags.3", `"front"`).is("node_pool.labels", `{"a":"b"}`).is("node_pool.nodes.0.name", `""`)
	pool := cluster + "/node_pools/" + made.text("node_pool.id")
	b.get(cluster+"/node_pools").is("node_pools.1.name", `"web"`).is("node_pools.2", nothing).is("meta", nothing)
	b.clock.advance(2 * time.Minute)
	if got := b.states(pool); got != "running running" {
		t.Errorf("after two minutes: %s", got)
	}

	b.call("PUT", pool, `{"count":3}`).want(202).is("node_pool.count", "3").is("node_pool.name", `"web"`)
	if got := b.states(pool); got != "running running provisioning" {
		t.Errorf("grown: %s", got)
	}
	b.clock.advance(2 * time.Minute)
	b.call("PUT", pool, `{"name":"web","count":1}`).want(202).is("node_pool.count", "1")
	for _, want := range []string{"running draining draining", "running deleting deleting", "running"} {
		if got := b.states(pool); got != want {
			t.Errorf("shrunk: %s, want %s", got, want)
		}
		b.clock.advance(time.Minute)
	}
	b.call("PUT", pool, `{"count":0}`).want(202).is("node_pool.count", "0")
	b.get(cluster).is("kubernetes_cluster.status.state", `"running"`)
}

func TestUpdatePool(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cluster := b.add("shop")
	b.call("POST", cluster+"/node_pools", `{"name":"other","size":"c-2"}`).want(201).is("node_pool.count", "0").is("node_pool.nodes", "[]")
	pool := b.pool(cluster, 0)
	id := strings.TrimPrefix(cluster, clusters+"/")
	for _, c := range []struct{ body, field, want string }{
		{`{}`, "count", "2"},
		{`{"labels":{"a":"b"},"taints":[{"Key":"k","Value":"v","Effect":"NoExecute"}]}`, "labels", `{"a":"b"}`},
		{`{"labels":null}`, "labels", `{"a":"b"}`},
		{`{"count":2}`, "taints", `[{"effect":"NoExecute","key":"k","value":"v"}]`},
		{`{"labels":{}}`, "labels", "null"},
		{`{"taints":null}`, "taints", "[]"},
		{`{"tags":["k8s","k8s:` + id + `","k8s-worker","new"]}`, "tags", `["k8s","k8s:` + id + `","k8s:worker","new"]`},
		{`{"tags":[]}`, "tags.3", nothing},
		{`{"auto_scale":true,"min_nodes":1,"max_nodes":4}`, "max_nodes", "4"},
		{`{"count":3}`, "count", "3"},
		{`{"count":9}`, "count", "1"},
		{`{"min_nodes":0}`, "min_nodes", "0"},
		{`{"count":0}`, "count", "0"},
		{`{"auto_scale":false,"min_nodes":1,"max_nodes":4,"count":2}`, "max_nodes", "0"},
		{`{"size":"c-2"}`, "size", `"s-2vcpu-4gb"`},
	} {
		b.call("PUT", pool, c.body).want(202).is("node_pool."+c.field, c.want)
		b.get(pool).is("node_pool."+c.field, c.want)
	}
	before := b.get(cluster).body
	const at = "validation error: worker_node_pool_spec."
	for body, want := range map[string]string{
		`{"name":"other","count":9}`: at + "pool names must be unique",
		`{"count":-1}`:               at + "invalid count",
		`{"count":513}`:              "validation error: 511 additional nodes but not enough available droplet limit",
		`{"auto_scale":true,"min_nodes":1,"max_nodes":514}`: "validation error: autoscale desired max nodes exceed limits, 512 additional nodes but not enough available droplet limit",
		`{"taints":[{"key":"k","effect":"x"}],"count":9}`:   at + "invalid taint",
	} {
		b.call("PUT", pool, body).invalid(want)
	}
	b.call("POST", cluster+"/node_pools", `{"name":"new","size":"xxl","count":1}`).invalid(at + "invalid droplet size")
	b.call("POST", cluster+"/node_pools", `{"size":"c-2"}`).invalid(at + "invalid pool name")
	if after := b.get(cluster).body; after != before {
		t.Errorf("a refused change changed %s to %s", before, after)
	}
}

// A pool's new name is that of its new nodes.
func TestRenamePool(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pool := b.pool(b.add("shop"), 0)
	b.call("PUT", pool, `{"name":"renamed","count":3}`).want(202)
	b.clock.advance(2 * time.Minute)
	got := b.get(pool).is("node_pool.name", `"renamed"`)
	if old, fresh := got.text("node_pool.nodes.0.name"), got.text("node_pool.nodes.2.name"); !strings.HasPrefix(old, "shop-pool-") || !strings.HasPrefix(fresh, "renamed-") {
		t.Errorf("nodes %s and %s", old, fresh)
	}
}

func TestDeletePool(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cluster := b.add("shop")
	first := b.pool(cluster, 0)
	b.call("DELETE", first, "").invalid("the last node pool of a cluster cannot be deleted")
	second := cluster + "/node_pools/" + b.call("POST", cluster+"/node_pools", `{"name":"web","size":"c-2","count":1}`).text("node_pool.id")
	b.call("DELETE", first, "").want(204)
	if got := b.states(first); got != "draining draining" {
		t.Errorf("deleted: %s", got)
	}
	b.call("PUT", first, `{"count":5}`).invalid("node pool is deleting")
	b.call("DELETE", first, "").invalid("node pool is deleting")
	b.call("DELETE", second, "").invalid("the last node pool of a cluster cannot be deleted")
	b.clock.advance(90 * time.Second)
	b.call("GET", first, "").refuses(404, "not_found", "node pool not found")
	b.call("DELETE", first, "").refuses(404, "not_found", "node pool not found")
	b.get(cluster).is("kubernetes_cluster.node_pools.0.name", `"web"`).is("kubernetes_cluster.node_pools.1", nothing)
}

func TestDeleteNode(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]struct {
		count int
		steps []string // every 30 seconds
	}{
		"":                          {1, []string{"draining running", "draining running", "deleting running", "running", "running"}},
		"?skip_drain=0&replace=0":   {1, []string{"draining running", "draining running", "deleting running", "running", "running"}},
		"?skip_drain=1":             {1, []string{"deleting running", "running", "running"}},
		"?replace=1":                {2, []string{"draining running", "draining running", "deleting running", "running provisioning"}},
		"?skip_drain=1&replace=1":   {2, []string{"deleting running", "running provisioning", "running provisioning", "running provisioning", "running provisioning", "running running"}},
		"?skip_drain=true&replace=": {1, []string{"deleting running", "running"}},
	} {
		b := setup(t)
		pool := b.pool(b.add("shop"), 0)
		node := pool + "/nodes/" + b.get(pool).text("node_pool.nodes.0.id")
		b.call("DELETE", node+query, "").want(202)
		b.call("DELETE", node+query, "").refuses(404, "not_found", "node not found")
		for _, states := range want.steps {
			b.get(pool).is("node_pool.count", fmt.Sprint(want.count))
			if got := b.states(pool); got != states {
				t.Errorf("%q: %s, want %s", query, got, states)
			}
			b.clock.advance(30 * time.Second)
		}
	}
}

func TestRecycle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pool := b.pool(b.add("shop"), 0)
	id := b.get(pool).text("node_pool.nodes.0.id")
	b.call("POST", pool+"/recycle", `{}`).invalid("validation error: nodes cannot be empty")
	b.call("POST", pool+"/recycle", `{"nodes":["`+id+`","unknown"]}`).refuses(404, "not_found", "node not found")
	if got := b.states(pool); got != "running running" {
		t.Errorf("a refusal: %s", got)
	}
	b.call("POST", pool+"/recycle", `{"nodes":["`+id+`","`+id+`"]}`).want(202)
	b.get(pool).is("node_pool.count", "2")
	for _, want := range []string{"draining running", "running provisioning", "running running"} {
		if got := b.states(pool); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		b.clock.advance(2 * time.Minute)
	}
}

// What is not there cannot be named.
func TestUnknownPools(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cluster, other := b.add("shop"), b.add("other")
	pool := other + strings.TrimPrefix(b.pool(cluster, 0), cluster) // of another cluster
	for _, c := range [][2]string{{"GET", ""}, {"PUT", ""}, {"DELETE", ""}, {"DELETE", "/nodes/x"}, {"POST", "/recycle"}} {
		b.call(c[0], pool+c[1], `{"nodes":["x"]}`).refuses(404, "not_found", "node pool not found")
		b.call(c[0], clusterPath("x")+"/node_pools/y"+c[1], `{}`).refuses(404, "not_found", "cluster not found")
	}
	b.call("DELETE", b.pool(cluster, 0)+"/nodes/x", "").refuses(404, "not_found", "node not found")
}

func TestSeeds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.sim.Add(dosim.Seed{
		ID: "5f0c2a6e-3f1e-4b59-9d53-0f6a1c0e7a01", Name: "old", Region: "ams3", Version: "1.33.6-do.1", HA: true, AutoUpgrade: true, Registries: []string{"r"},
		Pools: []dosim.SeedPool{
			{ID: "5f0c2a6e-3f1e-4b59-9d53-0f6a1c0e7a11", Name: "web", Size: "c-2", Count: 2, MinNodes: 1, MaxNodes: 4, Tags: []string{"front"}, Labels: map[string]string{"a": "b"}},
			{Name: "batch", Size: "m-2vcpu-16gb", Count: 1, Taints: []dosim.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}}},
		},
	})
	got := b.get(clusterPath(id))
	for field, want := range map[string]string{
		"id": `"5f0c2a6e-3f1e-4b59-9d53-0f6a1c0e7a01"`, "version": `"1.33.6-do.1"`, "ha": "true", "auto_upgrade": "true",
		"registries": `["r"]`, "registry_enabled": "true", "status.state": `"running"`, "created_at": `"2025-12-31T03:04:05Z"`,
		"node_pools.0.id": `"5f0c2a6e-3f1e-4b59-9d53-0f6a1c0e7a11"`, "node_pools.0.auto_scale": "true", "node_pools.0.max_nodes": "4",
		"node_pools.0.labels": `{"a":"b"}`, "node_pools.0.tags.3": `"front"`, "node_pools.1.taints.0.key": `"k"`, "node_pools.1.nodes.0.status.state": `"running"`,
	} {
		got.is("kubernetes_cluster."+field, want)
	}
}

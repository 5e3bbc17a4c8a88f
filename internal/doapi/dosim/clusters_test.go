package dosim_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
)

const minimal = `{"name":"shop","region":"fra1","version":"1.35","node_pools":[{"name":"web","size":"s-2vcpu-4gb","count":2}]}`

// A new cluster has every field of the reference, as it is while it is made.
func TestCreate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made := b.call("POST", clusters, minimal).want(201)
	id := made.text("kubernetes_cluster.id")
	for field, want := range map[string]string{
		"name": `"shop"`, "region": `"fra1"`, "version": `"1.35.1-do.0"`, "ha": "false",
		"cluster_subnet": `"10.244.0.0/16"`, "service_subnet": `"10.245.0.0/16"`,
		"ipv4": `""`, "endpoint": `""`, "tags": `["k8s","k8s:` + id + `"]`,
		"maintenance_policy": `{"day":"any","duration":"4h0m0s","start_time":"00:00"}`,
		"auto_upgrade":       "false", "surge_upgrade": "false",
		"cluster_autoscaler_configuration": "null", "control_plane_firewall": "null",
		"registries": "null", "registry_enabled": "false",
		"amd_gpu_device_plugin": `{"enabled":false}`, "amd_gpu_device_metrics_exporter_plugin": `{"enabled":false}`,
		"nvidia_gpu_device_plugin": `{"enabled":false}`, "rdma_shared_dev_plugin": `{"enabled":false}`, "routing_agent": `{"enabled":false}`,
		"status":     `{"message":"provisioning","state":"provisioning"}`,
		"created_at": `"2026-01-02T03:04:05Z"`, "updated_at": `"2026-01-02T03:04:05Z"`,
		"node_pools.0.count": "2", "node_pools.0.labels": "null", "node_pools.0.taints": "[]",
		"node_pools.0.tags":       `["k8s","k8s:` + id + `","k8s:worker"]`,
		"node_pools.0.auto_scale": "false", "node_pools.0.min_nodes": "0", "node_pools.0.max_nodes": "0",
		"node_pools.0.nodes.1.name": `""`, "node_pools.0.nodes.1.droplet_id": `""`,
		"node_pools.0.nodes.1.status":     `{"state":"provisioning"}`,
		"node_pools.0.nodes.1.created_at": `"2026-01-02T03:04:05Z"`, "node_pools.0.nodes.2": nothing,
	} {
		made.is("kubernetes_cluster."+field, want)
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	for _, field := range []string{"id", "vpc_uuid", "node_pools.0.id", "node_pools.0.nodes.0.id"} {
		if got := made.text("kubernetes_cluster." + field); !uuid.MatchString(got) {
			t.Errorf("%s is %q", field, got)
		}
	}
}

// Everything that can be asked for comes back.
func TestCreateWithEverything(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made := b.call("POST", clusters, `{"name":"shop","region":"nyc1","version":"latest","ha":true,"tags":["mine","mine"],
		"vpc_uuid":"c33931f2-a26a-4e61-b85c-4e95a2ec431b","cluster_subnet":"192.168.0.0/20","service_subnet":"192.168.16.0/24",
		"auto_upgrade":true,"surge_upgrade":true,"maintenance_policy":{"start_time":"15:00","duration":"","day":"monday"},
		"cluster_autoscaler_configuration":{"scale_down_utilization_threshold":0.65,"scale_down_unneeded_time":"1m0s","expanders":["priority","random"]},
		"control_plane_firewall":{"enabled":true,"allowed_addresses":["1.2.3.4","1.1.0.0/16"]},
		"routing_agent":{"enabled":true},"amd_gpu_device_plugin":{"enabled":true},"amd_gpu_device_metrics_exporter_plugin":{"enabled":true},
		"nvidia_gpu_device_plugin":{"enabled":true},"rdma_shared_dev_plugin":{"enabled":true},
		"node_pools":[{"name":"web","size":"c-2","count":9,"auto_scale":true,"min_nodes":1,"max_nodes":3,"tags":["front"],
			"labels":{"example.com/tier":"front"},"taints":[{"Key":"k","Value":"v","Effect":"NoSchedule"}]}]}`).want(201)
	for field, want := range map[string]string{
		"version": `"1.35.1-do.0"`, "ha": "true", "vpc_uuid": `"c33931f2-a26a-4e61-b85c-4e95a2ec431b"`,
		"cluster_subnet": `"192.168.0.0/20"`, "service_subnet": `"192.168.16.0/24"`, "tags.2": `"mine"`, "tags.3": nothing,
		"auto_upgrade": "true", "surge_upgrade": "true",
		"maintenance_policy":               `{"day":"monday","duration":"4h0m0s","start_time":"15:00"}`,
		"cluster_autoscaler_configuration": `{"expanders":["priority","random"],"scale_down_unneeded_time":"1m0s","scale_down_utilization_threshold":0.65}`,
		"control_plane_firewall":           `{"allowed_addresses":["1.2.3.4","1.1.0.0/16"],"enabled":true}`,
		"routing_agent.enabled":            "true", "amd_gpu_device_plugin.enabled": "true", "amd_gpu_device_metrics_exporter_plugin.enabled": "true",
		"nvidia_gpu_device_plugin.enabled": "true", "rdma_shared_dev_plugin.enabled": "true",
		"node_pools.0.count": "1", "node_pools.0.min_nodes": "1", "node_pools.0.max_nodes": "3", "node_pools.0.auto_scale": "true",
		"node_pools.0.tags.3": `"front"`, "node_pools.0.labels": `{"example.com/tier":"front"}`,
		"node_pools.0.taints": `[{"effect":"NoSchedule","key":"k","value":"v"}]`,
	} {
		made.is("kubernetes_cluster."+field, want)
	}
}

// What is refused leaves no cluster behind.
func TestCreateIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.add("taken")
	pool := func(members string) string {
		return fmt.Sprintf(`"node_pools":[{"name":"ok","size":"c-2","count":1},{%s}]`, members)
	}
	const at = "validation error: worker_node_pool_specs[1]."
	for change, want := range map[string]string{
		`"name":""`:     "validation error: invalid cluster name",
		`"name":"Shop"`: "validation error: invalid cluster name",
		`"name":"` + strings.Repeat("a", 64) + `"`: "validation error: invalid cluster name",
		`"name":"taken"`:                                                              "a cluster with this name already exists",
		`"region":"syd1"`:                                                             "validation error: invalid region slug",
		`"version":"1.34.1-do.0"`:                                                     "validation error: invalid version slug",
		`"tags":["k8s:other"]`:                                                        "validation error: tags cannot start with k8s",
		`"vpc_uuid":"mine"`:                                                           "validation error: invalid vpc_uuid",
		`"cluster_subnet":"10.0.0.0"`:                                                 "validation error: invalid cluster_subnet",
		`"service_subnet":"x"`:                                                        "validation error: invalid service_subnet",
		`"service_subnet":"10.244.1.0/24"`:                                            "validation error: cluster_subnet and service_subnet overlap",
		`"maintenance_policy":{"day":"someday"}`:                                      "validation error: invalid maintenance_policy.day",
		`"maintenance_policy":{"start_time":"24:00"}`:                                 "validation error: invalid maintenance_policy.start_time",
		`"control_plane_firewall":{"allowed_addresses":[""]}`:                         "validation error: invalid control_plane_firewall.allowed_addresses",
		`"cluster_autoscaler_configuration":{"expanders":["price"]}`:                  "validation error: invalid cluster_autoscaler_configuration.expanders",
		`"cluster_autoscaler_configuration":{"scale_down_unneeded_time":"soon"}`:      "validation error: invalid cluster_autoscaler_configuration.scale_down_unneeded_time",
		`"cluster_autoscaler_configuration":{"scale_down_utilization_threshold":1.5}`: "validation error: invalid cluster_autoscaler_configuration.scale_down_utilization_threshold",
		`"node_pools":[]`:                                                             "validation error: worker_node_pool_specs cannot be empty",
		`"node_pools":null`:                                                           "validation error: worker_node_pool_specs cannot be empty",
		pool(`"name":"ok","size":"c-2"`):                                              at + "pool names must be unique",
		pool(`"size":"c-2"`):                                                          at + "invalid pool name",
		pool(`"name":"` + strings.Repeat("p", 56) + `","size":"c-2"`):                 at + "pool names cannot be greater than 55 characters",
		pool(`"name":"p","size":"xxl"`):                                               at + "invalid droplet size",
		pool(`"name":"p","size":"c-2","count":-1`):                                    at + "invalid count",
		pool(`"name":"p","size":"c-2","auto_scale":true,"min_nodes":3,"max_nodes":2`): at + "invalid min_nodes and max_nodes",
		pool(`"name":"p","size":"c-2","labels":{"a b":"c"}`):                          at + "invalid label",
		pool(`"name":"p","size":"c-2","taints":[{"key":"k","effect":"Never"}]`):       at + "invalid taint",
		pool(`"name":"p","size":"c-2","tags":["k8s-mine"]`):                           "validation error: tags cannot start with k8s",
		pool(`"name":"p","size":"c-2","count":512`):                                   "validation error: 512 additional nodes but not enough available droplet limit",
		pool(`"name":"p","size":"c-2","auto_scale":true,"max_nodes":512`):             "validation error: autoscale desired max nodes exceed limits, 512 additional nodes but not enough available droplet limit",
	} {
		// The last of two members of one name counts.
		b.call("POST", clusters, strings.TrimSuffix(minimal, "}")+","+change+"}").invalid(want)
	}
	b.call("POST", clusters, `{"name":`).refuses(400, "bad_request", "The request body is not valid JSON of the expected form.")
	b.get(clusters).is("meta.total", "1")
}

// TestLife follows a cluster from its creation to its end.
func TestLife(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := clusterPath(b.call("POST", clusters, minimal).text("kubernetes_cluster.id"))
	b.clock.advance(5*time.Minute - 1)
	b.get(path).is("kubernetes_cluster.status.state", `"provisioning"`).is("kubernetes_cluster.endpoint", `""`)
	b.clock.advance(1)
	ready := b.get(path)
	ready.is("kubernetes_cluster.status", `{"state":"running"}`)
	ready.is("kubernetes_cluster.node_pools.0.nodes.0.status", `{"state":"running"}`)
	for field, form := range map[string]string{
		"endpoint": `^https://[0-9a-f-]{36}\.k8s\.ondigitalocean\.com$`, "ipv4": `^203\.0\.113\.\d+$`,
		"node_pools.0.nodes.0.name": `^web-[a-z0-9]{5}$`, "node_pools.0.nodes.0.droplet_id": `^\d{9}$`,
	} {
		if got := ready.text("kubernetes_cluster." + field); !regexp.MustCompile(form).MatchString(got) {
			t.Errorf("%s is %q", field, got)
		}
	}
	b.call("DELETE", path, "").want(204)
	deleted := b.get(path).is("kubernetes_cluster.status.state", `"deleting"`).is("kubernetes_cluster.updated_at", `"2026-01-02T03:09:05Z"`)
	deleted.is("kubernetes_cluster.node_pools.0.nodes.0.status.state", `"deleting"`)
	b.call("DELETE", path, "").invalid("cluster is deleting")
	b.call("POST", clusters, minimal).invalid("a cluster with this name already exists")
	b.clock.advance(2 * time.Minute)
	b.call("GET", path, "").refuses(404, "not_found", "cluster not found")
	b.get(clusters).is("kubernetes_clusters", "[]").is("meta.total", "0")
	b.call("POST", clusters, minimal).want(201)
}

func TestSpeed(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *dosim.Config) { c.Speed = 200 })
	path := clusterPath(b.call("POST", clusters, minimal).text("kubernetes_cluster.id"))
	b.clock.advance(1499 * time.Millisecond)
	b.get(path).is("kubernetes_cluster.status.state", `"provisioning"`)
	b.clock.advance(time.Millisecond)
	b.get(path).is("kubernetes_cluster.status.state", `"running"`)
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 5 {
		b.add(fmt.Sprintf("c-%d", i))
	}
	link := func(page int) string {
		return fmt.Sprintf(`"https://api.digitalocean.com/v2/kubernetes/clusters?page=%d\u0026per_page=2"`, page)
	}
	for page, want := range []string{
		1: `{"last":` + link(3) + `,"next":` + link(2) + `}`,
		2: `{"first":` + link(1) + `,"last":` + link(3) + `,"next":` + link(3) + `,"prev":` + link(1) + `}`,
		3: `{"first":` + link(1) + `,"prev":` + link(2) + `}`,
	} {
		if page == 0 {
			continue
		}
		got := b.get(fmt.Sprintf("%s?per_page=2&page=%d", clusters, page)).is("links.pages", want).is("meta", `{"total":5}`)
		got.is("kubernetes_clusters.0.name", fmt.Sprintf(`"c-%d"`, 2*page-2))
	}
	b.get(clusters+"?page=9").is("kubernetes_clusters", "[]").is("meta.total", "5")
	b.get(clusters+"?page=9223372036854775807").is("kubernetes_clusters", "[]")
	b.get(clusters).is("links", `{"pages":{}}`)
	for _, query := range []string{"page=0", "per_page=0", "per_page=201", "page=x"} {
		b.call("GET", clusters+"?"+query, "").refuses(400, "bad_request", "page or per_page is out of range")
	}
}

// Whatever would change a busy cluster is refused with its state; reading goes on.
func TestBusy(t *testing.T) {
	t.Parallel()
	for state, occupy := range map[string]func(*bundle) string{
		"provisioning": func(b *bundle) string {
			return clusterPath(b.call("POST", clusters, minimal).text("kubernetes_cluster.id"))
		},
		"upgrading": func(b *bundle) string {
			path := b.add("shop")
			b.call("POST", path+"/upgrade", `{"version":"1.35.1-do.0"}`).want(202)
			return path
		},
		"deleting": func(b *bundle) string {
			path := b.add("shop")
			b.call("DELETE", path, "").want(204)
			return path
		},
	} {
		b := setup(t)
		path := occupy(b)
		pool := b.pool(path, 0)
		node := pool + "/nodes/" + b.get(pool).text("node_pool.nodes.0.id")
		registries := fmt.Sprintf(`{"cluster_uuids":[%q],"registries":["r"]}`, strings.TrimPrefix(path, clusters+"/"))
		before := b.get(path).body
		for _, c := range [][3]string{
			{"PUT", path, `{"name":"other"}`}, {"DELETE", path, ""}, {"POST", path + "/upgrade", `{"version":"1.35.1-do.0"}`},
			{"DELETE", path + "/destroy_with_associated_resources/dangerous", ""}, {"DELETE", path + "/destroy_with_associated_resources/selective", `{}`},
			{"POST", path + "/node_pools", `{"name":"p","size":"c-2"}`}, {"PUT", pool, `{"count":9}`}, {"DELETE", pool, ""}, {"DELETE", node, ""},
			{"POST", pool + "/recycle", `{"nodes":["x"]}`}, {"POST", path + "/clusterlint", ""},
			{"POST", "/v2/kubernetes/registries", registries}, {"DELETE", "/v2/kubernetes/registries", registries},
			{"POST", "/v2/kubernetes/registry", registries}, {"DELETE", "/v2/kubernetes/registry", registries},
		} {
			b.call(c[0], c[1], c[2]).invalid("cluster is " + state)
		}
		if after := b.get(path).body; after != before {
			t.Errorf("%s: it changed from %s to %s", state, before, after)
		}
		for _, part := range []string{"/node_pools", "/status_messages", "/upgrades", "/user", "/destroy_with_associated_resources"} {
			b.get(path + part)
		}
		b.get(pool)
	}
}

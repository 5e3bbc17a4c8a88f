package dosim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
)

var resources = dosim.Resources{
	LoadBalancers:   []dosim.Resource{{ID: "lb-1", Name: "ingress"}},
	Volumes:         []dosim.Resource{{ID: "v-1", Name: "pvc-1"}, {ID: "v-2", Name: "pvc-2"}},
	VolumeSnapshots: []dosim.Resource{{ID: "s-1", Name: "snap"}},
}

// What a deletion does not name survives it.
func TestAssociatedResources(t *testing.T) {
	t.Parallel()
	const all = "{[{lb-1 ingress}] [{v-1 pvc-1} {v-2 pvc-2}] [{s-1 snap}]}"
	for _, c := range []struct{ path, body, survive string }{
		{"", "", all},
		{"/destroy_with_associated_resources/dangerous", "", "{[] [] []}"},
		{"/destroy_with_associated_resources/selective", "", all},
		{"/destroy_with_associated_resources/selective", `{"volumes":null}`, all},
		{"/destroy_with_associated_resources/selective", `{"load_balancers":["lb-1"],"volumes":["v-2"]}`, "{[] [{v-1 pvc-1}] [{s-1 snap}]}"},
		{"/destroy_with_associated_resources/selective", `{"volume_snapshots":["s-1"]}`, "{[{lb-1 ingress}] [{v-1 pvc-1} {v-2 pvc-2}] []}"},
	} {
		b := setup(t)
		id := b.sim.Add(dosim.Seed{Name: "shop", Region: "fra1", Size: "c-2", Count: 1, Resources: resources})
		if _, deleted := b.sim.Survivors(id); deleted {
			t.Error("a cluster that is there has survivors")
		}
		b.call("DELETE", clusterPath(id)+c.path, c.body).want(204)
		b.get(clusterPath(id)).is("kubernetes_cluster.status.state", `"deleting"`)
		b.clock.advance(time.Hour)
		if got, deleted := b.sim.Survivors(id); !deleted || fmt.Sprint(got) != c.survive {
			t.Errorf("%s %s: %v survive, want %s", c.path, c.body, got, c.survive)
		}
		b.call("DELETE", clusterPath(id)+c.path, c.body).refuses(404, "not_found", "cluster not found")
	}
}

func TestAssociatedResourcesAreListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := clusterPath(b.sim.Add(dosim.Seed{Name: "shop", Region: "fra1", Size: "c-2", Resources: resources})) + "/destroy_with_associated_resources"
	b.get(path).is("load_balancers", `[{"id":"lb-1","name":"ingress"}]`).is("volumes.1.id", `"v-2"`).is("volume_snapshots.0.name", `"snap"`)
	b.get(b.add("bare")+"/destroy_with_associated_resources").is("load_balancers", "[]").is("volumes", "[]").is("volume_snapshots", "[]")
	for body, want := range map[string]string{
		`{"volumes":["v-1","lb-1"]}`:                            `volume "lb-1" is not associated with the cluster`,
		`{"load_balancers":["lb-1"],"volume_snapshots":["s2"]}`: `volume snapshot "s2" is not associated with the cluster`,
	} {
		b.call("DELETE", path+"/selective", body).invalid(want)
	}
	b.get(path).is("load_balancers.0.id", `"lb-1"`)
	b.get(strings.TrimSuffix(path, "/destroy_with_associated_resources")).is("kubernetes_cluster.status.state", `"running"`)
	b.call("GET", clusterPath("x")+"/destroy_with_associated_resources", "").refuses(404, "not_found", "cluster not found")
}

func TestRegistries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a, c := b.add("a"), b.add("c")
	both := fmt.Sprintf(`"cluster_uuids":[%q,%q]`, strings.TrimPrefix(a, clusters+"/"), strings.TrimPrefix(c, clusters+"/"))
	for _, s := range []struct{ method, path, body, want, enabled string }{
		{"POST", "registries", `{` + both + `,"registries":["x","y"]}`, `["x","y"]`, "true"},
		{"POST", "registries", `{` + both + `,"registries":["y"]}`, `["x","y"]`, "true"},
		{"POST", "registry", `{` + both + `}`, `["x","y","default-registry"]`, "true"},
		{"DELETE", "registries", `{` + both + `,"registries":["x","z"]}`, `["y","default-registry"]`, "true"},
		{"DELETE", "registry", `{` + both + `}`, `["y"]`, "true"},
		{"DELETE", "registries", `{` + both + `,"registries":["y"]}`, `null`, "false"},
	} {
		b.call(s.method, "/v2/kubernetes/"+s.path, s.body).want(204)
		for _, cluster := range []string{a, c} {
			b.get(cluster).is("kubernetes_cluster.registries", s.want).is("kubernetes_cluster.registry_enabled", s.enabled)
		}
	}
	before := b.get(clusters).body
	for _, path := range []string{"/v2/kubernetes/registries", "/v2/kubernetes/registry"} {
		for _, method := range []string{"POST", "DELETE"} {
			b.call(method, path, `{`+strings.TrimSuffix(both, "]")+`,"unknown"],"registries":["x"]}`).refuses(404, "not_found", "cluster not found")
			b.call(method, path, `{"registries":["x"]}`).invalid("validation error: cluster_uuids and registries cannot be empty")
		}
	}
	b.call("POST", "/v2/kubernetes/registries", `{`+both+`}`).invalid("validation error: cluster_uuids and registries cannot be empty")
	if after := b.get(clusters).body; after != before {
		t.Errorf("a refusal changed %s to %s", before, after)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.get("/v2/kubernetes/options")
	got.is("options.regions.0", `{"name":"New York 1","slug":"nyc1"}`).is("options.regions.9.slug", `"sfo3"`).is("options.regions.10", nothing)
	got.is("options.sizes.5", `{"name":"c-2-4GiB","slug":"c-2"}`).is("options.sizes.47.slug", `"m6-32vcpu-256gb"`).is("options.sizes.48", nothing)
	got.is("options.versions.0", `{"kubernetes_version":"1.35.1","slug":"1.35.1-do.0","supported_features":["cluster-autoscaler","docr-integration","token-authentication"]}`)
	got.is("options.versions.2.slug", `"1.33.8-do.1"`).is("options.versions.3", nothing)
}

func TestSizes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.get("/v2/sizes").is("meta.total", "48").is("sizes.20", nothing).is("links.pages.last", `"https://api.digitalocean.com/v2/sizes?page=3\u0026per_page=20"`)
	got := b.get("/v2/sizes?per_page=200")
	got.is("sizes.3", `{"available":true,"description":"Basic","disk":80,"memory":4096,"price_hourly":0.03571,"price_monthly":24,`+
		`"regions":["nyc1","sgp1","lon1","nyc3","ams3","fra1","tor1","sfo2","blr1","sfo3"],"slug":"s-2vcpu-4gb","transfer":4,"vcpus":2}`)
	seen := map[string]bool{}
	for i := range 48 {
		at := fmt.Sprintf("sizes.%d.", i)
		seen[got.text(at+"slug")] = true
		got.is(at+"slug", `"`+b.get("/v2/kubernetes/options").text(fmt.Sprintf("options.sizes.%d.slug", i))+`"`)
		if price, _ := got.at(at + "price_monthly").(float64); price < 12 {
			t.Errorf("%s costs %v", got.text(at+"slug"), price)
		}
	}
	if len(seen) != 48 {
		t.Errorf("%d different sizes", len(seen))
	}
}

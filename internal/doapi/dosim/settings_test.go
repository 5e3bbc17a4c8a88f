package dosim_test

import (
	"testing"
	"time"
)

// An update changes what it names and keeps the rest; some clients say the
// same in odd ways.
func TestUpdate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.add("shop")
	b.add("taken")
	put := func(body string) reply { return b.call("PUT", path, body) }
	id := b.get(path).text("kubernetes_cluster.id")
	b.clock.advance(time.Hour)
	for _, c := range []struct{ body, field, want string }{
		{`{}`, "name", `"shop"`},
		{`{"name":"shop-2"}`, "name", `"shop-2"`},
		{`{"name":"shop-2"}`, "updated_at", `"2026-01-02T04:04:05Z"`},
		{`{"name":null}`, "name", `"shop-2"`},
		{`{"name":""}`, "tags.2", `"mine"`},
		{`{"tags":["k8s","k8s:` + id + `","k8s:worker","k8s-worker","new"]}`, "tags", `["k8s","k8s:` + id + `","new"]`},
		{`{"tags":null}`, "tags", `["k8s","k8s:` + id + `"]`},
		{`{"auto_upgrade":true}`, "auto_upgrade", "true"},
		{`{"auto_upgrade":null}`, "auto_upgrade", "true"},
		{`{"auto_upgrade":false}`, "auto_upgrade", "false"},
		{`{"surge_upgrade":false}`, "surge_upgrade", "false"},
		{`{"maintenance_policy":{"start_time":"15:00","day":"sunday","duration":""}}`, "maintenance_policy", `{"day":"sunday","duration":"4h0m0s","start_time":"15:00"}`},
		{`{"maintenance_policy":{"day":"monday"}}`, "maintenance_policy.start_time", `"15:00"`},
		{`{"maintenance_policy":null}`, "maintenance_policy.day", `"monday"`},
		{`{"routing_agent":{"enabled":true}}`, "routing_agent", `{"enabled":true}`},
		{`{"routing_agent":null}`, "routing_agent", `{"enabled":true}`},
		{`{"routing_agent":{}}`, "routing_agent", `{"enabled":true}`},
		{`{"routing_agent":{"enabled":false}}`, "routing_agent", `{"enabled":false}`},
		{`{"control_plane_firewall":{"enabled":true,"allowed_addresses":["1.2.3.4"]}}`, "control_plane_firewall", `{"allowed_addresses":["1.2.3.4"],"enabled":true}`},
		{`{"control_plane_firewall":null}`, "control_plane_firewall.enabled", `true`},
		{`{"control_plane_firewall":{"enabled":false}}`, "control_plane_firewall", `{"allowed_addresses":["1.2.3.4"],"enabled":false}`},
		{`{"control_plane_firewall":{"allowed_addresses":null}}`, "control_plane_firewall", `{"allowed_addresses":[],"enabled":false}`},
		{`{"cluster_autoscaler_configuration":{"scale_down_utilization_threshold":0.5,"scale_down_unneeded_time":"2m","expanders":["random"]}}`,
			"cluster_autoscaler_configuration", `{"expanders":["random"],"scale_down_unneeded_time":"2m","scale_down_utilization_threshold":0.5}`},
		{`{"cluster_autoscaler_configuration":{"scale_down_utilization_threshold":null,"scale_down_unneeded_time":null,"expanders":null}}`,
			"cluster_autoscaler_configuration", `{"expanders":["random"],"scale_down_unneeded_time":"2m","scale_down_utilization_threshold":0.5}`},
		{`{"cluster_autoscaler_configuration":{"scale_down_utilization_threshold":0}}`, "cluster_autoscaler_configuration", `{"expanders":["random"],"scale_down_unneeded_time":"2m"}`},
		{`{"cluster_autoscaler_configuration":{"expanders":[]}}`, "cluster_autoscaler_configuration", `{"scale_down_unneeded_time":"2m"}`},
		{`{"cluster_autoscaler_configuration":null}`, "cluster_autoscaler_configuration", `{"scale_down_unneeded_time":"2m"}`},
		{`{"cluster_autoscaler_configuration":{"scale_down_unneeded_time":""}}`, "cluster_autoscaler_configuration", `null`},
		{`{"ha":false}`, "ha", "false"},
		{`{"ha":true}`, "ha", "true"},
		{`{"ha":null}`, "ipv4", `""`},
	} {
		put(c.body).want(202).is("kubernetes_cluster."+c.field, c.want)
		b.get(path).is("kubernetes_cluster."+c.field, c.want)
	}
	before := b.get(path).body
	put(`{"ha":false,"auto_upgrade":true}`).invalid("validation error: high availability cannot be disabled")
	put(`{"name":"taken","auto_upgrade":true}`).invalid("a cluster with this name already exists")
	put(`{"tags":["k8s:mine"],"auto_upgrade":true}`).invalid("validation error: tags cannot start with k8s")
	put(`{"maintenance_policy":{"day":"x"},"auto_upgrade":true}`).invalid("validation error: invalid maintenance_policy.day")
	put(`{"ha":"yes"}`).refuses(400, "bad_request", "The request body is not valid JSON of the expected form.")
	if after := b.get(path).body; after != before {
		t.Errorf("a refused update changed %s to %s", before, after)
	}
	b.call("PUT", clusterPath("unknown"), `{}`).refuses(404, "not_found", "cluster not found")
}

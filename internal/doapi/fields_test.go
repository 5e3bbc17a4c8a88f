package doapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/doapi"
)

// never is the time that nobody gave.
var never time.Time

// fullCluster has every field of the reference, and one that it does not know
// in each object.
const fullCluster = `{
	"id":"c1","name":"shop","region":"nyc1","version":"1.35.1-do.0","cluster_subnet":"10.244.0.0/16","service_subnet":"10.245.0.0/16",
	"vpc_uuid":"v1","ipv4":"68.183.121.157","endpoint":"https://c1.k8s.ondigitalocean.com","tags":["k8s"],
	"ha":true,"auto_upgrade":true,"surge_upgrade":true,"registry_enabled":true,"registries":["registry-a"],
	"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z",
	"status":{"state":"brand-new","message":"words","x":1},
	"maintenance_policy":{"day":"any","start_time":"00:00","duration":"4h0m0s","x":1},
	"control_plane_firewall":{"enabled":true,"allowed_addresses":["1.2.3.4/32"],"x":1},
	"cluster_autoscaler_configuration":{"expanders":["priority","random"],"scale_down_unneeded_time":"1m","scale_down_utilization_threshold":0.65,"x":1},
	"routing_agent":{"enabled":true,"x":1},"amd_gpu_device_plugin":{"enabled":true,"x":1},"amd_gpu_device_metrics_exporter_plugin":{"enabled":true,"x":1},
	"nvidia_gpu_device_plugin":{"enabled":true,"x":1},"rdma_shared_dev_plugin":{"enabled":true,"x":1},
	"node_pools":[{"id":"p1","name":"web","size":"g-4vcpu-16gb","count":2,"auto_scale":true,"min_nodes":1,"max_nodes":5,
		"tags":["k8s:worker"],"labels":{"priority":"high"},"taints":[{"key":"k","value":"v","effect":"NoSchedule","x":1}],"x":1,
		"nodes":[{"id":"n1","name":"web-abcde","droplet_id":"205545373","status":{"state":"running","x":1},
			"created_at":"2026-01-02T03:04:05Z","updated_at":"2026-01-02T03:04:05Z","x":1}]}],
	"x":{"y":[1,null]},"z":"é"}`

func TestEveryFieldOfACluster(t *testing.T) {
	t.Parallel()
	x := []byte(`{"x":1}`)
	plugin := &doapi.Plugin{Enabled: true, Extra: x}
	want := doapi.Cluster{
		ID: "c1", Name: "shop", Region: "nyc1", Version: "1.35.1-do.0", ClusterSubnet: "10.244.0.0/16", ServiceSubnet: "10.245.0.0/16",
		VPCUUID: "v1", IPv4: "68.183.121.157", Endpoint: "https://c1.k8s.ondigitalocean.com", Tags: []string{"k8s"},
		HA: true, AutoUpgrade: true, SurgeUpgrade: true, RegistryEnabled: true, Registries: []string{"registry-a"},
		CreatedAt: someTime, UpdatedAt: someTime, Status: doapi.Status{State: "brand-new", Message: "words", Extra: x},
		MaintenancePolicy:    &doapi.MaintenancePolicy{Day: "any", StartTime: "00:00", Duration: "4h0m0s", Extra: x},
		ControlPlaneFirewall: &doapi.ControlPlaneFirewall{Enabled: true, AllowedAddresses: []string{"1.2.3.4/32"}, Extra: x},
		ClusterAutoscalerConfiguration: &doapi.AutoscalerConfiguration{Expanders: []string{"priority", "random"},
			ScaleDownUnneededTime: "1m", ScaleDownUtilizationThreshold: 0.65, Extra: x},
		RoutingAgent: plugin, AMDGPUDevicePlugin: plugin, AMDGPUDeviceMetricsExporterPlugin: plugin, NvidiaGPUDevicePlugin: plugin, RDMASharedDevPlugin: plugin,
		NodePools: []doapi.NodePool{{ID: "p1", Name: "web", Size: "g-4vcpu-16gb", Count: 2, AutoScale: true, MinNodes: 1, MaxNodes: 5,
			Tags: []string{"k8s:worker"}, Labels: map[string]string{"priority": "high"}, Taints: []doapi.Taint{{Key: "k", Value: "v", Effect: "NoSchedule", Extra: x}}, Extra: x,
			Nodes: []doapi.Node{{ID: "n1", Name: "web-abcde", DropletID: "205545373", Status: doapi.Status{State: "running", Extra: x}, CreatedAt: someTime, UpdatedAt: someTime, Extra: x}}}},
		Extra: []byte(`{"x":{"y":[1,null]},"z":"é"}`),
	}
	s := answers(t, saying(200, `{"kubernetes_cluster":`+fullCluster+`}`))
	got, err := client(t, s.url, token).GetCluster(t.Context(), "c1")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// Any list, map or object may be null in an answer, and a field may be there
// twice or not be in UTF-8.
func TestAnswersThatAreNotQuiteRight(t *testing.T) {
	t.Parallel()
	names := []string{"tags", "node_pools", "registries", "status", "maintenance_policy", "control_plane_firewall", "cluster_autoscaler_configuration",
		"routing_agent", "amd_gpu_device_plugin", "nvidia_gpu_device_plugin", "rdma_shared_dev_plugin", "created_at", "endpoint", "ha"}
	nulls := `"` + strings.Join(names, `":null,"`) + `":null`
	for body, want := range map[string]doapi.Cluster{
		`{"id":"c1",` + nulls + `}`:                                                         {ID: "c1"},
		`{"id":"c0","name":"a","id":"c1","name":"b"}`:                                       {ID: "c1", Name: "b"},
		"{\"id\":\"c1\",\"name\":\"a\xff\"}":                                                {ID: "c1", Name: "a\ufffd"},
		`{"id":"c1","new":1,"new":2}`:                                                       {ID: "c1", Extra: []byte(`{"new":1,"new":2}`)},
		`{"id":"c1","node_pools":[{"labels":null,"taints":null,"nodes":null,"tags":null}]}`: {ID: "c1", NodePools: []doapi.NodePool{{}}},
	} {
		s := answers(t, saying(200, `{"kubernetes_cluster":`+body+`}`))
		got, err := client(t, s.url, token).GetCluster(t.Context(), "c1")
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", body, err, diff)
		}
	}
}

// What the other answers have that the reference does not know is kept too.
func TestUnknownFieldsAreKept(t *testing.T) {
	t.Parallel()
	const x = `"x":1}`
	for name, answer := range map[string]string{
		"get_clusterlint":           `{"diagnostics":[{"object":{` + x + `,` + x + `],` + x,
		"list_associated_resources": `{"volumes":[{` + x + `],` + x,
		"list_status_messages":      `{"messages":[{` + x + `]}`,
		"list_upgrades":             `{"available_upgrade_versions":[{` + x + `]}`,
		"get_cluster_user":          `{"kubernetes_cluster_user":{` + x + `}`,
		"list_options":              `{"options":{"regions":[{` + x + `],"versions":[{` + x + `],"sizes":[{` + x + `],` + x + `}`,
		"list_sizes":                `{"sizes":[{` + x + `],"meta":{"total":1}}`,
	} {
		s := answers(t, saying(200, answer))
		got, err := find(t, name).call(t.Context(), client(t, s.url, token))
		if n := strings.Count(fmt.Sprintf("%+v", got), `Extra:{"x":1}`); err != nil || n != strings.Count(answer, x) {
			t.Errorf("%s: %d kept of %s: %+v, %v", name, n, answer, got, err)
		}
	}
}

func find(t *testing.T, name string) operation {
	t.Helper()
	i := slices.IndexFunc(operations, func(o operation) bool { return o.name == name })
	if i < 0 {
		t.Fatalf("there is no operation %s", name)
	}
	return operations[i]
}

package doapi_test

import (
	"context"
	"strings"
	"testing"

	"doksportal/internal/doapi"
)

// Each field that can be updated can be set, cleared and kept.
func TestClusterUpdatesOnTheWire(t *testing.T) {
	t.Parallel()
	on, off := &doapi.Plugin{Enabled: true}, &doapi.Plugin{}
	for want, update := range map[string]doapi.UpdateCluster{
		`{}`:                                          {},
		`{"name":"shop"}`:                             {Name: new("shop")},
		`{"tags":["a","b"]}`:                          {Tags: &[]string{"a", "b"}},
		`{"tags":[]}`:                                 {Tags: new([]string)},
		`{"ha":true}`:                                 {HA: new(true)},
		`{"ha":false}`:                                {HA: new(false)},
		`{"auto_upgrade":true}`:                       {AutoUpgrade: new(true)},
		`{"auto_upgrade":false}`:                      {AutoUpgrade: new(false)},
		`{"surge_upgrade":true}`:                      {SurgeUpgrade: new(true)},
		`{"surge_upgrade":false}`:                     {SurgeUpgrade: new(false)},
		`{"routing_agent":{"enabled":true}}`:          {RoutingAgent: on},
		`{"routing_agent":{"enabled":false}}`:         {RoutingAgent: off},
		`{"amd_gpu_device_plugin":{"enabled":true}}`:  {AMDGPUDevicePlugin: on},
		`{"amd_gpu_device_plugin":{"enabled":false}}`: {AMDGPUDevicePlugin: off},
		`{"amd_gpu_device_metrics_exporter_plugin":{"enabled":true}}`:  {AMDGPUDeviceMetricsExporterPlugin: on},
		`{"amd_gpu_device_metrics_exporter_plugin":{"enabled":false}}`: {AMDGPUDeviceMetricsExporterPlugin: off},
		`{"nvidia_gpu_device_plugin":{"enabled":true}}`:                {NvidiaGPUDevicePlugin: on},
		`{"nvidia_gpu_device_plugin":{"enabled":false}}`:               {NvidiaGPUDevicePlugin: off},
		`{"rdma_shared_dev_plugin":{"enabled":true}}`:                  {RDMASharedDevPlugin: on},
		`{"rdma_shared_dev_plugin":{"enabled":false}}`:                 {RDMASharedDevPlugin: off},
		`{"maintenance_policy":{"day":"monday","start_time":"12:00"}}`: {MaintenancePolicy: &doapi.MaintenancePolicy{Day: "monday", StartTime: "12:00"}},
		`{"control_plane_firewall":{"enabled":true,"allowed_addresses":["1.2.3.4/32"]}}`: {
			ControlPlaneFirewall: &doapi.ControlPlaneFirewall{Enabled: true, AllowedAddresses: []string{"1.2.3.4/32"}}},
		`{"control_plane_firewall":{"enabled":false,"allowed_addresses":[]}}`: {ControlPlaneFirewall: &doapi.ControlPlaneFirewall{}},
		`{"cluster_autoscaler_configuration":{"expanders":["priority"],"scale_down_unneeded_time":"1m0s","scale_down_utilization_threshold":0.65}}`: {
			ClusterAutoscalerConfiguration: &doapi.AutoscalerConfiguration{Expanders: []string{"priority"}, ScaleDownUnneededTime: "1m0s", ScaleDownUtilizationThreshold: 0.65}},
		`{"cluster_autoscaler_configuration":{"expanders":[],"scale_down_unneeded_time":"","scale_down_utilization_threshold":0}}`: {
			ClusterAutoscalerConfiguration: &doapi.AutoscalerConfiguration{}},
		`{"control_plane_firewall":{"enabled":true,"allowed_addresses":[],"brand_new":[1]}}`: {
			ControlPlaneFirewall: &doapi.ControlPlaneFirewall{Enabled: true, Extra: []byte(`{"brand_new":[1]}`)}},
	} {
		sends(t, "PUT /v2/kubernetes/clusters/c1 "+want, shopAnswer, func(ctx context.Context, c *doapi.Client) error {
			_, err := c.UpdateCluster(ctx, "c1", update)
			return err
		})
	}
}

func TestPoolUpdatesOnTheWire(t *testing.T) {
	t.Parallel()
	for want, update := range map[string]doapi.UpdateNodePool{
		`{}`:                   {},
		`{"name":"web"}`:       {Name: new("web")},
		`{"count":3}`:          {Count: new(3)},
		`{"count":0}`:          {Count: new(0)},
		`{"auto_scale":false}`: {AutoScale: new(false)},
		`{"tags":["a"]}`:       {Tags: &[]string{"a"}},
		`{"tags":[]}`:          {Tags: &[]string{}},
		`{"labels":{"k":"v"}}`: {Labels: &map[string]string{"k": "v"}},
		`{"labels":{}}`:        {Labels: new(map[string]string)},
		`{"taints":[]}`:        {Taints: new([]doapi.Taint)},
		`{"taints":[{"key":"k","value":"v","effect":"NoExecute"}]}`: {Taints: &[]doapi.Taint{{Key: "k", Value: "v", Effect: "NoExecute"}}},
		`{"auto_scale":true,"min_nodes":0,"max_nodes":5}`:           {AutoScale: new(true), MinNodes: new(0), MaxNodes: new(5)},
	} {
		sends(t, "PUT /v2/kubernetes/clusters/c1/node_pools/p1 "+want, poolAnswer, func(ctx context.Context, c *doapi.Client) error {
			_, err := c.UpdateNodePool(ctx, "c1", "p1", update)
			return err
		})
	}
}

// A new cluster may say everything that the reference knows of.
func TestFullCreateOnTheWire(t *testing.T) {
	t.Parallel()
	plugin := &doapi.Plugin{Enabled: true}
	full := doapi.CreateCluster{
		Name: "shop", Region: "fra1", Version: "latest", HA: true, AutoUpgrade: true, SurgeUpgrade: true, Tags: []string{"a"},
		VPCUUID: "v1", ClusterSubnet: "10.0.0.0/16", ServiceSubnet: "10.1.0.0/16", NodePools: []doapi.CreateNodePool{},
		MaintenancePolicy:              &doapi.MaintenancePolicy{Day: "any", StartTime: "00:00"},
		ControlPlaneFirewall:           &doapi.ControlPlaneFirewall{Enabled: true, AllowedAddresses: []string{"1.2.3.4"}},
		ClusterAutoscalerConfiguration: &doapi.AutoscalerConfiguration{Expanders: []string{"random"}, ScaleDownUnneededTime: "1m", ScaleDownUtilizationThreshold: 0.5},
		RoutingAgent:                   plugin, AMDGPUDevicePlugin: plugin, AMDGPUDeviceMetricsExporterPlugin: plugin, NvidiaGPUDevicePlugin: plugin, RDMASharedDevPlugin: plugin,
	}
	want := `POST /v2/kubernetes/clusters {"name":"shop","region":"fra1","version":"latest","ha":true,"auto_upgrade":true,"surge_upgrade":true,"tags":["a"],` +
		`"vpc_uuid":"v1","cluster_subnet":"10.0.0.0/16","service_subnet":"10.1.0.0/16","node_pools":[],` +
		`"maintenance_policy":{"day":"any","start_time":"00:00"},"control_plane_firewall":{"enabled":true,"allowed_addresses":["1.2.3.4"]},` +
		`"cluster_autoscaler_configuration":{"expanders":["random"],"scale_down_unneeded_time":"1m","scale_down_utilization_threshold":0.5},` +
		`"routing_agent":{"enabled":true},"amd_gpu_device_plugin":{"enabled":true},"amd_gpu_device_metrics_exporter_plugin":{"enabled":true},` +
		`"nvidia_gpu_device_plugin":{"enabled":true},"rdma_shared_dev_plugin":{"enabled":true}}`
	sends(t, want, shopAnswer, func(ctx context.Context, c *doapi.Client) error {
		_, err := c.CreateCluster(ctx, full)
		return err
	})
}

// What is not asked for is not said, where silence has a meaning of its own.
func TestOtherCallsOnTheWire(t *testing.T) {
	t.Parallel()
	const cluster = "/v2/kubernetes/clusters/c1"
	for want, call := range map[string]func(context.Context, *doapi.Client) error{
		"GET " + cluster + "/clusterlint ": func(ctx context.Context, c *doapi.Client) error {
			_, err := c.GetClusterlint(ctx, "c1", "")
			return err
		},
		"POST " + cluster + "/clusterlint {}": func(ctx context.Context, c *doapi.Client) error {
			_, err := c.RunClusterlint(ctx, "c1", doapi.RunClusterlint{IncludeGroups: []string{}})
			return err
		},
		"GET " + cluster + "/status_messages ": func(ctx context.Context, c *doapi.Client) error {
			_, err := c.ListStatusMessages(ctx, "c1", never)
			return err
		},
		"DELETE " + cluster + "/node_pools/p1/nodes/n1 ": func(ctx context.Context, c *doapi.Client) error {
			return c.DeleteNode(ctx, "c1", "p1", "n1", doapi.DeleteNode{})
		},
		"DELETE " + cluster + "/node_pools/p1/nodes/n1?replace=1 ": func(ctx context.Context, c *doapi.Client) error {
			return c.DeleteNode(ctx, "c1", "p1", "n1", doapi.DeleteNode{Replace: true})
		},
	} {
		sends(t, want, `{"run_id":"r1"}`, call)
	}
}

// sends checks what one call sends.
func sends(t *testing.T, want, answer string, call func(context.Context, *doapi.Client) error) {
	t.Helper()
	s := answers(t, saying(200, answer))
	if err := call(t.Context(), client(t, s.url, token)); err != nil {
		t.Error(err)
	}
	if got := strings.Join(s.heard(), "\n"); got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}

package doapi

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Cluster is a Kubernetes cluster. Source: API reference, "Retrieve an
// Existing Kubernetes Cluster".
type Cluster struct {
	ID            string     `json:"id"`
	Name          string     `json:"name"`
	Region        string     `json:"region"`
	Version       string     `json:"version"`
	ClusterSubnet string     `json:"cluster_subnet"` // CIDR, of pods
	ServiceSubnet string     `json:"service_subnet"` // CIDR
	VPCUUID       string     `json:"vpc_uuid"`
	IPv4          string     `json:"ipv4"`     // empty while it is made, and with HA
	Endpoint      string     `json:"endpoint"` // empty while it is made
	Tags          []string   `json:"tags"`
	NodePools     []NodePool `json:"node_pools"`
	Status        Status     `json:"status"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`

	HA                bool               `json:"ha"`
	AutoUpgrade       bool               `json:"auto_upgrade"`
	SurgeUpgrade      bool               `json:"surge_upgrade"`
	MaintenancePolicy *MaintenancePolicy `json:"maintenance_policy"`
	RegistryEnabled   bool               `json:"registry_enabled"`
	Registries        []string           `json:"registries"`

	ControlPlaneFirewall           *ControlPlaneFirewall    `json:"control_plane_firewall"`
	ClusterAutoscalerConfiguration *AutoscalerConfiguration `json:"cluster_autoscaler_configuration"`

	RoutingAgent                      *Plugin `json:"routing_agent"`
	AMDGPUDevicePlugin                *Plugin `json:"amd_gpu_device_plugin"`
	AMDGPUDeviceMetricsExporterPlugin *Plugin `json:"amd_gpu_device_metrics_exporter_plugin"`
	NvidiaGPUDevicePlugin             *Plugin `json:"nvidia_gpu_device_plugin"`
	RDMASharedDevPlugin               *Plugin `json:"rdma_shared_dev_plugin"`

	Extra jsontext.Value `json:",unknown"`
}

// Status is the state of a cluster or node. States that the reference does not
// list occur; they are kept as they are.
type Status struct {
	State   string         `json:"state"`
	Message string         `json:"message"`
	Extra   jsontext.Value `json:",unknown"`
}

// The objects below are written whole: each member becomes what it is here. To
// keep a member, say again what it is, with the Extra that came with it.

// MaintenancePolicy is when a cluster may be maintained.
type MaintenancePolicy struct {
	Day       string         `json:"day"`               // monday to sunday, or any
	StartTime string         `json:"start_time"`        // HH:MM, UTC
	Duration  string         `json:"duration,omitzero"` // e.g. 4h0m0s; read only
	Extra     jsontext.Value `json:",unknown"`
}

// ControlPlaneFirewall is who may reach the control plane.
type ControlPlaneFirewall struct {
	Enabled          bool           `json:"enabled"`
	AllowedAddresses []string       `json:"allowed_addresses"` // IPv4 addresses or CIDRs
	Extra            jsontext.Value `json:",unknown"`
}

// AutoscalerConfiguration is how a cluster's autoscaler works. A zero member
// leaves it to the autoscaler's own default.
type AutoscalerConfiguration struct {
	Expanders                     []string       `json:"expanders"`                        // random, priority, least_waste; applied in order
	ScaleDownUnneededTime         string         `json:"scale_down_unneeded_time"`         // e.g. 1m0s
	ScaleDownUtilizationThreshold float64        `json:"scale_down_utilization_threshold"` // 0 to 1
	Extra                         jsontext.Value `json:",unknown"`
}

// Plugin is a part of a cluster that can be switched on.
type Plugin struct {
	Enabled bool           `json:"enabled"`
	Extra   jsontext.Value `json:",unknown"`
}

// CreateCluster are the parameters of a new cluster. What is nil or empty is
// left to DigitalOcean; what can be on or off is said. Source: API reference,
// "Create a New Kubernetes Cluster".
type CreateCluster struct {
	Name          string           `json:"name"`
	Region        string           `json:"region"`
	Version       string           `json:"version"` // a slug, a minor, or "latest"
	HA            bool             `json:"ha"`
	AutoUpgrade   bool             `json:"auto_upgrade"`
	SurgeUpgrade  bool             `json:"surge_upgrade"`
	Tags          []string         `json:"tags,omitzero"`
	VPCUUID       string           `json:"vpc_uuid,omitzero"`
	ClusterSubnet string           `json:"cluster_subnet,omitzero"` // CIDR
	ServiceSubnet string           `json:"service_subnet,omitzero"` // CIDR
	NodePools     []CreateNodePool `json:"node_pools"`              // at least one

	MaintenancePolicy              *MaintenancePolicy       `json:"maintenance_policy,omitzero"`
	ControlPlaneFirewall           *ControlPlaneFirewall    `json:"control_plane_firewall,omitzero"`
	ClusterAutoscalerConfiguration *AutoscalerConfiguration `json:"cluster_autoscaler_configuration,omitzero"`

	RoutingAgent                      *Plugin `json:"routing_agent,omitzero"`
	AMDGPUDevicePlugin                *Plugin `json:"amd_gpu_device_plugin,omitzero"`
	AMDGPUDeviceMetricsExporterPlugin *Plugin `json:"amd_gpu_device_metrics_exporter_plugin,omitzero"`
	NvidiaGPUDevicePlugin             *Plugin `json:"nvidia_gpu_device_plugin,omitzero"`
	RDMASharedDevPlugin               *Plugin `json:"rdma_shared_dev_plugin,omitzero"`
}

// UpdateCluster is what is to change of a cluster: nil keeps a field, a
// pointer sets it, and a pointer to an empty list clears it. Source: API
// reference, "Update a Kubernetes Cluster".
type UpdateCluster struct {
	Name         *string   `json:"name,omitzero"`
	Tags         *[]string `json:"tags,omitzero"`
	HA           *bool     `json:"ha,omitzero"` // can be switched on, never off
	AutoUpgrade  *bool     `json:"auto_upgrade,omitzero"`
	SurgeUpgrade *bool     `json:"surge_upgrade,omitzero"`

	MaintenancePolicy              *MaintenancePolicy       `json:"maintenance_policy,omitzero"`
	ControlPlaneFirewall           *ControlPlaneFirewall    `json:"control_plane_firewall,omitzero"`
	ClusterAutoscalerConfiguration *AutoscalerConfiguration `json:"cluster_autoscaler_configuration,omitzero"`

	RoutingAgent                      *Plugin `json:"routing_agent,omitzero"`
	AMDGPUDevicePlugin                *Plugin `json:"amd_gpu_device_plugin,omitzero"`
	AMDGPUDeviceMetricsExporterPlugin *Plugin `json:"amd_gpu_device_metrics_exporter_plugin,omitzero"`
	NvidiaGPUDevicePlugin             *Plugin `json:"nvidia_gpu_device_plugin,omitzero"`
	RDMASharedDevPlugin               *Plugin `json:"rdma_shared_dev_plugin,omitzero"`
}

type clusterAnswer struct {
	Cluster Cluster `json:"kubernetes_cluster"`
}

type clusterPage struct {
	Clusters []Cluster `json:"kubernetes_clusters"`
	Meta     meta      `json:"meta"`
}

// ListClusters reads all clusters, every page of the list, or fails.
//
// GET /v2/kubernetes/clusters, scope kubernetes:read.
func (c *Client) ListClusters(ctx context.Context) ([]Cluster, error) {
	return list(ctx, c, clusters(), func(p clusterPage) ([]Cluster, meta) { return p.Clusters, p.Meta })
}

// CreateCluster makes a cluster and returns it as it is provisioned, which
// takes minutes. When the outcome is unknown, only a tag among the parameters
// finds the cluster in the list.
//
// POST /v2/kubernetes/clusters, scope kubernetes:create; with tags
// tag:read and tag:create, with a VPC vpc:read.
func (c *Client) CreateCluster(ctx context.Context, params CreateCluster) (Cluster, error) {
	var answer clusterAnswer
	err := c.write(ctx, call{method: http.MethodPost, path: clusters(), body: params, read: into(&answer)})
	if err == nil && answer.Cluster.ID == "" {
		err = wrong(true, "the answer names no cluster")
	}
	if err != nil {
		return Cluster{}, err
	}
	return answer.Cluster, nil
}

// GetCluster reads a cluster.
//
// GET /v2/kubernetes/clusters/{cluster_id}, scope kubernetes:read.
func (c *Client) GetCluster(ctx context.Context, id string) (Cluster, error) {
	var answer clusterAnswer
	err := c.get(ctx, call{path: clusters(id), read: into(&answer)})
	return answer.of(id, false, err)
}

// UpdateCluster changes a cluster and returns it. It is refused while the
// cluster is provisioned, upgraded or deleted.
//
// PUT /v2/kubernetes/clusters/{cluster_id}, scope kubernetes:update; with tags
// tag:read, tag:create and tag:delete.
func (c *Client) UpdateCluster(ctx context.Context, id string, params UpdateCluster) (Cluster, error) {
	var answer clusterAnswer
	err := c.write(ctx, call{method: http.MethodPut, path: clusters(id), body: params, read: into(&answer)})
	return answer.of(id, true, err)
}

// of returns the cluster that was asked for, or fails.
func (a clusterAnswer) of(id string, write bool, err error) (Cluster, error) {
	if err == nil && a.Cluster.ID != id {
		err = wrong(write, "the call was about cluster %q, the answer is about %q", id, plain(a.Cluster.ID))
	}
	if err != nil {
		return Cluster{}, err
	}
	return a.Cluster, nil
}

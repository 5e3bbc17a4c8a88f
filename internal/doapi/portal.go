package doapi

import (
	"encoding/json"
	"math"
	"time"

	"doksportal/internal/names"
	"doksportal/internal/portal"
)

// Portal returns the cluster in the portal's words, as it was seen at asOf.
func (c Cluster) Portal(asOf time.Time) portal.Cluster {
	p := portal.Cluster{
		ID: c.ID, Name: c.Name, Region: c.Region, Version: c.Version, HA: c.HA,
		State: names.Shown(c.Status.State), StateMessage: names.Shown(c.Status.Message), Tags: c.Tags,
		Endpoint: c.Endpoint, CreatedAt: c.CreatedAt, SeenAt: asOf,
		Details: portal.ClusterDetails{
			IPv4: c.IPv4, ClusterSubnet: c.ClusterSubnet, ServiceSubnet: c.ServiceSubnet, VPC: c.VPCUUID,
			Registries: c.Registries, RegistryEnabled: c.RegistryEnabled, UpdatedAt: c.UpdatedAt,
			Settings: c.settings(), Extra: json.RawMessage(c.Extra),
		},
	}
	for _, pool := range c.NodePools {
		p.Pools = append(p.Pools, pool.Portal())
	}
	return p
}

func (c Cluster) settings() portal.Settings {
	s := portal.Settings{AutoUpgrade: c.AutoUpgrade, SurgeUpgrade: c.SurgeUpgrade}
	if m := c.MaintenancePolicy; m != nil {
		s.Maintenance = portal.Maintenance{Day: m.Day, Start: m.StartTime}
	}
	if f := c.ControlPlaneFirewall; f != nil {
		s.Firewall = portal.Firewall{Enabled: f.Enabled, Allowed: f.AllowedAddresses}
	}
	if a := c.ClusterAutoscalerConfiguration; a != nil {
		s.Autoscaler = portal.Autoscaler{Expanders: a.Expanders, UnneededTime: a.ScaleDownUnneededTime, Utilization: a.ScaleDownUtilizationThreshold}
	}
	for key, plugin := range c.components() {
		if plugin == nil {
			continue
		}
		if s.Components == nil {
			s.Components = map[string]bool{}
		}
		s.Components[key] = plugin.Enabled
	}
	return s
}

// components are the parts that can be switched, by the keys that
// portal.Components has.
func (c Cluster) components() map[string]*Plugin {
	return map[string]*Plugin{
		"routing_agent": c.RoutingAgent, "amd_gpu_device_plugin": c.AMDGPUDevicePlugin,
		"amd_gpu_device_metrics_exporter_plugin": c.AMDGPUDeviceMetricsExporterPlugin,
		"nvidia_gpu_device_plugin":               c.NvidiaGPUDevicePlugin, "rdma_shared_dev_plugin": c.RDMASharedDevPlugin,
	}
}

// Portal returns the pool in the portal's words.
func (n NodePool) Portal() portal.Pool {
	p := portal.Pool{
		ID: n.ID, Name: n.Name, Size: n.Size, Count: n.Count,
		AutoScale: n.AutoScale, MinNodes: n.MinNodes, MaxNodes: n.MaxNodes,
		Details: portal.PoolDetails{Labels: n.Labels, Tags: n.Tags, Extra: json.RawMessage(n.Extra)},
	}
	for _, t := range n.Taints {
		p.Details.Taints = append(p.Details.Taints, portal.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect})
	}
	for _, node := range n.Nodes {
		p.Nodes = append(p.Nodes, portal.Node{
			ID: node.ID, Name: node.Name, State: names.Shown(node.Status.State), Message: names.Shown(node.Status.Message),
			DropletID: node.DropletID, CreatedAt: node.CreatedAt})
	}
	return p
}

// Portal returns the resources in the portal's words.
func (a AssociatedResources) Portal() []portal.Resource {
	var list []portal.Resource
	add := func(kind string, resources []AssociatedResource) {
		for _, r := range resources {
			list = append(list, portal.Resource{Kind: kind, ID: r.ID, Name: names.Shown(r.Name)})
		}
	}
	add(portal.LoadBalancer, a.LoadBalancers)
	add(portal.Volume, a.Volumes)
	add(portal.VolumeSnapshot, a.VolumeSnapshots)
	return list
}

// Portal returns the options in the portal's words, with what sizes says of
// the nodes.
func (o Options) Portal(sizes []Size) portal.Options {
	p := portal.Options{Versions: PortalVersions(o.Versions)}
	for _, r := range o.Regions {
		p.Regions = append(p.Regions, portal.Choice{Slug: r.Slug, Name: r.Name})
	}
	known := make(map[string]Size, len(sizes))
	for _, s := range sizes {
		known[s.Slug] = s
	}
	for _, s := range o.Sizes {
		k := known[s.Slug]
		p.Sizes = append(p.Sizes, portal.Size{
			Slug: s.Slug, Family: k.Description, VCPUs: k.VCPUs, MemoryMiB: k.Memory, DiskGiB: k.Disk, MonthlyCents: int64(math.Round(k.PriceMonthly * 100))})
	}
	return p
}

// PortalVersions returns versions in the portal's words.
func PortalVersions(versions []VersionOption) []portal.Choice {
	var list []portal.Choice
	for _, v := range versions {
		list = append(list, portal.Choice{Slug: v.Slug, Name: v.KubernetesVersion})
	}
	return list
}

// Portal returns the run in the portal's words.
func (l Clusterlint) Portal() portal.LintRun {
	run := portal.LintRun{ID: l.RunID, RequestedAt: l.RequestedAt, CompletedAt: l.CompletedAt}
	for _, d := range l.Diagnostics {
		run.Findings = append(run.Findings, portal.Finding{Check: names.Shown(d.CheckName), Severity: names.Shown(d.Severity), Message: names.Shown(d.Message),
			Kind: names.Shown(d.Object.Kind), Namespace: names.Shown(d.Object.Namespace), Name: names.Shown(d.Object.Name)})
	}
	return run
}

// PortalMessages returns status messages in the portal's words.
func PortalMessages(messages []StatusMessage) []portal.StatusMessage {
	var list []portal.StatusMessage
	for _, m := range messages {
		list = append(list, portal.StatusMessage{At: m.Timestamp, Message: names.Shown(m.Message)})
	}
	return list
}

// Portal returns the credentials in the portal's words.
func (c Credentials) Portal() portal.Secret {
	return portal.Secret{
		Server: c.Server, Authority: c.CertificateAuthorityData, Token: c.Token,
		ClientCertificate: c.ClientCertificateData, ClientKey: c.ClientKeyData, ExpiresAt: c.ExpiresAt,
	}
}

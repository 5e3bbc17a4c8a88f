package execute

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

// answer is what DigitalOcean says to a call that it accepts, as far as the
// operation has it.
type answer struct {
	cluster *doapi.Cluster
	pool    *doapi.NodePool
	runID   string // of clusterlint
}

// send makes the one call. live are the request's clusters as they are now.
func (e *Executor) send(ctx context.Context, r portal.Request, live []doapi.Cluster) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	p, do := r.Params, e.DO
	switch r.Operation {
	case portal.CreateCluster:
		return clusterOf(do.CreateCluster(ctx, createCall(r)))
	case portal.UpdateCluster:
		return clusterOf(do.UpdateCluster(ctx, r.TargetID, updateCall(*p.Update, live[0])))
	case portal.UpgradeCluster:
		return answer{}, do.UpgradeCluster(ctx, r.TargetID, p.Upgrade.Version)
	case portal.CreateNodePool:
		spec := poolCall(*p.CreatePool)
		spec.Tags = append([]string{r.RequestTag()}, spec.Tags...)
		return poolOf(do.CreateNodePool(ctx, r.TargetID, spec))
	case portal.UpdateNodePool:
		update, err := updatePoolCall(*p.UpdatePool, live[0])
		if err != nil {
			return answer{}, err
		}
		return poolOf(do.UpdateNodePool(ctx, r.TargetID, p.UpdatePool.PoolID, update))
	case portal.DeleteNodePool:
		return answer{}, do.DeleteNodePool(ctx, r.TargetID, p.DeletePool.PoolID)
	case portal.DeleteNode:
		n := p.DeleteNode
		return answer{}, do.DeleteNode(ctx, r.TargetID, n.PoolID, n.NodeID, doapi.DeleteNode{SkipDrain: n.SkipDrain, Replace: n.Replace})
	case portal.RecycleNodePool:
		return answer{}, do.RecycleNodePool(ctx, r.TargetID, p.Recycle.PoolID, p.Recycle.NodeIDs)
	case portal.RunClusterlint:
		runID, err := do.RunClusterlint(ctx, r.TargetID, doapi.RunClusterlint(*p.Lint))
		return answer{runID: runID}, err
	}
	return answer{}, e.sendSilent(ctx, r)
}

// sendSilent makes the calls whose answer has no body: those that end clusters,
// and those on registries.
func (e *Executor) sendSilent(ctx context.Context, r portal.Request) error {
	p, do := r.Params, e.DO
	switch r.Operation {
	case portal.DeleteCluster:
		return do.DeleteCluster(ctx, r.TargetID)
	case portal.DeleteClusterSelective:
		return do.DeleteClusterSelective(ctx, r.TargetID, selection(p.Delete.Destroy))
	case portal.DeleteClusterDangerous:
		return do.DeleteClusterDangerous(ctx, r.TargetID)
	case portal.AddRegistries:
		return do.AddRegistries(ctx, p.Registries.ClusterIDs, p.Registries.Names)
	case portal.RemoveRegistries:
		return do.RemoveRegistries(ctx, p.Registries.ClusterIDs, p.Registries.Names)
	case portal.AddRegistry:
		return do.AddRegistry(ctx, p.Registries.ClusterIDs)
	case portal.RemoveRegistry:
		return do.RemoveRegistry(ctx, p.Registries.ClusterIDs)
	}
	return fmt.Errorf("no call for operation %q", r.Operation)
}

func clusterOf(c doapi.Cluster, err error) (answer, error) { return answer{cluster: &c}, err }

func poolOf(p doapi.NodePool, err error) (answer, error) { return answer{pool: &p}, err }

func selection(resources []portal.Resource) doapi.DeleteClusterSelective {
	var s doapi.DeleteClusterSelective
	for _, r := range resources {
		switch r.Kind {
		case portal.LoadBalancer:
			s.LoadBalancers = append(s.LoadBalancers, r.ID)
		case portal.Volume:
			s.Volumes = append(s.Volumes, r.ID)
		case portal.VolumeSnapshot:
			s.VolumeSnapshots = append(s.VolumeSnapshots, r.ID)
		}
	}
	return s
}

// createCall adds to what was asked for the tags that make the cluster's owner
// visible at DigitalOcean, and the one by which it is found again.
func createCall(r portal.Request) doapi.CreateCluster {
	p := r.Params.Create
	call := doapi.CreateCluster{
		Name: p.Name, Region: p.Region, Version: p.Version, HA: p.HA,
		Tags:    append([]string{r.RequestTag(), "team:" + r.Team.Slug, "env:" + string(p.Environment)}, p.Tags...),
		VPCUUID: p.VPC, ClusterSubnet: p.ClusterSubnet, ServiceSubnet: p.ServiceSubnet,
		AutoUpgrade: p.Settings.AutoUpgrade, SurgeUpgrade: p.Settings.SurgeUpgrade,
	}
	if m := p.Settings.Maintenance; m.Start != "" {
		call.MaintenancePolicy = &doapi.MaintenancePolicy{Day: m.Day, StartTime: m.Start}
	}
	if f := p.Settings.Firewall; f.Enabled {
		call.ControlPlaneFirewall = &doapi.ControlPlaneFirewall{Enabled: true, AllowedAddresses: f.Allowed}
	}
	if a := p.Settings.Autoscaler; len(a.Expanders) > 0 || a.UnneededTime != "" || a.Utilization != 0 {
		call.ClusterAutoscalerConfiguration = autoscalerCall(a)
	}
	on := func(key string) *doapi.Plugin { return plugin(p.Settings.Components, key, nil) }
	call.RoutingAgent, call.AMDGPUDevicePlugin = on("routing_agent"), on("amd_gpu_device_plugin")
	call.AMDGPUDeviceMetricsExporterPlugin = on("amd_gpu_device_metrics_exporter_plugin")
	call.NvidiaGPUDevicePlugin, call.RDMASharedDevPlugin = on("nvidia_gpu_device_plugin"), on("rdma_shared_dev_plugin")
	for _, pool := range p.Pools {
		call.NodePools = append(call.NodePools, poolCall(pool))
	}
	return call
}

func poolCall(p portal.PoolSpec) doapi.CreateNodePool {
	call := doapi.CreateNodePool{
		Name: p.Name, Size: p.Size, Count: p.Count, AutoScale: p.AutoScale, MinNodes: p.MinNodes, MaxNodes: p.MaxNodes,
		Tags: slices.Clone(p.Tags), Labels: p.Labels,
	}
	for _, t := range p.Taints {
		call.Taints = append(call.Taints, taintCall(t))
	}
	return call
}

func taintCall(t portal.Taint) doapi.Taint {
	return doapi.Taint{Key: t.Key, Value: t.Value, Effect: t.Effect}
}

func autoscalerCall(a portal.Autoscaler) *doapi.AutoscalerConfiguration {
	call := &doapi.AutoscalerConfiguration{Expanders: a.Expanders, ScaleDownUnneededTime: a.UnneededTime, ScaleDownUtilizationThreshold: a.Utilization}
	if call.Expanders == nil {
		call.Expanders = []string{} // null would keep what there is
	}
	return call
}

// plugin is what to say of a component: nothing, when it stays as it is. What
// this program does not know of it is kept.
func plugin(components map[string]bool, key string, now *doapi.Plugin) *doapi.Plugin {
	on, spoken := components[key]
	if !spoken {
		return nil
	}
	p := doapi.Plugin{Enabled: on}
	if now != nil {
		p.Extra = now.Extra
	}
	return &p
}

// updateCall says what is to change, and nothing else but the name, which
// DigitalOcean's public OpenAPI asks for with every change. Objects are written
// whole, so what this program does not know of them is said again.
func updateCall(p portal.UpdateParams, now doapi.Cluster) doapi.UpdateCluster {
	call := doapi.UpdateCluster{Name: p.Name, HA: p.HA, AutoUpgrade: p.AutoUpgrade, SurgeUpgrade: p.SurgeUpgrade}
	if call.Name == nil {
		call.Name = &now.Name
	}
	if p.Tags != nil {
		call.Tags = withSystemTags(now.Tags, *p.Tags)
	}
	if m := p.Maintenance; m != nil {
		call.MaintenancePolicy = &doapi.MaintenancePolicy{Day: m.Day, StartTime: m.Start}
		if now.MaintenancePolicy != nil {
			call.MaintenancePolicy.Extra = now.MaintenancePolicy.Extra
		}
	}
	if f := p.Firewall; f != nil {
		call.ControlPlaneFirewall = &doapi.ControlPlaneFirewall{Enabled: f.Enabled, AllowedAddresses: f.Allowed}
		if now.ControlPlaneFirewall != nil {
			call.ControlPlaneFirewall.Extra = now.ControlPlaneFirewall.Extra
		}
	}
	if p.Autoscaler != nil {
		call.ClusterAutoscalerConfiguration = autoscalerCall(*p.Autoscaler)
		if now.ClusterAutoscalerConfiguration != nil {
			call.ClusterAutoscalerConfiguration.Extra = now.ClusterAutoscalerConfiguration.Extra
		}
	}
	call.RoutingAgent = plugin(p.Components, "routing_agent", now.RoutingAgent)
	call.AMDGPUDevicePlugin = plugin(p.Components, "amd_gpu_device_plugin", now.AMDGPUDevicePlugin)
	call.AMDGPUDeviceMetricsExporterPlugin = plugin(p.Components, "amd_gpu_device_metrics_exporter_plugin", now.AMDGPUDeviceMetricsExporterPlugin)
	call.NvidiaGPUDevicePlugin = plugin(p.Components, "nvidia_gpu_device_plugin", now.NvidiaGPUDevicePlugin)
	call.RDMASharedDevPlugin = plugin(p.Components, "rdma_shared_dev_plugin", now.RDMASharedDevPlugin)
	return call
}

// withSystemTags keeps the tags that the portal has set. DigitalOcean keeps its
// own by itself.
func withSystemTags(now, own []string) *[]string {
	tags := slices.DeleteFunc(slices.Clone(now), func(t string) bool {
		return len(portal.OwnTags([]string{t})) > 0 || t == "k8s" || strings.HasPrefix(t, "k8s:")
	})
	tags = append(tags, own...)
	if tags == nil {
		tags = []string{}
	}
	return &tags
}

// updatePoolCall says what is to change. The reference asks for name and count
// with every change. The count of a pool that autoscales is not ours to say,
// unless its bounds leave it out: DigitalOcean would go down to the lower one.
func updatePoolCall(u portal.UpdatePoolParams, cluster doapi.Cluster) (doapi.UpdateNodePool, error) {
	i := slices.IndexFunc(cluster.NodePools, func(p doapi.NodePool) bool { return p.ID == u.PoolID })
	if i < 0 {
		return doapi.UpdateNodePool{}, &doapi.Error{Invalid: true, Write: true, Err: fmt.Errorf("the cluster has no pool %s", u.PoolID)}
	}
	now := cluster.NodePools[i]
	call := doapi.UpdateNodePool{Name: u.Name, Count: u.Count, AutoScale: u.AutoScale, MinNodes: u.MinNodes, MaxNodes: u.MaxNodes, Labels: u.Labels}
	if call.Name == nil {
		call.Name = &now.Name
	}
	if after := u.Applied(now.Portal()); call.Count == nil && (!after.AutoScale || !now.AutoScale || after.Count != now.Count) {
		call.Count = &after.Count
	}
	if u.Tags != nil {
		call.Tags = withSystemTags(now.Tags, *u.Tags)
	}
	if u.Taints != nil {
		taints := make([]doapi.Taint, len(*u.Taints))
		for i, t := range *u.Taints {
			taints[i] = taintCall(t)
		}
		call.Taints = &taints
	}
	return call, nil
}

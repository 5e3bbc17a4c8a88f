package dosim

import (
	"strconv"
	"time"
)

// show returns a cluster as the API shows it.
func (w *world) show(c *cluster) object {
	now := w.now()
	endpoint, ipv4 := "", ""
	if c.ready(now) {
		endpoint = c.endpoint()
		if !c.HA {
			ipv4 = c.IPv4
		}
	}
	shown := object{
		"id": c.ID, "name": c.Name, "region": c.Region, "version": c.version(now), "ha": c.HA,
		"cluster_subnet": c.ClusterSubnet, "service_subnet": c.ServiceSubnet, "vpc_uuid": c.VPC,
		"ipv4": ipv4, "endpoint": endpoint,
		"tags":       append(ownTags(c.ID)[:2], c.Tags...),
		"node_pools": w.showPools(c),
		"maintenance_policy": object{
			"start_time": c.Maintenance.StartTime, "duration": "4h0m0s", "day": c.Maintenance.Day},
		"auto_upgrade": c.AutoUpgrade, "surge_upgrade": c.SurgeUpgrade,
		"cluster_autoscaler_configuration": c.Autoscaler.show(),
		"control_plane_firewall":           c.Firewall.show(),
		"registries":                       nil, "registry_enabled": len(c.Registries) > 0,
		"status": c.status(now), "created_at": timestamp(c.CreatedAt), "updated_at": timestamp(c.UpdatedAt),
	}
	if len(c.Registries) > 0 {
		shown["registries"] = c.Registries
	}
	for name := range (settings{}).plugins() {
		shown[name] = object{"enabled": c.Plugins[name]}
	}
	return shown
}

func (c *cluster) endpoint() string { return "https://" + c.ID + ".k8s.ondigitalocean.com" }

// show returns nil when nothing is configured.
func (a autoscaler) show() any {
	if a.Threshold == nil && a.UnneededTime == nil && len(a.Expanders) == 0 {
		return nil
	}
	return a
}

// show returns nil when the firewall was never set.
func (f *firewall) show() any {
	if f == nil {
		return nil
	}
	return object{"enabled": f.Enabled, "allowed_addresses": notNil(f.AllowedAddresses)}
}

func (w *world) showPools(c *cluster) []object {
	shown := []object{}
	for _, p := range c.pools(w.now()) {
		shown = append(shown, w.showPool(c, p))
	}
	return shown
}

func (w *world) showPool(c *cluster, p *pool) object {
	nodes := []object{}
	for _, n := range p.Nodes {
		if n.state(w.now()) != "" {
			nodes = append(nodes, n.show(w.now()))
		}
	}
	shown := object{
		"id": p.ID, "name": p.Name, "size": p.Size, "count": p.Count,
		"tags": append(ownTags(c.ID)[:3], p.Tags...), "labels": nil, "taints": notNil(p.Taints),
		"auto_scale": p.AutoScale, "min_nodes": p.MinNodes, "max_nodes": p.MaxNodes, "nodes": nodes,
	}
	if len(p.Labels) > 0 {
		shown["labels"] = p.Labels
	}
	return shown
}

func (n *node) show(now time.Time) object {
	shown := object{
		"id": n.ID, "name": "", "droplet_id": "", "status": status{State: n.state(now)},
		"created_at": timestamp(n.CreatedAt), "updated_at": timestamp(n.updated(now)),
	}
	if !now.Before(n.ReadyAt) {
		shown["name"], shown["droplet_id"] = n.Name, dropletID(n.ID)
	}
	return shown
}

// dropletID derives a number from a node's id, so that it stays the same.
func dropletID(nodeID string) string {
	n, _ := strconv.ParseUint(nodeID[:7], 16, 32)
	return strconv.FormatUint(n+100_000_000, 10)
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// notNil makes an empty list of none, which JSON would show as null.
func notNil[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

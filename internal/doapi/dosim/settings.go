package dosim

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// settings are what both the creation and the update of a cluster may say.
// What is absent or null is kept; only a list that is null means none, as some
// clients say it.
type settings struct {
	Name         string       `json:"name"` // "" is absent: some clients update without it
	Tags         list[string] `json:"tags"`
	HA           *bool        `json:"ha"`
	AutoUpgrade  *bool        `json:"auto_upgrade"`
	SurgeUpgrade *bool        `json:"surge_upgrade"`
	Maintenance  maintenance  `json:"maintenance_policy"`
	Autoscaler   autoscaler   `json:"cluster_autoscaler_configuration"`
	Firewall     *struct {
		Enabled          *bool        `json:"enabled"`
		AllowedAddresses list[string] `json:"allowed_addresses"`
	} `json:"control_plane_firewall"`
	AMDMetrics   plugin `json:"amd_gpu_device_metrics_exporter_plugin"`
	AMDDevices   plugin `json:"amd_gpu_device_plugin"`
	NvidiaGPU    plugin `json:"nvidia_gpu_device_plugin"`
	RDMA         plugin `json:"rdma_shared_dev_plugin"`
	RoutingAgent plugin `json:"routing_agent"`
}

// plugin is a part of a cluster that is on or off.
type plugin struct {
	Enabled *bool `json:"enabled"`
}

func (p settings) plugins() map[string]plugin {
	return map[string]plugin{
		"amd_gpu_device_metrics_exporter_plugin": p.AMDMetrics,
		"amd_gpu_device_plugin":                  p.AMDDevices,
		"nvidia_gpu_device_plugin":               p.NvidiaGPU,
		"rdma_shared_dev_plugin":                 p.RDMA,
		"routing_agent":                          p.RoutingAgent,
	}
}

// maintenance is when DigitalOcean may disturb a cluster. Its duration cannot
// be chosen; what clients say of it is ignored.
type maintenance struct {
	StartTime string `json:"start_time"` // UTC, e.g. "15:00"
	Day       string `json:"day"`        // monday to sunday, or any
}

// autoscaler configures the cluster autoscaler. In a request, nil keeps a
// member, and 0, "" or an empty list unsets it.
type autoscaler struct {
	Threshold    *float64 `json:"scale_down_utilization_threshold,omitempty"`
	UnneededTime *string  `json:"scale_down_unneeded_time,omitempty"`
	Expanders    []string `json:"expanders,omitempty"`
}

// firewall restricts who reaches the control plane.
type firewall struct {
	Enabled          bool     `json:"enabled"`
	AllowedAddresses []string `json:"allowed_addresses"`
}

// apply changes a cluster's settings. It changes nothing when it refuses.
func (w *world) apply(c *cluster, p settings) error {
	if err := w.check(c, p); err != nil {
		return err
	}
	set(&c.AutoUpgrade, p.AutoUpgrade)
	set(&c.SurgeUpgrade, p.SurgeUpgrade)
	set(&c.HA, p.HA)
	setGiven(&c.Name, p.Name)
	setGiven(&c.Maintenance.Day, p.Maintenance.Day)
	setGiven(&c.Maintenance.StartTime, p.Maintenance.StartTime)
	if p.Tags.given {
		c.Tags = customTags(c.ID, p.Tags.items)
	}
	for name, plugin := range p.plugins() {
		if plugin.Enabled != nil {
			c.Plugins[name] = *plugin.Enabled
		}
	}
	c.Autoscaler.merge(p.Autoscaler)
	c.protect(p)
	return nil
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

func setGiven(to *string, value string) {
	if value != "" {
		*to = value
	}
}

func (a *autoscaler) merge(p autoscaler) {
	if p.Threshold != nil {
		a.Threshold = p.Threshold
		if *p.Threshold == 0 {
			a.Threshold = nil
		}
	}
	if p.UnneededTime != nil {
		a.UnneededTime = p.UnneededTime
		if *p.UnneededTime == "" {
			a.UnneededTime = nil
		}
	}
	if p.Expanders != nil {
		a.Expanders = p.Expanders
	}
}

func (c *cluster) protect(p settings) {
	if p.Firewall == nil {
		return
	}
	if c.Firewall == nil {
		c.Firewall = &firewall{}
	}
	set(&c.Firewall.Enabled, p.Firewall.Enabled)
	if p.Firewall.AllowedAddresses.given {
		c.Firewall.AllowedAddresses = p.Firewall.AllowedAddresses.items
	}
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

func (w *world) check(c *cluster, p settings) error {
	taken := func(o *cluster) bool { return o.ID != c.ID && o.Name == p.Name }
	switch {
	case p.Name == "":
	case len(p.Name) > 63 || !dnsLabel.MatchString(p.Name):
		return invalid("invalid cluster name")
	case slices.ContainsFunc(w.present(), taken):
		return unprocessable("a cluster with this name already exists")
	}
	if c.HA && p.HA != nil && !*p.HA {
		return invalid("high availability cannot be disabled")
	}
	if err := checkTags(c.ID, p.Tags.items); err != nil {
		return err
	}
	if err := p.Maintenance.check(); err != nil {
		return err
	}
	if p.Firewall != nil && slices.ContainsFunc(p.Firewall.AllowedAddresses.items, noAddress) {
		return invalid("invalid control_plane_firewall.allowed_addresses")
	}
	return p.Autoscaler.check()
}

var (
	days      = []string{"any", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
	clockTime = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)
	expanders = []string{"random", "priority", "least_waste"}
)

func (m maintenance) check() error {
	if m.Day != "" && !slices.Contains(days, m.Day) {
		return invalid("invalid maintenance_policy.day")
	}
	if m.StartTime != "" && !clockTime.MatchString(m.StartTime) {
		return invalid("invalid maintenance_policy.start_time")
	}
	return nil
}

func (a autoscaler) check() error {
	if t := a.Threshold; t != nil && (*t < 0 || *t > 1) {
		return invalid("invalid cluster_autoscaler_configuration.scale_down_utilization_threshold")
	}
	if t := a.UnneededTime; t != nil && *t != "" {
		if d, err := time.ParseDuration(*t); err != nil || d < 0 {
			return invalid("invalid cluster_autoscaler_configuration.scale_down_unneeded_time")
		}
	}
	if slices.ContainsFunc(a.Expanders, func(e string) bool { return !slices.Contains(expanders, e) }) {
		return invalid("invalid cluster_autoscaler_configuration.expanders")
	}
	return nil
}

func noAddress(s string) bool {
	if prefix, err := netip.ParsePrefix(s); err == nil {
		return !prefix.Addr().Is4()
	}
	addr, err := netip.ParseAddr(s)
	return err != nil || !addr.Is4()
}

func checkSubnets(cluster, service string) error {
	a, err := netip.ParsePrefix(cluster)
	if err != nil {
		return invalid("invalid cluster_subnet")
	}
	b, err := netip.ParsePrefix(service)
	if err != nil {
		return invalid("invalid service_subnet")
	}
	if a.Overlaps(b) {
		return invalid("cluster_subnet and service_subnet overlap")
	}
	return nil
}

// ownTags are those that DigitalOcean gives a cluster and its pools. Clients
// send them back in updates.
func ownTags(clusterID string) []string {
	return []string{"k8s", "k8s:" + clusterID, "k8s:worker", "k8s-worker"}
}

// customTags returns the tags that are not DigitalOcean's own, each once.
func customTags(clusterID string, tags []string) []string {
	var custom []string
	for _, t := range tags {
		if !slices.Contains(ownTags(clusterID), t) && !slices.Contains(custom, t) {
			custom = append(custom, t)
		}
	}
	return custom
}

func checkTags(clusterID string, tags []string) error {
	if slices.ContainsFunc(customTags(clusterID, tags), func(t string) bool { return strings.HasPrefix(t, "k8s") }) {
		return invalid("tags cannot start with k8s")
	}
	return nil
}

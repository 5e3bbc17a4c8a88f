package web

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"doksportal/internal/portal"
)

// poolFields are the fields of a node pool. A form for a new cluster has them
// once a pool, as pools[0].name and so on.
var poolFields = []string{"name", "size", "count", "auto_scale", "min_nodes", "max_nodes", "tags", "labels", "taints"}

// formFields are the other fields that forms have.
var formFields = []string{
	"action", "amd_gpu_device_metrics_exporter_plugin", "amd_gpu_device_plugin", "approver_group", "auto",
	"auto_upgrade", "base", "cluster", "cluster_subnet", "clusters", "comment", "decision", "digest",
	"environment", "exclude_checks", "exclude_groups", "expanders", "firewall", "firewall_allowed",
	"break_glass_comment", "break_glass_reason", "group", "ha", "include_checks", "include_groups", "justification", "key", "kind", "label",
	"mail", "maintenance_day", "maintenance_start", "member_group", "minutes", "nodes", "note",
	"nvidia_gpu_device_plugin", "topics", "operation", "protected", "rdma_shared_dev_plugin", "region",
	"registries", "replace", "resources", "revision", "routing_agent", "seen", "service_subnet", "sizes",
	"skip_drain", "slug", "start_at", "stop_reason", "submit_key", "surge_upgrade", "target", "team", "text",
	"typed_name", "unneeded_time", "utilization", "version", "vpc_uuid", "zone",
}

// KnownField reports whether any form has a field of this name. What no form
// has is not kept while its sender signs in again.
func KnownField(name string) bool {
	rest, ok := strings.CutPrefix(name, "pools[")
	if !ok {
		return slices.Contains(formFields, name) || slices.Contains(poolFields, name)
	}
	index, field, _ := strings.Cut(rest, "].")
	i, ok := portal.ParseNumber(index, 0, portal.MaxPools-1)
	return ok && strconv.Itoa(i) == index && slices.Contains(poolFields, field)
}

// known leaves out of a form what no form of the portal's has.
func known(form url.Values) url.Values {
	kept := url.Values{}
	for name, values := range form {
		if KnownField(name) {
			kept[name] = values
		}
	}
	return kept
}

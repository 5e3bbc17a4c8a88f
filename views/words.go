package views

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"doksportal/internal/portal"
)

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func maintenance(m portal.Maintenance) string {
	if m.Day == "" {
		return ""
	}
	day := m.Day
	if day == "any" {
		day = "any day"
	}
	return day + " from " + orText(m.Start, "any time") + " UTC"
}

func firewall(w portal.Firewall) string {
	if !w.Enabled {
		return "off"
	}
	return "only from " + strings.Join(w.Allowed, ", ")
}

func autoscaler(a portal.Autoscaler) string {
	var parts []string
	if len(a.Expanders) > 0 {
		parts = append(parts, "expanders "+strings.Join(a.Expanders, ", "))
	}
	if a.UnneededTime != "" {
		parts = append(parts, "unneeded for "+a.UnneededTime)
	}
	if a.Utilization != 0 {
		parts = append(parts, "used by less than "+strconv.FormatFloat(a.Utilization, 'g', -1, 64))
	}
	return orText(strings.Join(parts, "; "), "default")
}

func registries(c portal.Cluster) string {
	if len(c.Details.Registries) == 0 && c.Details.RegistryEnabled {
		return "the account's registry"
	}
	return orText(strings.Join(c.Details.Registries, ", "), "none")
}

func labels(m map[string]string) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, key+"="+m[key])
	}
	return strings.Join(list, ", ")
}

func taints(list []portal.Taint) string {
	words := make([]string, len(list))
	for i, t := range list {
		words[i] = t.String()
	}
	return strings.Join(words, ", ")
}

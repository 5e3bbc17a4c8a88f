package portal

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OnOff says whether something is switched on.
func OnOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func componentText(components map[string]bool, key string) string {
	on, known := components[key]
	if !known {
		return "DigitalOcean's default"
	}
	return OnOff(on)
}

func maintenanceText(m Maintenance) string {
	switch {
	case m.Day == "" || m.Day == "any" && m.Start == "":
		return "chosen by DigitalOcean"
	case m.Day == "any":
		return "any day from " + m.Start + " UTC"
	}
	return m.Day + " from " + OrNone(m.Start) + " UTC"
}

func firewallText(w Firewall) string {
	if !w.Enabled {
		return "off"
	}
	return "only from " + strings.Join(w.Allowed, ", ")
}

func orDefault(s string) string {
	if s == "" {
		return "default"
	}
	return s
}

// durationText writes a duration in one way: DigitalOcean says "1m" and "1m0s".
func durationText(s string) string {
	if d, err := time.ParseDuration(s); err == nil {
		return d.String()
	}
	return s
}

func shareText(share float64) string {
	if share == 0 {
		return "default"
	}
	return strconv.FormatFloat(share*100, 'g', 4, 64) + " %"
}

// RegistryText names the registries of a cluster.
func RegistryText(c Cluster) string {
	if len(c.Details.Registries) == 0 {
		if c.Details.RegistryEnabled {
			return "the account's registry"
		}
		return "no registry"
	}
	return strings.Join(slices.Sorted(slices.Values(c.Details.Registries)), ", ")
}

// LabelText shows labels in the order of their keys.
func LabelText(labels map[string]string) string {
	list := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, key+"="+labels[key])
	}
	return strings.Join(list, ", ")
}

// TaintText shows taints as kubectl does, in alphabetical order.
func TaintText(taints []Taint) string {
	list := make([]string, len(taints))
	for i, t := range taints {
		list[i] = t.String()
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// YesNo answers a question.
func YesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// SameFirewall reports whether two firewalls let the same through.
func SameFirewall(a, b Firewall) bool { return firewallText(a) == firewallText(b) }

// SameAutoscaler reports whether two configurations mean the same, in whichever
// way their times are written.
func SameAutoscaler(a, b Autoscaler) bool {
	return slices.Equal(a.Expanders, b.Expanders) && a.Utilization == b.Utilization &&
		durationText(a.UnneededTime) == durationText(b.UnneededTime)
}

// OrNone is a text, or the word for none.
func OrNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

package portal

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings of a cluster that can be changed after it was made.
type Settings struct {
	AutoUpgrade  bool            `json:"auto_upgrade"`
	SurgeUpgrade bool            `json:"surge_upgrade"`
	Maintenance  Maintenance     `json:"maintenance,omitzero"`
	Firewall     Firewall        `json:"firewall,omitzero"`
	Autoscaler   Autoscaler      `json:"autoscaler,omitzero"`
	Components   map[string]bool `json:"components,omitempty"` // by key; one that is missing was not spoken of
}

// Maintenance says when DigitalOcean may disturb a cluster.
type Maintenance struct {
	Day   string `json:"day"`   // "any", or "monday" to "sunday"
	Start string `json:"start"` // HH:MM in UTC
}

// Days are the days that a Maintenance may name.
var Days = []string{"any", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}

// Firewall says from where a control plane can be reached.
type Firewall struct {
	Enabled bool     `json:"enabled"`
	Allowed []string `json:"allowed"` // IPv4 addresses and networks
}

// Autoscaler is how a cluster's autoscaler differs from its defaults. Empty
// members stand for the default.
type Autoscaler struct {
	Expanders    []string `json:"expanders,omitempty"`
	UnneededTime string   `json:"unneeded_time,omitempty"` // like "10m0s"
	Utilization  float64  `json:"utilization,omitempty"`   // a share of a node, 0 to 1
}

// Expanders are how an autoscaler may choose the pool that grows.
var Expanders = []string{"random", "priority", "least_waste"}

// Component is a part of a cluster that can be switched on and off.
type Component struct {
	Key  string // DigitalOcean's
	Name string
}

// Components are the parts that can be switched.
var Components = []Component{
	{"routing_agent", "Routing agent"},
	{"amd_gpu_device_plugin", "AMD GPU device plugin"},
	{"amd_gpu_device_metrics_exporter_plugin", "AMD device metrics exporter"},
	{"nvidia_gpu_device_plugin", "Nvidia GPU device plugin"},
	{"rdma_shared_dev_plugin", "RDMA shared device plugin"},
}

// UpdateParams are the parameters of UpdateCluster. What is nil stays as it is.
type UpdateParams struct {
	Name         *string         `json:"name,omitempty"`
	Tags         *[]string       `json:"tags,omitempty"` // those that people set
	HA           *bool           `json:"ha,omitempty"`
	AutoUpgrade  *bool           `json:"auto_upgrade,omitempty"`
	SurgeUpgrade *bool           `json:"surge_upgrade,omitempty"`
	Maintenance  *Maintenance    `json:"maintenance,omitempty"`
	Firewall     *Firewall       `json:"firewall,omitempty"`
	Autoscaler   *Autoscaler     `json:"autoscaler,omitempty"`
	Components   map[string]bool `json:"components,omitempty"` // those that change
}

// Applied returns settings with the update's changes.
func (p UpdateParams) Applied(s Settings) Settings {
	set(&s.AutoUpgrade, p.AutoUpgrade)
	set(&s.SurgeUpgrade, p.SurgeUpgrade)
	set(&s.Maintenance, p.Maintenance)
	set(&s.Firewall, p.Firewall)
	set(&s.Autoscaler, p.Autoscaler)
	s.Components = maps.Clone(s.Components)
	for key, on := range p.Components {
		if s.Components == nil {
			s.Components = map[string]bool{}
		}
		s.Components[key] = on
	}
	return s
}

// Update is what to ask for so that settings become as in after. What stays as
// it is is not spoken of.
func (s Settings) Update(after Settings) UpdateParams {
	p := UpdateParams{
		AutoUpgrade: Changed(s.AutoUpgrade, after.AutoUpgrade), SurgeUpgrade: Changed(s.SurgeUpgrade, after.SurgeUpgrade),
		Maintenance: Changed(s.Maintenance, after.Maintenance), Components: maps.Clone(after.Components),
	}
	if !sameFirewall(s.Firewall, after.Firewall) {
		p.Firewall = &after.Firewall
	}
	if !sameAutoscaler(s.Autoscaler, after.Autoscaler) {
		p.Autoscaler = &after.Autoscaler
	}
	maps.DeleteFunc(p.Components, func(key string, on bool) bool {
		was, known := s.Components[key]
		return known && was == on
	})
	return p
}

// Setting is a setting of a cluster: how pages call it, what it is in words, and
// whether an update speaks of it.
type Setting struct {
	Label string // DigitalOcean's
	Text  func(Settings) string
	Asked func(UpdateParams) bool

	done func(UpdateParams, Settings) bool // nil: where Text says the same
}

// Done reports whether the setting is what an update asks for; one that the
// update does not speak of is.
func (x Setting) Done(p UpdateParams, now Settings) bool {
	switch {
	case !x.Asked(p):
		return true
	case x.done != nil:
		return x.done(p, now)
	}
	return x.Text(p.Applied(now)) == x.Text(now)
}

// ClusterSettings are all settings, in the order in which pages show them. The
// decision on an update rests on those that it speaks of, and it has taken effect
// when each is Done.
var ClusterSettings = append([]Setting{
	{Label: "Automatic upgrades", Text: func(s Settings) string { return OnOff(s.AutoUpgrade) },
		Asked: func(p UpdateParams) bool { return p.AutoUpgrade != nil }},
	{Label: "Surge upgrades", Text: func(s Settings) string { return OnOff(s.SurgeUpgrade) },
		Asked: func(p UpdateParams) bool { return p.SurgeUpgrade != nil }},
	{Label: "Maintenance", Text: func(s Settings) string { return maintenanceText(s.Maintenance) },
		Asked: func(p UpdateParams) bool { return p.Maintenance != nil },
		done: func(p UpdateParams, now Settings) bool { // without a time DigitalOcean chooses one
			return p.Maintenance.Day == now.Maintenance.Day && (p.Maintenance.Start == "" || p.Maintenance.Start == now.Maintenance.Start)
		}},
	{Label: "Control plane firewall", Text: func(s Settings) string { return firewallText(s.Firewall) },
		Asked: func(p UpdateParams) bool { return p.Firewall != nil }},
	autoscaling("Autoscaler's expanders", func(a Autoscaler) string { return orDefault(strings.Join(a.Expanders, ", ")) }),
	autoscaling("Scale-down unneeded time", func(a Autoscaler) string { return orDefault(durationText(a.UnneededTime)) }),
	autoscaling("Scale-down utilization threshold", func(a Autoscaler) string { return shareText(a.Utilization) }),
}, components()...)

// autoscaling is a part of the autoscaler's configuration, which is changed as
// a whole.
func autoscaling(label string, text func(Autoscaler) string) Setting {
	return Setting{Label: label, Text: func(s Settings) string { return text(s.Autoscaler) },
		Asked: func(p UpdateParams) bool { return p.Autoscaler != nil },
		done:  func(p UpdateParams, now Settings) bool { return sameAutoscaler(*p.Autoscaler, now.Autoscaler) }}
}

func components() []Setting {
	list := make([]Setting, len(Components))
	for i, c := range Components {
		list[i] = Setting{Label: c.Name, Text: func(s Settings) string { return componentText(s.Components, c.Key) },
			Asked: func(p UpdateParams) bool { _, asked := p.Components[c.Key]; return asked }}
	}
	return list
}

// SettingFacts says in words what each setting is, always in the same order.
func SettingFacts(s Settings) []Fact {
	list := make([]Fact, len(ClusterSettings))
	for i, x := range ClusterSettings {
		list[i] = Fact{What: x.Label, Value: x.Text(s)}
	}
	return list
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

// sameFirewall reports whether two firewalls let the same through.
func sameFirewall(a, b Firewall) bool { return firewallText(a) == firewallText(b) }

// sameAutoscaler reports whether two configurations mean the same, in whichever
// way their times are written.
func sameAutoscaler(a, b Autoscaler) bool {
	return slices.Equal(a.Expanders, b.Expanders) && a.Utilization == b.Utilization &&
		durationText(a.UnneededTime) == durationText(b.UnneededTime)
}

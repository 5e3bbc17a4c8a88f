package portal

import "strings"

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
		done:  func(p UpdateParams, now Settings) bool { return SameAutoscaler(*p.Autoscaler, now.Autoscaler) }}
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

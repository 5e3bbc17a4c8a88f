package operation

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

// settingForm is how settings are typed: the names of the fields, how they are
// filled in with what there is, and how they are read.
type settingForm struct {
	fields []string
	open   func(form portal.Form, s portal.Settings)
	read   func(f *fieldErrors, form portal.Form, s *portal.Settings)
}

// settingForms are the forms of all of portal.ClusterSettings.
var settingForms = append([]settingForm{
	box("auto_upgrade", func(s *portal.Settings) *bool { return &s.AutoUpgrade }),
	box("surge_upgrade", func(s *portal.Settings) *bool { return &s.SurgeUpgrade }),
	{[]string{"maintenance_day", "maintenance_start"}, openMaintenance, readMaintenance},
	{[]string{"firewall", "firewall_allowed"}, openFirewall, readFirewall},
	{[]string{"expanders", "unneeded_time", "utilization"}, openAutoscaler, readAutoscaler},
}, componentForms()...)

// SettingFields are the names of the fields of settings.
func SettingFields() []string {
	var names []string
	for _, x := range settingForms {
		names = append(names, x.fields...)
	}
	return names
}

// openSettings opens a form with the settings that there are.
func openSettings(form portal.Form, s portal.Settings) {
	for _, x := range settingForms {
		x.open(form, s)
	}
}

// readSettings reads the settings of a new cluster or of one that changes.
func (f *fieldErrors) readSettings(form portal.Form) portal.Settings {
	var s portal.Settings
	for _, x := range settingForms {
		x.read(f, form, &s)
	}
	return s
}

// settingChanges lists how settings differ, in words.
func settingChanges(before, after portal.Settings) []portal.Change {
	var list []portal.Change
	for _, x := range portal.ClusterSettings {
		if was, is := x.Text(before), x.Text(after); was != is {
			list = append(list, portal.Change{What: x.Label, Before: was, After: is})
		}
	}
	return list
}

// box is a setting that is ticked.
func box(field string, of func(*portal.Settings) *bool) settingForm {
	return settingForm{
		fields: []string{field},
		open:   func(form portal.Form, s portal.Settings) { form.Tick(field, *of(&s)) },
		read:   func(_ *fieldErrors, form portal.Form, s *portal.Settings) { *of(s) = form.On(field) },
	}
}

func componentForms() []settingForm {
	list := make([]settingForm, len(portal.Components))
	for i, c := range portal.Components {
		list[i] = settingForm{
			fields: []string{c.Key},
			open: func(form portal.Form, s portal.Settings) {
				if on, known := s.Components[c.Key]; known {
					form.Set(c.Key, portal.OnOff(on))
				}
			},
			read: func(f *fieldErrors, form portal.Form, s *portal.Settings) {
				switch typed := form.Get(c.Key); typed {
				case "on", "off":
					if s.Components == nil {
						s.Components = map[string]bool{}
					}
					s.Components[c.Key] = typed == "on"
				case "": // left to DigitalOcean
				default:
					f.Add(c.Key, "Choose on or off.")
				}
			},
		}
	}
	return list
}

func openMaintenance(form portal.Form, s portal.Settings) {
	form.Set("maintenance_day", s.Maintenance.Day)
	form.Set("maintenance_start", s.Maintenance.Start)
}

func readMaintenance(f *fieldErrors, form portal.Form, s *portal.Settings) {
	m := portal.Maintenance{Day: form.Get("maintenance_day"), Start: form.Get("maintenance_start")}
	s.Maintenance = m
	if m.Day != "" && !slices.Contains(portal.Days, m.Day) {
		f.Add("maintenance_day", "There is no day called %s.", portal.Quote(m.Day))
	}
	if m.Start == "" {
		if m.Day != "" && m.Day != "any" {
			f.Add("maintenance_start", "Enter when the maintenance window begins, like 04:00.")
		}
		return
	}
	if _, err := time.Parse("15:04", m.Start); err != nil || len(m.Start) != len("15:04") {
		f.Add("maintenance_start", "Enter a time like 04:00; this is %s.", portal.Quote(m.Start))
	} else if m.Day == "" {
		f.Add("maintenance_day", "Choose a day, or “any”.")
	}
}

// checkMoved makes sure that a maintenance window does not disappear, which
// DigitalOcean does not allow.
func (f *fieldErrors) checkMoved(before, after portal.Maintenance) {
	if before.Day != "" && after.Day == "" {
		f.Add("maintenance_day", "A maintenance window can be moved, but not removed; choose a day or “any”.")
	}
	if before.Start != "" && after.Start == "" && after.Day == "any" {
		f.Add("maintenance_start", "Enter when the maintenance window begins, like 04:00.")
	}
}

func openAutoscaler(form portal.Form, s portal.Settings) {
	form.Set("expanders", strings.Join(s.Autoscaler.Expanders, ", "))
	form.Set("unneeded_time", s.Autoscaler.UnneededTime)
	if s.Autoscaler.Utilization != 0 {
		form.Set("utilization", strconv.FormatFloat(s.Autoscaler.Utilization, 'g', -1, 64))
	}
}

func readAutoscaler(f *fieldErrors, form portal.Form, s *portal.Settings) {
	a := portal.Autoscaler{Expanders: form.Fields("expanders"), UnneededTime: form.Get("unneeded_time")}
	if len(a.Expanders) > len(portal.Expanders) {
		f.Add("expanders", "Enter each of %s at most once.", strings.Join(portal.Expanders, ", "))
		a.Expanders = nil
	}
	for i, e := range a.Expanders {
		if !slices.Contains(portal.Expanders, e) {
			f.Add("expanders", "There is no expander called %s; choose from %s.", portal.Quote(e), strings.Join(portal.Expanders, ", "))
		} else if slices.Contains(a.Expanders[:i], e) {
			f.Add("expanders", "The expander %s appears twice.", e)
		}
	}
	if a.UnneededTime != "" {
		if d, err := time.ParseDuration(a.UnneededTime); err != nil || d <= 0 || d > 24*time.Hour {
			f.Add("unneeded_time", "Enter a time like 10m or 1m30s, at most 24h; this is %s.", portal.Quote(a.UnneededTime))
		} else {
			a.UnneededTime = d.String()
		}
	}
	if typed := form.Get("utilization"); typed != "" {
		u, err := strconv.ParseFloat(typed, 64)
		if err != nil || !(u > 0 && u <= 1) {
			f.Add("utilization", "Enter a number above 0 and at most 1, like 0.65; this is %s.", portal.Quote(typed))
		} else {
			a.Utilization = u
		}
	}
	s.Autoscaler = a
}

// createSettings puts the settings into the call that makes a cluster. What is
// left to DigitalOcean is not spoken of.
func createSettings(call *doapi.CreateCluster, s portal.Settings) {
	call.AutoUpgrade, call.SurgeUpgrade = s.AutoUpgrade, s.SurgeUpgrade
	if m := s.Maintenance; m.Start != "" {
		call.MaintenancePolicy = &doapi.MaintenancePolicy{Day: m.Day, StartTime: m.Start}
	}
	if w := s.Firewall; w.Enabled {
		call.ControlPlaneFirewall = &doapi.ControlPlaneFirewall{Enabled: true, AllowedAddresses: w.Allowed}
	}
	if a := s.Autoscaler; len(a.Expanders) > 0 || a.UnneededTime != "" || a.Utilization != 0 {
		call.ClusterAutoscalerConfiguration = autoscalerCall(a)
	}
	call.RoutingAgent = plugin(s.Components, "routing_agent", nil)
	call.AMDGPUDevicePlugin = plugin(s.Components, "amd_gpu_device_plugin", nil)
	call.AMDGPUDeviceMetricsExporterPlugin = plugin(s.Components, "amd_gpu_device_metrics_exporter_plugin", nil)
	call.NvidiaGPUDevicePlugin = plugin(s.Components, "nvidia_gpu_device_plugin", nil)
	call.RDMASharedDevPlugin = plugin(s.Components, "rdma_shared_dev_plugin", nil)
}

// updateSettings puts the settings that change into the call. Objects are
// written whole, so what this program does not know of them is said again.
func updateSettings(call *doapi.UpdateCluster, p portal.UpdateParams, now doapi.Cluster) {
	call.AutoUpgrade, call.SurgeUpgrade = p.AutoUpgrade, p.SurgeUpgrade
	if m := p.Maintenance; m != nil {
		call.MaintenancePolicy = &doapi.MaintenancePolicy{Day: m.Day, StartTime: m.Start}
		if now.MaintenancePolicy != nil {
			call.MaintenancePolicy.Extra = now.MaintenancePolicy.Extra
		}
	}
	if w := p.Firewall; w != nil {
		call.ControlPlaneFirewall = &doapi.ControlPlaneFirewall{Enabled: w.Enabled, AllowedAddresses: w.Allowed}
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
	on, asked := components[key]
	if !asked {
		return nil
	}
	p := doapi.Plugin{Enabled: on}
	if now != nil {
		p.Extra = now.Extra
	}
	return &p
}

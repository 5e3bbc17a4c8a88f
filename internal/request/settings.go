package request

import (
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"doksportal/internal/portal"
)

// readSettings reads the settings of a new cluster or of one that changes.
func (f *fieldErrors) readSettings(form portal.Form) portal.Settings {
	s := portal.Settings{
		AutoUpgrade: form.On("auto_upgrade"), SurgeUpgrade: form.On("surge_upgrade"),
		Maintenance: portal.Maintenance{Day: form.Get("maintenance_day"), Start: form.Get("maintenance_start")},
		Firewall:    portal.Firewall{Enabled: form.On("firewall"), Allowed: form.Fields("firewall_allowed")},
		Autoscaler:  f.readAutoscaler(form),
	}
	f.checkMaintenance(s.Maintenance)
	f.checkFirewall(s.Firewall)
	for _, c := range portal.Components {
		switch form.Get(c.Key) {
		case "on", "off":
			if s.Components == nil {
				s.Components = map[string]bool{}
			}
			s.Components[c.Key] = form.Get(c.Key) == "on"
		case "": // left to DigitalOcean
		default:
			f.add(c.Key, "Choose on or off.")
		}
	}
	return s
}

func (f *fieldErrors) checkMaintenance(m portal.Maintenance) {
	if m.Day != "" && !slices.Contains(portal.Days, m.Day) {
		f.add("maintenance_day", "There is no day called %s.", quote(m.Day))
	}
	if m.Start == "" {
		if m.Day != "" && m.Day != "any" {
			f.add("maintenance_start", "Enter when the maintenance window begins, like 04:00.")
		}
		return
	}
	if _, err := time.Parse("15:04", m.Start); err != nil || len(m.Start) != len("15:04") {
		f.add("maintenance_start", "Enter a time like 04:00; this is %s.", quote(m.Start))
	} else if m.Day == "" {
		f.add("maintenance_day", "Choose a day, or “any”.")
	}
}

func (f *fieldErrors) checkFirewall(w portal.Firewall) {
	if len(w.Allowed) > maxAddresses {
		f.add("firewall_allowed", "These are %d addresses; at most %d are allowed.", len(w.Allowed), maxAddresses)
		return
	}
	for _, a := range w.Allowed {
		f.checkAddress("firewall_allowed", a)
	}
	if w.Enabled && len(w.Allowed) == 0 {
		f.add("firewall_allowed", "Enter at least one address; otherwise nobody could reach the cluster.")
	}
}

// firewallWarnings says whom a control plane's firewall lets in that its author
// may not have meant: everybody, or nobody.
func firewallWarnings(w portal.Firewall) []string {
	if !w.Enabled || len(w.Allowed) == 0 {
		return nil
	}
	var list []string
	private := true
	for _, typed := range w.Allowed {
		network, err := netip.ParsePrefix(typed)
		if err != nil {
			address, err := netip.ParseAddr(typed)
			if err != nil {
				return nil // a fault of its own
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		if network.Bits() == 0 {
			list = append(list, "The control plane firewall allows "+typed+", which is every address: it protects nothing.")
		} else if network.Bits() < wideNetwork {
			list = append(list, "The control plane firewall allows "+typed+", which is a large part of the internet.")
		}
		a := network.Addr()
		private = private && network.Bits() > 0 && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast())
	}
	if private {
		list = append(list, "The control plane firewall allows private addresses only. The control plane is reached over the internet, so nobody could reach it, the portal's users included.")
	}
	return list
}

// wideNetwork is the prefix length below which a network is hardly somebody's
// own.
const wideNetwork = 8

func (f *fieldErrors) readAutoscaler(form portal.Form) portal.Autoscaler {
	a := portal.Autoscaler{Expanders: form.Fields("expanders"), UnneededTime: form.Get("unneeded_time")}
	if len(a.Expanders) > len(portal.Expanders) {
		f.add("expanders", "Enter each of %s at most once.", strings.Join(portal.Expanders, ", "))
		a.Expanders = nil
	}
	for i, e := range a.Expanders {
		if !slices.Contains(portal.Expanders, e) {
			f.add("expanders", "There is no expander called %s; there are %s.", quote(e), strings.Join(portal.Expanders, ", "))
		} else if slices.Contains(a.Expanders[:i], e) {
			f.add("expanders", "The expander %s is there twice.", e)
		}
	}
	if a.UnneededTime != "" {
		if d, err := time.ParseDuration(a.UnneededTime); err != nil || d <= 0 || d > 24*time.Hour {
			f.add("unneeded_time", "Enter a time like 10m or 1m30s, at most 24h; this is %s.", quote(a.UnneededTime))
		} else {
			a.UnneededTime = d.String()
		}
	}
	if typed := form.Get("utilization"); typed != "" {
		u, err := strconv.ParseFloat(typed, 64)
		if err != nil || !(u > 0 && u <= 1) {
			f.add("utilization", "Enter a number above 0 and at most 1, like 0.65; this is %s.", quote(typed))
		} else {
			a.Utilization = u
		}
	}
	return a
}

// fillSettings opens a form with the settings that there are.
func fillSettings(form portal.Form, s portal.Settings) {
	form.Tick("auto_upgrade", s.AutoUpgrade)
	form.Tick("surge_upgrade", s.SurgeUpgrade)
	form.Set("maintenance_day", s.Maintenance.Day)
	form.Set("maintenance_start", s.Maintenance.Start)
	form.Tick("firewall", s.Firewall.Enabled)
	form.Set("firewall_allowed", strings.Join(s.Firewall.Allowed, "\n"))
	form.Set("expanders", strings.Join(s.Autoscaler.Expanders, ", "))
	form.Set("unneeded_time", s.Autoscaler.UnneededTime)
	if s.Autoscaler.Utilization != 0 {
		form.Set("utilization", strconv.FormatFloat(s.Autoscaler.Utilization, 'g', -1, 64))
	}
	for _, c := range portal.Components {
		if on, known := s.Components[c.Key]; known {
			form.Set(c.Key, portal.OnOff(on))
		}
	}
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

// changedComponents are those whose state is asked to differ.
func changedComponents(before, after map[string]bool) map[string]bool {
	changed := maps.Clone(after)
	maps.DeleteFunc(changed, func(key string, on bool) bool {
		was, known := before[key]
		return known && was == on
	})
	return changed
}

package portal_test

import (
	"reflect"
	"slices"
	"testing"

	"doksportal/internal/portal"
)

// Whatever an update can ask for is a setting that pages show, that the decision
// rests on, and whose effect is awaited; or is named here.
func TestEverySettingIsInTheTable(t *testing.T) {
	t.Parallel()
	elsewhere := []string{"Name", "Tags", "HA"} // of the cluster, not of its settings
	fields := reflect.TypeFor[portal.UpdateParams]()
	for i := range fields.NumField() {
		f := fields.Field(i)
		if slices.Contains(elsewhere, f.Name) {
			continue
		}
		var p portal.UpdateParams
		v := reflect.ValueOf(&p).Elem().Field(i)
		if f.Type.Kind() == reflect.Map {
			v.Set(reflect.ValueOf(map[string]bool{portal.Components[0].Key: true}))
		} else {
			v.Set(reflect.New(f.Type.Elem()))
		}
		if !slices.ContainsFunc(portal.ClusterSettings, func(x portal.Setting) bool { return x.Asked(p) }) {
			t.Errorf("no setting speaks of %s", f.Name)
		}
	}
}

// A setting is done when it is as asked, and only then.
func TestSettingIsDone(t *testing.T) {
	t.Parallel()
	asked := portal.UpdateParams{
		AutoUpgrade: new(true), SurgeUpgrade: new(true),
		Maintenance: &portal.Maintenance{Day: "monday", Start: "04:00"},
		Firewall:    &portal.Firewall{Enabled: true, Allowed: []string{"192.0.2.1"}},
		Autoscaler:  &portal.Autoscaler{Expanders: []string{"random"}, UnneededTime: "1m", Utilization: 0.50001},
		Components:  map[string]bool{},
	}
	for _, c := range portal.Components {
		asked.Components[c.Key] = true
	}
	var before portal.Settings
	after := asked.Applied(before)
	for _, x := range portal.ClusterSettings {
		if !x.Asked(asked) || x.Done(asked, before) || !x.Done(asked, after) {
			t.Errorf("%s: asked %v, done before %v, done after %v", x.Label, x.Asked(asked), x.Done(asked, before), x.Done(asked, after))
		}
		if !x.Done(portal.UpdateParams{}, before) {
			t.Errorf("%s is awaited though nobody asked for it", x.Label)
		}
	}
	after.Autoscaler.Utilization = 0.50002 // which reads the same
	after.Autoscaler.UnneededTime = "60s"  // which is the same
	after.Maintenance.Start = "05:00"
	for _, x := range portal.ClusterSettings {
		want := x.Label != "Maintenance" && x.Label != "Scale-down utilization threshold" && x.Label != "Scale-down unneeded time" && x.Label != "Autoscaler's expanders"
		if x.Done(asked, after) != want {
			t.Errorf("%s: done is %v", x.Label, !want)
		}
	}
	asked.Maintenance.Start = ""
	for _, x := range portal.ClusterSettings {
		if x.Label == "Maintenance" && !x.Done(asked, after) {
			t.Error("a time that DigitalOcean chose is not taken")
		}
	}
}

// What is asked for to get from some settings to others leads there, and speaks
// of nothing that stays.
func TestUpdateLeadsThere(t *testing.T) {
	t.Parallel()
	all := portal.Settings{
		AutoUpgrade: true, SurgeUpgrade: true, Maintenance: portal.Maintenance{Day: "monday", Start: "04:00"},
		Firewall:   portal.Firewall{Enabled: true, Allowed: []string{"192.0.2.1"}},
		Autoscaler: portal.Autoscaler{Expanders: []string{"random"}}, Components: map[string]bool{"routing_agent": true},
	}
	for _, pair := range [][2]portal.Settings{{{}, all}, {all, {Components: map[string]bool{"routing_agent": false}}}, {all, all}} {
		before, after := pair[0], pair[1]
		p := before.Update(after)
		if !reflect.DeepEqual(portal.SettingFacts(p.Applied(before)), portal.SettingFacts(after)) {
			t.Errorf("from %v to %v: %v", before, after, p)
		}
		for i, x := range portal.ClusterSettings {
			if x.Text(before) == x.Text(after) && x.Asked(p) && i < 4 {
				t.Errorf("%s is asked for although it stays", x.Label)
			}
		}
	}
}

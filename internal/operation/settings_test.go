package operation

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

// allSettings sets every setting that there is.
func allSettings() portal.Settings {
	s := portal.Settings{
		AutoUpgrade: true, SurgeUpgrade: true, Maintenance: portal.Maintenance{Day: "monday", Start: "04:00"},
		Firewall:   portal.Firewall{Enabled: true, Allowed: []string{"203.0.113.7"}},
		Autoscaler: portal.Autoscaler{Expanders: []string{"random"}, UnneededTime: "10m0s", Utilization: 0.5},
		Components: map[string]bool{},
	}
	for _, c := range portal.Components {
		s.Components[c.Key] = true
	}
	return s
}

// unset names the members of a struct that have no value.
func unset(v reflect.Value, name string) []string {
	switch {
	case v.IsZero():
		return []string{name}
	case v.Kind() != reflect.Struct:
		return nil
	}
	var list []string
	for i := range v.NumField() {
		if v.Field(i).CanInterface() {
			list = append(list, unset(v.Field(i), name+"."+v.Type().Field(i).Name)...)
		}
	}
	return list
}

// Every setting that the portal knows is filled into a form and read from it
// again, and is part of both calls.
func TestEverySettingIsTypedAndSent(t *testing.T) {
	t.Parallel()
	all := allSettings()
	if missing := unset(reflect.ValueOf(all), "Settings"); len(missing) > 0 {
		t.Fatalf("this test does not know of %v", missing)
	}
	form := portal.Form{}
	openSettings(form, all)
	var f fieldErrors
	if diff := cmp.Diff(all, f.readSettings(form)); diff != "" || f.Err() != nil {
		t.Errorf("what was read is not what was filled in (%v):\n%s", f.Err(), diff)
	}
	for name := range form {
		delete(form, name)
		if cmp.Equal(all, f.readSettings(form)) {
			t.Errorf("the field %s is not read", name)
		}
		openSettings(form, all)
	}

	create := doapi.CreateCluster{Name: "x", Region: "x", Version: "x", HA: true, Tags: []string{"x"}, VPCUUID: "x", ClusterSubnet: "x", ServiceSubnet: "x", NodePools: make([]doapi.CreateNodePool, 1)}
	createSettings(&create, all)
	if missing := unset(reflect.ValueOf(create), "CreateCluster"); len(missing) > 0 {
		t.Errorf("creating a cluster does not speak of %v", missing)
	}
	update := doapi.UpdateCluster{Name: new("x"), Tags: new([]string), HA: new(bool)}
	updateSettings(&update, portal.Settings{}.Update(all), doapi.Cluster{})
	if missing := unset(reflect.ValueOf(update), "UpdateCluster"); len(missing) > 0 {
		t.Errorf("changing a cluster does not speak of %v", missing)
	}
}

// Fields of settings are those that the table names.
func TestSettingFields(t *testing.T) {
	t.Parallel()
	form := portal.Form{}
	openSettings(form, allSettings())
	for _, name := range SettingFields() {
		if !form.Has(name) {
			t.Errorf("no setting fills %s", name)
		}
		delete(form, name)
	}
	for name := range form {
		t.Errorf("%s is not among the fields of settings", name)
	}
}

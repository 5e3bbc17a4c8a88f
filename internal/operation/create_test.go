package operation

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/portal"
)

// Every parameter of a new cluster is written back into the form and read from it
// again, is a line of the plan, and is part of the call.
func TestEveryParameterOfCreateIsTypedPlannedAndSent(t *testing.T) {
	t.Parallel()
	all := portal.CreateParams{
		Name: "shop", Region: "fra1", Version: "1.35.1-do.0", HA: true, Tags: []string{"blue"}, Environment: portal.Production,
		VPC: "c33931f2-a26a-4e61-b85c-4e95a2ec431b", ClusterSubnet: "10.244.0.0/16", ServiceSubnet: "10.245.0.0/16", Settings: allSettings(),
		Pools: []portal.PoolSpec{{Name: "pool-1", Size: small, Count: 2, AutoScale: true, MinNodes: 2, MaxNodes: 5,
			Labels: map[string]string{"tier": "web"}, Taints: []portal.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}}, Tags: []string{"green"}}},
	}
	if missing := append(unset(reflect.ValueOf(all), "CreateParams"), unset(reflect.ValueOf(all.Pools[0]), "PoolSpec")...); len(missing) > 0 {
		t.Fatalf("this test does not know of %v", missing)
	}
	d := draft(portal.CreateCluster)
	d.Form, d.Revises.Team = portal.Form{}, d.Team
	rewriteCreate(d, portal.Params{Create: &all})
	if f := read(d); len(f) > 0 {
		t.Errorf("what was written back has something wrong with it: %v", f)
	}
	if diff := cmp.Diff(&all, d.Params.Create); diff != "" {
		t.Errorf("what was read is not what was written back:\n%s", diff)
	}

	plan := func(p portal.CreateParams) any { return createChanges(d.Team, p) }
	call := func(p portal.CreateParams) any { return CreateCall(portal.Request{Params: portal.Params{Create: &p}}) }
	for i := range reflect.TypeFor[portal.CreateParams]().NumField() {
		without := all
		reflect.ValueOf(&without).Elem().Field(i).SetZero()
		name := reflect.TypeFor[portal.CreateParams]().Field(i).Name
		if cmp.Equal(plan(all), plan(without)) {
			t.Errorf("the plan does not speak of %s", name)
		}
		if cmp.Equal(call(all), call(without)) {
			t.Errorf("the call does not speak of %s", name)
		}
	}
	for i := range reflect.TypeFor[portal.PoolSpec]().NumField() {
		without, pool := all, all.Pools[0]
		reflect.ValueOf(&pool).Elem().Field(i).SetZero()
		without.Pools = []portal.PoolSpec{pool}
		name := reflect.TypeFor[portal.PoolSpec]().Field(i).Name
		if cmp.Equal(plan(all), plan(without)) && name != "Count" { // of a pool that autoscales only its bounds are told
			t.Errorf("the plan does not speak of a pool's %s", name)
		}
		if cmp.Equal(call(all), call(without)) {
			t.Errorf("the call does not speak of a pool's %s", name)
		}
	}
}

package operation

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"doksportal/internal/portal"
)

// Every parameter of a new cluster is written back into the form and read from it
// again, is a line of the plan, and is part of the call.
func TestEveryParameterOfCreateIsTypedPlannedAndSent(t *testing.T) {
	t.Parallel()
	all := portal.CreateParams{
		Name: "shop", Region: "fra1", Version: "1.35.1-do.0", HA: true, Tags: []string{"blue"}, Environment: portal.Production,
		VPC: "c33931f2-a26a-4e61-b85c-4e95a2ec431b", ClusterSubnet: "10.244.0.0/16", ServiceSubnet: "10.245.0.0/16", Settings: allSettings(), Lease: portal.Lasting{Days: 10},
		Pools: []portal.PoolSpec{{Name: "pool-1", Size: small, Count: 2, AutoScale: true, MinNodes: 2, MaxNodes: 5,
			Labels: map[string]string{"tier": "web"}, Taints: []portal.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}}, Tags: []string{"green"}}},
	}
	oneOf := func(name string) bool { return name == "CreateParams.Lease.Until" } // or Days
	if missing := slices.DeleteFunc(append(unset(reflect.ValueOf(all), "CreateParams"), unset(reflect.ValueOf(all.Pools[0]), "PoolSpec")...), oneOf); len(missing) > 0 {
		t.Fatalf("this test does not know of %v", missing)
	}
	d := draft(portal.CreateCluster)
	d.Form, d.Revises.Team = portal.Form{}, d.Team
	rewriteCreate(d, portal.Params{Create: &all})
	d.Form.Set("justification", "a test")
	if Read(d, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); len(d.Errors) > 0 {
		t.Errorf("what was written back has something wrong with it: %v", d.Errors)
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
		if cmp.Equal(call(all), call(without)) && name != "Lease" { // of which DigitalOcean knows nothing
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

// A form for a new cluster is opened with what most people would choose.
func TestDefaultsOfANewCluster(t *testing.T) {
	t.Parallel()
	open := func(room map[string]int) portal.Form {
		d := &portal.Draft{Operation: portal.CreateCluster, Form: portal.Form{}, Region: "ams3", Room: room, Offer: portal.Options{
			Regions:  []portal.Choice{{Slug: "nyc1"}, {Slug: "ams3"}},
			Versions: []portal.Choice{{Slug: "1.35.1-do.0"}, {Slug: "1.34.4-do.0"}},
			Sizes:    []portal.Size{{Slug: "big", MonthlyCents: 9600}, {Slug: "unpriced"}, {Slug: "small", MonthlyCents: 1200}, {Slug: "tiny", MonthlyCents: 600}},
		}}
		Open(d)
		return d.Form
	}
	f := open(map[string]int{"big": 4, "small": 2, "unpriced": 9, "tiny": 0})
	for name, want := range map[string]string{"region": "ams3", "version": "1.35.1-do.0", "pools[0].size": "small", "pools[0].count": "2", "environment": "", "name": ""} {
		if got := f.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if f = open(nil); f.Get("pools[0].size") != "" || f.Get("pools[0].count") != "3" {
		t.Errorf("before a team is chosen: %v", f)
	}
	if MoreChanged(f) {
		t.Error("what is folded away counts as changed")
	}
	for _, name := range []string{"vpc_uuid", "tags", "maintenance_start", "auto_upgrade"} {
		changed := open(nil)
		changed.Set(name, "true")
		if !MoreChanged(changed) {
			t.Errorf("%s does not count as changed", name)
		}
	}
}

// A cluster like another one has all of its settings but its name and its own
// networks; what DigitalOcean or Kubernetes set by themselves is not asked for.
func TestLikeAnotherCluster(t *testing.T) {
	t.Parallel()
	like := web
	like.HA, like.Details.ClusterSubnet, like.Details.VPC = true, "10.244.0.0/16", "c33931f2-a26a-4e61-b85c-4e95a2ec431b"
	like.Version = "1.35.0-do.3"
	pool := fixed
	pool.Details.Labels = map[string]string{"tier": "web", "doks.digitalocean.com/node-pool": "fixed"}
	like.Pools = []portal.Pool{pool, auto}
	d := &portal.Draft{Operation: portal.CreateCluster, Team: portal.Team{ID: "t1", Slug: "pay"}, Offer: offer, Form: portal.Form{}, Like: like}
	Open(d)
	if f := read(d); len(f) != 1 || f[0].Field != "name" {
		t.Errorf("only the name should be left to type: %v", f)
	}
	want := &portal.CreateParams{Region: "fra1", Version: "1.35.1-do.0", HA: true, Environment: portal.Development, Tags: []string{"blue"},
		VPC: like.Details.VPC, Settings: web.Details.Settings, Pools: []portal.PoolSpec{
			{Name: "fixed", Size: small, Count: 3, Tags: []string{"blue"}, Labels: map[string]string{"tier": "web"},
				Taints: []portal.Taint{{Key: "a", Effect: "NoExecute"}, {Key: "k", Value: "v", Effect: "NoSchedule"}}},
			{Name: "auto", Size: small, Count: 1, AutoScale: true, MinNodes: 1, MaxNodes: 5, Tags: []string{}, Labels: map[string]string{}, Taints: []portal.Taint{}},
		}}
	if diff := cmp.Diff(want, d.Params.Create, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// Every parameter of a new cluster is taken from the one it is to be like, but for
// the name, the subnets and until when it is kept.
func TestEveryParameterOfCreateIsTakenFromTheLikeCluster(t *testing.T) {
	t.Parallel()
	like := web
	like.HA, like.Details.VPC, like.Details.Settings = true, "c33931f2-a26a-4e61-b85c-4e95a2ec431b", allSettings()
	like.Details.ClusterSubnet, like.Details.ServiceSubnet = "10.244.0.0/16", "10.245.0.0/16"
	got := unset(reflect.ValueOf(likeParams(&portal.Draft{Offer: offer, Like: like})), "CreateParams")
	want := []string{"CreateParams.Name", "CreateParams.ClusterSubnet", "CreateParams.ServiceSubnet", "CreateParams.Lease"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is not taken from it:\n%s", diff)
	}
}

// Planned again, a form has what was asked for and not what forms are opened
// with.
func TestRewrittenOverTheDefaults(t *testing.T) {
	t.Parallel()
	d := &portal.Draft{Operation: portal.CreateCluster, Form: portal.Form{}, Offer: offer,
		Revises: portal.Request{ID: "r", Params: portal.Params{Create: &portal.CreateParams{Pools: []portal.PoolSpec{{Name: "p"}}}}}}
	Open(d)
	if d.Form.On("surge_upgrade") {
		t.Error("surge upgrades, which were not asked for, are ticked")
	}
}

package execute_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// liveCount is how many nodes DigitalOcean says a pool should have.
func (b *bundle) liveCount(name string) int {
	b.t.Helper()
	c, err := b.do.GetCluster(context.Background(), b.cluster)
	b.must(err)
	return pool(c, name).Count
}

// A pool that begins to autoscale keeps its nodes as far as its bounds allow,
// and the plan says so. Without being told, DigitalOcean goes to the lower bound.
func TestAutoscalingKeepsNodes(t *testing.T) {
	t.Parallel()
	for bounds, want := range map[[2]string]int{{"1", "5"}: 2, {"1", "1"}: 1, {"3", "4"}: 3} {
		b := richSetup(t)
		ask := onPool(portal.UpdateNodePool, "fixed", "auto_scale", "true", "min_nodes", bounds[0], "max_nodes", bounds[1])
		d, err := b.requests.Plan(context.Background(), b.member, ask(b))
		b.must(err)
		says := strings.Join(d.Plan.Steps, " ")
		if loses := strings.Contains(says, "loses 1 node"); loses != (want < 2) {
			t.Errorf("%v: the plan says %q", bounds, says)
		}
		b.want(b.finish(b.approved(operationCase{ask: ask})), portal.Succeeded)
		if got := b.liveCount("fixed"); got != want {
			t.Errorf("%v: %d nodes, want %d", bounds, got, want)
		}
	}
}

// An autoscaler that works between approval and execution voids what would then
// destroy nodes that nobody saw, and nothing else.
func TestAutoscalerWorksMeanwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		changes []string
		want    portal.State
	}{
		"a label":             {[]string{"labels", "a=b"}, portal.Settling},
		"another name":        {[]string{"name", "other"}, portal.Settling},
		"a fixed number":      {[]string{"auto_scale", "", "count", "1"}, portal.Stale},
		"a lower bound":       {[]string{"max_nodes", "2"}, portal.Stale},
		"a bound high enough": {[]string{"max_nodes", "4"}, portal.Settling},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(operationCase{ask: onPool(portal.UpdateNodePool, "auto", c.changes...)})
			b.autoscale("auto", 3)
			r = b.step(r)
			b.want(r, c.want)
			if c.want == portal.Settling && b.liveCount(r.Params.UpdatePool.Applied(b.poolByID(r.Params.UpdatePool.PoolID)).Name) != 3 {
				t.Error("nodes went that nobody asked to go")
			}
			if c.want == portal.Stale && !strings.Contains(r.Reason, "would lose was 0 nodes") {
				t.Errorf("reason %q", r.Reason)
			}
		})
	}
}

func (b *bundle) poolByID(id string) portal.Pool {
	b.t.Helper()
	p, ok := b.inventory().Pool(id)
	if !ok {
		b.t.Fatalf("no pool %s", id)
	}
	return p
}

// autoscale has a pool grow by itself.
func (b *bundle) autoscale(name string, count int) {
	b.t.Helper()
	_, err := b.do.UpdateNodePool(context.Background(), b.cluster, b.pool1(name).ID, doapi.UpdateNodePool{Count: &count})
	b.must(err)
}

// A list that is stale gives nobody quota that is taken.
func TestStaleList(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(cases[portal.UpdateNodePool]) // from 2 to 4
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStale, Times: -1})
	b.want(b.step(r), portal.Settling)
	b.clock.advance(time.Second)
	b.must(b.syncer.Sync(context.Background()))
	b.wantUsage(7)
}

// A pool whose creation's answer was lost is counted once.
func TestLostPoolIsCountedOnce(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(cases[portal.CreateNodePool])
	b.sim.Inject(dosim.Fault{Operation: "create_node_pool", Kind: dosim.FaultLost})
	b.want(b.step(r), portal.Unknown)
	b.want(b.step(r), portal.Settling)
	b.wantUsage(9)
}

// One look at many clusters takes as many calls as their list has pages.
func TestManyClustersAtOnce(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	ids := []string{b.cluster}
	for i := range 40 {
		ids = append(ids, b.sim.Add(dosim.Seed{Name: fmt.Sprintf("many-%d", i), Region: "fra1", Size: "s-2vcpu-4gb", Count: 1}))
	}
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(context.Background()))
	before := b.sim.CallCount("get_cluster")
	c := cases[portal.AddRegistries]
	c.ask = func(b *bundle) request.SubmitInput {
		ask := onRegistries(portal.AddRegistries, "images")(b)
		ask.Form["clusters"] = ids
		return ask
	}
	b.want(b.finish(b.approved(c)), portal.Succeeded)
	if n := b.sim.CallCount("get_cluster") - before; n != 0 {
		t.Errorf("%d clusters were read one by one", n)
	}
	all, err := b.do.ListClusters(context.Background())
	b.must(err)
	for _, c := range all {
		if !slices.Contains(c.Registries, "images") {
			t.Errorf("%s was left out", c.Name)
		}
	}
}

// Every member of a lost update is looked for.
func TestLostUpdatesOfOneSetting(t *testing.T) {
	t.Parallel()
	for _, change := range [][]string{{"unneeded_time", "7m"}, {"utilization", "0.4"}, {"maintenance_start", "05:00"}, {"tags", "green"}, {"surge_upgrade", ""}, {"routing_agent", "on"}, {"name", "other"}} {
		b := richSetup(t)
		r := b.approved(operationCase{ask: func(b *bundle) request.SubmitInput {
			ask := request.SubmitInput{Operation: portal.UpdateCluster, ClusterID: b.cluster}
			ask.Form = b.opened(ask, change...)
			return ask
		}})
		b.sim.Inject(dosim.Fault{Operation: "update_cluster", Kind: dosim.FaultReset})
		if r = b.finish(r); r.State != portal.Failed {
			t.Errorf("%v: %s although it never arrived", change, r.State)
		}
	}
}

// A request that a replica of an earlier version kept is followed to its end.
func TestRequestsOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.step(b.approved(cases[portal.DeleteCluster]))
	b.want(r, portal.Settling)
	_, err := b.pool.Exec(context.Background(), `UPDATE requests SET target_ids = '{}'`)
	b.must(err)
	b.want(b.step(r), portal.Settling)
	b.want(b.finish(r), portal.Succeeded)
}

// Of two clicks at once on a form without a team, both lead to the one request.
func TestDoubleSubmitWithoutATeam(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	admin := b.person("ada", "admins")
	admin.Roles = []portal.Role{portal.RoleAdmin}
	ask := cases[portal.AddRegistries].ask(b)
	numbers := make([]int64, 8)
	errs := inParallel(len(numbers), func(i int) error {
		r, err := b.requests.Submit(context.Background(), admin, ask)
		numbers[i] = r.Number
		return err
	})
	if successes(errs) != len(numbers) || len(slices.Compact(numbers)) != 1 {
		t.Errorf("requests %v, errors %v", numbers, errs)
	}
}

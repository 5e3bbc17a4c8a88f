package execute_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// growthCases are changes of a pool and how many nodes the team uses while they
// are asked for, and once they are done. It uses 5 before: 2 of fixed and the
// 3 that auto may grow to.
var growthCases = []struct {
	name        string
	pool        string
	change      []string
	asked, done int
}{
	{"more", "fixed", []string{"count", "6"}, 9, 9},
	{"none", "fixed", []string{"count", "0"}, 5, 3},
	{"only a label", "fixed", []string{"labels", "a=b"}, 5, 5},
	{"autoscaling up to more", "fixed", []string{"auto_scale", "true", "min_nodes", "1", "max_nodes", "6"}, 9, 9},
	{"autoscaling within what there is", "fixed", []string{"auto_scale", "true", "min_nodes", "0", "max_nodes", "2"}, 5, 5},
	{"a higher bound", "auto", []string{"max_nodes", "8"}, 10, 10},
	{"a lower bound", "auto", []string{"max_nodes", "1"}, 5, 3},
	{"no autoscaling, fewer", "auto", []string{"auto_scale", "", "count", "1"}, 5, 3},
	{"no autoscaling, more", "auto", []string{"auto_scale", "", "count", "5"}, 7, 7},
}

// Growth counts from the request on, shrinking from when it is seen, and
// nothing ever counts twice.
func TestWhatAPoolCounts(t *testing.T) {
	t.Parallel()
	for _, c := range growthCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(operationCase{ask: onPool(portal.UpdateNodePool, c.pool, c.change...)})
			b.wantUsage(c.asked)
			r = b.step(r)
			b.want(r, portal.Settling)
			b.wantUsage(c.asked)
			for range 20 {
				b.clock.advance(15 * time.Second)
				b.must(b.syncer.Sync(t.Context()))
				b.wantUsage(c.asked)
				if r = b.step(r); r.State.Final() {
					break
				}
				b.wantUsage(c.asked)
			}
			b.want(r, portal.Succeeded)
			b.wantUsage(c.done)
			b.must(b.syncer.Sync(t.Context()))
			b.wantUsage(c.done)
		})
	}
}

// Thirty people who grow pools in the same moment, and replicas that carry it
// out in the same moment, stay within the limit, in the portal and at
// DigitalOcean.
func TestARushOfGrowth(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.behind(func(h hand) {
		for i := range 30 {
			name := fmt.Sprintf("p%d", i)
			h["pools"] = append(h["pools"].([]any), hand{"id": name, "name": name, "size": "s-2vcpu-4gb", "nodes": []any{}})
		}
	})
	b.clock.advance(time.Second)
	b.must(b.syncer.Sync(t.Context()))
	b.wantUsage(5)
	requests := make([]portal.Request, 30)
	errs := inParallel(30, func(i int) error {
		var err error
		requests[i], err = b.requests.Submit(context.Background(), b.member, onPool(portal.UpdateNodePool, fmt.Sprintf("p%d", i), "count", "2")(b))
		return err
	})
	if n := successes(errs); n != 3 {
		t.Errorf("%d got through, there were nodes for 3", n)
	}
	for _, err := range errs {
		if err != nil && portal.FieldErrorsOf(err)[0].Field != "count" {
			t.Errorf("refused: %v", err)
		}
	}
	b.wantUsage(11)
	for _, r := range requests {
		if r.ID != "" {
			b.want(b.finish(b.again(r)), portal.Succeeded)
		}
	}
	c, err := b.do.GetCluster(t.Context(), b.cluster)
	b.must(err)
	if n := c.Portal(b.clock.Now()).Usage().Nodes(); n != 11 {
		t.Errorf("DigitalOcean has %d nodes", n)
	}
}

// However a request that would grow ends, it holds nothing.
func TestEndsOfGrowth(t *testing.T) {
	t.Parallel()
	ends := []struct {
		name string
		end  func(b *bundle, r portal.Request)
		want portal.State
	}{
		{"refused by DigitalOcean", func(b *bundle, r portal.Request) {
			b.sim.Inject(dosim.Fault{Operation: "update_node_pool", Kind: dosim.FaultStatus, Status: 422, ID: "x", Message: "no droplets left"})
			b.step(r)
		}, portal.Failed},
		{"out of date", func(b *bundle, r portal.Request) { b.behind(scale("fixed")); b.step(r) }, portal.Stale},
		{"withdrawn", func(b *bundle, r portal.Request) { b.must(b.requests.Withdraw(b.t.Context(), b.member, r.Number)) }, portal.Withdrawn},
		{"not carried out in time", func(b *bundle, _ portal.Request) {
			b.clock.advance(25 * time.Hour)
			b.must(b.requests.Expire(b.t.Context()))
		}, portal.Stale},
		{"the cluster goes meanwhile", func(b *bundle, r portal.Request) {
			r = b.step(r)
			b.sim.Remove(b.cluster)
			b.step(r)
		}, portal.Failed},
		{"the cluster is gone", func(b *bundle, r portal.Request) { b.sim.Remove(b.cluster); b.step(r) }, portal.Stale},
	}
	for _, tt := range ends {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[portal.UpdateNodePool])
			b.wantUsage(7)
			tt.end(b, r)
			b.want(b.read(r), tt.want)
			b.wantNoReservation(r)
		})
	}
}

// A request that was withdrawn is not carried out by a job that is late.
func TestWithdrawnIsWithdrawn(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(cases[portal.UpdateNodePool])
	b.must(b.requests.Withdraw(t.Context(), b.member, r.Number))
	b.want(b.step(r), portal.Withdrawn)
	b.wantCalls("update_node_pool", 0)
}

// A quota that was cut below what is used is for those who grow. What shrinks
// or stays as large goes on.
func TestAQuotaThatWasCut(t *testing.T) {
	t.Parallel()
	grows := map[portal.OperationID]bool{portal.CreateCluster: true, portal.CreateNodePool: true, portal.UpdateNodePool: true}
	forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
		b := richSetup(t, c.registries...)
		r := b.approved(c)
		_, err := b.pool.Exec(t.Context(), `UPDATE teams SET quota = '{"limits": {"nodes": 1, "nodes/s-2vcpu-4gb": 1}}'`)
		b.must(err)
		if !grows[op] {
			b.want(b.finish(r), portal.Succeeded)
			return
		}
		b.wantStale(b.step(r), op, "It would exceed the team's quota.")
		_, err = b.requests.Submit(t.Context(), b.member, c.ask(b))
		if !portal.Is(err, portal.KindInvalid) || len(portal.FieldErrorsOf(err)) == 0 {
			t.Errorf("asked for again: %v", err)
		}
	})
}

// While the inventory cannot be read, usage stays as it was.
func TestUsageWhileTheInventoryIsIncomplete(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.fails("list_clusters", dosim.FaultStatus)
	b.sim.Remove(b.cluster)
	b.clock.advance(time.Hour)
	b.impatient()
	b.syncer.DO = b.executor.DO
	if err := b.syncer.Sync(t.Context()); err == nil {
		t.Error("nobody is told that DigitalOcean cannot be read")
	}
	b.wantUsage(5)
	state, err := store.Freshness(t.Context(), b.pool)
	b.must(err)
	if state.Failure == "" {
		t.Error("the inventory does not say that it is old")
	}
}

// Growth whose answer was lost is counted once as soon as it was found.
func TestFoundGrowthIsCountedOnce(t *testing.T) {
	t.Parallel()
	for op, usage := range map[portal.OperationID]int{portal.UpdateNodePool: 7, portal.CreateNodePool: 9} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[op])
			b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultLost})
			r = b.step(b.step(r)) // lost, then found
			b.want(r, portal.Settling)
			b.wantUsage(usage)
			r = b.step(r) // and seen to be under way
			b.want(r, portal.Settling)
			b.wantUsage(usage)
		})
	}
}

// A read that shows what there was before does not take growth for undone.
func TestGrowthAndAStaleRead(t *testing.T) {
	t.Parallel()
	for op, usage := range map[portal.OperationID]int{portal.UpdateNodePool: 7, portal.CreateNodePool: 9} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.approved(cases[op])
			b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStale})
			r = b.step(r)
			b.want(r, portal.Settling)
			b.clock.advance(time.Second)
			b.must(b.syncer.Sync(t.Context()))
			b.wantUsage(usage)
		})
	}
}

// Quota and plan go by one moment: whenever a grant ends while somebody asks for what it
// allows, the request is refused, or says that it was planned before.
func TestOneMomentOfAPlan(t *testing.T) {
	t.Parallel()
	b := richSetup(t) // 5 nodes of 12
	r := b.raise("nodes", "14", "sizes", "s-2vcpu-4gb 14")
	b.must(b.decide(b.platform(), r, portal.ReviewApprove))
	b.want(b.step(r), portal.Succeeded)
	team, err := store.TeamByID(t.Context(), b.pool, b.team.ID)
	b.must(err)
	ends := team.Grants[0].Until
	made := 0
	for ticks := range 20 {
		at, now := *b.requests, ends.Add(-time.Duration(ticks)*time.Minute)
		at.Now = func() time.Time { now = now.Add(time.Minute); return now }
		r, err := at.Submit(t.Context(), b.member, createAsk(fmt.Sprint("late-", ticks), 9))
		if err != nil {
			b.wantKind(err, portal.KindInvalid, fmt.Sprintf("%d minutes before the end", ticks))
			continue
		}
		if made++; !r.PlannedAt.Before(ends) {
			t.Errorf("planned at %s by a quota that ended at %s", r.PlannedAt, ends)
		}
		b.must(b.requests.Withdraw(t.Context(), b.member, r.Number))
	}
	if made == 0 || made == 20 {
		t.Errorf("%d of 20 are made: this shows nothing", made)
	}
}

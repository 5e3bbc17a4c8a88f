package execute_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// The nodes that a pool gains are held from the request on and counted once.
func TestGrowthIsCountedOnce(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(cases[portal.UpdateNodePool]) // from 2 to 4
	b.wantUsage(7)
	r = b.step(r)
	b.want(r, portal.Settling)
	b.wantUsage(7)
	b.clock.advance(time.Second)
	b.must(b.syncer.Sync(context.Background()))
	b.wantUsage(7)
	b.want(b.finish(r), portal.Succeeded)
	b.wantUsage(7)
}

// High availability that a cluster gains is held from the request on and counted
// once, also while both the request and the inventory have it.
func TestHighAvailabilityIsCountedOnce(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	_, err := b.pool.Exec(t.Context(), `UPDATE teams SET quota = jsonb_set(quota, '{limits,ha_clusters}', '1')`)
	b.must(err)
	want := func(n int) {
		t.Helper()
		used, err := store.TeamUsage(t.Context(), b.pool, b.team.ID)
		b.must(err)
		if used[portal.HAClusters] != n {
			t.Errorf("%d highly available clusters count, want %d", used[portal.HAClusters], n)
		}
	}
	want(0)
	switchOn := func(b *bundle) request.SubmitInput {
		ask := request.SubmitInput{Operation: portal.UpdateCluster, ClusterID: b.cluster}
		ask.Form = b.opened(ask, "ha", "true")
		return ask
	}
	r := b.approved(operationCase{ask: switchOn})
	want(1)
	r = b.step(r)
	b.want(r, portal.Settling)
	b.clock.advance(time.Second)
	b.must(b.syncer.Sync(t.Context()))
	want(1)
	b.want(b.finish(r), portal.Succeeded)
	want(1)
	second := createAsk("second", 1)
	second.Form.Tick("ha", true)
	_, err = b.requests.Submit(t.Context(), b.member, second)
	if faults := portal.FieldErrorsOf(err); len(faults) != 1 || faults[0].Field != "ha" {
		t.Errorf("a second one: %v", err)
	}
}

// What shrinks is free again only once its nodes are seen to be gone.
func TestShrinkingIsFreeOnceSeen(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(operationCase{ask: onPool(portal.UpdateNodePool, "fixed", "count", "0")})
	b.wantUsage(5)
	r = b.step(r)
	b.want(r, portal.Settling)
	b.wantUsage(5)
	b.clock.advance(time.Second)
	b.must(b.syncer.Sync(context.Background()))
	b.wantUsage(5)
	b.want(b.finish(r), portal.Succeeded)
	b.wantUsage(3)
}

func TestPoolsKeepToTheQuotaUnderARush(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	errs := inParallel(20, func(i int) error {
		_, err := b.requests.Submit(context.Background(), b.member,
			on(portal.CreateNodePool, "name", fmt.Sprintf("rush-%d", i), "size", "s-2vcpu-4gb", "auto_scale", "true", "min_nodes", "0", "max_nodes", "2")(b))
		return err
	})
	if n := successes(errs); n != 3 {
		t.Errorf("%d pools of two nodes each got through, 7 nodes were free", n)
	}
	b.wantUsage(11)
}

// Over quota nothing grows, and everything shrinks.
func TestOverQuota(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	grows := b.approved(cases[portal.UpdateNodePool])
	_, err := b.pool.Exec(context.Background(), `UPDATE teams SET quota = jsonb_set(quota, '{limits,nodes}', '1')`)
	b.must(err)
	b.want(b.step(grows), portal.Stale)
	b.wantCalls("update_node_pool", 0)
	b.wantUsage(5)
	_, err = b.requests.Submit(context.Background(), b.member, cases[portal.CreateNodePool].ask(b))
	if faults := portal.FieldErrorsOf(err); len(faults) == 0 || faults[0].Field != "max_nodes" {
		t.Errorf("growth: %v", err)
	}
	for _, c := range []operationCase{{ask: onPool(portal.UpdateNodePool, "fixed", "count", "1")}, cases[portal.UpdateCluster], cases[portal.DeleteNodePool], cases[portal.DeleteCluster]} {
		b.again(portal.Request{})
		b.want(b.finish(b.approved(c)), portal.Succeeded)
		b.clock.advance(time.Minute)
		b.must(b.syncer.Sync(context.Background()))
	}
	b.wantUsage(0)
}

// However a request ends, what it held is free again.
func TestReservationsEnd(t *testing.T) {
	t.Parallel()
	ends := map[string]func(b *bundle, r portal.Request) error{
		"withdrawn": func(b *bundle, r portal.Request) error {
			return b.requests.Withdraw(context.Background(), b.member, r.Number)
		},
		"rejected": func(b *bundle, r portal.Request) error {
			return b.requests.Review(context.Background(), b.approver, request.ReviewInput{Number: r.Number, Decision: portal.ReviewReject, Comment: "no", Revision: r.Revision, Digest: r.Digest})
		},
		"expired": func(b *bundle, r portal.Request) error {
			b.clock.advance(8 * 24 * time.Hour)
			return b.requests.Expire(context.Background())
		},
	}
	for name, end := range ends {
		b := richSetup(t)
		_, err := b.pool.Exec(context.Background(), `UPDATE clusters SET environment = 'production'`)
		b.must(err)
		r, err := b.requests.Submit(context.Background(), b.member, cases[portal.CreateNodePool].ask(b))
		b.must(err)
		b.wantUsage(9)
		b.must(end(b, r))
		b.want(b.read(r), portal.State(name))
		b.wantUsage(5)
	}
}

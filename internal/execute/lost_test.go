package execute_test

import (
	"context"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// lost is a create whose call never arrived.
func (b *bundle) lost() portal.Request {
	b.t.Helper()
	r := b.create("new", 1)
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultReset})
	r = b.step(r)
	b.want(r, portal.Unknown)
	return r
}

// lookedFor has the portal look for a lost cluster until it may be sent once more.
func (b *bundle) lookedFor(r portal.Request) portal.Request {
	b.t.Helper()
	for range portal.ResendLooks {
		r = b.step(r)
		b.clock.advance(portal.ResendAfter / (portal.ResendLooks - 1))
	}
	b.must(b.confirmed())
	return r
}

// A person has a lost create sent once more; it makes one cluster, under the same name
// and tag.
func TestSentOnceMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.lookedFor(b.lost())
	b.must(b.requests.Resend(t.Context(), b.signedIn(b.member), r.Number))
	r = b.step(b.read(r))
	b.want(r, portal.Settling)
	b.clock.advance(6 * time.Minute)
	b.want(b.step(r), portal.Succeeded)
	b.wantCalls("create_cluster", 2)
	b.wantUsage(3)
	all, err := b.do.ListClusters(t.Context())
	b.must(err)
	if len(all) != 2 {
		t.Errorf("%d clusters, want web and new", len(all))
	}
	const trail = "request_submitted execution_intent execution_outcome request_resent execution_intent execution_outcome request_succeeded"
	if got := b.trail(r); got != trail {
		t.Errorf("the trail says %q, want %q", got, trail)
	}
}

func TestNotSentOnceMore(t *testing.T) {
	t.Parallel()
	stranger := func(b *bundle) portal.Actor { return b.person("eve", "pay") }
	for name, test := range map[string]struct {
		prepare func(*bundle) (portal.Request, portal.Actor)
		want    portal.Kind
	}{
		"too early": {func(b *bundle) (portal.Request, portal.Actor) {
			r := b.lost()
			for range 10 {
				r = b.step(r)
			}
			return r, b.signedIn(b.member)
		}, portal.KindConflict},
		"looked twice": {func(b *bundle) (portal.Request, portal.Actor) {
			r := b.step(b.lost())
			b.clock.advance(5 * time.Minute)
			return b.step(r), b.signedIn(b.member)
		}, portal.KindConflict},
		"by another member": {func(b *bundle) (portal.Request, portal.Actor) { return b.lookedFor(b.lost()), stranger(b) }, portal.KindForbidden},
		"an old sign-in": {func(b *bundle) (portal.Request, portal.Actor) {
			a := b.member
			a.SignedInAt = a.SignedInAt.Add(-time.Hour)
			return b.lookedFor(b.lost()), a
		}, portal.KindStepUp},
		"twice": {func(b *bundle) (portal.Request, portal.Actor) {
			r := b.lookedFor(b.lost())
			b.must(b.requests.Resend(t.Context(), b.signedIn(b.member), r.Number))
			b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultReset})
			r = b.step(b.read(r))
			b.want(r, portal.Unknown)
			return b.lookedFor(r), b.signedIn(b.member)
		}, portal.KindConflict},
		"a deletion": {func(b *bundle) (portal.Request, portal.Actor) {
			r := b.approvedDelete()
			b.sim.Inject(dosim.Fault{Operation: "delete_cluster", Kind: dosim.FaultReset})
			r = b.step(r)
			b.want(r, portal.Unknown)
			return b.lookedFor(r), b.signedIn(b.member)
		}, portal.KindConflict},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			r, a := test.prepare(b)
			calls := b.sim.CallCount("create_cluster") + b.sim.CallCount("delete_cluster")
			if err := b.requests.Resend(t.Context(), a, r.Number); !portal.Is(err, test.want) {
				t.Errorf("got %v, want kind %v", err, test.want)
			}
			b.step(b.read(r))
			if now := b.sim.CallCount("create_cluster") + b.sim.CallCount("delete_cluster"); now != calls {
				t.Error("it was sent again")
			}
		})
	}
}

// What shows up before it is sent once more is taken up, and not made twice; also when
// several people ask for it at the same time.
func TestShowsUpBeforeItIsSentOnceMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.lookedFor(b.lost())
	admin := b.person("root", "admins")
	admin.Roles = []portal.Role{portal.RoleAdmin}
	errs := inParallel(4, func(i int) error {
		return b.requests.Resend(context.Background(), []portal.Actor{b.signedIn(b.member), b.signedIn(admin)}[i%2], r.Number)
	})
	if n := successes(errs); n != 1 {
		t.Fatalf("%d of 4 had it sent once more: %v", n, errs)
	}
	b.sim.Add(dosim.Seed{Name: "new", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1, Tags: []string{r.RequestTag()}})
	r = b.step(b.read(r))
	b.want(r, portal.Unknown)
	r = b.step(r)
	b.want(r, portal.Settling)
	b.clock.advance(6 * time.Minute)
	b.want(b.step(r), portal.Succeeded)
	b.wantCalls("create_cluster", 1)
}

// The grace of a lost create runs from the first look that could have found it.
func TestGraceRunsFromTheFirstLook(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.lost()
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStatus, Status: 500, Times: -1})
	for range 3 {
		b.clock.advance(10 * time.Minute)
		r = b.step(r)
		b.want(r, portal.Unknown)
	}
	b.sim.Heal()
	r = b.step(r) // the first complete one
	b.want(r, portal.Unknown)
	b.clock.advance(9 * time.Minute)
	r = b.step(r)
	b.want(r, portal.Unknown)
	b.clock.advance(2 * time.Minute)
	b.want(b.step(r), portal.Failed)
	b.wantCalls("create_cluster", 1)
	b.wantUsage(2)
}

// An admin says which of two clusters a request has made; the other stays nobody's.
func TestChosenOfTwo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultLost})
	r = b.step(r)
	twin := b.sim.Add(dosim.Seed{Name: "twin", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1, Tags: []string{r.RequestTag()}})
	r = b.step(r)
	b.want(r, portal.Unknown)
	b.must(b.syncer.Sync(t.Context()))
	tagged, err := store.ClustersWithTag(t.Context(), b.pool, r.RequestTag())
	b.must(err)
	if len(tagged) != 2 {
		t.Fatalf("%d clusters to choose from, want 2", len(tagged))
	}
	made := tagged[0].ID
	if made == twin {
		made = tagged[1].ID
	}
	admin := b.person("root", "admins")
	admin.Roles = []portal.Role{portal.RoleAdmin}
	for name, test := range map[string]struct {
		by      portal.Actor
		cluster string
		want    portal.Kind
	}{
		"its requester":   {b.signedIn(b.member), made, portal.KindForbidden},
		"another cluster": {b.signedIn(admin), b.cluster, portal.KindInvalid},
		"nothing":         {b.signedIn(admin), "", portal.KindInvalid},
	} {
		if err := b.executor.Choose(t.Context(), test.by, r.Number, test.cluster); !portal.Is(err, test.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	errs := inParallel(4, func(i int) error {
		return b.executor.Choose(context.Background(), b.signedIn(admin), r.Number, []string{made, twin}[i%2])
	})
	if n := successes(errs); n != 1 {
		t.Fatalf("%d of 4 chose a cluster: %v", n, errs)
	}
	r = b.read(r)
	b.want(r, portal.Settling)
	b.clock.advance(6 * time.Minute)
	r = b.step(r)
	b.want(r, portal.Succeeded)
	for _, id := range []string{made, twin} {
		c, err := store.Cluster(t.Context(), b.pool, id)
		b.must(err)
		if want := map[bool]string{true: b.team.ID}[id == r.TargetID]; c.TeamID != want {
			t.Errorf("cluster %s is of team %q, want %q", c.Name, c.TeamID, want)
		}
	}
	b.wantCalls("create_cluster", 1)
}

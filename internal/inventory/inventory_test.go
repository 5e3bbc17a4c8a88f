package inventory_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

func TestFirstSight(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.syncer.Sync(t.Context()))
	b.wantFresh(b.clock.Now())
	b.wantClusters("old:1 web:3 ")
	c := b.cluster(b.web)
	if c.Region != "fra1" || !c.HA || !slices.Contains(c.Tags, "blue") || c.State != portal.ClusterRunning || !c.Details.Settings.SurgeUpgrade ||
		!c.SeenAt.Equal(b.clock.Now()) || len(c.Pools) != 1 || c.Pools[0].Size != "s-2vcpu-4gb" || len(c.Pools[0].Nodes) != 3 {
		t.Errorf("web is kept as %+v", c)
	}
	if c.TeamID != "" || c.Environment != "" || !c.Protected {
		t.Errorf("a cluster that nobody has assigned is of team %q, %q, protected: %t", c.TeamID, c.Environment, c.Protected)
	}
	offer, err := store.Offer(t.Context(), b.pool)
	b.must(err)
	if !offer.AsOf.Equal(b.clock.Now()) || offer.Options.Empty() {
		t.Errorf("what DigitalOcean offers is not kept: %+v", offer)
	}
}

// What DigitalOcean says is taken over; what the portal itself says of a
// cluster is left alone.
func TestChange(t *testing.T) {
	t.Parallel()
	b := read(t)
	b.sim.Resize(b.web, 5)
	b.sim.SetState(b.web, "degraded", "the control plane is slow")
	added := b.sim.Add(dosim.Seed{Name: "new", Region: "ams3", Size: "s-2vcpu-4gb", Count: 2})
	b.must(b.syncer.Sync(t.Context()))
	b.wantFresh(b.clock.Now())
	b.wantClusters("new:2 old:1 web:5 ")
	c := b.cluster(b.web)
	if c.State != "degraded" || c.StateMessage != "the control plane is slow" || len(c.Pools[0].Nodes) != 5 || !c.SeenAt.Equal(b.clock.Now()) {
		t.Errorf("web is kept as %+v", c)
	}
	if c.TeamID != b.team.ID || c.Environment != portal.Staging || c.Protected {
		t.Errorf("web is of team %q, %q, protected: %t", c.TeamName, c.Environment, c.Protected)
	}
	if c := b.cluster(added); c.TeamID != "" || !c.Protected {
		t.Errorf("the new one is of team %q, protected: %t", c.TeamName, c.Protected)
	}
}

func TestNothingChanged(t *testing.T) {
	t.Parallel()
	b := read(t)
	before := []portal.Cluster{b.cluster(b.web), b.cluster(b.old)}
	for range 3 {
		b.must(b.syncer.Sync(t.Context()))
		b.clock.advance(time.Minute)
	}
	after := []portal.Cluster{b.cluster(b.web), b.cluster(b.old)}
	for i := range after {
		after[i].SeenAt = before[i].SeenAt
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if list := b.trail(); len(list) > 0 {
		t.Errorf("on the trail: %+v", list)
	}
	if n := b.sim.CallCount("get_cluster"); n > 0 {
		t.Errorf("%d clusters of the list are asked for again", n)
	}
}

// A deletion by somebody else's hand is on the trail once, as what is missing
// from the team that owned the cluster.
func TestDisappearance(t *testing.T) {
	t.Parallel()
	b := read(t)
	b.sim.Remove(b.web)
	at := b.clock.Now()
	for range 2 {
		b.must(b.syncer.Sync(t.Context()))
		b.clock.advance(time.Minute)
	}
	b.wantClusters("old:1 ")
	if c := b.cluster(b.web); !c.GoneAt.Equal(at) || c.TeamID != b.team.ID {
		t.Errorf("web: gone at %s, of team %q", c.GoneAt, c.TeamName)
	}
	list := b.trail()
	if len(list) != 1 || list[0].Kind != portal.EventClusterGone || list[0].Target.ID != b.web || list[0].TeamID != b.team.ID ||
		!list[0].At.Equal(at) || !strings.Contains(list[0].Summary, "web") {
		t.Errorf("on the trail: %+v", list)
	}
}

// When anything cannot be read, nothing changes, and the inventory says that it
// is old and why. Afterwards it catches up.
func TestIncompleteReading(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]dosim.Fault{
		"refused list":         {Operation: "list_clusters", Kind: dosim.FaultStatus, Status: 500, Message: "we are sorry"},
		"second page":          {Operation: "list_clusters", Kind: dosim.FaultStatus, Status: 503, Page: "2"},
		"cut list":             {Operation: "list_clusters", Kind: dosim.FaultCut},
		"list that is no JSON": {Operation: "list_clusters", Kind: dosim.FaultRubbish},
		"no connection":        {Operation: "*", Kind: dosim.FaultReset},
		"refused token":        {Operation: "*", Kind: dosim.FaultStatus, Status: 401, ID: "Unauthorized", Message: "Unable to authenticate you"},
		"options":              {Operation: "list_options", Kind: dosim.FaultStatus, Status: 500},
		"cluster asked for":    {Operation: "get_cluster", Kind: dosim.FaultStatus, Status: 500},
		"cluster that is hid":  {Operation: "get_cluster", Kind: dosim.FaultStatus, Status: 403, ID: "Forbidden", Message: "You are not allowed"},
		"no word of a cluster": {Operation: "get_cluster", Kind: dosim.FaultReset},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			for i := 0; fault.Page != "" && i < 200; i++ { // more than a page
				b.sim.Add(dosim.Seed{Name: "many", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
			}
			b.must(b.syncer.Sync(t.Context()))
			readAt, before := b.clock.Now(), b.clusters()
			b.clock.advance(time.Hour) // the options are old too
			b.sim.Resize(b.old, 7)
			b.sim.Remove(b.web)
			fault.Times = -1
			b.sim.Inject(fault)
			if err := b.syncer.Sync(t.Context()); err == nil || strings.Contains(err.Error(), token) {
				t.Errorf("the syncer says %v", err)
			}
			if b.clusters() != before {
				t.Error("what it has is not what it had")
			}
			f := b.freshness()
			if !f.CompleteAt.Equal(readAt) || !f.AttemptedAt.Equal(b.clock.Now()) || f.Failure == "" || strings.Contains(f.Failure, token) {
				t.Errorf("it says %+v, want that it is of %s", f, readAt)
			}
			if !strings.Contains(f.Failure, fault.Message) {
				t.Errorf("it does not say why: %q", f.Failure)
			}
			if list := b.trail(); len(list) > 0 {
				t.Errorf("on the trail: %+v", list)
			}
			b.sim.Heal()
			b.clock.advance(time.Minute)
			b.must(b.syncer.Sync(t.Context()))
			b.wantFresh(b.clock.Now())
			if c := b.cluster(b.old); b.cluster(b.web).GoneAt.IsZero() || c.Pools[0].Count != 7 {
				t.Error("it does not catch up")
			}
		})
	}
}

// A failure of the portal's own is not put down to DigitalOcean.
func TestReadingThatCannotBeKept(t *testing.T) {
	t.Parallel()
	b := read(t)
	readAt := b.clock.Now().Add(-time.Minute)
	b.sim.Resize(b.web, 5)
	b.syncer.DO = interrupted{b.syncer.DO, func() {
		_, err := dbtest.Owner(t).Exec(t.Context(), `ALTER TABLE node_pools RENAME TO elsewhere`)
		b.must(err)
	}}
	if err := b.syncer.Sync(t.Context()); err == nil {
		t.Error("the syncer does not say that it failed")
	}
	if f := b.freshness(); !f.CompleteAt.Equal(readAt) || !strings.Contains(f.Failure, "the portal could not keep") {
		t.Errorf("it says %+v", f)
	}
}

// A list can be stale, or miss a cluster that moved from a page to the one
// before. What is asked for by its id is there, and is kept as it is now.
func TestClusterMissingFromTheList(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStale, Times: -1}) // without the third
	third := b.sim.Add(dosim.Seed{Name: "third", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	client := b.syncer.DO
	c, err := client.GetCluster(t.Context(), third)
	b.must(err)
	b.tx(func(tx pgx.Tx) error { return store.UpsertCluster(t.Context(), tx, c.Portal(b.clock.Now())) })
	b.clock.advance(time.Minute)
	b.sim.Resize(third, 4)
	b.must(b.syncer.Sync(t.Context()))
	b.wantClusters("old:1 third:4 web:3 ")
	b.wantFresh(b.clock.Now())
	if list := b.trail(); len(list) > 0 {
		t.Errorf("on the trail: %+v", list)
	}
}

// What an execution has seen since the list was asked for is newer than it.
func TestNewerKnowledgeStays(t *testing.T) {
	t.Parallel()
	b := read(t)
	made := b.cluster(b.old)
	made.ID, made.Name = "33333333-0000-4000-8000-000000000000", "made"
	b.syncer.DO = interrupted{b.syncer.DO, func() {
		b.clock.advance(time.Second)
		newer := b.cluster(b.web)
		newer.Pools[0].Count = 9
		newer.SeenAt, made.SeenAt = b.clock.Now(), b.clock.Now()
		b.tx(func(tx pgx.Tx) error {
			return errors.Join(store.UpsertCluster(t.Context(), tx, newer), store.UpsertCluster(t.Context(), tx, made))
		})
	}}
	b.must(b.syncer.Sync(t.Context()))
	b.wantClusters("made:1 old:1 web:9 ")
}

// What changes seldom is asked for seldom, by all replicas together.
func TestOptions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.syncer.Sync(t.Context()))
	for range 4 {
		b.clock.advance(time.Minute)
		b.must(b.replica(b.url).Sync(t.Context()))
	}
	if n := b.sim.CallCount("list_options"); n != 1 {
		t.Errorf("the options were asked for %d times within five minutes", n)
	}
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	if n := b.sim.CallCount("list_options"); n != 2 {
		t.Errorf("the options were asked for %d times, want again after five minutes", n)
	}
}

// Several replicas that read at the same time end with what there is, and tell
// of a disappearance and of a change once.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	b := read(t)
	for range 30 {
		b.sim.Add(dosim.Seed{Name: "many", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	}
	b.sim.Remove(b.web)
	b.sim.Resize(b.old, 6)
	var listed, all sync.WaitGroup
	const replicas = 4
	listed.Add(replicas)
	errs := make([]error, replicas)
	for i := range errs {
		s := b.replica(b.url)
		s.DO = interrupted{s.DO, func() { listed.Done(); listed.Wait() }}
		all.Go(func() { errs[i] = s.Sync(t.Context()) })
	}
	all.Wait()
	b.must(errors.Join(errs...))
	b.wantClusters(strings.Repeat("many:1 ", 30) + "old:6 ")
	b.wantFresh(b.clock.Now())
	if list := b.trail(); len(list) != 2 { // of the size of old, too
		t.Errorf("%d events, want 2: %+v", len(list), list)
	}
}

// A reading that took longer than the next one changes nothing of what that
// has found.
func TestOvertakenReading(t *testing.T) {
	t.Parallel()
	b := read(t)
	slow, quick := b.replica(b.url), b.replica(b.url)
	slow.DO = interrupted{slow.DO, func() {
		b.clock.advance(time.Minute)
		b.sim.Resize(b.old, 6)
		b.sim.Remove(b.web)
		b.must(quick.Sync(t.Context()))
	}}
	b.must(slow.Sync(t.Context()))
	b.wantFresh(b.clock.Now())
	b.wantClusters("old:6 ")
}

// Who locks clusters in the order of their ids never waits in a circle with the
// inventory, also when it has one of them for gone.
func TestLocksInOrder(t *testing.T) {
	t.Parallel()
	for gone, left := range map[string]string{webID: "old:5 ", oldID: "web:5 "} {
		t.Run("leaves "+left, func(t *testing.T) {
			t.Parallel()
			b := read(t)
			b.sim.Resize(b.web, 5)
			b.sim.Resize(b.old, 5)
			b.sim.Remove(gone)
			synced := make(chan error, 1)
			b.tx(func(tx pgx.Tx) error {
				if err := store.LockClusters(t.Context(), tx, []string{b.web}); err != nil {
					return err
				}
				go func() { synced <- b.syncer.Sync(context.WithoutCancel(t.Context())) }()
				b.awaitWaiting()
				return store.LockClusters(t.Context(), tx, []string{b.old})
			})
			b.must(<-synced)
			b.wantClusters(left)
		})
	}
}

// awaitWaiting waits until somebody waits for a lock.
func (b *bundle) awaitWaiting() {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		var waiting bool
		b.must(b.pool.QueryRow(b.t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting))
		if waiting {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatal("nobody waits for a lock")
		}
	}
}

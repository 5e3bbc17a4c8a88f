package inventory_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// rows are the versions of all rows of clusters and pools, by what they are of.
func (b *bundle) rows() map[string]string {
	b.t.Helper()
	type row struct{ What, Version string }
	list, err := db.All(b.t.Context(), b.pool, pgx.RowToStructByName[row], `
		SELECT 'cluster ' || name AS what, xmin::text || ctid::text AS version FROM clusters
		UNION ALL SELECT 'pool ' || name, xmin::text || ctid::text FROM node_pools`)
	b.must(err)
	rows := map[string]string{}
	for _, r := range list {
		rows[r.What] = r.Version
	}
	return rows
}

// A reading that finds nothing new writes none of the clusters, and yet what they
// are is known to be so since then.
func TestNothingIsWrittenForNothing(t *testing.T) {
	t.Parallel()
	b := read(t)
	before := b.rows()
	for range 3 {
		b.clock.advance(time.Minute)
		b.must(b.syncer.Sync(t.Context()))
	}
	if diff := cmp.Diff(before, b.rows()); diff != "" || len(before) != 4 {
		t.Errorf("%d rows, of which were written: %s", len(before), diff)
	}
	b.wantFresh(b.clock.Now())
	if c := b.cluster(b.web); !c.SeenAt.Equal(b.clock.Now()) {
		t.Errorf("web is known to be so since %s, want %s", c.SeenAt, b.clock.Now())
	}
}

// Of what changes only the rows are written that are other than before.
func TestOnlyWhatChangedIsWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	two := b.sim.Add(dosim.Seed{Name: "two", Region: "fra1", Pools: []dosim.SeedPool{{Name: "first", Size: "s-2vcpu-4gb", Count: 1}, {Name: "second", Size: "s-2vcpu-4gb", Count: 1}}})
	b.must(b.syncer.Sync(t.Context()))
	before := b.rows()
	b.clock.advance(time.Minute)
	b.sim.Resize(two, 2)
	b.must(b.syncer.Sync(t.Context()))
	var written []string
	after := b.rows()
	for _, what := range []string{"cluster old", "cluster two", "cluster web", "pool first", "pool old-pool", "pool second", "pool web-pool"} {
		if before[what] != after[what] {
			written = append(written, what)
		}
	}
	if diff := cmp.Diff([]string{"cluster two", "pool first"}, written); diff != "" {
		t.Error(diff)
	}
}

// What was seen before the newest reading of all, which did not write it again
// because it had not changed, is not taken back.
func TestOlderKnowledgeIsRefused(t *testing.T) {
	t.Parallel()
	b := read(t)
	older := b.cluster(b.web)
	older.SeenAt, older.Name = b.clock.Now(), "earlier"
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.tx(func(tx pgx.Tx) error { return store.UpsertCluster(t.Context(), tx, older) })
	b.wantClusters("old:1 web:3 ")
	older.SeenAt = b.clock.Now()
	b.tx(func(tx pgx.Tx) error { return store.UpsertCluster(t.Context(), tx, older) })
	b.wantClusters("earlier:3 old:1 ")
}

// What an execution has seen of a pool is not mistaken for what the last reading
// said: the next one puts it right.
func TestPoolSeenInBetween(t *testing.T) {
	t.Parallel()
	b := read(t)
	pool := b.cluster(b.web).Pools[0]
	pool.Count = 9
	b.tx(func(tx pgx.Tx) error { return store.UpsertPool(t.Context(), tx, b.web, pool, b.clock.Now()) })
	b.wantClusters("old:1 web:9 ")
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.wantClusters("old:1 web:3 ")
}

// A cluster that is known to be gone is not brought back by a list that is stale.
func TestGoneClusterInAStaleList(t *testing.T) {
	t.Parallel()
	b := read(t)
	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStale, Times: 2}) // with web
	b.sim.Remove(b.web)
	b.tx(func(tx pgx.Tx) error {
		_, err := store.MarkClusterGone(t.Context(), tx, b.web, b.clock.Now())
		return err
	})
	for range 3 {
		b.clock.advance(time.Minute)
		b.must(b.syncer.Sync(t.Context()))
		b.wantClusters("old:1 ")
	}
	if list := b.trail(); len(list) > 0 {
		t.Errorf("on the trail: %+v", list)
	}
}

// pages are open pages, each of which follows one feed.
type pages struct {
	t    *testing.T
	b    *bundle
	wake map[events.Feed]<-chan struct{}
}

func (b *bundle) open(feeds ...events.Feed) *pages {
	b.t.Helper()
	hub := events.NewHub(b.pool, slog.New(slog.DiscardHandler))
	p := &pages{b.t, b, map[events.Feed]<-chan struct{}{}}
	for _, feed := range append(feeds, "heard") {
		p.wake[feed], _ = hub.Subscribe(feed)
	}
	ctx, stop := context.WithCancel(b.t.Context())
	b.t.Cleanup(stop)
	go hub.Run(ctx)
	for feed := range p.wake { // the hub's first word
		p.await(feed)
	}
	return p
}

func (p *pages) await(feed events.Feed) {
	p.t.Helper()
	select {
	case <-p.wake[feed]:
	case <-time.After(time.Minute):
		p.t.Fatalf("nobody hears of %s", feed)
	}
}

// want checks which pages have heard of something by now.
func (p *pages) want(what string, feeds ...events.Feed) {
	p.t.Helper()
	p.b.tx(func(tx pgx.Tx) error { return events.Publish(context.Background(), tx, "heard") })
	p.await("heard") // comes last
	for _, feed := range feeds {
		p.await(feed)
	}
	for feed, wake := range p.wake {
		if len(wake) > 0 {
			<-wake
			p.t.Errorf("%s: pages hear of %s", what, feed)
		}
	}
}

// Pages hear of what they show, and of nothing else: not of a reading that finds
// nothing new. That reading fails, or works again, all of them hear once.
func TestPagesHearOfWhatChanged(t *testing.T) {
	t.Parallel()
	b := read(t)
	web, old, team := events.Cluster(b.web), events.Cluster(b.old), events.Team(b.team.ID)
	p := b.open(web, old, team, events.Inventory, events.Readings)
	b.must(b.syncer.Sync(t.Context()))
	p.want("nothing new")
	b.sim.Resize(b.web, 5)
	b.must(b.syncer.Sync(t.Context()))
	p.want("another size", web, team, events.Inventory)
	added := b.sim.Add(dosim.Seed{Name: "new", Region: "ams3", Size: "s-2vcpu-4gb", Count: 2})
	b.must(b.syncer.Sync(t.Context()))
	p.want("a new cluster", events.Inventory)
	b.sim.Remove(added)
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	p.want("one that is gone", events.Inventory)

	b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStatus, Status: 500, Times: -1})
	for _, heard := range [][]events.Feed{{events.Readings}, nil} {
		if err := b.syncer.Sync(t.Context()); !doapi.IsUnavailable(err) {
			t.Fatal(err)
		}
		p.want("a reading that failed", heard...)
	}
	b.sim.Heal()
	b.must(b.syncer.Sync(t.Context()))
	p.want("one that works again", events.Readings)
	b.tx(func(tx pgx.Tx) error { return store.AssignCluster(t.Context(), tx, b.old, b.team.ID, portal.Staging) })
	b.sim.SetState(b.old, "degraded", "")
	b.must(b.syncer.Sync(t.Context()))
	p.want("a state", old, team, events.Inventory)
}

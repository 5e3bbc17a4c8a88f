package inventory_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/inventory"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const token = "dop_v1_canary"

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// bundle is an inventory before a simulated DigitalOcean that has the clusters
// web, which team pay owns once it is seen, and old.
type bundle struct {
	t        *testing.T
	pool     *pgxpool.Pool
	clock    *clock
	sim      *dosim.Sim
	url      string // of sim
	syncer   *inventory.Syncer
	team     portal.Team
	web, old string
}

// The ids of the clusters, in their order.
const (
	webID = "11111111-0000-4000-8000-000000000000"
	oldID = "22222222-0000-4000-8000-000000000000"
)

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, pool: dbtest.New(t), clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, web: webID, old: oldID}
	b.sim = dosim.New(dosim.Config{Token: token, Now: b.clock.Now, Limits: dosim.Limits{PerHour: -1, PerMinute: -1}})
	server := httptest.NewServer(b.sim)
	t.Cleanup(server.Close)
	b.url, b.syncer = server.URL, b.replica(server.URL)
	b.sim.Add(dosim.Seed{ID: webID, Name: "web", Region: "fra1", HA: true, Tags: []string{"blue"}, Size: "s-2vcpu-4gb", Count: 3})
	b.sim.Add(dosim.Seed{ID: oldID, Name: "old", Region: "nyc1", Size: "s-4vcpu-8gb", Count: 1})
	b.team = portal.Team{ID: uuid.NewString(), Slug: "pay", Name: "Payments", MemberGroup: "pay", ApproverGroup: "pay-approvers"}
	b.tx(func(tx pgx.Tx) error { return store.InsertTeam(t.Context(), tx, b.team, b.clock.Now()) })
	return b
}

// read is setup with an inventory that has been read a minute ago.
func read(t *testing.T) *bundle {
	t.Helper()
	b := setup(t)
	b.must(b.syncer.Sync(t.Context()))
	b.tx(func(tx pgx.Tx) error { return store.AssignCluster(t.Context(), tx, b.web, b.team.ID, portal.Staging) })
	b.clock.advance(time.Minute)
	return b
}

// replica returns the syncer of another process. Its client does not wait
// between attempts.
func (b *bundle) replica(url string) *inventory.Syncer {
	b.t.Helper()
	noWait := func(context.Context, time.Duration) error { return nil }
	client, err := doapi.New(url, token, doapi.Clock(b.clock.Now, noWait))
	b.must(err)
	return &inventory.Syncer{Pool: b.pool, DO: client, Now: b.clock.Now}
}

// interrupted reads clusters as the client does; then something happens before
// the syncer goes on.
type interrupted struct {
	inventory.Reader
	then func()
}

func (i interrupted) ListClusters(ctx context.Context) ([]doapi.Cluster, error) {
	list, err := i.Reader.ListClusters(ctx)
	i.then()
	return list, err
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) tx(fn func(pgx.Tx) error) {
	b.t.Helper()
	b.must(db.WithTx(context.Background(), b.pool, fn))
}

func (b *bundle) cluster(id string) portal.Cluster {
	b.t.Helper()
	c, err := store.Cluster(b.t.Context(), b.pool, id)
	b.must(err)
	return c
}

// clusters shows what there is, each as name:nodes.
func (b *bundle) clusters() string {
	b.t.Helper()
	list, err := store.Clusters(b.t.Context(), b.pool, store.ClusterFilter{All: true, Limit: 1000})
	b.must(err)
	text := ""
	for _, c := range list {
		text += fmt.Sprintf("%s:%d ", c.Name, c.Nodes())
	}
	return text
}

func (b *bundle) wantClusters(want string) {
	b.t.Helper()
	if got := b.clusters(); got != want {
		b.t.Errorf("the inventory has %q, want %q", got, want)
	}
}

func (b *bundle) freshness() portal.Freshness {
	b.t.Helper()
	f, err := store.Freshness(b.t.Context(), b.pool)
	b.must(err)
	return f
}

// wantFresh checks that the inventory says it was read completely at a time.
func (b *bundle) wantFresh(at time.Time) {
	b.t.Helper()
	if f := b.freshness(); !f.CompleteAt.Equal(at) || !f.AttemptedAt.Equal(at) || f.Failure != "" {
		b.t.Errorf("it says %+v, want that it is of %s", f, at)
	}
}

// trail are the events that the inventory has recorded, newest first, but for those of
// what it saw for the first time.
func (b *bundle) trail() []portal.Event {
	b.t.Helper()
	list, err := audit.Search(b.t.Context(), b.pool, portal.EventFilter{But: portal.EventClusterAppeared, Limit: 100})
	b.must(err)
	return list
}

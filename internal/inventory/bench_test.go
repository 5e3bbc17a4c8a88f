package inventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/events"
	"doksportal/internal/inventory"
)

// What an account has in BenchmarkSync: all that DigitalOcean lists on three pages.
const (
	accountClusters = 500
	accountPools    = 4 // of each cluster
)

// BenchmarkSync reads 500 clusters with 2,000 pools, of which nothing has changed, a
// tenth, or all, in turn. For each it reports the processor time of the portal, its
// heap at the most beyond what it was before, the rows written, and how many open
// pages are told, of which each cluster has one. It compares the time with that of a
// reading that finds all changed, and of asking DigitalOcean alone.
func BenchmarkSync(b *testing.B) {
	a := newAccount(b)
	cost := map[string]*cost{"unchanged": {}, "tenth": {}, "all": {}}
	changes := map[string]int{"unchanged": 0, "tenth": 10, "all": 1}
	var list time.Duration
	for b.Loop() {
		list += a.ask()
		for name, every := range changes {
			a.change(every)
			cost[name].add(a.sync())
		}
	}
	for name, c := range cost {
		n := float64(b.N)
		b.ReportMetric(float64(c.cpu)/n/float64(time.Millisecond), name+"-cpu-ms")
		b.ReportMetric(float64(c.rows)/n, name+"-rows")
		b.ReportMetric(float64(c.told)/n, name+"-told")
		b.ReportMetric(float64(c.heap)/(1<<20), name+"-MiB")
	}
	b.ReportMetric(float64(cost["unchanged"].cpu)/float64(cost["all"].cpu), "unchanged/all")
	b.ReportMetric(float64(cost["unchanged"].cpu)/float64(list), "unchanged/list")
	if c := cost["unchanged"]; c.rows > b.N || c.told > 0 {
		b.Errorf("%d readings that found nothing new wrote %d rows and told %d pages", b.N, c.rows, c.told)
	}
	b.ReportMetric(0, "ns/op")
}

// cost is what readings took: all together, but for the heap.
type cost struct {
	cpu        time.Duration
	rows, told int
	heap       uint64
}

func (c *cost) add(d cost) {
	c.cpu, c.rows, c.told, c.heap = c.cpu+d.cpu, c.rows+d.rows, c.told+d.told, max(c.heap, d.heap)
}

// account is a portal before a DigitalOcean of many clusters, with open pages.
type account struct {
	b      *testing.B
	pool   *pgxpool.Pool // of one connection, whose statistics it is
	syncer *inventory.Syncer
	pages  [][]byte
	list   []map[string]any
	now    time.Time
	open   []<-chan struct{}
	heard  <-chan struct{}
}

func newAccount(b *testing.B) *account {
	b.Helper()
	cfg := dbtest.New(b).Config().Copy()
	cfg.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(b.Context(), cfg)
	must(b, err)
	b.Cleanup(pool.Close)
	a := &account{b: b, pool: pool, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	a.fill()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		if strings.HasSuffix(r.URL.Path, "/clusters") {
			_, _ = w.Write(a.pages[page-1])
			return
		}
		_, _ = w.Write([]byte(`{"options":{},"sizes":[],"meta":{"total":0}}`))
	}))
	b.Cleanup(server.Close)
	client, err := doapi.New(server.URL, token)
	must(b, err)
	a.syncer = &inventory.Syncer{Pool: pool, DO: client, Now: func() time.Time { return a.now }}
	a.render()
	must(b, a.syncer.Sync(b.Context()))
	a.openPages()
	return a
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// fill takes the clusters from a simulator, which would otherwise be measured too.
func (a *account) fill() {
	sim := dosim.New(dosim.Config{Token: token, Limits: dosim.Limits{PerHour: -1, PerMinute: -1}})
	for i := range accountClusters {
		seed := dosim.Seed{ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", i), Name: fmt.Sprintf("cluster-%d", i), Region: "fra1", Tags: []string{"blue"}}
		for k := range accountPools {
			seed.Pools = append(seed.Pools, dosim.SeedPool{Name: fmt.Sprintf("pool-%d", k), Size: "s-2vcpu-4gb", Count: 3, MinNodes: 1, MaxNodes: 9, Labels: map[string]string{"tier": "web"}})
		}
		sim.Add(seed)
	}
	for page := 1; len(a.list) < accountClusters; page++ {
		recorder := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(a.b.Context(), http.MethodGet, fmt.Sprintf("/v2/kubernetes/clusters?page=%d&per_page=200", page), nil)
		req.Header.Set("Authorization", "Bearer "+token)
		sim.ServeHTTP(recorder, req)
		var answer struct {
			Clusters []map[string]any `json:"kubernetes_clusters"`
		}
		must(a.b, json.Unmarshal(recorder.Body.Bytes(), &answer))
		a.list = append(a.list, answer.Clusters...)
	}
}

// change has the autoscaler add or remove a node of each pool of every so many
// clusters; of none when that is 0.
func (a *account) change(every int) {
	for i := 0; every > 0 && i < len(a.list); i += every {
		for _, pool := range a.list[i]["node_pools"].([]any) {
			p := pool.(map[string]any)
			nodes := p["nodes"].([]any)
			if len(nodes) > 2 {
				nodes = nodes[1:]
			} else {
				nodes = append(slices.Clone(nodes), map[string]any{"id": fmt.Sprintf("node-%d", a.now.UnixNano()), "status": map[string]any{"state": "running"}})
			}
			p["nodes"], p["count"] = nodes, len(nodes)
		}
	}
	a.render()
}

func (a *account) render() {
	a.pages = nil
	for page := range slices.Chunk(a.list, 200) {
		text, err := json.Marshal(map[string]any{"kubernetes_clusters": page, "meta": map[string]any{"total": len(a.list)}})
		must(a.b, err)
		a.pages = append(a.pages, text)
	}
	a.now = a.now.Add(time.Second)
}

// openPages opens the page of each cluster.
func (a *account) openPages() {
	hub := events.NewHub(a.pool, slog.New(slog.DiscardHandler))
	for _, c := range a.list {
		wake, _ := hub.Subscribe(events.Cluster(c["id"].(string)), events.Readings)
		a.open = append(a.open, wake)
	}
	a.heard, _ = hub.Subscribe("heard")
	ctx, stop := context.WithCancel(a.b.Context())
	a.b.Cleanup(stop)
	go hub.Run(ctx)
	<-a.heard // the hub's first word
	for _, wake := range a.open {
		<-wake
	}
}

// ask is the processor time of the list alone.
func (a *account) ask() time.Duration {
	before := processorTime()
	list, err := a.syncer.DO.ListClusters(a.b.Context())
	must(a.b, err)
	if len(list) != accountClusters {
		a.b.Fatalf("%d clusters are listed", len(list))
	}
	return processorTime() - before
}

// sync reads once and says what that took.
func (a *account) sync() cost {
	runtime.GC()
	rows, cpu, heap := a.rows(), processorTime(), heapNow()
	stop := make(chan struct{})
	most := make(chan uint64)
	go watchHeap(stop, most)
	must(a.b, a.syncer.Sync(a.b.Context()))
	c := cost{cpu: processorTime() - cpu}
	close(stop)
	c.heap = max(<-most, heap) - heap
	c.rows = a.rows() - rows
	must(a.b, db.WithTx(a.b.Context(), a.pool, func(tx pgx.Tx) error { return events.Publish(a.b.Context(), tx, "heard") }))
	<-a.heard // comes last
	for _, wake := range a.open {
		if len(wake) > 0 {
			<-wake
			c.told++
		}
	}
	return c
}

// rows is how many rows were written so far, of any table of the portal's.
func (a *account) rows() int {
	_, err := a.pool.Exec(a.b.Context(), `SELECT pg_stat_force_next_flush()`)
	must(a.b, err)
	n, err := db.One(a.b.Context(), a.pool, pgx.RowTo[int], `SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::int FROM pg_stat_user_tables`)
	must(a.b, err)
	return n
}

func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func heapNow() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// watchHeap looks at the heap until it is stopped, then says how large it was at the
// most.
func watchHeap(stop <-chan struct{}, most chan<- uint64) {
	var found uint64
	for tick := time.NewTicker(time.Millisecond); ; {
		select {
		case <-stop:
			tick.Stop()
			most <- found
			return
		case <-tick.C:
			found = max(found, heapNow())
		}
	}
}

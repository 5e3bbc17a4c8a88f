package execute_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/inventory"
	"doksportal/internal/portal"
)

// drifted lists what has been told since a time that no request explains, and moves the
// time on.
func (b *bundle) drifted(since *time.Time) []portal.Event {
	b.t.Helper()
	var list []portal.Event
	for _, kind := range []portal.EventKind{portal.EventClusterAppeared, portal.EventClusterDrifted, portal.EventClusterGone} {
		found, err := audit.Search(context.Background(), b.pool, portal.EventFilter{Kind: kind, From: *since, Limit: 100})
		b.must(err)
		list = append(list, found...)
	}
	*since = b.clock.Now().Add(time.Second)
	return list
}

// sync reads the inventory. Nothing is awaited meanwhile.
func (b *bundle) sync() {
	b.t.Helper()
	b.clock.advance(time.Second)
	b.must(b.syncer.Sync(context.Background()))
}

// What requests do is no drift: neither while it is under way, nor when the lists that
// are read meanwhile and right after still show what was there before.
func TestRequestsAreNoDrift(t *testing.T) {
	t.Parallel()
	for _, stale := range []bool{false, true} {
		t.Run(fmt.Sprintf("stale %t", stale), func(t *testing.T) {
			t.Parallel()
			forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
				b := richSetup(t, c.registries...)
				b.sync()
				since := b.clock.Now().Add(time.Second)
				r := b.approved(c)
				if stale {
					b.sim.Inject(dosim.Fault{Operation: "list_clusters", Kind: dosim.FaultStale, Times: -1})
				}
				for range 40 {
					if r = b.step(r); r.State.Final() {
						break
					}
					b.sync()
					b.clock.advance(time.Minute)
					b.sync() // which may see what is done before the execution does
				}
				b.want(r, portal.Succeeded)
				b.sync()
				b.sim.Heal()
				for range 6 {
					b.sync()
					b.clock.advance(time.Minute)
				}
				b.wantDone(c)
				b.wantUsage(c.usage)
				if list := b.drifted(&since); len(list) > 0 {
					t.Errorf("told as drift: %+v", list)
				}
			})
		})
	}
}

// What somebody else changes while a request is carried out is drift, though what the
// execution sees is in the inventory first. It names the request.
func TestDriftDuringARequest(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.sync()
	since := b.clock.Now().Add(time.Second)
	r := b.approved(cases[portal.UpdateCluster])
	r = b.step(r)
	name, count := "fixed", 4
	_, err := b.do.UpdateNodePool(t.Context(), b.cluster, b.pool1("fixed").ID, doapi.UpdateNodePool{Name: &name, Count: &count})
	b.must(err)
	r = b.finish(r)
	b.want(r, portal.Succeeded)
	if n := b.pool1("fixed").Count; n != 4 {
		t.Fatalf("the execution has seen %d nodes", n)
	}
	b.sync()
	list := b.drifted(&since)
	if len(list) != 1 || list[0].Kind != portal.EventClusterDrifted || list[0].TeamID != b.team.ID {
		t.Fatalf("told as drift: %+v", list)
	}
	if want := fmt.Sprintf("Pool fixed: Nodes from 2 to 4. Not explained by #%d", r.Number); !strings.HasSuffix(list[0].Summary, want) {
		t.Errorf("it says %q, want %q", list[0].Summary, want)
	}
}

// One value that is set back to what it was hides nothing else that was changed.
func TestSetBackHidesNothingElse(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.sync()
	since := b.clock.Now().Add(time.Second)
	pool := b.pool1("fixed")
	b.want(b.finish(b.approved(operationCase{ask: onPool(portal.UpdateNodePool, "fixed", "count", "3")})), portal.Succeeded)
	b.sync()
	count, auto := pool.Count, b.pool1("auto")
	_, err := b.do.UpdateNodePool(t.Context(), b.cluster, pool.ID, doapi.UpdateNodePool{Name: &pool.Name, Count: &count})
	b.must(err)
	most := auto.MaxNodes + 1
	_, err = b.do.UpdateNodePool(t.Context(), b.cluster, auto.ID, doapi.UpdateNodePool{Name: &auto.Name, MaxNodes: &most})
	b.must(err)
	b.sync()
	if list := b.drifted(&since); len(list) != 1 || !strings.Contains(list[0].Summary, "Pool auto") {
		t.Errorf("told as drift: %+v", list)
	}
}

// A pool that carries the tag of a request, which anybody at DigitalOcean can read and
// write, is not taken for the one that the request has made.
func TestPoolWithTheTagOfAnother(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.sync()
	since := b.clock.Now().Add(time.Second)
	r := b.finish(b.approved(cases[portal.CreateNodePool]))
	b.want(r, portal.Succeeded)
	_, err := b.do.CreateNodePool(t.Context(), b.cluster, doapi.CreateNodePool{Name: "hidden", Size: "s-2vcpu-4gb", Count: 1, Tags: []string{r.RequestTag()}})
	b.must(err)
	b.sync()
	if list := b.drifted(&since); len(list) != 1 || !strings.Contains(list[0].Summary, "hidden") {
		t.Errorf("told as drift: %+v", list)
	}
}

// That somebody takes back what a request has done cannot be told from a stale answer
// at first. Once it can, it is drift.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.sync()
	since := b.clock.Now().Add(time.Second)
	pool := b.pool1("fixed")
	r := b.finish(b.approved(operationCase{ask: onPool(portal.UpdateNodePool, "fixed", "count", "3")}))
	b.want(r, portal.Succeeded)
	b.sync()
	name, count := pool.Name, pool.Count
	_, err := b.do.UpdateNodePool(t.Context(), b.cluster, pool.ID, doapi.UpdateNodePool{Name: &name, Count: &count})
	b.must(err)
	b.sync()
	if list := b.drifted(&since); len(list) > 0 {
		t.Errorf("told at once: %+v", list)
	}
	b.clock.advance(3 * time.Minute)
	b.sync()
	if list := b.drifted(&since); len(list) != 1 || !strings.Contains(list[0].Summary, "Pool fixed: Nodes from 3 to 2") {
		t.Errorf("told as drift: %+v", list)
	}
	b.sync()
	if list := b.drifted(&since); len(list) > 0 {
		t.Errorf("told again: %+v", list)
	}
}

// What was taken back while nothing could be read, long after a request, is told by the
// first reading.
func TestTakenBackMeanwhile(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.sync()
	since := b.clock.Now().Add(time.Second)
	pool := b.pool1("fixed")
	r := b.step(b.approved(operationCase{ask: onPool(portal.UpdateNodePool, "fixed", "count", "3")}))
	b.want(r, portal.Settling)
	b.sync()
	r = b.finish(r)
	b.want(r, portal.Succeeded)
	name, count := pool.Name, pool.Count
	_, err := b.do.UpdateNodePool(t.Context(), b.cluster, pool.ID, doapi.UpdateNodePool{Name: &name, Count: &count})
	b.must(err)
	b.clock.advance(10 * time.Minute)
	b.sync()
	if list := b.drifted(&since); len(list) != 1 || !strings.Contains(list[0].Summary, "Pool fixed: Nodes from 3 to 2") {
		t.Errorf("told as drift: %+v", list)
	}
}

// frozen is DigitalOcean whose answers are all stale.
type frozen struct {
	inventory.Reader
	list []doapi.Cluster
}

func (f frozen) ListClusters(context.Context) ([]doapi.Cluster, error) { return f.list, nil }

func (f frozen) GetCluster(_ context.Context, id string) (doapi.Cluster, error) {
	for _, c := range f.list {
		if c.ID == id {
			return c, nil
		}
	}
	return doapi.Cluster{}, errors.New("there is no such cluster")
}

// A cluster that a request has deleted does not come back by answers from before, and
// is told when it is still there afterwards.
func TestDeletedClusterInStaleAnswers(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.sync()
	since := b.clock.Now().Add(time.Second)
	list, err := b.do.ListClusters(t.Context())
	b.must(err)
	r := b.finish(b.approved(cases[portal.DeleteCluster]))
	b.want(r, portal.Succeeded)
	b.syncer.DO = frozen{b.do, list}
	for range 3 {
		b.sync()
		if b.inventory().GoneAt.IsZero() {
			t.Fatal("it has come back")
		}
	}
	if list := b.drifted(&since); len(list) > 0 {
		t.Errorf("told: %+v", list)
	}
	b.clock.advance(3 * time.Minute)
	b.sync()
	if list := b.drifted(&since); len(list) != 1 || list[0].Kind != portal.EventClusterAppeared || !b.inventory().GoneAt.IsZero() {
		t.Errorf("told: %+v", list)
	}
}

// A cluster whose request was given up, because nobody saw it, is told when it shows,
// with the request that its tag names.
func TestClusterOfAFailedRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	since := b.clock.Now().Add(time.Second)
	r := b.create("late", 1)
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO executions (request_id, attempt, intent_at, outcome) VALUES ($1, 1, now(), 'unknown')`, r.ID)
		if err == nil {
			_, err = tx.Exec(t.Context(), `UPDATE requests SET state = $1 WHERE id = $2`, portal.Failed, r.ID)
		}
		return err
	}))
	b.sim.Add(dosim.Seed{Name: "late", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1, Tags: []string{r.RequestTag()}})
	b.clock.advance(time.Hour)
	b.sync()
	list := b.drifted(&since)
	if len(list) != 1 || list[0].Kind != portal.EventClusterAppeared || !strings.HasSuffix(list[0].Summary, fmt.Sprintf("Not explained by #%d", r.Number)) {
		t.Errorf("told: %+v", list)
	}
}

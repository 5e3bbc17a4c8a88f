package execute_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/jobs"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// BenchmarkStart measures, on a system that is idle, how long it takes from the
// last approval until DigitalOcean is called: the target is looked at live and
// the intent committed in between. It compares that with a bare job of the same
// queue, from the transaction that adds it until it runs. It reports the medians,
// the longest, and how many times as long the portal takes; also while twenty calls of
// four other people hang at DigitalOcean.
func BenchmarkStart(b *testing.B) {
	b.Run("idle", func(b *testing.B) { measureStart(b, newStarter(b)) })
	b.Run("while20CallsHang", func(b *testing.B) {
		p := newStarter(b)
		p.hang(20)
		measureStart(b, p)
	})
}

func measureStart(b *testing.B, p *starter) {
	b.Helper()
	bare := newBare(b)
	var reviewed, least []time.Duration
	for b.Loop() {
		b.StopTimer()
		r := p.pending(p.replaceCluster())
		idle()
		b.StartTimer()
		reviewed = append(reviewed, p.approve(r))
		idle() // counts, so that there are some thirty rounds
		least = append(least, bare.run())
	}
	full, floor := median(reviewed), median(least)
	b.ReportMetric(milliseconds(full), "review-to-call-ms")
	b.ReportMetric(milliseconds(floor), "bare-job-ms")
	b.ReportMetric(milliseconds(reviewed[len(reviewed)-1]), "longest-ms")
	b.ReportMetric(float64(full)/float64(floor), "of-bare")
}

// idle lasts longer than the queue waits between two fetches.
func idle() { time.Sleep(100 * time.Millisecond) }

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// starter is a portal with a queue, and notes when it calls.
type starter struct {
	*bundle
	called  chan time.Time
	hung    chan struct{} // a call for each create
	release chan struct{} // creates hang until it is closed
}

func newStarter(b *testing.B) *starter {
	b.Helper()
	p := &starter{bundle: setup(b), called: make(chan time.Time, 1), hung: make(chan struct{}, 100), release: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			p.called <- time.Now()
		}
		if r.Method == http.MethodPost {
			p.hung <- struct{}{}
			<-p.release
		}
		p.sim.ServeHTTP(w, r)
	}))
	b.Cleanup(server.Close)
	var err error
	p.executor.DO, err = doapi.New(server.URL, token)
	p.must(err)
	p.executor.Pace.Settle = time.Hour // what follows the call disturbs nothing
	queue, err := jobs.New(p.pool, slog.New(slog.DiscardHandler), time.Now, p.executor.Advance, nil)
	p.must(err)
	p.must(queue.Start(b.Context()))
	b.Cleanup(func() { p.must(queue.Stop(context.Background())) })
	b.Cleanup(func() { close(p.release) })
	p.requests.Jobs = queue
	return p
}

// hang has so many creates of several people wait for DigitalOcean.
func (p *starter) hang(calls int) {
	p.t.Helper()
	const each = 5
	_, err := p.pool.Exec(p.t.Context(), `UPDATE teams SET quota = '{}'`)
	p.must(err)
	for i := range calls {
		_, err := p.requests.Submit(p.t.Context(), p.person(fmt.Sprintf("other-%d", i/each), "pay"), createAsk(fmt.Sprintf("hangs-%d", i), 1))
		p.must(err)
	}
	for range calls {
		<-p.hung
	}
}

// replaceCluster gives the team another cluster than the last.
func (p *starter) replaceCluster() request.SubmitInput {
	p.t.Helper()
	p.sim.Remove(p.cluster)
	p.cluster = p.sim.Add(dosim.Seed{Name: "web", Region: "fra1", Size: "s-2vcpu-4gb", Count: 2})
	p.clock.advance(time.Minute)
	p.must(p.syncer.Sync(p.t.Context()))
	p.must(db.WithTx(p.t.Context(), p.pool, func(tx pgx.Tx) error {
		return store.AssignCluster(p.t.Context(), tx, p.cluster, p.team.ID, portal.Production)
	}))
	p.member, p.approver = p.person("ann", "pay"), p.person("bob", "pay-approvers")
	return p.deleteAsk()
}

// pending asks for something that needs an approval.
func (p *starter) pending(ask request.SubmitInput) portal.Request {
	p.t.Helper()
	r, err := p.requests.Submit(p.t.Context(), p.member, ask)
	p.must(err)
	p.want(r, portal.Pending)
	return r
}

// approve returns how long after an approval the portal calls.
func (p *starter) approve(r portal.Request) time.Duration {
	p.t.Helper()
	p.must(p.requests.Review(p.t.Context(), p.approver, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest}))
	approved := time.Now()
	return max((<-p.called).Sub(approved), 0)
}

// bare is another portal with a queue, whose steps of requests do nothing.
type bare struct {
	*bundle
	queue   *jobs.Queue
	request portal.Request
	started chan time.Time
}

func newBare(b *testing.B) *bare {
	b.Helper()
	p := &bare{bundle: setup(b), started: make(chan time.Time, 1)}
	p.request = p.create("shop", 1)
	var err error
	p.queue, err = jobs.New(p.pool, slog.New(slog.DiscardHandler), time.Now, func(context.Context, string) (time.Duration, bool) {
		p.started <- time.Now()
		return 0, false
	}, nil)
	p.must(err)
	p.must(p.queue.Start(b.Context()))
	b.Cleanup(func() { p.must(p.queue.Stop(context.Background())) })
	return p
}

// run returns how long after its transaction a job runs.
func (p *bare) run() time.Duration {
	p.t.Helper()
	for p.busy() { // a request has one job at a time
		idle()
	}
	p.must(db.WithTx(p.t.Context(), p.pool, func(tx pgx.Tx) error {
		return p.queue.Enqueue(p.t.Context(), tx, p.request.ID)
	}))
	added := time.Now()
	return max((<-p.started).Sub(added), 0)
}

// busy reports whether the last job is not done yet.
func (p *bare) busy() (busy bool) {
	p.t.Helper()
	p.must(p.pool.QueryRow(p.t.Context(), `SELECT EXISTS (SELECT FROM river_job WHERE state <> 'completed')`).Scan(&busy))
	return busy
}

// BenchmarkCampaign plans, submits, approves and carries out a campaign over 200
// clusters, in waves of 50. It reports the time of each, and the calls to DigitalOcean for
// each cluster.
func BenchmarkCampaign(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		p := setup(b)
		f := campaignForm(p.fleet(200, 0, 0), "per_wave", "50", "healthy_minutes", "0")
		b.StartTimer()
		began := time.Now()
		c := p.campaign(f)
		submitted := time.Now()
		p.approveCampaign(c, p.approver)
		approved := time.Now()
		for range 100 {
			if c = p.turn(c, time.Minute); c.State == portal.CampaignEnded {
				break
			}
		}
		if c.State != portal.CampaignEnded {
			b.Fatalf("the campaign is %s: %s", c.State, c.Reason)
		}
		b.ReportMetric(submitted.Sub(began).Seconds(), "plan-and-submit-s")
		b.ReportMetric(approved.Sub(submitted).Seconds(), "approve-s")
		b.ReportMetric(time.Since(approved).Seconds(), "carry-out-s")
		calls := 0
		for _, op := range []string{"list_clusters", "get_cluster", "upgrade_cluster"} {
			calls += p.sim.CallCount(op)
		}
		b.ReportMetric(float64(calls)/200, "calls/cluster")
	}
}

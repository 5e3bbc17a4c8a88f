package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/db"
	"doksportal/internal/db/pgembed"
	"doksportal/internal/jobs"
	"doksportal/internal/portal"
)

// durable is a database that keeps what it is told, as in production.
func durable(b *testing.B) *pgxpool.Pool {
	b.Helper()
	s, err := pgembed.Start(b.Context(), pgembed.Config{Dir: b.TempDir(), Settings: map[string]string{"shared_buffers": "512MB", "max_wal_size": "8GB", "maintenance_work_mem": "512MB"}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Stop() })
	if err := db.Migrate(b.Context(), s.URL(), jobs.Migrate); err != nil {
		b.Fatal(err)
	}
	pool, err := db.Open(b.Context(), s.URL()+"&pool_max_conns=40")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return pool
}

func newBenchTrail(b *testing.B, pool *pgxpool.Pool) (*audit.Trail, audit.Signer) {
	b.Helper()
	key := audittest.NewKey(b)
	trail, err := audit.New(audit.Config{Pool: pool, Signers: []audit.Signer{key}, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	return trail, key
}

var benchEvent = portal.Event{
	Kind: portal.EventApprovedBy, Actor: portal.Person{Identity: portal.Identity{Issuer: "https://idp.example", Subject: "ann"}, Name: "Ann"},
	Target:  portal.EventTarget{Kind: portal.TargetCluster, ID: "8d91899c-0739-4a1a-acc5-deadbeefbb8f", Name: "payments-prod"},
	Summary: "Ann approved #12 (Delete cluster payments-prod): it was agreed", Reason: "it was agreed",
	Data: map[string]any{"digest": "0123456789abcdef0123456789abcdef", "revision": 1, "groups": []string{"payments-approvers"}},
}

// rate has 32 writers do something for some time and returns how often a second.
func rate(b *testing.B, write func(context.Context) error) float64 {
	b.Helper()
	const writers, lasts = 32, 4 * time.Second
	ctx, cancel := context.WithTimeout(b.Context(), lasts)
	defer cancel()
	var done atomic.Int64
	var working sync.WaitGroup
	for range writers {
		working.Go(func() {
			for ctx.Err() == nil {
				if err := write(b.Context()); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	working.Wait()
	return float64(done.Load()) / lasts.Seconds()
}

// BenchmarkAppend compares events that are sequenced and signed with rows that are
// only inserted, by 32 writers, in turns.
func BenchmarkAppend(b *testing.B) {
	pool := durable(b)
	trail, _ := newBenchTrail(b, pool)
	appended := func(ctx context.Context) error {
		return db.WithTx(ctx, pool, func(tx pgx.Tx) error {
			e := benchEvent
			e.At = time.Now()
			return audit.Append(ctx, tx, e)
		})
	}
	plain := func(ctx context.Context) error {
		return db.WithTx(ctx, pool, func(tx pgx.Tx) error {
			e := benchEvent
			e.At = time.Now()
			return audit.InsertAlone(ctx, tx, e)
		})
	}
	var with, without float64
	rounds := 0
	for b.Loop() {
		rounds++
		without += rate(b, plain)
		ctx, stop := context.WithCancel(b.Context())
		var working sync.WaitGroup
		working.Go(func() { trail.Run(ctx) })
		with += rate(b, appended)
		stop()
		working.Wait()
	}
	b.ReportMetric(with/float64(rounds), "events/s")
	b.ReportMetric(with/without, "of-plain-inserts")
}

// BenchmarkLag measures how long an event waits for its number at 500 events a
// second.
func BenchmarkLag(b *testing.B) {
	pool := durable(b)
	trail, _ := newBenchTrail(b, pool)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go trail.Run(ctx)
	const perSecond, lasts = 500, 10 * time.Second
	var lags []time.Duration
	for b.Loop() {
		var mu sync.Mutex
		var committed []time.Time
		var writing sync.WaitGroup
		var before int
		if err := pool.QueryRow(ctx, `SELECT count(*) FROM event_log`).Scan(&before); err != nil {
			b.Fatal(err)
		}
		tick := time.NewTicker(time.Second / perSecond)
		begun, seen := time.Now(), 0
		for next := time.Duration(0); seen < perSecond*int(lasts.Seconds()); {
			<-tick.C
			if time.Since(begun) < lasts {
				writing.Go(func() {
					err := db.WithTx(ctx, pool, func(tx pgx.Tx) error {
						e := benchEvent
						e.At = time.Now()
						return audit.Append(ctx, tx, e)
					})
					if err != nil {
						b.Error(err)
					}
					mu.Lock()
					committed = append(committed, time.Now())
					mu.Unlock()
				})
			}
			if since := time.Since(begun); since > next {
				next = since + 20*time.Millisecond
				var size int
				if err := pool.QueryRow(ctx, `SELECT coalesce(max(number) + 1, 0) FROM event_log`).Scan(&size); err != nil {
					b.Fatal(err)
				}
				mu.Lock()
				for ; seen < min(size-before, len(committed)); seen++ {
					lags = append(lags, time.Since(committed[seen]))
				}
				if since > lasts+5*time.Second || (since > lasts && seen == len(committed)) {
					mu.Unlock()
					break
				}
				mu.Unlock()
			}
		}
		tick.Stop()
		writing.Wait()
	}
	slices.Sort(lags)
	b.ReportMetric(float64(lags[len(lags)/2].Milliseconds()), "ms-median")
	b.ReportMetric(float64(lags[len(lags)*99/100].Milliseconds()), "ms-p99")
	b.ReportMetric(float64(len(lags)), "events")
}

// BenchmarkVerify verifies ten million events, a hundred thousand with -short.
func BenchmarkVerify(b *testing.B) {
	count := 10_000_000
	if testing.Short() {
		count = 100_000
	}
	pool := durable(b)
	trail, key := newBenchTrail(b, pool)
	if _, err := trail.Checkpoint(b.Context()); err != nil { // of nothing, as a portal that goes on since
		b.Fatal(err)
	}
	generate(b, pool, count)
	if _, err := trail.Checkpoint(b.Context()); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	peak := watchHeap(b)
	for b.Loop() {
		r, err := audit.Verify(b.Context(), pool, audit.VerifyOptions{Keys: []string{key.Public}})
		if err != nil || !r.OK() || r.Events != int64(count) {
			b.Fatalf("%+v, %v", r, err)
		}
	}
	b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(peak.Load())/(1<<20), "MiB")
}

// watchHeap notes how much memory the program takes at the most.
func watchHeap(b *testing.B) *atomic.Uint64 {
	var peak atomic.Uint64
	go func() {
		for b.Context().Err() == nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.Sys-m.HeapReleased))
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return &peak
}

// generate fills a trail with events and the tree that belongs to them.
func generate(b *testing.B, pool *pgxpool.Pool, count int) {
	b.Helper()
	for _, sql := range []string{
		`DROP INDEX events_by_kind, events_by_actor, events_by_team, events_by_time, events_by_request, events_by_target, events_by_clusters`,
		fmt.Sprintf(`INSERT INTO events (id, recorded_at, at, kind, outcome, issuer, subject, actor_name, actor_email, actor_groups, session, address, user_agent,
				http_request, team_id, request_id, revision, target_kind, target_id, target_name, summary, reason, data)
			SELECT (rpad(lpad(to_hex(extract(epoch FROM now())::bigint * 1000 + n / 50), 12, '0') || '7' || lpad(to_hex(n %% 50), 3, '0') || '8', 32, '0'))::uuid,
				now() + n * interval '20 microseconds', now(), 'review_approved', 'done', 'https://idp.example.com', 'subject-' || n %% 1000, 'Person ' || n %% 1000,
				'person' || n %% 1000 || '@example.com', '{payments-approvers}', md5(n::text), '10.0.0.1', 'Mozilla/5.0 (X11; Linux x86_64)',
				gen_random_uuid()::text, gen_random_uuid(), gen_random_uuid(), 1, 'cluster', gen_random_uuid()::text, 'payments-prod',
				'Person approved request ' || n || ' (Delete cluster payments-prod)', 'it was agreed', '{"digest":"0123456789abcdef","revision":1}'
			FROM generate_series(0, %d) n`, count-1),
	} {
		if err := unhurried(b, pool, sql); err != nil {
			b.Fatal(err)
		}
	}
	if err := audit.NumberAll(b.Context(), pool); err != nil {
		b.Fatal(err)
	}
	if err := unhurried(b, pool, `VACUUM ANALYZE`); err != nil {
		b.Fatal(err)
	}
}

// unhurried runs what takes longer than other statements may, past the triggers.
func unhurried(b *testing.B, pool *pgxpool.Pool, sql string) error {
	conn, err := pool.Acquire(b.Context())
	if err != nil {
		return err
	}
	defer conn.Release()
	for _, s := range []string{`SET statement_timeout = 0; SET session_replication_role = replica`, sql, `SET statement_timeout = '30s'; RESET session_replication_role`} {
		if _, err := conn.Exec(b.Context(), s); err != nil {
			return err
		}
	}
	return nil
}

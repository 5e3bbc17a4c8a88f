package audit_test

import (
	"context"
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
	if _, err := pool.Exec(b.Context(), audit.AloneTable); err != nil {
		b.Fatal(err)
	}
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

// unhurried runs what takes longer than other statements may, past the triggers.
func unhurried(b testing.TB, pool *pgxpool.Pool, sql string) error {
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

package audit_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// BenchmarkLargeTrail verifies and searches ten million events of two years, a hundred
// thousand with -short. Making them takes most of its time.
func BenchmarkLargeTrail(b *testing.B) {
	count := 10_000_000
	if testing.Short() {
		count = 100_000
	}
	pool := durable(b)
	trail, key := newBenchTrail(b, pool)
	if _, err := trail.Checkpoint(b.Context()); err != nil { // of nothing, as a portal that goes on since
		b.Fatal(err)
	}
	generate(b, pool, count, 729)
	if _, err := trail.Checkpoint(b.Context()); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	b.Run("Verify", func(b *testing.B) {
		peak := watchHeap(b)
		for b.Loop() {
			r, err := audit.Verify(b.Context(), pool, audit.VerifyOptions{Keys: []string{key.Public}})
			if err != nil || !r.OK() || r.Events != int64(count) {
				b.Fatalf("%+v, %v", r, err)
			}
		}
		b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		b.ReportMetric(float64(peak.Load())/(1<<20), "MiB")
	})
	for _, mode := range []string{"auto", "force_generic_plan"} {
		config := pool.Config()
		config.ConnConfig.RuntimeParams["plan_cache_mode"] = mode
		searched, err := pgxpool.NewWithConfig(b.Context(), config)
		if err != nil {
			b.Fatal(err)
		}
		defer searched.Close()
		b.Run("Case/"+mode, func(b *testing.B) { benchCase(b, searched, count) })
		for _, name := range slices.Sorted(maps.Keys(searches)) {
			b.Run("Search/"+mode+"/"+name, func(b *testing.B) { benchSearch(b, searched, searches[name]) })
		}
	}
}

// benchSearch searches for one value after the other, as a page does.
func benchSearch(b *testing.B, pool *pgxpool.Pool, filter func() portal.EventFilter) {
	const values = 100
	var took []time.Duration
	for b.Loop() {
		for range values {
			f := filter()
			f.Limit = 101
			begun := time.Now()
			list, _, err := audit.SearchWithSample(b.Context(), pool, f)
			if err != nil {
				b.Fatalf("%+v: %v", f, err)
			}
			took = append(took, time.Since(begun))
			b.ReportMetric(float64(len(list)), "found")
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}

// benchCase reads the events of one request after the other for its case file, and when
// their actors had signed in.
func benchCase(b *testing.B, pool *pgxpool.Pool, count int) {
	const values = 100
	var took []time.Duration
	for b.Loop() {
		for range values {
			begun := time.Now()
			list, _, err := audit.OfCase(b.Context(), pool, fmt.Sprintf("00000000-0000-7000-9000-%012d", rand.IntN(count/6)), portal.MostCaseEvents)
			if err != nil || len(list) == 0 {
				b.Fatalf("%d events: %v", len(list), err)
			}
			if _, err := audit.SignIns(b.Context(), pool, list, 24*time.Hour); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(begun))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
}

// Values that generated events have.
var (
	somebody = func() portal.Identity {
		return portal.Identity{Issuer: "https://idp.example.com", Subject: fmt.Sprint("person-", rand.IntN(1000))}
	}
	someTeam    = func() string { return fmt.Sprintf("00000000-0000-7000-8000-%012d", rand.IntN(40)) }
	someCluster = func() string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", rand.IntN(5500)) }
	someAddress = func() string { return fmt.Sprint("10.0.", rand.IntN(5), ".", rand.IntN(200)) }
	someDay     = func() time.Time {
		return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -rand.IntN(729)-1)
	}
	someKind = func() portal.EventKind { return portal.Events[rand.IntN(len(portal.Events))].Kind }
)

// searches are each filter alone, combinations of them, and texts.
var searches = map[string]func() portal.EventFilter{
	"all":         func() portal.EventFilter { return portal.EventFilter{} },
	"kind":        func() portal.EventFilter { return portal.EventFilter{Kind: someKind()} },
	"but":         func() portal.EventFilter { return portal.EventFilter{But: someKind()} },
	"outcome":     func() portal.EventFilter { return portal.EventFilter{Result: portal.EventResults[rand.IntN(4)]} },
	"operation":   func() portal.EventFilter { return portal.EventFilter{Operation: portal.Operations()[rand.IntN(30)].ID} },
	"risk":        func() portal.EventFilter { return portal.EventFilter{Risk: portal.Risks[rand.IntN(7)]} },
	"environment": func() portal.EventFilter { return portal.EventFilter{Environment: portal.Environments[rand.IntN(3)]} },
	"actor":       func() portal.EventFilter { return portal.EventFilter{Actor: somebody()} },
	"team":        func() portal.EventFilter { return portal.EventFilter{TeamID: someTeam()} },
	"cluster":     func() portal.EventFilter { return portal.EventFilter{Cluster: someCluster()} },
	"address":     func() portal.EventFilter { return portal.EventFilter{Address: someAddress()} },
	"request":     func() portal.EventFilter { return portal.EventFilter{Request: 1 + rand.Int64N(1000)} },
	"day": func() portal.EventFilter {
		day := someDay()
		return portal.EventFilter{From: day, To: day.AddDate(0, 0, 1)}
	},
	"until": func() portal.EventFilter { return portal.EventFilter{To: someDay()} },
	"since": func() portal.EventFilter { return portal.EventFilter{From: someDay()} },

	"kind+day": func() portal.EventFilter {
		day := someDay()
		return portal.EventFilter{Kind: someKind(), From: day, To: day.AddDate(0, 0, 1)}
	},
	"kind+actor": func() portal.EventFilter { return portal.EventFilter{Kind: someKind(), Actor: somebody()} },
	"kind+actor+day": func() portal.EventFilter {
		day := someDay()
		return portal.EventFilter{Kind: someKind(), Actor: somebody(), From: day, To: day.AddDate(0, 0, 1)}
	},
	"actor+day": func() portal.EventFilter {
		day := someDay()
		return portal.EventFilter{Actor: somebody(), From: day, To: day.AddDate(0, 0, 1)}
	},
	"actor+team":    func() portal.EventFilter { return portal.EventFilter{Actor: somebody(), TeamID: someTeam()} },
	"actor+cluster": func() portal.EventFilter { return portal.EventFilter{Actor: somebody(), Cluster: someCluster()} },
	"actor+outcome": func() portal.EventFilter { return portal.EventFilter{Actor: somebody(), Result: portal.ResultRefused} },
	"team+kind":     func() portal.EventFilter { return portal.EventFilter{TeamID: someTeam(), Kind: someKind()} },
	"team+outcome":  func() portal.EventFilter { return portal.EventFilter{TeamID: someTeam(), Result: portal.ResultFailed} },
	"team+risk":     func() portal.EventFilter { return portal.EventFilter{TeamID: someTeam(), Risk: portal.RiskDangerous} },
	"cluster+kind":  func() portal.EventFilter { return portal.EventFilter{Cluster: someCluster(), Kind: someKind()} },
	"cluster+since": func() portal.EventFilter { return portal.EventFilter{Cluster: someCluster(), From: someDay()} },
	"address+actor": func() portal.EventFilter { return portal.EventFilter{Actor: somebody(), Address: someAddress()} },
	"outcome+kind":  func() portal.EventFilter { return portal.EventFilter{Result: portal.ResultUnknown, Kind: someKind()} },
	"operation+team": func() portal.EventFilter {
		return portal.EventFilter{Operation: portal.GetKubeconfig, TeamID: someTeam()}
	},
	"operation+environment+month": func() portal.EventFilter {
		day := someDay()
		return portal.EventFilter{Operation: portal.GetKubeconfig, Environment: portal.Production, From: day, To: day.AddDate(0, 1, 0)}
	},
	"risk+environment": func() portal.EventFilter {
		return portal.EventFilter{Risk: portal.RiskDangerous, Environment: portal.Production}
	},
	"environment+outcome+since": func() portal.EventFilter {
		return portal.EventFilter{Environment: portal.Production, Result: portal.ResultFailed, From: someDay()}
	},
	"words rare": func() portal.EventFilter {
		return portal.EventFilter{Text: fmt.Sprint("OPS-", 10_000+rand.IntN(80_000))}
	},
	"words common": func() portal.EventFilter { return portal.EventFilter{Text: "person production"} },
	"words name":   func() portal.EventFilter { return portal.EventFilter{Text: fmt.Sprint("web-", rand.IntN(5500))} },
	"words none": func() portal.EventFilter {
		return portal.EventFilter{Text: fmt.Sprint("production nothing", rand.IntN(1000))}
	},
	"words+actor": func() portal.EventFilter { return portal.EventFilter{Text: "agreed", Actor: somebody()} },
	"words+team+kind": func() portal.EventFilter {
		return portal.EventFilter{Text: "production", TeamID: someTeam(), Kind: someKind()}
	},
	"words common+day": func() portal.EventFilter {
		day := someDay()
		return portal.EventFilter{Text: "agreed", From: day, To: day.AddDate(0, 0, 1)}
	},
}

// generate fills a trail with events of so many days, and the tree that belongs to them.
// Its indexes are made when the events are there, which is faster.
func generate(b testing.TB, pool *pgxpool.Pool, count, days int) {
	b.Helper()
	indexes, err := db.All(b.Context(), pool, pgx.RowTo[string], `SELECT replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') FROM pg_index
		WHERE indrelid = 'events'::regclass AND NOT indisprimary`)
	if err != nil {
		b.Fatal(err)
	}
	steps := slices.Concat(
		[]string{`DO $$ DECLARE name text; BEGIN
			FOR name IN SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'events'::regclass AND NOT indisprimary LOOP EXECUTE 'DROP INDEX ' || name; END LOOP; END $$`,
			partitionsOfThePast, fmt.Sprintf(generated, count, days)},
		indexes)
	for _, sql := range steps {
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

const partitionsOfThePast = `DO $$ DECLARE month timestamp; name text; BEGIN
	FOR ago IN 1..25 LOOP
		month := date_trunc('month', now() AT TIME ZONE 'UTC') - ago * interval '1 month';
		name := 'events_' || to_char(month, 'YYYY_MM');
		EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)', name, event_id_at(month), event_id_at(month + interval '1 month'));
		EXECUTE format('CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
	END LOOP; END $$`

// generated inserts events, a number of them, as they may be on a trail: some people,
// teams, clusters and kinds have many, most have few.
const generated = `
INSERT INTO events (id, recorded_at, at, kind, outcome, issuer, subject, actor_name, actor_email, actor_groups, session, address, user_agent,
	http_request, team_id, request_id, revision, operation, environment, target_kind, target_id, target_name, summary, reason, data)
SELECT (rpad(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8', 32, '0'))::uuid, at, at,
	kind, CASE WHEN chance < 0.97 THEN 'done' WHEN chance < 0.99 THEN 'refused' WHEN chance < 0.999 THEN 'failed' ELSE 'unknown' END,
	'https://idp.example.com', 'person-' || person, 'Person ' || person, 'person' || person || '@example.com', '{payments-approvers}', md5(n::text),
	'10.0.' || person / 200 || '.' || person %% 200, 'Mozilla/5.0 (X11; Linux x86_64)', md5(n::text), ('00000000-0000-7000-8000-' || lpad(team::text, 12, '0'))::uuid,
	('00000000-0000-7000-9000-' || lpad((n / 6)::text, 12, '0'))::uuid, 1, operation, environment, 'cluster',
	'00000000-0000-4000-8000-' || lpad(cluster::text, 12, '0'), 'web-' || cluster || '-' || environment,
	'Person ' || person || ' did what is called ' || kind || ' to #' || n / 6 || ' (' || operation || ' web-' || cluster || '-' || environment || ')',
	'it was agreed in OPS-' || n %% 90000, '{"digest":"0123456789abcdef","revision":1}'
FROM (SELECT n, now() - interval '%[2]d days' + n * (interval '%[2]d days' / %[1]d) AS at,
		(ARRAY['sign_in', 'trail_read', 'request_submitted', 'review_approved', 'execution_intent', 'execution_outcome', 'request_succeeded', 'request_commented', 'access_refused', 'session_ended', 'cluster_drifted', 'team_changed', 'break_glass', 'policy_in_force'])
			[width_bucket(random(), ARRAY[0, 0.15, 0.2, 0.35, 0.47, 0.61, 0.75, 0.9, 0.95, 0.97, 0.99, 0.999, 0.9999, 0.99995])] AS kind,
		(ARRAY['update_node_pool', 'get_kubeconfig', 'create_cluster', 'update_cluster', 'upgrade_cluster', 'delete_cluster', 'delete_node_pool', 'delete_cluster_dangerous'])
			[width_bucket(random(), ARRAY[0, 0.4, 0.7, 0.75, 0.85, 0.93, 0.97, 0.999])] AS operation,
		(ARRAY['development', 'staging', 'production'])[width_bucket(random(), ARRAY[0, 0.5, 0.7])] AS environment,
		floor(1000 * random() ^ 2)::int AS person, floor(40 * random() ^ 2)::int AS team, floor(5500 * random() ^ 3)::int AS cluster, random() AS chance
	FROM generate_series(0, %[1]d - 1) n) made`

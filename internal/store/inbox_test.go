package store_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// BenchmarkInbox counts what waits for an approver, which every page shows,
// among 10,000 requests of which 500 are pending, ten of them theirs to decide.
func BenchmarkInbox(b *testing.B) {
	pool := dbtest.New(b)
	manyRequests(b, pool)
	a := portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: "approver"}, Groups: []string{"team-10", "team-10-approvers"}}
	for b.Loop() {
		if got, err := store.ReadAround(b.Context(), pool, a, time.Now(), 100); err != nil || got.Waiting != 10 {
			b.Fatal(got, err)
		}
	}
}

// BenchmarkToDecide lists what waits for the same approver's decision.
func BenchmarkToDecide(b *testing.B) {
	pool := dbtest.New(b)
	manyRequests(b, pool)
	a := portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: "approver"}, Groups: []string{"team-10", "team-10-approvers"}}
	for b.Loop() {
		if list, err := store.ToDecide(b.Context(), pool, a, time.Now(), 100); err != nil || len(list) != 10 {
			b.Fatal(len(list), err)
		}
	}
}

// manyRequests adds 10,000 requests that people of 50 teams have asked for.
// Every twentieth is pending.
func manyRequests(b *testing.B, pool *pgxpool.Pool) {
	b.Helper()
	for _, sql := range []string{
		`INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at)
			SELECT gen_random_uuid(), 'team-' || n, 'team-' || n, 'team-' || n, 'team-' || n || '-approvers', '{"nodes": 10}', now() FROM generate_series(0, 49) n`,
		`INSERT INTO requests (id, submit_key, team_id, operation, target_name, params, justification, plan, digest, state,
				issuer, subject, requester_name, created_at, updated_at, planned_at, due_at, approver_groups)
			SELECT gen_random_uuid(), n::text, t.id, 'create_cluster', 'c-' || n, '{}', 'why', '{}', 'd',
				CASE WHEN n % 20 = 0 THEN 'pending' ELSE 'succeeded' END, 'i', 'person-' || n % 500, 'ann', now(), now(), now(), now(), ARRAY[t.approver_group, 'platform']
			FROM generate_series(0, 9999) n JOIN teams t ON t.slug = 'team-' || (n / 20) % 50`,
	} {
		if _, err := pool.Exec(b.Context(), sql); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := dbtest.Owner(b).Exec(b.Context(), `ANALYZE`); err != nil {
		b.Fatal(err)
	}
}

package store_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// A visit ends when nobody has opened a page for half an hour.
func TestVisits(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	id := portal.Identity{Issuer: "i", Subject: "ann"}
	for _, step := range []struct {
		at   time.Duration
		want time.Time
	}{
		{0, time.Time{}}, {20 * time.Minute, time.Time{}}, {45 * time.Minute, time.Time{}}, {45*time.Minute + 30*time.Second, time.Time{}},
		{75 * time.Minute, start.Add(45 * time.Minute)}, {75 * time.Minute, start.Add(45 * time.Minute)}, {100 * time.Minute, start.Add(45 * time.Minute)},
		{48 * time.Hour, start.Add(100 * time.Minute)},
	} {
		if err := store.NoteVisit(t.Context(), pool, id, start.Add(step.at)); err != nil {
			t.Fatal(err)
		}
		got, err := store.LastVisit(t.Context(), pool, id)
		if err != nil || !got.Equal(step.want) {
			t.Errorf("after %s: %s, %v, want %s", step.at, got, err, step.want)
		}
	}
	if got, err := store.LastVisit(t.Context(), pool, portal.Identity{Issuer: "i", Subject: "bob"}); err != nil || !got.IsZero() {
		t.Errorf("of somebody who was never here: %s, %v", got, err)
	}
}

// What became of anything since a visit is found without reading what became of
// everything else, in a team that does much, and by a plan for any parameters.
func TestActivityIsFoundByIndex(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	for _, sql := range []string{
		`INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at)
			SELECT gen_random_uuid(), 'team-' || n, 'team-' || n, 'g-' || n, 'a-' || n, '{}', now() FROM generate_series(0, 4) n`,
		`INSERT INTO requests (id, submit_key, team_id, operation, target_id, target_ids, target_name, params, justification, plan, digest, state,
				issuer, subject, requester_name, created_at, updated_at, planned_at, due_at)
			SELECT gen_random_uuid(), n::text, CASE WHEN n % 9 > 0 THEN t.id END, 'update_cluster', 'c-' || n % 4000, ARRAY['c-' || n % 4000], 'c', '{}', 'why', '{}', 'd',
				CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'succeeded' END, 'i', 'person-' || n % 20, 'ann', now(), now() - make_interval(mins => n), now(), now()
			FROM generate_series(1, 10000) n JOIN teams t ON t.slug = 'team-' || n % 5`,
		`INSERT INTO clusters (id, name, region, version, ha, state, tags, created_at, seen_at, gone_at, team_id, environment)
			SELECT 'c-' || n, 'c-' || n, 'fra1', '1', false, 'deleted', '{}', now(), now(), now() - make_interval(hours => n), t.id, 'staging'
			FROM generate_series(1, 500) n JOIN teams t ON t.slug = 'team-' || n % 5`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dbtest.Owner(t).Exec(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
	ids, err := db.All(t.Context(), pool, pgx.RowTo[string], `SELECT id::text FROM teams ORDER BY slug LIMIT 3`)
	if err != nil {
		t.Fatal(err)
	}
	for _, since := range []time.Duration{2 * time.Hour, 30 * 24 * time.Hour} {
		err = db.WithTx(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `SET LOCAL plan_cache_mode = force_generic_plan`); err != nil {
				return err
			}
			list, err := store.ActivitySince(t.Context(), tx, ids, portal.Identity{Issuer: "i", Subject: "person-3"}, time.Now().Add(-since), 7)
			if err != nil {
				return err
			}
			read, err := db.One(t.Context(), tx, pgx.RowTo[int], `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int
				FROM pg_stat_xact_user_tables WHERE relname IN ('requests', 'clusters')`)
			if len(list) != 7 || read == 0 || read > 400 {
				t.Errorf("since %s: %d found, and %d rows read", since, len(list), read)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Among 100,000 requests the queue, the times that operations usually take, and who may
// try the portal's token are found by their indexes, also by a plan that does not know the
// values: each reads little more than it finds.
func TestQueueAmongManyRequests(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	for _, sql := range []string{
		`INSERT INTO requests (id, submit_key, operation, target_id, target_name, params, justification, plan, digest, state,
				issuer, subject, requester_name, created_at, updated_at, planned_at, due_at, starts_at)
			SELECT gen_random_uuid(), n::text, CASE n % 3 WHEN 0 THEN 'create_cluster' WHEN 1 THEN 'update_node_pool' ELSE 'get_kubeconfig' END, 'c', 'c', '{}', 'why', '{}', 'd',
				CASE WHEN n % 1000 = 1 THEN 'settling' WHEN n % 1000 = 2 THEN 'unknown' WHEN n % 1000 = 4 THEN 'approved' WHEN n % 20 = 5 THEN 'failed' ELSE 'succeeded' END,
				'i', 'person-' || n % 500, 'ann', now(), now() - make_interval(mins => 100000 - n), now(), now(), now()
			FROM generate_series(1, 100000) n`,
		`INSERT INTO executions (request_id, attempt, intent_at, outcome) SELECT id, 1, updated_at - interval '4 minutes', 'accepted' FROM requests WHERE state IN ('settling', 'unknown', 'succeeded')`,
		`INSERT INTO execution_pauses (kind, since, issuer, subject, by_name, reason, status, operation, next_try_at) VALUES ('token', now(), 'i', 's', 'n', 'no', 403, 'delete_cluster', now())`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := dbtest.Owner(t).Exec(t.Context(), `ANALYZE requests, executions`); err != nil {
		t.Fatal(err)
	}
	week := time.Now().Add(-7 * 24 * time.Hour)
	section := func(s store.QueueSection, found int) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error {
			list, err := store.Queue(t.Context(), tx, s, week, 51)
			if err == nil && len(list) != found {
				t.Errorf("%s: %d found, want %d", s, len(list), found)
			}
			return err
		}
	}
	count := func(s store.QueueSection, found int) func(tx pgx.Tx) error {
		return func(tx pgx.Tx) error {
			n, err := store.QueueCount(t.Context(), tx, s, week, 101)
			if err == nil && n != found {
				t.Errorf("%s: %d counted, want %d", s, n, found)
			}
			return err
		}
	}
	for name, read := range map[string]struct {
		do   func(tx pgx.Tx) error
		most int
	}{
		"running": {section(store.QueueRunning, 51), 250}, "unknown": {section(store.QueueUnknown, 51), 250}, "failed": {section(store.QueueFailed, 51), 120},
		"waiting":     {section(store.QueueWaiting, 51), 250},
		"all running": {count(store.QueueRunning, 100), 250}, "all failed": {count(store.QueueFailed, 101), 150},
		"usual times": {func(tx pgx.Tx) error {
			times, err := store.UsualTimes(t.Context(), tx, []portal.OperationID{portal.CreateCluster, portal.UpdateNodePool, portal.DeleteCluster})
			if err == nil && (times[portal.CreateCluster] != 4*time.Minute || times[portal.DeleteCluster] != 0) {
				t.Errorf("usual times: %v", times)
			}
			return err
		}, 200},
		"token": {func(tx pgx.Tx) error {
			try, err := store.ClaimTry(t.Context(), tx, portal.CreateCluster, time.Now())
			if err == nil && try.IsZero() {
				t.Error("nobody may try the token")
			}
			return err
		}, 300},
	} {
		err := db.WithTx(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `SET LOCAL plan_cache_mode = force_generic_plan`); err != nil {
				return err
			}
			// What the connection has read before may be counted still.
			before, err := rowsRead(tx)
			if err != nil {
				return err
			}
			if err := read.do(tx); err != nil {
				return err
			}
			n, err := rowsRead(tx)
			n -= before
			t.Logf("%s: %d rows", name, n)
			if n > read.most || n == 0 && name != "token" {
				t.Errorf("%s: %d rows are read", name, n)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// rowsRead is how many rows of requests and their executions were read.
func rowsRead(tx pgx.Tx) (int, error) {
	return db.One(context.Background(), tx, pgx.RowTo[int], `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int
		FROM pg_stat_xact_user_tables WHERE relname IN ('requests', 'executions')`)
}

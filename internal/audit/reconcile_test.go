package audit_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

// explained is a Querier that has Postgres explain each query before it runs.
type explained struct {
	db.Querier
	plans []string
}

func (e *explained) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	rows, err := e.Querier.Query(ctx, "EXPLAIN "+sql, args...)
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	e.plans = append(e.plans, strings.Join(lines, "\n"))
	return e.Querier.Query(ctx, sql, args...)
}

func (e *explained) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return e.Querier.Exec(ctx, sql, args...)
}

// However long the trail is, changes are found by the index of kinds.
func TestChangesGoByAnIndex(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.tx(func(tx pgx.Tx) error {
		return audit.Append(t.Context(), tx, portal.Event{At: time.Now(), Kind: portal.EventClusterGone, Actor: portal.System("inventory").Person(), Summary: "gone"})
	}))
	// Three days of a busy trail, of which a thousandth is drift.
	_, err := dbtest.Owner(t).Exec(t.Context(), `BEGIN; SET LOCAL session_replication_role = replica;
		INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, operation, target_kind, target_id, target_name, summary)
		SELECT (left(i.id, 15) || right(gen_random_uuid()::text, 21))::uuid, now() - n * interval '4 seconds',
			CASE WHEN n % 2000 = 0 THEN 'cluster_drifted' WHEN n % 2000 = 1 THEN 'cluster_gone' WHEN n % 200 = 2 THEN 'execution_outcome' ELSE 'trail_read' END,
			'done', 'i', 's', 'Ann', CASE WHEN n % 200 = 2 THEN 'delete_cluster' ELSE '' END, 'cluster', 'c' || n % 50, 'c', 'a summary'
		FROM generate_series(1, 60000) n, (SELECT id::text FROM events LIMIT 1) i; COMMIT; ANALYZE events`)
	b.must(err)
	q := &explained{Querier: b.pool}
	now := time.Now()
	month := audit.ChangeFilter{From: now.Add(-48 * time.Hour), To: now, Limit: 51}
	for _, status := range portal.ChangeStatuses {
		f := month
		f.Status = status
		list, err := audit.Changes(t.Context(), q, f)
		b.must(err)
		if len(list) > 0 {
			f.Before = list[len(list)-1].EventID
			_, err = audit.Changes(t.Context(), q, f)
			b.must(err)
		}
	}
	_, err = audit.CountChanges(t.Context(), q, month.From, month.To)
	b.must(err)
	_, err = audit.OpenMonths(t.Context(), q, time.UTC)
	b.must(err)
	byTime := regexp.MustCompile(`(Seq Scan on|events_\d+_\d+_at_id_idx on) ` + time.Now().UTC().Format("events_2006_01"))
	for _, plan := range q.plans {
		if one := strings.Contains(plan, "_pkey on events_"); !one && (byTime.MatchString(plan) || !strings.Contains(plan, "_kind_at_id_idx")) {
			t.Errorf("not by the index of kinds:\n%s", plan)
		}
	}
	if len(q.plans) < 7 {
		t.Errorf("%d queries", len(q.plans))
	}
}

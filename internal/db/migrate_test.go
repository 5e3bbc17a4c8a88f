package db_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/migrations"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// steps moves a database from one version of the schema to another.
func steps(t *testing.T, pool *pgxpool.Pool) *goose.Provider {
	t.Helper()
	sqlDB := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { _ = sqlDB.Close() })
	p, err := goose.NewProvider(goose.DialectPostgres, sqlDB, migrations.FS)
	must(t, err)
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Requests that were made before there was a policy to edit go on: those that
// wait are due, and those who may approve them find them.
func TestRequestsOfBeforeApprovals(t *testing.T) {
	ctx := context.Background()
	pool, err := db.Open(ctx, dbtest.Empty(t))
	must(t, err)
	t.Cleanup(pool.Close)
	p := steps(t, pool)
	_, err = p.UpTo(ctx, 3)
	must(t, err)
	_, err = pool.Exec(ctx, `INSERT INTO teams (id, slug, name, member_group, approver_group, quota_nodes, quota_sizes, updated_at)
			VALUES ('00000000-0000-4000-8000-000000000001', 'pay', 'pay', 'pay', 'leads', 1, '{}', now());
		INSERT INTO requests (id, submit_key, team_id, operation, target_name, params, justification, plan, digest, state, issuer, subject, requester_name, created_at, updated_at)
			SELECT gen_random_uuid(), state, '00000000-0000-4000-8000-000000000001', 'create_cluster', 'web', '{}', '', plan::jsonb, 'd', state, 'i', 's', 'n', now(), now()
			FROM (VALUES ('pending', '{"verdict": {"needs": [{"approvals": 1, "groups": ["leads", "platform"]}]}}'), ('approved', '{"verdict": {"needs": null}}'), ('failed', '{}')) was (state, plan);
		INSERT INTO reviews (id, request_id, issuer, subject, reviewer_name, decision, comment, digest, created_at)
			SELECT gen_random_uuid(), id, 'i', 'bob', 'bob', 'approve', '', 'd', now() FROM requests WHERE state = 'pending'`)
	must(t, err)
	_, err = p.Up(ctx)
	must(t, err)
	var due, found, counted int
	must(t, pool.QueryRow(ctx, `SELECT
			(SELECT count(*) FROM requests WHERE planned_at = created_at AND due_at > now() + interval '23 hours'
				AND (state = 'pending') = (due_at > now() + interval '6 days') OR state = 'failed'),
			(SELECT count(*) FROM requests WHERE approver_groups && '{platform}'),
			(SELECT count(*) FROM reviews JOIN requests r ON r.id = request_id AND r.revision = reviews.revision)`).Scan(&due, &found, &counted))
	if due != 3 || found != 1 || counted != 1 {
		t.Errorf("%d are due, %d are found by approvers, %d reviews count; want 3, 1, 1", due, found, counted)
	}
	_, err = p.DownTo(ctx, 3)
	must(t, err)
	_, err = p.Up(ctx)
	must(t, err)
}

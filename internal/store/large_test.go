package store_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// However large the requests of somebody are, the lists that others look at read
// of them what they show.
func TestListsReadOnlyWhatTheyShow(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	ann, now := portal.Person{Identity: portal.Identity{Issuer: "i", Subject: "ann"}, Name: "Ann"}, time.Now()
	shown := portal.Plan{
		Summary: "Destroy pool p of web", Nodes: 2, Cost: portal.CostEffect{After: portal.Money{Most: 4800}}, Warnings: []string{"one", "two"},
		Destroys: []portal.Resource{{Kind: portal.Volume, ID: "v", Name: "data"}},
		Verdict: portal.Verdict{Decision: portal.Approve, Approvals: []portal.ApprovalRule{{Count: 1, Groups: []string{"approvers"}}},
			Terms: portal.Terms{StandIn: time.Hour}},
	}
	whole := shown
	whole.Changes, whole.Steps = []portal.Change{{What: "Label", After: "long"}}, []string{"step"}
	whole.Quota = portal.QuotaEffect{Lines: []portal.QuotaLine{{Title: "Nodes"}}}
	r := portal.Request{
		ID: uuid.NewString(), SubmitKey: "k", Operation: portal.DeleteNodePool, TargetID: "c", TargetIDs: []string{"c"}, TargetName: "web",
		Params: portal.Params{DeletePool: &portal.DeletePoolParams{PoolID: "p"}}, Justification: "why", Plan: whole, Digest: "d",
		State: portal.Pending, Requester: ann, CreatedAt: now, Revision: 1, PlannedAt: now, DueAt: now.Add(time.Hour), Judged: json.RawMessage(`{}`),
	}
	if err := db.WithTx(t.Context(), pool, func(tx pgx.Tx) error { _, err := store.InsertRequest(t.Context(), tx, r); return err }); err != nil {
		t.Fatal(err)
	}
	approver := portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: "bob"}, Groups: []string{"approvers"}}
	for name, list := range map[string]func(ctx context.Context) ([]portal.Request, error){
		"requests": func(ctx context.Context) ([]portal.Request, error) {
			return store.Requests(ctx, pool, store.RequestFilter{All: true, Limit: 5})
		},
		"to decide": func(ctx context.Context) ([]portal.Request, error) {
			return store.ToDecide(ctx, pool, approver, now, 5)
		},
		"search": func(ctx context.Context) ([]portal.Request, error) {
			return store.SearchRequests(ctx, pool, store.SearchFilter{Text: "we", All: true, Limit: 5})
		},
		"open on a cluster": func(ctx context.Context) ([]portal.Request, error) {
			open, err := store.OpenOn(ctx, pool, []string{"c"}, "")
			if len(open) != 1 || open[0].PoolID != "p" {
				t.Errorf("open on the cluster: %+v", open)
				return nil, err
			}
			return []portal.Request{open[0].Request}, err
		},
	} {
		got, err := list(t.Context())
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %d, %v", name, len(got), err)
			continue
		}
		if diff := cmp.Diff(shown, got[0].Plan); diff != "" {
			t.Errorf("%s, of the plan: %s", name, diff)
		}
		if diff := cmp.Diff(portal.Params{}, got[0].Params); diff != "" || got[0].Judged != nil {
			t.Errorf("%s reads parameters, and what was judged: %s%s", name, diff, got[0].Judged)
		}
	}
	if got, err := store.RequestByID(t.Context(), pool, r.ID); err != nil || cmp.Diff(whole, got.Plan) != "" || got.Params.PoolID() != "p" {
		t.Errorf("whole: %+v, %v", got, err)
	}
}

// A request that was planned again and again is read with its newest plans only.
func TestRevisionsAreBounded(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	for _, sql := range []string{
		`INSERT INTO requests (id, submit_key, operation, target_name, params, justification, plan, digest, state,
			issuer, subject, requester_name, created_at, updated_at, planned_at, due_at)
		VALUES ('01890000-0000-7000-8000-000000000001', 'k', 'create_cluster', 'web', '{}', 'why', '{}', 'd', 'pending', 'i', 'ann', 'Ann', now(), now(), now(), now())`,
		`INSERT INTO request_revisions (request_id, revision, params, plan, digest, justification, reason, planned_at, ended_at)
			SELECT r.id, n, '{}', '{"summary": "s"}', 'd', 'why', '', now(), now() FROM requests r, generate_series(1, 66) n`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	list, err := store.Revisions(t.Context(), pool, "01890000-0000-7000-8000-000000000001")
	if err != nil || len(list) != 10 || list[0].Number != 57 || list[9].Number != 66 {
		t.Errorf("%d revisions: %+v, %v", len(list), list, err)
	}
}

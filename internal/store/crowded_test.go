package store_test

import (
	"slices"
	"testing"
	"time"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Who asks for a hundred deletions does not bury what others ask for, however
// harmless that is.
func TestNobodyBuriesTheInboxOfOthers(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	for _, sql := range []string{
		`INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at) VALUES (gen_random_uuid(), 'pay', 'Pay', 'pay', 'pay-approvers', '{}', now())`,
		`INSERT INTO requests (id, submit_key, team_id, operation, target_id, target_name, params, justification, plan, digest, state,
				issuer, subject, requester_name, created_at, updated_at, planned_at, due_at, approver_groups)
			SELECT gen_random_uuid(), n::text, t.id, CASE WHEN n IN (1, 103) THEN 'create_cluster' ELSE 'delete_cluster' END, CASE WHEN n IN (1, 103) THEN '' ELSE 'id-' || n END, 'c-' || n, '{}', 'why', '{}', 'd', 'pending',
				'i', CASE WHEN n < 102 THEN 'mallory' ELSE 'person-' || n END, 'somebody', now(), now(), now(), now(), ARRAY[t.approver_group]
			FROM generate_series(1, 103) n, teams t ORDER BY n::int`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	a := portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: "approver"}, Groups: []string{"pay-approvers"}}
	got, err := store.NumbersToDecide(t.Context(), pool, a, time.Now(), 8)
	if err != nil {
		t.Fatal(err)
	}
	want := []int64{2, 3, 4, 5, 6, 102, 103, 7}
	if !slices.Equal(got, want) {
		t.Errorf("first come %v, want %v", got, want)
	}
}

// Nobody is missing among those who can approve because another group is large.
func TestApproversOfEveryGroup(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	if _, err := pool.Exec(t.Context(), `INSERT INTO people (issuer, subject, name, email, groups, groups_at)
		SELECT 'i', n::text, 'Person ' || n, '', CASE WHEN n < 200 THEN '{large}'::text[] WHEN n < 203 THEN '{small,other}' ELSE '{other}' END, now() FROM generate_series(1, 210) n`); err != nil {
		t.Fatal(err)
	}
	list, err := store.Approvers(t.Context(), pool, []string{"large", "small"}, time.Now().Add(-time.Hour), 5)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, p := range list {
		for _, g := range p.Groups {
			counts[g]++
		}
	}
	if len(list) != 8 || counts["large"] != 5 || counts["small"] != 3 || counts["other"] != 0 {
		t.Errorf("%d people: %v", len(list), counts)
	}
}

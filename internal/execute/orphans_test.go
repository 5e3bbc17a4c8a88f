package execute_test

import (
	"context"
	"strings"
	"testing"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// orphans are the names of what deletions left behind of the team's, and nobody has
// resolved.
func (b *bundle) orphans() string {
	b.t.Helper()
	list, err := store.Orphans(context.Background(), b.pool, store.OrphanFilter{TeamIDs: []string{b.team.ID}, State: portal.OrphanOpen, Limit: 10})
	b.must(err)
	var names []string
	for _, o := range list {
		names = append(names, o.Resource.Name)
		if o.ClusterName != target || o.ClusterID != b.cluster || o.TeamSlug != b.team.Slug || !o.LeftAt.Equal(b.clock.Now()) {
			b.t.Errorf("%+v", o)
		}
	}
	return strings.Join(names, " ")
}

// left are the names of what the trail says that a request left behind.
func (b *bundle) left(r portal.Request) string {
	b.t.Helper()
	var names string
	b.must(b.pool.QueryRow(context.Background(), `SELECT coalesce((SELECT string_agg(l->>'name', ' ' ORDER BY ord DESC)
		FROM events e, json_array_elements(e.data->'left_behind') WITH ORDINALITY AS l (l, ord) WHERE e.request_id = $1 AND e.kind = 'request_succeeded'), '')`, r.ID).Scan(&names))
	return names
}

// What the deletion of a cluster leaves behind is known once it has succeeded, to
// the team whose the cluster was, also when DigitalOcean's answer was lost.
func TestDeletionsLeaveOrphans(t *testing.T) {
	t.Parallel()
	for op, want := range map[portal.OperationID]string{
		portal.DeleteCluster: "nightly cache data", portal.DeleteClusterSelective: "cache", portal.DeleteClusterDangerous: ""} {
		for _, lost := range []bool{false, true} {
			t.Run(string(op), func(t *testing.T) {
				t.Parallel()
				b := richSetup(t)
				r := b.approved(cases[op])
				if lost {
					b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultLost})
				}
				if r = b.step(r); b.orphans() != "" {
					t.Errorf("while it is %s there are %q", r.State, b.orphans())
				}
				r = b.finish(r)
				b.want(r, portal.Succeeded)
				if got := b.orphans(); got != want {
					t.Errorf("it left %q, want %q", got, want)
				}
				if got := b.left(r); got != want {
					t.Errorf("the trail has %q, want %q", got, want)
				}
			})
		}
	}
}

// A deletion that was refused leaves nothing behind.
func TestFailedDeletionsLeaveNoOrphans(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(cases[portal.DeleteCluster])
	b.sim.Inject(dosim.Fault{Operation: "delete_cluster", Kind: dosim.FaultStatus, Status: 422, ID: "unprocessable_entity", Message: "no"})
	b.want(b.finish(r), portal.Failed)
	if n := b.orphans(); n != "" {
		t.Errorf("it left %q", n)
	}
}

// Between the approval of a deletion and the call, resources come: those count that
// belonged to the cluster right before the call. Without knowing them, which
// nobody can later, nothing is deleted.
func TestOrphansAreAsOfTheCall(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(cases[portal.DeleteCluster])
	b.sim.Attach(b.cluster, dosim.Resources{Volumes: []dosim.Resource{{ID: "v3", Name: "late"}}})
	b.sim.Inject(dosim.Fault{Operation: "list_associated_resources", Kind: dosim.FaultStatus, Status: 500, ID: "server_error", Message: "no", Times: -1})
	r = b.step(r)
	b.want(r, portal.Approved)
	b.wantCalls("delete_cluster", 0)
	b.sim.Heal()
	b.want(b.finish(r), portal.Succeeded)
	if got := b.orphans(); got != "nightly late cache data" {
		t.Errorf("it left %q", got)
	}
}

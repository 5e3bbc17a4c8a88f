package inventory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// told lists whom notifications are for, and what they say.
func (b *bundle) told() []string {
	b.t.Helper()
	type row struct{ Kind, Team, ClusterID, Summary string }
	list, err := db.All(b.t.Context(), b.pool, pgx.RowToStructByName[row], `
		SELECT kind, coalesce(t.slug, 'admins') AS team, cluster_id, summary FROM notifications n LEFT JOIN teams t ON t.id = n.team_id ORDER BY n.id`)
	b.must(err)
	var lines []string
	for _, r := range list {
		lines = append(lines, r.Team+": "+r.Summary)
	}
	_, err = b.pool.Exec(b.t.Context(), `DELETE FROM notifications`)
	b.must(err)
	return lines
}

func (b *bundle) wantTold(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.told()); diff != "" {
		b.t.Error(diff)
	}
}

// Of what is found on the first day everything is on the trail, and nobody gets mail
// about it.
func TestFirstReadingTellsNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.syncer.Sync(t.Context()))
	b.wantTold()
	list, err := audit.Search(t.Context(), b.pool, portal.EventFilter{Kind: portal.EventClusterAppeared, Limit: 10})
	b.must(err)
	var names []string
	for _, e := range list {
		names = append(names, e.Target.Name)
	}
	if slices.Sort(names); strings.Join(names, " ") != "old web" {
		t.Errorf("first seen are %q", names)
	}
	drift, err := audit.Drift(t.Context(), b.pool, b.web, time.Time{}, 10)
	b.must(err)
	want := []portal.Change{{What: "Region", After: "fra1"}, {What: "Kubernetes version", After: "1.34.4-do.0"}, {What: "High availability", After: "yes"},
		{What: "Tags", After: "blue"}, {What: "Pool web-pool", After: "3 × s-2vcpu-4gb"}}
	if len(drift) != 1 || !cmp.Equal(drift[0].Changes, want) {
		t.Errorf("web is told as %+v", drift)
	}
}

// New clusters that nobody owns are told to the admins, all at once; later they are
// no news, and what becomes of them is on the trail alone.
func TestNewClustersAreToldToAdmins(t *testing.T) {
	t.Parallel()
	b := read(t)
	one := b.sim.Add(dosim.Seed{Name: "one", Region: "ams3", Size: "s-2vcpu-4gb", Count: 2})
	b.must(b.syncer.Sync(t.Context()))
	b.wantTold("admins: Cluster one has appeared at DigitalOcean. No request made it, and no team owns it.")
	for i := range 7 {
		b.sim.Add(dosim.Seed{ID: fmt.Sprintf("4444444%d-0000-4000-8000-000000000000", i), Name: fmt.Sprintf("more-%d", i), Region: "ams3", Size: "s-2vcpu-4gb", Count: 2})
	}
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.wantTold("admins: Clusters have appeared at DigitalOcean that no request made and no team owns: more-0, more-1, more-2, more-3, more-4, and 2 more.")
	b.sim.Resize(one, 5)
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.sim.Remove(one)
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.wantTold()
	var kinds []portal.EventKind
	for _, e := range b.trail() {
		kinds = append(kinds, e.Kind)
	}
	if want := []portal.EventKind{portal.EventClusterGone, portal.EventClusterDrifted}; !slices.Equal(kinds, want) {
		t.Errorf("on the trail: %v, want %v", kinds, want)
	}
}

// What changes on a team's cluster past the portal is told to the team once, with what
// was there before; that it is set back is another change.
func TestDrift(t *testing.T) {
	t.Parallel()
	b := read(t)
	b.sim.Resize(b.web, 5)
	for range 3 {
		b.must(b.syncer.Sync(t.Context()))
		b.clock.advance(time.Minute)
	}
	const summary = "Cluster web was changed past the portal: Pool web-pool: Nodes from 3 to 5"
	b.wantTold("pay: " + summary)
	list, err := audit.Drift(t.Context(), b.pool, b.web, b.clock.Now().Add(-time.Hour), 10)
	b.must(err)
	at := b.clock.Now().Add(-3 * time.Minute)
	if len(list) != 2 || list[0].Kind != portal.EventClusterDrifted || !list[0].At.Equal(at) || list[0].Summary != summary ||
		!cmp.Equal(list[0].Changes, []portal.Change{{What: "Pool web-pool: Nodes", Before: "3", After: "5"}}) {
		t.Errorf("told as %+v", list)
	}
	if trail := b.trail(); len(trail) != 1 || trail[0].TeamID != b.team.ID || trail[0].Target != (portal.EventTarget{Kind: portal.TargetCluster, ID: b.web, Name: "web"}) {
		t.Errorf("on the trail: %+v", trail)
	}
	b.sim.Resize(b.web, 3)
	b.must(b.syncer.Sync(t.Context()))
	b.wantTold("pay: Cluster web was changed past the portal: Pool web-pool: Nodes from 5 to 3")
	b.sim.SetState(b.web, "degraded", "slow")
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.wantTold()
	b.sim.Remove(b.web)
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.wantTold("pay: Cluster web is no longer at DigitalOcean")
}

// A reading that another has overtaken tells nothing.
func TestDriftOfAnOvertakenReading(t *testing.T) {
	t.Parallel()
	b := read(t)
	slow, quick := b.replica(b.url), b.replica(b.url)
	slow.DO = interrupted{slow.DO, func() {
		b.clock.advance(time.Minute)
		b.sim.Resize(b.web, 6)
		b.must(quick.Sync(t.Context()))
	}}
	b.must(slow.Sync(t.Context()))
	b.clock.advance(time.Minute)
	b.must(quick.Sync(t.Context()))
	if list := b.trail(); len(list) != 1 {
		t.Errorf("%d events, want 1: %+v", len(list), list)
	}
}

// A cluster that comes back after it was gone is told as one that appears, to the team
// that it is of.
func TestClusterThatComesBack(t *testing.T) {
	t.Parallel()
	b := read(t)
	b.tx(func(tx pgx.Tx) error {
		_, err := store.MarkClusterGone(t.Context(), tx, b.web, b.clock.Now())
		return err
	})
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.wantClusters("old:1 web:3 ")
	b.wantTold("pay: Cluster web is at DigitalOcean again, and no request explains it")
}

package story_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/demo"
	"doksportal/internal/demo/story"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// counter counts the statements that are sent to the database.
type counter struct{ statements atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.statements.Add(1)
	return ctx
}

func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// told is a portal to which the story was told.
type told struct {
	t          *testing.T
	pool       *pgxpool.Pool
	until      time.Time
	statements int64
	simulator  []byte
}

func tell(t *testing.T, until time.Time) *told {
	t.Helper()
	until = until.Truncate(time.Second)
	var c counter
	pool, err := db.Open(t.Context(), dbtest.URL(t), func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = &c })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	d := &told{t: t, pool: pool, until: until}
	d.simulator, err = story.Tell(t.Context(), story.Config{
		Describe: func(ctx context.Context, tx pgx.Tx, p store.Person) error { return store.SetPerson(ctx, tx, p) },
		Pool:     pool, Trail: audittest.New(t, pool), Issuer: "https://idp.example", Accounts: demo.Accounts, Until: until,
		Roles: portal.RoleGroups{portal.RoleAdmin: "portal-admins", portal.RolePlatformApprover: "platform-approvers", portal.RoleAuditor: "auditors"},
		Begin: func(ctx context.Context, sim *dosim.Sim, do *doapi.Client, now func() time.Time) error {
			return demo.Begin(ctx, pool, sim, do, now)
		},
	})
	d.must(err)
	d.statements = c.statements.Load()
	return d
}

func (d *told) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// requests are all of them, oldest first.
func (d *told) requests() []portal.Request {
	d.t.Helper()
	list, err := store.Requests(d.t.Context(), d.pool, store.RequestFilter{All: true, Limit: 1000})
	d.must(err)
	slices.Reverse(list)
	return list
}

// trail is all of it, oldest first.
func (d *told) trail() []portal.Event {
	d.t.Helper()
	list, err := audit.Search(d.t.Context(), d.pool, portal.EventFilter{Limit: 10_000})
	d.must(err)
	slices.Reverse(list)
	return list
}

func TestStory(t *testing.T) {
	t.Parallel()
	d := tell(t, time.Now())
	t.Run("requests", d.wantRequests)
	t.Run("clusters", d.wantClusters)
	t.Run("teams", d.wantTeams)
	t.Run("trail", d.wantTrail)
	t.Run("mail", d.wantNoMail)
	t.Run("again", d.wantSame)
	t.Run("work", func(t *testing.T) {
		if d.statements > 40_000 || len(d.simulator) > 2<<20 {
			t.Errorf("it took %d statements and %d bytes of the simulator's state", d.statements, len(d.simulator))
		}
	})
}

// Every state is there, of requests that are minutes and months old.
func (d *told) wantRequests(t *testing.T) {
	list := d.requests()
	if len(list) < 250 || len(list) > 350 {
		t.Errorf("there are %d requests", len(list))
	}
	states, revised, scheduled := map[portal.State]int{}, 0, 0
	for _, r := range list {
		states[r.State]++
		if r.Revision > 1 {
			revised++
		}
		if r.State == portal.Approved && r.StartsAt.After(d.until.Add(time.Hour)) {
			scheduled++
		}
		if r.CreatedAt.After(d.until) || r.UpdatedAt.After(d.until) || r.Justification == "" {
			t.Errorf("#%d of %s was last changed at %s: %q", r.Number, r.CreatedAt, r.UpdatedAt, r.Justification)
		}
	}
	for _, s := range portal.States {
		if states[s] == 0 {
			t.Errorf("no request is %s", s)
		}
	}
	for s, least := range map[portal.State]int{portal.Pending: 10, portal.Rejected: 10, portal.Withdrawn: 5, portal.Failed: 5, portal.Expired: 3, portal.Succeeded: 150} {
		if states[s] < least {
			t.Errorf("%d requests are %s", states[s], s)
		}
	}
	if revised < 3 || scheduled < 3 {
		t.Errorf("%d requests have revisions, %d are scheduled", revised, scheduled)
	}
	if oldest, newest := d.until.Sub(list[0].CreatedAt), d.until.Sub(list[len(list)-1].CreatedAt); oldest < 80*24*time.Hour || newest > time.Minute {
		t.Errorf("requests are from %s to %s old", oldest, newest)
	}
}

func (d *told) wantClusters(t *testing.T) {
	list, err := store.Clusters(t.Context(), d.pool, store.ClusterFilter{All: true, Limit: 100})
	d.must(err)
	states, versions, regions, environments, nobodys := map[string]int{}, map[string]int{}, map[string]int{}, map[portal.Environment]int{}, 0
	names := []string{}
	for _, c := range list {
		states[c.State]++
		versions[c.Version]++
		regions[c.Region]++
		environments[c.Environment]++
		names = append(names, c.Name)
		if c.TeamID == "" {
			nobodys++
		}
	}
	if len(list) < 40 || len(list) > 50 || nobodys < 3 || nobodys > 8 {
		t.Errorf("there are %d clusters, %d of nobody", len(list), nobodys)
	}
	for _, s := range []string{portal.ClusterRunning, portal.ClusterProvisioning, portal.ClusterUpgrading, portal.ClusterDeleting, portal.ClusterError, "degraded"} {
		if states[s] == 0 {
			t.Errorf("no cluster is %s", s)
		}
	}
	if len(versions) < 6 || len(regions) < 6 || len(environments) != 4 {
		t.Errorf("versions %v, regions %v, environments %v", versions, regions, environments)
	}
	for _, name := range []string{"payments-prod", "search-staging", "legacy"} { // people try things with them
		if !slices.Contains(names, name) {
			t.Errorf("there is no %s", name)
		}
	}
}

func (d *told) wantTeams(t *testing.T) {
	teams, err := store.Teams(t.Context(), d.pool)
	d.must(err)
	if len(teams) != 6 {
		t.Errorf("there are %d teams", len(teams))
	}
	near := 0
	for _, team := range teams {
		used, err := store.TeamUsage(t.Context(), d.pool, team.ID)
		d.must(err)
		if used.Nodes() > team.Quota.Limits[portal.AllNodes] {
			t.Errorf("team %s uses %d of %d nodes", team.Name, used.Nodes(), team.Quota.Limits[portal.AllNodes])
		}
		if used.Nodes()*10 >= team.Quota.Limits[portal.AllNodes]*9 {
			near++
		}
		if team.Slug == "payments" && team.Quota.Limits[portal.AllNodes]-used.Nodes() < 3 {
			t.Error("team payments has no quota to try something")
		}
	}
	if near == 0 {
		t.Error("no team is near its quota")
	}
	changes, err := store.ProposedAdminChanges(t.Context(), d.pool, 10)
	d.must(err)
	if len(changes) == 0 {
		t.Error("no change waits for a second admin")
	}
}

// The trail tells all of it, in the order of time.
func (d *told) wantTrail(t *testing.T) {
	kinds := map[portal.EventKind]int{}
	var last time.Time
	for _, e := range d.trail() {
		kinds[e.Kind]++
		if e.At.Before(last) || e.At.After(d.until) {
			t.Errorf("%s after %s: %s", e.At, last, e.Summary)
		}
		last = e.At
	}
	for kind, want := range map[portal.EventKind]int{portal.EventBreakGlass: 2, portal.EventBreakGlassReviewed: 1,
		portal.EventPolicyInForce: 3, portal.EventPolicyProposed: 1, portal.EventClusterGone: 1, portal.EventTeamCreated: 6, portal.EventRefused: 1} {
		if kinds[kind] != want {
			t.Errorf("%d times %s, want %d", kinds[kind], kind, want)
		}
	}
	for _, kind := range []portal.EventKind{portal.EventCommented, portal.EventChangesRequested, portal.EventReplanned, portal.EventStopped,
		portal.EventExpiring, portal.EventStale, portal.EventProtected, portal.EventClusterAssigned, portal.EventTeamChanged} {
		if kinds[kind] == 0 {
			t.Errorf("nothing is %s", kind)
		}
	}
}

// What happened then fills no mailbox now.
func (d *told) wantNoMail(t *testing.T) {
	var waiting, deliveries int
	d.must(d.pool.QueryRow(t.Context(), `SELECT count(*) FROM notifications WHERE expanded_at IS NULL`).Scan(&waiting))
	d.must(d.pool.QueryRow(t.Context(), `SELECT count(*) FROM deliveries`).Scan(&deliveries))
	if waiting+deliveries > 0 {
		t.Errorf("%d notifications and %d deliveries wait", waiting, deliveries)
	}
}

// wantSame checks that it is the same story when it is told on another day.
func (d *told) wantSame(t *testing.T) {
	first, again := d.lines(), tell(t, time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)).lines()
	for i := range min(len(first), len(again)) {
		if first[i] != again[i] {
			t.Fatalf("first %q, then %q", first[i], again[i])
		}
	}
	if len(first) != len(again) {
		t.Errorf("first %d requests, then %d", len(first), len(again))
	}
}

// lines say of each request all that is no id and no date.
func (d *told) lines() []string {
	d.t.Helper()
	var lines []string
	for _, r := range d.requests() {
		target, _, _ := strings.Cut(r.TargetName, "/") // names of nodes are DigitalOcean's
		lines = append(lines, strings.Join([]string{d.until.Sub(r.CreatedAt).String(), string(r.Operation), target, r.Requester.Name, string(r.State), r.Justification}, " "))
	}
	return lines
}

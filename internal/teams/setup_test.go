package teams_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// bundle is a portal with the teams pay and find. Team pay owns the production
// cluster web, nobody the cluster old.
type bundle struct {
	*teams.Service
	t        *testing.T
	now      time.Time
	web, old string

	dismissed map[string]bool // subjects whom the provider no longer calls admins
	asked     time.Duration   // how long ago the provider was asked
}

// Confirm stands for what the identity provider says.
func (b *bundle) Confirm(_ context.Context, id portal.Identity) (portal.Actor, time.Time, error) {
	a := portal.Actor{Identity: id, Name: id.Subject}
	if !b.dismissed[id.Subject] {
		a.Roles = []portal.Role{portal.RoleAdmin}
	}
	return a, b.now.Add(-b.asked), nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind portal.Kind) {
	t.Helper()
	if err == nil || portal.KindOf(err) != kind {
		t.Errorf("got %v, want an error of kind %d", err, kind)
	}
}

// admin is an admin in these groups besides, who has just signed in.
func (b *bundle) admin(name string, groups ...string) portal.Actor {
	return portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: name}, Name: name, Groups: groups,
		Roles: []portal.Role{portal.RoleAdmin}, SignedInAt: b.now}
}

// setup makes a portal that was installed so long ago.
func setup(t *testing.T, installed time.Duration) *bundle {
	t.Helper()
	ctx := context.Background()
	b := &bundle{t: t, now: time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC), web: uuid.NewString(), old: uuid.NewString(), dismissed: map[string]bool{}}
	b.Service = &teams.Service{Pool: dbtest.New(t), People: b, Now: func() time.Time { return b.now }}
	_, err := dbtest.Owner(t).Exec(ctx, `UPDATE installation SET installed_at = $1`, b.now.Add(-installed))
	must(t, err)
	must(t, db.WithTx(ctx, b.Pool, func(tx pgx.Tx) error {
		for _, slug := range []string{"pay", "find"} {
			team := portal.Team{ID: uuid.NewString(), Slug: slug, Name: slug, MemberGroup: slug, ApproverGroup: slug + "-leads",
				Quota: portal.QuotaOf(5, map[string]int{"s": 5})}
			if err := store.InsertTeam(ctx, tx, team, b.now); err != nil {
				return err
			}
		}
		pay, err := store.TeamBySlug(ctx, tx, "pay")
		if err != nil {
			return err
		}
		for _, c := range []portal.Cluster{{ID: b.web, Name: "web"}, {ID: b.old, Name: "old"}} {
			c.CreatedAt, c.SeenAt = b.now, b.now
			c.Pools = []portal.Pool{{ID: "p", Name: "p", Size: "s", Count: 2}}
			if err := store.UpsertCluster(ctx, tx, c); err != nil {
				return err
			}
		}
		return store.AssignCluster(ctx, tx, b.web, pay.ID, portal.Production)
	}))
	return b
}

const longAgo = 30 * 24 * time.Hour

// protect has both admins' word that team pay's cluster is protected.
func (b *bundle) protect() {
	b.t.Helper()
	_, err := b.Assign(b.t.Context(), b.admin("ada"), b.web, teams.Ownership{Slug: "pay", Environment: portal.Production, Protected: true})
	must(b.t, err)
}

// waiting is the one change that waits.
func (b *bundle) waiting() portal.AdminChange {
	b.t.Helper()
	list, err := b.Proposed(b.t.Context(), b.admin("ada"))
	must(b.t, err)
	if len(list) != 1 {
		b.t.Fatalf("%d changes wait, want 1", len(list))
	}
	return list[0]
}

func (b *bundle) cluster(id string) portal.Cluster {
	b.t.Helper()
	c, err := store.Cluster(b.t.Context(), b.Pool, id)
	must(b.t, err)
	return c
}

func (b *bundle) team(slug string) portal.Team {
	b.t.Helper()
	t, err := store.TeamBySlug(b.t.Context(), b.Pool, slug)
	must(b.t, err)
	return t
}

// edit changes a team as an admin with the form would.
func (b *bundle) edit(a portal.Actor, slug string, change func(*teams.Input)) (teams.Outcome, error) {
	b.t.Helper()
	in := teams.FormOf(b.team(slug))
	change(&in)
	return b.Update(b.t.Context(), a, slug, in)
}

// typed is a quota as an admin types it.
func typed(nodes, sizes string) map[string]string {
	form := teams.Unlimited()
	form["nodes"], form["sizes"] = nodes, sizes
	for line := range strings.Lines(sizes) {
		form["allowed_sizes"] += strings.Fields(line)[0] + " "
	}
	return form
}

// may is how much of an item a quota allows.
func may(q portal.Quota, i portal.Item) int {
	if size, ok := i.Size(); ok && len(q.Sizes) > 0 && !slices.Contains(q.Sizes, size) {
		return 0
	}
	if n, ok := q.Limit(i); ok {
		return n
	}
	return math.MaxInt32
}

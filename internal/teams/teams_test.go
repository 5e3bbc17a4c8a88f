package teams_test

import (
	"context"
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// admin is an admin in these groups besides, who has just signed in.
func admin(groups ...string) portal.Actor {
	return portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: "ada"}, Name: "ada", Groups: groups,
		Roles: []portal.Role{portal.RoleAdmin}, SignedInAt: time.Now()}
}

// What protects a cluster from its team is taken away by an admin of no part in
// the team, who has just signed in; what protects it more, by any.
func TestWhoLiftsProtection(t *testing.T) {
	t.Parallel()
	tired := admin()
	tired.SignedInAt = time.Now().Add(-time.Hour)
	base := teams.Ownership{Slug: "pay", Environment: portal.Production, Protected: true}
	tests := []struct {
		name  string
		actor portal.Actor
		to    teams.Ownership
		kind  portal.Kind
		fine  bool
	}{
		{"less than production", admin(), teams.Ownership{Slug: "pay", Environment: portal.Development, Protected: true}, 0, true},
		{"less than production, by a member", admin("pay"), teams.Ownership{Slug: "pay", Environment: portal.Development, Protected: true}, portal.KindForbidden, false},
		{"less than production, by an approver", admin("pay-leads"), teams.Ownership{Slug: "pay", Environment: portal.Staging, Protected: true}, portal.KindForbidden, false},
		{"less than production, long after the sign-in", tired, teams.Ownership{Slug: "pay", Environment: portal.Development, Protected: true}, portal.KindStepUp, false},
		{"no protection", admin(), teams.Ownership{Slug: "pay", Environment: portal.Production}, 0, true},
		{"no protection, by a member", admin("pay"), teams.Ownership{Slug: "pay", Environment: portal.Production}, portal.KindForbidden, false},
		{"another team, by one of its members", admin("find"), teams.Ownership{Slug: "find", Environment: portal.Production, Protected: true}, portal.KindForbidden, false},
		{"as it is, by a member long after the sign-in", tired, base, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			service, id := setup(t)
			_, err := service.Assign(t.Context(), admin(), id, base)
			must(t, err)
			if _, err = service.Assign(t.Context(), tt.actor, id, tt.to); (err == nil) != tt.fine || portal.KindOf(err) != tt.kind {
				t.Errorf("%v", err)
			}
		})
	}
}

// Two admins with the same page open do not undo each other's work unawares.
func TestOwnershipThatWasSeenDifferently(t *testing.T) {
	t.Parallel()
	service, id := setup(t)
	seen := teams.SeenOf("", "", false)
	_, err := service.Assign(t.Context(), admin(), id, teams.Ownership{Slug: "pay", Environment: portal.Production, Protected: true, Seen: seen})
	must(t, err)
	if _, err = service.Assign(t.Context(), admin(), id, teams.Ownership{Slug: "pay", Environment: portal.Production, Seen: seen}); portal.KindOf(err) != portal.KindConflict {
		t.Errorf("the protection is lifted unawares: %v", err)
	}
}

// Who belongs to a team does not say who else does.
func TestOwnGroups(t *testing.T) {
	t.Parallel()
	service, _ := setup(t)
	in := teams.Input{Name: "pay", MemberGroup: "pay", ApproverGroup: "pay", Nodes: "5", Version: "1"}
	if err := service.Update(t.Context(), admin("pay"), "pay", in); portal.KindOf(err) != portal.KindForbidden {
		t.Errorf("a member: %v", err)
	}
	tired := admin()
	tired.SignedInAt = time.Time{}
	if err := service.Update(t.Context(), tired, "pay", in); portal.KindOf(err) != portal.KindStepUp {
		t.Errorf("long after the sign-in: %v", err)
	}
	must(t, service.Update(t.Context(), admin(), "pay", in))
}

// setup makes two teams and a cluster of nobody's.
func setup(t *testing.T) (*teams.Service, string) {
	t.Helper()
	ctx := context.Background()
	service := &teams.Service{Pool: dbtest.New(t), Now: time.Now}
	id := uuid.NewString()
	must(t, db.WithTx(ctx, service.Pool, func(tx pgx.Tx) error {
		for _, slug := range []string{"pay", "find"} {
			team := portal.Team{ID: uuid.NewString(), Slug: slug, Name: slug, MemberGroup: slug, ApproverGroup: slug + "-leads", Quota: portal.Quota{Nodes: 5, Sizes: map[string]int{}}}
			if err := store.InsertTeam(ctx, tx, team, time.Now()); err != nil {
				return err
			}
		}
		return store.SeeCluster(ctx, tx, portal.Cluster{ID: id, Name: "web", CreatedAt: time.Now(), SeenAt: time.Now()})
	}))
	return service, id
}

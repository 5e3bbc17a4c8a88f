package teams_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
)

// unowned adds clusters that nobody owns, and returns their ids.
func (b *bundle) unowned(n int) []string {
	b.t.Helper()
	ids := make([]string, n)
	must(b.t, db.WithTx(b.t.Context(), b.Pool, func(tx pgx.Tx) error {
		for i := range ids {
			ids[i] = uuid.NewString()
			if err := store.UpsertCluster(b.t.Context(), tx, portal.Cluster{ID: ids[i], Name: fmt.Sprintf("lost-%02d", i), CreatedAt: b.now, SeenAt: b.now}); err != nil {
				return err
			}
		}
		return nil
	}))
	return ids
}

// number counts rows.
func (b *bundle) number(sql string, args ...any) (n int) {
	b.t.Helper()
	must(b.t, b.Pool.QueryRow(b.t.Context(), sql, args...).Scan(&n))
	return n
}

func to(slug string, e portal.Environment) teams.Ownership {
	return teams.Ownership{Slug: slug, Environment: e, Protected: true}
}

// Several clusters that nobody owns are proposed to a second admin each, who
// accepts or drops each.
func TestSeveralTakeTwoAdmins(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	ids := b.unowned(3)
	old := b.admin("ada")
	old.SignedInAt = b.now.Add(-time.Hour)
	_, err := b.AssignUnowned(t.Context(), old, ids, to("find", portal.Staging))
	wantKind(t, err, portal.KindStepUp)
	if n := b.number("SELECT count(*) FROM admin_changes"); n != 0 {
		t.Errorf("%d were proposed by an old sign-in", n)
	}
	list, err := b.AssignUnowned(t.Context(), b.admin("ada"), append(ids, ids[0]), to("find", portal.Staging))
	must(t, err)
	if len(list) != 3 || b.number("SELECT count(*) FROM clusters WHERE team_id IS NOT NULL AND name LIKE 'lost%'") != 0 {
		t.Fatalf("%+v", list)
	}
	proposed, err := b.Proposed(t.Context(), b.admin("ben"))
	must(t, err)
	for i, p := range proposed {
		if !list[i].Proposed || len(p.Gains) != 2 { // the team, and what counts as less than production
			t.Errorf("%+v: %+v", list[i], p)
		}
	}
	wantKind(t, b.Accept(t.Context(), b.admin("ada"), proposed[0].ID), portal.KindForbidden)
	wantKind(t, b.Accept(t.Context(), b.admin("ben", "find"), proposed[0].ID), portal.KindForbidden)
	must(t, b.Accept(t.Context(), b.admin("ben"), proposed[0].ID))
	must(t, b.Drop(t.Context(), b.admin("ben"), proposed[1].ID))
	if n := b.number("SELECT count(*) FROM clusters WHERE team_id IS NOT NULL AND name LIKE 'lost%' AND environment = 'staging' AND protected"); n != 1 {
		t.Errorf("%d clusters were given, one was accepted", n)
	}
	if n := b.number("SELECT count(DISTINCT target_id) FROM events WHERE kind = 'admin_change_proposed'"); n != 3 {
		t.Errorf("%d of 3 are on the trail", n)
	}
}

// In the first week one admin gives several their first team, each on the trail.
func TestSeveralAreAdopted(t *testing.T) {
	t.Parallel()
	b := setup(t, time.Hour)
	ids := b.unowned(teams.MostAtOnce)
	list, err := b.AssignUnowned(t.Context(), b.admin("ada"), ids, to("find", portal.Production))
	must(t, err)
	if len(list) != len(ids) || list[0].Proposed || b.number("SELECT count(*) FROM events WHERE kind = 'cluster_assigned'") != len(ids) {
		t.Errorf("%+v", list)
	}
	more := b.unowned(1)
	list, err = b.AssignUnowned(t.Context(), b.admin("eve", "find"), more, to("find", portal.Production))
	if err != nil || !list[0].Proposed {
		t.Errorf("who is in the team adopts for it: %v %v", list, err)
	}
}

// When one of them cannot be given, none is.
func TestSeveralOrNone(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	ids := b.unowned(teams.MostAtOnce + 1)
	gone := b.unowned(1)
	_, err := b.Pool.Exec(t.Context(), "UPDATE clusters SET gone_at = now() WHERE id = $1", gone[0])
	must(t, err)
	_, err = b.AssignUnowned(t.Context(), b.admin("ada"), ids[:1], to("pay", portal.Staging))
	must(t, err)
	member := b.admin("mia")
	member.Roles = nil
	for _, tt := range []struct {
		name string
		who  portal.Actor
		ids  []string
		to   teams.Ownership
		kind portal.Kind
	}{
		{"one has a team", b.admin("ada"), []string{ids[1], b.web, ids[2]}, to("find", portal.Staging), portal.KindConflict},
		{"one waits already", b.admin("ada"), []string{ids[1], ids[0], ids[2]}, to("find", portal.Staging), portal.KindConflict},
		{"one is not there", b.admin("ada"), []string{ids[1], uuid.NewString()}, to("find", portal.Staging), portal.KindConflict},
		{"one is gone", b.admin("ada"), []string{ids[1], gone[0]}, to("find", portal.Staging), portal.KindConflict},
		{"there is no such team", b.admin("ada"), ids[1:3], to("none", portal.Staging), portal.KindNotFound},
		{"nobody gets them", b.admin("ada"), ids[1:3], to("", ""), portal.KindInvalid},
		{"no environment", b.admin("ada"), ids[1:3], to("find", ""), portal.KindInvalid},
		{"none", b.admin("ada"), nil, to("find", portal.Staging), portal.KindInvalid},
		{"too many", b.admin("ada"), ids, to("find", portal.Staging), portal.KindInvalid},
		{"too many with what waits", b.admin("ada"), ids[1:], to("find", portal.Staging), portal.KindLimited},
		{"a member", member, ids[1:3], to("find", portal.Staging), portal.KindForbidden},
		{"nobody", portal.Actor{}, ids[1:3], to("find", portal.Staging), portal.KindForbidden},
	} {
		list, err := b.AssignUnowned(t.Context(), tt.who, tt.ids, tt.to)
		if portal.KindOf(err) != tt.kind || list != nil {
			t.Errorf("%s: %v, %v", tt.name, list, err)
		}
		if n := b.number("SELECT count(*) FROM admin_changes"); n != 1 {
			t.Errorf("%s: %d changes wait, want 1", tt.name, n)
		}
	}
}

// Admins who give the same clusters in the same moment do not wait for each other
// forever, and each cluster is proposed once.
func TestSeveralAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	ids := b.unowned(10)
	var all sync.WaitGroup
	fails := make([]error, 8)
	for i := range fails {
		all.Go(func() {
			mine := append(append([]string{}, ids[i:]...), ids[:i]...)
			_, fails[i] = b.AssignUnowned(t.Context(), b.admin(fmt.Sprint("admin-", i)), mine, to([]string{"pay", "find"}[i%2], portal.Staging))
		})
	}
	all.Wait()
	won := 0
	for _, err := range fails {
		var e *portal.Error
		switch {
		case err == nil:
			won++
		case !errors.As(err, &e) || e.Kind != portal.KindConflict:
			t.Error(err)
		}
	}
	if n := b.number("SELECT count(*) FROM admin_changes"); won != 1 || n != 10 {
		t.Errorf("%d succeeded, and %d changes wait", won, n)
	}
}

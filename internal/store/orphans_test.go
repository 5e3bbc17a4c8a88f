package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// The pages of the list have each orphan of the teams that are asked for once, the
// newest first, and none of others.
func TestOrphansByPage(t *testing.T) {
	t.Parallel()
	pool, now := dbtest.New(t), time.Now()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var teams []string
	for i, slug := range []string{"a", "b", "others"} {
		team := portal.Team{ID: uuid.NewString(), Slug: slug, Name: slug, MemberGroup: slug, ApproverGroup: slug + "s"}
		r := portal.Request{
			ID: uuid.NewString(), SubmitKey: slug, Team: team, Operation: portal.DeleteCluster, TargetID: slug, TargetIDs: []string{slug}, TargetName: slug,
			Digest: "d", State: portal.Succeeded, Requester: portal.Person{Identity: portal.Identity{Issuer: "i", Subject: "s"}, Name: "Ann"},
			CreatedAt: now, Revision: 1, PlannedAt: now, DueAt: now.Add(time.Hour), Judged: json.RawMessage(`{}`),
		}
		var left []portal.Resource
		for n := range 4 + i {
			left = append(left, portal.Resource{Kind: portal.Volume, ID: fmt.Sprint("v", n), Name: fmt.Sprint(slug, n)})
		}
		must(db.WithTx(t.Context(), pool, func(tx pgx.Tx) error {
			must(store.InsertTeam(t.Context(), tx, team, now))
			_, err := store.InsertRequest(t.Context(), tx, r)
			must(err)
			must(store.InsertOrphans(t.Context(), tx, r, left, now))
			return store.InsertOrphans(t.Context(), tx, r, left, now) // which somebody has kept already
		}))
		if slug != "others" {
			teams = append(teams, team.ID)
		}
	}
	var names []string
	f := store.OrphanFilter{TeamIDs: teams, State: portal.OrphanOpen, Limit: 2}
	for {
		list, err := store.Orphans(t.Context(), pool, f)
		must(err)
		if len(list) == 0 {
			break
		}
		for _, o := range list {
			names = append(names, o.Resource.Name)
		}
		f.Before = list[len(list)-1].ID
	}
	if want := []string{"b4", "b3", "b2", "b1", "b0", "a3", "a2", "a1", "a0"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	if sum, err := store.OpenOrphans(t.Context(), pool, teams); err != nil || sum != (portal.OrphanSum{Count: 9, Unpriced: 9}) {
		t.Errorf("%+v %v", sum, err)
	}
	if sum, err := store.OpenOrphans(t.Context(), pool, nil); err != nil || sum != (portal.OrphanSum{}) {
		t.Errorf("of no team: %+v %v", sum, err)
	}
}

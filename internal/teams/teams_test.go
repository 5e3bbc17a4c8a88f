package teams_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
	"doksportal/internal/teams"
)

// changes lists what admins do, and whether somebody gains by it.
var changes = []struct {
	name  string
	do    func(b *bundle, a portal.Actor) (teams.Outcome, error)
	gains bool
	done  func(b *bundle) bool // it has taken effect
}{
	{"make a team", func(b *bundle, a portal.Actor) (teams.Outcome, error) {
		return b.Create(b.t.Context(), a, teams.Input{Slug: "ops", Name: "Ops", MemberGroup: "g", ApproverGroup: "h", Quota: typed("3", "")})
	}, true, func(b *bundle) bool { return b.has("ops") }},
	{"more nodes", quota("6", "s 5"), true, func(b *bundle) bool { return may(b.team("pay").Quota, portal.AllNodes) == 6 }},
	{"more of a size", quota("5", "s 6"), true, func(b *bundle) bool { return may(b.team("pay").Quota, portal.NodesOf("s")) == 6 }},
	{"another size", quota("5", "s 5\nm 1"), true, func(b *bundle) bool { return may(b.team("pay").Quota, portal.NodesOf("m")) == 1 }},
	{"no limit on nodes", limited("nodes", ""), true, func(b *bundle) bool { return may(b.team("pay").Quota, portal.AllNodes) > 1000 }},
	{"every size", limited("allowed_sizes", ""), true, func(b *bundle) bool { return len(b.team("pay").Quota.Sizes) == 0 }},
	{"GPUs", limited("families", "gpu 1"), true, func(b *bundle) bool { return may(b.team("pay").Quota, portal.NodesOfFamily("gpu")) == 1 }},
	{"a limit on clusters", limited("clusters", "1"), false, func(b *bundle) bool { return may(b.team("pay").Quota, portal.Clusters) == 1 }},
	{"a region", limited("allowed_regions", "fra1"), false, func(b *bundle) bool { return len(b.team("pay").Quota.Regions) == 1 }},
	{"fewer nodes", quota("4", "s 4"), false, func(b *bundle) bool { return may(b.team("pay").Quota, portal.AllNodes) == 4 }},
	{"other members", edit(func(in *teams.Input) { in.MemberGroup = "g" }), true, func(b *bundle) bool { return b.team("pay").MemberGroup == "g" }},
	{"other approvers", edit(func(in *teams.Input) { in.ApproverGroup = "g" }), true, func(b *bundle) bool { return b.team("pay").ApproverGroup == "g" }},
	{"another name", edit(func(in *teams.Input) { in.Name = "Payments" }), true, func(b *bundle) bool { return b.team("pay").Name == "Payments" }},
	{"to nobody", own("", ""), true, func(b *bundle) bool { return b.cluster(b.web).TeamID == "" }},
	{"to another team", own("find", portal.Production), true, func(b *bundle) bool { return b.cluster(b.web).TeamID == b.team("find").ID }},
	{"less than production", own("pay", portal.Staging), true, func(b *bundle) bool { return b.cluster(b.web).Environment == portal.Staging }},
}

// quota is what an admin does who gives team pay other limits.
func quota(nodes, sizes string) func(b *bundle, a portal.Actor) (teams.Outcome, error) {
	return edit(func(in *teams.Input) { in.Quota = typed(nodes, sizes) })
}

// limited is what an admin does who types something else for one limit of team pay.
func limited(field, typed string) func(b *bundle, a portal.Actor) (teams.Outcome, error) {
	return edit(func(in *teams.Input) { in.Quota[field] = typed })
}

func edit(change func(*teams.Input)) func(b *bundle, a portal.Actor) (teams.Outcome, error) {
	return func(b *bundle, a portal.Actor) (teams.Outcome, error) { return b.edit(a, "pay", change) }
}

func own(slug string, e portal.Environment) func(b *bundle, a portal.Actor) (teams.Outcome, error) {
	return func(b *bundle, a portal.Actor) (teams.Outcome, error) {
		return b.Assign(b.t.Context(), a, b.web, teams.Ownership{Slug: slug, Environment: e})
	}
}

func (b *bundle) has(slug string) bool {
	var exists bool
	must(b.t, b.Pool.QueryRow(b.t.Context(), `SELECT EXISTS (SELECT FROM teams WHERE slug = $1)`, slug).Scan(&exists))
	return exists
}

// What gives somebody something takes effect on the word of a second admin, and
// the rest at once.
func TestTwoAdmins(t *testing.T) {
	t.Parallel()
	for _, c := range changes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, longAgo)
			out, err := c.do(b, b.admin("ada"))
			must(t, err)
			if out.Proposed != c.gains || c.done(b) == c.gains {
				t.Fatalf("proposed: %t, took effect: %t", out.Proposed, c.done(b))
			}
			if !c.gains {
				return
			}
			p := b.waiting()
			if len(p.Gains) == 0 {
				t.Error("it does not say what is gained")
			}
			must(t, b.Accept(t.Context(), b.admin("ben"), p.ID))
			if !c.done(b) {
				t.Error("it was accepted and has not taken effect")
			}
			wantKind(t, b.Accept(t.Context(), b.admin("cleo"), p.ID), portal.KindConflict)
		})
	}
}

// The table of who may not.
func TestWhoMayNot(t *testing.T) {
	t.Parallel()
	member := func(b *bundle) portal.Actor { a := b.admin("eve", "pay"); a.Roles = nil; return a }
	auditor := func(b *bundle) portal.Actor {
		a := b.admin("eve")
		a.Roles = []portal.Role{portal.RoleAuditor, portal.RolePlatformApprover}
		return a
	}
	for name, actor := range map[string]func(*bundle) portal.Actor{
		"a member": member, "an auditor": auditor, "nobody": func(*bundle) portal.Actor { return portal.Actor{Roles: []portal.Role{portal.RoleAdmin}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, longAgo)
			for _, c := range changes {
				if _, err := c.do(b, actor(b)); !portal.Is(err, portal.KindForbidden) {
					t.Errorf("%s: %v", c.name, err)
				}
			}
			_, err := own("find", portal.Production)(b, b.admin("ada"))
			must(t, err)
			id := b.waiting().ID
			wantKind(t, b.Accept(t.Context(), actor(b), id), portal.KindForbidden)
			wantKind(t, b.Drop(t.Context(), actor(b), id), portal.KindForbidden)
			if _, err := b.Proposed(t.Context(), actor(b)); !portal.Is(err, portal.KindForbidden) {
				t.Errorf("reads what waits: %v", err)
			}
			b.waiting()
		})
	}
}

// A second admin counts who is another person, gains nothing, has just signed
// in, and speaks of what is still so.
func TestWhoAccepts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		actor func(b *bundle) portal.Actor
		first func(b *bundle)
		kind  portal.Kind
	}{
		{"who proposed it", func(b *bundle) portal.Actor { return b.admin("ada") }, nil, portal.KindForbidden},
		{"a member of the team that gains", func(b *bundle) portal.Actor { return b.admin("ben", "find") }, nil, portal.KindForbidden},
		{"an approver of the team that gains", func(b *bundle) portal.Actor { return b.admin("ben", "find-leads") }, nil, portal.KindForbidden},
		{"a member of the team that gets quota back", func(b *bundle) portal.Actor { return b.admin("ben", "pay") }, nil, portal.KindForbidden},
		{"long after the sign-in", func(b *bundle) portal.Actor {
			a := b.admin("ben")
			a.SignedInAt = b.now.Add(-portal.FreshFor - time.Second)
			return a
		}, nil, portal.KindStepUp},
		{"after the author was dismissed", nil, func(b *bundle) { b.dismissed["ada"] = true }, portal.KindConflict},
		{"long after the author was confirmed", nil, func(b *bundle) { b.asked = 5*time.Minute + time.Second }, portal.KindConflict},
		{"a week later", nil, func(b *bundle) { b.now = b.now.Add(7 * 24 * time.Hour) }, portal.KindConflict},
		{"after the cluster was changed", nil, func(b *bundle) { b.protect() }, portal.KindConflict},
		{"after the team was changed", nil, func(b *bundle) {
			_, err := b.Pool.Exec(b.t.Context(), `UPDATE teams SET member_group = 'mallory' WHERE slug = 'find'`)
			must(b.t, err)
		}, portal.KindConflict},
		{"just in time", nil, func(b *bundle) { b.now = b.now.Add(7*24*time.Hour - time.Second); b.asked = 5 * time.Minute }, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, longAgo)
			_, err := own("find", portal.Production)(b, b.admin("ada"))
			must(t, err)
			id := b.waiting().ID
			if tt.first != nil {
				tt.first(b)
			}
			actor := b.admin("ben")
			if tt.actor != nil {
				actor = tt.actor(b)
			}
			err = b.Accept(t.Context(), actor, id)
			if tt.kind == 0 {
				must(t, err)
				return
			}
			wantKind(t, err, tt.kind)
			if b.cluster(b.web).TeamID != b.team("pay").ID {
				t.Error("the cluster has changed hands")
			}
			must(t, b.Drop(t.Context(), b.admin("ada"), id))
			wantKind(t, b.Accept(t.Context(), b.admin("ben"), id), portal.KindConflict)
		})
	}
}

// One admin who has no part in any team sets up a new portal alone: teams, and
// the first team of a cluster.
func TestAdoption(t *testing.T) {
	t.Parallel()
	adopt := func(b *bundle, a portal.Actor, cluster string) bool {
		out, err := b.Assign(b.t.Context(), a, cluster, teams.Ownership{Slug: "find", Environment: portal.Development})
		must(b.t, err)
		return !out.Proposed
	}
	tests := []struct {
		name      string
		installed time.Duration
		groups    []string
		cluster   func(b *bundle) string
		alone     bool
	}{
		{"in the first week", portal.AdoptionPeriod - time.Second, nil, nil, true},
		{"after the first week", portal.AdoptionPeriod, nil, nil, false},
		{"by who gains", 0, []string{"find"}, nil, false},
		{"by an approver of another team", 0, []string{"pay-leads"}, nil, false},
		{"by a member of another team", 0, []string{"pay"}, nil, false},
		{"of what had a team", 0, nil, func(b *bundle) string {
			_, err := own("", "")(b, b.admin("ada"))
			must(b.t, err)
			must(b.t, b.Accept(b.t.Context(), b.admin("ben"), b.waiting().ID))
			return b.web
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, tt.installed)
			cluster := b.old
			if tt.cluster != nil {
				cluster = tt.cluster(b)
			}
			if alone := adopt(b, b.admin("ada", tt.groups...), cluster); alone != tt.alone {
				t.Errorf("alone: %t", alone)
			}
		})
	}
	t.Run("a team of one's own", func(t *testing.T) {
		t.Parallel()
		b := setup(t, 0)
		for group, proposed := range map[string]bool{"others": false, "portal-admins": true} {
			out, err := b.Create(t.Context(), b.admin("ada", "portal-admins"), teams.Input{Slug: group, Name: group, MemberGroup: group, ApproverGroup: "x", Quota: typed("3", "")})
			must(t, err)
			if out.Proposed != proposed {
				t.Errorf("for %s: proposed: %t", group, out.Proposed)
			}
		}
	})
}

// Nothing is given away without a fresh sign-in, and what somebody saw must
// still be so.
func TestBeforeAnythingIsGiven(t *testing.T) {
	t.Parallel()
	b := setup(t, 0)
	tired := b.admin("ada")
	tired.SignedInAt = b.now.Add(-time.Hour)
	for _, c := range changes {
		if !c.gains {
			continue
		}
		if _, err := c.do(b, tired); !portal.Is(err, portal.KindStepUp) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	_, err := b.Assign(t.Context(), b.admin("ada"), b.web, teams.Ownership{Slug: "pay", Environment: portal.Development, ETag: teams.ETagOf("", "", true)})
	wantKind(t, err, portal.KindConflict)
	if c := b.cluster(b.old); !c.Protected || c.Environment != "" {
		t.Errorf("what nobody owns is %q, protected: %t", c.Environment, c.Protected)
	}
}

// Two admins who change the same thing learn of each other.
func TestOneProposalATime(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	_, err := quota("6", "s 5")(b, b.admin("ada"))
	must(t, err)
	_, err = quota("7", "s 5")(b, b.admin("ben"))
	wantKind(t, err, portal.KindConflict)
	_, err = quota("4", "s 4")(b, b.admin("ben")) // less is at once
	must(t, err)
	wantKind(t, b.Accept(t.Context(), b.admin("ben"), b.waiting().ID), portal.KindConflict)
}

// The trail says on whose word, and the notification whom it concerns.
func TestWhatIsTold(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	_, err := own("find", portal.Production)(b, b.admin("ada"))
	must(t, err)
	must(t, b.Accept(t.Context(), b.admin("ben"), b.waiting().ID))
	list, err := audit.Search(t.Context(), b.Pool, portal.EventFilter{Cluster: b.web, Limit: 10})
	must(t, err)
	var got []string
	for _, e := range list {
		got = append(got, fmt.Sprint(e.Kind, " of ", e.TeamName, " on ", e.Target.Name, ": ", e.Summary))
	}
	want := []string{
		"cluster_assigned of find on web: ben gave cluster web to team find (production), before team pay (production), as ada had proposed",
		"cluster_assigned of pay on web: ben gave cluster web to team find (production), before team pay (production), as ada had proposed",
		"admin_change_proposed of pay on web: ada proposed: Give cluster web to team find",
	}
	if !slices.Equal(got, want) {
		t.Errorf("on the trail: %q", got)
	}
	var team string
	must(t, b.Pool.QueryRow(t.Context(), `SELECT slug FROM notifications n JOIN teams t ON t.id = n.team_id WHERE kind = 'cluster_assigned'`).Scan(&team))
	if team != "pay" {
		t.Errorf("the team that lost it is not told, but %s", team)
	}
}

// Nobody takes a team for another by its name.
func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	for _, name := range []string{"PAY", "p a y", "рау", "pay\u202e", "pa\ny", "pаy"} {
		_, err := b.Create(t.Context(), b.admin("ada"), teams.Input{Slug: "other", Name: name, MemberGroup: "g", ApproverGroup: "h", Quota: typed("1", "")})
		if fields := portal.FieldErrorsOf(err); len(fields) != 1 || fields[0].Field != "name" {
			t.Errorf("%q: %v", name, err)
		}
	}
	_, err := b.edit(b.admin("ada"), "pay", func(in *teams.Input) { in.Name = "Find" })
	wantKind(t, err, portal.KindInvalid)
	_, err = b.edit(b.admin("ada"), "pay", func(in *teams.Input) { in.Name = "Pay" })
	must(t, err)
}

// Of two teams whose names look alike, made in the same moment, there is one.
func TestNamesAtOnce(t *testing.T) {
	t.Parallel()
	for range 10 {
		b := setup(t, 0)
		var group sync.WaitGroup
		for _, in := range []teams.Input{{Slug: "a", Name: "Mobile"}, {Slug: "b", Name: "MOBILE"}} {
			in.MemberGroup, in.ApproverGroup, in.Quota = "g", "h", typed("1", "")
			group.Go(func() { _, _ = b.Create(t.Context(), b.admin("ada"), in) })
		}
		group.Wait()
		if b.has("a") == b.has("b") {
			t.Fatalf("both: %t", b.has("a"))
		}
	}
}

// A change that has been decided on stays as it was decided, whoever is faster.
func TestDecidedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	_, err := quota("6", "s 5")(b, b.admin("ada"))
	must(t, err)
	id := b.waiting().ID
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() { errs[i] = b.Accept(t.Context(), b.admin([]string{"ben", "cleo"}[i%2]), id) })
	}
	group.Wait()
	accepted := 0
	for _, err := range errs {
		if err == nil {
			accepted++
		} else {
			wantKind(t, err, portal.KindConflict)
		}
	}
	if v := b.team("pay").Version; accepted != 1 || v != 2 {
		t.Errorf("accepted %d times, the team is at version %d", accepted, v)
	}
	wantKind(t, b.Drop(t.Context(), b.admin("ada"), id), portal.KindConflict)
}

// What is typed wrong is told at its field.
func TestWrongOwnershipAndGroups(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	for _, o := range []teams.Ownership{{Slug: "pay", Environment: "test"}, {Slug: "pay"}, {Environment: "test"}} {
		_, err := b.Assign(t.Context(), b.admin("ada"), b.web, o)
		if fields := portal.FieldErrorsOf(err); len(fields) != 1 || fields[0].Field != "environment" {
			t.Errorf("%+v: %v", o, err)
		}
	}
	for _, group := range []string{"pay\u200b", "pay\u202e", "a\nb", "", strings.Repeat("x", 201)} {
		_, err := b.edit(b.admin("ada"), "pay", func(in *teams.Input) { in.MemberGroup = group })
		if fields := portal.FieldErrorsOf(err); len(fields) != 1 || fields[0].Field != "member_group" {
			t.Errorf("%q: %v", group, err)
		}
	}
}

// One admin's proposals do not hide those of others, and saving a form that
// changes nothing makes none of them out of date.
func TestProposalsOfOneAdminAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, longAgo)
	_, err := quota("6", "s 5")(b, b.admin("ben"))
	must(t, err)
	made := 0
	for i := range 30 {
		slug := fmt.Sprintf("junk%d", i)
		_, err := b.Create(t.Context(), b.admin("ada"), teams.Input{Slug: slug, Name: slug, MemberGroup: slug, ApproverGroup: slug + "-leads", Quota: typed("1", "")})
		if portal.Is(err, portal.KindLimited) {
			break
		}
		must(t, err)
		made++
	}
	if made != 20 {
		t.Errorf("%d wait", made)
	}
	before := b.team("pay").Version
	_, err = b.edit(b.admin("ada"), "pay", func(*teams.Input) {})
	must(t, err)
	if b.team("pay").Version != before {
		t.Error("a form that changes nothing has changed the team")
	}
	list, err := b.Proposed(t.Context(), b.admin("ada"))
	must(t, err)
	must(t, b.Accept(t.Context(), b.admin("ada"), list[len(list)-1].ID))
	if may(b.team("pay").Quota, portal.AllNodes) != 6 {
		t.Errorf("%+v", b.team("pay").Quota)
	}
}

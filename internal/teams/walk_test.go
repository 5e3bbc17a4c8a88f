package teams_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
)

// power is what the members of groups may do, as numbers that are larger the
// more it is.
func (b *bundle) power(groups []string) map[string]int {
	b.t.Helper()
	p := map[string]int{}
	list, err := store.Teams(b.t.Context(), b.Pool)
	must(b.t, err)
	in := func(group string) bool { return slices.Contains(groups, group) }
	for _, t := range list {
		usage, err := store.TeamUsage(b.t.Context(), b.Pool, t.ID)
		must(b.t, err)
		if in(t.MemberGroup) {
			nodes := may(t.Quota, portal.AllNodes)
			p["quota"] += nodes
			p["size s"] += may(t.Quota, portal.NodesOf("s"))
			p["GPUs"] += may(t.Quota, portal.NodesOfFamily("gpu"))
			p["cost"] += may(t.Quota, portal.Cost)
			p["room"] += nodes - usage.Nodes()
		}
		if in(t.ApproverGroup) {
			p["approve for "+t.Slug] = 1
		}
		for _, id := range []string{b.web, b.old} {
			c := b.cluster(id)
			if c.TeamID != t.ID {
				continue
			}
			if in(t.ApproverGroup) {
				p["approve on "+c.Name] = 1
			}
			if !in(t.MemberGroup) {
				continue
			}
			p["access to "+c.Name] = len(portal.Environments) - slices.Index(portal.Environments, c.Environment)
			if !c.Protected {
				p["delete "+c.Name] = 1
			}
		}
	}
	return p
}

// step does something at random that admins can do.
func (b *bundle) step(r *rand.Rand, a portal.Actor) string {
	ctx := b.t.Context()
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	group := func() string { return pick("pay", "find", "pay-leads", "find-leads", "portal-admins", "strangers") }
	switch r.IntN(6) {
	case 0:
		slug := "t" + uuid.NewString()[:8]
		_, err := b.Create(ctx, a, teams.Input{Slug: slug, Name: slug, MemberGroup: group(), ApproverGroup: group(), Quota: typed(fmt.Sprint(r.IntN(9)), "s 3")})
		return fmt.Sprint("create team ", slug, ": ", err)
	case 1:
		list, err := store.Teams(ctx, b.Pool)
		must(b.t, err)
		slug := list[r.IntN(len(list))].Slug
		_, err = b.edit(a, slug, func(in *teams.Input) {
			switch r.IntN(6) {
			case 0:
				in.MemberGroup = group()
			case 1:
				in.ApproverGroup = group()
			case 2:
				in.Quota["nodes"] = fmt.Sprint(r.IntN(12))
			case 3:
				in.Quota["sizes"] = fmt.Sprint("s ", r.IntN(12))
			case 4:
				in.Quota["families"] = pick("", "gpu 1", "gpu 2", "s 3")
			case 5:
				in.Quota["monthly_cost"] = pick("", "100", "200")
			}
		})
		return fmt.Sprint("edit team ", slug, ": ", err)
	case 2, 3:
		o := teams.Ownership{Slug: pick("", "pay", "find"), Environment: portal.Environment(pick("development", "staging", "production")), Protected: r.IntN(2) == 0}
		_, err := b.Assign(ctx, a, pick(b.web, b.old), o)
		return fmt.Sprint("assign ", o, ": ", err)
	default:
		list, err := store.ProposedAdminChanges(ctx, b.Pool, 100)
		must(b.t, err)
		if len(list) == 0 {
			return "nothing to decide"
		}
		c := list[r.IntN(len(list))]
		if r.IntN(4) == 0 {
			return fmt.Sprint("drop ", c.Title, ": ", b.Drop(ctx, a, c.ID))
		}
		return fmt.Sprint("accept ", c.Title, ": ", b.Accept(ctx, a, c.ID))
	}
}

// Two accounts that collude reach nothing by any chain of steps that they did
// not have: neither an admin and a member, nor two admins of whom neither is
// somebody else's second, nor two who stand in for approvers of a team.
func TestTwoColludingAccounts(t *testing.T) {
	t.Parallel()
	pairs := []struct {
		name      string
		installed time.Duration
		groups    []string // of both together, whose power must not grow
		actors    func(b *bundle) []portal.Actor
	}{
		{"an admin and a member", longAgo, []string{"portal-admins", "pay"}, func(b *bundle) []portal.Actor {
			member := b.admin("mia", "pay")
			member.Roles = nil
			return []portal.Actor{b.admin("ada", "portal-admins"), member}
		}},
		{"two admins of one group", 0, []string{"portal-admins"}, func(b *bundle) []portal.Actor {
			return []portal.Actor{b.admin("ada", "portal-admins"), b.admin("ben", "portal-admins")}
		}},
		{"two admins who stand in for approvers of one team", longAgo, []string{"find-leads"}, func(b *bundle) []portal.Actor {
			return []portal.Actor{b.admin("ada"), b.admin("ben")}
		}},
		{"two admins of one team", 0, []string{"pay"}, func(b *bundle) []portal.Actor {
			return []portal.Actor{b.admin("ada", "pay"), b.admin("ben", "pay")}
		}},
	}
	const walks, steps = 6, 60
	for _, pair := range pairs {
		for seed := range uint64(walks) {
			t.Run(fmt.Sprint(pair.name, seed), func(t *testing.T) {
				t.Parallel()
				b := setup(t, pair.installed)
				r := rand.New(rand.NewPCG(seed, 7))
				b.standIn("ada", "yan", "find-leads", b.now.Add(10*longAgo)) // who, like Zoe, trusts an admin with their own decisions
				b.standIn("ben", "zoe", "find-leads", b.now.Add(10*longAgo))
				before := b.power(pair.groups)
				var walk []string
				for range steps {
					b.now = b.now.Add(time.Duration(r.IntN(30)) * time.Hour)
					actors := pair.actors(b)
					a := actors[r.IntN(len(actors))]
					walk = append(walk, a.Name+": "+b.step(r, a))
					for what, much := range b.power(pair.groups) {
						if much > before[what] {
							t.Fatalf("%s: %d, was %d, after\n%q", what, much, before[what], walk)
						}
					}
				}
			})
		}
	}
}

// What one admin alone tried on a production cluster, step by step.
func TestChainsOfOneAdmin(t *testing.T) {
	t.Parallel()
	own := func(team string, e portal.Environment, protected bool) func(b *bundle, a portal.Actor) {
		return func(b *bundle, a portal.Actor) {
			_, err := b.Assign(b.t.Context(), a, b.web, teams.Ownership{Slug: team, Environment: e, Protected: protected})
			if err != nil && !portal.Is(err, portal.KindNotFound) && !portal.Is(err, portal.KindConflict) {
				b.t.Error(err)
			}
		}
	}
	newTeam := func(b *bundle, a portal.Actor) {
		_, err := b.Create(b.t.Context(), a, teams.Input{Slug: "mine", Name: "mine", MemberGroup: "portal-admins", ApproverGroup: "portal-admins", Quota: typed("9", "s 9")})
		must(b.t, err)
	}
	change := func(f func(*teams.Input)) func(b *bundle, a portal.Actor) {
		return func(b *bundle, a portal.Actor) { _, err := b.edit(a, "pay", f); must(b.t, err) }
	}
	chains := []struct {
		name  string
		steps []func(b *bundle, a portal.Actor)
	}{
		{"a team of one's own, over nobody", []func(b *bundle, a portal.Actor){newTeam, own("", "", false), own("mine", portal.Development, false)}},
		{"less than production, then deletion", []func(b *bundle, a portal.Actor){own("pay", portal.Development, true)}},
		{"the quota of one's team", []func(b *bundle, a portal.Actor){change(func(in *teams.Input) { in.MemberGroup = "portal-admins" }), change(func(in *teams.Input) { in.Quota["nodes"] = "9" })}},
		{"one's own group approves", []func(b *bundle, a portal.Actor){change(func(in *teams.Input) { in.ApproverGroup = "portal-admins" })}},
		{"protection lifted, then deletion", []func(b *bundle, a portal.Actor){own("pay", portal.Production, false)}},
	}
	for _, chain := range chains {
		t.Run(chain.name, func(t *testing.T) {
			t.Parallel()
			for _, installed := range []time.Duration{0, longAgo} {
				b := setup(t, installed)
				b.protect()
				b.alone(chain.steps)
			}
		})
	}
}

// alone has an admin take steps, and makes sure that nothing of team pay or its
// cluster has changed.
func (b *bundle) alone(steps []func(b *bundle, a portal.Actor)) {
	b.t.Helper()
	cluster, team := b.cluster(b.web), b.team("pay")
	for _, step := range steps {
		func() {
			defer b.dropAll()
			step(b, b.admin("ada", "portal-admins"))
		}()
	}
	after := b.cluster(b.web)
	if after.TeamID != cluster.TeamID || after.Environment != cluster.Environment || !after.Protected || b.team("pay").Version != team.Version || b.has("mine") {
		b.t.Errorf("it has taken effect: %+v", after)
	}
}

// dropAll makes room for the next proposal.
func (b *bundle) dropAll() {
	list, err := store.ProposedAdminChanges(b.t.Context(), b.Pool, 100)
	must(b.t, err)
	for _, c := range list {
		wantKind(b.t, b.Accept(b.t.Context(), b.admin("ada", "portal-admins"), c.ID), portal.KindForbidden)
		must(b.t, b.Drop(b.t.Context(), b.admin("ada"), c.ID))
	}
}

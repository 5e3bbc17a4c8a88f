package execute_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// raiseAsk asks for a larger quota, until a day unless the pairs say otherwise.
func (b *bundle) raiseAsk(pairs ...string) request.SubmitInput {
	pairs = append([]string{"team", "pay", "lasts", "last_day", "last_day", b.day(5)}, pairs...)
	return request.SubmitInput{Operation: portal.RaiseQuota, Form: form(pairs...)}
}

// day is a day from now on, as a form has it.
func (b *bundle) day(n int) string { return b.clock.Now().AddDate(0, 0, n).Format(time.DateOnly) }

func (b *bundle) raise(pairs ...string) portal.Request {
	b.t.Helper()
	r, err := b.requests.Submit(b.t.Context(), b.member, b.raiseAsk(pairs...))
	b.must(err)
	return r
}

// platform is a platform approver.
func (b *bundle) platform() portal.Actor { return b.person("pia", "platform") }

// limit is what the team may have of an item now.
func (b *bundle) limit(item portal.Item) int {
	b.t.Helper()
	team, err := store.TeamByID(b.t.Context(), b.pool, b.team.ID)
	b.must(err)
	n, _ := team.QuotaAt(b.clock.Now()).Limit(item)
	return n
}

func (b *bundle) wantLimit(n int) {
	b.t.Helper()
	if got := b.limit(portal.AllNodes); got != n {
		b.t.Errorf("the team may have %d nodes, want %d", got, n)
	}
}

// A new team's story: refused for quota, asked for more until a day, granted, used,
// told in time that it ends, ended; then nothing grows and everything shrinks.
func TestQuotaUntilADay(t *testing.T) {
	t.Parallel()
	b := richSetup(t) // 5 nodes of 12
	ctx := t.Context()
	_, err := b.requests.Submit(ctx, b.member, createAsk("more", 9))
	if faults := portal.FieldErrorsOf(err); len(faults) != 2 || !strings.Contains(faults[0].Message, "may have 12 nodes; it has 5 and this asks for 9 more: 2 over the limit") {
		t.Fatalf("refused: %v", err)
	}
	r := b.raise("nodes", "14", "sizes", "s-2vcpu-4gb 14")
	b.want(r, portal.Pending)
	if want := "Let team pay have 14 nodes, 14 s-2vcpu-4gb nodes until the end of Wed 7 Jan 2026 UTC."; r.Plan.Summary != want {
		t.Errorf("planned: %s", r.Plan.Summary)
	}
	if len(r.Plan.Changes) != 2 || r.Plan.Changes[0].Before != "12" || !strings.HasPrefix(r.Plan.Changes[0].After, "14 until ") {
		t.Errorf("changes: %+v", r.Plan.Changes)
	}
	b.must(b.decide(b.platform(), r, portal.ReviewApprove))
	b.wantLimit(12)
	b.want(b.step(r), portal.Succeeded)
	b.wantLimit(14)
	if got := b.trail(r); got != "request_submitted quota_raised request_succeeded" {
		t.Errorf("trail: %s", got)
	}
	b.want(b.finish(b.create("more", 9)), portal.Succeeded)
	b.wantUsage(14)

	b.must(b.requests.EndGrants(ctx))
	b.wantEvents(portal.EventGrantEnding, 0)
	for _, told := range []struct{ after, times int }{{3, 1}, {0, 1}, {2, 2}, {0, 2}} {
		b.clock.advance(time.Duration(told.after) * 24 * time.Hour)
		b.must(b.requests.EndGrants(ctx))
		b.must(b.requests.EndGrants(ctx))
		b.wantEvents(portal.EventGrantEnding, 2*told.times) // of each of the two limits
	}
	b.clock.advance(24 * time.Hour)
	b.wantLimit(12) // whether or not the task has run
	b.must(b.requests.EndGrants(ctx))
	b.must(b.requests.EndGrants(ctx))
	b.wantEvents(portal.EventGrantEnded, 2)
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'quota_grant_ended' AND summary LIKE '%may then have 12 nodes, not 14. It uses 2 more than that. Nothing is deleted%'`); n != 1 {
		t.Error("the trail does not say by how much the team is over its limit")
	}
	if n := b.count(`SELECT count(*) FROM notifications WHERE kind = 'quota_grant_ended' AND team_id IS NOT NULL`); n != 2 {
		t.Errorf("the team is told %d times that it ended", n)
	}
	b.wantUsage(14)
	b.member = b.signedIn(b.person("ann", "pay"))
	if _, err := b.requests.Submit(ctx, b.member, createAsk("again", 1)); len(portal.FieldErrorsOf(err)) == 0 {
		t.Errorf("growth after the end: %v", err)
	}
	_, err = b.requests.Submit(ctx, b.member, onPool(portal.UpdateNodePool, "fixed", "count", "1")(b))
	b.must(err)
}

// A clock that jumps back brings nothing back that has ended.
func TestEndedGrantsStayEnded(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.raise("nodes", "14")
	b.must(b.decide(b.platform(), r, portal.ReviewApprove))
	b.want(b.step(r), portal.Succeeded)
	b.clock.advance(6 * 24 * time.Hour)
	b.must(b.requests.EndGrants(t.Context()))
	b.clock.advance(-5 * 24 * time.Hour)
	b.wantLimit(12)
	b.must(b.requests.EndGrants(t.Context()))
	b.wantEvents(portal.EventGrantEnded, 1)
}

// The clock of a grant for some days starts when it takes effect.
func TestQuotaForDays(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.raise("nodes", "14", "lasts", "days", "days", "2")
	b.clock.advance(5 * 24 * time.Hour)
	b.member = b.person("ann", "pay")
	b.must(b.decide(b.platform(), r, portal.ReviewApprove))
	b.want(b.step(r), portal.Succeeded)
	b.clock.advance(47 * time.Hour)
	b.wantLimit(14)
	b.clock.advance(time.Hour)
	b.wantLimit(12)
}

// For good the team's own limits change, once, and an admin's open form is out of date.
func TestQuotaForGood(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	_, err := b.pool.Exec(t.Context(), `UPDATE teams SET quota = jsonb_set(quota, '{limits,family/s}', '12')`)
	b.must(err)
	r := b.raise("nodes", "14", "families", "s 13", "lasts", "for_good")
	b.must(b.decide(b.platform(), r, portal.ReviewApprove))
	b.want(b.step(r), portal.Succeeded)
	b.want(b.step(r), portal.Succeeded)
	team, err := store.TeamByID(t.Context(), b.pool, b.team.ID)
	b.must(err)
	if team.Quota.Limits[portal.AllNodes] != 14 || team.Quota.Limits[portal.NodesOfFamily("s")] != 13 || len(team.Grants) != 0 || team.Version != 2 {
		t.Errorf("the team: %+v", team)
	}
	b.clock.advance(400 * 24 * time.Hour)
	b.wantLimit(14)
	b.wantEvents(portal.EventQuotaRaised, 1)
}

// Whose quota grows does not decide on it, whatever the policy says: not a member who
// is an approver too, nor who stands in for one, or has a member stand in.
func TestWhoGainsDoesNotDecideOnQuotas(t *testing.T) {
	t.Parallel()
	tests := map[string]func(b *bundle) portal.Actor{
		"the requester":         func(b *bundle) portal.Actor { return b.member },
		"a member and approver": func(b *bundle) portal.Actor { return b.person("mia", "pay", "platform") },
		"a member for an approver": func(b *bundle) portal.Actor {
			mia := b.person("mia", "pay")
			b.delegates(b.platform(), mia, week)
			return mia
		},
		"an approver who stands in for a member": func(b *bundle) portal.Actor {
			pia := b.platform()
			b.delegates(b.person("mia", "pay", "x-approvers"), pia, week)
			return pia
		},
		"an approver who lately stood in for a member": func(b *bundle) portal.Actor {
			pia := b.platform()
			b.ends(b.delegates(b.person("mia", "pay", "x-approvers"), pia, week))
			return pia
		},
		"a stand-in for a member and approver": func(b *bundle) portal.Actor {
			max := b.person("max", "pay-approvers")
			b.delegates(b.person("mia", "pay", "platform"), max, week)
			return max
		},
		"a stand-in for an approver who stands in for a member": func(b *bundle) portal.Actor {
			max, pia := b.person("max", "pay-approvers"), b.platform()
			b.delegates(pia, max, week)
			b.delegates(b.person("mia", "pay", "x-approvers"), pia, week)
			return max
		},
	}
	for name, who := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			a := who(b)
			if name == "the requester" {
				b.member = b.person("ann", "pay", "platform")
				a = b.member
			}
			r := b.raise("nodes", "14")
			inbox := 0
			if strings.Contains(name, "lately") || strings.HasPrefix(name, "a stand-in for an approver") {
				inbox = 1 // the page says that they do not decide
			}
			b.wantInbox(a, inbox, 0, 0)
			for _, d := range []portal.ReviewDecision{portal.ReviewApprove, portal.ReviewReject} {
				if err := b.decide(a, r, d); !portal.Is(err, portal.KindForbidden) {
					t.Errorf("%s: %v", d, err)
				}
			}
			b.want(b.read(r), portal.Pending)
		})
	}
}

// An approval counts no longer when who gave it gains by then: it is looked at again
// right before the quota grows.
func TestApproversWhoJoinTheTeam(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(b *bundle, pia portal.Actor){
		"joined":    func(b *bundle, _ portal.Actor) { b.person("pia", "platform", "pay") },
		"stands in": func(b *bundle, pia portal.Actor) { b.delegates(b.person("mia", "pay"), pia, week) },
		"left":      func(b *bundle, _ portal.Actor) { b.person("pia") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r, pia := b.raise("nodes", "14"), b.platform()
			b.must(b.decide(pia, r, portal.ReviewApprove))
			then(b, pia)
			b.want(b.step(r), portal.Stale)
			b.wantLimit(12)
		})
	}
}

// Nothing grows on a decision about other limits than those that are there, nor after
// its day, nor at all with break-glass.
func TestRaisesGoOutOfDate(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]func(b *bundle){
		"another limit": func(b *bundle) {
			_, err := b.pool.Exec(b.t.Context(), `UPDATE teams SET quota = jsonb_set(quota, '{limits,nodes}', '20')`)
			b.must(err)
		},
		"no limit": func(b *bundle) {
			_, err := b.pool.Exec(b.t.Context(), `UPDATE teams SET quota = quota #- '{limits,nodes}'`)
			b.must(err)
		},
		"the day is over": func(b *bundle) { b.clock.advance(6 * 24 * time.Hour); b.person("ann", "pay"); b.platform() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			pending, approved := b.raise("nodes", "14"), b.raise("sizes", "s-2vcpu-4gb 14")
			b.must(b.decide(b.platform(), approved, portal.ReviewApprove))
			_, err := b.pool.Exec(t.Context(), `UPDATE requests SET due_at = due_at + interval '9 days'`)
			b.must(err)
			then(b)
			if err := b.decide(b.platform(), pending, portal.ReviewApprove); !portal.Is(err, portal.KindConflict) {
				t.Errorf("approved: %v", err)
			}
			b.want(b.read(pending), portal.Stale)
			if b.step(approved); name == "the day is over" {
				b.want(b.read(approved), portal.Stale)
			}
			if n := b.count(`SELECT count(*) FROM quota_grants WHERE item = 'nodes'`); n != 0 {
				t.Error("nodes were granted")
			}
		})
	}
	b := richSetup(t)
	r := b.raise("nodes", "14")
	admin := b.person("adam", "admins")
	admin.Roles = []portal.Role{portal.RoleAdmin}
	if err := b.requests.BreakGlass(t.Context(), admin, r.Number, r.Revision, r.Digest, "now"); !portal.Is(err, portal.KindForbidden) {
		t.Errorf("break-glass: %v", err)
	}
}

// What cannot be asked for is told at its field.
func TestBadRaises(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	_, err := b.pool.Exec(t.Context(), `UPDATE teams SET quota = jsonb_set(quota, '{limits,monthly_cost}', '50000')`)
	b.must(err)
	_, err = b.pool.Exec(t.Context(), `UPDATE teams SET quota = jsonb_set(quota, '{limits,family/s}', '10')`)
	b.must(err)
	first := b.raise("sizes", "s-2vcpu-4gb 20")
	for _, tt := range []struct{ name, typed, field, says string }{
		{"nodes", "12", "nodes", "may have 12 nodes already"},
		{"nodes", "3", "nodes", "enter more than that"},
		{"nodes", "1000000000", "nodes", "at most 100000"},
		{"nodes", "-1", "nodes", "whole number"},
		{"nodes", "many", "nodes", "“many”"},
		{"monthly_cost", "500", "monthly_cost", "$500 a month already"},
		{"vcpus", "10", "vcpus", "no limit on vCPUs"},
		{"families", "foo 3", "families", "does not offer the family “foo”"},
		{"families", "gpu", "families", "not a family and a number"},
		{"families", "s 11\ns 12", "families", "appears twice"},
		{"sizes", "s-9 3", "sizes", "does not offer the size “s-9”"},
		{"sizes", "s-2vcpu-4gb 30", "sizes", fmt.Sprintf("Request #%d already asks for more", first.Number)},
		{"last_day", b.day(-1), "last_day", "This day is over"},
		{"last_day", b.day(3650), "last_day", "at most 30 days; enter 31 January 2026 or an earlier day"},
		{"last_day", "Friday", "last_day", "Enter a date"},
		{"lasts", "", "lasts", "Choose for how long"},
		{"lasts", "days", "days", "at least 1"},
	} {
		ask := b.raiseAsk()
		if tt.field == "last_day" || tt.field == "lasts" || tt.field == "days" {
			ask = b.raiseAsk("nodes", "14")
		}
		ask.Form.Set(tt.name, tt.typed)
		_, err := b.requests.Submit(t.Context(), b.member, ask)
		faults := portal.FieldErrorsOf(err)
		if len(faults) != 1 || faults[0].Field != tt.field || !strings.Contains(faults[0].Message, tt.says) {
			t.Errorf("%s = %q: %v", tt.name, tt.typed, err)
		}
	}
	if _, err := b.requests.Submit(t.Context(), b.member, b.raiseAsk()); len(portal.FieldErrorsOf(err)) != 1 {
		t.Errorf("nothing: %v", err)
	}
	ask := b.raiseAsk("nodes", "14", "lasts", "days", "days", "31")
	if _, err := b.requests.Submit(t.Context(), b.member, ask); len(portal.FieldErrorsOf(err)) != 1 {
		t.Errorf("for too long: %v", err)
	}
	for _, a := range []portal.Actor{b.approver, b.platform()} {
		if _, err := b.requests.Submit(t.Context(), a, b.raiseAsk("nodes", "14")); !portal.Is(err, portal.KindForbidden) {
			t.Errorf("%s: %v", a.Name, err)
		}
	}
}

// Of many who ask for more of the same at once one request is made.
func TestOneRaiseAtATime(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	errs := inParallel(8, func(int) error {
		_, err := b.requests.Submit(context.Background(), b.member, b.raiseAsk("nodes", "14"))
		return err
	})
	if n := successes(errs); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// While a grant ends nothing grows beyond what is in force: whatever was let in was
// within the larger limit, and what comes after the end within the smaller.
func TestGrowthWhileAGrantEnds(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.raise("nodes", "20", "sizes", "s-2vcpu-4gb 20")
	b.must(b.decide(b.platform(), r, portal.ReviewApprove))
	b.want(b.step(r), portal.Succeeded)
	b.clock.advance(140 * time.Hour)
	b.member = b.person("ann", "pay")
	errs := inParallel(16, func(i int) error {
		if i == 8 {
			b.clock.advance(24 * time.Hour)
			return b.requests.EndGrants(context.Background())
		}
		_, err := b.requests.Submit(context.Background(), b.member, createAsk(fmt.Sprintf("rush-%d", i), 2))
		return err
	})
	b.must(errs[8])
	used, err := store.TeamUsage(t.Context(), b.pool, b.team.ID)
	b.must(err)
	if used.Nodes() > 20 {
		t.Errorf("%d nodes", used.Nodes())
	}
	b.wantLimit(12)
	if _, err := b.requests.Submit(t.Context(), b.person("ann", "pay"), createAsk("late", 8)); err == nil {
		t.Error("it grew beyond the limit that is in force")
	}
}

// wantEvents counts the events of a kind.
func (b *bundle) wantEvents(kind portal.EventKind, n int) {
	b.t.Helper()
	if got := b.count(`SELECT count(*) FROM events WHERE kind = '` + string(kind) + `'`); got != n {
		b.t.Errorf("%d events %s, want %d", got, kind, n)
	}
}

// Who decides on a larger quota reads when teams would have more nodes together than the
// account may have Droplets.
func TestRaiseBeyondTheAccount(t *testing.T) {
	t.Parallel()
	b := richSetup(t) // 12 nodes
	b.requests.DropletLimit = 14
	if r := b.raise("nodes", "14"); len(r.Plan.Warnings) > 0 {
		t.Errorf("within it: %q", r.Plan.Warnings)
	}
	b.requests.DropletLimit = 13
	_, err := b.pool.Exec(t.Context(), `UPDATE requests SET state = 'withdrawn'`)
	b.must(err)
	if r := b.raise("nodes", "14"); len(r.Plan.Warnings) != 1 || !strings.Contains(r.Plan.Warnings[0], "Teams may have 14 nodes together, more than the droplet limit of the account (13).") {
		t.Errorf("beyond it: %q", r.Plan.Warnings)
	}
}

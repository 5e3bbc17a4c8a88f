package execute_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// leased is a cluster of development that was created for ten days.
func (b *bundle) leased() portal.Request {
	b.t.Helper()
	ask := createAsk("lab", 1)
	ask.Form.Set("lasts", portal.LastsDays)
	ask.Form.Set("days", "10")
	r, err := b.requests.Submit(b.t.Context(), b.member, ask)
	b.must(err)
	r = b.finish(r)
	b.want(r, portal.Succeeded)
	b.cluster = r.TargetID
	return r
}

func (b *bundle) endLeases() {
	b.t.Helper()
	for range 2 { // the second finds nothing to do
		b.must(b.requests.EndLeases(b.t.Context()))
	}
}

// pass lets time pass that nobody looks at the leases in.
func (b *bundle) pass(d time.Duration) { b.clock.advance(d); b.member = b.person("ann", "pay") }

// untilOver lets a lease of ten days end, with all that is told of it.
func (b *bundle) untilOver() {
	b.t.Helper()
	for _, after := range []time.Duration{9*24*time.Hour + 23*time.Hour, 2 * time.Hour} {
		b.pass(after)
		b.endLeases()
	}
}

func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), sql, args...)
	b.must(err)
}

func (b *bundle) theLease() portal.Lease {
	b.t.Helper()
	l, err := store.Lease(b.t.Context(), b.pool, b.cluster)
	b.must(err)
	return l
}

func (b *bundle) extendAsk(pairs ...string) request.SubmitInput {
	return request.SubmitInput{Operation: portal.ExtendLease, ClusterID: b.cluster, Form: form(pairs...)}
}

// deletions are the requests for the deletion of the bundle's cluster.
func (b *bundle) deletions() []portal.Request {
	b.t.Helper()
	list, err := store.Requests(b.t.Context(), b.pool, store.RequestFilter{All: true, TargetID: b.cluster, Operation: portal.DeleteCluster, Limit: 10})
	b.must(err)
	return list
}

// A cluster that was created for a time: its team is told in time, extends it, is told
// again, and then an ordinary deletion goes through the policy.
func TestLease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.leased()
	if want := "for 10 days, then its deletion is requested"; !strings.Contains(changeTexts(r.Plan.Changes), want) {
		t.Errorf("the plan does not say %q: %s", want, changeTexts(r.Plan.Changes))
	}
	b.endLeases()
	b.wantEvents(portal.EventLeaseEnding, 0)
	b.pass(3 * 24 * time.Hour)
	b.endLeases()
	b.wantEvents(portal.EventLeaseEnding, 1)
	b.pass(5 * 24 * time.Hour)
	b.endLeases()
	b.wantEvents(portal.EventLeaseEnding, 2)

	e, err := b.requests.Submit(t.Context(), b.member, b.extendAsk("lasts", portal.LastsDays, "days", "10"))
	b.must(err)
	b.want(e, portal.Approved)
	b.want(b.step(e), portal.Succeeded)
	if got := b.trail(e); got != "request_submitted lease_extended request_succeeded" {
		t.Errorf("trail: %s", got)
	}
	if l := b.theLease(); !l.Until.Equal(b.clock.Now().AddDate(0, 0, 10)) || l.Told != 0 || l.Number != e.Number {
		t.Errorf("the lease is %+v", l)
	}

	b.pass(9*24*time.Hour + 23*time.Hour)
	b.endLeases()
	b.wantEvents(portal.EventLeaseEnding, 3) // once for all that was missed
	b.pass(time.Hour)
	b.endLeases()
	if l := b.theLease(); !l.EndedAt.IsZero() {
		t.Error("the last notice was an hour ago, and promised two")
	}
	b.pass(time.Hour)
	for _, err := range inParallel(4, func(int) error { return b.requests.EndLeases(t.Context()) }) {
		b.must(err)
	}
	list := b.deletions()
	if len(list) != 1 || list[0].Requester.Identity != b.member.Identity {
		t.Fatalf("requests for the deletion: %+v", list)
	}
	d := b.read(list[0])
	b.want(d, portal.Pending)
	b.wantEvents(portal.EventLeaseEnded, 1)
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'request_submitted' AND request_id = $1 AND issuer = 'portal' AND summary LIKE 'The portal requested % for ann, whose lease has ended: %'`, d.ID); n != 1 {
		t.Error("the trail does not say that the portal asked for it")
	}
	if n := b.count(`SELECT count(*) FROM notifications WHERE kind IN ('lease_ending', 'lease_ended') AND team_id IS NOT NULL`); n != 4 {
		t.Errorf("the team was told %d times", n)
	}
	b.wantCalls("delete_cluster", 0)
	b.wantKind(b.decides(d, "ann", "pay", "pay-approvers"), portal.KindForbidden, "who asked for the lease decides")
	b.must(b.decides(d, "bob", "pay-approvers"))
	b.want(b.finish(d), portal.Succeeded)
	b.wantCalls("delete_cluster", 1)
	b.pass(24 * time.Hour)
	b.endLeases()
	b.wantEvents(portal.EventLeaseEnded, 1)
}

func changeTexts(list []portal.Change) string {
	var texts []string
	for _, c := range list {
		texts = append(texts, c.What+": "+c.Before+" → "+c.After)
	}
	return strings.Join(texts, "\n")
}

// What keeps the portal from asking for a deletion by itself. The team is told why.
func TestLeaseThatEndsInNothing(t *testing.T) {
	t.Parallel()
	deletes := func(terms string) string {
		return "rules:\n  - {name: deletions, operations: [delete_cluster], " + terms + "}\n  - {name: rest, allow: true}\n"
	}
	for name, c := range map[string]struct {
		change func(b *bundle)
		why    string
	}{
		"production": {func(b *bundle) { b.must(b.environment(portal.Production)) }, "in production"},
		"protected":  {func(b *bundle) { b.protect(true) }, "protected"},
		"nobody's": {func(b *bundle) {
			b.exec(`UPDATE clusters SET team_id = NULL, environment = NULL, protected = true WHERE id = $1`, b.cluster)
		}, "no team owns"},
		"left":       {func(b *bundle) { b.person("ann", "other") }, "ann, who asked for the lease, is not a member of team pay"},
		"denied":     {func(b *bundle) { b.policy(deletes(`deny: "Not now."`)) }, "Not now."},
		"sign-in":    {func(b *bundle) { b.policy(deletes("allow: true, fresh_sign_in: true")) }, "wants a person to confirm"},
		"typed name": {func(b *bundle) { b.policy(deletes("allow: true, typed_name: true")) }, "wants a person to confirm"},
		"archived":   {func(b *bundle) { b.rewrites(`DELETE FROM events WHERE kind = 'request_submitted'`) }, "was archived"},
		"asked for": {func(b *bundle) {
			_, err := b.requests.Submit(b.t.Context(), b.member, b.deleteAsk())
			b.must(err)
		}, "is under way already"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.leased()
			b.pass(9*24*time.Hour + 23*time.Hour)
			b.endLeases()
			before := len(b.deletions())
			b.pass(2 * time.Hour)
			c.change(b)
			if name == "asked for" {
				before++
			}
			b.endLeases()
			if l := b.theLease(); !strings.HasPrefix(l.Outcome, "Its deletion is not requested: ") || !strings.Contains(l.Outcome, c.why) {
				t.Errorf("the outcome is %q, not because of %q", l.Outcome, c.why)
			}
			if n := len(b.deletions()); n != before {
				t.Errorf("%d requests for the deletion, before %d", n, before)
			}
			b.wantEvents(portal.EventLeaseEnded, 1)
			b.wantCalls("delete_cluster", 0)
		})
	}
}

// While DigitalOcean is away nothing is decided; then it goes on.
func TestLeaseEndsWhileDigitalOceanIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leased()
	b.pass(9*24*time.Hour + 23*time.Hour)
	b.endLeases()
	b.pass(2 * time.Hour)
	away, err := doapi.New("http://127.0.0.1:1", token, doapi.Clock(b.clock.Now, func(context.Context, time.Duration) error { return nil }))
	b.must(err)
	b.requests.DO = away
	if err := b.requests.EndLeases(t.Context()); err == nil {
		t.Error("nobody is told that DigitalOcean is away")
	}
	if l := b.theLease(); !l.EndedAt.IsZero() {
		t.Errorf("it has ended: %s", l.Outcome)
	}
	b.requests.DO = b.do
	b.endLeases()
	if n := len(b.deletions()); n != 1 {
		t.Errorf("%d requests for the deletion", n)
	}
}

// A clock that jumps ahead, or replicas that were away, shorten no notice.
func TestLeaseWhenTheClockJumps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leased()
	b.pass(40 * 24 * time.Hour)
	b.endLeases()
	b.wantEvents(portal.EventLeaseEnding, 1)
	b.wantEvents(portal.EventLeaseEnded, 0)
	b.pass(-40 * 24 * time.Hour)
	b.endLeases()
	b.pass(time.Hour)
	b.endLeases()
	if n := len(b.deletions()); n != 0 {
		t.Fatalf("%d requests for the deletion, nine days before the end", n)
	}
	b.pass(40 * 24 * time.Hour)
	b.endLeases()
	b.pass(2 * time.Hour)
	b.endLeases()
	if n := len(b.deletions()); n != 1 {
		t.Errorf("%d requests for the deletion after the end", n)
	}
}

// A replica that was killed between the request and its note asks for nothing twice.
func TestLeaseEndsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leased()
	b.untilOver()
	b.exec(`UPDATE leases SET ended_at = NULL, outcome = ''`)
	b.endLeases()
	if n := len(b.deletions()); n != 1 {
		t.Errorf("%d requests for the deletion", n)
	}
}

// Who extends a lease whose end has made a request takes that back, as long as it is
// not carried out.
func TestExtensionAfterTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leased()
	b.untilOver()
	d := b.read(b.deletions()[0])
	b.must(b.decides(d, "bob", "pay-approvers"))
	e, err := b.requests.Submit(t.Context(), b.member, b.extendAsk("lasts", portal.LastsForGood))
	b.must(err)
	b.want(b.step(e), portal.Succeeded)
	b.want(b.read(d), portal.Withdrawn)
	b.want(b.step(d), portal.Withdrawn)
	if _, err := store.Lease(t.Context(), b.pool, b.cluster); !portal.Is(err, portal.KindNotFound) {
		t.Errorf("it still has a lease: %v", err)
	}
	b.pass(100 * 24 * time.Hour)
	b.endLeases()
	b.wantCalls("delete_cluster", 0)
}

func TestExtensionWhileItIsDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leased()
	b.untilOver()
	e, err := b.requests.Submit(t.Context(), b.member, b.extendAsk("lasts", portal.LastsDays, "days", "5"))
	b.must(err)
	d := b.read(b.deletions()[0])
	b.must(b.decides(d, "bob", "pay-approvers"))
	b.want(b.step(d), portal.Settling)
	e = b.step(e)
	b.want(e, portal.Stale)
	if !strings.Contains(e.Reason, "is being deleted by request #") {
		t.Errorf("reason %q", e.Reason)
	}
}

// Two extensions that were asked for on the same lease: the second is out of date.
func TestExtensionOfAnotherLease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leased()
	ask := func(days string) portal.Request {
		r, err := b.requests.Submit(t.Context(), b.member, b.extendAsk("lasts", portal.LastsDays, "days", days))
		b.must(err)
		return r
	}
	first, second := ask("20"), ask("30")
	b.want(b.step(second), portal.Succeeded)
	b.want(b.step(first), portal.Stale)
	if l := b.theLease(); l.Number != second.Number {
		t.Errorf("the lease is that of request #%d", l.Number)
	}
}

// What the policy says, and what cannot be meant, at its field.
func TestLeaseFields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leased()
	day := b.day
	b.policy("defaults: {longest_lease: 14d}\nrules:\n  - {name: all, allow: true}\n")
	create := func(pairs ...string) request.SubmitInput {
		ask := createAsk("next", 1)
		for i := 0; i < len(pairs); i += 2 {
			ask.Form.Set(pairs[i], pairs[i+1])
		}
		return ask
	}
	for name, c := range map[string]struct {
		ask         request.SubmitInput
		field, says string
	}{
		"none":              {create(), "lasts", "at most 14 days; choose for how long"},
		"for good":          {create("lasts", "for_good"), "lasts", "at most 14 days; choose for how long"},
		"too long":          {create("lasts", "days", "days", "15"), "days", "at most 14 days"},
		"too late":          {create("lasts", "last_day", "last_day", day(14)), "last_day", "or an earlier day"},
		"as long as may be": {create("lasts", "days", "days", "14"), "", ""},
		"production":        {create("environment", "production"), "", ""},
		"none there":        {create("environment", "production", "lasts", "days", "days", "3"), "lasts", "never deleted by itself"},
		"past":              {create("lasts", "last_day", "last_day", day(-1)), "last_day", "This day is over"},
		"today":             {create("lasts", "last_day", "last_day", day(0)), "", ""},
		"a century":         {create("lasts", "last_day", "last_day", "2126-01-01"), "last_day", "more than 20 years"},
		"no such day":       {create("lasts", "last_day", "last_day", "2026-02-30"), "last_day", "Enter a date"},
		"10^9 days":         {create("lasts", "days", "days", "1000000000"), "days", "at most 3650"},
		"no number":         {create("lasts", "days", "days", "soon"), "days", "“soon”"},
		"no choice":         {create("lasts", "sometimes"), "lasts", "Choose for how long"},
		"shorter":           {b.extendAsk("lasts", "days", "days", "9"), "days", "already; enter more"},
		"longer":            {b.extendAsk("lasts", "days", "days", "14"), "", ""},
		"longer than may":   {b.extendAsk("lasts", "days", "days", "15"), "days", "at most 14 days"},
		"for ever":          {b.extendAsk("lasts", "for_good"), "lasts", "at most 14 days"},
		"nothing chosen":    {b.extendAsk(), "lasts", "Choose for how long"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := b.requests.Plan(t.Context(), b.member, c.ask)
			b.must(err)
			switch {
			case c.field == "" && len(d.Errors) > 0:
				t.Errorf("refused: %+v", d.Errors)
			case c.field != "" && (len(d.Errors) != 1 || d.Errors[0].Field != c.field || !strings.Contains(d.Errors[0].Message, c.says)):
				t.Errorf("want %q at %s: %+v", c.says, c.field, d.Errors)
			}
		})
	}
}

// A cluster without a lease has none to extend.
func TestExtensionWithoutALease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.requests.Submit(t.Context(), b.member, b.extendAsk("lasts", portal.LastsForGood))
	b.wantKind(err, portal.KindNotFound, "no lease")
}

// An extension that waits is not out of date because the inventory was read meanwhile.
func TestExtensionThatWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leased()
	b.policy("rules:\n  - {name: e, operations: [extend_lease], require: [{approvals: 1, from: [team]}]}\n  - {name: rest, allow: true}\n")
	e, err := b.requests.Submit(t.Context(), b.member, b.extendAsk("lasts", portal.LastsDays, "days", "12"))
	b.must(err)
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.must(b.requests.Freshen(t.Context()))
	b.want(b.read(e), portal.Pending)
	b.must(b.decides(e, "bob", "pay-approvers"))
	b.member = b.person("ann", "pay")
	b.want(b.finish(b.read(e)), portal.Succeeded)
}

// Nobody takes the submit key of the request that the end of a lease will make.
func TestKeyOfTheDeletionIsThePortals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.leased()
	ask := b.extendAsk()
	ask.Operation = portal.RunClusterlint
	ask.Form.Set("submit_key", request.DeletionKey(b.theLease()))
	_, err := b.requests.Submit(t.Context(), b.member, ask)
	b.wantKind(err, portal.KindInvalid, "somebody who has worked out the key")
	b.untilOver()
	if n := len(b.deletions()); n != 1 {
		t.Errorf("%d deletions, want 1", n)
	}
}

package notify_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/notify"
	"doksportal/internal/portal"
)

// Asked for a decision are those whose decision is still missing, and nobody
// else.
func TestWhoIsAsked(t *testing.T) {
	b := setup(t)
	b.member = b.person("ann", "pay", "pay-approvers", "platform") // who asks may approve what others ask for
	bob, pia := b.person("bob", "pay-approvers"), b.person("pia", "platform")
	b.person("otto", "find-approvers")
	b.person("olga")
	b.person("mia", "pay")
	r := b.ask(one("pay-approvers"), one("platform"))
	b.round()
	if got := b.post.to(); got != "bob pia" {
		t.Errorf("asked: %s", got)
	}
	b.approve(r, bob)
	b.round()
	if got := b.post.to(); got != "ann" {
		t.Errorf("told of the approval: %s", got)
	}
	for kind, want := range map[portal.EventKind]string{portal.EventExpiring: "ann pia", portal.EventReplanned: "pia", portal.EventReminded: "pia"} {
		b.tell(r, kind, portal.System("clock"))
		b.round()
		if got := b.post.to(); got != want {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
	b.tell(r, portal.EventReminded, pia)
	b.round()
	if got := b.post.to(); got != "" {
		t.Errorf("who reminds the others is told: %s", got)
	}
	r.Reviews = append(r.Reviews, portal.Review{Reviewer: bob.Person(), Groups: []string{"pay-approvers"}, Decision: portal.ReviewApprove, Revision: 1, Digest: r.Digest})
	b.approve(r, pia)
	b.post.to()
	b.tell(r, portal.EventExpiring, portal.System("clock"))
	b.round()
	if got := b.post.to(); got != "ann" { // of the approval
		t.Errorf("after the decision: %s", got)
	}
}

// Asked are those whom the verdict names, though they approve nothing else of
// the team.
func TestGroupsThatThePolicyNames(t *testing.T) {
	b := setup(t)
	b.person("eve", "database-owners")
	b.ask(one("database-owners"))
	b.round()
	if got := b.post.to(); got != "eve" {
		t.Errorf("asked: %q, want eve", got)
	}
}

// Of all else the requester is told, unless they did it themselves.
func TestWhoIsTold(t *testing.T) {
	b := setup(t)
	bob := b.person("bob", "pay-approvers")
	b.person("pia", "platform")
	r := b.ask(one("pay-approvers", "platform"))
	b.round()
	b.post.to()
	for _, kind := range []portal.EventKind{portal.EventRejectedBy, portal.EventChangesRequested, portal.EventStale, portal.EventSucceeded, portal.EventFailed} {
		b.tell(r, kind, b.member)
		b.tell(r, kind, bob)
		b.round()
		if got := b.post.to(); got != "ann" {
			t.Errorf("%s: %s", kind, got)
		}
	}
	for _, kind := range []portal.EventKind{portal.EventBreakGlass, portal.EventBreakGlassReviewed} {
		b.tell(r, kind, b.member)
		b.round()
		if got := b.post.to(); got != "ada ann bob pia" {
			t.Errorf("%s: %s", kind, got)
		}
	}
	for _, kind := range []portal.EventKind{portal.EventWithdrawn, portal.EventCommented, portal.EventIntent, portal.EventOutcome} {
		b.tell(r, kind, bob)
		b.round()
		if got := b.post.to(); got != "" {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

// Nobody is asked what is decided already, also when the question could not be
// delivered before.
func TestOvertaken(t *testing.T) {
	b := setup(t)
	bob := b.person("bob", "pay-approvers")
	b.person("ben", "pay-approvers")
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url, portal.TopicReviewRequested)
	b.approve(b.ask(one("pay-approvers")), bob)
	b.round()
	if got := b.post.to(); got != "ann" || b.queued() != 1 {
		t.Errorf("decided before it was told: %s, %d deliveries", got, b.queued())
	}
	b.hook.answers(http.StatusBadGateway)
	r := b.ask(one("pay-approvers"))
	b.post.refuse(errBusy)
	b.round()
	b.clock.advance(notify.Lease)
	b.approve(r, bob)
	b.post.refuse(nil)
	b.hook.take()
	b.round()
	if got := b.post.to(); got != "ann" {
		t.Errorf("decided before the second attempt: %s", got)
	}
	if got := len(b.hook.take()); got != 0 {
		t.Errorf("the team is asked %d times", got)
	}
	if list := b.undelivered(); len(list) > 0 {
		t.Errorf("still waiting: %+v", list)
	}
}

// Who loses the right before the mail is sent is not asked.
func TestNoLongerTheirs(t *testing.T) {
	b := setup(t)
	b.person("bob", "pay-approvers")
	b.ask(one("pay-approvers"))
	b.post.refuse(errBusy)
	b.round()
	b.person("bob", "pay")
	b.post.refuse(nil)
	b.clock.advance(notify.Lease)
	b.round()
	if got := b.post.to(); got != "" {
		t.Errorf("asked: %s", got)
	}
}

// People are told what they chose, which is everything at first.
func TestChoices(t *testing.T) {
	b := setup(t)
	choice, err := b.service.Choice(t.Context(), b.member)
	b.must(err)
	if !choice.On || len(choice.Topics) != len(portal.Topics) {
		t.Errorf("at first: %+v", choice)
	}
	r := b.ask(one("pay-approvers"))
	both := func() string {
		b.t.Helper()
		b.tell(r, portal.EventSucceeded, portal.System("queue"))
		b.tell(r, portal.EventFailed, portal.System("queue"))
		b.round()
		return b.post.to()
	}
	if got := both(); got != "ann ann" {
		t.Errorf("at first: %s", got)
	}
	b.must(b.service.Choose(t.Context(), b.member, true, []string{string(portal.TopicFailed), "nonsense"}))
	if got := both(); got != "ann" {
		t.Errorf("failures only: %s", got)
	}
	b.must(b.service.Choose(t.Context(), b.member, false, []string{string(portal.TopicFailed)}))
	before := b.queued()
	if got := both(); got != "" || b.queued() != before {
		t.Errorf("nothing: %s", got)
	}
}

// A person's own channel tells what they may be told, and no more.
func TestOwnChannel(t *testing.T) {
	b := setup(t)
	bob, otto := b.person("bob", "pay-approvers"), b.person("otto", "find-approvers")
	for _, a := range []portal.Actor{bob, otto} {
		b.add(a, portal.Owner{Person: a.Identity}, portal.ChannelSlack, b.hook.url)
	}
	b.ask(one("pay-approvers"))
	b.round()
	if got := len(b.hook.take()); got != 1 || b.queued() != 2 {
		t.Errorf("%d webhooks and %d deliveries, want bob's", got, b.queued())
	}
}

// Without a mail server nothing is queued for it.
func TestWithoutMail(t *testing.T) {
	b := setup(t, func(c *notify.Config) { c.SMTPURL = "" })
	b.person("bob", "pay-approvers")
	b.ask(one("pay-approvers"))
	b.round()
	if list := b.undelivered(); len(list) > 0 {
		t.Errorf("queued: %+v", list)
	}
	_, err := b.service.Add(t.Context(), b.admin, b.ofTeam(), notify.Input{Kind: "mail", Target: "pay@teams.example", Topics: []string{"failed"}})
	if !portal.Is(err, portal.KindInvalid) {
		t.Errorf("a channel for mail: %v", err)
	}
}

// Nobody is written to by groups of which the provider has said nothing for a
// month: who knows whether they are still there.
func TestOldGroupsTellNobody(t *testing.T) {
	b := setup(t)
	for subject, age := range map[string]time.Duration{"new": portal.KnownFor - time.Minute, "old": portal.KnownFor + time.Minute} {
		b.person(subject, "pay-approvers", "admins")
		_, err := b.pool.Exec(t.Context(), `UPDATE people SET groups_at = $2 WHERE subject = $1`, subject, b.clock.Now().Add(-age))
		b.must(err)
	}
	b.ask(one("pay-approvers"))
	b.round()
	if got := b.post.to(); got != "new" {
		t.Errorf("of a request: %q", got)
	}
	b.tx(func(tx pgx.Tx) error {
		return notify.Queue(t.Context(), tx, notify.Notification{Kind: portal.EventTeamChanged, Actor: portal.System("test").Person(), Summary: "a change", At: b.clock.Now()})
	})
	b.round()
	if got := b.post.to(); got != "ada new" {
		t.Errorf("of an admin's change: %q", got)
	}
}

// What happens to a team's cluster past the portal is for the team, of a cluster that
// nobody owns for the admins; each may choose not to hear of it.
func TestDriftIsTold(t *testing.T) {
	b := setup(t)
	b.person("bob", "pay-approvers")
	b.person("otto", "find-approvers")
	tell := func(kind portal.EventKind, teamID string) string {
		t.Helper()
		b.tx(func(tx pgx.Tx) error {
			return notify.Queue(t.Context(), tx, notify.Notification{Kind: kind, TeamID: teamID, ClusterID: "c1", Actor: portal.System("inventory").Person(), Summary: "Cluster web was changed", At: b.clock.Now()})
		})
		b.round()
		return b.post.to()
	}
	for _, kind := range []portal.EventKind{portal.EventClusterDrifted, portal.EventClusterGone, portal.EventClusterAppeared} {
		if got := tell(kind, b.team.ID); got != "ann bob" {
			t.Errorf("%s of the team's: %q", kind, got)
		}
	}
	if got := tell(portal.EventClusterAppeared, ""); got != "ada" {
		t.Errorf("of nobody's: %q", got)
	}
	b.must(b.service.Choose(t.Context(), b.member, true, []string{string(portal.TopicFailed)}))
	if got := tell(portal.EventClusterDrifted, b.team.ID); got != "bob" {
		t.Errorf("though ann does not want to hear of it: %q", got)
	}
}

package notify_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/notify"
	"doksportal/internal/portal"
)

// Admins set the channels of teams, and everybody their own.
func TestWhoMayChangeChannels(t *testing.T) {
	b := setup(t)
	bob := b.person("bob", "pay-approvers")
	own := portal.Owner{Person: b.member.Identity}
	team, _ := b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	mine, _ := b.add(b.member, own, portal.ChannelSlack, b.hook.url)
	in := notify.Input{Kind: "slack", Target: b.hook.url, Topics: []string{"failed"}}
	for _, c := range []struct {
		a    portal.Actor
		o    portal.Owner
		id   string
		want portal.Kind
	}{
		{bob, b.ofTeam(), team, portal.KindForbidden}, {b.member, b.ofTeam(), team, portal.KindForbidden},
		{bob, own, mine, portal.KindForbidden}, {b.admin, own, mine, portal.KindForbidden},
		{portal.Actor{}, portal.Owner{}, mine, portal.KindUnauthorized},
	} {
		_, err := b.service.Add(t.Context(), c.a, c.o, in)
		for _, err := range []error{err, b.service.Test(t.Context(), c.a, c.o, c.id), b.service.Remove(t.Context(), c.a, c.o, c.id)} {
			if portal.KindOf(err) != c.want || err == nil {
				t.Errorf("%s: %v", c.a.Name, err)
			}
		}
	}
	for _, id := range []string{team, uuid.NewString(), "no id"} {
		for _, err := range []error{b.service.Test(t.Context(), b.member, own, id), b.service.Remove(t.Context(), b.member, own, id)} {
			if !portal.Is(err, portal.KindNotFound) {
				t.Errorf("%s as one's own: %v", id, err)
			}
		}
	}
}

// Faults are named by field.
func TestFaults(t *testing.T) {
	b := setup(t)
	for _, c := range []struct{ kind, target, topic, want string }{
		{"", b.hook.url, "failed", "kind"}, {"fax", b.hook.url, "failed", "kind"}, {"slack", b.hook.url, "", "topics"}, {"slack", b.hook.url, "birthday", "topics"},
		{"mail", "pay", "failed", "target"}, {"mail", "Pay <pay@teams.example>", "failed", "target"}, {"mail", "a@b.example,c@d.example", "failed", "target"},
		{"mail", "a@b.example\r\nBcc: c@d.example", "failed", "target"}, {"webhook", "pay@teams.example", "failed", "target"},
	} {
		_, err := b.service.Add(t.Context(), b.admin, b.ofTeam(), notify.Input{Kind: c.kind, Target: c.target, Topics: []string{c.topic}})
		if faults := portal.FieldErrorsOf(err); len(faults) != 1 || faults[0].Field != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	_, err := b.service.Add(t.Context(), b.member, portal.Owner{Person: b.member.Identity}, notify.Input{Kind: "mail", Target: "x@teams.example", Topics: []string{"failed"}})
	if !portal.Is(err, portal.KindInvalid) {
		t.Errorf("mail to anybody: %v", err)
	}
	for range 20 {
		b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	}
	if _, err := b.service.Add(t.Context(), b.admin, b.ofTeam(), notify.Input{Kind: "slack", Target: b.hook.url, Topics: []string{"failed"}}); !portal.Is(err, portal.KindInvalid) {
		t.Errorf("one channel too many: %v", err)
	}
}

// A test says at once what is wrong.
func TestTest(t *testing.T) {
	b := setup(t)
	id, _ := b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	for status, want := range map[int]portal.DeliveryState{http.StatusOK: portal.DeliverySent, http.StatusForbidden: portal.DeliveryGivenUp} {
		b.hook.answers(status)
		b.must(b.service.Test(t.Context(), b.admin, b.ofTeam(), id))
		b.must(b.service.Test(t.Context(), b.admin, b.ofTeam(), id)) // a double click
		b.round()
		got := b.hook.take()
		if len(got) != 1 || !strings.Contains(string(got[0].body), "A test of the portal") {
			t.Errorf("%d: %d webhooks", status, len(got))
		}
		list, err := b.service.Channels(t.Context(), b.ofTeam())
		b.must(err)
		if list[0].Last.State != want {
			t.Errorf("%d: %+v", status, list[0].Last)
		}
		b.clock.advance(time.Minute)
	}
}

// What is on its way to a channel ends with it. The trail tells of both.
func TestRemove(t *testing.T) {
	b := setup(t)
	id, _ := b.add(b.admin, b.ofTeam(), portal.ChannelWebhook, b.hook.url)
	b.hook.answers(http.StatusBadGateway)
	b.ask(one("pay-approvers"))
	b.round()
	b.must(b.service.Remove(t.Context(), b.admin, b.ofTeam(), id))
	if list := b.undelivered(); len(list) > 0 {
		t.Errorf("still waiting: %+v", list)
	}
	var trail string
	b.must(b.pool.QueryRow(t.Context(), `SELECT string_agg(summary, E'\n' ORDER BY id) FROM events WHERE kind = 'channel_changed' AND team_id = $1`, b.team.ID).Scan(&trail))
	want := "ada added a notification channel of team Payments: Webhook to 127.0.0.1 …-url\nada removed a notification channel of team Payments: Webhook to 127.0.0.1 …-url"
	if trail != want {
		t.Errorf("the trail says\n%s", trail)
	}
}

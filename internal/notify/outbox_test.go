package notify_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"doksportal/internal/db"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
)

// errBusy is what a mail server says that takes no mail now.
var errBusy = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "busy with canary-of-the-server"}

// What did not happen is not told.
func TestNewsOfATransaction(t *testing.T) {
	b := setup(t)
	r := b.ask(one("pay-approvers"))
	err := db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		return errors.Join(notify.Queue(t.Context(), tx, notify.Notification{Kind: portal.EventFailed, RequestID: r.ID, Actor: portal.System("queue").Person(), At: b.clock.Now()}),
			errors.New("the transaction fails"))
	})
	if err == nil {
		t.Fatal("no error")
	}
	b.round()
	if got := b.post.to(); got != "" {
		t.Errorf("told: %s", got)
	}
}

// What fails is tried again, more and more seldom, with the same id, for about
// a day.
func TestRetries(t *testing.T) {
	b := setup(t)
	b.add(b.admin, b.ofTeam(), portal.ChannelWebhook, b.hook.url)
	b.hook.answers(http.StatusInternalServerError)
	b.ask(one("pay-approvers"))
	start := b.clock.Now()
	ids := map[string]bool{}
	var last time.Duration
	for attempt := 1; attempt <= notify.MostTries; attempt++ {
		b.round()
		b.round() // nothing is due yet
		got := b.hook.take()
		if len(got) != 1 {
			t.Fatalf("attempt %d: %d webhooks", attempt, len(got))
		}
		ids[got[0].header.Get("webhook-id")] = true
		d := b.wantFault("status 500")
		if attempt == notify.MostTries {
			if d.State != portal.DeliveryGivenUp {
				t.Errorf("after %d attempts it is %s", attempt, d.State)
			}
			break
		}
		next := d.NextAt.Sub(b.clock.Now())
		if d.State != portal.DeliveryWaiting || next <= last {
			t.Errorf("after attempt %d it is %s, the next in %s, before in %s", attempt, d.State, next, last)
		}
		last = next
		b.clock.advance(next)
	}
	if took := b.clock.Now().Sub(start); took < 16*time.Hour || took > 30*time.Hour {
		t.Errorf("given up after %s", took)
	}
	if len(ids) != 1 {
		t.Errorf("ids: %v", ids)
	}
	if !strings.Contains(b.log.String(), "given up") {
		t.Error("the log says nothing")
	}
	b.clock.advance(48 * time.Hour)
	b.round()
	if got := b.hook.take(); len(got) > 0 {
		t.Errorf("sent after it was given up")
	}
}

// Waits differ, so that not all come back at once.
func TestJitter(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 20 {
		w := notify.Wait(3)
		if w < 128*time.Second || w > 192*time.Second {
			t.Errorf("wait %s", w)
		}
		seen[w] = true
	}
	if len(seen) < 10 {
		t.Errorf("only %d different waits", len(seen))
	}
}

// Admins have a delivery tried again, or given up.
func TestByHand(t *testing.T) {
	b := setup(t)
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	b.hook.answers(http.StatusGone)
	b.ask(one("pay-approvers"))
	b.round()
	d := b.wantFault("gone (410)")
	if d.State != portal.DeliveryGivenUp {
		t.Fatalf("after 410 it is %s", d.State)
	}
	for _, a := range []portal.Actor{b.member, {}} {
		_, err := b.service.Undelivered(t.Context(), a, "", 10)
		for _, err := range []error{err, b.service.TryAgain(t.Context(), a, d.ID), b.service.GiveUp(t.Context(), a, d.ID)} {
			if !portal.Is(err, portal.KindForbidden) {
				t.Errorf("%s: %v", a.Name, err)
			}
		}
	}
	b.hook.answers(http.StatusServiceUnavailable)
	b.must(b.service.TryAgain(t.Context(), b.admin, d.ID))
	b.round()
	if d = b.wantFault("503"); d.State != portal.DeliveryWaiting {
		t.Fatalf("after another attempt it is %s", d.State)
	}
	b.must(b.service.GiveUp(t.Context(), b.admin, d.ID))
	b.clock.advance(time.Hour)
	b.hook.take()
	b.round()
	if got := len(b.hook.take()); got != 0 || b.wantFault("503").State != portal.DeliveryGivenUp {
		t.Errorf("%d webhooks after it was given up", got)
	}
	b.hook.answers(http.StatusNoContent)
	b.must(b.service.TryAgain(t.Context(), b.admin, d.ID))
	b.round()
	if len(b.hook.take()) != 1 || len(b.undelivered()) != 0 {
		t.Error("it does not arrive")
	}
	if err := b.service.TryAgain(t.Context(), b.admin, d.ID); !portal.Is(err, portal.KindNotFound) {
		t.Errorf("what has arrived, again: %v", err)
	}
}

// A worker that is killed after it sent and before it noted so loses nothing:
// another sends the same again, when it is certain that the first is gone.
func TestKilledBetweenSendingAndNoting(t *testing.T) {
	b := setup(t)
	lane, _ := b.add(b.admin, b.ofTeam(), portal.ChannelWebhook, b.hook.url)
	b.hook.answers(http.StatusInternalServerError)
	b.ask(one("pay-approvers"))
	b.round() // queues it
	b.clock.advance(2 * time.Minute)
	b.hook.answers(http.StatusOK)
	first := b.hook.take()
	b.must(b.service.SendAndDie(t.Context(), lane))
	first = append(first, b.hook.take()...)
	b.round()
	if got := b.hook.take(); len(got) > 0 {
		t.Errorf("sent again at once")
	}
	b.clock.advance(notify.Lease)
	b.round()
	again := b.hook.take()
	if len(first) != 2 || len(again) != 1 || first[1].header.Get("webhook-id") != again[0].header.Get("webhook-id") {
		t.Errorf("%d and %d webhooks", len(first), len(again))
	}
	b.clock.advance(time.Hour)
	b.round()
	if got := b.hook.take(); len(got) > 0 {
		t.Errorf("sent a third time")
	}
}

// A round that is cut off while it sends has not failed; what it sent is noted
// all the same.
func TestCutOff(t *testing.T) {
	b := setup(t)
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	b.hook.answer = func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		select {
		case <-release:
		case <-req.Context().Done():
		}
	}
	b.ask(one("pay-approvers"))
	_ = b.service.Run(ctx)
	close(release)
	if d := b.wantFault(""); d.Fault != "" || d.State != portal.DeliveryWaiting {
		t.Errorf("after it was cut off: %+v", d)
	}
	b.hook.answers(http.StatusOK)
	b.clock.advance(notify.Lease)
	b.round()
	if list := b.undelivered(); len(list) > 0 {
		t.Errorf("lost: %+v", list)
	}
}

// Two workers at once send each delivery once.
func TestTwoWorkers(t *testing.T) {
	b := setup(t)
	other := b.replica()
	for range 3 {
		b.add(b.admin, b.ofTeam(), portal.ChannelWebhook, b.hook.url)
	}
	const requests = 12
	for range requests {
		b.ask(one("pay-approvers"))
	}
	for range 3 {
		var g errgroup.Group
		for _, s := range []*notify.Service{b.service, other, b.service, other} {
			g.Go(func() error { return s.Run(t.Context()) })
		}
		b.must(g.Wait())
	}
	var ids []string
	for _, d := range b.hook.take() {
		ids = append(ids, d.header.Get("webhook-id"))
	}
	slices.Sort(ids)
	if len(ids) != 3*requests || len(slices.Compact(ids)) != 3*requests {
		t.Errorf("%d webhooks of %d different deliveries, want %d", len(ids), len(slices.Compact(ids)), 3*requests)
	}
}

// A target that is not responding keeps no other waiting.
func TestSlowTarget(t *testing.T) {
	b := setup(t)
	slow := newReceiver(t)
	b.config.Roots.AddCert(slow.server.Certificate())
	arrived := make(chan struct{})
	var overtaken atomic.Bool
	slow.answer = func(http.ResponseWriter, *http.Request) {
		select {
		case <-arrived:
			overtaken.Store(true)
		case <-time.After(5 * time.Second):
		}
	}
	b.hook.answer = func(http.ResponseWriter, *http.Request) { close(arrived) }
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, slow.url)
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	b.ask(one("pay-approvers"))
	b.round()
	if !overtaken.Load() {
		t.Error("the other waited for the slow one")
	}
}

// One failure ends a target's turn, and not those of what waits behind it.
func TestOneFailureATurn(t *testing.T) {
	b := setup(t)
	b.add(b.admin, b.ofTeam(), portal.ChannelSlack, b.hook.url)
	b.hook.answers(http.StatusBadGateway)
	for range 3 {
		b.ask(one("pay-approvers"))
	}
	b.round()
	if got := len(b.hook.take()); got != 1 {
		t.Errorf("%d attempts in a turn", got)
	}
	b.hook.answers(http.StatusOK)
	b.round()
	if got := len(b.hook.take()); got != 2 {
		t.Errorf("%d webhooks in the next turn, want the two that waited", got)
	}
}

// News and what became of them are kept for a while.
func TestSweep(t *testing.T) {
	b := setup(t)
	b.person("bob", "pay-approvers")
	b.ask(one("pay-approvers"))
	b.round()
	count := func() (n int) {
		b.must(b.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM notifications) + (SELECT count(*) FROM deliveries)`).Scan(&n))
		return n
	}
	b.must(b.service.Sweep(t.Context()))
	if got := count(); got != 2 {
		t.Errorf("%d rows at once", got)
	}
	b.clock.advance(31 * 24 * time.Hour)
	b.must(b.service.Sweep(t.Context()))
	if got := count(); got != 0 {
		t.Errorf("%d rows after a month", got)
	}
}

// What happened before a time is skipped, what happens after it is told.
func TestSkipBefore(t *testing.T) {
	b := setup(t)
	b.person("bob", "pay-approvers")
	b.ask(one("pay-approvers"))
	b.must(notify.SkipBefore(t.Context(), b.pool, b.clock.Now()))
	b.round()
	if got := b.post.to(); got != "" || b.queued() > 0 {
		t.Errorf("mail to %q, %d deliveries wait", got, b.queued())
	}
	b.clock.advance(time.Second)
	b.ask(one("pay-approvers"))
	b.round()
	if got := b.post.to(); got != "bob" {
		t.Errorf("mail to %q", got)
	}
}

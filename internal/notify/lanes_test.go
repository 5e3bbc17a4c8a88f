package notify_test

import (
	"net/http"
	"testing"
	"time"

	"doksportal/internal/portal"
)

// While the webhooks of one person hang, mail leaves and so do the webhooks of
// another, and the first has no more than their share under way.
func TestSlowWebhooksKeepNobodyWaiting(t *testing.T) {
	b := setup(t)
	hung, quick, release := make(chan struct{}, 100), make(chan struct{}, 1), make(chan struct{})
	b.hook.answer = func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quick" {
			quick <- struct{}{}
			return
		}
		hung <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	slow, other := b.person("zoe", "pay-approvers"), b.person("bob", "pay-approvers")
	for range 20 {
		b.add(slow, portal.Owner{Person: slow.Identity}, portal.ChannelWebhook, b.hook.server.URL+"/slow")
	}
	b.add(other, portal.Owner{Person: other.Identity}, portal.ChannelWebhook, b.hook.server.URL+"/quick")
	b.ask(one("pay-approvers"))
	b.must(b.service.RunMail(t.Context()))
	if got := b.post.to(); got != "bob zoe" {
		t.Errorf("mail to %q", got)
	}
	done := make(chan error, 1)
	go func() { done <- b.service.RunHooks(t.Context()) }()
	failure := time.After(time.Minute)
	for range 4 {
		select {
		case <-hung:
		case <-failure:
			t.Fatal("the slow webhooks are not sent")
		}
	}
	select {
	case <-quick:
	case <-failure:
		t.Fatal("another's webhook waits for the slow ones")
	}
	close(release)
	b.must(<-done)
	if n := len(hung); n != 0 {
		t.Errorf("%d webhooks more than one person's share", n)
	}
}

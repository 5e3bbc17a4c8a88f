package notify_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"doksportal/internal/portal"
)

// slowHooks has webhooks to /slow hang until they are released, and tells of
// those to /quick.
func (b *bundle) slowHooks() (hung, quick chan struct{}, release func()) {
	hung, quick = make(chan struct{}, 100), make(chan struct{}, 100)
	free := make(chan struct{})
	b.hook.answer = func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quick" {
			quick <- struct{}{}
			return
		}
		hung <- struct{}{}
		select {
		case <-free:
		case <-r.Context().Done():
		}
	}
	return hung, quick, sync.OnceFunc(func() { close(free) })
}

func await(t *testing.T, c chan struct{}, n int, what string) {
	t.Helper()
	failure := time.After(time.Minute)
	for range n {
		select {
		case <-c:
		case <-failure:
			t.Fatal(what)
		}
	}
}

// While the webhooks of one person hang, mail leaves and so do the webhooks of
// another, also those that become due meanwhile, and the first has no more than
// their share under way.
func TestSlowWebhooksKeepNobodyWaiting(t *testing.T) {
	b := setup(t)
	hung, quick, release := b.slowHooks()
	defer release()
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
	await(t, hung, 4, "the slow webhooks are not sent")
	await(t, quick, 1, "another's webhook waits for the slow ones")
	b.ask(one("pay-approvers"))
	b.must(b.service.RunMail(t.Context()))
	await(t, quick, 1, "another's later webhook waits for the slow ones")
	if n := len(hung); n != 0 {
		t.Errorf("%d webhooks more than one person's share", n)
	}
	release()
	b.must(<-done)
}

// While a host is not responding, webhooks to others leave, whoever they are of.
func TestSlowHostKeepsNobodyWaiting(t *testing.T) {
	b := setup(t)
	hung, quick, release := b.slowHooks()
	defer release()
	for i := range 10 {
		p := b.person(fmt.Sprintf("p%d", i), "pay-approvers")
		for range 2 {
			b.add(p, portal.Owner{Person: p.Identity}, portal.ChannelWebhook, b.hook.server.URL+"/slow")
		}
	}
	another := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { quick <- struct{}{} }))
	defer another.Close()
	other := b.person("zoe", "pay-approvers")
	b.add(other, portal.Owner{Person: other.Identity}, portal.ChannelWebhook, strings.Replace(another.URL, "127.0.0.1", "localhost", 1)+"/quick")
	b.ask(one("pay-approvers"))
	b.must(b.service.RunMail(t.Context()))
	done := make(chan error, 1)
	go func() { done <- b.service.RunHooks(t.Context()) }()
	await(t, hung, 8, "the slow webhooks are not sent")
	await(t, quick, 1, "another host waits for the slow one")
	if n := len(hung); n != 0 {
		t.Errorf("%d webhooks more than a host's share", n)
	}
	release()
	b.must(<-done)
}

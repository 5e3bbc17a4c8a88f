package doapi_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"doksportal/internal/doapi"
)

// Options and sizes are read once in a few minutes, whoever asks.
func TestOptionsAndSizesAreCached(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"list_options", "list_sizes"} {
		o, clock := find(t, name), &clock{}
		s := answers(t, saying(200, o.answer))
		c := client(t, s.url, token, doapi.Clock(clock.Now, noWait))
		read := func(want int) {
			t.Helper()
			if _, err := o.call(t.Context(), c); err != nil || len(s.heard()) != want {
				t.Errorf("%s: %d calls, want %d: %v", name, len(s.heard()), want, err)
			}
		}
		clock.advance(time.Hour)
		read(1)
		clock.advance(4 * time.Minute)
		read(1)
		clock.advance(2 * time.Minute)
		read(2)
	}
}

// A failure is not remembered.
func TestErrorsAreNotCached(t *testing.T) {
	t.Parallel()
	o, healthy := find(t, "list_options"), false
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		if healthy {
			saying(200, o.answer)(w, r)
			return
		}
		saying(403, "{}")(w, r)
	})
	c := client(t, s.url, token)
	if _, err := c.ListOptions(t.Context()); !doapi.IsRefused(err) {
		t.Error(err)
	}
	healthy = true
	if got, err := c.ListOptions(t.Context()); err != nil || len(got.Regions) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Those who ask at the same time share a call. One who gives up goes alone.
func TestCallsAreShared(t *testing.T) {
	t.Parallel()
	o := find(t, "list_sizes")
	asked, answer := make(chan bool, 1), make(chan bool)
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		<-answer
		saying(200, o.answer)(w, r)
	})
	c := client(t, s.url, token)
	ctx, giveUp := context.WithCancel(t.Context())
	var first, others sync.WaitGroup
	first.Go(func() {
		if _, err := c.ListSizes(ctx); class(err) != "unavailable" {
			t.Errorf("the one who gives up: %v", err)
		}
	})
	<-asked
	for range 10 {
		others.Go(func() {
			if sizes, err := c.ListSizes(t.Context()); err != nil || len(sizes) != 1 {
				t.Errorf("%v, %v", sizes, err)
			}
		})
	}
	giveUp()
	first.Wait()
	close(answer)
	others.Wait()
	if n := len(s.heard()); n != 1 {
		t.Errorf("%d calls", n)
	}
}

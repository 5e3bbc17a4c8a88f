package doapi_test

import (
	"bytes"
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
)

// One person's pages take one call in a few seconds, however many there are,
// and those of another person cost nothing more.
func TestRecentReadsAreOneCall(t *testing.T) {
	t.Parallel()
	o, clock := find(t, "get_cluster"), &clock{}
	s := answers(t, saying(200, o.answer))
	c := client(t, s.url, token, doapi.Clock(clock.Now, noWait))
	page := func(person string) context.Context {
		return doapi.Recent(doapi.WithCaller(t.Context(), portal.Identity{Issuer: "i", Subject: person}))
	}
	read := func(ctx context.Context, want int) {
		t.Helper()
		got, err := c.GetCluster(ctx, "c1")
		if n := len(s.heard()); err != nil || got.ID == "" || n != want {
			t.Errorf("%d calls, want %d: %+v, %v", n, want, got, err)
		}
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { read(page("ada"), 1) })
	}
	all.Wait()
	read(page("ben"), 1)
	clock.advance(2999 * time.Millisecond)
	read(page("ben"), 1)
	read(t.Context(), 2) // what a decision rests on
	clock.advance(time.Millisecond)
	read(page("ben"), 3)
	if _, err := c.GetCluster(page("ben"), "another"); err == nil || len(s.heard()) != 4 {
		t.Errorf("another cluster, for which c1 is no answer: %d calls, %v", len(s.heard()), err)
	}
	// A refused write may have changed something too.
	_ = c.DeleteCluster(t.Context(), "c1")
	read(page("ben"), 6)
}

// An answer that was on its way while something was changed is not kept.
func TestRecentReadBesideAWrite(t *testing.T) {
	t.Parallel()
	o := find(t, "get_cluster")
	asked, answer := make(chan bool, 10), make(chan bool)
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			asked <- true
			<-answer
		}
		saying(200, o.answer)(w, r)
	})
	c := client(t, s.url, token)
	ctx := doapi.Recent(t.Context())
	var reader sync.WaitGroup
	reader.Go(func() { _, _ = c.GetCluster(ctx, "c1") })
	<-asked
	_ = c.DeleteCluster(t.Context(), "c1")
	close(answer)
	reader.Wait()
	if _, err := c.GetCluster(ctx, "c1"); err != nil || len(s.heard()) != 3 {
		t.Errorf("the answer of before is kept: %v, %v", s.heard(), err)
	}
}

// What has failed is asked for again, and a person who has used up their calls
// does not take others with them.
func TestRecentFailures(t *testing.T) {
	t.Parallel()
	o, healthy := find(t, "get_cluster"), false
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		if !healthy {
			saying(404, "{}")(w, r)
			return
		}
		saying(200, o.answer)(w, r)
	})
	c := client(t, s.url, token, doapi.Limits(onlyFor("i ben"), nil))
	as := func(person string) error {
		_, err := c.GetCluster(doapi.Recent(doapi.WithCaller(t.Context(), portal.Identity{Issuer: "i", Subject: person})), "c1")
		return err
	}
	if err := as("ben"); !doapi.IsNotFound(err) {
		t.Error(err)
	}
	healthy = true
	if err := as("ada"); !doapi.IsRateLimited(err) {
		t.Error(err)
	}
	for _, person := range []string{"ben", "ada"} { // whose answer ada sees
		if err := as(person); err != nil {
			t.Errorf("%s: %v", person, err)
		}
	}
}

// Kubeconfigs and credentials are never kept.
func TestRecentSecrets(t *testing.T) {
	t.Parallel()
	w := setupWorld(t)
	ctx := doapi.Recent(t.Context())
	one, err := w.GetKubeconfig(ctx, w.cluster, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	two, err := w.GetKubeconfig(ctx, w.cluster, time.Hour)
	if err != nil || bytes.Equal(one, two) {
		t.Errorf("the same kubeconfig twice: %v", err)
	}
}

// onlyFor lets the calls of one person through.
type onlyFor string

func (o onlyFor) Reserve(_ context.Context, caller string, _ doapi.Purpose) (time.Duration, error) {
	if caller != string(o) {
		return time.Hour, nil
	}
	return 0, nil
}

func (onlyFor) Observe(context.Context, int, time.Time) {}

func (onlyFor) Pause(context.Context, time.Time) {}

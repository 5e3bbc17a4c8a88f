package doapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"doksportal/internal/doapi"
)

// limiter answers as told and remembers what it was asked.
type limiter struct {
	waits []time.Duration // answers to Take, then 0
	err   error

	mu    sync.Mutex
	asked []string
}

func (l *limiter) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, fmt.Sprintf(format, args...))
}

func (l *limiter) Reserve(_ context.Context, _ string, why doapi.Purpose) (time.Duration, error) {
	l.note("take for %d", why)
	if len(l.waits) == 0 {
		return 0, l.err
	}
	wait := l.waits[0]
	l.waits = l.waits[1:]
	return wait, nil
}

func (l *limiter) Observe(_ context.Context, remaining int, reset time.Time) {
	l.note("saw %d until %s", remaining, reset.UTC().Format(time.TimeOnly))
}

func (l *limiter) Pause(_ context.Context, until time.Time) {
	l.note("pause until %s", until.UTC().Format(time.TimeOnly))
}

// Every call is asked for, by whom it is for, and what the answer says of
// further calls is passed on.
func TestLimiterIsAsked(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return someTime }
	status := http.StatusTooManyRequests
	s := answers(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("ratelimit-remaining", "7")
		w.Header().Set("ratelimit-reset", strconv.FormatInt(someTime.Add(time.Minute).Unix(), 10))
		w.Header().Set("retry-after", "2")
		w.WriteHeader(status)
		status = http.StatusOK
		_, _ = w.Write([]byte(shopAnswer))
	})
	l := &limiter{}
	c := client(t, s.url, token, doapi.Limits(l, nil), doapi.Clock(now, noWait))
	if _, err := c.GetCluster(t.Context(), "c1"); err != nil {
		t.Error(err)
	}
	if err := c.DeleteCluster(doapi.Background(t.Context()), "c1"); err != nil {
		t.Error(err)
	}
	want := "[take for 0 saw 7 until 03:05:05 pause until 03:04:07 " + // a 429
		"take for 0 saw 7 until 03:05:05 take for 1 saw 7 until 03:05:05]"
	if got := fmt.Sprint(l.asked); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// A call waits for its turn, but not for long. One that is held back has
// certainly done nothing.
func TestWaitingForTheLimiter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		waits  []time.Duration
		err    error
		want   string
		waited time.Duration
	}{
		{nil, nil, "done", 0},
		{[]time.Duration{time.Second, time.Second}, nil, "done", 2 * time.Second},
		{[]time.Duration{time.Second, time.Minute}, nil, "rate limited", time.Second},
		{[]time.Duration{3 * time.Second, 3 * time.Second}, nil, "rate limited", 3 * time.Second},
		{nil, errors.New("no database"), "unavailable", 0},
	} {
		var waited time.Duration
		wait := func(_ context.Context, d time.Duration) error {
			waited += d
			return nil
		}
		s := answers(t, saying(204, ""))
		l := &limiter{waits: c.waits, err: c.err}
		err := client(t, s.url, token, doapi.Limits(l, nil), doapi.Clock(time.Now, wait)).DeleteCluster(t.Context(), "c1")
		if class(err) != c.want || waited != c.waited || (len(s.heard()) == 1) != (c.want == "done") {
			t.Errorf("%v: %s after %s, %d calls, %v", c.waits, class(err), waited, len(s.heard()), err)
		}
		var e *doapi.Error
		if errors.As(err, &e) && (e.Sent || doapi.UserMessage(err) == "") {
			t.Errorf("%v: %+v", c.waits, e)
		}
		if doapi.IsRateLimited(err) && e.RetryAfter != c.waits[len(c.waits)-1] {
			t.Errorf("%v: retry after %s", c.waits, e.RetryAfter)
		}
	}
}

// A caller who gives up while waiting has done nothing.
func TestGivingUpWhileWaiting(t *testing.T) {
	t.Parallel()
	s := answers(t, saying(204, ""))
	c, err := doapi.New(s.url, token, doapi.Limits(&limiter{waits: []time.Duration{time.Second}}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteCluster(canceled(), "c1"); class(err) != "unavailable" || !errors.Is(err, context.Canceled) || len(s.heard()) != 0 {
		t.Errorf("%s: %v", class(err), err)
	}
}

// Kubeconfigs and credentials use the token for access and its budget, if
// there is one; everything else uses the first.
func TestAccessToken(t *testing.T) {
	t.Parallel()
	const access = "dop_v1_access"
	for _, given := range []string{access, ""} {
		main, other := &limiter{}, &limiter{}
		used := map[string]bool{}
		s := answers(t, func(w http.ResponseWriter, r *http.Request) {
			used[r.Header.Get("Authorization")] = true
			_, _ = w.Write([]byte(`{"apiVersion":"v1"}`))
		})
		c := client(t, s.url, token, doapi.Limits(main, other), doapi.AccessToken(given))
		_, err := c.GetKubeconfig(t.Context(), "c1", time.Minute)
		_, err2 := c.GetCredentials(t.Context(), "c1", time.Minute)
		if err != nil || err2 != nil || used["Bearer "+token] != (given == "") || used["Bearer "+access] != (given != "") {
			t.Errorf("token %q: used %v, %v, %v", given, used, err, err2)
		}
		clear(used)
		_, err = c.GetClusterUser(t.Context(), "c1")
		if err != nil || !used["Bearer "+token] || len(used) != 1 {
			t.Errorf("token %q: used %v, %v", given, used, err)
		}
		if n := len(other.asked); (n == 2) != (given != "") || len(main.asked)+n != 3 {
			t.Errorf("token %q: %v, %v", given, main.asked, other.asked)
		}
	}
}

package doapi_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/doapi"

	"doksportal/internal/doapi/dosim"
)

// Reads are tried again after what may pass, and not after a refusal.
func TestReadsAreRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault dosim.Fault
		calls int
		works bool
	}{
		{dosim.Fault{Times: 2, Kind: dosim.FaultStatus, Status: 500}, 3, true},
		{dosim.Fault{Times: 2, Kind: dosim.FaultReset}, 3, true},
		{dosim.Fault{Times: 2, Kind: dosim.FaultCut}, 3, true},
		{dosim.Fault{Times: 1, Kind: dosim.FaultStatus, Status: 429}, 2, true},
		{dosim.Fault{Times: 9, Kind: dosim.FaultStatus, Status: 503}, 3, false},
		{dosim.Fault{Times: 9, Kind: dosim.FaultStatus, Status: 403}, 1, false},
	} {
		b := setup(t)
		c.fault.Operation = "list_clusters"
		b.sim.Inject(c.fault)
		_, err := b.ListClusters(t.Context())
		if n := b.sim.CallCount("list_clusters"); n != c.calls || (err == nil) != c.works {
			t.Errorf("%v %d: %d calls, %v", c.fault.Kind, c.fault.Status, n, err)
		}
	}
}

// Reads wait longer each time, not all for equally long, and as long as they
// are told.
func TestWaitingBetweenReads(t *testing.T) {
	t.Parallel()
	var waits []time.Duration
	wait := func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}
	for _, c := range []struct {
		retryAfter  string
		first, next [2]time.Duration // bounds of the waits
	}{
		{"", [2]time.Duration{200 * time.Millisecond, 400 * time.Millisecond}, [2]time.Duration{400 * time.Millisecond, 600 * time.Millisecond}},
		{"3", [2]time.Duration{3 * time.Second, 3 * time.Second}, [2]time.Duration{3 * time.Second, 3 * time.Second}},
	} {
		s := answers(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("retry-after", c.retryAfter)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		waits = nil
		_, err := client(t, s.url, token, doapi.Clock(time.Now, wait)).GetCluster(t.Context(), "c1")
		if !doapi.IsRateLimited(err) || len(waits) != 2 || !within(waits[0], c.first) || !within(waits[1], c.next) {
			t.Errorf("retry-after %q: %v, %v", c.retryAfter, waits, err)
		}
	}
	seen := map[time.Duration]bool{}
	s := answers(t, saying(500, ""))
	for range 5 {
		waits = nil
		_, _ = client(t, s.url, token, doapi.Clock(time.Now, wait)).GetCluster(t.Context(), "c1")
		seen[waits[0]] = true
	}
	if len(seen) == 1 {
		t.Error("everybody waits equally long")
	}
}

// What takes longer than a few seconds is for the caller to wait for.
func TestLongWaitsAreTheCallers(t *testing.T) {
	t.Parallel()
	s := answers(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("retry-after", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := client(t, s.url, token).GetCluster(t.Context(), "c1")
	var e *doapi.Error
	if !errors.As(err, &e) || e.RetryAfter != time.Minute || len(s.heard()) != 1 {
		t.Errorf("%v, sent %d times", err, len(s.heard()))
	}
}

func within(d time.Duration, bounds [2]time.Duration) bool { return bounds[0] <= d && d <= bounds[1] }

// An attempt that failed half way leaves nothing in the answer of the next.
func TestFailedAttemptsLeaveNothing(t *testing.T) {
	t.Parallel()
	bodies := []string{`{"kubernetes_cluster":{"id":"c0","new":1,"ha":true,"name":7}}`, shopAnswer}
	s := answers(t, func(w http.ResponseWriter, r *http.Request) {
		saying(200, bodies[0])(w, r)
		bodies = bodies[1:]
	})
	got, err := client(t, s.url, token).GetCluster(t.Context(), "c1")
	if diff := cmp.Diff(shop, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A reader who gives up is not kept, and nothing is sent for them any more.
func TestReadsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := answers(t, func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(http.StatusInternalServerError)
	})
	if _, err := client(t, s.url, token).GetCluster(ctx, "c1"); err == nil || len(s.heard()) != 1 {
		t.Errorf("%v, sent %d times", err, len(s.heard()))
	}
}

// A 429 says when to come back: in seconds, at a time, or by when the oldest
// call of the hour no longer counts.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return someTime }
	for _, c := range []struct {
		header, value string
		want          time.Duration
	}{
		{"retry-after", "60", time.Minute},
		{"retry-after", "Fri, 02 Jan 2026 03:05:05 GMT", time.Minute},
		{"ratelimit-reset", "1767323105", time.Minute},
		{"retry-after", "-5", 0},
		{"retry-after", "soon", 0},
		{"retry-after", "999999999999", time.Hour},
		{"ratelimit-reset", "99999999999", time.Hour},
		{"ratelimit-reset", "1", 0},
		{"x-other", "", 0},
	} {
		s := answers(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(c.header, c.value)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		err := client(t, s.url, token, doapi.Clock(now, noWait)).DeleteCluster(t.Context(), "c1")
		var e *doapi.Error
		if !errors.As(err, &e) || e.RetryAfter != c.want {
			t.Errorf("%s %q: %v, want %s", c.header, c.value, err, c.want)
		}
	}
}

// Calls that must not be sent as they are are refused by the client itself.
func TestInvalidCalls(t *testing.T) {
	t.Parallel()
	s := answers(t, saying(200, "{}"))
	c := client(t, s.url, token)
	ctx, some := t.Context(), []string{"c1"}
	ignore := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"kubeconfig for ever":     ignore(c.GetKubeconfig(ctx, "c1", 0)),
		"kubeconfig of the past":  ignore(c.GetKubeconfig(ctx, "c1", -time.Hour)),
		"credentials for ever":    ignore(c.GetCredentials(ctx, "c1", 0)),
		"credentials for too few": ignore(c.GetCredentials(ctx, "c1", time.Millisecond)),
		"recycling no nodes":      c.RecycleNodePool(ctx, "c1", "p1", nil),
		"upgrade to nothing":      c.UpgradeCluster(ctx, "c1", ""),
		"registries of none":      c.AddRegistries(ctx, nil, some),
		"no registries":           c.RemoveRegistries(ctx, some, nil),
		"the registry of none":    c.RemoveRegistry(ctx, nil),
		"a name not in UTF-8":     ignore(c.UpdateCluster(ctx, "c1", doapi.UpdateCluster{Name: new("\xff")})),
		"a node that is a path":   c.DeleteNode(ctx, "c1", "p1", "../n1", doapi.DeleteNode{}),
	} {
		if class(err) != "refused" || doapi.UserMessage(err) == "" || doapi.OutcomeUnknown(err) || doapi.IsUnavailable(err) {
			t.Errorf("%s: %s: %v", name, class(err), err)
		}
	}
	if n := len(s.heard()); n != 0 {
		t.Errorf("%d calls were sent: %v", n, slices.Compact(s.heard()))
	}
}

package budget_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/budget"
)

var _ doapi.Limiter = (*budget.Budget)(nil)

// clock is a time that only tests move.
type clock struct{ now atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.now.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.now.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

type budgetBundle struct {
	clock   *clock
	budgets [2]*budget.Budget // of two replicas, for one token
}

func setupBudgets(t *testing.T) *budgetBundle {
	t.Helper()
	b := &budgetBundle{clock: newClock()}
	pool := dbtest.New(t)
	for i := range b.budgets {
		b.budgets[i] = budget.New(pool, "main", b.clock.Now)
	}
	return b
}

// take asks once and returns how long to wait.
func take(t *testing.T, b *budget.Budget, why doapi.Purpose) time.Duration {
	t.Helper()
	wait, err := b.Reserve(t.Context(), "", why)
	if err != nil {
		t.Error(err)
	}
	return wait
}

// drain has eight goroutines of both replicas ask for twenty-five calls each,
// and returns how many they got.
func (b *budgetBundle) drain(t *testing.T, why doapi.Purpose) int {
	t.Helper()
	var got atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 25 {
				if take(t, b.budgets[i%2], why) == 0 {
					got.Add(1)
				}
			}
		})
	}
	all.Wait()
	return int(got.Load())
}

// Whatever the replicas do at once, DigitalOcean's limits hold.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	if got := b.drain(t, doapi.ForPeople); got != 100 {
		t.Errorf("%d calls at once, want 100", got)
	}
	b.clock.advance(time.Minute)
	if got := b.drain(t, doapi.ForPeople); got != 38 {
		t.Errorf("%d calls a minute later, want 38", got)
	}
	b.clock.advance(time.Hour)
	if got := b.drain(t, doapi.ForPeople); got != 100 {
		t.Errorf("%d calls an hour later, want 100", got)
	}
}

// In no minute of two busy hours are there 250 calls, and in no hour 5,000.
func TestBudgetStaysBelowTheLimits(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	const step = 20 * time.Second
	var calls []int // in each step
	for range 2 * time.Hour / step {
		got := 0
		for _, why := range []doapi.Purpose{doapi.ForPeople, doapi.ForWork, doapi.ForUpkeep} {
			for take(t, b.budgets[got%2], why) == 0 {
				got++
			}
		}
		calls = append(calls, got)
		b.clock.advance(step)
	}
	if most := busiest(calls, int(time.Minute/step)); most > 230 || most < 200 {
		t.Errorf("%d calls in a minute", most)
	}
	if most := busiest(calls, int(time.Hour/step)); most > 4800 || most < 4500 {
		t.Errorf("%d calls in an hour", most)
	}
}

// busiest is the largest sum of n neighbours.
func busiest(calls []int, n int) int {
	most := 0
	for i := range len(calls) - n + 1 {
		sum := 0
		for _, c := range calls[i : i+n] {
			sum += c
		}
		most = max(most, sum)
	}
	return most
}

// Background work leaves half of what people have to them, and what people do
// never eats its own part.
func TestPeopleAndBackgroundHaveParts(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	if got := b.drain(t, doapi.ForWork); got != 90 {
		t.Errorf("background work took %d calls, want its own 50 but for what is kept for upkeep, and half of people's", got)
	}
	if got := b.drain(t, doapi.ForPeople); got != 50 {
		t.Errorf("people took %d calls, want 50", got)
	}
	got := 0
	for range 60 {
		b.clock.advance(time.Second)
		for take(t, b.budgets[0], doapi.ForPeople) == 0 { // people use all that is theirs
		}
		for take(t, b.budgets[1], doapi.ForWork) == 0 {
			got++
		}
	}
	if got != 38 {
		t.Errorf("background work took %d calls in a minute of busy people, want 38", got)
	}
}

// However much work there is, the portal goes on finding out what there is.
func TestUpkeepGoesOn(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	for range 20 {
		b.drain(t, doapi.ForPeople)
		b.drain(t, doapi.ForWork)
		for range 5 { // a sync of the inventory
			if wait := take(t, b.budgets[0], doapi.ForUpkeep); wait > 0 {
				t.Fatalf("upkeep waits %s", wait)
			}
		}
		b.clock.advance(30 * time.Second)
	}
}

// One person who asks without end, at all replicas, leaves others and the
// background work their calls.
func TestOnePersonHasAShare(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	asks := func(caller string) (got int) {
		for i := range 200 {
			wait, err := b.budgets[i%2].Reserve(t.Context(), caller, doapi.ForPeople)
			if err != nil {
				t.Fatal(err)
			}
			if wait == 0 {
				got++
			}
		}
		return got
	}
	if got := asks("issuer ann"); got != 30 {
		t.Errorf("one person took %d calls, want 30", got)
	}
	for range 60 {
		b.clock.advance(time.Second)
		asks("issuer ann")
	}
	if got := asks("issuer bob"); got != 30 {
		t.Errorf("another person took %d calls, want 30", got)
	}
	b.clock.advance(4 * time.Hour)
	for _, budget := range b.budgets {
		if err := budget.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := asks("issuer ann"); got != 30 {
		t.Errorf("after hours, one person took %d calls, want 30", got)
	}
}

// The wait is as long as is needed, and not longer.
func TestBudgetSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	b.drain(t, doapi.ForPeople)
	wait := take(t, b.budgets[0], doapi.ForPeople)
	if wait <= 0 || wait > 2*time.Second {
		t.Fatalf("wait %s", wait)
	}
	b.clock.advance(wait)
	if again := take(t, b.budgets[1], doapi.ForPeople); again != 0 {
		t.Errorf("after %s, wait another %s", wait, again)
	}
}

// A pause that one replica was told holds for all, and for their token only.
func TestPauseIsShared(t *testing.T) {
	t.Parallel()
	clock, pool := newClock(), dbtest.New(t)
	one, two := budget.New(pool, "main", clock.Now), budget.New(pool, "main", clock.Now)
	access := budget.New(pool, "access", clock.Now)
	one.Pause(t.Context(), clock.Now().Add(time.Minute))
	one.Pause(t.Context(), clock.Now().Add(time.Second)) // shortens nothing
	for name, b := range map[string]*budget.Budget{"the same": one, "another": two} {
		if wait := take(t, b, doapi.ForPeople); wait != time.Minute {
			t.Errorf("%s replica waits %s", name, wait)
		}
	}
	if wait := take(t, access, doapi.ForPeople); wait != 0 {
		t.Errorf("the other token waits %s", wait)
	}
	clock.advance(time.Minute)
	for _, b := range []*budget.Budget{one, two} {
		if wait := take(t, b, doapi.ForPeople); wait != 0 {
			t.Errorf("after the pause, wait %s", wait)
		}
	}
}

// A pause that Postgres has not taken down is not forgotten.
func TestPauseWithoutPostgres(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.budgets[0].Pause(ctx, b.clock.Now().Add(time.Minute))
	if wait := take(t, b.budgets[0], doapi.ForPeople); wait != time.Minute {
		t.Errorf("wait %s", wait)
	}
}

// What DigitalOcean says is left is not exceeded, although the budget knows of
// no other calls.
func TestRemainingIsObeyed(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	one := b.budgets[0]
	reset := b.clock.Now().Add(time.Hour)
	one.Observe(t.Context(), 20, reset)
	one.Observe(t.Context(), 30, reset) // an older answer
	got := 0
	for b.clock.Now().Before(reset) {
		if take(t, one, doapi.ForWork) == 0 {
			got++
		}
		b.clock.advance(10 * time.Second)
		if minute := 10 * time.Minute; got > 8 && reset.Sub(b.clock.Now()) > time.Hour-minute {
			t.Fatalf("%d calls of 20 in the first %s", got, minute)
		}
	}
	if got != 20 {
		t.Errorf("%d calls, want 20", got)
	}
	if wait := take(t, one, doapi.ForWork); wait != 0 {
		t.Errorf("after the reset, wait %s", wait)
	}
}

// When nothing is left, all replicas wait for the reset; the last calls are
// for background work.
func TestNothingRemains(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	b.budgets[0].Observe(t.Context(), 100, b.clock.Now().Add(time.Minute))
	if wait := take(t, b.budgets[0], doapi.ForPeople); wait != time.Minute {
		t.Errorf("people wait %s", wait)
	}
	if wait := take(t, b.budgets[0], doapi.ForWork); wait != 0 {
		t.Errorf("background work waits %s", wait)
	}
	b.budgets[0].Observe(t.Context(), 0, b.clock.Now().Add(2*time.Minute))
	for i, budget := range b.budgets {
		if wait := take(t, budget, doapi.ForPeople); wait != 2*time.Minute {
			t.Errorf("replica %d waits %s", i, wait)
		}
	}
	b.clock.advance(2 * time.Minute)
	b.budgets[1].Observe(t.Context(), 0, b.clock.Now().Add(999*time.Hour))
	if wait := take(t, b.budgets[1], doapi.ForPeople); wait != time.Hour {
		t.Errorf("a reset that cannot be: wait %s", wait)
	}
}

// Without Postgres nobody knows how many calls there were.
func TestBudgetWithoutPostgres(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	b := budget.New(pool, "main", newClock().Now)
	pool.Close()
	if _, err := b.Reserve(t.Context(), "", doapi.ForPeople); err == nil {
		t.Error("a call is let through")
	}
	calls := atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	t.Cleanup(server.Close)
	client, err := doapi.New(server.URL, "token", doapi.Limits(b, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := client.DeleteCluster(t.Context(), "a"); !doapi.IsUnavailable(err) || doapi.OutcomeUnknown(err) || calls.Load() != 0 {
		t.Errorf("%v, sent %d times", err, calls.Load())
	}
}

// A 429 that one replica's client meets keeps the other's from asking.
func TestReplicasObeyRetryAfterTogether(t *testing.T) {
	t.Parallel()
	b := setupBudgets(t)
	calls := atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("retry-after", "30")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	t.Cleanup(server.Close)
	wait := func(_ context.Context, d time.Duration) error {
		t.Errorf("the client waits %s itself", d)
		return nil
	}
	for i, budget := range b.budgets {
		client, err := doapi.New(server.URL, "token", doapi.Limits(budget, nil), doapi.Clock(b.clock.Now, wait))
		if err != nil {
			t.Fatal(err)
		}
		if err := client.DeleteCluster(t.Context(), "a"); !doapi.IsRateLimited(err) || calls.Load() != 1 {
			t.Errorf("replica %d: %v, %d calls", i, err, calls.Load())
		}
		b.clock.advance(time.Duration(i) * 30 * time.Second)
		if err := client.DeleteCluster(t.Context(), "a"); i == 1 && err != nil {
			t.Errorf("after the pause: %v", err)
		}
	}
}

// BenchmarkBudget is what asking adds to a call.
func BenchmarkBudget(b *testing.B) {
	clock := newClock()
	budget := budget.New(dbtest.New(b), "main", clock.Now)
	for b.Loop() {
		clock.advance(2 * time.Second)
		if wait, err := budget.Reserve(b.Context(), "", doapi.ForPeople); err != nil || wait != 0 {
			b.Fatal(wait, err)
		}
	}
}

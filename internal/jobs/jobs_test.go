package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/jobs"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start returns a queue that works.
func start(t *testing.T, pool *pgxpool.Pool, step jobs.Step, tasks ...jobs.Task) *jobs.Queue {
	t.Helper()
	q, err := jobs.New(pool, slog.New(slog.DiscardHandler), time.Now, step, tasks)
	must(t, err)
	must(t, q.Start(t.Context()))
	t.Cleanup(func() { _ = q.Stop(context.Background()) })
	return q
}

// newRequest adds a request that somebody has asked for, and returns its id.
func newRequest(t *testing.T, pool *pgxpool.Pool) string {
	t.Helper()
	id := uuid.NewString()
	_, err := pool.Exec(t.Context(), `WITH team AS (
			INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at)
			VALUES (gen_random_uuid(), @id, @id, @id, @id, '{"nodes": 10}', now()) RETURNING id)
		INSERT INTO requests (id, submit_key, team_id, operation, target_name, params, justification, plan, digest, state,
			issuer, subject, requester_name, created_at, updated_at, planned_at, due_at)
		SELECT @id::uuid, @id, id, 'create_cluster', 'web', '{}', 'why', '{}', 'd', 'approved', 'i', 'ann', 'ann', now(), now(), now(), now() FROM team`,
		pgx.StrictNamedArgs{"id": id})
	must(t, err)
	return id
}

// await returns what comes next.
func await[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		t.Fatal(what)
	}
	panic("not reached")
}

// Steps of a request are taken until there is none, one after the other, however
// often it was enqueued; none is when the transaction was rolled back.
func TestSteps(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	steps := make(chan string, 10)
	left := 3 // one worker at a time: its request has one job
	q := start(t, pool, func(_ context.Context, id string) (time.Duration, bool) {
		steps <- id
		left--
		return 0, left > 0
	})
	lost, id := newRequest(t, pool), newRequest(t, pool)
	enqueue := func(id string, then error) error {
		return db.WithTx(t.Context(), pool, func(tx pgx.Tx) error {
			return errors.Join(q.Enqueue(t.Context(), tx, id), q.Enqueue(t.Context(), tx, id), then)
		})
	}
	if enqueue(lost, errors.New("rolled back")) == nil {
		t.Fatal("the transaction was not rolled back")
	}
	must(t, enqueue(id, nil))
	for range 3 {
		if got := await(t, steps, "a step is missing"); got != id {
			t.Errorf("a step of %s, want %s", got, id)
		}
	}
	must(t, q.Stop(t.Context()))
	if len(steps) > 0 {
		t.Errorf("%d steps too many", len(steps))
	}
}

// A task that fails is run again all the same.
func TestTaskThatFails(t *testing.T) {
	t.Parallel()
	runs := make(chan struct{}, 10)
	start(t, dbtest.New(t), nil, jobs.Task{Name: "fails", Every: time.Second, Run: func(context.Context) error {
		runs <- struct{}{}
		return errors.New("this time")
	}})
	for range 2 {
		await(t, runs, "the task does not run")
	}
}

// All replicas together run a task once each time, also when they have just started.
func TestReplicasShareATask(t *testing.T) {
	t.Parallel()
	const every = 2 * time.Second
	pool, runs := dbtest.New(t), make(chan time.Time, 100)
	for range 3 {
		start(t, pool, nil, jobs.Task{Name: "once for all", Every: every, Run: func(context.Context) error {
			runs <- time.Now()
			return nil
		}})
	}
	first := await(t, runs, "the task does not run")
	await(t, runs, "the task does not run again")
	if third := await(t, runs, "the task does not run a third time"); third.Sub(first) < every {
		t.Errorf("three runs within %s, of a task that runs every %s", third.Sub(first), every)
	}
}

// What waits to be sent goes on at once when it is woken; what was sent keeps its time.
func TestWakeWaiting(t *testing.T) {
	t.Parallel()
	pool, steps := dbtest.New(t), make(chan string, 10)
	q := start(t, pool, func(_ context.Context, id string) (time.Duration, bool) {
		steps <- id
		return time.Hour, true
	})
	sent, waiting := newRequest(t, pool), newRequest(t, pool)
	for _, id := range []string{sent, waiting} {
		must(t, db.WithTx(t.Context(), pool, func(tx pgx.Tx) error { return q.Enqueue(t.Context(), tx, id) }))
		await(t, steps, "no step is taken")
	}
	_, err := pool.Exec(t.Context(), `UPDATE requests SET state = 'settling' WHERE id = $1`, sent)
	must(t, err)
	asleep(t, pool, 2)
	must(t, db.WithTx(t.Context(), pool, func(tx pgx.Tx) error { return q.WakeWaiting(t.Context(), tx) }))
	if got := await(t, steps, "it was not woken"); got != waiting {
		t.Error("what was sent was woken")
	}
	asleep(t, pool, 2)
	if len(steps) > 0 {
		t.Error("a step too many")
	}
}

// asleep waits until so many jobs wait for their time.
func asleep(t *testing.T, pool *pgxpool.Pool, n int) {
	t.Helper()
	for got := -1; got != n; time.Sleep(10 * time.Millisecond) {
		must(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'request' AND state = 'scheduled' AND scheduled_at > now()`).Scan(&got))
	}
}

// It is known when the next step of a request is taken, and it can be had at once; also
// of one that has lost its job.
func TestWakeOne(t *testing.T) {
	t.Parallel()
	pool, steps := dbtest.New(t), make(chan string, 10)
	q := start(t, pool, func(_ context.Context, id string) (time.Duration, bool) {
		steps <- id
		return time.Hour, true
	})
	one, other, lost := newRequest(t, pool), newRequest(t, pool), newRequest(t, pool)
	for _, id := range []string{one, other} {
		must(t, db.WithTx(t.Context(), pool, func(tx pgx.Tx) error { return q.Enqueue(t.Context(), tx, id) }))
		await(t, steps, "no step is taken")
	}
	asleep(t, pool, 2)
	next, err := q.NextSteps(t.Context(), []string{one, lost})
	must(t, err)
	if wait := time.Until(next[one].At); len(next) != 1 || next[one].Now || wait < 30*time.Minute || wait > time.Hour {
		t.Errorf("the next step is in %s: %+v", wait, next)
	}
	for _, id := range []string{one, lost} {
		must(t, db.WithTx(t.Context(), pool, func(tx pgx.Tx) error { return q.Wake(t.Context(), tx, id) }))
		if got := await(t, steps, "it was not woken"); got != id {
			t.Errorf("%s was woken, not %s", got, id)
		}
	}
	asleep(t, pool, 3)
	if len(steps) > 0 {
		t.Error("a step too many")
	}
}

package execute_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/jobs"
)

// While executions hang at DigitalOcean, of one person no more than their share,
// those of another person begin, and tasks and deliveries go on.
func TestHangingExecutionsKeepNoTaskWaiting(t *testing.T) {
	b := setup(t)
	hung, release := make(chan struct{}, 100), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that its caller leaves
		hung <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	var err error
	b.executor.DO, err = doapi.New(server.URL, token)
	b.must(err)
	const share, others = 5, 4
	for i := range share + 1 {
		b.create(fmt.Sprintf("shop-%d", i), 1)
	}
	other := b.person("mel", "pay")
	for i := range others {
		_, err := b.requests.Submit(t.Context(), other, createAsk(fmt.Sprintf("other-%d", i), 1))
		b.must(err)
	}
	task, delivery := make(chan struct{}), make(chan struct{})
	says := func(c chan struct{}) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case c <- struct{}{}:
			case <-ctx.Done():
			}
			return nil
		}
	}
	queue, err := jobs.New(b.pool, slog.New(slog.DiscardHandler), time.Now, b.executor.Advance, []jobs.Task{
		{Name: "task", Every: time.Second, Run: says(task)},
		{Name: "delivery", Every: time.Second, Queue: jobs.Deliveries, Run: says(delivery)},
	})
	b.must(err)
	b.must(queue.Requeue(t.Context(), b.clock.Now().Add(time.Second)))
	b.must(queue.Start(t.Context()))
	t.Cleanup(func() { _ = queue.Stop(context.Background()) })
	t.Cleanup(func() { close(release) }) // a queue that is stopped lets calls end
	failure := time.After(time.Minute)
	await := func(c chan struct{}, what string) {
		t.Helper()
		select {
		case <-c:
		case <-failure:
			t.Fatal(what)
		}
	}
	for range share + others {
		await(hung, "the executions of another person do not begin")
	}
	var own int
	b.must(b.pool.QueryRow(t.Context(), `SELECT count(*) FROM requests WHERE state = 'executing' AND subject = $1`, b.member.Subject).Scan(&own))
	if own > share {
		t.Errorf("%d executions of one person, more than their share", own)
	}
	for range 3 { // the first may have begun before
		await(task, "tasks wait for executions")
		await(delivery, "deliveries wait for executions")
	}
}

// Package jobs is the queue of what the portal does in the background: it takes
// requests on and runs tasks again and again. It alone knows River.
//
// A job is added in the transaction of what it follows from, says only what it is
// about, and looks at the database for what there is to do. River keeps nothing
// that people read, and forgets a job a day after it has ended.
//
// Notifications have an outbox of their own, in package notify, that a task of this
// queue empties. They are no jobs, because people look at deliveries for weeks,
// see which fault one has and send it again; because one notification becomes
// deliveries only when it is worked out who is to be told; and because deliveries
// to one server go one after the other, so that one that is not responding holds up
// its own alone.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"doksportal/internal/shares"
	"doksportal/internal/store"
)

// Queues. Requests, which wait for DigitalOcean, keep no task from running, and
// deliveries, which wait for others' servers, keep back neither.
const (
	requestQueue = river.QueueDefault
	taskQueue    = "tasks"
	Deliveries   = "deliveries"
)

// A replica takes on requestsAtOnce steps of requests at the same time, and no
// more than ownMost of one person, so that theirs, when DigitalOcean hangs, do
// not keep others' waiting. A step that waits for DigitalOcean holds nothing but
// its place.
const (
	requestsAtOnce = 40
	ownMost        = 5
)

// Job times. A job that its worker left is taken over after rescueAfter, where it is not
// earlier because the whole replica is dead.
const (
	jobFor      = 60 * time.Second
	rescueAfter = 65 * time.Second
	stopFor     = 3 * time.Second
)

// Queue takes requests on and runs tasks in the background.
type Queue struct {
	pool    *pgxpool.Pool
	client  *river.Client[pgx.Tx]
	replica replica
	stop    func() // ends the signs of life
}

// New makes a queue that takes requests on with step and runs the tasks, when it is time
// by now.
func New(pool *pgxpool.Pool, logger *slog.Logger, now func() time.Time, step Step, tasks []Task) (*Queue, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &requestWorker{pool: pool, logger: logger, step: step, shares: shares.New(ownMost)})
	river.AddWorker(workers, &taskWorker{tasks: byName(tasks), logger: logger})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		FetchCooldown:        50 * time.Millisecond,
		FetchPollInterval:    500 * time.Millisecond,
		JobTimeout:           jobFor,
		RescueStuckJobsAfter: rescueAfter,
		Logger:               logger,
		PeriodicJobs:         periodic(tasks),
		ReindexerSchedule:    river.NeverSchedule(), // only the owner of the tables may; docs/operating.md says how
		Queues:               queues(tasks),
		Workers:              workers,
		Test:                 river.TestConfig{Time: clock(now)}, // the one way to have it go by another clock
	})
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	return &Queue{pool: pool, client: client, replica: replica{pool: pool, logger: logger, id: client.ID()}, stop: func() {}}, nil
}

// clock is the time for River.
type clock func() time.Time

// Now is the time.
func (c clock) Now() time.Time { return c() }

// NowOrNil has River's statements go by the clock of the database.
func (clock) NowOrNil() *time.Time { return nil }

// Start begins to work. The queue goes on when ctx ends; Stop ends it.
func (q *Queue) Start(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	if err := q.replica.beat(ctx); err != nil { // nobody may think that it is dead
		return err
	}
	if err := q.client.Start(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var beating sync.WaitGroup
	beating.Go(func() { q.replica.run(ctx) })
	q.stop = func() { cancel(); beating.Wait() }
	return nil
}

// Stop lets jobs that run come to an end for a few seconds, then cuts them
// off; they are taken up again by another replica.
func (q *Queue) Stop(ctx context.Context) error {
	soft, cancel := context.WithTimeout(ctx, stopFor)
	defer cancel()
	err := q.client.Stop(soft)
	if errors.Is(err, context.DeadlineExceeded) {
		err = q.client.StopAndCancel(ctx)
	}
	q.stop()
	return errors.Join(err, q.replica.end(ctx))
}

// Enqueue starts the execution of a request when tx commits. A request that
// is in the queue already is not added again.
func (q *Queue) Enqueue(ctx context.Context, tx pgx.Tx, requestID string) error {
	_, err := q.client.InsertTx(ctx, tx, requestArgs{RequestID: requestID}, nil)
	return err
}

// Requeue adds the requests that should be worked on and have no job, whatever
// became of it. A task calls it.
func (q *Queue) Requeue(ctx context.Context, now time.Time) error {
	const atOnce = 100
	for last := int64(0); ; {
		ids, next, err := store.UnfinishedAfter(ctx, q.pool, last, now, atOnce)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := q.client.Insert(ctx, requestArgs{RequestID: id}, nil); err != nil {
				return err
			}
		}
		if len(ids) < atOnce {
			return nil
		}
		last = next
	}
}

// onlyOnce keeps a second job from being added while the first is not done.
var onlyOnce = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled,
}}

package execute

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/shares"
	"doksportal/internal/store"
)

// Task is work that one of all replicas does at a time, again and again.
type Task struct {
	Name  string
	Every time.Duration
	Queue string // DeliveryQueue, or empty for that of tasks
	Run   func(context.Context) error
}

// Queues. Executions, which wait for DigitalOcean, keep no task from running,
// and deliveries, which wait for others' servers, keep back neither.
const (
	requestQueue  = river.QueueDefault
	taskQueue     = "tasks"
	DeliveryQueue = "deliveries"
)

// Queue runs executions and tasks in the background.
type Queue struct {
	client *river.Client[pgx.Tx]
}

// A replica takes on requestsAtOnce steps of requests at the same time, and no
// more than ownMost of one person, so that theirs, when DigitalOcean hangs, do
// not keep others' waiting.
const (
	requestsAtOnce = 10
	ownMost        = requestsAtOnce / 2
	shareWait      = time.Second // until a step is tried again that finds the share used up
)

// Job times. A job that its worker left is taken over after rescueAfter.
const (
	jobFor      = 60 * time.Second
	rescueAfter = 65 * time.Second
	stopFor     = 3 * time.Second
)

// NewQueue makes a queue that takes requests on with e and does the tasks.
func NewQueue(pool *pgxpool.Pool, logger *slog.Logger, e *Executor, tasks []Task) (*Queue, error) {
	e.shares = shares.New(ownMost)
	workers := river.NewWorkers()
	river.AddWorker(workers, &requestWorker{executor: e})
	river.AddWorker(workers, &taskWorker{tasks: byName(tasks), logger: logger})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		FetchCooldown:        50 * time.Millisecond,
		FetchPollInterval:    500 * time.Millisecond,
		JobTimeout:           jobFor,
		RescueStuckJobsAfter: rescueAfter,
		Logger:               logger,
		PeriodicJobs:         periodic(tasks),
		Queues:               queues(tasks),
		Workers:              workers,
	})
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	return &Queue{client: client}, nil
}

// Start begins to work. The queue goes on when ctx ends; Stop ends it.
func (q *Queue) Start(ctx context.Context) error {
	return q.client.Start(context.WithoutCancel(ctx))
}

// Stop lets jobs that run come to an end for a few seconds, then cuts them
// off; they are taken up again later.
func (q *Queue) Stop(ctx context.Context) error {
	soft, cancel := context.WithTimeout(ctx, stopFor)
	defer cancel()
	if err := q.client.Stop(soft); err == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return q.client.StopAndCancel(ctx)
}

// Enqueue starts the execution of a request when tx commits. A request that
// is in the queue already is not added again.
func (q *Queue) Enqueue(ctx context.Context, tx pgx.Tx, requestID string) error {
	_, err := q.client.InsertTx(ctx, tx, requestArgs{RequestID: requestID}, nil)
	return err
}

// Requeue adds the requests that should be worked on now and have no job,
// whatever became of it. A task calls it.
func (q *Queue) Requeue(ctx context.Context, pool *pgxpool.Pool, now time.Time) error {
	const atOnce = 100
	for last := int64(0); ; {
		ids, next, err := store.UnfinishedAfter(ctx, pool, last, now, atOnce)
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

type requestArgs struct {
	RequestID string `json:"request_id"`
}

func (requestArgs) Kind() string { return "request" }

// InsertOpts allows for many rescues, because giving up would leave a request
// in a state that is not true.
func (requestArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: onlyOnce, MaxAttempts: 1000}
}

type requestWorker struct {
	river.WorkerDefaults[requestArgs]
	executor *Executor
}

// Work takes a request one step on. A failure of the portal's own, like a
// database that is away, is no end: the step is taken again.
func (w *requestWorker) Work(ctx context.Context, job *river.Job[requestArgs]) error {
	next, err := w.executor.Step(doapi.Background(ctx), job.Args.RequestID)
	switch {
	case portal.Is(err, portal.KindConflict):
		return river.JobSnooze(w.executor.Pace.Settle) // another replica moved it; look again
	case err != nil:
		w.executor.Logger.Error("step of a request failed", "request", job.Args.RequestID, "error", err)
		return river.JobSnooze(w.executor.Pace.Wait)
	case next == done:
		return nil
	}
	return river.JobSnooze(next)
}

type taskArgs struct {
	Name string `json:"name"`
}

func (taskArgs) Kind() string { return "task" }

func (taskArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: onlyOnce, MaxAttempts: 1}
}

type taskWorker struct {
	river.WorkerDefaults[taskArgs]
	tasks  map[string]Task
	logger *slog.Logger
}

func (w *taskWorker) Work(ctx context.Context, job *river.Job[taskArgs]) error {
	task, ok := w.tasks[job.Args.Name]
	if !ok {
		return river.JobCancel(fmt.Errorf("no task %q", job.Args.Name))
	}
	if err := task.Run(ctx); err != nil {
		w.logger.Error("task failed", "task", task.Name, "error", err)
		return river.JobCancel(err) // the next period tries again
	}
	return nil
}

func byName(tasks []Task) map[string]Task {
	m := make(map[string]Task, len(tasks))
	for _, task := range tasks {
		m[task.Name] = task
	}
	return m
}

// queues have a worker for each task, so that none waits for another.
func queues(tasks []Task) map[string]river.QueueConfig {
	count := map[string]int{taskQueue: 1, DeliveryQueue: 1}
	for _, task := range tasks {
		count[task.queue()]++
	}
	return map[string]river.QueueConfig{
		requestQueue: {MaxWorkers: requestsAtOnce}, taskQueue: {MaxWorkers: count[taskQueue]}, DeliveryQueue: {MaxWorkers: count[DeliveryQueue]},
	}
}

func (t Task) queue() string {
	if t.Queue != "" {
		return t.Queue
	}
	return taskQueue
}

func periodic(tasks []Task) []*river.PeriodicJob {
	jobs := make([]*river.PeriodicJob, len(tasks))
	for i, task := range tasks {
		jobs[i] = river.NewPeriodicJob(river.PeriodicInterval(task.Every),
			func() (river.JobArgs, *river.InsertOpts) {
				return taskArgs{Name: task.Name}, &river.InsertOpts{Queue: task.queue()}
			},
			&river.PeriodicJobOpts{RunOnStart: true})
	}
	return jobs
}

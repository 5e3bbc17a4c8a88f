package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
)

// Task is work that one of all replicas does at a time, again and again.
type Task struct {
	Name  string
	Every time.Duration
	Queue string        // Deliveries, or empty for that of tasks
	For   time.Duration // how long it may take; zero: as long as other jobs
	Run   func(context.Context) error
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

// Timeout is how long a task may take.
func (w *taskWorker) Timeout(job *river.Job[taskArgs]) time.Duration {
	return w.tasks[job.Args.Name].For
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
	count := map[string]int{taskQueue: 1, Deliveries: 1}
	for _, task := range tasks {
		count[task.queue()]++
	}
	return map[string]river.QueueConfig{
		requestQueue: {MaxWorkers: requestsAtOnce}, taskQueue: {MaxWorkers: count[taskQueue]}, Deliveries: {MaxWorkers: count[Deliveries]},
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

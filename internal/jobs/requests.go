package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"

	"doksportal/internal/shares"
	"doksportal/internal/store"
)

// Step takes a request one step on. It returns after how long to take the next,
// and whether there is one. It may be called again for a request at any time,
// and by several replicas at once.
type Step func(ctx context.Context, requestID string) (wait time.Duration, more bool)

// Times until a step is tried again.
const (
	shareWait = time.Second      // that finds its requester's share used up
	faultWait = 30 * time.Second // that finds the database away
)

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
	pool   *pgxpool.Pool
	logger *slog.Logger
	step   Step
	shares *shares.Shares
}

// Work takes a request one step on. The job is snoozed between two steps, so
// that waiting holds no worker.
func (w *requestWorker) Work(ctx context.Context, job *river.Job[requestArgs]) error {
	requester, err := store.Requester(ctx, w.pool, job.Args.RequestID)
	if err != nil {
		w.logger.Error("a request cannot be read", "request", job.Args.RequestID, "error", err)
		return river.JobSnooze(faultWait)
	}
	leave, ok := w.shares.Enter(requester)
	if !ok {
		return river.JobSnooze(shareWait)
	}
	defer leave()
	wait, more := w.step(ctx, job.Args.RequestID)
	if !more {
		return nil
	}
	return river.JobSnooze(wait)
}

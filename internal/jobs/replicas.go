package jobs

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/rivertype"

	"doksportal/internal/db"
)

// A replica gives a sign of life every beatEvery. One that has given none for deadAfter
// counts as dead, and what it was doing is taken up by another. It may only have been
// paused and go on: steps and tasks may be taken twice at once.
const (
	beatEvery = 5 * time.Second
	deadAfter = 15 * time.Second
)

// replica is this process among those that work on the queue.
type replica struct {
	pool   *pgxpool.Pool
	logger *slog.Logger
	id     string // by which River says whose a job is
}

// run gives signs of life until ctx ends, and takes back the jobs of the dead. Who could
// give none for a while, because the database was away, does not conclude from those of
// others, who could not either.
func (r replica) run(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for beats := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := r.beat(ctx)
		if beats++; err == nil && beats > int(deadAfter/beatEvery) {
			err = r.takeBack(ctx)
		}
		if err != nil && ctx.Err() == nil {
			r.logger.Error("this replica cannot give signs of life, or look for those of others", "error", err)
			beats = 0
		}
	}
}

// beat gives a sign of life, by the clock of the database.
func (r replica) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	_, err := r.pool.Exec(ctx, `INSERT INTO replicas (id, seen_at) VALUES (@id, now()) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
		pgx.StrictNamedArgs{"id": r.id})
	return db.Wrap(err)
}

// takeBack makes the jobs of the dead available. That they run once more is no failure of
// theirs, so it counts as no attempt.
func (r replica) takeBack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, beatEvery)
	defer cancel()
	tag, err := r.pool.Exec(ctx, `
		WITH alive AS (SELECT id FROM replicas WHERE seen_at > now() - @dead_after::interval),
			forgotten AS (DELETE FROM replicas WHERE id IN (SELECT id FROM replicas WHERE seen_at <= now() - @dead_after::interval FOR UPDATE SKIP LOCKED))
		UPDATE river_job SET state = @available, scheduled_at = now(), attempt = greatest(attempt - 1, 0) WHERE id IN (
			SELECT id FROM river_job WHERE state = @running AND attempted_by[cardinality(attempted_by)] NOT IN (SELECT id FROM alive) FOR UPDATE SKIP LOCKED)`,
		pgx.StrictNamedArgs{"available": rivertype.JobStateAvailable, "running": rivertype.JobStateRunning, "dead_after": deadAfter})
	if err == nil && tag.RowsAffected() > 0 {
		r.logger.Warn("a replica gives no sign of life: what it was doing is taken up again", "jobs", tag.RowsAffected())
	}
	return db.Wrap(err)
}

// end says that this replica does nothing any more.
func (r replica) end(ctx context.Context) error {
	_, err := r.pool.Exec(ctx, `DELETE FROM replicas WHERE id = @id`, pgx.StrictNamedArgs{"id": r.id})
	return db.Wrap(err)
}

package db

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Clock is the clock of Postgres, as one process knows it. All replicas go by it: those of
// their machines may be off, and two that differ do not agree on what is over.
type Clock struct {
	machine func() time.Time
	ahead   atomic.Int64 // how far Postgres is ahead of the machine, in nanoseconds
}

// NewClock returns a clock that goes by the machine's until it is set.
func NewClock(machine func() time.Time) *Clock { return &Clock{machine: machine} }

// Now is the time by Postgres' clock, within a second or so.
func (c *Clock) Now() time.Time { return c.machine().Add(time.Duration(c.ahead.Load())) }

// Set asks Postgres for the time, and returns by how much that has moved the clock. What
// is within a second stays as it is: asking takes time, too.
func (c *Clock) Set(ctx context.Context, pool *pgxpool.Pool) (moved time.Duration, err error) {
	const slack = time.Second
	asked := c.machine()
	theirs, err := One(ctx, pool, pgx.RowTo[time.Time], `SELECT clock_timestamp()`, pgx.StrictNamedArgs{})
	if err != nil {
		return 0, err
	}
	half := c.machine().Sub(asked) / 2
	ahead := theirs.Sub(asked.Add(half))
	if moved = ahead - time.Duration(c.ahead.Load()); moved.Abs() <= slack+half {
		return 0, nil
	}
	c.ahead.Store(int64(ahead))
	return moved, nil
}

// Keep sets the clock again and again until ctx ends. While Postgres is away it goes on as
// it was.
func (c *Clock) Keep(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) {
	const every = 10 * time.Second
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ask, cancel := context.WithTimeout(ctx, every)
		moved, err := c.Set(ask, pool)
		cancel()
		if err == nil && moved != 0 {
			logger.Warn("the clock of this machine is off, or that of the database was set: the portal goes by the database's", "moved", moved.Round(time.Millisecond).String())
		}
	}
}

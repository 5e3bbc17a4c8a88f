package doapi

import (
	"context"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// cacheFor is how long options and prices are good for.
const cacheFor = 5 * time.Minute

// cached keeps an answer that everybody may see. Callers who ask at the same
// time share one call. Errors are not kept.
type cached[T any] struct {
	flights singleflight.Group
	mu      sync.Mutex
	value   T
	until   time.Time
}

// get returns the value, which read reads when there is none that is good. A
// caller who gives up does not take the answer away from others.
func (c *cached[T]) get(ctx context.Context, now func() time.Time, read func(context.Context) (T, error)) (T, error) {
	if value, ok := c.known(now()); ok {
		return value, nil
	}
	// Nobody waits for background work, which may be held back for longer.
	flight := c.flights.DoChan(strconv.Itoa(int(purposeOf(ctx))), func() (any, error) {
		if value, ok := c.known(now()); ok {
			return value, nil
		}
		value, err := read(context.WithoutCancel(ctx))
		if err == nil {
			c.keep(value, now().Add(cacheFor))
		}
		return value, err
	})
	select {
	case <-ctx.Done():
		var none T
		return none, &Error{Err: ctx.Err()}
	case result := <-flight:
		value, _ := result.Val.(T)
		return value, result.Err
	}
}

func (c *cached[T]) known(now time.Time) (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, now.Before(c.until)
}

func (c *cached[T]) keep(value T, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value, c.until = value, until
}

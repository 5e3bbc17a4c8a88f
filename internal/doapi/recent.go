package doapi

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	recentFor    = 3 * time.Second
	recentAtMost = 200     // answers
	recentUpTo   = 1 << 20 // bytes of one answer
)

type recentKey struct{}

// Recent marks the reads made with the context it returns as those of a page
// that people look at: an answer of the last 3 seconds will do, whoever asked
// for it. What a decision rests on is read without it.
func Recent(ctx context.Context) context.Context {
	return context.WithValue(ctx, recentKey{}, true)
}

func isRecent(ctx context.Context) bool {
	is, _ := ctx.Value(recentKey{}).(bool)
	return is
}

// recentAnswers are the bodies of the latest answers, by URL. Secrets are not
// among them.
type recentAnswers struct {
	flights singleflight.Group
	mu      sync.Mutex
	bodies  map[string]recentBody
	round   int // counts forget
}

type recentBody struct {
	body  []byte
	until time.Time
}

// getRecent is get for reads that need not be new. People who ask at the same
// moment do not wait for each other's calls, which may be held back for
// reasons of their own.
func (c *Client) getRecent(ctx context.Context, k call) error {
	u, err := c.url(k)
	if err != nil {
		return invalid("%w", err)
	}
	if body, ok := c.recent.find(u, c.now()); ok && k.read(body) == nil {
		return nil
	}
	round := c.recent.begin()
	flight := c.recent.flights.DoChan(fmt.Sprint(round, " ", callerOf(ctx), " ", u), func() (any, error) {
		var body []byte
		shared := k
		shared.read = func(b []byte) error {
			body = bytes.Clone(b)
			return into(new(any))(b)
		}
		err := c.getNow(context.WithoutCancel(ctx), shared)
		if err == nil {
			c.recent.keep(u, body, round, c.now())
		}
		return body, err
	})
	select {
	case <-ctx.Done():
		return &Error{Err: ctx.Err()}
	case result := <-flight:
		if result.Err != nil {
			return result.Err
		}
		if err := k.read(result.Val.([]byte)); err != nil {
			return &Error{Sent: true, Status: 200, Err: err}
		}
		return nil
	}
}

func (a *recentAnswers) find(u string, now time.Time) ([]byte, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, ok := a.bodies[u]
	return known.body, ok && now.Before(known.until)
}

func (a *recentAnswers) begin() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.round
}

// keep remembers an answer, unless something has been changed since the call
// began.
func (a *recentAnswers) keep(u string, body []byte, round int, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for u, known := range a.bodies {
		if !now.Before(known.until) {
			delete(a.bodies, u)
		}
	}
	if round != a.round || len(body) > recentUpTo || len(a.bodies) >= recentAtMost {
		return
	}
	if a.bodies == nil {
		a.bodies = map[string]recentBody{}
	}
	a.bodies[u] = recentBody{body, now.Add(recentFor)}
}

// forget drops all answers, after something has been changed.
func (a *recentAnswers) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.round++
	clear(a.bodies)
}

package doapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"doksportal/internal/portal"
)

// Limiter paces the calls of everybody who shares a token.
type Limiter interface {
	// Reserve asks to send one call for a caller, who has a share of the calls;
	// empty for nobody in particular. It returns 0 when it may be sent now,
	// else how long to wait before asking again. After an error nothing is sent.
	Reserve(ctx context.Context, caller string, why Purpose) (time.Duration, error)
	// Observe tells how many calls an answer said are left until reset.
	Observe(ctx context.Context, remaining int, reset time.Time)
	// Pause holds back all calls until then.
	Pause(ctx context.Context, until time.Time)
}

// Purpose is what a call is for. There are parts of the calls for each.
type Purpose int

// The purposes.
const (
	ForPeople Purpose = iota // somebody waits for it
	ForWork                  // nobody does
	ForUpkeep                // so that the portal knows what there is: few calls, on which all work rests
)

type purposeKey struct{}

type callerKey struct{}

// WithCaller marks the calls made with the context it returns as caused by
// that person, who has no more than a share of the calls that people make.
func WithCaller(ctx context.Context, caller portal.Identity) context.Context {
	return context.WithValue(ctx, callerKey{}, caller.Issuer+" "+caller.Subject)
}

func callerOf(ctx context.Context) string {
	caller, _ := ctx.Value(callerKey{}).(string)
	return caller
}

// Background marks the calls made with the context it returns as work that
// nobody waits for. A part of the calls is kept for it.
func Background(ctx context.Context) context.Context {
	return context.WithValue(ctx, purposeKey{}, ForWork)
}

// Upkeep marks the calls made with the context it returns as those by which the portal
// knows what there is. A few of those for background work are kept for them, however
// much work there is.
func Upkeep(ctx context.Context) context.Context {
	return context.WithValue(ctx, purposeKey{}, ForUpkeep)
}

func purposeOf(ctx context.Context) Purpose {
	why, _ := ctx.Value(purposeKey{}).(Purpose)
	return why
}

// admit waits until a call may be sent, but not for long: whoever waits longer
// holds back others, and can come back instead.
func (c *Client) admit(ctx context.Context, k call) error {
	const most = 5 * time.Second
	limiter := c.credential(k).limiter
	if limiter == nil {
		return nil
	}
	held := &Error{Write: k.method != http.MethodGet}
	for waited := time.Duration(0); ; {
		wait, err := limiter.Reserve(ctx, callerOf(ctx), purposeOf(ctx))
		if err != nil {
			held.Err, held.Message = err, "the portal's database, which counts its calls, is not responding."
			return held
		}
		if wait <= 0 {
			return nil
		}
		if waited += wait; waited > most {
			held.Status, held.ID, held.RetryAfter = http.StatusTooManyRequests, "too_many_requests", wait
			held.Message = "the portal has used up its calls for now."
			return held
		}
		if held.Err = c.sleep(ctx, wait); held.Err != nil {
			return held
		}
	}
}

// report tells the limiter what an answer says about the calls that are left.
func (c *Client) report(ctx context.Context, k call, resp *http.Response, e *Error) {
	limiter := c.credential(k).limiter
	if limiter == nil {
		return
	}
	ctx = context.WithoutCancel(ctx) // it matters to everybody, not to this call
	if at, ok := reset(resp); ok {
		if remaining, err := strconv.Atoi(resp.Header.Get("ratelimit-remaining")); err == nil {
			limiter.Observe(ctx, remaining, at)
		}
	}
	if e.Status == http.StatusTooManyRequests && e.RetryAfter > 0 {
		limiter.Pause(ctx, c.now().Add(e.RetryAfter))
	}
}

package request

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Withdraw takes a request back before it is executed. Only its requester may.
func (s *Service) Withdraw(ctx context.Context, a portal.Actor, number int64) error {
	return s.onRequest(ctx, a, number, func(tx pgx.Tx, r portal.Request) error {
		switch {
		case a.Identity != r.Requester.Identity:
			return portal.E(portal.KindForbidden, "only "+r.Requester.Name+" can withdraw this request")
		case !r.CanWithdraw(a):
			return portal.E(portal.KindConflict, "this request is "+string(r.State)+" and can no longer be withdrawn")
		}
		return Move(ctx, tx, r, Step{
			Next: portal.Withdrawn, At: s.Now(), Actor: a.Person(), Kind: portal.EventWithdrawn,
			Summary: a.Name + " withdrew " + describe(r),
		})
	})
}

// Stop ends a request that is approved before it is carried out, as in its
// cool-off. Those who could have approved it may, and admins; its requester
// withdraws it. It returns KindInvalid without a reason, KindForbidden or
// KindConflict when a may not.
func (s *Service) Stop(ctx context.Context, a portal.Actor, number int64, reason string) error {
	return s.onRequest(ctx, a, number, func(tx pgx.Tx, r portal.Request) error {
		if err := r.StopRefusal(a); err != nil {
			return err
		}
		if err := checkText("stop_reason", "why you stop it", reason, true); err != nil {
			return err
		}
		return Move(ctx, tx, r, Step{
			Next: portal.Rejected, Reason: a.Name + " stopped it: " + reason, At: s.Now(), Actor: a.Person(), Kind: portal.EventStopped,
			Summary: a.Name + " stopped " + describe(r) + ": " + reason, Said: reason,
		})
	})
}

// atOnce is how many requests a job ends at a time.
const atOnce = 100

// clock is the actor of what happens because time passes.
var clock = portal.System("clock").Person()

// TooLate says why an approved request is out of date when it is due.
const TooLate = "It did not run before its approval expired."

// ends says how requests end that have waited too long.
var ends = []struct {
	state portal.State
	step  Step
}{
	{portal.Pending, Step{Next: portal.Expired, Kind: portal.EventExpired, Reason: "Nobody decided in time."}},
	{portal.Approved, Step{Next: portal.Stale, Kind: portal.EventStale, Reason: TooLate}},
}

// Expire ends requests that have waited too long, and says of those that will
// soon have. A job calls it.
func (s *Service) Expire(ctx context.Context) error {
	var errs []error
	for _, end := range ends {
		due, err := store.DueBefore(ctx, s.Pool, end.state, s.Now(), atOnce)
		if err != nil {
			return err
		}
		errs = append(errs, each(due, func(id string) error { return s.endDue(ctx, id, end.state, end.step) }))
	}
	return errors.Join(append(errs, s.dropStale(ctx), s.warn(ctx))...)
}

// each does something with every request, also when it fails with another.
func each(ids []string, do func(id string) error) error {
	var errs []error
	for _, id := range ids {
		if err := do(id); err != nil {
			errs = append(errs, fmt.Errorf("request %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// endDue ends a request that is still in the state and due.
func (s *Service) endDue(ctx context.Context, id string, state portal.State, step Step) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		r, err := store.LockRequest(ctx, tx, id)
		if err != nil || r.State != state || !r.DueAt.Before(s.Now()) {
			return err
		}
		step.At, step.Actor, step.Summary = s.Now(), clock, describe(r)+" ended: "+step.Reason
		return Move(ctx, tx, r, step)
	})
}

// dropStale ends requests that nobody has had planned again.
func (s *Service) dropStale(ctx context.Context) error {
	old, err := store.RequestIDsSince(ctx, s.Pool, portal.Stale, s.Now().Add(-StaleFor), atOnce)
	if err != nil {
		return err
	}
	return each(old, func(id string) error {
		return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
			r, err := store.LockRequest(ctx, tx, id)
			if err != nil || r.State != portal.Stale || r.UpdatedAt.After(s.Now().Add(-StaleFor)) {
				return err
			}
			return Move(ctx, tx, r, Step{
				Next: portal.Expired, Reason: r.Reason, At: s.Now(), Actor: clock, Kind: portal.EventExpired,
				Summary: describe(r) + " ended: its requester did not plan it again",
			})
		})
	})
}

// warn says of requests that they expire soon.
func (s *Service) warn(ctx context.Context) error {
	expiring, err := store.ExpiringAt(ctx, s.Pool, s.Now(), atOnce)
	if err != nil {
		return err
	}
	return each(expiring, func(id string) error {
		return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
			r, err := store.LockRequest(ctx, tx, id)
			if err != nil || r.State != portal.Pending {
				return err
			}
			if err := store.SetWarned(ctx, tx, id, s.Now()); err != nil {
				return err
			}
			return Record(ctx, tx, r, Step{
				At: s.Now(), Actor: clock, Kind: portal.EventExpiring,
				Summary: describe(r) + " expires in " + portal.RoughDuration(r.DueAt.Sub(s.Now())) + " unless somebody decides",
			})
		})
	})
}

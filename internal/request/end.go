package request

import (
	"context"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Withdraw takes a request back before it is executed. Only its requester may.
func (s *Service) Withdraw(ctx context.Context, a portal.Actor, number int64) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		r, err := store.LockRequestByNumber(ctx, tx, number)
		if err != nil {
			return err
		}
		switch {
		case !a.CanSee(r.Team) && a.Identity != r.Requester.Identity:
			return portal.E(portal.KindNotFound, "there is no such request")
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

// atOnce is how many requests a job ends at a time.
const atOnce = 100

// Expire ends requests that have waited too long. A job calls it.
func (s *Service) Expire(ctx context.Context) error {
	pending, err := store.RequestIDsSince(ctx, s.Pool, portal.Pending, s.Now().Add(-PendingFor), atOnce)
	if err != nil {
		return err
	}
	if err := s.endAll(ctx, pending, portal.Pending, Step{
		Next: portal.Expired, Kind: portal.EventExpired, Reason: "Nobody decided within 7 days."}); err != nil {
		return err
	}
	approved, err := store.ApprovedBefore(ctx, s.Pool, s.Now().Add(-ApprovedFor), atOnce)
	if err != nil {
		return err
	}
	return s.endAll(ctx, approved, portal.Approved, Step{
		Next: portal.Stale, Kind: portal.EventStale, Reason: "It could not be carried out within 24 hours of its approval."})
}

// endAll ends those of the requests that are still in the state.
func (s *Service) endAll(ctx context.Context, ids []string, state portal.State, step Step) error {
	step.Actor = portal.System("clock").Person()
	for _, id := range ids {
		err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
			r, err := store.LockRequest(ctx, tx, id)
			if err != nil || r.State != state {
				return err
			}
			step.At, step.Summary = s.Now(), describe(r)+" ended: "+step.Reason
			return Move(ctx, tx, r, step)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

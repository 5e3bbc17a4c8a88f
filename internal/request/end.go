package request

import (
	"context"
	"time"

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

// Expire ends requests that have waited too long. A job calls it.
func (s *Service) Expire(ctx context.Context) error {
	if err := s.endAll(ctx, portal.Pending, PendingFor, Step{
		Next: portal.Expired, Kind: portal.EventExpired, Reason: "Nobody decided within 7 days."}); err != nil {
		return err
	}
	return s.endAll(ctx, portal.Approved, ApprovedFor, Step{
		Next: portal.Stale, Kind: portal.EventStale, Reason: "It could not be carried out within 24 hours of its approval."})
}

func (s *Service) endAll(ctx context.Context, state portal.State, after time.Duration, step Step) error {
	const atOnce = 100
	ids, err := store.RequestIDsSince(ctx, s.Pool, state, s.Now().Add(-after), atOnce)
	if err != nil {
		return err
	}
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

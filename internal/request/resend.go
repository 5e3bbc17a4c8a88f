package request

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Resend has a request sent once more whose call was lost, after the portal has looked
// for its effect and found none. Everything is checked again before that, and looked
// for a last time. It returns KindForbidden or KindConflict when a may not, and
// KindStepUp when a's sign-in is too old.
func (s *Service) Resend(ctx context.Context, a portal.Actor, number int64) error {
	return s.onRequest(ctx, a, number, func(tx pgx.Tx, r portal.Request) error {
		if err := r.ResendRefusal(a); err != nil {
			return err
		}
		if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
			return err
		}
		lost, _ := r.LostAttempt()
		if err := store.GiveUpAttempt(ctx, tx, r.ID, lost.Number); err != nil {
			return err
		}
		if err := Move(ctx, tx, r, Step{
			Next: portal.Approved, At: s.Now(), Actor: a.Person(), Kind: portal.EventResent,
			Reason:  a.Name + " has it sent once more.",
			Summary: fmt.Sprintf("%s had %s sent once more, after %d looks for its effect found nothing", a.Name, describe(r), lost.Looks),
			Data:    map[string]any{"attempt": lost.Number, "looks": lost.Looks, "first_look_at": lost.FirstLookAt, "last_look_at": lost.LastLookAt, "digest": r.Digest},
		}); err != nil {
			return err
		}
		return s.Jobs.Enqueue(ctx, tx, r.ID)
	})
}

package request

import (
	"context"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Remind has those told once more who can decide on a request that waits. Whoever
// may see it may, but not within portal.RemindEvery of the last time, whosever
// that was: it returns KindConflict then, and when nobody's decision is waited for.
func (s *Service) Remind(ctx context.Context, a portal.Actor, number int64) error {
	return s.onRequest(ctx, a, number, func(tx pgx.Tx, r portal.Request) error {
		if err := r.RemindRefusal(s.Now()); err != nil {
			return err
		}
		if err := store.SetReminded(ctx, tx, r.ID, s.Now()); err != nil {
			return err
		}
		return Record(ctx, tx, r, Step{
			At: s.Now(), Actor: a.Person(), Kind: portal.EventReminded,
			Summary: a.Name + " reminded those who can decide of " + describe(r), Data: map[string]any{"outstanding": r.Outstanding(), "revision": r.Revision},
		})
	})
}

package request

import (
	"context"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/portal"
)

// Hasten has the next step of a request that waits to be sent, or is under way, taken now
// instead of when it is due. That is all: whatever keeps it from being sent still does.
// It returns KindForbidden to others than admins, and KindConflict for a request that the
// portal has nothing to do for, or not yet.
func (s *Service) Hasten(ctx context.Context, a portal.Actor, number int64) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	return s.onRequest(ctx, a, number, func(tx pgx.Tx, r portal.Request) error {
		if !r.CarriesOn() {
			return portal.E(portal.KindConflict, "this request is "+string(r.State)+", and the portal takes no step for it")
		}
		if r.State == portal.Approved && !r.Released() {
			return portal.E(portal.KindConflict, "the campaign that this request is part of has not let it begin")
		}
		if r.State == portal.Approved && s.Now().Before(r.StartsAt) {
			return portal.E(portal.KindConflict, "it is not yet time for this request; it runs from "+r.StartsAt.UTC().Format("2 January 2006 15:04 MST")+" on")
		}
		if err := s.Jobs.Wake(ctx, tx, r.ID); err != nil {
			return err
		}
		return Record(ctx, tx, r, Step{At: s.Now(), Actor: a.Person(), Kind: portal.EventHastened,
			Summary: a.Name + " had the next step of " + describe(r) + " taken at once", Data: map[string]any{"state": r.State}})
	})
}

package request

import (
	"context"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// RefuseGains is KindForbidden when a, or somebody else for whom a would decide,
// gains by a request: by their own groups, or by those of anybody for whom they stand
// in or lately have. It is asked when people decide, and again before that counts.
func RefuseGains(ctx context.Context, q store.Querier, r portal.Request, a portal.Actor, delegator portal.Identity, now time.Time) error {
	if len(r.GainedBy()) == 0 {
		return nil
	}
	mandates, err := store.MandatesLately(ctx, q, a.Identity, now)
	if err != nil {
		return err
	}
	if delegator.IsZero() {
		return r.RefuseGains(a, mandates, portal.Actor{}, nil)
	}
	known, err := store.PersonByIdentity(ctx, q, delegator, now)
	if err != nil {
		return err
	}
	theirs, err := store.MandatesLately(ctx, q, delegator, now)
	if err != nil {
		return err
	}
	return r.RefuseGains(a, mandates, portal.Actor{Identity: delegator, Name: known.Name, Groups: known.Groups}, theirs)
}

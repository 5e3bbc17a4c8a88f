package auth

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// SetTimeZone keeps in which zone a person reads times, on all of their devices;
// empty: in that of their browser. It returns KindInvalid, at "time_zone", for one that
// there is not.
func (a *Auth) SetTimeZone(ctx context.Context, who portal.Actor, typed string) error {
	if who.IsZero() {
		return portal.E(portal.KindUnauthorized, "sign in first")
	}
	zone := ""
	if strings.TrimSpace(typed) != "" {
		var ok bool
		if zone, ok = portal.ZoneTyped(typed); !ok {
			return portal.Invalid(portal.FieldError{Field: "time_zone", Message: "The portal does not know this time zone; enter a name like Europe/Berlin or America/New_York, or UTC."})
		}
	}
	return db.WithTx(ctx, a.Pool, func(tx pgx.Tx) error {
		if err := store.SetTimeZone(ctx, tx, who.Identity, zone); err != nil {
			return err
		}
		return audit.Append(ctx, tx, portal.Event{
			At: a.Now(), Kind: portal.EventPreference, Actor: who.Person(), Summary: who.Name + " chose the time zone to read times in",
			Data: map[string]any{"zone": zone},
		})
	})
}

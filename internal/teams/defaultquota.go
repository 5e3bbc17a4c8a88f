package teams

import (
	"context"
	"reflect"
	"strconv"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// DefaultQuota is the quota that the form for a new team starts with, as an admin
// would type it. Only admins may.
func (s *Service) DefaultQuota(ctx context.Context, a portal.Actor) (Input, error) {
	if err := a.RequireAdmin(); err != nil {
		return Input{}, err
	}
	q, version, err := store.DefaultQuota(ctx, s.Pool)
	return Input{Quota: quotaForm(q), Version: strconv.Itoa(version)}, err
}

// SetDefaultQuota changes what the form for a new team starts with; of in, its quota
// and its version count. Only admins may. Nobody gains by it: each new team takes two
// admins by itself. KindInvalid names the wrong fields, KindConflict says that
// somebody else was faster.
func (s *Service) SetDefaultQuota(ctx context.Context, a portal.Actor, in Input) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	var f fieldErrors
	after, err := s.readQuota(ctx, &f, in.Quota)
	if err == nil {
		err = f.Err()
	}
	if err != nil {
		return err
	}
	version, _ := portal.ParseNumber(in.Version, 0, portal.MaxVersion)
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		before, _, err := store.DefaultQuota(ctx, tx)
		if err != nil || reflect.DeepEqual(before, after) {
			return err
		}
		if err := store.SetDefaultQuota(ctx, tx, after, version, s.Now()); err != nil {
			return err
		}
		return audit.Append(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventDefaultQuota, Actor: a.Person(), Summary: a.Name + " changed the quota that new teams start with",
			Target: portal.EventTarget{Kind: portal.TargetTeam}, Data: map[string]any{"before": before, "after": after},
		})
	})
}

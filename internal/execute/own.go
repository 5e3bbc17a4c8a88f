package execute

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// carryOutOwn has an operation of the portal's own take effect, after the same checks
// as before a call to DigitalOcean. There is nothing to wait for: what it changes, the
// request's end and their events are one transaction.
func (e *Executor) carryOutOwn(ctx context.Context, r portal.Request) (time.Duration, error) {
	recheck, apply := e.recheckRaise, e.raise
	if r.Operation == portal.ExtendLease {
		recheck, apply = e.recheckExtension, e.extend
	}
	seen, o := e.check(ctx, r)
	if o.blocks() {
		return e.stop(ctx, r, o)
	}
	err := db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		team, err := e.lock(ctx, tx, r)
		if err != nil {
			return err
		}
		if err := unmoved(ctx, tx, r); err != nil {
			return err
		}
		if o = recheck(ctx, tx, r, team, seen); o.blocks() {
			return nil
		}
		if o = e.stillPaused(ctx, tx, r, seen.try); o.blocks() {
			return nil
		}
		if err := apply(ctx, tx, r, team); err != nil {
			return err
		}
		return e.succeed(ctx, tx, r)
	})
	switch {
	case err != nil:
		return 0, err
	case o.blocks():
		return e.stop(ctx, r, o)
	}
	return done, nil
}

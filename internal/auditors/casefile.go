package auditors

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// signInWithin is how long before a decision a sign-in is looked for: longer than
// sessions last.
const signInWithin = 24 * time.Hour

// CaseFile returns all that there is of a request, as of one moment. It returns
// KindForbidden to others than auditors and admins, and KindNotFound where there is no
// such request. The caller puts on the trail who reads it.
func (s *Service) CaseFile(ctx context.Context, a portal.Actor, number int64) (portal.CaseFile, error) {
	var f portal.CaseFile
	if err := a.RequireAuditor(); err != nil {
		return f, err
	}
	err := pgx.BeginTxFunc(ctx, s.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if f.Request, err = store.RequestByNumber(ctx, tx, number); err != nil {
			return err
		}
		if f.Revisions, err = store.CaseRevisions(ctx, tx, f.Request, portal.MostCaseRevisions); err != nil {
			return err
		}
		if f.Events, f.Cut, err = audit.OfCase(ctx, tx, f.Request.ID, portal.MostCaseEvents); err != nil {
			return err
		}
		f.SignIns, err = audit.SignIns(ctx, tx, f.Decisions(), signInWithin)
		return err
	})
	return f, db.Wrap(err)
}

package request

import (
	"cmp"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// BreakGlass has a request that waits for approvals carried out without them,
// without cool-off and outside of windows, but not before its requester wants
// it. Only admins may, and not for what they asked for themselves; quota,
// protection and a target that has changed stop it all the same. A review is
// pending from then on, before which a bypasses no other approvals. revision and digest are of the plan that a has seen. It returns
// KindInvalid without a reason, KindForbidden or KindConflict when a may not,
// and KindStepUp when a's sign-in is too old.
func (s *Service) BreakGlass(ctx context.Context, a portal.Actor, number int64, revision int, digest, reason string) error {
	var outdated error
	err := s.onRequest(ctx, a, number, func(tx pgx.Tx, r portal.Request) error {
		if err := r.BreakGlassRefusal(a); err != nil {
			return err
		}
		if s.Now().After(r.DueAt) {
			return late
		}
		if revision != r.Revision || digest != r.Digest {
			return portal.E(portal.KindConflict, "the plan has changed since you opened the page; look at it again")
		}
		if err := r.CheckIntact(); err != nil {
			return err
		}
		if err := checkText("break_glass_reason", "why this cannot wait for approvals", reason, true); err != nil {
			return err
		}
		unreviewed, err := store.UnreviewedBreakGlass(ctx, tx, a.Identity, s.Now())
		if err != nil {
			return err
		}
		if unreviewed != 0 {
			return portal.E(portal.KindConflict, fmt.Sprintf("nobody has reviewed yet that you bypassed the approvals of #%d; have that reviewed first, or ask another admin", unreviewed))
		}
		why, err := s.outdatedNow(ctx, tx, r)
		if err != nil {
			return err
		}
		if why != "" {
			outdated = tooLate(why)
			return MakeStale(ctx, tx, r, s.Now(), a.Person(), why)
		}
		if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
			return err
		}
		return s.breakGlass(ctx, tx, a, r, reason)
	})
	return cmp.Or(err, outdated)
}

func (s *Service) breakGlass(ctx context.Context, tx pgx.Tx, a portal.Actor, r portal.Request, reason string) error {
	now := s.Now()
	breakGlass := portal.BreakGlass{Revision: r.Revision, By: a.Person(), Reason: reason, At: now}
	if err := store.InsertBreakGlass(ctx, tx, r.ID, breakGlass); err != nil {
		return err
	}
	err := Move(ctx, tx, r, Step{
		Next: portal.Approved, At: now, Actor: a.Person(), Kind: portal.EventBreakGlass,
		Reason:  a.Name + " ran it without approvals: " + reason,
		Summary: a.Name + " ran " + describe(r) + " without its approvals: " + reason,
		Said:    reason,
		Data:    map[string]any{"outstanding": r.Outstanding(), "digest": r.Digest, "revision": r.Revision},
	})
	if err != nil {
		return err
	}
	r.State = portal.Approved
	if err := Schedule(&r, now, true); err != nil {
		return err
	}
	if err := store.SetTimes(ctx, tx, r.ID, r.StartsAt, r.DueAt); err != nil {
		return err
	}
	return s.start(ctx, tx, r)
}

// ReviewBreakGlass gives the pending review of a break-glass. Neither who
// broke it nor who asked may. digest is of the plan that a has seen. It returns
// KindInvalid without a comment, KindForbidden or KindConflict when a may not, or when
// that is not what ran without approvals.
func (s *Service) ReviewBreakGlass(ctx context.Context, a portal.Actor, number int64, digest, comment string) error {
	return s.onRequest(ctx, a, number, func(tx pgx.Tx, r portal.Request) error {
		if err := r.BreakGlassReviewRefusal(a); err != nil {
			return err
		}
		if err := checkText("break_glass_comment", "what you found", comment, true); err != nil {
			return err
		}
		breakGlass := *r.PendingReview(a)
		if digest != r.Digest {
			return portal.E(portal.KindConflict, "the plan has changed since you opened the page; look at it again")
		}
		if err := s.checkBypassed(ctx, tx, r, breakGlass); err != nil {
			return err
		}
		breakGlass.Reviewer, breakGlass.Comment, breakGlass.ReviewedAt = a.Person(), comment, s.Now()
		if err := store.ReviewBreakGlass(ctx, tx, r.ID, breakGlass); err != nil {
			return err
		}
		return Record(ctx, tx, r, Step{
			At: s.Now(), Actor: a.Person(), Kind: portal.EventBreakGlassReviewed,
			Summary: a.Name + " reviewed how " + breakGlass.By.Name + " bypassed the approvals for " + describe(r) + ": " + comment,
			Said:    comment,
			Data:    map[string]any{"revision": breakGlass.Revision, "digest": digest},
		})
	})
}

// checkBypassed makes sure that a request is still what the trail says that its approvals
// were bypassed for: a review of anything else would be none.
func (s *Service) checkBypassed(ctx context.Context, tx pgx.Tx, r portal.Request, g portal.BreakGlass) error {
	if err := r.CheckIntact(); err != nil {
		return err
	}
	kept, err := store.DigestOfRevision(ctx, tx, r.ID, g.Revision)
	if err != nil {
		return err
	}
	said, err := store.BypassedDigests(ctx, tx, r.ID, g.Revision)
	if err != nil {
		return err
	}
	if len(said) != 1 || said[0] != kept {
		return portal.E(portal.KindConflict, "what is kept of this request is not what the audit trail says that its approvals were bypassed for, so that nobody can review it here; have an auditor look at its case file")
	}
	return nil
}

package request

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// ReviewInput is what an approver decided.
type ReviewInput struct {
	Number   int64
	Decision portal.ReviewDecision
	Comment  string // required but to approve
	Revision int    // that the approver saw
	Digest   string // of its plan
}

// Review records an approver's decision. The request moves on when it has the
// approvals it needs; it ends when it is rejected, and has to be planned again
// when changes are asked for. The caller makes sure that a's groups are fresh.
// It returns KindNotFound for a request that a may not see, KindForbidden or
// KindConflict when a may not decide, KindConflict also when the plan is not
// the one that was seen, and KindStepUp when a's sign-in is too old to approve. A
// stand-in decides as who named them, if the provider has just confirmed that
// person's groups.
func (s *Service) Review(ctx context.Context, a portal.Actor, in ReviewInput) error {
	if err := s.confirmDelegators(ctx, a); err != nil {
		return err
	}
	var outdated error
	err := s.onRequest(ctx, a, in.Number, func(tx pgx.Tx, r portal.Request) (err error) {
		word, err := s.wordOf(ctx, tx, a, r)
		if err != nil {
			return err
		}
		if s.Now().After(r.DueAt) {
			return late
		}
		if in.Revision != r.Revision || in.Digest != r.Digest {
			return portal.E(portal.KindConflict, "the plan has changed since you opened the page; look at it again")
		}
		if err := r.CheckIntact(); err != nil {
			return err
		}
		if _, known := reviewSteps[in.Decision]; !known {
			return portal.E(portal.KindInvalid, "choose whether to approve, reject or request changes")
		}
		why := "why you reject it"
		if in.Decision == portal.ReviewChanges {
			why = "what should be different"
		}
		if err := checkText("comment", why, in.Comment, in.Decision != portal.ReviewApprove); err != nil {
			return err
		}
		if in.Decision == portal.ReviewApprove {
			if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
				return err
			}
		}
		outdated, err = s.decide(ctx, tx, a, word, r, in)
		return err
	})
	return cmp.Or(err, outdated)
}

// tooLate says that what somebody decided was not taken, because the request
// has just been found to be out of date.
func tooLate(why string) error {
	return portal.E(portal.KindConflict, "your decision was not recorded, because the request is out of date: "+why)
}

// late says that a request is due, though no job has ended it yet.
var late = portal.E(portal.KindConflict, "nobody has decided on this request in time; it has expired")

// onRequest locks a request that a may see and does something with it.
func (s *Service) onRequest(ctx context.Context, a portal.Actor, number int64, do func(pgx.Tx, portal.Request) error) error {
	if a.IsZero() {
		return portal.E(portal.KindUnauthorized, "sign in first")
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		r, err := store.LockRequestByNumber(ctx, tx, number)
		if r, err = visible(a, r, err); err != nil {
			return err
		}
		return do(tx, r)
	})
}

// reviewSteps says what follows each decision.
var reviewSteps = map[portal.ReviewDecision]struct {
	kind portal.EventKind
	next portal.State
	verb string
}{
	portal.ReviewApprove: {portal.EventApprovedBy, portal.Approved, "approved"},
	portal.ReviewReject:  {portal.EventRejectedBy, portal.Rejected, "rejected"},
	portal.ReviewChanges: {portal.EventChangesRequested, portal.Stale, "requested changes to"},
}

// decide takes a decision. A request that turns out to be out of date becomes
// stale instead, which is told once tx has been committed.
func (s *Service) decide(ctx context.Context, tx pgx.Tx, a portal.Actor, word portal.Word, r portal.Request, in ReviewInput) (outdated, err error) {
	if in.Decision == portal.ReviewApprove {
		why, err := s.outdatedNow(ctx, tx, r)
		if err != nil {
			return nil, err
		}
		if why != "" {
			return tooLate(why), MakeStale(ctx, tx, r, s.Now(), a.Person(), why)
		}
	}
	return nil, s.recordReview(ctx, tx, a, word, r, in)
}

// recordReview keeps a decision and does what follows from it.
func (s *Service) recordReview(ctx context.Context, tx pgx.Tx, a portal.Actor, word portal.Word, r portal.Request, in ReviewInput) error {
	v := portal.Review{
		Reviewer: a.Person(), For: word.For(), Groups: word.Groups, Decision: in.Decision, Comment: strings.TrimSpace(in.Comment),
		Digest: r.Digest, Revision: r.Revision, CreatedAt: s.Now(),
	}
	if err := store.InsertReview(ctx, tx, r.ID, v); err != nil {
		return err
	}
	r.Reviews = append(r.Reviews, v)
	step := s.reviewStep(r, v)
	if !v.For.IsZero() {
		step.Data["for"], step.Data["delegation"] = v.For, word.Delegation.ID
	}
	switch {
	case v.Decision != portal.ReviewApprove:
		return Move(ctx, tx, r, step)
	case len(r.Outstanding()) > 0:
		return Record(ctx, tx, r, step)
	}
	return s.approve(ctx, tx, r, step)
}

// approve moves a request that has all that it needs to where it waits to be
// carried out.
func (s *Service) approve(ctx context.Context, tx pgx.Tx, r portal.Request, step Step) error {
	if err := Move(ctx, tx, r, step); err != nil {
		return err
	}
	r.State = portal.Approved
	if err := setTimes(&r, step.At); err != nil {
		return err
	}
	if err := store.SetTimes(ctx, tx, r.ID, r.StartsAt, r.DueAt); err != nil {
		return err
	}
	return s.start(ctx, tx, r)
}

func (s *Service) reviewStep(r portal.Request, v portal.Review) Step {
	follows := reviewSteps[v.Decision]
	step := Step{
		Next: follows.next, At: v.CreatedAt, Actor: v.Reviewer, Kind: follows.kind,
		Summary: fmt.Sprintf("%s %s %s", v.By(), follows.verb, describe(r)),
		Said:    v.Comment,
		Data:    map[string]any{"digest": v.Digest, "revision": v.Revision, "groups": v.Groups},
	}
	if v.Comment != "" {
		step.Summary += ": " + v.Comment
	}
	switch v.Decision {
	case portal.ReviewReject:
		step.Reason = v.Comment
	case portal.ReviewChanges:
		step.Reason = v.By() + " requested changes: " + v.Comment
	}
	return step
}

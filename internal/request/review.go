package request

import (
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
	Number  int64
	Approve bool
	Comment string // required to reject
	Digest  string // of the plan that the approver saw
}

// Review records an approver's decision. The request moves on when it has the
// approvals it needs, or ends when it is rejected. The caller makes sure that
// a's groups are fresh. It returns KindNotFound for a request that a may not
// see, KindForbidden or KindConflict when a may not decide, KindConflict also
// when the plan is not the one that was seen, and KindStepUp when a's sign-in is
// too old to approve.
func (s *Service) Review(ctx context.Context, a portal.Actor, in ReviewInput) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		r, err := store.LockRequestByNumber(ctx, tx, in.Number)
		if err != nil {
			return err
		}
		if !a.CanSee(r.Team) {
			return portal.E(portal.KindNotFound, "there is no such request")
		}
		if err := r.ReviewRefusal(a); err != nil {
			return err
		}
		if in.Digest != r.Digest {
			return portal.E(portal.KindConflict, "the plan has changed since you opened the page; look at it again")
		}
		var f faults
		f.checkText("comment", "why you reject it", in.Comment, maxComment, !in.Approve)
		if err := f.err(); err != nil {
			return err
		}
		if in.Approve {
			if err := CheckSignIn(a, s.Now(), s.StepUpWithin); err != nil {
				return err
			}
		}
		return s.decide(ctx, tx, a, r, in)
	})
}

func (s *Service) decide(ctx context.Context, tx pgx.Tx, a portal.Actor, r portal.Request, in ReviewInput) error {
	if in.Approve {
		drift, err := s.drift(ctx, tx, r)
		if err != nil {
			return err
		}
		if drift != "" {
			return s.makeStale(ctx, tx, r, a.Person(), drift)
		}
	}
	v := portal.Review{
		Reviewer: a.Person(), Groups: r.ApproverGroups(a), Approve: in.Approve, Comment: strings.TrimSpace(in.Comment),
		Digest: r.Digest, CreatedAt: s.Now(),
	}
	if err := store.InsertReview(ctx, tx, r.ID, v); err != nil {
		return err
	}
	r.Reviews = append(r.Reviews, v)
	if !in.Approve {
		return Move(ctx, tx, r, s.reviewStep(r, v, portal.EventRejectedBy, portal.Rejected, "rejected"))
	}
	step := s.reviewStep(r, v, portal.EventApprovedBy, portal.Approved, "approved")
	if len(r.Owed()) > 0 {
		return Record(ctx, tx, r, step)
	}
	if err := Move(ctx, tx, r, step); err != nil {
		return err
	}
	return s.Jobs.Enqueue(ctx, tx, r.ID)
}

func (s *Service) reviewStep(r portal.Request, v portal.Review, kind portal.EventKind, next portal.State, verb string) Step {
	step := Step{
		Next: next, At: v.CreatedAt, Actor: v.Reviewer, Kind: kind,
		Summary: fmt.Sprintf("%s %s %s", v.Reviewer.Name, verb, describe(r)),
		Data:    map[string]any{"comment": v.Comment, "digest": v.Digest},
	}
	if next == portal.Rejected {
		step.Reason = v.Comment
	}
	return step
}

// drift says how the inventory differs from what a request was planned for,
// empty when it does not. What only DigitalOcean knows is looked at again
// before the request is carried out.
func (s *Service) drift(ctx context.Context, tx pgx.Tx, r portal.Request) (string, error) {
	if len(r.Params.Target) == 0 {
		return "", nil
	}
	clusters, err := store.ClustersByID(ctx, tx, r.TargetIDs)
	if err != nil {
		return "", err
	}
	if len(clusters) < len(r.TargetIDs) {
		return "The cluster is gone already.", nil
	}
	if r.Team.ID != "" && clusters[0].TeamID != r.Team.ID {
		return "The cluster belongs to another team now.", nil
	}
	for _, c := range clusters {
		if c.SeenAt.Before(r.CreatedAt) {
			return "", nil // the copy is older than what the request was planned with
		}
	}
	return portal.Drift(r.Params.Target, Facts(r.Operation, r.Params, clusters)), nil
}

func (s *Service) makeStale(ctx context.Context, tx pgx.Tx, r portal.Request, actor portal.Person, why string) error {
	return Move(ctx, tx, r, Step{
		Next: portal.Stale, Reason: why, At: s.Now(), Actor: actor, Kind: portal.EventStale,
		Summary: describe(r) + " is out of date: " + why,
	})
}

package request

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// PlanRevision opens the form of a request to plan it again: as it was asked
// for, on what there is now, or with what has been typed since. Only its
// requester may. Errors are those of Plan; KindConflict also says that the
// request can no longer be planned again.
func (s *Service) PlanRevision(ctx context.Context, a portal.Actor, number int64, form portal.Form) (portal.Draft, error) {
	r, err := s.VisibleRequest(ctx, a, number)
	if err != nil {
		return portal.Draft{}, err
	}
	ask, err := revisionInput(a, r, form)
	if err != nil {
		return portal.Draft{}, err
	}
	return s.Plan(ctx, a, ask)
}

// Revise plans a request again, with what was typed or, when form is nil, as it
// was asked for. revision is the one that a has seen. When the same form has
// planned it again already, or as it was asked for, nothing is done and the
// request is returned as it is; else KindConflict says that it was planned again
// meanwhile. The reviews so far no longer count. Errors are those of Submit and
// PlanRevision.
func (s *Service) Revise(ctx context.Context, a portal.Actor, number int64, revision int, form portal.Form) (portal.Request, error) {
	r, err := s.VisibleRequest(ctx, a, number)
	switch {
	case err != nil:
		return r, err
	case revision < 1:
		return r, portal.E(portal.KindInvalid, "this form is incomplete; open it again")
	case r.Requester.Identity == a.Identity && isRepeat(r, revision, form):
		return r, nil
	}
	ask, err := revisionInput(a, r, form)
	if err != nil {
		return portal.Request{}, err
	}
	if r.Revision != revision {
		return portal.Request{}, meanwhile
	}
	d, err := s.prepare(ctx, a, ask, true)
	if err != nil {
		return portal.Request{}, err
	}
	if seen := form.Get("seen"); seen != "" && seen != d.ETag {
		return portal.Request{}, portal.E(portal.KindConflict, "this has changed since you opened the form; look at the plan again")
	}
	var result portal.Request
	err = db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		result, err = s.revise(ctx, tx, a, &d)
		return err
	})
	if err != nil {
		// The first of two clicks may have been faster.
		if r, readErr := s.VisibleRequest(ctx, a, number); readErr == nil && isRepeat(r, revision, form) {
			return r, nil
		}
	}
	if err != nil && d.Plan.Verdict.Decision == portal.Deny {
		if recordErr := s.refuse(ctx, a, &d); recordErr != nil {
			return result, recordErr
		}
	}
	return result, err
}

// meanwhile says that somebody has been faster, in another tab.
var meanwhile = portal.E(portal.KindConflict, "you have planned this again in the meantime; look at the current plan")

// isRepeat reports whether a click that was made on an earlier revision has had
// its effect already.
func isRepeat(r portal.Request, revision int, form portal.Form) bool {
	return r.Revision > revision && (form == nil || r.PlanKey != "" && r.PlanKey == planKey(form))
}

// planKey tells a form, as it was typed, from all others; empty: it has no key.
func planKey(form portal.Form) string {
	if key := form.Get("submit_key"); key != "" {
		return key + " " + form.Hash()
	}
	return ""
}

// revisionInput is what a request asks for, for its requester to ask for it again.
func revisionInput(a portal.Actor, r portal.Request, form portal.Form) (SubmitInput, error) {
	switch {
	case a.Identity != r.Requester.Identity:
		return SubmitInput{}, portal.E(portal.KindForbidden, "only "+r.Requester.Name+" can have this planned again")
	case !r.CanRevise(a):
		return SubmitInput{}, portal.E(portal.KindConflict, "this request is "+string(r.State)+" and can no longer be changed")
	}
	op := r.Operation
	if chosen := portal.OperationID(form.Get("operation")); sameForm(op, chosen) {
		op = chosen
	}
	return SubmitInput{Operation: op, ClusterID: r.TargetID, PoolID: r.Params.PoolID(), NodeID: r.Params.NodeID(), Form: form, revises: r}, nil
}

// sameForm reports whether two operations are asked for by the same form, so
// that a request for one may become one for the other.
func sameForm(a, b portal.OperationID) bool {
	return a.Deletes() && b.Deletes() || a.Risk() == portal.RiskSecret && b.Risk() == portal.RiskSecret ||
		a.Risk() == portal.RiskAccount && b.Risk() == portal.RiskAccount
}

// revise replaces the plan of the draft's request. Its quota is given back and
// reserved again under the team's lock.
func (s *Service) revise(ctx context.Context, tx pgx.Tx, a portal.Actor, d *portal.Draft) (portal.Request, error) {
	if err := s.lock(ctx, tx, a, d); err != nil {
		return portal.Request{}, err
	}
	before, err := store.LockRequest(ctx, tx, d.Revises.ID)
	switch {
	case err != nil:
		return before, err
	case before.Revision != d.Revises.Revision:
		return before, meanwhile
	}
	if !before.CanRevise(a) {
		return before, portal.E(portal.KindConflict, "this request is "+string(before.State)+" and can no longer be changed")
	}
	if before.Team.ID != d.Team.ID {
		return before, portal.E(portal.KindInvalid, "the request belongs to team "+before.Team.Name+"; ask for another team with a new request")
	}
	if err := s.judge(ctx, tx, a, d); err != nil {
		return before, err
	}
	if err := s.refusal(a, d); err != nil {
		return before, err
	}
	if err := s.checkRate(ctx, tx, a, d.Form); err != nil {
		return before, err
	}
	return s.replace(ctx, tx, before, d)
}

func (s *Service) replace(ctx context.Context, tx pgx.Tx, before portal.Request, d *portal.Draft) (portal.Request, error) {
	after := before
	if err := s.fill(&after, d); err != nil {
		return before, err
	}
	after.Revision++
	after.PlanKey = planKey(d.Form)
	if err := store.Release(ctx, tx, before.ID); err != nil {
		return before, err
	}
	if err := store.Reserve(ctx, tx, before.ID, after.Team.ID, after.TargetID, d.Usage); err != nil {
		return before, err
	}
	if err := store.Revise(ctx, tx, before, after); err != nil {
		return before, err
	}
	err := Record(ctx, tx, after, Step{
		At: after.PlannedAt, Actor: after.Requester, Kind: portal.EventReplanned, Said: after.Justification, Data: planData(after),
		Summary: after.Requester.Name + " had " + describe(after) + " planned again (revision " + strconv.Itoa(after.Revision) + "): " + after.Plan.Verdict.Reason,
	})
	if err != nil {
		return before, err
	}
	return after, s.start(ctx, tx, after)
}

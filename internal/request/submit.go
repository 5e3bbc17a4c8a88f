package request

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// submit makes a request of what make returns, in one transaction that has
// locked the team. Submitting again with the same key returns the request that
// the first time made, so a double click or a repeated answer does no harm.
func (s *Service) submit(ctx context.Context, a portal.Actor, team portal.Team, key string,
	make func(pgx.Tx, portal.Team) (draft, error),
) (portal.Request, error) {
	if a.IsZero() {
		return portal.Request{}, portal.E(portal.KindUnauthorized, "sign in first")
	}
	if _, err := uuid.Parse(key); err != nil {
		return portal.Request{}, portal.E(portal.KindInvalid, "this form is incomplete; open it again", err)
	}
	var result portal.Request
	var denied *draft
	err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		team, err := store.LockTeam(ctx, tx, team.ID)
		if err != nil {
			return err
		}
		result, err = store.RequestBySubmitKey(ctx, tx, a.Identity, key)
		if portal.KindOf(err) != portal.KindNotFound || err == nil {
			return err
		}
		d, err := make(tx, team)
		if err != nil {
			return err
		}
		if d.plan.Verdict.Decision == portal.Deny {
			denied = &d
		}
		if err := d.faults.err(); err != nil {
			return err
		}
		if denied != nil {
			return portal.E(portal.KindForbidden, "the policy does not allow this: "+d.plan.Verdict.Reason)
		}
		result, err = s.insert(ctx, tx, a, team, key, d)
		return err
	})
	if err != nil && denied != nil {
		if recordErr := s.refuse(ctx, a, team, *denied); recordErr != nil {
			return result, recordErr
		}
	}
	return result, err
}

func (s *Service) insert(ctx context.Context, tx pgx.Tx, a portal.Actor, team portal.Team, key string, d draft) (portal.Request, error) {
	r, err := s.complete(a, team, key, d)
	if err != nil {
		return r, err
	}
	if r.Number, err = store.InsertRequest(ctx, tx, r); err != nil {
		return r, err
	}
	if err := store.Reserve(ctx, tx, r.ID, team.ID, d.holds); err != nil {
		return r, err
	}
	err = Record(ctx, tx, r, Step{
		At: r.CreatedAt, Actor: r.Requester, Kind: portal.EventSubmitted,
		Summary: fmt.Sprintf("%s asked for %s: %s", r.Requester.Name, describe(r), r.Plan.Verdict.Reason),
		Data:    map[string]any{"params": r.Params, "plan": r.Plan, "digest": r.Digest, "justification": r.Justification},
	})
	if err != nil || r.State != portal.Approved {
		return r, err
	}
	return r, s.Jobs.Enqueue(ctx, tx, r.ID)
}

// complete fills in what every request has.
func (s *Service) complete(a portal.Actor, team portal.Team, key string, d draft) (portal.Request, error) {
	r := d.request
	id, err := uuid.NewV7()
	if err != nil {
		return r, err
	}
	r.ID, r.SubmitKey, r.Team, r.Plan = id.String(), key, team, d.plan
	r.Requester, r.CreatedAt, r.UpdatedAt = a.Person(), s.Now(), s.Now()
	r.State = portal.Pending
	if d.plan.Verdict.Decision == portal.Allow {
		r.State = portal.Approved
	}
	r.Digest, err = portal.Digest(r.Operation, r.Params, r.Plan.Verdict)
	return r, err
}

package execute

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// commitIntent writes down that the call is about to be made, having checked
// under locks what may have changed since the request was planned. If it has,
// nothing is written and stale says what.
func (e *Executor) commitIntent(ctx context.Context, r portal.Request) (attempt int, stale string, err error) {
	attempt = len(r.Attempts) + 1
	err = db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		team, err := store.LockTeam(ctx, tx, r.Team.ID)
		if err != nil {
			return err
		}
		if stale, err = e.recheck(ctx, tx, r, team); err != nil || stale != "" {
			return err
		}
		if err := store.InsertAttempt(ctx, tx, r.ID, portal.Attempt{Number: attempt, IntentAt: e.Now()}); err != nil {
			return err
		}
		op := r.Operation.Operation()
		return request.Move(ctx, tx, r, request.Step{
			Next: portal.Executing, At: e.Now(), Actor: self, Kind: portal.EventIntent,
			Summary: fmt.Sprintf("About to send %s %s for request #%d", op.Method, op.Path, r.Number),
			Data:    map[string]any{"attempt": attempt, "params": r.Params, "digest": r.Digest, "requester": r.Requester, "approvers": r.Approvers()},
		})
	})
	return attempt, stale, err
}

// recheck compares quota, owner and policy with the plan. The team is locked.
func (e *Executor) recheck(ctx context.Context, tx pgx.Tx, r portal.Request, team portal.Team) (stale string, err error) {
	in := policy.Input{Operation: r.Operation, Team: team}
	if p := r.Params.Create; p != nil {
		in.Environment = p.Environment
		if in.Quota, err = quotaNow(ctx, tx, team, p.Usage()); err != nil {
			return "", err
		}
	} else {
		cluster, err := store.Cluster(ctx, tx, r.TargetID)
		if err != nil {
			return "", err
		}
		if cluster.TeamID != team.ID {
			return "The cluster belongs to another team now.", nil
		}
		in.Environment = cluster.Environment
	}
	verdict := e.Policy.Judge(in)
	digest, err := portal.Digest(r.Operation, r.Params, verdict)
	if err != nil || digest == r.Digest {
		return "", err
	}
	return "The policy's answer has changed: " + verdict.Reason, nil
}

// quotaNow is the quota effect of what the request, whose reservation is part
// of the usage, is about to take.
func quotaNow(ctx context.Context, tx pgx.Tx, team portal.Team, takes portal.Usage) (portal.QuotaEffect, error) {
	used, err := store.TeamUsage(ctx, tx, team.ID)
	if err != nil {
		return portal.QuotaEffect{}, err
	}
	for size, n := range takes {
		used[size] -= n
	}
	return quota.Check(team.Quota, used, takes), nil
}

func (e *Executor) makeStale(ctx context.Context, r portal.Request, why string) error {
	return db.WithTx(ctx, e.Pool, func(tx pgx.Tx) error {
		return request.Move(ctx, tx, r, request.Step{
			Next: portal.Stale, Reason: why, At: e.Now(), Actor: self, Kind: portal.EventStale,
			Summary: fmt.Sprintf("Request #%d is out of date: %s", r.Number, why),
		})
	})
}

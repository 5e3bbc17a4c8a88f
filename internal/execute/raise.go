package execute

import (
	"context"
	"fmt"
	"maps"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// recheckRaise is recheck for a larger quota, whose limits must be what they were
// when people decided. The team is locked.
func (e *Executor) recheckRaise(ctx context.Context, tx pgx.Tx, r portal.Request, team portal.Team, seen preflight) blocker {
	if drift := portal.Drift(r.Params.Target, operation.QuotaFacts(*r.Params.Raise, team)); drift != "" {
		return blocker{stale: drift}
	}
	if r.Params.Raise.Over(e.Now()) {
		return blocker{stale: request.GrantOver}
	}
	return e.recheck(ctx, tx, r, team, seen)
}

// raise changes what a locked team may have, and writes that down.
func (e *Executor) raise(ctx context.Context, tx pgx.Tx, r portal.Request, team portal.Team) error {
	p, now := *r.Params.Raise, e.Now()
	data := map[string]any{"before": team.Quota, "limits": p.Limits, "revision": r.Revision, "digest": r.Digest, "requester": r.Requester, "approvers": approvers(r)}
	if p.ForGood() {
		team.Quota.Limits = maps.Clone(team.Quota.Limits)
		if team.Quota.Limits == nil { // GPUs alone were limited
			team.Quota.Limits = map[portal.Item]int{}
		}
		maps.Copy(team.Quota.Limits, p.Limits)
		data["after"] = team.Quota
		if err := store.UpdateTeam(ctx, tx, team, now); err != nil {
			return err
		}
	} else {
		data["starts_at"], data["until"] = now, p.End(now)
		for _, item := range p.Items() {
			g := portal.Grant{ID: uuid.Must(uuid.NewV7()).String(), TeamID: team.ID, Item: item, Limit: p.Limits[item], StartsAt: now, Until: p.End(now)}
			g.Told = g.Notices(now)
			if err := store.InsertGrant(ctx, tx, g, r.ID); err != nil {
				return err
			}
		}
	}
	return audit.Append(ctx, tx, portal.Event{
		At: now, Kind: portal.EventQuotaRaised, Actor: self, TeamID: team.ID, RequestID: r.ID, Revision: r.Revision, Operation: r.Operation,
		Target:  portal.EventTarget{Kind: portal.TargetTeam, ID: team.Slug, Name: team.Name},
		Summary: fmt.Sprintf("Request #%d raised the quota of team %s: %s", r.Number, team.Name, r.Plan.Summary), Reason: r.Justification, Data: data,
	})
}

package request

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/store"
)

// manyGrants is how many grants are looked at at once.
const manyGrants = 1000

// EndGrants ends what teams were granted for a time, and tells teams in time that it
// will. A job calls it; it may be cut off anywhere, and run twice at once.
func (s *Service) EndGrants(ctx context.Context) error {
	list, err := store.GrantsUntil(ctx, s.Pool, s.Now().Add(portal.FirstNotice), manyGrants)
	if err != nil {
		return err
	}
	var errs []error
	for _, g := range list {
		if g.Notices(s.Now()) <= g.Told && g.InForce(s.Now()) {
			continue
		}
		if err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error { return s.endGrant(ctx, tx, g) }); err != nil {
			errs = append(errs, fmt.Errorf("grant %s: %w", g.ID, err))
		}
	}
	return errors.Join(errs...)
}

// endGrant ends a grant that is over, or says that it soon is, unless another
// replica has just done so.
func (s *Service) endGrant(ctx context.Context, tx pgx.Tx, g portal.Grant) error {
	team, err := store.LockTeam(ctx, tx, g.TeamID)
	if err != nil {
		return err
	}
	now := s.Now()
	g, ok := team.Grant(g.ID)
	switch notices := g.Notices(now); {
	case !ok:
		return nil
	case !g.InForce(now):
		if err := store.EndGrant(ctx, tx, g.ID, now); err != nil {
			return err
		}
		return s.tellOfGrant(ctx, tx, team, g, portal.EventGrantEnded)
	case notices > g.Told:
		if err := store.SetGrantTold(ctx, tx, g.ID, notices); err != nil {
			return err
		}
		return s.tellOfGrant(ctx, tx, team, g, portal.EventGrantEnding)
	}
	return nil
}

// tellOfGrant puts on the trail that a grant of a locked team has ended or soon will,
// and tells the team, with what it uses beyond what it may have then.
func (s *Service) tellOfGrant(ctx context.Context, tx pgx.Tx, team portal.Team, g portal.Grant, kind portal.EventKind) error {
	now := s.Now()
	over, limit, err := s.overWithout(ctx, tx, team, g)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("What team %s was granted by request #%d has ended: ", team.Name, g.Request)
	if kind == portal.EventGrantEnding {
		text = fmt.Sprintf("What team %s was granted by request #%d ends in %s: ", team.Name, g.Request, portal.RoughDuration(g.Until.Sub(now)))
	}
	text += fmt.Sprintf("it may then have %s, not %s.", g.Item.Amount(limit), g.Item.Number(g.Limit))
	if over > 0 {
		text += fmt.Sprintf(" It uses %s more than that. Nothing is deleted, and it can create nothing more until it uses less.", g.Item.Number(over))
	}
	e := portal.Event{
		At: now, Kind: kind, Actor: clock, TeamID: team.ID, Target: portal.EventTarget{Kind: portal.TargetTeam, ID: team.Slug, Name: team.Name}, Summary: text,
		Data: map[string]any{"grant": g.ID, "request": g.Request, "item": g.Item, "granted": g.Limit, "limit": limit, "over": over, "until": g.Until},
	}
	if err := audit.Append(ctx, tx, e); err != nil {
		return err
	}
	if err := notify.Queue(ctx, tx, notify.Notification{Kind: kind, TeamID: team.ID, Actor: e.Actor, Summary: text, At: now}); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.Inventory)
}

// overWithout is by how much a team uses more of an item than it may have once a
// grant is over, and that limit.
func (s *Service) overWithout(ctx context.Context, tx pgx.Tx, team portal.Team, g portal.Grant) (over, limit int, err error) {
	used, err := store.TeamUsage(ctx, tx, team.ID)
	if err != nil {
		return 0, 0, err
	}
	offer, err := store.Offer(ctx, tx)
	if err != nil {
		return 0, 0, err
	}
	limit, limited := team.QuotaAt(g.Until).Limit(g.Item)
	if !limited {
		return 0, limit, nil
	}
	return max(0, quota.Used(g.Item, offer.Options, used)-limit), limit, nil
}

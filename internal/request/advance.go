package request

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// AdvanceCampaigns takes every campaign as far as it goes by itself. A task calls it;
// replicas may at the same time.
func (s *Service) AdvanceCampaigns(ctx context.Context) error {
	numbers, err := store.CampaignsToAdvance(ctx, s.Pool)
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range numbers {
		if err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error { return s.advance(ctx, tx, n) }); err != nil {
			errs = append(errs, fmt.Errorf("campaign %d: %w", n, err))
		}
	}
	return errors.Join(errs...)
}

func (s *Service) advance(ctx context.Context, tx pgx.Tx, number int64) error {
	c, err := store.LockCampaign(ctx, tx, number)
	if err != nil {
		return err
	}
	members, err := store.LockMembers(ctx, tx, c.ID)
	if err != nil {
		return err
	}
	healthy, err := s.healthy(ctx, tx, c, members)
	if err != nil {
		return err
	}
	switch step := c.Next(members, healthy, s.Now()); step {
	case portal.StepStop:
		why := failuresText(members, c)
		err = s.stopCampaign(ctx, tx, &c, members, clock, why, why)
	case portal.StepRelease:
		err = s.beginWave(ctx, tx, &c, members, clock)
	case portal.StepAsk:
		c.State, c.Reason = portal.CampaignWaiting, fmt.Sprintf("Wave %d is done. Somebody has to say that wave %d can begin.", c.Wave, c.Wave+1)
		err = tellTeams(ctx, tx, members, portal.EventSucceeded, clock, s.Now(), c.Title()+": "+c.Reason)
	case portal.StepHealthy, portal.StepSick:
		c.HealthySince, c.Reason = time.Time{}, "Waiting until all clusters of the waves so far are healthy."
		if step == portal.StepHealthy {
			c.HealthySince, c.Reason = s.Now(), "All clusters of the waves so far are healthy; the next wave begins when they have been for "+portal.DurationText(c.HealthyFor)+"."
		}
	case portal.StepEnd:
		err = s.endCampaign(ctx, tx, &c, members)
	case portal.StepNone:
		return s.releaseLate(ctx, tx, c, members)
	}
	if err != nil {
		return err
	}
	if err := store.UpdateCampaign(ctx, tx, c, s.Now()); err != nil {
		return err
	}
	return events.Publish(ctx, tx, events.Campaign(c.ID), events.Requests)
}

// inventoryFor is how old the inventory may be for what it says of clusters to count.
const inventoryFor = 2 * time.Minute

// healthy reports whether all clusters that a campaign has changed run with all of their
// nodes, by a complete reading after the last of the changes.
func (s *Service) healthy(ctx context.Context, tx pgx.Tx, c portal.Campaign, members []portal.Request) (bool, error) {
	if c.Gate != portal.GateHealthy || c.Wave == 0 || c.State != portal.CampaignRunning {
		return false, nil
	}
	fresh, err := store.Freshness(ctx, tx)
	if err != nil || s.Now().Sub(fresh.CompleteAt) > inventoryFor {
		return false, err
	}
	var ids []string
	for _, m := range members {
		if m.State == portal.Succeeded {
			ids = append(ids, m.TargetID)
			if fresh.CompleteAt.Before(m.UpdatedAt) {
				return false, nil
			}
		}
	}
	clusters, err := store.ClustersByID(ctx, tx, ids)
	if err != nil || len(clusters) < len(ids) {
		return false, err
	}
	return !slices.ContainsFunc(clusters, func(c portal.Cluster) bool { return !c.Healthy() }), nil
}

// beginWave lets the members of the next wave begin that are approved.
func (s *Service) beginWave(ctx context.Context, tx pgx.Tx, c *portal.Campaign, members []portal.Request, by portal.Person) error {
	if s.Now().After(c.Until) {
		why := "It was to begin its last wave by " + c.Until.UTC().Format("2 January 2006 15:04 MST") + "."
		return s.stopCampaign(ctx, tx, c, members, clock, why, why)
	}
	c.Wave++
	c.HealthySince, c.Reason = time.Time{}, ""
	var released []portal.Request
	for _, m := range members {
		if m.Params.Campaign.Wave <= c.Wave && m.State == portal.Approved && !m.Released() {
			if err := s.release(ctx, tx, m, *c, by); err != nil {
				return err
			}
			released = append(released, m)
		}
	}
	return s.recordCampaign(ctx, tx, *c, campaignEvent{
		Kind: portal.EventWaveStarted, Actor: by, Summary: fmt.Sprintf("Wave %d of %d of %s began with %d clusters", c.Wave, c.Waves, c.Title(), len(released)),
		Data: map[string]any{"wave": c.Wave, "requests": numbersOf(released)},
	})
}

// releaseLate lets those members begin whose wave has begun already: they waited for an
// approval, were planned again, or were held while the campaign was stopped.
func (s *Service) releaseLate(ctx context.Context, tx pgx.Tx, c portal.Campaign, members []portal.Request) error {
	if c.State == portal.CampaignStopped {
		return nil
	}
	for _, m := range members {
		if m.Params.Campaign.Wave <= c.Wave && m.State == portal.Approved && !m.Released() {
			if err := s.release(ctx, tx, m, c, clock); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) release(ctx context.Context, tx pgx.Tx, m portal.Request, c portal.Campaign, by portal.Person) error {
	m.ReleasedAt = s.Now()
	if m.StartsAt.Before(m.ReleasedAt) {
		m.StartsAt = portal.NextOpening(m.Plan.Verdict.Windows, m.ReleasedAt)
	}
	m.DueAt = m.StartsAt.Add(m.Plan.Verdict.HoldFor)
	if err := store.SetReleased(ctx, tx, m.ID, m.ReleasedAt); err != nil {
		return err
	}
	if err := store.SetTimes(ctx, tx, m.ID, m.StartsAt, m.DueAt); err != nil {
		return err
	}
	if err := Record(ctx, tx, m, Step{
		At: m.ReleasedAt, Actor: by, Kind: portal.EventReleased, Summary: fmt.Sprintf("%s began with wave %d of %s", describe(m), c.Wave, c.Title()),
		Data: map[string]any{"campaign": c.Number, "wave": c.Wave, "digest": m.Digest},
	}); err != nil {
		return err
	}
	return s.Jobs.Enqueue(ctx, tx, m.ID)
}

// stopCampaign holds what has not been sent.
func (s *Service) stopCampaign(ctx context.Context, tx pgx.Tx, c *portal.Campaign, members []portal.Request, by portal.Person, why, said string) error {
	var held []portal.Request
	for _, m := range members {
		if m.State != portal.Approved || !m.Released() {
			continue
		}
		if err := store.SetReleased(ctx, tx, m.ID, time.Time{}); err != nil {
			return err
		}
		if err := store.SetTimes(ctx, tx, m.ID, m.StartsAt, c.Until); err != nil {
			return err
		}
		if err := Record(ctx, tx, m, Step{At: s.Now(), Actor: by, Kind: portal.EventHeld, Summary: describe(m) + " is held, because " + c.Title() + " stopped"}); err != nil {
			return err
		}
		held = append(held, m)
	}
	c.State, c.Reason, c.HealthySince = portal.CampaignStopped, why, time.Time{}
	if err := s.recordCampaign(ctx, tx, *c, campaignEvent{
		Kind: portal.EventCampaignStopped, Actor: by, Said: said, Summary: portal.Sentence(c.Title() + " stopped. " + why),
		Data: map[string]any{"wave": c.Wave, "held": numbersOf(held)},
	}); err != nil {
		return err
	}
	return tellTeams(ctx, tx, members, portal.EventFailed, by, s.Now(), portal.Sentence(c.Title()+" stopped. "+why))
}

func (s *Service) endCampaign(ctx context.Context, tx pgx.Tx, c *portal.Campaign, members []portal.Request) error {
	t := portal.Tally(members, 0)
	c.State, c.Reason = portal.CampaignEnded, strconv.Itoa(t.Succeeded)+" of "+strconv.Itoa(t.Members)+" succeeded."
	if err := s.recordCampaign(ctx, tx, *c, campaignEvent{
		Kind: portal.EventCampaignEnded, Actor: clock, Summary: portal.Sentence(c.Title() + " ended: " + c.Reason),
		Data: map[string]any{"succeeded": t.Succeeded, "failed": t.Failed, "members": t.Members},
	}); err != nil {
		return err
	}
	return tellTeams(ctx, tx, members, portal.EventSucceeded, clock, s.Now(), portal.Sentence(c.Title()+" ended: "+c.Reason))
}

// failuresText says which members have failed since somebody last looked.
func failuresText(members []portal.Request, c portal.Campaign) string {
	const few = 3
	var failed []string
	for _, m := range members {
		if m.State == portal.Failed || m.State == portal.Stale || m.State == portal.Expired {
			failed = append(failed, fmt.Sprintf("%s (#%d)", m.TargetName, m.Number))
		}
	}
	text := strings.Join(failed[:min(few, len(failed))], ", ")
	if more := len(failed) - few; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	if c.Excused > 0 {
		return "More have failed since it was resumed: " + text + "."
	}
	return "It did not work for " + text + "."
}

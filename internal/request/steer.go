package request

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// VisibleCampaign returns a campaign and its members as a may see them: who asked for it
// and who sees all teams sees all, others those members whose requests they may see.
// hidden is how many they do not. It returns KindNotFound for a campaign of which a sees
// nothing.
func (s *Service) VisibleCampaign(ctx context.Context, a portal.Actor, number int64) (c portal.Campaign, members []portal.Request, hidden int, err error) {
	if c, err = store.CampaignByNumber(ctx, s.Pool, number); err != nil {
		return c, nil, 0, err
	}
	all, err := store.Members(ctx, s.Pool, c.ID)
	if err != nil {
		return c, nil, 0, err
	}
	for _, m := range all {
		if m.VisibleTo(a) {
			members = append(members, m)
		}
	}
	if len(members) == 0 {
		return portal.Campaign{}, nil, 0, portal.Hidden("there is no such campaign")
	}
	return c, members, len(all) - len(members), nil
}

// onCampaign locks a campaign of which a may see anything, and its members, and does
// something with it.
func (s *Service) onCampaign(ctx context.Context, a portal.Actor, number int64, do func(pgx.Tx, portal.Campaign, []portal.Request) error) error {
	if a.IsZero() {
		return portal.E(portal.KindUnauthorized, "sign in first")
	}
	if _, _, _, err := s.VisibleCampaign(ctx, a, number); err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		c, err := store.LockCampaign(ctx, tx, number)
		if err != nil {
			return err
		}
		members, err := store.LockMembers(ctx, tx, c.ID)
		if err != nil {
			return err
		}
		return do(tx, c, members)
	})
}

// CampaignReview is what an approver decided on a campaign.
type CampaignReview struct {
	Number   int64
	Decision portal.ReviewDecision // to approve or to reject
	Comment  string                // required to reject
	Digest   string                // over the members that the approver saw
}

// ReviewCampaign records an approver's decision on every member of a campaign that waits
// for it and on which a may decide, as one review each: by that, what holds for a
// request holds for every member. Its errors are those of Review; KindConflict also says
// that a member is not what was seen.
func (s *Service) ReviewCampaign(ctx context.Context, a portal.Actor, in CampaignReview) error {
	if err := s.confirmDelegators(ctx, a); err != nil {
		return err
	}
	return s.onCampaign(ctx, a, in.Number, func(tx pgx.Tx, c portal.Campaign, members []portal.Request) error {
		if in.Digest != portal.MembersDigest(members) {
			return portal.E(portal.KindConflict, "the plan has changed since you opened the page; look at it again")
		}
		if in.Decision != portal.ReviewApprove && in.Decision != portal.ReviewReject {
			return portal.E(portal.KindInvalid, "choose whether to approve or reject")
		}
		if err := checkText("comment", "why you reject it", in.Comment, in.Decision == portal.ReviewReject); err != nil {
			return err
		}
		if in.Decision == portal.ReviewApprove {
			if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
				return err
			}
		}
		decided, err := s.reviewMembers(ctx, tx, a, members, in)
		if err != nil {
			return err
		}
		verb := reviewSteps[in.Decision].verb
		summary := fmt.Sprintf("%s %s %d of %d requests of %s", a.Name, verb, len(decided), len(members), c.Title())
		if err := s.recordCampaign(ctx, tx, c, campaignEvent{
			Kind: portal.EventCampaignDecided, Actor: a.Person(), Said: in.Comment, Summary: summary,
			Data: map[string]any{"decision": in.Decision, "digest": in.Digest, "requests": numbersOf(decided)},
		}); err != nil {
			return err
		}
		return tellTeams(ctx, tx, decided[:1], reviewSteps[in.Decision].kind, a.Person(), s.Now(), summary)
	})
}

// reviewMembers decides on the members on which a may, and returns them; an error when
// there is none.
func (s *Service) reviewMembers(ctx context.Context, tx pgx.Tx, a portal.Actor, members []portal.Request, in CampaignReview) ([]portal.Request, error) {
	var decided []portal.Request
	var refusal error = portal.E(portal.KindConflict, "nothing of this campaign waits for a decision")
	for _, r := range members {
		if r.State != portal.Pending || s.Now().After(r.DueAt) {
			continue
		}
		word, err := s.wordOf(ctx, tx, a, r)
		switch {
		case portal.Is(err, portal.KindForbidden), portal.Is(err, portal.KindConflict):
			refusal = err
			continue
		case err != nil:
			return nil, err
		}
		if err := r.CheckIntact(); err != nil {
			return nil, err
		}
		outdated, err := s.decide(ctx, tx, a, word, r, ReviewInput{Number: r.Number, Decision: in.Decision, Comment: in.Comment, Revision: r.Revision, Digest: r.Digest})
		if err != nil {
			return nil, err
		}
		if outdated == nil {
			decided = append(decided, r)
		}
	}
	if len(decided) == 0 {
		return nil, refusal
	}
	return decided, nil
}

func numbersOf(list []portal.Request) []int64 {
	numbers := make([]int64, len(list))
	for i, r := range list {
		numbers[i] = r.Number
	}
	return numbers
}

// ContinueCampaign begins the next wave of a campaign that waits for a person's word.
// wave is the one that begins, as a has seen it. It returns KindForbidden or
// KindConflict when a may not.
func (s *Service) ContinueCampaign(ctx context.Context, a portal.Actor, number int64, wave int) error {
	return s.steer(ctx, a, number, func(tx pgx.Tx, c *portal.Campaign, members []portal.Request) error {
		if c.State != portal.CampaignWaiting || wave != c.Wave+1 {
			return portal.E(portal.KindConflict, "this campaign does not wait for wave "+fmt.Sprint(wave))
		}
		c.State = portal.CampaignRunning
		return s.beginWave(ctx, tx, c, members, a.Person())
	})
}

// StopCampaign keeps everything of a campaign that has not been sent from beginning,
// until somebody resumes it. It returns KindInvalid without a reason, and KindForbidden
// or KindConflict when a may not.
func (s *Service) StopCampaign(ctx context.Context, a portal.Actor, number int64, reason string) error {
	return s.steer(ctx, a, number, func(tx pgx.Tx, c *portal.Campaign, members []portal.Request) error {
		if c.State != portal.CampaignRunning && c.State != portal.CampaignWaiting {
			return portal.E(portal.KindConflict, "this campaign is "+string(c.State)+" already")
		}
		if err := checkText("stop_reason", "why you stop it", reason, true); err != nil {
			return err
		}
		return s.stopCampaign(ctx, tx, c, members, a.Person(), a.Name+" stopped it: "+reason, reason)
	})
}

// ResumeCampaign has a campaign that was stopped go on. The failures so far no longer
// stop it. It returns KindInvalid without a reason, KindForbidden or KindConflict when a
// may not, and KindStepUp when a's sign-in is too old.
func (s *Service) ResumeCampaign(ctx context.Context, a portal.Actor, number int64, reason string) error {
	return s.steer(ctx, a, number, func(tx pgx.Tx, c *portal.Campaign, members []portal.Request) error {
		if c.State != portal.CampaignStopped {
			return portal.E(portal.KindConflict, "this campaign is "+string(c.State)+", not stopped")
		}
		if err := checkText("resume_reason", "why it can go on", reason, true); err != nil {
			return err
		}
		if err := a.CheckSignIn(s.Now(), s.StepUpWithin); err != nil {
			return err
		}
		c.State, c.Excused = portal.CampaignRunning, portal.Tally(members, 0).Failed
		c.Reason = a.Name + " resumed it: " + reason
		return s.recordCampaign(ctx, tx, *c, campaignEvent{
			Kind: portal.EventCampaignResumed, Actor: a.Person(), Said: reason, Summary: a.Name + " resumed " + c.Title() + ": " + reason,
			Data: map[string]any{"wave": c.Wave, "excused": c.Excused},
		})
	})
}

// EndCampaign ends all requests of a campaign that have not been sent: its requester
// withdraws them, others stop them. It returns KindForbidden or KindConflict when a may
// not.
func (s *Service) EndCampaign(ctx context.Context, a portal.Actor, number int64) error {
	return s.steer(ctx, a, number, func(tx pgx.Tx, c *portal.Campaign, members []portal.Request) error {
		step := Step{Next: portal.Rejected, Kind: portal.EventStopped, Reason: a.Name + " ended its campaign."}
		if a.Identity == c.Requester.Identity {
			step.Next, step.Kind = portal.Withdrawn, portal.EventWithdrawn
		}
		step.At, step.Actor = s.Now(), a.Person()
		ended := 0
		for _, r := range members {
			if r.State.CanBecome(step.Next) {
				step.Summary = a.Name + " ended " + describe(r) + " with its campaign"
				if err := Move(ctx, tx, r, step); err != nil {
					return err
				}
				ended++
			}
		}
		if ended == 0 {
			return portal.E(portal.KindConflict, "nothing of this campaign is left to end")
		}
		return nil
	})
}

// steer does something with a campaign whose people a is one of, and keeps where it
// stands then.
func (s *Service) steer(ctx context.Context, a portal.Actor, number int64, do func(pgx.Tx, *portal.Campaign, []portal.Request) error) error {
	return s.onCampaign(ctx, a, number, func(tx pgx.Tx, c portal.Campaign, members []portal.Request) error {
		if err := c.SteerRefusal(a, members); err != nil {
			return err
		}
		if err := do(tx, &c, members); err != nil {
			return err
		}
		return store.UpdateCampaign(ctx, tx, c, s.Now())
	})
}

package rulebook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// What asks for more makes requests that wait be planned again. One admin alone
// does so this often in a while, or by an edit a day nothing would ever run.
const (
	aloneOften = 3
	aloneIn    = 7 * 24 * time.Hour
)

// compareFor bounds the time of a comparison. What it leaves out takes a second
// admin.
const compareFor = 20 * time.Second

var (
	mayRelax   = policy.Effect{Title: "It may relax something:", What: "makes something easier"}
	tooOften   = policy.Effect{Title: "It is one of many:", What: "asks for more once again"}
	unreadable = []policy.Consequence{{Effect: mayRelax, List: []string{"The policy in force cannot be read, so it cannot be shown that nothing becomes easier."}}}
)

// compare says for what a draft takes a second admin, compared with what is in
// force as q sees it. Of a policy in force that cannot be read anything may be
// easier. The caller has the slot.
func (s *Service) compare(ctx context.Context, q store.Querier, draft *policy.Policy) ([]policy.Consequence, error) {
	inForce, err := s.InForce(ctx, q)
	if errors.Is(err, errUnreadable) {
		return unreadable, nil
	}
	if err != nil {
		return nil, err
	}
	known, err := s.knownPeople(ctx, q, inForce, draft)
	if err != nil {
		return nil, err
	}
	before, err := s.agreedOn(ctx, q, inForce)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, compareFor)
	defer cancel()
	list := policy.Consequences(bounded, before, draft, known)
	if stricter(bounded, inForce, draft) {
		times, err := store.StricterAlone(ctx, q, s.Now().Add(-aloneIn))
		if err != nil {
			return nil, err
		}
		if times >= aloneOften {
			list = append(list, policy.Consequence{Effect: tooOften, List: []string{fmt.Sprintf(
				"%d versions that ask for more have come into force in %s on the word of one admin. Each makes waiting requests be planned again.",
				times, portal.DurationText(aloneIn))}})
		}
	}
	return list, ctx.Err()
}

// stricter reports whether a draft may ask for more than what is in force, which
// is when going back would be easier.
func stricter(ctx context.Context, inForce, draft *policy.Policy) bool {
	return len(policy.Relaxations(ctx, draft, inForce)) > 0
}

// knownPeople are the people by whom the approvals of policies can be given. In
// the groups of a team and of the platform is somebody, whether or not they have
// signed in.
func (s *Service) knownPeople(ctx context.Context, q store.Querier, policies ...*policy.Policy) (*policy.Known, error) {
	teams, err := store.Teams(ctx, q)
	if err != nil {
		return nil, err
	}
	known := &policy.Known{Teams: map[string]string{}}
	theirs := map[string]bool{s.PlatformApprovers: true} // groups in which somebody is
	groups := []string{s.PlatformApprovers}
	for _, p := range policies {
		groups = append(groups, p.Groups()...)
	}
	for _, t := range teams {
		known.Teams[t.Slug] = t.ApproverGroup
		theirs[t.ApproverGroup], theirs[t.MemberGroup] = true, true
		groups = append(groups, t.ApproverGroup)
	}
	delete(theirs, "")
	if known.People, err = store.GroupsOfPeople(ctx, q, groups, s.Now().Add(-portal.KnownFor)); err != nil {
		return nil, err
	}
	for _, person := range known.People {
		for _, group := range person {
			delete(theirs, group)
		}
	}
	for group := range theirs {
		known.People = append(known.People, []string{group})
	}
	return known, nil
}

// agreedOn are the policy in force and the last one that two admins agreed on:
// compared with the first alone, one admin could deny or put off nearly
// everything in small steps.
func (s *Service) agreedOn(ctx context.Context, q store.Querier, inForce *policy.Policy) ([]*policy.Policy, error) {
	before := []*policy.Policy{inForce}
	agreed, err := store.AgreedPolicy(ctx, q)
	switch {
	case portal.Is(err, portal.KindNotFound):
		return before, nil
	case err != nil:
		return nil, err
	}
	if p, faults := policy.Parse([]byte(agreed.Text)); len(faults) == 0 && agreed.Version != inForce.Version {
		before = append(before, s.ready(p, agreed.Version))
	}
	return before, nil
}

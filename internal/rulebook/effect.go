package rulebook

import (
	"context"
	"errors"
	"slices"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// effect is what a draft does that takes a second admin.
type effect struct {
	relaxations []string // than under the policy in force
	newcomers   []string // who decide on what they do not decide on under the policy in force
	stops       []string // what it denies altogether, and the policy in force does not
	denials     []string // what it may deny, and the policy in force does not
	delays      []string // what waits for long before it runs, and does not under the policy in force
}

func (e effect) all() []string {
	return slices.Concat(e.relaxations, e.newcomers, e.stops, e.denials, e.delays)
}

// compare says how a draft differs from what is in force as q sees it. Of a
// policy in force that cannot be read anything may be easier.
func (s *Service) compare(ctx context.Context, q store.Querier, draft *policy.Policy) (effect, error) {
	inForce, err := s.InForce(ctx, q)
	if errors.Is(err, errUnreadable) {
		return effect{relaxations: []string{unreadable}}, nil
	}
	if err != nil {
		return effect{}, err
	}
	groups, err := store.KnownGroups(ctx, q, append(inForce.Groups(), draft.Groups()...))
	if err != nil {
		return effect{}, err
	}
	hasMembers := func(group string) bool { return slices.Contains(groups, group) }
	e := effect{relaxations: policy.Relaxations(ctx, inForce, draft), newcomers: policy.Newcomers(ctx, inForce, draft)}
	before, err := s.agreedOn(ctx, q, inForce)
	if err != nil {
		return effect{}, err
	}
	for _, old := range before {
		e.stops = append(e.stops, policy.Stops(ctx, old, draft, hasMembers)...)
		e.denials = append(e.denials, policy.Denials(ctx, old, draft)...)
		e.delays = append(e.delays, policy.Delays(ctx, old, draft)...)
	}
	for _, list := range []*[]string{&e.stops, &e.denials, &e.delays} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return e, ctx.Err()
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

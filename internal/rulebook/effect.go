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

func (e effect) all() []string { return slices.Concat(e.relaxations, e.newcomers, e.stops, e.denials, e.delays) }

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
	if e.stops, err = s.stops(ctx, q, before, draft, hasMembers); err != nil {
		return effect{}, err
	}
	for _, old := range before {
		e.denials = append(e.denials, policy.Denials(ctx, old, draft)...)
		e.delays = append(e.delays, policy.Delays(ctx, old, draft)...)
	}
	for _, list := range []*[]string{&e.denials, &e.delays} {
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

// stops says what a draft denies that could pass under one of the policies
// before.
func (s *Service) stops(ctx context.Context, q store.Querier, before []*policy.Policy, draft *policy.Policy, hasMembers func(string) bool) ([]string, error) {
	teams, err := knownTeams(ctx, q)
	if err != nil {
		return nil, err
	}
	made, err := store.JudgedRequests(ctx, q, previewed)
	if err != nil {
		return nil, err
	}
	var inputs []policy.Input
	for _, r := range made {
		if in, ok := input(r); ok {
			inputs = append(inputs, in)
		}
	}
	tried, cancel := context.WithTimeout(ctx, previewFor)
	defer cancel()
	var list []string
	for _, old := range before {
		list = append(list, policy.Stops(ctx, old, draft, hasMembers)...)
		list = append(list, policy.Freezes(tried, old, draft, teams, inputs)...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// knownTeams are the teams with some of their people and clusters.
func knownTeams(ctx context.Context, q store.Querier) ([]policy.KnownTeam, error) {
	const some, most = 8, 500
	teams, err := store.Teams(ctx, q)
	if err != nil {
		return nil, err
	}
	clusters, err := store.Clusters(ctx, q, store.ClusterFilter{All: true, Limit: most})
	if err != nil {
		return nil, err
	}
	members, err := store.SomeMembers(ctx, q, some)
	if err != nil {
		return nil, err
	}
	var list []policy.KnownTeam
	for _, t := range teams {
		known := policy.KnownTeam{Team: policy.Team{Slug: t.Slug, Name: t.Name, ApproverGroup: t.ApproverGroup}, Limit: t.Quota.Nodes}
		for _, a := range members[t.ID] {
			known.Actors = append(known.Actors, policy.Actor{Name: a.Name, Email: a.Email, Groups: a.Groups})
		}
		for _, c := range clusters {
			if c.TeamID == t.ID && len(known.Clusters) < some*len(portal.Environments) {
				known.Clusters = append(known.Clusters, policy.Cluster{Name: c.Name, Region: c.Region, Version: c.Version,
					Environment: c.Environment, Nodes: c.Nodes, Protected: c.Protected})
			}
		}
		list = append(list, known)
	}
	return list, nil
}

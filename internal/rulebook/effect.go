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
	stops       []string // altogether, and the policy in force does not
}

func (e effect) all() []string { return slices.Concat(e.relaxations, e.newcomers, e.stops) }

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
	stops, err := s.stops(ctx, q, inForce, draft, hasMembers)
	if err != nil {
		return effect{}, err
	}
	return effect{policy.Relaxations(ctx, inForce, draft), newcomers(ctx, inForce, draft), stops}, ctx.Err()
}

// newcomers says which groups decide on requests under a draft on which they do
// not decide under the policy in force. Who may decide sees the request, and may
// reject it, even where their approval is asked for besides all others.
func newcomers(ctx context.Context, inForce, draft *policy.Policy) []string {
	groups, _, _ := policy.NewApprovers(ctx, inForce, draft) // what is too much to compare, Relaxations tells
	var list []string
	for _, group := range groups {
		if group != draft.PlatformApprovers { // who see all requests
			list = append(list, "Members of group “"+group+"” see requests that they could not decide on before, and decide on them.")
		}
	}
	return list
}

// stops says what a draft denies that could pass before: under the policy in
// force, and under the last one that two admins agreed on, or one of them could
// deny nearly everything in small steps.
func (s *Service) stops(ctx context.Context, q store.Querier, inForce, draft *policy.Policy, hasMembers func(string) bool) ([]string, error) {
	before := []*policy.Policy{inForce}
	switch agreed, err := store.AgreedPolicy(ctx, q); {
	case err == nil:
		if p, faults := policy.Parse([]byte(agreed.Text)); len(faults) == 0 && agreed.Version != inForce.Version {
			before = append(before, s.ready(p, agreed.Version))
		}
	case portal.KindOf(err) != portal.KindNotFound:
		return nil, err
	}
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
	var list []policy.KnownTeam
	for _, t := range teams {
		known := policy.KnownTeam{Team: policy.Team{Slug: t.Slug, Name: t.Name, ApproverGroup: t.ApproverGroup}, Limit: t.Quota.Nodes}
		people, err := store.SomePeopleIn(ctx, q, t.MemberGroup, some)
		if err != nil {
			return nil, err
		}
		for _, a := range people {
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

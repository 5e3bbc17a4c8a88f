package auditors

import (
	"context"
	"maps"
	"slices"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// People knows what the identity provider said of people, and who is signed in.
type People interface {
	RoleGroups() portal.RoleGroups
	// Proven reports whether the database has what the provider said of a person.
	Proven(p store.Person) bool
	// LiveSessions counts the sessions of each person that have not ended.
	LiveSessions(ctx context.Context, q store.Querier) (map[portal.Identity]int, error)
}

// Access is who may do what now. Only who may read the trail may see it. q is a
// transaction where it is to be of one moment.
func (s *Service) Access(ctx context.Context, q store.Querier) (portal.AccessSnapshot, error) {
	snapshot := portal.AccessSnapshot{At: s.Now().UTC().Truncate(time.Second), Secrets: s.Secrets}
	rules, err := s.Rules.InForce(ctx, q)
	if err != nil {
		return snapshot, err
	}
	snapshot.Policy = rules.Version
	teams, err := store.Teams(ctx, q)
	if err != nil {
		return snapshot, err
	}
	given := rightsOfGroups(s.People.RoleGroups(), teams, rules.Groups())
	if snapshot.People, err = s.peopleWith(ctx, q, given); err != nil {
		return snapshot, err
	}
	for _, group := range slices.Sorted(maps.Keys(given)) {
		g := portal.AccessGroup{Group: group, Gives: given[group]}
		for _, p := range snapshot.People {
			if slices.ContainsFunc(p.Rights, func(r portal.AccessRight) bool { return r.Group == group }) {
				g.People++
			}
		}
		snapshot.Groups = append(snapshot.Groups, g)
	}
	snapshot.Channels, err = store.TeamChannels(ctx, q)
	return snapshot, err
}

// rightsOfGroups are what each group gives: roles, teams, and approvals that the policy
// asks for by the group's name.
func rightsOfGroups(roles portal.RoleGroups, teams []portal.Team, named []string) map[string][]portal.AccessRight {
	given := map[string][]portal.AccessRight{}
	give := func(group string, kind portal.AccessKind, of, name string) {
		if group != "" {
			given[group] = append(given[group], portal.AccessRight{Kind: kind, Of: of, Name: name, Group: group})
		}
	}
	for _, role := range []portal.Role{portal.RoleAdmin, portal.RolePlatformApprover, portal.RoleAuditor} {
		give(roles[role], portal.AccessRole, string(role), string(role))
	}
	for _, t := range teams {
		give(t.MemberGroup, portal.AccessMember, t.Slug, t.Name)
		give(t.ApproverGroup, portal.AccessApprover, t.Slug, t.Name)
	}
	for _, group := range named {
		give(group, portal.AccessPolicy, group, group)
	}
	return given
}

// peopleWith are all people with what their groups and those for whom they stand in
// give them.
func (s *Service) peopleWith(ctx context.Context, q store.Querier, given map[string][]portal.AccessRight) ([]portal.AccessPerson, error) {
	known, err := store.EverybodysAccess(ctx, q, s.Now())
	if err != nil {
		return nil, err
	}
	sessions, err := s.People.LiveSessions(ctx, q)
	if err != nil {
		return nil, err
	}
	const all = 1 << 20
	delegations, err := store.ActiveDelegations(ctx, q, s.Now(), all)
	if err != nil {
		return nil, err
	}
	people := make([]portal.AccessPerson, len(known))
	for i, k := range known {
		p := portal.AccessPerson{Issuer: k.Issuer, Subject: k.Subject, Name: k.Name, Email: k.Email, Unproven: !s.People.Proven(k.Person), GroupsAt: k.GroupsAt.UTC(),
			GroupsProblem: k.GroupsProblem, Sessions: sessions[k.Identity], Askable: k.Askable, Channels: k.Channels, Rights: []portal.AccessRight{}}
		if k.Seen != nil {
			p.SeenAt = k.Seen.UTC()
		}
		if !p.Unproven {
			for _, group := range slices.Compact(slices.Sorted(slices.Values(k.Groups))) {
				p.Rights = append(p.Rights, given[group]...)
			}
		}
		for _, d := range delegations {
			if d.StandIn.Identity == k.Identity {
				p.Rights = append(p.Rights, portal.AccessRight{Kind: portal.AccessStandIn, Of: d.Delegator.Issuer + " " + d.Delegator.Subject, Name: d.Delegator.Name, Until: d.Until.UTC().Format(time.RFC3339)})
			}
		}
		people[i] = p
	}
	return people, nil
}

package request

import (
	"context"
	"encoding/json"
	"slices"

	"doksportal/internal/operation"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/quota"
	"doksportal/internal/store"
)

// judge works out the plan of a draft that has been read, against quota and
// policy as q sees them.
func (s *Service) judge(ctx context.Context, q store.Querier, a portal.Actor, d *portal.Draft) error {
	d.JudgedAt = s.Now()
	if d.Team.ID == "" && d.Operation == portal.CreateCluster {
		return nil // nothing can be said before a team is chosen
	}
	if d.Operation == portal.CreateCluster {
		taken, err := store.ClusterNameTaken(ctx, q, d.TargetName, d.Revises.ID)
		if err != nil {
			return err
		}
		if taken {
			d.Errors.Add("name", "A cluster called %s already exists or has already been requested.", portal.Quote(d.TargetName))
		}
	}
	if d.Operation == portal.RaiseQuota {
		var err error
		if d.Raising, err = store.Raising(ctx, q, d.Team.ID, d.Revises.ID); err != nil {
			return err
		}
		used, err := store.TeamUsage(ctx, q, d.Team.ID)
		if err != nil {
			return err
		}
		d.Standing, d.Granted = quota.Standing(d.Team.Quota, d.Offer, used), d.Team.GrantsAt(d.JudgedAt)
	}
	operation.Plan(d)
	if err := s.warnOfAccount(ctx, q, d); err != nil {
		return err
	}
	if err := findRelated(ctx, q, a, d); err != nil {
		return err
	}
	effect, err := s.effect(ctx, q, d)
	if err != nil {
		return err
	}
	d.Plan.Quota = effect
	if err := s.applyPolicy(ctx, q, a, d); err != nil {
		return err
	}
	operation.CheckQuota(d)
	operation.CheckTerms(d, d.JudgedAt)
	operation.CheckRaise(d)
	return nil
}

// warnOfAccount says of a larger quota when teams would have more nodes together than the
// account may have Droplets.
func (s *Service) warnOfAccount(ctx context.Context, q store.Querier, d *portal.Draft) error {
	if d.Operation != portal.RaiseQuota || d.Params.Raise == nil || s.DropletLimit == 0 {
		return nil
	}
	to := d.Params.Raise.Limits[portal.AllNodes]
	have, limited := d.Team.QuotaAt(d.JudgedAt).Limit(portal.AllNodes)
	if !limited || to <= have {
		return nil
	}
	teams, err := store.Teams(ctx, q)
	if err != nil {
		return err
	}
	before := portal.AccountOf(s.DropletLimit, teams, d.JudgedAt)
	after := before
	after.Granted += to - have
	if warning := after.Grown(before); warning != "" {
		d.Plan.Warnings = append(d.Plan.Warnings, warning)
	}
	return nil
}

// applyPolicy puts the verdict into the plan, with what it was judged by, and
// whether anybody could give the approvals that it asks for.
func (s *Service) applyPolicy(ctx context.Context, q store.Querier, a portal.Actor, d *portal.Draft) error {
	rules, err := s.Rules.InForce(ctx, q)
	if err != nil {
		return err
	}
	in := inputOf(d, a)
	if d.Judged, err = json.Marshal(in); err != nil {
		return err
	}
	d.Plan.Verdict = verdict(rules, in)
	outstanding := d.Plan.Verdict.Approvals
	if len(outstanding) == 0 {
		return nil
	}
	people, err := store.GroupsOfOthers(ctx, q, d.Plan.Verdict.Groups(), a.Identity, s.Now().Add(-portal.KnownFor))
	if err != nil {
		return err
	}
	gain := portal.Request{Operation: d.Operation, Team: d.Team}.GainedBy()
	people = slices.DeleteFunc(people, func(groups []string) bool {
		return slices.ContainsFunc(gain, func(g string) bool { return slices.Contains(groups, g) })
	})
	if outstanding = d.Plan.Verdict.Outstanding(people); len(outstanding) > 0 {
		d.Plan.Concern = concern(outstanding)
	}
	return nil
}

// effect compares the team's quota before and after the draft; it is empty when
// usage stays as it is.
func (s *Service) effect(ctx context.Context, q store.Querier, d *portal.Draft) (portal.QuotaEffect, error) {
	demand := operation.Demand(d.Params, d.Targets(), d.Usage)
	asks := d.Operation == portal.CreateCluster || !demand.None()
	if d.Team.ID == "" || !asks && !offersSizes(d) {
		return portal.QuotaEffect{}, nil
	}
	used, err := s.used(ctx, q, d)
	if err != nil {
		return portal.QuotaEffect{}, err
	}
	if d.Room = s.room(d, used); !asks {
		return portal.QuotaEffect{}, nil
	}
	effect := quota.Check(d.Team.QuotaAt(d.JudgedAt), d.Offer, used, demand)
	effect.Team = d.Team.Slug
	return effect, nil
}

// used is what the draft's team uses of its quota, without what the request
// holds that is planned again.
func (s *Service) used(ctx context.Context, q store.Querier, d *portal.Draft) (portal.Usage, error) {
	used, err := store.TeamUsage(ctx, q, d.Team.ID)
	if err != nil || d.Revises.ID == "" {
		return used, err
	}
	held, err := store.Reserved(ctx, q, d.Revises.ID)
	return used.Minus(held), err
}

// offersSizes reports whether the draft's form has sizes to choose from, and a
// team to allow them.
func offersSizes(d *portal.Draft) bool {
	return d.Team.ID != "" && (d.Operation == portal.CreateCluster || d.Operation == portal.CreateNodePool)
}

// room is how many more nodes of each size the draft's team may have.
func (s *Service) room(d *portal.Draft, used portal.Usage) map[string]int {
	if !offersSizes(d) {
		return nil
	}
	list, limits := map[string]int{}, d.Team.QuotaAt(d.JudgedAt)
	for _, size := range d.Offer.Sizes {
		if left, allowed := quota.Room(limits, d.Offer, used, size.Slug); allowed {
			list[size.Slug] = left
		}
	}
	return list
}

const protected = "The cluster is protected: no request can delete it until an admin of the portal removes the protection."

// verdict is the policy's answer, but for what no policy can allow.
func verdict(rules *policy.Policy, in policy.Input) portal.Verdict {
	if in.Change.Operation.Deletes() && in.Cluster.Protected {
		return portal.Verdict{Decision: portal.Deny, Reason: protected, Policy: rules.Version}
	}
	return rules.Judge(in)
}

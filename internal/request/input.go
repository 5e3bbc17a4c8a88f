package request

import (
	"context"
	"slices"
	"time"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// inputOf is what the policy judges a planned draft by.
func inputOf(d *portal.Draft, a portal.Actor) policy.Input {
	in := policy.Input{
		Actor:   actorInput(a),
		Team:    teamInput(d.Team),
		Cluster: clusterInput(d),
		Change:  changeInput(d),
		Quota:   quotaInput(d.Plan.Quota),
		Cost:    costInput(d.Plan.Cost),
		Blast:   blastInput(d),
	}
	return in
}

// costInput is the cost in dollars, as rules speak of it.
func costInput(c portal.CostEffect) policy.Cost {
	const cents = 100
	return policy.Cost{Before: float64(c.Before.Most) / cents, After: float64(c.After.Most) / cents, Change: float64(c.Change()) / cents}
}

func blastInput(d *portal.Draft) policy.Blast {
	in := policy.Blast{Clusters: len(d.TargetIDs), Nodes: d.Plan.Nodes, OpenRequests: len(d.Plan.Related)}
	if c := d.Params.Campaign; c != nil {
		in.Clusters = c.Of
	}
	for _, r := range d.Plan.Destroys {
		switch r.Kind {
		case portal.LoadBalancer:
			in.LoadBalancers++
		case portal.Volume:
			in.Volumes++
		case portal.VolumeSnapshot:
			in.Snapshots++
		}
	}
	return in
}

func teamInput(t portal.Team) policy.Team {
	return policy.Team{Slug: t.Slug, Name: t.Name, ApproverGroup: t.ApproverGroup}
}

func actorInput(a portal.Actor) policy.Actor {
	in := policy.Actor{Name: a.Name, Email: a.Email, Groups: a.Groups}
	for _, r := range a.Roles {
		in.Roles = append(in.Roles, string(r))
	}
	return in
}

func clusterInput(d *portal.Draft) policy.Cluster {
	c := d.Cluster
	if p := d.Params.Create; p != nil {
		return policy.Cluster{Name: p.Name, Region: p.Region, Version: p.Version, Environment: p.Environment, HA: p.HA,
			Nodes: p.Usage().Nodes(), Tags: p.Tags}
	}
	return policy.Cluster{Name: c.Name, Region: c.Region, Version: c.Version, Environment: c.Environment, HA: c.HA,
		Nodes: c.NodeCount(), Tags: portal.OwnTags(c.Tags), Protected: c.Protected}
}

func changeInput(d *portal.Draft) policy.Change {
	in := policy.Change{Operation: d.Operation, Risk: d.Operation.Risk(), Nodes: d.Usage.Nodes()}
	for _, c := range d.Plan.Changes {
		in.Fields = append(in.Fields, c.What)
	}
	if d.Params.Access != nil {
		in.Minutes = int(d.Params.Access.Lifetime().Minutes())
	}
	return in
}

func quotaInput(q portal.QuotaEffect) policy.Quota {
	in := policy.Quota{Over: q.Over()}
	if i := slices.IndexFunc(q.Lines, func(l portal.QuotaLine) bool { return l.Item == portal.AllNodes }); i >= 0 {
		in.Limit, in.Before, in.After = q.Lines[i].Limit, q.Lines[i].Before, q.Lines[i].After
		if q.Lines[i].Unlimited {
			in.Limit = policy.Unlimited
		}
	}
	return in
}

// longestAccess is how long access to the draft's cluster may last.
func (s *Service) longestAccess(ctx context.Context, d *portal.Draft, a portal.Actor) (time.Duration, error) {
	if d.Operation.Risk() != portal.RiskSecret {
		return 0, nil
	}
	rules, err := s.Rules.InForce(ctx, s.Pool)
	if err != nil {
		return 0, err
	}
	return rules.Judge(inputOf(d, a)).LongestAccess, nil
}

package policy

import (
	"fmt"
	"math/rand/v2"

	"doksportal/internal/portal"
)

// ordinary are requests of a kind as people make them every day: small, within
// the quota, by somebody whose name is drawn by lot, so that no rule can be
// written around them.
func ordinary(op portal.OperationID, e portal.Environment, team string) []Input {
	const some = 8
	list := make([]Input, some)
	for i := range list {
		name := fmt.Sprintf("p%08x", rand.Uint32())
		nodes := i%3 + 1
		in := Input{
			Actor: Actor{Name: name, Email: name + "@example.com", Groups: []string{"g" + name}},
			Team:  Team{Slug: team, Name: team, ApproverGroup: team + "-approvers"},
			Cluster: Cluster{Name: "c" + name, Region: []string{"fra1", "nyc3", "sgp1"}[i%3], Version: "1.35.1-do.0", Environment: e,
				HA: i%2 == 0, Nodes: 2 + i, Tags: []string{"t" + name}},
			Change: Change{Operation: op, Risk: op.Risk(), Fields: []string{[]string{"Tags", "Nodes", "Name", "Maintenance"}[i%4]}},
			Quota:  Quota{Limit: 100, Before: 10 + i, After: 10 + i},
			Cost:   Cost{Before: float64(48 * (2 + i)), After: float64(48 * (2 + i))},
			Blast:  Blast{Clusters: 1},
		}
		switch op.Risk() {
		case portal.RiskChange:
			in.Change.Nodes, in.Quota.After = nodes, in.Quota.Before+nodes
			in.Cost.Change = float64(24 * nodes)
			in.Cost.After = in.Cost.Before + in.Cost.Change
		case portal.RiskDestructive, portal.RiskDangerous:
			in.Change.Nodes, in.Blast.Nodes = -nodes, nodes
			in.Blast.Volumes, in.Blast.LoadBalancers = i%3, i%2
		case portal.RiskSecret:
			in.Change.Minutes = 15 * (i + 1)
		}
		list[i] = in
	}
	return list
}

// deniesMost reports whether a policy denies more than half of some requests that
// an older one (nil: none) lets pass. What a condition comes to cannot be known
// for all requests; one that denies nearly all of them, or that fails, shows in
// ordinary ones.
func (p *Policy) deniesMost(old *Policy, requests []Input) bool {
	passed, denied := 0, 0
	for _, in := range requests {
		if old != nil && old.judge(in).Decision == portal.Deny {
			continue
		}
		passed++
		if p.judge(in).Decision == portal.Deny {
			denied++
		}
	}
	return 2*denied > passed
}

// withPlatform returns the policy with a group of platform approvers.
func withPlatform(p *Policy) *Policy {
	if p == nil || p.PlatformApprovers != "" {
		return p
	}
	with := *p
	with.PlatformApprovers = "platform approvers"
	return &with
}

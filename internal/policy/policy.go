// Package policy says whether a request is allowed, needs approvals, or is
// denied: Parse reads the rules that admins write, Judge applies them, Loosens and
// Stops compare two versions. It is pure: the same input gives the same verdict,
// so the verdict can be worked out again before the request is carried out.
// request calls it for each plan; rulebook keeps the versions.
package policy

import (
	_ "embed" // the built-in policy
	"fmt"
	"slices"
	"sync"
	"time"

	"doksportal/internal/portal"
)

// Policy is a list of rules, of which the first that matches gives the verdict.
// It does not change and may be used by many at once.
type Policy struct {
	Version           int    // that verdicts name
	PlatformApprovers string // group of the platform approvers; empty when there is none

	rules []rule
	terms portal.Terms // of verdicts that no rule gives
}

// BuiltInText is the policy of an installation that has set none.
//
//go:embed builtin.yaml
var BuiltInText string

var builtIn = sync.OnceValue(func() *Policy {
	p, faults := Parse([]byte(BuiltInText))
	if len(faults) > 0 {
		panic(fmt.Sprintf("the built-in policy: %v", faults[0]))
	}
	return p
})

// BuiltIn returns the built-in policy.
func BuiltIn() *Policy {
	p := *builtIn()
	return &p
}

// Rules is the number of rules.
func (p *Policy) Rules() int { return len(p.rules) }

// Line is where the rule of a name begins, counted from 1; 0 when there is none.
func (p *Policy) Line(name string) int {
	for i := range p.rules {
		if p.rules[i].name == name {
			return p.rules[i].line
		}
	}
	return 0
}

// Refers are the names of what the conditions refer to, like "change.nodes", each
// once and in order.
func (p *Policy) Refers() []string {
	var list []string
	for i := range p.rules {
		if when := p.rules[i].when; when != nil {
			list = append(list, when.refers...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// LongestStandIn is the longest delegation whose stand-in may decide on anything.
func (p *Policy) LongestStandIn() time.Duration {
	var longest time.Duration
	for i := range p.rules {
		for op := range p.rules[i].operations {
			if r := p.rules[i].on(op.Risk() == portal.RiskDangerous); r.decision == portal.Approve {
				longest = max(longest, r.terms.StandIn)
			}
		}
	}
	return longest
}

// Names reports whether a rule asks for approvals from one of the groups, by its
// name.
func (p *Policy) Names(groups []string) bool {
	return slices.ContainsFunc(p.Groups(), func(group string) bool { return slices.Contains(groups, group) })
}

// Judge returns the verdict on a request. Whatever the rules say, growth beyond
// the quota is denied, and so is what no rule covers, what a condition
// cannot be evaluated for, and what nobody could approve. A cluster whose
// environment nobody has set counts as production.
func (p *Policy) Judge(in Input) portal.Verdict {
	in.Change.Risk = in.Change.Operation.Risk()
	in.Cluster.Environment = guarded(in.Cluster.Environment)
	v := p.judge(in)
	v.Policy = p.Version
	return v
}

func (p *Policy) judge(in Input) portal.Verdict {
	if in.Quota.Over && !in.Change.Operation.Deletes() {
		return p.deny("It would exceed the team's quota.")
	}
	for i := range p.rules {
		r := &p.rules[i]
		if !r.selects(in.Change.Operation, in.Cluster.Environment, in.Team.Slug) {
			continue
		}
		holds, err := r.when.holds(&in)
		if err != nil {
			return r.deny(fmt.Sprintf("The condition of rule “%s” cannot be evaluated: %s.", r.name, err))
		}
		if holds {
			return r.on(in.Change.Risk == portal.RiskDangerous).verdict(in.Team.ApproverGroup, p.PlatformApprovers)
		}
	}
	if in.Change.Operation.Named() {
		return p.deny(fmt.Sprintf("No rule of the policy names %s, so only admins can give a team more.", in.Change.Operation))
	}
	return p.deny("The policy has no rule for this operation.")
}

func (p *Policy) deny(reason string) portal.Verdict {
	return portal.Verdict{Decision: portal.Deny, Reason: reason, Terms: p.terms}
}

// guarded is the environment that a cluster counts as: production's, unless it
// is known to be another.
func guarded(e portal.Environment) portal.Environment {
	if slices.Contains(portal.Environments, e) {
		return e
	}
	return portal.Production
}

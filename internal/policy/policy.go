// Package policy says whether a request is allowed, needs approvals, or is
// denied. It is pure: the same input gives the same verdict, so the verdict
// can be worked out again before the request is carried out.
package policy

import (
	"doksportal/internal/portal"
)

// Input is what a verdict depends on.
type Input struct {
	Operation   portal.OperationID
	Team        portal.Team
	Environment portal.Environment // of the cluster; empty when nobody has set it
	Quota       portal.QuotaEffect
}

// Policy is the built-in policy of an installation.
type Policy struct {
	PlatformApprovers string // group of the platform approvers; empty when there is none
}

// Judge returns the verdict on a request. An operation that no rule speaks of
// is denied.
func (p Policy) Judge(in Input) portal.Verdict {
	switch in.Operation {
	case portal.CreateCluster:
		return p.judgeCreate(in)
	case portal.DeleteCluster:
		return p.approval(in.Team, "Deleting a cluster always needs an approval.")
	}
	return portal.Verdict{Decision: portal.Deny, Reason: "The policy has no rule for this operation."}
}

func (p Policy) judgeCreate(in Input) portal.Verdict {
	switch {
	case in.Quota.Over():
		return portal.Verdict{Decision: portal.Deny, Reason: "It would exceed the team's quota."}
	case in.Environment == portal.Development || in.Environment == portal.Staging:
		return portal.Verdict{Decision: portal.Allow,
			Reason: "Within the team's quota, outside production: no approval needed."}
	}
	return p.approval(in.Team, "A production cluster needs an approval.")
}

func (p Policy) approval(t portal.Team, reason string) portal.Verdict {
	v := portal.Verdict{Decision: portal.Approve, Reason: reason, Approvals: 1}
	for _, group := range []string{t.ApproverGroup, p.PlatformApprovers} {
		if group != "" {
			v.ApproverGroups = append(v.ApproverGroups, group)
		}
	}
	return v
}

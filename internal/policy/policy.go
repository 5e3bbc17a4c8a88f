// Package policy says whether a request is allowed, needs approvals, or is
// denied. It is pure: the same input gives the same verdict, so the verdict
// can be worked out again before the request is carried out.
package policy

import (
	"time"

	"doksportal/internal/portal"
)

// Policy is the built-in policy of an installation.
type Policy struct {
	Version           int    // that verdicts name
	PlatformApprovers string // group of the platform approvers; empty when there is none
}

// Judge returns the verdict on a request. An operation that no rule speaks of
// is denied. A cluster whose environment nobody has set counts as production.
func (p Policy) Judge(in Input) portal.Verdict {
	v := p.judge(in)
	v.Policy = p.Version
	v.WaitFor, v.HoldFor, v.LongestAccess = 7*24*time.Hour, 24*time.Hour, p.LongestAccess(in.Cluster.Environment)
	if in.Change.Operation == portal.DeleteClusterDangerous {
		v.CoolOff, v.FreshSignIn, v.TypedName = 15*time.Minute, true, true
	}
	return v
}

func (p Policy) judge(in Input) portal.Verdict {
	switch in.Change.Risk {
	case portal.RiskRead, portal.RiskDiagnostic:
		return allow("It changes nothing: no approval needed.")
	case portal.RiskChange:
		return p.judgeChange(in)
	case portal.RiskDestructive:
		if in.Change.Operation.Deletes() {
			return p.approval(in.Team, "Deleting a cluster always needs an approval.")
		}
		return p.approval(in.Team, "Destroying nodes always needs an approval.")
	case portal.RiskDangerous:
		return p.judgeDangerous(in)
	case portal.RiskSecret:
		return p.judgeSecret(in)
	case portal.RiskAccount:
		return p.platform("It changes clusters of several teams, so a platform approver has to agree.")
	}
	return deny("The policy has no rule for this operation.")
}

func (p Policy) judgeChange(in Input) portal.Verdict {
	switch {
	case in.Quota.Over:
		return deny("It would exceed the team's quota.")
	case !guarded(in.Cluster.Environment):
		return allow("Within the team's quota, outside production: no approval needed.")
	case in.Change.Operation == portal.CreateCluster:
		return p.approval(in.Team, "A production cluster needs an approval.")
	}
	return p.approval(in.Team, "Changing a production cluster needs an approval.")
}

func (p Policy) judgeDangerous(in Input) portal.Verdict {
	if in.Change.Operation == portal.DeleteClusterSelective {
		return p.platform("Data outside of the cluster would be destroyed, so a platform approver has to agree.")
	}
	if p.PlatformApprovers == "" {
		return deny("It needs a platform approver, and this portal has none.")
	}
	v := p.platform("All data of the cluster would be destroyed, so somebody of the team and a platform approver have to agree.")
	v.Needs = append([]portal.Need{{Approvals: 1, Groups: []string{in.Team.ApproverGroup}}}, v.Needs...)
	return v
}

func (p Policy) judgeSecret(in Input) portal.Verdict {
	if guarded(in.Cluster.Environment) {
		return p.approval(in.Team, "Access to a production cluster needs an approval.")
	}
	return allow("Access outside production: no approval needed.")
}

// LongestAccess is how long a kubeconfig or credentials may be good for.
func (p Policy) LongestAccess(e portal.Environment) time.Duration {
	if guarded(e) {
		return time.Hour
	}
	return 8 * time.Hour
}

// guarded reports whether clusters of the environment are protected like
// production's.
func guarded(e portal.Environment) bool {
	return e != portal.Development && e != portal.Staging
}

func allow(reason string) portal.Verdict {
	return portal.Verdict{Decision: portal.Allow, Reason: reason}
}

func deny(reason string) portal.Verdict {
	return portal.Verdict{Decision: portal.Deny, Reason: reason}
}

// approval asks for one approval, by the team's approvers or the platform's.
func (p Policy) approval(t Team, reason string) portal.Verdict {
	need := portal.Need{Approvals: 1}
	for _, group := range []string{t.ApproverGroup, p.PlatformApprovers} {
		if group != "" {
			need.Groups = append(need.Groups, group)
		}
	}
	return portal.Verdict{Decision: portal.Approve, Reason: reason, Needs: []portal.Need{need}}
}

// platform asks for a platform approver, which nobody can be where the group
// is not configured.
func (p Policy) platform(reason string) portal.Verdict {
	if p.PlatformApprovers == "" {
		return deny("It needs a platform approver, and this portal has none.")
	}
	return portal.Verdict{Decision: portal.Approve, Reason: reason, Needs: []portal.Need{{Approvals: 1, Groups: []string{p.PlatformApprovers}}}}
}

package portal

import (
	"slices"
	"time"
)

// Decision is what the policy says about a request.
type Decision string

// The decisions.
const (
	Allow   Decision = "allow"
	Approve Decision = "approve"
	Deny    Decision = "deny"
)

// Verdict is the policy's answer to a request.
type Verdict struct {
	Decision  Decision       `json:"decision"`
	Reason    string         `json:"reason"`
	Approvals []ApprovalRule `json:"approvals"` // all of which must be met; empty unless Approve
	Rule      string         `json:"rule"`      // name of the rule that matched; empty when none did
	Policy    int            `json:"policy"`    // version that it was judged by
	Terms
}

// Terms are the conditions under which a verdict holds.
type Terms struct {
	WaitFor       time.Duration `json:"wait_for"`       // for a decision, then the request expires
	HoldFor       time.Duration `json:"hold_for"`       // from when it may be carried out, then it is out of date
	CoolOff       time.Duration `json:"cool_off"`       // after the last approval, in which it can still be stopped
	FreshSignIn   bool          `json:"fresh_sign_in"`  // the requester must just have signed in
	TypedName     bool          `json:"typed_name"`     // the requester types the target's name
	LongestAccess time.Duration `json:"longest_access"` // that a kubeconfig or credentials may be good for
	Windows       []Window      `json:"windows"`        // in one of which it is carried out; empty: at any time
}

// ApprovalRule is a number of approvals from people of certain groups.
type ApprovalRule struct {
	Count  int      `json:"count"`
	Groups []string `json:"groups"` // each approver is in at least one of them
}

// Groups are those whose members may approve.
func (v Verdict) Groups() []string {
	var groups []string
	for _, n := range v.Approvals {
		groups = append(groups, n.Groups...)
	}
	slices.Sort(groups)
	return slices.Compact(groups)
}

// Outstanding returns the needs that people with these groups do not meet. Each of
// them counts once, for whichever need they serve best.
func (v Verdict) Outstanding(people [][]string) []ApprovalRule {
	var outstanding []ApprovalRule
	for i, missing := range v.Missing(people) {
		if missing > 0 {
			outstanding = append(outstanding, ApprovalRule{Count: missing, Groups: v.Approvals[i].Groups})
		}
	}
	return outstanding
}

// Missing is, for each need, how many approvals people with these groups leave
// open.
func (v Verdict) Missing(people [][]string) []int {
	missing := make([]int, len(v.Approvals))
	taken := make([]int, len(people)) // one more than the place that each person fills; 0: none
	place := 0
	for i, n := range v.Approvals {
		for range n.Count {
			place++
			if !v.fill(place, people, taken, map[int]bool{}) {
				missing[i]++
			}
		}
	}
	return missing
}

// fill finds somebody for a place, moving others to places that they can fill
// as well. seen are the people that were tried.
func (v Verdict) fill(place int, people [][]string, taken []int, seen map[int]bool) bool {
	groups := v.groupsOf(place)
	for i, theirs := range people {
		if seen[i] || !slices.ContainsFunc(theirs, func(g string) bool { return slices.Contains(groups, g) }) {
			continue
		}
		seen[i] = true
		if taken[i] == 0 || v.fill(taken[i], people, taken, seen) {
			taken[i] = place
			return true
		}
	}
	return false
}

// groupsOf are the groups of which somebody has to fill a place. Places are
// numbered from 1, need by need.
func (v Verdict) groupsOf(place int) []string {
	for _, n := range v.Approvals {
		if place <= n.Count {
			return n.Groups
		}
		place -= n.Count
	}
	return nil
}

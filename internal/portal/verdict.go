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
	WaitFor       time.Duration `json:"wait_for"`                // for a decision, then the request expires
	HoldFor       time.Duration `json:"hold_for"`                // from when it may be carried out, then it is out of date
	CoolOff       time.Duration `json:"cool_off"`                // after the last approval, in which it can still be stopped
	FreshSignIn   bool          `json:"fresh_sign_in"`           // the requester must just have signed in
	TypedName     bool          `json:"typed_name"`              // the requester types the target's name
	LongestAccess time.Duration `json:"longest_access"`          // that a kubeconfig or credentials may be good for
	StandIn       time.Duration `json:"stand_in,omitempty"`      // the longest delegation whose stand-in may decide; zero: none may
	LongestGrant  time.Duration `json:"longest_grant,omitempty"` // for how long a quota may be raised, unless for good
	Temporary     bool          `json:"temporary,omitempty"`     // a quota may not be raised for good
	LongestLease  time.Duration `json:"longest_lease,omitempty"` // that a cluster may be kept outside production; zero: until somebody deletes it
	Windows       []Window      `json:"windows"`                 // in one of which it is carried out; empty: at any time
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

// Outstanding returns what people with these groups do not meet. Each of them counts
// once, for whichever rule they serve best.
func (v Verdict) Outstanding(people [][]string) []ApprovalRule {
	var outstanding []ApprovalRule
	for i, missing := range v.Missing(people) {
		if missing > 0 {
			outstanding = append(outstanding, ApprovalRule{Count: missing, Groups: v.Approvals[i].Groups})
		}
	}
	return outstanding
}

// Missing is, for each approval rule, how many approvals people with these
// groups leave open.
func (v Verdict) Missing(people [][]string) []int {
	var ruleOf []int // of each approval that is needed
	for i, rule := range v.Approvals {
		for range rule.Count {
			ruleOf = append(ruleOf, i)
		}
	}
	missing := make([]int, len(v.Approvals))
	filled := Match(len(ruleOf), len(people), func(place, person int) bool {
		return slices.ContainsFunc(people[person], func(g string) bool { return slices.Contains(v.Approvals[ruleOf[place]].Groups, g) })
	})
	for place, ok := range filled {
		if !ok {
			missing[ruleOf[place]]++
		}
	}
	return missing
}

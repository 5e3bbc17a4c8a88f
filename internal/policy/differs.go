package policy

import (
	"slices"
	"strings"

	"doksportal/internal/portal"
)

// Difference is in what two verdicts on the same request differ.
type Difference struct {
	Kind   string // like "needs approval instead of being allowed"
	Before string
	After  string
}

// Differ compares two verdicts in what they ask for. By which rule and which
// policy they were given, and in which words, does not matter.
func Differ(before, after portal.Verdict) (Difference, bool) {
	d := Difference{Before: Describe(before), After: Describe(after)}
	switch {
	case before.Decision != after.Decision:
		d.Kind = kinds[after.Decision] + ", previously " + kinds[before.Decision]
	case after.Decision == portal.Deny:
		return d, false
	case !sameApprovals(before.Approvals, after.Approvals):
		d.Kind = "other approvals"
	default:
		d.Before, d.After = otherTerms(before.Terms, after.Terms)
		d.Kind = "other terms"
		return d, d.Before != ""
	}
	return d, true
}

// Stricter reports whether the second of two verdicts on an operation asks
// for anything that the first does not, or denies it: what was planned under the
// first no longer holds.
func Stricter(before, after portal.Verdict, op portal.OperationID) bool {
	if after.Decision == portal.Deny || before.Decision == portal.Deny || !covers(asked(before), asked(after)) {
		return true
	}
	// What would be easier, were the second to become the first, is stricter now.
	return len(relaxedTerms(&rule{decision: after.Decision, terms: after.Terms}, &rule{terms: before.Terms}, kindFor(op))) > 0
}

// asked are the approvals of a verdict as rules write them.
func asked(v portal.Verdict) []approvalRule {
	list := make([]approvalRule, len(v.Approvals))
	for i, n := range v.Approvals {
		list[i] = approvalRule{count: n.Count, from: n.Groups}
	}
	return list
}

var kinds = map[portal.Decision]string{portal.Allow: "allowed", portal.Approve: "needs approval", portal.Deny: "denied"}

// sameApprovals compares approval rules, in whichever order their groups are.
func sameApprovals(a, b []portal.ApprovalRule) bool {
	return slices.EqualFunc(a, b, func(x, y portal.ApprovalRule) bool {
		return x.Count == y.Count &&
			slices.Equal(slices.Sorted(slices.Values(x.Groups)), slices.Sorted(slices.Values(y.Groups)))
	})
}

// otherTerms says which terms differ, empty when none does.
func otherTerms(before, after portal.Terms) (was, is string) {
	var from, to []string
	for _, t := range terms {
		if old, now := t.text(before), t.text(after); old != now {
			from = append(from, t.name+" "+old)
			to = append(to, t.name+" "+now)
		}
	}
	return strings.Join(from, ", "), strings.Join(to, ", ")
}

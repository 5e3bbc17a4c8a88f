package portal

import (
	"fmt"
	"strings"
	"time"
)

// Describe says what the verdict asks for, e.g. "needs 2 approvals from dba".
func (v Verdict) Describe() string {
	switch v.Decision {
	case Allow:
		return "needs no approval"
	case Deny:
		return "is not possible: " + v.Reason
	}
	rules := make([]string, len(v.Approvals))
	for i, n := range v.Approvals {
		rules[i] = n.Describe(nil)
	}
	return "needs " + strings.Join(rules, " and ")
}

// Describe says whose approvals are needed, e.g. "1 approval from dba or platform".
func (n ApprovalRule) Describe(labels GroupLabels) string {
	approvals := "1 approval"
	if n.Count != 1 {
		approvals = fmt.Sprintf("%d approvals", n.Count)
	}
	return approvals + " from " + strings.Join(labels.All(n.Groups), " or ")
}

// Differs says in plain words how v, the policy's answer now, differs from
// before.
func (v Verdict) Differs(before Verdict) string {
	if v.Decision == Deny {
		return "The policy's answer has changed: " + v.Reason
	}
	var parts []string
	if v.Policy != before.Policy {
		parts = append(parts, fmt.Sprintf("version %d of the policy is in force, and it was judged by version %d", v.Policy, before.Policy))
	}
	if now, was := v.Describe(), before.Describe(); now != was {
		parts = append(parts, "it now "+now+" (before: "+was+")")
	}
	parts = append(parts, v.Terms.differs(before.Terms)...)
	if len(parts) == 0 {
		parts = append(parts, "another rule applies: "+v.Reason)
	}
	return "The policy's answer has changed: " + strings.Join(parts, "; ") + "."
}

func (t Terms) differs(before Terms) []string {
	var parts []string
	for _, d := range []struct {
		what     string
		now, was time.Duration
	}{
		{"it waits for a decision for", t.WaitFor, before.WaitFor}, {"an approval holds for", t.HoldFor, before.HoldFor},
		{"the cool-off is", t.CoolOff, before.CoolOff}, {"access lasts at most", t.LongestAccess, before.LongestAccess},
		{"a stand-in may decide for up to", t.StandIn, before.StandIn}, {"a quota is raised for at most", t.LongestGrant, before.LongestGrant},
	} {
		if d.now != d.was {
			parts = append(parts, fmt.Sprintf("%s %s instead of %s", d.what, DurationText(d.now), DurationText(d.was)))
		}
	}
	if t.LongestLease != before.LongestLease {
		parts = append(parts, "how long a cluster may be kept has changed")
	}
	if t.Temporary != before.Temporary {
		parts = append(parts, "whether a quota may be raised for good has changed")
	}
	if now, was := WindowsText(t.Windows), WindowsText(before.Windows); now != was {
		parts = append(parts, "it can run "+now+" instead of "+was)
	}
	if t.FreshSignIn != before.FreshSignIn || t.TypedName != before.TypedName {
		parts = append(parts, "what its requester has to confirm has changed")
	}
	return parts
}

// WindowsText says in words when one of the windows is open.
func WindowsText(windows []Window) string {
	if len(windows) == 0 {
		return "at any time"
	}
	texts := make([]string, len(windows))
	for i, w := range windows {
		texts[i] = w.String()
	}
	return strings.Join(texts, " or ")
}

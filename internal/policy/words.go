package policy

import (
	"fmt"
	"strconv"
	"strings"

	"doksportal/internal/portal"
)

// Describe says in short what a verdict asks for.
func Describe(v portal.Verdict) string {
	switch v.Decision {
	case portal.Allow:
		return "allowed at once"
	case portal.Deny:
		return "denied"
	}
	list := make([]string, len(v.Approvals))
	for i, n := range v.Approvals {
		list[i] = n.Describe(nil)
	}
	return strings.Join(list, " and ")
}

// describe says in short what a rule says; of no rule, that it denies.
func (r *rule) describe() string {
	if r == nil {
		return "denied, as no rule covers it"
	}
	if r.broken() {
		return fmt.Sprintf("denied where the condition of rule “%s” cannot be evaluated", r.name)
	}
	by := fmt.Sprintf(" (rule “%s”)", r.name)
	switch r.decision {
	case portal.Allow:
		return "allowed at once" + by
	case portal.Deny:
		return "denied" + by
	}
	list := make([]string, len(r.approvals))
	for i, n := range r.approvals {
		list[i] = approvals(n.count) + " from " + strings.Join(approvers(n.from), " or ")
	}
	return strings.Join(list, " and ") + by
}

func approvals(n int) string {
	if n == 1 {
		return "1 approval"
	}
	return strconv.Itoa(n) + " approvals"
}

// approvers names those whose approval counts.
func approvers(from []string) []string {
	names := map[string]string{fromTeam: "the team's approvers", fromPlatform: "platform approvers"}
	list := make([]string, len(from))
	for i, word := range from {
		list[i] = names[word]
		if group, ok := strings.CutPrefix(word, fromGroup); ok {
			list[i] = "group " + group
		}
	}
	return list
}

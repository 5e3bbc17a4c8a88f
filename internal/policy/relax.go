package policy

import (
	"fmt"
	"slices"

	"doksportal/internal/portal"
)

// relaxations says in what the new rule is easier than the old one, where each of
// them matches. No rule denies.
func relaxations(old, now *rule, k kind) []string {
	if denies(now) {
		return nil
	}
	if denies(old) || !covers(now.approvals, old.approvals) {
		return []string{fmt.Sprintf("%s, previously %s", now.describe(), old.describe())}
	}
	var list []string
	for _, what := range relaxedTerms(old.on(k.dangerous), now.on(k.dangerous), k) {
		list = append(list, fmt.Sprintf("%s (rule “%s”)", what, now.name))
	}
	return list
}

func denies(r *rule) bool { return r == nil || r.broken() || r.decision == portal.Deny }

// covers reports whether whoever meets the new approval rules meets the old ones too:
// each old one is covered by a new one of its own.
func covers(now, old []approvalRule) bool {
	covered := portal.Match(len(old), len(now), func(i, j int) bool { return now[j].covers(old[i]) })
	return !slices.Contains(covered, false)
}

// covers reports whether what meets n meets the other: it asks for as many
// approvals, by no other people.
func (n approvalRule) covers(other approvalRule) bool {
	return n.count >= other.count &&
		!slices.ContainsFunc(n.from, func(from string) bool { return !slices.Contains(other.from, from) })
}

package policy

import (
	"fmt"
	"slices"

	"doksportal/internal/portal"
)

// relaxations says in what the new rule is easier than the old one, where each of
// them matches. No rule denies.
func relaxations(old, now *rule, secret bool) []string {
	if denies(now) {
		return nil
	}
	if denies(old) || !covers(now.approvals, old.approvals) {
		return []string{fmt.Sprintf("%s, before %s", now.describe(), old.describe())}
	}
	var list []string
	for _, what := range relaxedTerms(old, now, secret) {
		list = append(list, fmt.Sprintf("%s (rule “%s”)", what, now.name))
	}
	return list
}

func denies(r *rule) bool { return r == nil || r.broken() || r.decision == portal.Deny }

// covers reports whether whoever meets the new approval rules meets the old ones too:
// each old one is covered by a new one of its own.
func covers(now, old []approvalRule) bool {
	taken := make([]int, len(now)) // one more than the old need that each covers; 0: none
	for i := range old {
		if !assign(old, now, i, taken, map[int]bool{}) {
			return false
		}
	}
	return true
}

// assign finds a new need for an old one, moving others as it must. seen are the
// new approval rules that were tried.
func assign(old, now []approvalRule, i int, taken []int, seen map[int]bool) bool {
	for j, n := range now {
		if seen[j] || !n.covers(old[i]) {
			continue
		}
		seen[j] = true
		if taken[j] == 0 || assign(old, now, taken[j]-1, taken, seen) {
			taken[j] = i + 1
			return true
		}
	}
	return false
}

// covers reports whether what meets n meets the other need: it asks for as many
// approvals, by no other people.
func (n approvalRule) covers(other approvalRule) bool {
	return n.count >= other.count &&
		!slices.ContainsFunc(n.from, func(from string) bool { return !slices.Contains(other.from, from) })
}

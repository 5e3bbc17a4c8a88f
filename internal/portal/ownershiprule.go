package portal

import (
	"slices"
	"strings"
	"time"
)

// RuleKind says what of a cluster an OwnershipRule looks at.
type RuleKind string

// The kinds of an OwnershipRule.
const (
	RuleByTag  RuleKind = "tag"
	RuleByName RuleKind = "name"
)

// RuleKinds are the kinds in the order in which people choose.
var RuleKinds = []RuleKind{RuleByTag, RuleByName}

// OwnershipRule proposes a team and an environment for clusters that nobody owns. It
// gives nobody anything: an admin confirms what it proposes.
type OwnershipRule struct {
	ID          string // UUIDv7
	Kind        RuleKind
	Pattern     string // in which * stands for any characters
	TeamID      string
	TeamSlug    string // read only
	TeamName    string // read only
	Environment Environment
	CreatedBy   string // name of who made it
	CreatedAt   time.Time
}

// String names the rule for people, like "name web-*".
func (r OwnershipRule) String() string { return string(r.Kind) + " " + r.Pattern }

// Matches reports whether the rule is about a cluster. Capitals make no difference,
// as in DigitalOcean's tags.
func (r OwnershipRule) Matches(c ClusterSummary) bool {
	if r.Kind == RuleByName {
		return matchPattern(r.Pattern, c.Name)
	}
	return slices.ContainsFunc(c.Tags, func(tag string) bool { return matchPattern(r.Pattern, tag) })
}

// matchPattern reports whether s is as a pattern, in which * stands for any
// characters, capitals aside.
func matchPattern(pattern, s string) bool {
	parts := strings.Split(strings.ToLower(pattern), "*")
	s = strings.ToLower(s)
	if len(parts) == 1 {
		return s == parts[0]
	}
	last := len(parts) - 1
	rest, ok := strings.CutPrefix(s, parts[0])
	for _, part := range parts[1:last] {
		i := strings.Index(rest, part)
		if !ok || i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return ok && strings.HasSuffix(rest, parts[last])
}

// OwnerProposal is what rules propose for a cluster that nobody owns.
type OwnerProposal struct {
	Cluster ClusterSummary
	Rules   []OwnershipRule // that match it
}

// Agreed reports whether all rules that match propose the same. If not they propose
// nothing.
func (p OwnerProposal) Agreed() bool {
	return !slices.ContainsFunc(p.Rules, func(r OwnershipRule) bool {
		return r.TeamID != p.Rules[0].TeamID || r.Environment != p.Rules[0].Environment
	})
}

// ProposeOwners returns what rules propose for clusters, of those that any matches.
func ProposeOwners(rules []OwnershipRule, clusters []ClusterSummary) []OwnerProposal {
	var list []OwnerProposal
	for _, c := range clusters {
		p := OwnerProposal{Cluster: c}
		for _, r := range rules {
			if r.Matches(c) {
				p.Rules = append(p.Rules, r)
			}
		}
		if len(p.Rules) > 0 {
			list = append(list, p)
		}
	}
	return list
}

package portal

import (
	"maps"
	"strings"
	"time"
)

// Team owns clusters and has a quota. Who belongs to it and who approves for
// it are groups of the identity provider.
type Team struct {
	ID            string // UUIDv7
	Slug          string // DNS label, used in the tag team:<slug>
	Name          string
	MemberGroup   string
	ApproverGroup string
	Quota         Quota
	Version       int // grows with each edit, to notice two people editing at once
	UpdatedAt     time.Time
}

// Quota limits a team's nodes, in all and per size. A size that Sizes does not
// list may not be used.
type Quota struct {
	Nodes int            `json:"nodes"`
	Sizes map[string]int `json:"sizes"`
}

// Item is something that a quota may limit, and that can be added up.
type Item string

// Clusters are counted as a whole, nodes by their size.
const (
	Clusters   Item = "clusters"
	nodePrefix Item = "nodes/"
)

// NodesOf are the nodes of a size.
func NodesOf(size string) Item { return nodePrefix + Item(size) }

// Size is the size whose nodes the item counts; ok is false when it counts
// something else.
func (i Item) Size() (size string, ok bool) { return strings.CutPrefix(string(i), string(nodePrefix)) }

// Usage is what is taken of a quota. A pool counts max_nodes when it autoscales,
// else its count.
type Usage map[Item]int

// Nodes is the number of nodes of all sizes.
func (u Usage) Nodes() int {
	n := 0
	for item, count := range u {
		if _, ok := item.Size(); ok {
			n += count
		}
	}
	return n
}

// Minus returns what is left when other is given back.
func (u Usage) Minus(other Usage) Usage {
	left := maps.Clone(u)
	for item, n := range other {
		left[item] -= n
	}
	return left
}

// Environment of a cluster. It is the portal's own data: only an admin changes
// it after creation, because policy depends on it.
type Environment string

// The environments.
const (
	Development Environment = "development"
	Staging     Environment = "staging"
	Production  Environment = "production"
)

// Environments lists all environments, least critical first.
var Environments = []Environment{Development, Staging, Production}

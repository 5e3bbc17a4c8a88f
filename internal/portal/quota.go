package portal

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Quota limits what a team may have. What it does not limit is unlimited, but for
// nodes with graphics processors: of those a team may have only what Limits grants
// for their family.
type Quota struct {
	Limits   map[Item]int `json:"limits,omitempty"`
	Sizes    []string     `json:"sizes,omitempty"`    // that may be used; empty: every size
	Regions  []string     `json:"regions,omitempty"`  // in which clusters may be made; empty: every region
	Versions []string     `json:"versions,omitempty"` // minors of Kubernetes, like 1.34, that clusters may get; empty: every version
}

// Item is something that a quota may limit.
type Item string

// Items of which each node or cluster takes a part.
const (
	Clusters   Item = "clusters"
	HAClusters Item = "ha_clusters" // clusters with a highly available control plane
	AllNodes   Item = "nodes"
	PoolNodes  Item = "pool_nodes" // nodes of a single pool
	VCPUs      Item = "vcpus"
	Memory     Item = "memory"       // in GiB
	Cost       Item = "monthly_cost" // at list price, in USD cents
)

// Items that may be used or not.
const (
	UsedRegion  Item = "region"
	UsedVersion Item = "version"
)

const (
	nodePrefix   Item = "nodes/"
	familyPrefix Item = "family/"
)

// gpuFamily is the family of all sizes with graphics processors.
const gpuFamily = "gpu"

// NodesOf are the nodes of a size.
func NodesOf(size string) Item { return nodePrefix + Item(size) }

// Size is the size whose nodes the item counts; ok is false when it counts
// something else.
func (i Item) Size() (size string, ok bool) { return strings.CutPrefix(string(i), string(nodePrefix)) }

// NodesOfFamily are the nodes of all sizes of a family, like s, c or gpu.
func NodesOfFamily(family string) Item { return familyPrefix + Item(family) }

// Family is the family whose nodes the item counts; ok is false when it counts
// something else.
func (i Item) Family() (family string, ok bool) {
	return strings.CutPrefix(string(i), string(familyPrefix))
}

// FamilyOf is the family that a size belongs to: what its slug begins with, as in
// DigitalOcean's list of sizes, like s of s-2vcpu-4gb.
func FamilyOf(size string) string {
	family, _, _ := strings.Cut(size, "-")
	return family
}

// Name names what is limited, within a sentence.
func (i Item) Name() string {
	switch i {
	case Clusters:
		return "clusters"
	case HAClusters:
		return "highly available clusters"
	case AllNodes:
		return "all nodes"
	case PoolNodes:
		return "nodes in one pool"
	case VCPUs:
		return "vCPUs"
	case Memory:
		return "memory"
	case Cost:
		return "monthly cost"
	}
	if size, ok := i.Size(); ok {
		return size
	}
	family, _ := i.Family()
	return "nodes of family " + family
}

// Title names what is limited, at the head of a line.
func (i Item) Title() string {
	if _, isSize := i.Size(); isSize || i == VCPUs {
		return i.Name()
	}
	return strings.ToUpper(i.Name()[:1]) + i.Name()[1:]
}

// Amount says how much n of the item is, like "3 clusters" or "$120 a month".
func (i Item) Amount(n int) string {
	switch i {
	case Clusters:
		return plural(n, "cluster")
	case HAClusters:
		return plural(n, "highly available cluster")
	case AllNodes:
		return plural(n, "node")
	case PoolNodes:
		return plural(n, "node") + " in a pool"
	case VCPUs:
		return plural(n, "vCPU")
	case Memory:
		return strconv.Itoa(n) + " GiB of memory"
	case Cost:
		return i.Number(n) + " a month"
	}
	if size, ok := i.Size(); ok {
		return plural(n, size+" node")
	}
	family, _ := i.Family()
	return plural(n, "node") + " of family " + family
}

// What may be typed for a limit at the most keeps typing errors from becoming
// quotas; it is far above what an account can have.
const (
	mostOfItem   = 100_000
	mostDollars  = 10_000_000
	centsPerUnit = 100
)

// Typed is how limits of the item are typed: a whole number of at most most, each
// of which is as many of the item. Money is typed in dollars.
func (i Item) Typed() (most, each int) {
	if i == Cost {
		return mostDollars, centsPerUnit
	}
	return mostOfItem, 1
}

// Number shows n of the item beside its title, like "3", "16 GiB" or "$120".
func (i Item) Number(n int) string {
	switch {
	case i == Memory:
		return strconv.Itoa(n) + " GiB"
	case i == Cost && n%100 == 0:
		return "$" + grouped(n/100)
	case i == Cost:
		return fmt.Sprintf("$%s.%02d", grouped(n/100), n%100)
	}
	return strconv.Itoa(n)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// grouped shows a number with commas between its thousands.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// QuotaOf limits nodes, in all and per size, and allows no other sizes.
func QuotaOf(nodes int, sizes map[string]int) Quota {
	q := Quota{Limits: map[Item]int{AllNodes: nodes}, Sizes: slices.Sorted(maps.Keys(sizes))}
	for size, n := range sizes {
		q.Limits[NodesOf(size)] = n
	}
	return q
}

// Limit is how much of an item the quota allows; ok is false when it does not
// limit it.
func (q Quota) Limit(i Item) (limit int, ok bool) {
	limit, ok = q.Limits[i]
	if family, is := i.Family(); is && family == gpuFamily && !ok {
		return 0, true
	}
	return limit, ok
}

// Usage is what is taken of a quota: clusters, highly available clusters, and
// nodes per size, from which all other items follow. A pool counts max_nodes when
// it autoscales, else its count.
type Usage map[Item]int

// usageOf is that of a cluster without pools.
func usageOf(ha bool) Usage {
	u := Usage{Clusters: 1}
	if ha {
		u[HAClusters] = 1
	}
	return u
}

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

// Plus returns both together.
func (u Usage) Plus(other Usage) Usage {
	sum := Usage{}
	maps.Copy(sum, u)
	for item, n := range other {
		sum[item] += n
	}
	return sum
}

// Changes reports whether the usage is other than none.
func (u Usage) Changes() bool {
	for _, n := range u {
		if n != 0 {
			return true
		}
	}
	return false
}

// Demand is what a change asks of a quota: how it changes usage, and what it
// would have that a quota may not allow at all.
type Demand struct {
	Usage   Usage
	Sizes   []string // of new pools, also of those without nodes
	Pool    int      // nodes of the largest pool that is new or grows
	Region  string   // of a new cluster
	Version string   // of Kubernetes, that a cluster gets
}

// None reports whether the change asks for nothing.
func (d Demand) None() bool {
	return !d.Usage.Changes() && len(d.Sizes) == 0 && d.Region == "" && d.Version == ""
}

// QuotaEffect compares a team's quota before and after a change.
type QuotaEffect struct {
	Lines []QuotaLine `json:"lines"` // the first is about all nodes
	Team  string      `json:"-"`     // short name of the team, where its members may ask for more
}

// QuotaLine is one limit of a quota.
type QuotaLine struct {
	Item      Item   `json:"item"`
	Title     string `json:"title"` // what is limited, for people
	Limit     int    `json:"limit"`
	Unlimited bool   `json:"unlimited,omitempty"` // Limit says nothing
	Before    int    `json:"before"`
	After     int    `json:"after"`
	Refusal   string `json:"refusal,omitempty"` // why there may be none at all, in plain words; then the numbers say nothing
}

// Counted reports whether the line is about a number, not about what may be used
// or not.
func (l QuotaLine) Counted() bool { return l.Item != UsedRegion && l.Item != UsedVersion }

// Over is by how much the change exceeds the limit, at least 1 where there may be
// none at all. Shrinking is never over.
func (l QuotaLine) Over() int {
	switch {
	case l.After <= l.Before:
		return 0
	case l.Refusal != "":
		return l.After - l.Before
	case l.Unlimited:
		return 0
	}
	return max(0, l.After-l.Limit)
}

// Raisable reports whether a line is over a limit that can be raised.
func (l QuotaLine) Raisable() bool {
	_, isSize := l.Item.Size()
	_, isFamily := l.Item.Family()
	return l.Over() > 0 && l.Counted() && !l.Unlimited && (l.Refusal == "" || l.Limit == 0 && (isSize || isFamily))
}

// Exceeded says of a line that is over what the limit is, what is used of it, what
// is asked for, and what is too much.
func (l QuotaLine) Exceeded(t Team) string {
	switch {
	case l.Refusal != "":
		return fmt.Sprintf("Team %s %s.", t.Name, l.Refusal)
	case l.Item == PoolNodes:
		return fmt.Sprintf("Team %s may have %s, and this would have %d: %d over the limit.", t.Name, l.Item.Amount(l.Limit), l.After, l.Over())
	}
	return fmt.Sprintf("Team %s may have %s; it has %s and this asks for %s more: %s over the limit.",
		t.Name, l.Item.Amount(l.Limit), l.Item.Number(l.Before), l.Item.Number(l.After-l.Before), l.Item.Number(l.Over()))
}

// Over reports whether any limit is exceeded.
func (q QuotaEffect) Over() bool {
	for _, l := range q.Lines {
		if l.Over() > 0 {
			return true
		}
	}
	return false
}

package portal

import (
	"cmp"
	"slices"
	"time"
)

// States of a cluster that the portal acts on. DigitalOcean may report others,
// which are shown as they are.
const (
	ClusterRunning  = "running"
	ClusterDeleting = "deleting"
	ClusterDeleted  = "deleted"
	ClusterError    = "error"
)

// Cluster is a cluster of the inventory: what DigitalOcean last said, plus the
// portal's own data about it.
type Cluster struct {
	ID           string
	Name         string
	Region       string
	Version      string
	HA           bool
	State        string
	StateMessage string
	Tags         []string
	Endpoint     string
	CreatedAt    time.Time
	Pools        []Pool

	TeamID      string      // empty: owned by nobody
	TeamName    string      // of the team, for display
	Environment Environment // empty: not set
	SeenAt      time.Time   // when DigitalOcean last said so
	GoneAt      time.Time   // zero while it exists
}

// ClusterSummary is a row of a list of clusters.
type ClusterSummary struct {
	ID          string
	Name        string
	Region      string
	Version     string
	State       string
	TeamID      string      // empty: owned by nobody
	TeamName    string      // of the team, for display
	Environment Environment // empty: not set
	Nodes       int         // that the pools should have now
}

// Pool is a node pool of a cluster.
type Pool struct {
	ID        string
	Name      string
	Size      string
	Count     int
	AutoScale bool
	MinNodes  int
	MaxNodes  int
	Nodes     []Node
}

// Node is a node of a pool.
type Node struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	State   string `json:"state"`
	Message string `json:"message"`
}

// Cost is what the pool takes of a quota: the most nodes it may grow to.
func (p Pool) Cost() int {
	if p.AutoScale {
		return p.MaxNodes
	}
	return p.Count
}

// Usage is what the cluster takes of its team's quota.
func (c Cluster) Usage() Usage {
	u := Usage{}
	for _, p := range c.Pools {
		u[p.Size] += p.Cost()
	}
	return u
}

// NodeCount is the number of nodes the pools should have now.
func (c Cluster) NodeCount() int {
	n := 0
	for _, p := range c.Pools {
		n += p.Count
	}
	return n
}

// Shape is what of the cluster matters for the decision to delete it.
func (c Cluster) Shape() ClusterShape {
	s := ClusterShape{ID: c.ID, Name: c.Name, Region: c.Region, Version: c.Version, HA: c.HA}
	for _, p := range c.Pools {
		shape := PoolShape{ID: p.ID, Name: p.Name, Size: p.Size, AutoScale: p.AutoScale}
		if p.AutoScale {
			shape.MinNodes, shape.MaxNodes = p.MinNodes, p.MaxNodes
		} else {
			shape.Count = p.Count
		}
		s.Pools = append(s.Pools, shape)
	}
	slices.SortFunc(s.Pools, func(a, b PoolShape) int { return cmp.Compare(a.ID, b.ID) })
	return s
}

// Options are what DigitalOcean offers for new clusters.
type Options struct {
	Regions  []Choice `json:"regions"`
	Versions []Choice `json:"versions"` // newest first
	Sizes    []Size   `json:"sizes"`
}

// Choice is one of several things to choose from.
type Choice struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// Size is a kind of node.
type Size struct {
	Slug         string `json:"slug"`
	VCPUs        int    `json:"vcpus"`
	MemoryMiB    int    `json:"memory_mib"`
	MonthlyCents int64  `json:"monthly_cents"` // list price in USD cents; 0 when not known
}

// Size returns the size called slug.
func (o Options) Size(slug string) (Size, bool) {
	i := slices.IndexFunc(o.Sizes, func(s Size) bool { return s.Slug == slug })
	if i < 0 {
		return Size{}, false
	}
	return o.Sizes[i], true
}

// Has reports whether slug is among the choices.
func Has(choices []Choice, slug string) bool {
	return slices.ContainsFunc(choices, func(c Choice) bool { return c.Slug == slug })
}

// Freshness tells how old the inventory is.
type Freshness struct {
	CompleteAt  time.Time // when all of DigitalOcean's clusters were last read; zero: never
	AttemptedAt time.Time
	Failure     string // of the last attempt, in plain words; empty when it succeeded
}

// Offer is what DigitalOcean offered when it was last asked.
type Offer struct {
	Options Options
	AsOf    time.Time // zero: it has not been asked yet
}

// Empty reports whether nothing is known about the offer.
func (o Options) Empty() bool { return len(o.Sizes) == 0 }

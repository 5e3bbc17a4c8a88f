package portal

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// States of a cluster that the portal acts on. DigitalOcean may report others,
// which are shown as they are.
const (
	ClusterRunning      = "running"
	ClusterProvisioning = "provisioning"
	ClusterUpgrading    = "upgrading"
	ClusterDeleting     = "deleting"
	ClusterDeleted      = "deleted"
	ClusterError        = "error"
)

// States of a node that the portal acts on.
const (
	NodeProvisioning = "provisioning"
	NodeDraining     = "draining"
	NodeDeleting     = "deleting"
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
	Details      ClusterDetails
	Pools        []Pool

	TeamID      string      // empty: owned by nobody
	TeamName    string      // of the team, for display
	Environment Environment // empty: not set
	Protected   bool        // no request may delete it
	SeenAt      time.Time   // when DigitalOcean last said so
	GoneAt      time.Time   // zero while it exists
}

// ClusterDetails are what DigitalOcean says of a cluster besides.
type ClusterDetails struct {
	IPv4            string          `json:"ipv4,omitempty"`
	ClusterSubnet   string          `json:"cluster_subnet,omitempty"`
	ServiceSubnet   string          `json:"service_subnet,omitempty"`
	VPC             string          `json:"vpc,omitempty"`
	Registries      []string        `json:"registries,omitempty"`
	RegistryEnabled bool            `json:"registry_enabled,omitempty"`
	UpdatedAt       time.Time       `json:"updated_at,omitzero"`
	Settings        Settings        `json:"settings"`
	Extra           json.RawMessage `json:"extra,omitempty"` // an object of what this program does not know yet
}

// Baseline is the configuration of a cluster that drift is told from. What it does
// not say, because an earlier version of the portal wrote it, has not changed.
type Baseline struct {
	Cluster Cluster  `json:"cluster"` // without what comes and goes by itself
	Fields  []string `json:"fields"`  // what it says of cluster and pools
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
	Protected   bool        // no request may delete it
	Tags        []string
	HA          bool
	CreatedAt   time.Time
	Pools       []PoolSummary
}

// PoolSummary is what a list of clusters tells of a pool.
type PoolSummary struct {
	Size      string `json:"size"`
	Count     int    `json:"count"`
	AutoScale bool   `json:"auto_scale"`
}

// Summary is what a list of clusters tells of the cluster.
func (c Cluster) Summary() ClusterSummary {
	s := ClusterSummary{ID: c.ID, Name: c.Name, Region: c.Region, Version: c.Version, State: c.State, TeamID: c.TeamID, TeamName: c.TeamName,
		Environment: c.Environment, Protected: c.Protected, Tags: c.Tags, HA: c.HA, CreatedAt: c.CreatedAt}
	for _, p := range c.Pools {
		s.Pools = append(s.Pools, PoolSummary{Size: p.Size, Count: p.Count, AutoScale: p.AutoScale})
	}
	return s
}

// Nodes is how many nodes the pools should have now.
func (c ClusterSummary) Nodes() int {
	n := 0
	for _, p := range c.Pools {
		n += p.Count
	}
	return n
}

// MonthlyCents is what the cluster costs a month at list price as it is now, in
// USD cents; known is false when the price of one of its sizes is not.
func (c ClusterSummary) MonthlyCents(o Options) (cents int64, known bool) {
	if c.HA {
		cents = HAMonthlyCents
	}
	for _, p := range c.Pools {
		size, ok := o.Size(p.Size)
		if !ok || size.MonthlyCents == 0 {
			return 0, false
		}
		cents += size.MonthlyCents * int64(p.Count)
	}
	return cents, true
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
	Details   PoolDetails
}

// PoolDetails are what DigitalOcean says of a pool besides.
type PoolDetails struct {
	Labels map[string]string `json:"labels,omitempty"`
	Taints []Taint           `json:"taints,omitempty"`
	Tags   []string          `json:"tags,omitempty"`
	Extra  json.RawMessage   `json:"extra,omitempty"` // an object of what this program does not know yet
}

// Taint keeps pods away from the nodes of a pool.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"` // one of TaintEffects
}

// TaintEffects are what a taint may do. Source: Kubernetes' API reference.
var TaintEffects = []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}

// String shows the taint as kubectl does.
func (t Taint) String() string {
	if t.Value == "" {
		return t.Key + ":" + t.Effect
	}
	return t.Key + "=" + t.Value + ":" + t.Effect
}

// Node is a node of a pool.
type Node struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	State     string    `json:"state"`
	Message   string    `json:"message"`
	DropletID string    `json:"droplet_id,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
}

// Cost is what the pool takes of a quota: the most nodes it may grow to.
func (p Pool) Cost() int {
	if p.AutoScale {
		return p.MaxNodes
	}
	return p.Count
}

// Node returns the node called id.
func (p Pool) Node(id string) (Node, bool) {
	i := slices.IndexFunc(p.Nodes, func(n Node) bool { return n.ID == id })
	if i < 0 {
		return Node{}, false
	}
	return p.Nodes[i], true
}

// Settled reports whether as many nodes are there as should be, and none is on
// its way. One that is broken is no reason to wait.
func (p Pool) Settled() bool {
	onItsWay := []string{NodeProvisioning, NodeDraining, NodeDeleting}
	return len(p.Nodes) == p.Count && !slices.ContainsFunc(p.Nodes, func(n Node) bool { return slices.Contains(onItsWay, n.State) })
}

// Pool returns the pool called id.
func (c Cluster) Pool(id string) (Pool, bool) {
	i := slices.IndexFunc(c.Pools, func(p Pool) bool { return p.ID == id })
	if i < 0 {
		return Pool{}, false
	}
	return c.Pools[i], true
}

// Usage is what the cluster takes of its team's quota.
func (c Cluster) Usage() Usage {
	u := usageOf(c.HA)
	for _, p := range c.Pools {
		u[NodesOf(p.Size)] += p.Cost()
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

// ReservedTags begin the tags that DigitalOcean or the portal set themselves.
var ReservedTags = []string{"k8s", "team:", "env:", "portal-request:"}

// OwnTags returns the tags that people set, without those that DigitalOcean or
// the portal did.
func OwnTags(tags []string) []string {
	own := []string{}
	for _, t := range tags {
		if !slices.ContainsFunc(ReservedTags, func(r string) bool { return strings.HasPrefix(strings.ToLower(t), r) }) {
			own = append(own, t)
		}
	}
	slices.Sort(own)
	return own
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
	Family       string `json:"family,omitempty"` // as DigitalOcean describes it; empty when not known
	VCPUs        int    `json:"vcpus"`
	MemoryMiB    int    `json:"memory_mib"`
	DiskGiB      int    `json:"disk_gib,omitempty"`
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

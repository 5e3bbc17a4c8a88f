package portal

// Plan is what a request would do, worked out before anyone decides.
type Plan struct {
	Summary  string           `json:"summary"` // one line, e.g. "Create cluster web in fra1 with 3 nodes"
	Changes  []Change         `json:"changes"`
	Quota    QuotaEffect      `json:"quota"`
	Cost     CostEffect       `json:"cost"`
	Nodes    int              `json:"nodes"`    // that are destroyed or replaced
	Steps    []string         `json:"steps"`    // what will happen, in its order
	Warnings []string         `json:"warnings"` // what its requester and approvers should think of
	Losses   []string         `json:"losses"`   // what is destroyed and cannot be had back
	Destroys []Resource       `json:"destroys"` // resources outside of the cluster that are destroyed with it
	Remains  []Resource       `json:"remains"`  // what stays behind at DigitalOcean and goes on costing
	Verdict  Verdict          `json:"verdict"`
	Concern  string           `json:"concern"` // why nobody may come to approve it, in plain words; empty when somebody can
	Related  []RelatedRequest `json:"-"`       // open requests on the same clusters, as they are now
}

// CostEffect is what the target costs before and after.
type CostEffect struct {
	Before Money `json:"before"`
	After  Money `json:"after"`
}

// Change is by how much the most that it may cost grows, in USD cents a month.
func (c CostEffect) Change() int64 { return c.After.Most - c.Before.Most }

// HAMonthlyCents is what a highly available control plane costs a month, in USD
// cents. Source: DigitalOcean's price list.
const HAMonthlyCents = 4000

// Money is a price a month in USD cents, at list price: a range, because
// autoscaled pools have between their least and their most nodes.
type Money struct {
	Least int64 `json:"least"`
	Most  int64 `json:"most"`
}

// Plus adds two prices.
func (m Money) Plus(n Money) Money { return Money{Least: m.Least + n.Least, Most: m.Most + n.Most} }

// Change is one line of a plan's before/after diff. Before is empty for
// something new, After for something removed.
type Change struct {
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Kinds of a Resource.
const (
	LoadBalancer   = "load balancer"
	Volume         = "volume"
	VolumeSnapshot = "volume snapshot"
)

// Resource is something at DigitalOcean that belongs to a cluster.
type Resource struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

package portal

import (
	"time"
)

// Params are the parameters of a request: the member that fits its operation
// is set, and what the decision on it rests on.
type Params struct {
	Create     *CreateParams     `json:"create,omitempty"`
	Update     *UpdateParams     `json:"update,omitempty"`
	Upgrade    *UpgradeParams    `json:"upgrade,omitempty"`
	CreatePool *PoolSpec         `json:"create_pool,omitempty"`
	UpdatePool *UpdatePoolParams `json:"update_pool,omitempty"`
	DeletePool *DeletePoolParams `json:"delete_pool,omitempty"`
	DeleteNode *DeleteNodeParams `json:"delete_node,omitempty"`
	Recycle    *RecycleParams    `json:"recycle,omitempty"`
	Delete     *DeleteParams     `json:"delete,omitempty"` // of all three ways to delete a cluster
	Lint       *LintParams       `json:"lint,omitempty"`
	Access     *AccessParams     `json:"access,omitempty"`
	Registries *RegistryParams   `json:"registries,omitempty"`
	Raise      *RaiseParams      `json:"raise,omitempty"`
	Extend     *ExtendParams     `json:"extend,omitempty"`

	Campaign *CampaignMember `json:"campaign,omitempty"` // that the request is part of; nil: it stands by itself

	NotBefore *time.Time `json:"not_before,omitempty"` // the requester wants it later; nil: as soon as possible

	Target []Fact `json:"target,omitempty"` // the target as approvers saw it
}

// PoolID is the pool that the parameters are about, empty when it is none.
func (p Params) PoolID() string {
	switch {
	case p.UpdatePool != nil:
		return p.UpdatePool.PoolID
	case p.DeletePool != nil:
		return p.DeletePool.PoolID
	case p.DeleteNode != nil:
		return p.DeleteNode.PoolID
	case p.Recycle != nil:
		return p.Recycle.PoolID
	}
	return ""
}

// NodeID is the node that the parameters are about, empty when it is none or
// there are several.
func (p Params) NodeID() string {
	if p.DeleteNode == nil {
		return ""
	}
	return p.DeleteNode.NodeID
}

// CreateParams are the parameters of CreateCluster.
type CreateParams struct {
	Name          string      `json:"name"`
	Region        string      `json:"region"`
	Version       string      `json:"version"`
	HA            bool        `json:"ha"`
	Tags          []string    `json:"tags"` // the requester's; the portal adds its own
	Environment   Environment `json:"environment"`
	Pools         []PoolSpec  `json:"pools"`
	VPC           string      `json:"vpc_uuid,omitempty"`
	ClusterSubnet string      `json:"cluster_subnet,omitempty"`
	ServiceSubnet string      `json:"service_subnet,omitempty"`
	Settings      Settings    `json:"settings"`
	Lease         Lasting     `json:"lease,omitzero"` // from its creation on; zero: nobody is reminded to delete it
}

// PoolSpec describes a node pool to be made.
type PoolSpec struct {
	Name      string            `json:"name"`
	Size      string            `json:"size"`
	Count     int               `json:"count"` // at the start, when it autoscales
	AutoScale bool              `json:"auto_scale,omitempty"`
	MinNodes  int               `json:"min_nodes,omitempty"`
	MaxNodes  int               `json:"max_nodes,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Taints    []Taint           `json:"taints,omitempty"`
	Tags      []string          `json:"tags,omitempty"`
}

// Cost is what the pool would take of a quota: the most nodes it may grow to.
func (p PoolSpec) Cost() int {
	if p.AutoScale {
		return p.MaxNodes
	}
	return p.Count
}

// Usage is what the cluster would take of a quota.
func (p CreateParams) Usage() Usage {
	u := usageOf(p.HA)
	for _, pool := range p.Pools {
		u[NodesOf(pool.Size)] += pool.Cost()
	}
	return u
}

// UpgradeParams are the parameters of UpgradeCluster.
type UpgradeParams struct {
	Version string `json:"version"`
}

// UpdatePoolParams are the parameters of UpdateNodePool. What is nil stays as
// it is; a pointer to something empty clears it.
type UpdatePoolParams struct {
	PoolID    string             `json:"pool_id"`
	Name      *string            `json:"name,omitempty"`
	Count     *int               `json:"count,omitempty"`
	AutoScale *bool              `json:"auto_scale,omitempty"`
	MinNodes  *int               `json:"min_nodes,omitempty"`
	MaxNodes  *int               `json:"max_nodes,omitempty"`
	Labels    *map[string]string `json:"labels,omitempty"`
	Taints    *[]Taint           `json:"taints,omitempty"`
	Tags      *[]string          `json:"tags,omitempty"` // those that people set
}

// DeletePoolParams are the parameters of DeleteNodePool.
type DeletePoolParams struct {
	PoolID string `json:"pool_id"`
}

// DeleteNodeParams are the parameters of DeleteNode.
type DeleteNodeParams struct {
	PoolID    string `json:"pool_id"`
	NodeID    string `json:"node_id"`
	SkipDrain bool   `json:"skip_drain"`
	Replace   bool   `json:"replace"`
}

// RecycleParams are the parameters of RecycleNodePool.
type RecycleParams struct {
	PoolID  string   `json:"pool_id"`
	NodeIDs []string `json:"node_ids"`
}

// DeleteParams are the parameters of the three ways to delete a cluster.
type DeleteParams struct {
	Destroy []Resource `json:"destroy"` // what goes with it, chosen or all
	Keep    []Resource `json:"keep"`    // what stays and goes on costing
}

// LintParams are the parameters of RunClusterlint. Empty lists leave the
// choice to DigitalOcean.
type LintParams struct {
	IncludeGroups []string `json:"include_groups,omitempty"`
	IncludeChecks []string `json:"include_checks,omitempty"`
	ExcludeGroups []string `json:"exclude_groups,omitempty"`
	ExcludeChecks []string `json:"exclude_checks,omitempty"`
}

// AccessParams are the parameters of GetKubeconfig and GetCredentials.
type AccessParams struct {
	Seconds int `json:"seconds"` // how long they are good for
}

// Lifetime is how long what is handed out is good for.
func (p AccessParams) Lifetime() time.Duration { return time.Duration(p.Seconds) * time.Second }

// RegistryParams are the parameters of the four operations on registries.
type RegistryParams struct {
	ClusterIDs []string `json:"cluster_ids"`
	Names      []string `json:"names,omitempty"` // empty: the account's own one
}

// set puts in the new value, unless the old one is kept.
func set[T any](value, change *T) {
	if change != nil {
		*value = *change
	}
}

// Changed is what to ask for so that before becomes after, nil when it is that
// already.
func Changed[T comparable](before, after T) *T {
	if before == after {
		return nil
	}
	return &after
}

// Applied returns a pool as it is after the update. One that autoscales has as
// many nodes as before, as far as its bounds allow.
func (u UpdatePoolParams) Applied(p Pool) Pool {
	set(&p.Name, u.Name)
	set(&p.Count, u.Count)
	set(&p.AutoScale, u.AutoScale)
	set(&p.MinNodes, u.MinNodes)
	set(&p.MaxNodes, u.MaxNodes)
	set(&p.Details.Labels, u.Labels)
	set(&p.Details.Taints, u.Taints)
	set(&p.Details.Tags, u.Tags)
	if !p.AutoScale {
		p.MinNodes, p.MaxNodes = 0, 0
		return p
	}
	p.Count = min(max(p.Count, p.MinNodes), p.MaxNodes)
	return p
}

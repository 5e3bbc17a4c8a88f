package portal

// OperationID names an entry of the catalogue.
type OperationID string

// The operations that can be asked for.
const (
	CreateCluster OperationID = "create_cluster"
	DeleteCluster OperationID = "delete_cluster"
)

// Risk says how much an operation can harm.
type Risk string

// The risks of the operations that can be asked for.
const (
	RiskChange      Risk = "change"
	RiskDestructive Risk = "destructive"
)

// Operation is an entry of the catalogue of DigitalOcean's Kubernetes API.
type Operation struct {
	ID     OperationID
	Title  string // what a person calls it, e.g. "Create cluster"
	Method string
	Path   string // under the API's base URL
	Scope  string // what the DigitalOcean token must be allowed to do
	Risk   Risk
}

// Catalogue lists the operations that can be asked for.
var Catalogue = []Operation{
	{CreateCluster, "Create cluster", "POST", "/v2/kubernetes/clusters", "kubernetes:create", RiskChange},
	{DeleteCluster, "Delete cluster", "DELETE", "/v2/kubernetes/clusters/{cluster_id}", "kubernetes:delete", RiskDestructive},
}

// Operation returns the catalogue's entry, the zero Operation when there is none.
func (id OperationID) Operation() Operation {
	for _, op := range Catalogue {
		if op.ID == id {
			return op
		}
	}
	return Operation{}
}

// Title is what a person calls the operation.
func (id OperationID) Title() string { return id.Operation().Title }

// Params are the parameters of a request; the one that fits its operation is set.
type Params struct {
	Create *CreateParams `json:"create,omitempty"`
	Delete *DeleteParams `json:"delete,omitempty"`
}

// CreateParams are the parameters of CreateCluster.
type CreateParams struct {
	Name        string      `json:"name"`
	Region      string      `json:"region"`
	Version     string      `json:"version"`
	HA          bool        `json:"ha"`
	Tags        []string    `json:"tags"` // the requester's; the portal adds its own
	Environment Environment `json:"environment"`
	Pools       []PoolSpec  `json:"pools"`
}

// PoolSpec describes a node pool to be made.
type PoolSpec struct {
	Name  string `json:"name"`
	Size  string `json:"size"`
	Count int    `json:"count"`
}

// Usage is what the pools would take of a quota.
func (p CreateParams) Usage() Usage {
	u := Usage{}
	for _, pool := range p.Pools {
		u[pool.Size] += pool.Count
	}
	return u
}

// DeleteParams are the parameters of DeleteCluster: the cluster as its
// approvers saw it. Execution refuses when it has changed since.
type DeleteParams struct {
	Cluster ClusterShape `json:"cluster"`
}

// ClusterShape is what of a cluster matters for the decision to delete it. It
// leaves out what changes by itself, like the nodes of an autoscaled pool.
type ClusterShape struct {
	ID      string      `json:"id"`
	Name    string      `json:"name"`
	Region  string      `json:"region"`
	Version string      `json:"version"`
	HA      bool        `json:"ha"`
	Pools   []PoolShape `json:"pools"` // ordered by id
}

// PoolShape is what of a pool matters for the decision to delete its cluster.
type PoolShape struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Size      string `json:"size"`
	Count     int    `json:"count"` // 0 when the pool autoscales
	AutoScale bool   `json:"auto_scale"`
	MinNodes  int    `json:"min_nodes"`
	MaxNodes  int    `json:"max_nodes"`
}

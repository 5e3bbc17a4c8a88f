package portal

import (
	"slices"
	"strings"
)

// OperationID names an entry of the catalogue.
type OperationID string

// The 28 operations, in the order of DigitalOcean's API reference.
const (
	ListClusters            OperationID = "list_clusters"
	CreateCluster           OperationID = "create_cluster"
	GetCluster              OperationID = "get_cluster"
	UpdateCluster           OperationID = "update_cluster"
	DeleteCluster           OperationID = "delete_cluster"
	GetClusterlint          OperationID = "get_clusterlint"
	RunClusterlint          OperationID = "run_clusterlint"
	GetCredentials          OperationID = "get_credentials"
	ListAssociatedResources OperationID = "list_associated_resources"
	DeleteClusterDangerous  OperationID = "delete_cluster_dangerous"
	DeleteClusterSelective  OperationID = "delete_cluster_selective"
	GetKubeconfig           OperationID = "get_kubeconfig"
	ListNodePools           OperationID = "list_node_pools"
	CreateNodePool          OperationID = "create_node_pool"
	GetNodePool             OperationID = "get_node_pool"
	UpdateNodePool          OperationID = "update_node_pool"
	DeleteNodePool          OperationID = "delete_node_pool"
	DeleteNode              OperationID = "delete_node"
	RecycleNodePool         OperationID = "recycle_node_pool"
	ListStatusMessages      OperationID = "list_status_messages"
	UpgradeCluster          OperationID = "upgrade_cluster"
	ListUpgrades            OperationID = "list_upgrades"
	GetClusterUser          OperationID = "get_cluster_user"
	ListOptions             OperationID = "list_options"
	AddRegistries           OperationID = "add_registries"
	RemoveRegistries        OperationID = "remove_registries"
	AddRegistry             OperationID = "add_registry"
	RemoveRegistry          OperationID = "remove_registry"
)

// The portal's own operations, which are no entries of the catalogue: nothing of
// them reaches DigitalOcean.
const (
	RaiseQuota  OperationID = "raise_quota"  // lets a team have more, for good or for a time
	ExtendLease OperationID = "extend_lease" // keeps a cluster for longer than it was created for
)

// Risk says how much an operation can harm.
type Risk string

// The risks, the least first.
const (
	RiskRead        Risk = "read"        // changes nothing
	RiskDiagnostic  Risk = "diagnostic"  // runs something, changes nothing that is kept
	RiskChange      Risk = "change"      // can be changed back
	RiskDestructive Risk = "destructive" // destroys nodes or a cluster
	RiskDangerous   Risk = "dangerous"   // destroys data that outlives a cluster
	RiskSecret      Risk = "secret"      // hands out what gives access
	RiskAccount     Risk = "account"     // changes clusters of several teams
)

// Risks lists all risks, the least first.
var Risks = []Risk{RiskRead, RiskDiagnostic, RiskChange, RiskDestructive, RiskDangerous, RiskSecret, RiskAccount}

// Operation is an entry of the catalogue of DigitalOcean's Kubernetes API.
type Operation struct {
	ID         OperationID
	Title      string // what a person calls it, e.g. "Create cluster"
	Method     string
	Path       string // under the API's base URL
	Scope      string // what the DigitalOcean token must be allowed to do
	Risk       Risk
	Parameters string // names, separated by spaces
	Page       string // where it is done in the portal, as a pattern
	Deprecated bool   // by DigitalOcean
}

// Asked reports whether people ask for the operation with a request. What only
// reads is shown on its page at once.
func (o Operation) Asked() bool { return o.Risk != RiskRead }

// PathOf is the path with what the operation is about, as far as it is about that.
func (o Operation) PathOf(clusterID, poolID, nodeID string) string {
	return strings.NewReplacer("{cluster_id}", clusterID, "{node_pool_id}", poolID, "{node_id}", nodeID).Replace(o.Path)
}

const (
	clusters = "/v2/kubernetes/clusters"
	cluster  = clusters + "/{cluster_id}"
	pools    = cluster + "/node_pools"
	pool     = pools + "/{node_pool_id}"
	destroy  = cluster + "/destroy_with_associated_resources"

	settings = "auto_upgrade surge_upgrade ha tags maintenance_policy control_plane_firewall cluster_autoscaler_configuration " +
		"routing_agent amd_gpu_device_plugin amd_gpu_device_metrics_exporter_plugin nvidia_gpu_device_plugin rdma_shared_dev_plugin"
	poolSettings = "name count auto_scale min_nodes max_nodes labels taints tags"
)

// Catalogue lists all operations. Source: DigitalOcean's API reference.
var Catalogue = []Operation{
	{ID: ListClusters, Title: "List clusters", Method: "GET", Path: clusters, Scope: "kubernetes:read", Risk: RiskRead, Parameters: "page per_page", Page: "/clusters"},
	{ID: CreateCluster, Title: "Create cluster", Method: "POST", Path: clusters, Scope: "kubernetes:create", Risk: RiskChange, Parameters: "name region version vpc_uuid cluster_subnet service_subnet node_pools " + settings, Page: "/clusters/new"},
	{ID: GetCluster, Title: "Show cluster", Method: "GET", Path: cluster, Scope: "kubernetes:read", Risk: RiskRead, Page: "/clusters/{id}"},
	{ID: UpdateCluster, Title: "Update cluster", Method: "PUT", Path: cluster, Scope: "kubernetes:update", Risk: RiskChange, Parameters: "name " + settings, Page: "/clusters/{id}/settings"},
	{ID: DeleteCluster, Title: "Delete cluster", Method: "DELETE", Path: cluster, Scope: "kubernetes:delete", Risk: RiskDestructive, Page: "/clusters/{id}/delete"},
	{ID: GetClusterlint, Title: "Read clusterlint findings", Method: "GET", Path: cluster + "/clusterlint", Scope: "kubernetes:read", Risk: RiskRead, Parameters: "run_id", Page: "/clusters/{id}/diagnostics"},
	{ID: RunClusterlint, Title: "Run clusterlint", Method: "POST", Path: cluster + "/clusterlint", Scope: "kubernetes:update", Risk: RiskDiagnostic, Parameters: "include_groups include_checks exclude_groups exclude_checks", Page: "/clusters/{id}/diagnostics"},
	{ID: GetCredentials, Title: "Get credentials", Method: "GET", Path: cluster + "/credentials", Scope: "kubernetes:access_cluster", Risk: RiskSecret, Parameters: "expiry_seconds", Page: "/clusters/{id}/access"},
	{ID: ListAssociatedResources, Title: "List associated resources", Method: "GET", Path: destroy, Scope: "kubernetes:read", Risk: RiskRead, Page: "/clusters/{id}/delete"},
	{ID: DeleteClusterDangerous, Title: "Delete cluster and all its resources", Method: "DELETE", Path: destroy + "/dangerous", Scope: "kubernetes:delete", Risk: RiskDangerous, Page: "/clusters/{id}/delete"},
	{ID: DeleteClusterSelective, Title: "Delete cluster and selected resources", Method: "DELETE", Path: destroy + "/selective", Scope: "kubernetes:delete", Risk: RiskDangerous, Parameters: "load_balancers volumes volume_snapshots", Page: "/clusters/{id}/delete"},
	{ID: GetKubeconfig, Title: "Get kubeconfig", Method: "GET", Path: cluster + "/kubeconfig", Scope: "kubernetes:access_cluster", Risk: RiskSecret, Parameters: "expiry_seconds", Page: "/clusters/{id}/access"},
	{ID: ListNodePools, Title: "List node pools", Method: "GET", Path: pools, Scope: "kubernetes:read", Risk: RiskRead, Page: "/clusters/{id}/pools"},
	{ID: CreateNodePool, Title: "Add node pool", Method: "POST", Path: pools, Scope: "kubernetes:update", Risk: RiskChange, Parameters: "size " + poolSettings, Page: "/clusters/{id}/pools/new"},
	{ID: GetNodePool, Title: "Show node pool", Method: "GET", Path: pool, Scope: "kubernetes:read", Risk: RiskRead, Page: "/clusters/{id}/pools/{pool}"},
	{ID: UpdateNodePool, Title: "Update node pool", Method: "PUT", Path: pool, Scope: "kubernetes:update", Risk: RiskChange, Parameters: poolSettings, Page: "/clusters/{id}/pools/{pool}/change"},
	{ID: DeleteNodePool, Title: "Delete node pool", Method: "DELETE", Path: pool, Scope: "kubernetes:update", Risk: RiskDestructive, Page: "/clusters/{id}/pools/{pool}/delete"},
	{ID: DeleteNode, Title: "Delete node", Method: "DELETE", Path: pool + "/nodes/{node_id}", Scope: "kubernetes:update", Risk: RiskDestructive, Parameters: "skip_drain replace", Page: "/clusters/{id}/pools/{pool}/nodes/{node}/delete"},
	{ID: RecycleNodePool, Title: "Recycle nodes", Method: "POST", Path: pool + "/recycle", Scope: "kubernetes:delete", Risk: RiskDestructive, Parameters: "nodes", Page: "/clusters/{id}/pools/{pool}/recycle", Deprecated: true},
	{ID: ListStatusMessages, Title: "Read status messages", Method: "GET", Path: cluster + "/status_messages", Scope: "kubernetes:read", Risk: RiskRead, Parameters: "since", Page: "/clusters/{id}/diagnostics"},
	{ID: UpgradeCluster, Title: "Upgrade cluster", Method: "POST", Path: cluster + "/upgrade", Scope: "kubernetes:update", Risk: RiskChange, Parameters: "version", Page: "/clusters/{id}/upgrade"},
	{ID: ListUpgrades, Title: "List upgrades", Method: "GET", Path: cluster + "/upgrades", Scope: "kubernetes:read", Risk: RiskRead, Page: "/clusters/{id}/upgrade"},
	{ID: GetClusterUser, Title: "Show cluster user", Method: "GET", Path: cluster + "/user", Scope: "kubernetes:read", Risk: RiskRead, Page: "/clusters/{id}/access"},
	{ID: ListOptions, Title: "List available regions, sizes and versions", Method: "GET", Path: "/v2/kubernetes/options", Scope: "kubernetes:read", Risk: RiskRead, Page: "/clusters/new"},
	{ID: AddRegistries, Title: "Add registries", Method: "POST", Path: "/v2/kubernetes/registries", Scope: "kubernetes:create kubernetes:update", Risk: RiskAccount, Parameters: "cluster_uuids registries", Page: "/admin/registries"},
	{ID: RemoveRegistries, Title: "Remove registries", Method: "DELETE", Path: "/v2/kubernetes/registries", Scope: "kubernetes:update", Risk: RiskAccount, Parameters: "cluster_uuids registries", Page: "/admin/registries"},
	{ID: AddRegistry, Title: "Add the account's registry", Method: "POST", Path: "/v2/kubernetes/registry", Scope: "kubernetes:create kubernetes:update", Risk: RiskAccount, Parameters: "cluster_uuids", Page: "/admin/registries"},
	{ID: RemoveRegistry, Title: "Remove the account's registry", Method: "DELETE", Path: "/v2/kubernetes/registry", Scope: "kubernetes:update", Risk: RiskAccount, Parameters: "cluster_uuids", Page: "/admin/registries"},
}

var own = []Operation{
	{ID: RaiseQuota, Title: "Raise quota", Risk: RiskChange, Page: "/quotas/ask"},
	{ID: ExtendLease, Title: "Extend lease", Risk: RiskChange, Page: "/clusters/{id}/lease"},
}

// Operations lists all that requests can be for and policies can name: the
// catalogue, and then the portal's own.
func Operations() []Operation { return slices.Concat(Catalogue, own) }

// Own reports whether the portal itself carries the operation out, without a call
// to DigitalOcean.
func (id OperationID) Own() bool { return id == RaiseQuota || id == ExtendLease }

// Named reports whether only those rules of a policy speak of the operation that name
// it: what a team may have is no operation on clusters, so a rule about all of these
// lets nobody have more.
func (id OperationID) Named() bool { return id == RaiseQuota }

// Operation returns the entry of Operations, the zero Operation when there is none.
func (id OperationID) Operation() Operation {
	for _, list := range [...][]Operation{Catalogue, own} {
		for i := range list {
			if list[i].ID == id {
				return list[i]
			}
		}
	}
	return Operation{}
}

// Title is what a person calls the operation.
func (id OperationID) Title() string { return id.Operation().Title }

// Risk is how much the operation can harm.
func (id OperationID) Risk() Risk { return id.Operation().Risk }

// ChangesClusters reports whether the operation changes clusters at DigitalOcean.
func (id OperationID) ChangesClusters() bool {
	switch id.Risk() {
	case RiskChange, RiskDestructive, RiskDangerous, RiskAccount:
		return !id.Own()
	}
	return false
}

// Deletes reports whether the operation ends a cluster.
func (id OperationID) Deletes() bool {
	return id == DeleteCluster || id == DeleteClusterSelective || id == DeleteClusterDangerous
}

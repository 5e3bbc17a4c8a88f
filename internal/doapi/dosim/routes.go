package dosim

import (
	"net/http"
	"slices"
	"strings"
)

// Operation is one of the operations that the simulator answers.
type Operation struct {
	Name   string // by which faults and call counts name it, e.g. "create_cluster"
	Method string
	Path   string   // with {cluster_id} and the like
	Status int      // of a success
	Scopes []string // that a token needs, all of them

	do func(*world, *http.Request) (any, error) // returns the answer's body
}

// Scopes of tokens. Source: API reference, "Required scopes" of each operation.
const (
	scopeRead   = "kubernetes:read"
	scopeCreate = "kubernetes:create"
	scopeUpdate = "kubernetes:update"
	scopeDelete = "kubernetes:delete"
	scopeAccess = "kubernetes:access_cluster"
)

const (
	basePath     = "/v2/kubernetes"
	clustersPath = basePath + "/clusters"
	clusterPath  = clustersPath + "/{cluster_id}"
	destroyPath  = clusterPath + "/destroy_with_associated_resources"
	poolsPath    = clusterPath + "/node_pools"
	poolPath     = poolsPath + "/{node_pool_id}"
)

var operations = []Operation{
	{"list_clusters", "GET", clustersPath, 200, []string{scopeRead}, (*world).listClusters},
	{"create_cluster", "POST", clustersPath, 201, []string{scopeCreate}, (*world).createCluster},
	{"get_cluster", "GET", clusterPath, 200, []string{scopeRead}, (*world).getCluster},
	{"update_cluster", "PUT", clusterPath, 202, []string{scopeUpdate}, (*world).updateCluster},
	{"delete_cluster", "DELETE", clusterPath, 204, []string{scopeDelete}, (*world).deleteCluster},
	{"get_clusterlint", "GET", clusterPath + "/clusterlint", 200, []string{scopeRead}, (*world).getClusterlint},
	{"run_clusterlint", "POST", clusterPath + "/clusterlint", 202, []string{scopeUpdate}, (*world).runClusterlint},
	{"get_credentials", "GET", clusterPath + "/credentials", 200, []string{scopeAccess}, (*world).getCredentials},
	{"list_associated_resources", "GET", destroyPath, 200, []string{scopeRead}, (*world).listAssociated},
	{"delete_cluster_dangerous", "DELETE", destroyPath + "/dangerous", 204, []string{scopeDelete}, (*world).deleteDangerous},
	{"delete_cluster_selective", "DELETE", destroyPath + "/selective", 204, []string{scopeDelete}, (*world).deleteSelective},
	{"get_kubeconfig", "GET", clusterPath + "/kubeconfig", 200, []string{scopeAccess}, (*world).getKubeconfig},
	{"list_node_pools", "GET", poolsPath, 200, []string{scopeRead}, (*world).listPools},
	{"create_node_pool", "POST", poolsPath, 201, []string{scopeUpdate}, (*world).createPool},
	{"get_node_pool", "GET", poolPath, 200, []string{scopeRead}, (*world).getPool},
	{"update_node_pool", "PUT", poolPath, 202, []string{scopeUpdate}, (*world).updatePool},
	{"delete_node_pool", "DELETE", poolPath, 204, []string{scopeUpdate}, (*world).deletePool},
	{"delete_node", "DELETE", poolPath + "/nodes/{node_id}", 202, []string{scopeUpdate}, (*world).deleteNode},
	{"recycle_node_pool", "POST", poolPath + "/recycle", 202, []string{scopeDelete}, (*world).recyclePool},
	{"list_status_messages", "GET", clusterPath + "/status_messages", 200, []string{scopeRead}, (*world).listMessages},
	{"upgrade_cluster", "POST", clusterPath + "/upgrade", 202, []string{scopeUpdate}, (*world).upgradeCluster},
	{"list_upgrades", "GET", clusterPath + "/upgrades", 200, []string{scopeRead}, (*world).listUpgrades},
	{"get_cluster_user", "GET", clusterPath + "/user", 200, []string{scopeRead}, (*world).getUser},
	{"list_options", "GET", basePath + "/options", 200, []string{scopeRead}, (*world).listOptions},
	{"add_registries", "POST", basePath + "/registries", 204, []string{scopeCreate, scopeUpdate}, (*world).addRegistries},
	{"remove_registries", "DELETE", basePath + "/registries", 204, []string{scopeUpdate}, (*world).removeRegistries},
	{"add_registry", "POST", basePath + "/registry", 204, []string{scopeCreate, scopeUpdate}, (*world).addRegistry},
	{"remove_registry", "DELETE", basePath + "/registry", 204, []string{scopeUpdate}, (*world).removeRegistry},
	{"list_sizes", "GET", "/v2/sizes", 200, nil, (*world).listSizes},
}

// Operations lists the operations that the simulator answers: the 28 of the
// Kubernetes API and the sizes with their prices.
func Operations() []Operation { return slices.Clone(operations) }

func (s *Sim) routes() {
	byPath := map[string][]Operation{}
	for _, op := range operations {
		byPath[op.Path] = append(byPath[op.Path], op)
	}
	for path, ops := range byPath {
		s.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			i := slices.IndexFunc(ops, func(op Operation) bool { return op.Method == r.Method })
			if i < 0 {
				s.refuseMethod(w, r, ops)
				return
			}
			s.serve(w, r, ops[i])
		})
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.admit(w, r)
		if err == nil {
			err = notFound("The resource you requested could not be found.")
		}
		refuse(w, err)
	})
}

func (s *Sim) refuseMethod(w http.ResponseWriter, r *http.Request, ops []Operation) {
	_, err := s.admit(w, r)
	if err == nil {
		var allowed []string
		for _, op := range ops {
			allowed = append(allowed, op.Method)
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		err = refused(http.StatusMethodNotAllowed, "method_not_allowed", "The method is not allowed for the requested resource.")
	}
	refuse(w, err)
}

// serve answers a request for an operation, unless a fault is in the way.
func (s *Sim) serve(w http.ResponseWriter, r *http.Request, op Operation) {
	if err := buffer(w, r); err != nil {
		refuse(w, err)
		return
	}
	fault := s.receive(op.Name, r)
	fault.wait(r.Context())
	if fault.Kind == FaultReset {
		panic(http.ErrAbortHandler)
	}
	scopes, err := s.admit(w, r)
	switch {
	case err != nil:
	case fault.Kind == FaultStatus:
		err = fault.refusal(w)
	case !scopes.cover(op.Scopes):
		err = refused(http.StatusForbidden, "forbidden", "you do not have access for the attempted action")
	}
	if err != nil {
		refuse(w, err)
		return
	}
	fault.write(w, s.perform(w.Header().Get(requestIDHeader), r, op, fault))
}

// perform does what a request asks for.
func (s *Sim) perform(requestID string, r *http.Request, op Operation, fault Fault) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	on, reads := s.world, op.Method == http.MethodGet
	if reads && fault.frozen != nil {
		on = fault.frozen
	}
	body, err := op.do(on, r)
	if err == nil && !reads {
		s.changed()
	}
	// The body shares memory with the world, so it is encoded under the lock.
	return answerTo(requestID, op.Status, body, err)
}

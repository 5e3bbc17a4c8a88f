package web_test

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// reference are the 28 operations of DigitalOcean's API reference: method, path
// under /v2/kubernetes, status of success, scopes, risk. Ids are the names of
// the client's methods.
var reference = []string{
	"ListClusters GET /clusters 200 read read",
	"CreateCluster POST /clusters 201 create change",
	"GetCluster GET /clusters/{cluster_id} 200 read read",
	"UpdateCluster PUT /clusters/{cluster_id} 202 update change",
	"DeleteCluster DELETE /clusters/{cluster_id} 204 delete destructive",
	"GetClusterlint GET /clusters/{cluster_id}/clusterlint 200 read read",
	"RunClusterlint POST /clusters/{cluster_id}/clusterlint 202 update diagnostic",
	"GetCredentials GET /clusters/{cluster_id}/credentials 200 access_cluster secret",
	"ListAssociatedResources GET /clusters/{cluster_id}/destroy_with_associated_resources 200 read read",
	"DeleteClusterDangerous DELETE /clusters/{cluster_id}/destroy_with_associated_resources/dangerous 204 delete dangerous",
	"DeleteClusterSelective DELETE /clusters/{cluster_id}/destroy_with_associated_resources/selective 204 delete dangerous",
	"GetKubeconfig GET /clusters/{cluster_id}/kubeconfig 200 access_cluster secret",
	"ListNodePools GET /clusters/{cluster_id}/node_pools 200 read read",
	"CreateNodePool POST /clusters/{cluster_id}/node_pools 201 update change",
	"GetNodePool GET /clusters/{cluster_id}/node_pools/{node_pool_id} 200 read read",
	"UpdateNodePool PUT /clusters/{cluster_id}/node_pools/{node_pool_id} 202 update change",
	"DeleteNodePool DELETE /clusters/{cluster_id}/node_pools/{node_pool_id} 204 update destructive",
	"DeleteNode DELETE /clusters/{cluster_id}/node_pools/{node_pool_id}/nodes/{node_id} 202 update destructive",
	"RecycleNodePool POST /clusters/{cluster_id}/node_pools/{node_pool_id}/recycle 202 delete destructive",
	"ListStatusMessages GET /clusters/{cluster_id}/status_messages 200 read read",
	"UpgradeCluster POST /clusters/{cluster_id}/upgrade 202 update change",
	"ListUpgrades GET /clusters/{cluster_id}/upgrades 200 read read",
	"GetClusterUser GET /clusters/{cluster_id}/user 200 read read",
	"ListOptions GET /options 200 read read",
	"AddRegistries POST /registries 204 create+update account",
	"RemoveRegistries DELETE /registries 204 update account",
	"AddRegistry POST /registry 204 create+update account",
	"RemoveRegistry DELETE /registry 204 update account",
}

// TestCatalogue holds the catalogue, the client, the simulator, the pages and
// the plans against the reference.
func TestCatalogue(t *testing.T) {
	b := setup(t)
	if len(portal.Catalogue) != len(reference) || len(reference) != 28 {
		t.Fatalf("%d operations in the catalogue, %d in the reference", len(portal.Catalogue), len(reference))
	}
	for i, row := range reference {
		f := strings.Fields(row)
		op := portal.Catalogue[i]
		if strings.ReplaceAll(strings.ToLower(f[0]), "_", "") != strings.ReplaceAll(string(op.ID), "_", "") {
			t.Errorf("row %d is %s in the catalogue, %s in the reference", i+1, op.ID, f[0])
		}
		if op.Method != f[1] || op.Path != "/v2/kubernetes"+f[2] || op.Scope != scopes(f[4]) || string(op.Risk) != f[5] {
			t.Errorf("the catalogue has %+v, the reference %s", op, row)
		}
		if _, ok := reflect.TypeFor[*doapi.Client]().MethodByName(f[0]); !ok {
			t.Errorf("the client has no method %s", f[0])
		}
		b.checkSimulated(op, f)
		b.checkPage(op)
		if op.Asked() {
			b.checkPlan(op)
		}
	}
}

func scopes(short string) string {
	var list []string
	for s := range strings.SplitSeq(short, "+") {
		list = append(list, "kubernetes:"+s)
	}
	return strings.Join(list, " ")
}

func (b *bundle) checkSimulated(op portal.Operation, row []string) {
	b.t.Helper()
	all := dosim.Operations()
	i := slices.IndexFunc(all, func(o dosim.Operation) bool { return o.Name == string(op.ID) })
	if i < 0 {
		b.t.Errorf("the simulator does not know %s", op.ID)
		return
	}
	if o := all[i]; o.Method != op.Method || o.Path != op.Path || http.StatusText(o.Status) == "" || row[3] != statusOf(o.Status) || strings.Join(o.Scopes, " ") != op.Scope {
		b.t.Errorf("the simulator has %+v, the catalogue %+v", o, op)
	}
}

func statusOf(code int) string {
	return string([]byte{byte('0' + code/100), byte('0' + code/10%10), byte('0' + code%10)})
}

func (b *bundle) checkPage(op portal.Operation) {
	b.t.Helper()
	page := strings.NewReplacer("{id}", ":id", "{pool}", ":pool", "{node}", ":node").Replace(op.Page)
	methods := []string{http.MethodGet}
	if op.Asked() {
		methods = append(methods, http.MethodPost)
	}
	for _, method := range methods {
		if !b.served(method + " " + page) {
			b.t.Errorf("%s has no page: %s %s is not served", op.ID, method, page)
		}
	}
}

// checkPlan makes sure that an operation can be planned, whatever is missing.
func (b *bundle) checkPlan(op portal.Operation) {
	b.t.Helper()
	ledger := b.ledgerNow()
	who := portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: "s"}, Groups: []string{"pay"}, Roles: []portal.Role{portal.RoleAdmin}}
	ask := request.SubmitInput{Operation: op.ID, ClusterID: b.ledger}
	if strings.Contains(op.Path, "{node_pool_id}") {
		ask.PoolID = ledger.Pools[0].ID
	}
	if strings.Contains(op.Path, "{node_id}") {
		ask.NodeID = ledger.Pools[0].Nodes[0].ID
	}
	d, err := b.requests.Plan(b.t.Context(), who, ask)
	if err != nil || d.Plan.Summary == "" || d.Plan.Verdict.Decision == "" {
		b.t.Errorf("%s has no plan: %v %+v", op.ID, err, d.Plan)
	}
}

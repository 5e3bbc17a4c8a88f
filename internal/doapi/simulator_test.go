package doapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
)

// world is a simulator with a cluster on which every operation succeeds.
type world struct {
	*bundle
	cluster, pool, node, run string
}

// operator is a token that may do what its scopes say.
const operator = "dop_v1_operator"

func setupWorld(t *testing.T, scopes ...string) *world {
	t.Helper()
	w := &world{bundle: &bundle{clock: &clock{}}}
	w.clock.advance(time.Duration(someTime.UnixNano()))
	w.sim = dosim.New(dosim.Config{Token: token, Tokens: map[string][]string{operator: scopes}, Now: w.clock.Now})
	server := httptest.NewServer(w.sim)
	t.Cleanup(server.Close)
	w.url = server.URL
	w.Client = client(t, server.URL, token)
	w.cluster = w.sim.Add(dosim.Seed{
		Name: "shop", Region: "fra1", Version: "1.34.1-do.0", Registries: []string{"images"},
		Pools:     []dosim.SeedPool{{Name: "web", Size: "s-2vcpu-4gb", Count: 2}, {Name: "batch", Size: "s-2vcpu-4gb", Count: 1}},
		Resources: dosim.Resources{Volumes: []dosim.Resource{{ID: "v1", Name: "pvc-1"}, {ID: "v2", Name: "pvc-2"}}},
	})
	pools, err := w.ListNodePools(t.Context(), w.cluster)
	if err != nil {
		t.Fatal(err)
	}
	w.pool, w.node = pools[0].ID, pools[0].Nodes[0].ID
	if w.run, err = w.RunClusterlint(t.Context(), w.cluster, doapi.RunClusterlint{}); err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Hour)
	return w
}

// calls are successful calls of all operations of the simulator, by its names.
var calls = map[string]func(context.Context, *world) error{
	"list_clusters": func(ctx context.Context, w *world) error { return fault(w.ListClusters(ctx)) },
	"create_cluster": func(ctx context.Context, w *world) error {
		return fault(w.CreateCluster(ctx, params("new")))
	},
	"get_cluster": func(ctx context.Context, w *world) error { return fault(w.GetCluster(ctx, w.cluster)) },
	"update_cluster": func(ctx context.Context, w *world) error {
		return fault(w.UpdateCluster(ctx, w.cluster, doapi.UpdateCluster{SurgeUpgrade: new(true)}))
	},
	"delete_cluster":  func(ctx context.Context, w *world) error { return w.DeleteCluster(ctx, w.cluster) },
	"get_clusterlint": func(ctx context.Context, w *world) error { return fault(w.GetClusterlint(ctx, w.cluster, w.run)) },
	"run_clusterlint": func(ctx context.Context, w *world) error {
		return fault(w.RunClusterlint(ctx, w.cluster, doapi.RunClusterlint{}))
	},
	"get_credentials":           func(ctx context.Context, w *world) error { return fault(w.GetCredentials(ctx, w.cluster, time.Hour)) },
	"list_associated_resources": func(ctx context.Context, w *world) error { return fault(w.ListAssociatedResources(ctx, w.cluster)) },
	"delete_cluster_dangerous":  func(ctx context.Context, w *world) error { return w.DeleteClusterDangerous(ctx, w.cluster) },
	"delete_cluster_selective": func(ctx context.Context, w *world) error {
		return w.DeleteClusterSelective(ctx, w.cluster, doapi.DeleteClusterSelective{Volumes: []string{"v1"}})
	},
	"get_kubeconfig":  func(ctx context.Context, w *world) error { return fault(w.GetKubeconfig(ctx, w.cluster, time.Hour)) },
	"list_node_pools": func(ctx context.Context, w *world) error { return fault(w.ListNodePools(ctx, w.cluster)) },
	"create_node_pool": func(ctx context.Context, w *world) error {
		return fault(w.CreateNodePool(ctx, w.cluster, doapi.CreateNodePool{Name: "new", Size: "s-2vcpu-4gb", Count: 1}))
	},
	"get_node_pool": func(ctx context.Context, w *world) error { return fault(w.GetNodePool(ctx, w.cluster, w.pool)) },
	"update_node_pool": func(ctx context.Context, w *world) error {
		return fault(w.UpdateNodePool(ctx, w.cluster, w.pool, doapi.UpdateNodePool{Count: new(3)}))
	},
	"delete_node_pool": func(ctx context.Context, w *world) error { return w.DeleteNodePool(ctx, w.cluster, w.pool) },
	"delete_node": func(ctx context.Context, w *world) error {
		return w.DeleteNode(ctx, w.cluster, w.pool, w.node, doapi.DeleteNode{Replace: true})
	},
	"recycle_node_pool": func(ctx context.Context, w *world) error {
		return w.RecycleNodePool(ctx, w.cluster, w.pool, []string{w.node})
	},
	"list_status_messages": func(ctx context.Context, w *world) error { return fault(w.ListStatusMessages(ctx, w.cluster, never)) },
	"upgrade_cluster":      func(ctx context.Context, w *world) error { return w.UpgradeCluster(ctx, w.cluster, "1.34.4-do.0") },
	"list_upgrades":        func(ctx context.Context, w *world) error { return fault(w.ListUpgrades(ctx, w.cluster)) },
	"get_cluster_user":     func(ctx context.Context, w *world) error { return fault(w.GetClusterUser(ctx, w.cluster)) },
	"list_options":         func(ctx context.Context, w *world) error { return fault(w.ListOptions(ctx)) },
	"add_registries": func(ctx context.Context, w *world) error {
		return w.AddRegistries(ctx, []string{w.cluster}, []string{"charts"})
	},
	"remove_registries": func(ctx context.Context, w *world) error {
		return w.RemoveRegistries(ctx, []string{w.cluster}, []string{"images"})
	},
	"add_registry":    func(ctx context.Context, w *world) error { return w.AddRegistry(ctx, []string{w.cluster}) },
	"remove_registry": func(ctx context.Context, w *world) error { return w.RemoveRegistry(ctx, []string{w.cluster}) },
	"list_sizes":      func(ctx context.Context, w *world) error { return fault(w.ListSizes(ctx)) },
}

// fault leaves out what a call gives.
func fault(_ any, err error) error { return err }

func each(t *testing.T, test func(*testing.T, dosim.Operation, func(context.Context, *world) error)) {
	t.Helper()
	for _, op := range dosim.Operations() {
		t.Run(op.Name, func(t *testing.T) {
			t.Parallel()
			call := calls[op.Name]
			if call == nil {
				t.Fatal("the client is not called")
			}
			test(t, op, call)
		})
	}
}

// Every operation works, with one request, and with no more scopes than the
// reference says.
func TestEveryOperationWorks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, op dosim.Operation, call func(context.Context, *world) error) {
		w := setupWorld(t, op.Scopes...)
		before := w.sim.CallCount(op.Name)
		w.Client = client(t, w.url, operator)
		if err := call(t.Context(), w); err != nil || w.sim.CallCount(op.Name) != before+1 {
			t.Errorf("%d calls, %v", w.sim.CallCount(op.Name)-before, err)
		}
	})
}

// Without its scopes an operation is refused, and with another token too.
func TestEveryOperationNeedsItsScopes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, op dosim.Operation, call func(context.Context, *world) error) {
		w := setupWorld(t)
		w.Client = client(t, w.url, operator)
		if err := call(t.Context(), w); len(op.Scopes) > 0 && (class(err) != "refused" || doapi.UserMessage(err) != "you do not have access for the attempted action") {
			t.Errorf("%s: %v", class(err), err)
		}
		w.Client = client(t, w.url, "dop_v1_revoked")
		if err := call(t.Context(), w); class(err) != "refused" {
			t.Errorf("%s: %v", class(err), err)
		}
	})
}

// What is about a cluster that is not there finds nothing.
func TestEveryOperationOnNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, op dosim.Operation, call func(context.Context, *world) error) {
		if slices.Contains([]string{"list_clusters", "create_cluster", "list_options", "list_sizes"}, op.Name) {
			return
		}
		w := setupWorld(t)
		w.cluster = "00000000-0000-4000-8000-000000000000"
		if err := call(t.Context(), w); class(err) != "not found" {
			t.Errorf("%s: %v", class(err), err)
		}
	})
}

// Every operation meets every fault once. A write is sent once and known not
// to have happened, or unknown; a read is tried again and works.
func TestEveryOperationMeetsEveryFault(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, op dosim.Operation, call func(context.Context, *world) error) {
		for f, want := range map[dosim.Fault]string{
			{Kind: dosim.FaultStatus, Status: 401}: "refused",
			{Kind: dosim.FaultStatus, Status: 404}: "not found",
			{Kind: dosim.FaultStatus, Status: 422}: "refused",
			{Kind: dosim.FaultStatus, Status: 429}: "rate limited",
			{Kind: dosim.FaultStatus, Status: 500}: "unknown",
			{Kind: dosim.FaultReset}:               "unknown",
			{Kind: dosim.FaultLost}:                "unknown",
			{Kind: dosim.FaultDoneError}:           "unknown",
			{Kind: dosim.FaultDelay, Delay: 1000}:  "done",
		} {
			w := setupWorld(t)
			before := w.sim.CallCount(op.Name)
			f.Operation = op.Name
			w.sim.Inject(f)
			err := call(t.Context(), w)
			sent := 1
			if op.Method == http.MethodGet && (want == "unknown" || want == "rate limited") {
				want, sent = "done", 2
			}
			if n := w.sim.CallCount(op.Name) - before; class(err) != want || n != sent {
				t.Errorf("%s: %s, want %s; %d calls: %v", fmt.Sprint(f.Kind, f.Status), class(err), want, n, err)
			}
		}
	})
}

package doapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/doapi"
)

// operation is a call of one of the API's operations.
type operation struct {
	name   string
	call   func(context.Context, *doapi.Client) (any, error)
	sends  string // method, path with query, body
	status int    // of the answer
	answer string
	gives  any // to the caller
}

// done is a call that gives nothing but an error.
func done(call func(context.Context, *doapi.Client) error) func(context.Context, *doapi.Client) (any, error) {
	return func(ctx context.Context, c *doapi.Client) (any, error) { return nil, call(ctx, c) }
}

const (
	shopAnswer = `{"kubernetes_cluster":{"id":"c1","name":"shop"}}`
	poolAnswer = `{"node_pool":{"id":"p1","name":"web"}}`
)

var (
	shop = doapi.Cluster{ID: "c1", Name: "shop"}
	pool = doapi.NodePool{ID: "p1", Name: "web"}
)

// operations are all of them, in the order of the reference.
var operations = slices.Concat(clusterOperations, accessOperations, poolOperations, accountOperations)

var clusterOperations = []operation{
	{
		name: "list_clusters", status: 200, sends: "GET /v2/kubernetes/clusters?page=1&per_page=200 ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.ListClusters(ctx) },
		answer: `{"kubernetes_clusters":[{"id":"c1","name":"shop"}],"links":{},"meta":{"total":1}}`, gives: []doapi.Cluster{shop},
	}, {
		name: "create_cluster", status: 201,
		call: func(ctx context.Context, c *doapi.Client) (any, error) { return c.CreateCluster(ctx, params("shop")) },
		sends: `POST /v2/kubernetes/clusters {"name":"shop","region":"fra1","version":"1.35","ha":true,"auto_upgrade":false,"surge_upgrade":false,"tags":["mine"],` +
			`"node_pools":[{"name":"pool","size":"s-2vcpu-4gb","count":2,"auto_scale":false,"min_nodes":0,"max_nodes":0}]}`,
		answer: shopAnswer, gives: shop,
	}, {
		name: "get_cluster", status: 200, sends: "GET /v2/kubernetes/clusters/c1 ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.GetCluster(ctx, "c1") },
		answer: shopAnswer, gives: shop,
	}, {
		name: "update_cluster", status: 202, sends: `PUT /v2/kubernetes/clusters/c1 {"name":"shop"}`,
		call: func(ctx context.Context, c *doapi.Client) (any, error) {
			return c.UpdateCluster(ctx, "c1", doapi.UpdateCluster{Name: new("shop")})
		},
		answer: shopAnswer, gives: shop,
	}, {
		name: "delete_cluster", status: 204, sends: "DELETE /v2/kubernetes/clusters/c1 ",
		call: done(func(ctx context.Context, c *doapi.Client) error { return c.DeleteCluster(ctx, "c1") }),
	}, {
		name: "get_clusterlint", status: 200, sends: "GET /v2/kubernetes/clusters/c1/clusterlint?run_id=r1 ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.GetClusterlint(ctx, "c1", "r1") },
		answer: `{"run_id":"r1","completed_at":"2026-01-02T03:04:05Z","diagnostics":[{"check_name":"unused-config-map","severity":"warning","message":"Unused","object":{"kind":"config map","name":"foo","namespace":"bar"}}]}`,
		gives: doapi.Clusterlint{RunID: "r1", CompletedAt: someTime, Diagnostics: []doapi.Diagnostic{{CheckName: "unused-config-map", Severity: "warning", Message: "Unused",
			Object: doapi.DiagnosticObject{Kind: "config map", Name: "foo", Namespace: "bar"}}}},
	}, {
		name: "run_clusterlint", status: 202, sends: `POST /v2/kubernetes/clusters/c1/clusterlint {"include_groups":["basic"],"exclude_checks":["bare-pods"]}`,
		call: func(ctx context.Context, c *doapi.Client) (any, error) {
			return c.RunClusterlint(ctx, "c1", doapi.RunClusterlint{IncludeGroups: []string{"basic"}, ExcludeChecks: []string{"bare-pods"}})
		},
		answer: `{"run_id":"r1"}`, gives: "r1",
	},
}

var accessOperations = []operation{
	{
		name: "get_credentials", status: 200, sends: "GET /v2/kubernetes/clusters/c1/credentials?expiry_seconds=28800 ",
		call: func(ctx context.Context, c *doapi.Client) (any, error) {
			return c.GetCredentials(ctx, "c1", 8*time.Hour)
		},
		answer: `{"server":"https://s","certificate_authority_data":"Y2E=","token":"t","client_certificate_data":null,"client_key_data":"a2V5","expires_at":"2026-01-02T03:04:05Z"}`,
		gives:  doapi.Credentials{Server: "https://s", CertificateAuthorityData: "Y2E=", Token: "t", ClientKeyData: "a2V5", ExpiresAt: someTime},
	}, {
		name: "list_associated_resources", status: 200, sends: "GET /v2/kubernetes/clusters/c1/destroy_with_associated_resources ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.ListAssociatedResources(ctx, "c1") },
		answer: `{"load_balancers":[{"id":"l1","name":"lb"}],"volumes":null,"volume_snapshots":[]}`,
		gives:  doapi.AssociatedResources{LoadBalancers: []doapi.AssociatedResource{{ID: "l1", Name: "lb"}}, VolumeSnapshots: []doapi.AssociatedResource{}},
	}, {
		name: "delete_cluster_dangerous", status: 204, sends: "DELETE /v2/kubernetes/clusters/c1/destroy_with_associated_resources/dangerous ",
		call: done(func(ctx context.Context, c *doapi.Client) error { return c.DeleteClusterDangerous(ctx, "c1") }),
	}, {
		name: "delete_cluster_selective", status: 204,
		sends: `DELETE /v2/kubernetes/clusters/c1/destroy_with_associated_resources/selective {"load_balancers":["l1"],"volumes":[],"volume_snapshots":[]}`,
		call: done(func(ctx context.Context, c *doapi.Client) error {
			return c.DeleteClusterSelective(ctx, "c1", doapi.DeleteClusterSelective{LoadBalancers: []string{"l1"}})
		}),
	}, {
		name: "get_kubeconfig", status: 200, sends: "GET /v2/kubernetes/clusters/c1/kubeconfig?expiry_seconds=60 ",
		call: func(ctx context.Context, c *doapi.Client) (any, error) {
			return c.GetKubeconfig(ctx, "c1", time.Minute)
		},
		answer: "apiVersion: v1\nkind: Config\n", gives: doapi.Kubeconfig("apiVersion: v1\nkind: Config\n"),
	},
}

var poolOperations = []operation{
	{
		name: "list_node_pools", status: 200, sends: "GET /v2/kubernetes/clusters/c1/node_pools ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.ListNodePools(ctx, "c1") },
		answer: `{"node_pools":[{"id":"p1","name":"web"}]}`, gives: []doapi.NodePool{pool},
	}, {
		name: "create_node_pool", status: 201,
		sends: `POST /v2/kubernetes/clusters/c1/node_pools {"name":"web","size":"s-1vcpu-2gb","count":0,"auto_scale":true,"min_nodes":0,"max_nodes":3,"tags":["a"],` +
			`"labels":{"k":"v","l":""},"taints":[{"key":"k","value":"","effect":"NoSchedule"}]}`,
		call: func(ctx context.Context, c *doapi.Client) (any, error) {
			return c.CreateNodePool(ctx, "c1", doapi.CreateNodePool{Name: "web", Size: "s-1vcpu-2gb", AutoScale: true, MaxNodes: 3, Tags: []string{"a"},
				Labels: map[string]string{"l": "", "k": "v"}, Taints: []doapi.Taint{{Key: "k", Effect: "NoSchedule"}}})
		},
		answer: poolAnswer, gives: pool,
	}, {
		name: "get_node_pool", status: 200, sends: "GET /v2/kubernetes/clusters/c1/node_pools/p1 ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.GetNodePool(ctx, "c1", "p1") },
		answer: poolAnswer, gives: pool,
	}, {
		name: "update_node_pool", status: 202, sends: `PUT /v2/kubernetes/clusters/c1/node_pools/p1 {"count":3}`,
		call: func(ctx context.Context, c *doapi.Client) (any, error) {
			return c.UpdateNodePool(ctx, "c1", "p1", doapi.UpdateNodePool{Count: new(3)})
		},
		answer: poolAnswer, gives: pool,
	}, {
		name: "delete_node_pool", status: 204, sends: "DELETE /v2/kubernetes/clusters/c1/node_pools/p1 ",
		call: done(func(ctx context.Context, c *doapi.Client) error { return c.DeleteNodePool(ctx, "c1", "p1") }),
	}, {
		name: "delete_node", status: 202, sends: "DELETE /v2/kubernetes/clusters/c1/node_pools/p1/nodes/n1?replace=1&skip_drain=1 ",
		call: done(func(ctx context.Context, c *doapi.Client) error {
			return c.DeleteNode(ctx, "c1", "p1", "n1", doapi.DeleteNode{SkipDrain: true, Replace: true})
		}),
	}, {
		name: "recycle_node_pool", status: 202, sends: `POST /v2/kubernetes/clusters/c1/node_pools/p1/recycle {"nodes":["n1"]}`,
		call: done(func(ctx context.Context, c *doapi.Client) error {
			return c.RecycleNodePool(ctx, "c1", "p1", []string{"n1"})
		}),
	},
}

var accountOperations = []operation{
	{
		name: "list_status_messages", status: 200, sends: "GET /v2/kubernetes/clusters/c1/status_messages?since=2026-01-02T03%3A04%3A05Z ",
		call: func(ctx context.Context, c *doapi.Client) (any, error) {
			return c.ListStatusMessages(ctx, "c1", someTime.In(time.FixedZone("", 3600)))
		},
		answer: `{"messages":[{"message":"delayed","timestamp":"2026-01-02T03:04:05Z"}]}`, gives: []doapi.StatusMessage{{Message: "delayed", Timestamp: someTime}},
	}, {
		name: "upgrade_cluster", status: 202, sends: `POST /v2/kubernetes/clusters/c1/upgrade {"version":"1.35.1-do.0"}`,
		call: done(func(ctx context.Context, c *doapi.Client) error { return c.UpgradeCluster(ctx, "c1", "1.35.1-do.0") }),
	}, {
		name: "list_upgrades", status: 200, sends: "GET /v2/kubernetes/clusters/c1/upgrades ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.ListUpgrades(ctx, "c1") },
		answer: `{"available_upgrade_versions":[{"slug":"1.36.0-do.0","kubernetes_version":"1.36.0","supported_features":["cluster-autoscaler"]}]}`,
		gives:  []doapi.VersionOption{{Slug: "1.36.0-do.0", KubernetesVersion: "1.36.0", SupportedFeatures: []string{"cluster-autoscaler"}}},
	}, {
		name: "get_cluster_user", status: 200, sends: "GET /v2/kubernetes/clusters/c1/user ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.GetClusterUser(ctx, "c1") },
		answer: `{"kubernetes_cluster_user":{"username":"a@example.com","groups":["k8saas:authenticated"]}}`,
		gives:  doapi.ClusterUser{Username: "a@example.com", Groups: []string{"k8saas:authenticated"}},
	}, {
		name: "list_options", status: 200, sends: "GET /v2/kubernetes/options ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.ListOptions(ctx) },
		answer: `{"options":{"regions":[{"name":"Frankfurt 1","slug":"fra1"}],"sizes":null,"versions":[]}}`,
		gives:  doapi.Options{Regions: []doapi.Option{{Name: "Frankfurt 1", Slug: "fra1"}}, Versions: []doapi.VersionOption{}},
	}, {
		name: "add_registries", status: 204, sends: `POST /v2/kubernetes/registries {"cluster_uuids":["c1","c2"],"registries":["r"]}`,
		call: done(func(ctx context.Context, c *doapi.Client) error {
			return c.AddRegistries(ctx, []string{"c1", "c2"}, []string{"r"})
		}),
	}, {
		name: "remove_registries", status: 204, sends: `DELETE /v2/kubernetes/registries {"cluster_uuids":["c1"],"registries":["r"]}`,
		call: done(func(ctx context.Context, c *doapi.Client) error {
			return c.RemoveRegistries(ctx, []string{"c1"}, []string{"r"})
		}),
	}, {
		name: "add_registry", status: 204, sends: `POST /v2/kubernetes/registry {"cluster_uuids":["c1"]}`,
		call: done(func(ctx context.Context, c *doapi.Client) error { return c.AddRegistry(ctx, []string{"c1"}) }),
	}, {
		name: "remove_registry", status: 204, sends: `DELETE /v2/kubernetes/registry {"cluster_uuids":["c1"]}`,
		call: done(func(ctx context.Context, c *doapi.Client) error { return c.RemoveRegistry(ctx, []string{"c1"}) }),
	}, {
		name: "list_sizes", status: 200, sends: "GET /v2/sizes?page=1&per_page=200 ",
		call:   func(ctx context.Context, c *doapi.Client) (any, error) { return c.ListSizes(ctx) },
		answer: `{"sizes":[{"slug":"s-1vcpu-2gb","memory":2048,"vcpus":1,"disk":50,"transfer":2.0,"price_monthly":12.0,"price_hourly":0.01786,"regions":["fra1"],"available":true,"description":"Basic"}],"meta":{"total":1}}`,
		gives: []doapi.Size{{Slug: "s-1vcpu-2gb", Memory: 2048, VCPUs: 1, Disk: 50, Transfer: 2, PriceMonthly: 12, PriceHourly: 0.01786,
			Regions: []string{"fra1"}, Available: true, Description: "Basic"}},
	},
}

func (o operation) writes() bool { return !strings.HasPrefix(o.sends, "GET") }

// server answers every request in the same way and remembers what it was sent.
type server struct {
	url  string
	mu   sync.Mutex
	sent []string
}

func answers(t *testing.T, respond http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.url = answering(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.sent = append(s.sent, fmt.Sprintf("%s %s %s", r.Method, r.RequestURI, body))
		s.mu.Unlock()
		respond(w, r)
	})
	return s
}

func (s *server) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sent)
}

func saying(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Every operation sends what the reference says, and gives what it answers.
func TestOperations(t *testing.T) {
	t.Parallel()
	if len(operations) != 28+1 {
		t.Errorf("%d operations", len(operations))
	}
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			s := answers(t, saying(o.status, o.answer))
			got, err := o.call(t.Context(), client(t, s.url, token))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{o.sends}, s.heard()); diff != "" {
				t.Errorf("what it sends (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(o.gives, got); diff != "" {
				t.Errorf("what it gives (-want +got):\n%s", diff)
			}
		})
	}
}

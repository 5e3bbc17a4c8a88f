package operation

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/portal"
)

// pool is one of p1's name with so many nodes wanted and nodes in these states, made at
// a time.
func poolWith(count int, at time.Time, states ...string) portal.Pool {
	p := portal.Pool{ID: "p1", Name: "fixed", Size: small, Count: count}
	for i, state := range states {
		p.Nodes = append(p.Nodes, portal.Node{ID: "n" + string(rune('1'+i)), State: state, CreatedAt: at})
	}
	return p
}

// Whatever is asked for, its progress says in plain words what is being done, and counts
// what can be counted.
func TestProgress(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	before, after := sent.Add(-time.Hour), sent.Add(time.Minute)
	cluster := func(state string, pools ...portal.Pool) portal.Cluster {
		return portal.Cluster{ID: "c1", State: state, Version: "1", Pools: pools}
	}
	upgraded := func(pools ...portal.Pool) portal.Cluster {
		c := cluster(portal.ClusterUpgrading, pools...)
		c.Version = "2"
		return c
	}
	tagged := poolWith(3, after, "running", "provisioning")
	tagged.Details.Tags = []string{"portal-request:r1"}
	four := 4
	params := map[portal.OperationID]portal.Params{
		portal.CreateCluster: {Create: &portal.CreateParams{}}, portal.UpdateCluster: {Update: &portal.UpdateParams{}}, portal.UpgradeCluster: {Upgrade: &portal.UpgradeParams{Version: "2"}},
		portal.DeleteCluster: {Delete: &portal.DeleteParams{}}, portal.DeleteClusterSelective: {Delete: &portal.DeleteParams{}}, portal.DeleteClusterDangerous: {Delete: &portal.DeleteParams{}},
		portal.CreateNodePool: {CreatePool: &portal.PoolSpec{}}, portal.UpdateNodePool: {UpdatePool: &portal.UpdatePoolParams{PoolID: "p1", Count: &four}}, portal.DeleteNodePool: {DeletePool: &portal.DeletePoolParams{PoolID: "p1"}},
		portal.DeleteNode: {DeleteNode: &portal.DeleteNodeParams{PoolID: "p1", NodeID: "n1"}}, portal.RecycleNodePool: {Recycle: &portal.RecycleParams{PoolID: "p1", NodeIDs: []string{"n1", "n2"}}},
		portal.RunClusterlint: {Lint: &portal.LintParams{}}, portal.GetKubeconfig: {Access: &portal.AccessParams{}}, portal.GetCredentials: {Access: &portal.AccessParams{}},
		portal.AddRegistries: {Registries: &portal.RegistryParams{Names: []string{"x"}}}, portal.RemoveRegistries: {Registries: &portal.RegistryParams{Names: []string{"x"}}},
		portal.AddRegistry: {Registries: &portal.RegistryParams{}}, portal.RemoveRegistry: {Registries: &portal.RegistryParams{}},
		portal.RaiseQuota: {Raise: &portal.RaiseParams{}}, portal.ExtendLease: {Extend: &portal.ExtendParams{}},
	}
	with := func(c portal.Cluster, registries ...string) portal.Cluster {
		c.Details.Registries, c.Details.RegistryEnabled = registries, true
		return c
	}
	running := cluster(portal.ClusterRunning, poolWith(2, before, "running", "running"))
	tests := []struct {
		op   portal.OperationID
		name string
		live []portal.Cluster
		want string
	}{
		{portal.CreateCluster, "without nodes", []portal.Cluster{cluster(portal.ClusterProvisioning, poolWith(3, after))}, "Provisioning the control plane, 0 of 3 nodes ready"},
		{portal.CreateCluster, "with nodes of two pools", []portal.Cluster{cluster(portal.ClusterProvisioning, poolWith(3, after, "running", "provisioning"), poolWith(1, after, "running"))}, "Provisioning control plane and nodes, 2 of 4 nodes ready"},
		{portal.UpdateCluster, "", []portal.Cluster{running}, "Applying the new settings"},
		{portal.UpgradeCluster, "not begun", []portal.Cluster{running}, notBegun},
		{portal.UpgradeCluster, "control plane", []portal.Cluster{cluster(portal.ClusterUpgrading, poolWith(1, before, "running"))}, "Upgrading the control plane, 0 of 1 pools upgraded"},
		{portal.UpgradeCluster, "one of two pools", []portal.Cluster{upgraded(poolWith(1, after, "running"), poolWith(1, before, "running"))}, "Upgrading node pools, 1 of 2 pools upgraded"},
		{portal.UpgradeCluster, "new nodes come up", []portal.Cluster{upgraded(poolWith(1, after, "provisioning"))}, "Upgrading node pools, 0 of 1 pools upgraded"},
		{portal.DeleteCluster, "not begun", []portal.Cluster{running}, notBegun},
		{portal.DeleteCluster, "nodes left", []portal.Cluster{cluster(portal.ClusterDeleting, poolWith(2, before, "deleting"))}, "Deleting the cluster, 1 node left"},
		{portal.DeleteClusterSelective, "no nodes left", []portal.Cluster{cluster(portal.ClusterDeleting, poolWith(2, before))}, "Deleting the cluster, its nodes are gone"},
		{portal.DeleteClusterDangerous, "gone", nil, "Confirming that the cluster is gone"},
		{portal.CreateNodePool, "not begun", []portal.Cluster{running}, notBegun},
		{portal.CreateNodePool, "its nodes alone", []portal.Cluster{cluster(portal.ClusterRunning, poolWith(9, before, "running"), tagged)}, "Provisioning nodes, 1 of 3 nodes ready"},
		{portal.UpdateNodePool, "not begun", []portal.Cluster{running}, notBegun},
		{portal.UpdateNodePool, "larger", []portal.Cluster{cluster(portal.ClusterRunning, poolWith(4, after, "running", "running", "running"))}, "Provisioning nodes, 3 of 4 nodes ready"},
		{portal.UpdateNodePool, "smaller", []portal.Cluster{cluster(portal.ClusterRunning, poolWith(4, after, "running", "running", "running", "running", "draining", "deleting"))}, "Draining and removing 2 nodes"},
		{portal.DeleteNodePool, "not begun", []portal.Cluster{running}, notBegun},
		{portal.DeleteNodePool, "nodes left", []portal.Cluster{cluster(portal.ClusterRunning, poolWith(0, before, "draining", "deleting"))}, "Draining and removing the nodes, 2 left"},
		{portal.DeleteNodePool, "no nodes left", []portal.Cluster{cluster(portal.ClusterRunning, poolWith(0, before))}, "Confirming that the pool is gone"},
		{portal.DeleteNode, "not begun", []portal.Cluster{running}, notBegun},
		{portal.DeleteNode, "drained", []portal.Cluster{cluster(portal.ClusterRunning, poolWith(1, before, "draining", "running"))}, "Draining the node"},
		{portal.DeleteNode, "removed", []portal.Cluster{cluster(portal.ClusterRunning, poolWith(1, before, "deleting", "running"))}, "Removing the node"},
		{portal.DeleteNode, "gone", []portal.Cluster{cluster(portal.ClusterRunning)}, "Confirming that the node is gone"},
		{portal.RecycleNodePool, "not begun", []portal.Cluster{running}, notBegun},
		{portal.RecycleNodePool, "begun", []portal.Cluster{cluster(portal.ClusterRunning, poolWith(2, before, "draining", "running"))}, "Replacing nodes, 0 of 2 nodes replaced"},
		{portal.RecycleNodePool, "one of two", []portal.Cluster{cluster(portal.ClusterRunning, poolWith(2, before, "draining"))}, "Replacing nodes, 1 of 2 nodes replaced"},
		{portal.RecycleNodePool, "the old ones are gone", []portal.Cluster{cluster(portal.ClusterRunning, portal.Pool{ID: "p1", Count: 2, Nodes: []portal.Node{{ID: "n8", State: "running"}, {ID: "n9", State: "provisioning"}}})},
			"Provisioning the last replacements, 1 of 2 nodes ready"},
		{portal.RunClusterlint, "", nil, "Running clusterlint"},
		{portal.AddRegistries, "one of two", []portal.Cluster{with(running, "x"), running}, "Changing registries, 1 of 2 clusters done"},
		{portal.RemoveRegistries, "one of two", []portal.Cluster{with(running, "x"), running}, "Changing registries, 1 of 2 clusters done"},
		{portal.AddRegistry, "one of two", []portal.Cluster{with(running), running}, "Changing registries, 1 of 2 clusters done"},
		{portal.RemoveRegistry, "", []portal.Cluster{running, running}, "Changing registries, 2 of 2 clusters done"},
		{portal.GetKubeconfig, "", []portal.Cluster{running}, ""},
		{portal.GetCredentials, "", []portal.Cluster{running}, ""},
		{portal.RaiseQuota, "", nil, ""},
		{portal.ExtendLease, "", []portal.Cluster{running}, ""},
	}
	tested := map[portal.OperationID]bool{}
	for _, test := range tests {
		tested[test.op] = true
		r := portal.Request{ID: "r1", Operation: test.op, Params: params[test.op], TargetIDs: []string{"c1", "c2"}, State: portal.Settling,
			Attempts: []portal.Attempt{{Number: 1, IntentAt: sent}}}
		got := Progress(r, test.live)
		if diff := cmp.Diff(test.want, got.Short()); diff != "" {
			t.Errorf("%s, %s: %s", test.op, test.name, diff)
		}
		if got.Done > got.Of {
			t.Errorf("%s, %s: %d of %d", test.op, test.name, got.Done, got.Of)
		}
	}
	replaced := portal.Request{Operation: portal.DeleteNode, Params: portal.Params{DeleteNode: &portal.DeleteNodeParams{PoolID: "p1", NodeID: "n9", Replace: true}}}
	if got := Progress(replaced, []portal.Cluster{cluster(portal.ClusterRunning, poolWith(2, after, "running", "provisioning"))}).Short(); got != "Provisioning its replacement, 1 of 2 nodes ready" {
		t.Errorf("a node that is replaced: %s", got)
	}
	for op := range definitions {
		if !tested[op] {
			t.Errorf("nothing is known of the progress of %s", op)
		}
	}
}

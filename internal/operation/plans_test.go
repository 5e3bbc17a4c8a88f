package operation

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/portal"
)

// planWords is all that a plan says.
func planWords(p portal.Plan) string {
	lines := []string{p.Summary}
	for _, c := range p.Changes {
		lines = append(lines, c.What+": "+c.Before+" → "+c.After)
	}
	lines = append(lines, p.Steps...)
	for _, loss := range p.Losses {
		lines = append(lines, "lost: "+loss)
	}
	for _, r := range p.Destroys {
		lines = append(lines, "destroyed: "+r.Kind+" "+r.Name)
	}
	for _, r := range p.Remains {
		lines = append(lines, "stays: "+r.Kind+" "+r.Name)
	}
	return strings.Join(lines, "\n")
}

// onAuto has a draft be about the pool that autoscales.
func onAuto(t *testing.T, pairs ...string) *portal.Draft {
	t.Helper()
	d := draft(portal.UpdateNodePool)
	d.Pool, d.Form = auto, portal.Form{}
	openUpdatePool(d)
	for i := 0; i+1 < len(pairs); i += 2 {
		d.Form.Set(pairs[i], pairs[i+1])
	}
	if f := read(d); len(f) > 0 {
		t.Fatal(f)
	}
	planUpdatePool(d)
	return d
}

func TestWordsOfPlans(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		draft *portal.Draft
		want  string
		usage portal.Usage
		cents int64
	}{
		{"a pool grows", planned(t, portal.UpdateNodePool, "count", "5"),
			"Update pool fixed of cluster web.\nNodes: 3 → 5\nIt gains 2 nodes.", portal.Usage{portal.NodesOf(small): 2}, 4800},
		{"a pool shrinks", planned(t, portal.UpdateNodePool, "count", "2"),
			"Update pool fixed of cluster web.\nNodes: 3 → 2\nIt loses 1 node, which DigitalOcean chooses, drains and removes.\nlost: The data on the disks of the removed nodes.",
			portal.Usage{portal.NodesOf(small): -1}, -2400},
		{"a pool is emptied", planned(t, portal.UpdateNodePool, "count", "0"),
			"Update pool fixed of cluster web.\nNodes: 3 → 0\nIt loses 3 nodes, which DigitalOcean chooses, drains and removes.\nlost: The data on the disks of the removed nodes.",
			portal.Usage{portal.NodesOf(small): -3}, -7200},
		{"a pool autoscales, around what it has", planned(t, portal.UpdateNodePool, "auto_scale", "true", "min_nodes", "2", "max_nodes", "6"),
			"Update pool fixed of cluster web.\nNodes: 3 → 2 to 6\nAutoscaling: off → on", portal.Usage{portal.NodesOf(small): 3}, 7200},
		{"a pool autoscales, above what it has", planned(t, portal.UpdateNodePool, "auto_scale", "true", "min_nodes", "4", "max_nodes", "6"),
			"Update pool fixed of cluster web.\nNodes: 3 → 4 to 6\nAutoscaling: off → on\nIt gains 1 node.", portal.Usage{portal.NodesOf(small): 3}, 7200},
		{"bounds", onAuto(t, "max_nodes", "9"), "Update pool auto of cluster web.\nNodes: 1 to 5 → 1 to 9", portal.Usage{portal.NodesOf(small): 4}, 9600},
		{"no autoscaling", onAuto(t, "auto_scale", "", "count", "2"),
			"Update pool auto of cluster web.\nNodes: 1 to 5 → 2\nAutoscaling: on → off", portal.Usage{portal.NodesOf(small): -3}, -7200},
		{"a pool is renamed", planned(t, portal.UpdateNodePool, "count", "3", "name", "wide"),
			"Update pool fixed of cluster web.\nName: fixed → wide\nExisting nodes keep their names; only new ones use the pool's new name.", portal.Usage{portal.NodesOf(small): 0}, 0},
		{"labels, taints and tags", planned(t, portal.UpdateNodePool, "count", "3", "labels", "tier=db", "taints", "", "tags", "red"),
			"Update pool fixed of cluster web.\nLabels: a/b=, tier=web → tier=db\nTaints: a:NoExecute, k=v:NoSchedule → none\nTags: blue → red\nLabels that are removed stay on existing nodes.",
			portal.Usage{portal.NodesOf(small): 0}, 0},

		{"a node with drain and replacement", planned(t, portal.DeleteNode),
			"Delete node fixed-aaaaa of pool fixed in cluster web.\nNode fixed-aaaaa: running → \n" +
				"The node is drained: its pods move to other nodes, if they fit there. Then it is deleted.\nA new node takes its place.\nlost: The data on the node's disk.", nil, 0},
		{"a node without replacement", planned(t, portal.DeleteNode, "replace", ""),
			"Delete node fixed-aaaaa of pool fixed in cluster web.\nNode fixed-aaaaa: running → \nNodes of the pool: 3 → 2\n" +
				"The node is drained: its pods move to other nodes, if they fit there. Then it is deleted.\nlost: The data on the node's disk.", portal.Usage{portal.NodesOf(small): -1}, -2400},
		{"a node without drain", planned(t, portal.DeleteNode, "skip_drain", "true"),
			"Delete node fixed-aaaaa of pool fixed in cluster web.\nNode fixed-aaaaa: running → \n" +
				"The node is deleted immediately: its pods are killed, not moved.\nA new node takes its place.\nlost: The data on the node's disk.", nil, 0},
		{"nodes are recycled", planned(t, portal.RecycleNodePool, "nodes", "n3|n1|n1"),
			"Recycle 2 nodes of pool fixed in cluster web.\nNode fixed-aaaaa: running → a new node\nNode n3: provisioning → a new node\n" +
				"Each node is drained and deleted, and a new one takes its place.\nlost: The data on the nodes' disks.", nil, 0},
		{"a pool is added", planned(t, portal.CreateNodePool, "name", "more", "auto_scale", "true", "min_nodes", "1", "max_nodes", "4", "labels", "a=b", "taints", "k:NoExecute"),
			"Add pool more with 1 node to cluster web.\nPool more:  → 1 to 4 × s-2vcpu-4gb; labels a=b; taints k:NoExecute", portal.Usage{portal.NodesOf(small): 4}, 9600},
		{"a pool is deleted", planned(t, portal.DeleteNodePool),
			"Delete pool fixed of cluster web with its 3 nodes.\nPool fixed: 3 × s-2vcpu-4gb → \n" +
				"All nodes of the pool are drained, then deleted. Pods go to other pools, if they fit there.\nlost: All nodes of the pool and the data on their disks.", portal.Usage{portal.NodesOf(small): -3}, -7200},

		{"an upgrade", planned(t, portal.UpgradeCluster),
			"Upgrade cluster web from 1.34.4-do.0 to 1.35.1-do.0.\nKubernetes version: 1.34.4-do.0 → 1.35.1-do.0\n" +
				"The control plane is upgraded first; during this time the cluster's API may be unavailable for a few minutes.\n" +
				"Then pool fixed (3 nodes): new nodes come up before old ones are drained and deleted.\n" +
				"Then pool auto (2 nodes): new nodes come up before old ones are drained and deleted.\n" +
				"An upgrade cannot be undone.\nlost: The data on the nodes' disks.", nil, 0},
		{"settings", planned(t, portal.UpdateCluster, "ha", "true", "tags", "", "firewall", "true", "firewall_allowed", "203.0.113.7", "utilization", "0.5", "routing_agent", "on"),
			"Update cluster web.\nTags: blue → none\nHigh availability: no → yes\nAutomatic upgrades: off → on\n" +
				"Control plane firewall: off → only from 203.0.113.7\nScale-down utilization threshold: default → 50 %\nRouting agent: off → on\n" +
				"The control plane is made highly available, which cannot be undone.\nFrom then on, only the allowed addresses can reach the cluster's API.",
			portal.Usage{portal.HAClusters: 1}, 4000},
		{"a cluster is deleted", planned(t, portal.DeleteCluster),
			"Delete cluster web in fra1 with its 5 nodes.\nCluster web: 1.34.4-do.0 in fra1 → \nPool fixed: 3 × s-2vcpu-4gb → \nPool auto: 1 to 5 × s-2vcpu-4gb → \n" +
				"lost: The control plane with everything stored in it: workloads, configuration, secrets.\n" +
				"lost: Pool fixed with 3 nodes and the data on their disks.\nlost: Pool auto with 2 nodes and the data on their disks.\n" +
				"stays: volume data\nstays: load balancer front", portal.Usage{portal.Clusters: -1, portal.NodesOf(small): -8}, -19200},
		{"a registry is added", planned(t, portal.AddRegistries),
			"Add registry images to cluster web.\nCluster web: old → images, old\nPods of these clusters can pull images from there.", nil, 0},
		{"the only registry is removed", planned(t, portal.RemoveRegistries),
			"Remove registry old from cluster web.\nCluster web: old → no registry\nPods of these clusters can no longer pull images from there, even when they are restarted.", nil, 0},
		{"clusterlint", planned(t, portal.RunClusterlint, "include_groups", "basic doks", "exclude_checks", "latest-tag"),
			"Run clusterlint on cluster web.\nCheck groups:  → basic, doks\nExcluded checks:  → latest-tag", nil, 0},
		{"a kubeconfig", planned(t, portal.GetKubeconfig, "minutes", "90"),
			"Issue a kubeconfig for cluster web.\nValid for:  → 90 minutes\n" +
				"Whoever has it is an administrator of the cluster until it expires; it cannot be revoked earlier.\nOnly the requester can collect it, once. The portal keeps no copy.", nil, 0},
		{"credentials", planned(t, portal.GetCredentials),
			"Issue credentials for cluster web.\nValid for:  → 8 hours\n" +
				"Whoever has it is an administrator of the cluster until it expires; it cannot be revoked earlier.\nOnly the requester can collect it, once. The portal keeps no copy.", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, planWords(tt.draft.Plan)); diff != "" {
				t.Errorf("the plan (-want +got):\n%s", diff)
			}
			if !maps.Equal(tt.draft.Usage, tt.usage) {
				t.Errorf("usage changes by %v, want %v", tt.draft.Usage, tt.usage)
			}
			if tt.draft.Plan.Cost.Change() != tt.cents {
				t.Errorf("costs %d cents more, want %d", tt.draft.Plan.Cost.Change(), tt.cents)
			}
		})
	}
}

// What is destroyed with a cluster and what outlives it is all that it has, and
// nothing is in both.
func TestWhatGoesWithACluster(t *testing.T) {
	t.Parallel()
	for op, destroyed := range map[portal.OperationID]int{portal.DeleteCluster: 0, portal.DeleteClusterSelective: 1, portal.DeleteClusterDangerous: 2} {
		d := planned(t, op)
		if len(d.Plan.Destroys) != destroyed || len(d.Plan.Destroys)+len(d.Plan.Remains) != len(d.Resources) {
			t.Errorf("%s destroys %v and leaves %v of %v", op, d.Plan.Destroys, d.Plan.Remains, d.Resources)
		}
		for _, r := range d.Plan.Destroys {
			if slices.Contains(d.Plan.Remains, r) {
				t.Errorf("%s both destroys and leaves %v", op, r)
			}
		}
	}
}

// A form that is opened and sent as it is changes nothing: what the portal
// shows of a setting is what it reads back.
func TestOpenedFormsChangeNothing(t *testing.T) {
	t.Parallel()
	everything := web
	everything.HA = true
	everything.Details.Settings = portal.Settings{
		AutoUpgrade: true, SurgeUpgrade: true, Maintenance: portal.Maintenance{Day: "monday", Start: "04:00"},
		Firewall:   portal.Firewall{Enabled: true, Allowed: []string{"203.0.113.7", "198.51.100.0/24"}},
		Autoscaler: portal.Autoscaler{Expanders: []string{"priority", "random"}, UnneededTime: "1m", Utilization: 0.65},
		Components: map[string]bool{"routing_agent": true, "nvidia_gpu_device_plugin": false},
	}
	withdrawn := everything
	withdrawn.Details.Settings.Firewall.Enabled = false // the addresses are still there
	for name, c := range map[string]portal.Cluster{"usual": web, "everything": everything, "firewall off": withdrawn} {
		d := draft(portal.UpdateCluster)
		d.Cluster, d.Form = c, portal.Form{}
		openUpdate(d)
		f := read(d)
		if len(f) != 1 || !strings.HasPrefix(f[0].Message, "Nothing has changed") {
			t.Errorf("%s: %v, changes %v", name, f, updateChanges(*d.Params.Update, c))
		}
	}
	for _, p := range []portal.Pool{fixed, auto} {
		d := draft(portal.UpdateNodePool)
		d.Pool, d.Form = p, portal.Form{}
		openUpdatePool(d)
		f := read(d)
		if len(f) != 1 || !strings.HasPrefix(f[0].Message, "Nothing has changed") {
			t.Errorf("pool %s: %v, changes %v", p.Name, f, poolChanges(p, *d.Params.UpdatePool))
		}
	}
}

package operation

import (
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
)

const small = "s-2vcpu-4gb"

// offer is what there is to choose from.
var offer = portal.Options{
	Regions:  []portal.Choice{{Slug: "fra1", Name: "Frankfurt 1"}},
	Versions: []portal.Choice{{Slug: "1.35.1-do.0", Name: "1.35.1"}},
	Sizes:    []portal.Size{{Slug: small, VCPUs: 2, MemoryMiB: 4096, MonthlyCents: 2400}, {Slug: "s-4vcpu-8gb", VCPUs: 4, MemoryMiB: 8192, MonthlyCents: 4800}},
}

// fixed and auto are the pools of web.
var (
	fixed = portal.Pool{ID: "p1", Name: "fixed", Size: small, Count: 3, Nodes: []portal.Node{
		{ID: "n1", Name: "fixed-aaaaa", State: "running"}, {ID: "n2", Name: "fixed-bbbbb", State: "running"}, {ID: "n3", State: "provisioning"}},
		Details: portal.PoolDetails{
			Labels: map[string]string{"tier": "web", "a/b": ""}, Tags: []string{"k8s", "k8s:worker", "blue"},
			Taints: []portal.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}, {Key: "a", Effect: "NoExecute"}}}}
	auto = portal.Pool{ID: "p2", Name: "auto", Size: small, Count: 2, AutoScale: true, MinNodes: 1, MaxNodes: 5}
	web  = portal.Cluster{
		ID: "c1", Name: "web", Region: "fra1", Version: "1.34.4-do.0", State: portal.ClusterRunning, Environment: portal.Development,
		Tags: []string{"k8s", "k8s:c1", "team:pay", "blue"}, Pools: []portal.Pool{fixed, auto},
		Details: portal.ClusterDetails{Registries: []string{"old"}, RegistryEnabled: true, Settings: portal.Settings{SurgeUpgrade: true,
			Maintenance: portal.Maintenance{Day: "any", Start: "00:00"}, Components: map[string]bool{"routing_agent": false}}},
	}
)

// draft is an operation on web with its form as it is opened. Pairs of names
// and values are put in; several values of a field are separated by a bar.
func draft(op portal.OperationID, pairs ...string) *portal.Draft {
	d := &portal.Draft{
		Operation: op, Team: portal.Team{ID: "t1", Slug: "pay", Name: "Payments"}, Offer: offer, Longest: 8 * time.Hour, Form: portal.Form{},
		Cluster: web, TargetName: "web", TargetIDs: []string{"c1"}, Chosen: []portal.Cluster{web},
		Upgrades:  []portal.Choice{{Slug: "1.35.1-do.0", Name: "1.35.1"}},
		Resources: []portal.Resource{{Kind: portal.Volume, ID: "v1", Name: "data"}, {Kind: portal.LoadBalancer, ID: "l1", Name: "front"}},
	}
	switch op {
	case portal.UpdateNodePool, portal.DeleteNodePool, portal.RecycleNodePool, portal.DeleteNode:
		d.Pool, d.Node = fixed, fixed.Nodes[0]
	}
	if op == portal.RaiseQuota {
		d.Team.Quota = portal.Quota{Limits: map[portal.Item]int{portal.AllNodes: 10}}
	}
	Open(d)
	for name, value := range map[portal.OperationID]map[string]string{
		portal.CreateCluster: {"name": "new", "region": "fra1", "version": "1.35.1-do.0", "environment": "development", "pools[0].size": small},
		portal.UpdateCluster: {"auto_upgrade": "true"}, portal.CreateNodePool: {"size": small}, portal.UpdateNodePool: {"count": "4"},
		portal.RaiseQuota:      {"nodes": "12"},
		portal.RecycleNodePool: {"nodes": "n1"}, portal.DeleteClusterSelective: {"resources": "v1"},
		portal.AddRegistries: {"clusters": "c1", "registries": "images"}, portal.RemoveRegistries: {"clusters": "c1", "registries": "old"},
		portal.AddRegistry: {"clusters": "c1"}, portal.RemoveRegistry: {"clusters": "c1"},
	}[op] {
		d.Form.Set(name, value)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		d.Form[pairs[i]] = strings.Split(pairs[i+1], "|")
	}
	return d
}

// read reads a draft's form and returns what is wrong with it.
func read(d *portal.Draft) portal.FieldErrors {
	var f fieldErrors
	definitions[d.Operation].read(d, &f)
	return f.FieldErrors
}

// planned reads and plans a draft that has nothing wrong with it.
func planned(t *testing.T, op portal.OperationID, pairs ...string) *portal.Draft {
	t.Helper()
	d := draft(op, pairs...)
	if f := read(d); len(f) > 0 {
		t.Fatalf("something is wrong with %v: %v", d.Form, f)
	}
	definitions[op].plan(d)
	return d
}

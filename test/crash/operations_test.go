package crash

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// before is how many nodes of its quota a team uses before anything is done.
const before = 5

// operation is a writing operation: how it is asked for, and what is to be seen once it
// is done.
type operation struct {
	id    portal.OperationID
	form  []string // names and values, on top of the form as it is opened
	pool  string   // that it is about
	node  bool     // of which it is about the first
	admin bool     // that asks, on no team's behalf; of clusters in a list
	usage int      // nodes of the team's quota afterwards
	done  func(c doapi.Cluster) bool

	registries []string // of the cluster at first, instead of "old"
}

// operations are all that are ever sent, but those that hand out secrets, whose requester
// collects them.
var operations = []operation{
	{id: portal.CreateCluster, usage: 8, form: []string{"name", "new", "region", "fra1", "version", "1.35.1-do.0", "environment", "development",
		"pools[0].name", "pool", "pools[0].size", "s-2vcpu-4gb", "pools[0].count", "3"},
		done: func(c doapi.Cluster) bool { return c.Name == "new" && c.Status.State == "running" }},
	{id: portal.UpdateCluster, usage: 5, form: []string{"auto_upgrade", "true"}, done: func(c doapi.Cluster) bool { return c.AutoUpgrade }},
	{id: portal.UpgradeCluster, usage: 5, form: []string{"version", "1.34.4-do.0"},
		done: func(c doapi.Cluster) bool { return c.Version == "1.34.4-do.0" && c.Status.State == "running" }},
	{id: portal.CreateNodePool, usage: 9, form: []string{"name", "more", "size", "s-2vcpu-4gb", "auto_scale", "true", "min_nodes", "1", "max_nodes", "4"},
		done: func(c doapi.Cluster) bool { return len(c.NodePools) == 3 && pool(c, "more").MaxNodes == 4 }},
	{id: portal.UpdateNodePool, usage: 7, pool: "fixed", form: []string{"count", "4"}, done: func(c doapi.Cluster) bool { return len(pool(c, "fixed").Nodes) == 4 }},
	{id: portal.DeleteNodePool, usage: 2, pool: "auto", done: func(c doapi.Cluster) bool { return len(c.NodePools) == 1 }},
	{id: portal.DeleteNode, usage: 4, pool: "fixed", node: true, done: func(c doapi.Cluster) bool { return len(pool(c, "fixed").Nodes) == 1 }},
	{id: portal.RecycleNodePool, usage: 5, pool: "fixed", node: true, done: func(c doapi.Cluster) bool {
		nodes := pool(c, "fixed").Nodes
		return len(nodes) == 2 && nodes[0].CreatedAt.Before(nodes[1].CreatedAt)
	}},
	{id: portal.RunClusterlint, usage: 5, form: []string{"include_groups", "basic"}, done: func(c doapi.Cluster) bool { return c.ID != "" }},
	{id: portal.DeleteCluster, usage: 0, done: gone},
	{id: portal.DeleteClusterSelective, usage: 0, form: []string{"resources", "v1"}, done: gone},
	{id: portal.DeleteClusterDangerous, usage: 0, form: []string{"typed_name", "c-delete-cluster-dangerous"}, done: gone},
	{id: portal.AddRegistries, usage: 5, admin: true, form: []string{"registries", "images"}, done: registries("old", "images")},
	{id: portal.RemoveRegistries, usage: 5, admin: true, form: []string{"registries", "old"}, done: registries()},
	{id: portal.AddRegistry, usage: 5, admin: true, done: registries("old", "default-registry")},
	{id: portal.RemoveRegistry, usage: 5, admin: true, registries: []string{"old", "default-registry"}, done: registries("old")},
}

func gone(c doapi.Cluster) bool { return c.ID == "" }

func registries(names ...string) func(doapi.Cluster) bool {
	return func(c doapi.Cluster) bool {
		return len(c.Registries) == len(names) && !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(c.Registries, n) })
	}
}

func pool(c doapi.Cluster, name string) doapi.NodePool {
	i := slices.IndexFunc(c.NodePools, func(p doapi.NodePool) bool { return p.Name == name })
	if i < 0 {
		return doapi.NodePool{}
	}
	return c.NodePools[i]
}

// slug names what belongs to an operation: its cluster, its team, its people.
func (o operation) slug() string { return strings.ReplaceAll(string(o.id), "_", "-") }

// seed is the cluster of an operation.
func (o operation) seed() dosim.Seed {
	had := o.registries
	if had == nil {
		had = []string{"old"}
	}
	return dosim.Seed{
		Name: "c-" + o.slug(), Region: "fra1", Version: "1.34.1-do.0", Registries: had,
		Pools: []dosim.SeedPool{
			{Name: "fixed", Size: "s-2vcpu-4gb", Count: 2}, {Name: "auto", Size: "s-2vcpu-4gb", Count: 1, MinNodes: 1, MaxNodes: 3},
		},
		Resources: dosim.Resources{Volumes: []dosim.Resource{{ID: "v1", Name: "data"}, {ID: "v2", Name: "cache"}}},
	}
}

// job is an operation that was asked for.
type job struct {
	operation
	team    portal.Team
	cluster string
	request portal.Request
}

// submit asks for the operation and has everybody approve who has to.
func (s *site) submit(j *job) {
	s.t.Helper()
	ctx := context.Background()
	asker := s.person("m-"+j.slug(), j.team.MemberGroup)
	if j.admin {
		asker = s.person("a-"+j.slug(), "admins")
		asker.Roles = []portal.Role{portal.RoleAdmin}
	}
	r, err := s.requests.Submit(ctx, asker, s.ask(asker, j))
	must(s.t, err)
	platform := s.person("pia", "platform")
	platform.Roles = []portal.Role{portal.RolePlatformApprover}
	for _, reviewer := range []portal.Actor{platform, s.person("b-"+j.slug(), j.team.ApproverGroup)} {
		if r = s.read(r.ID); r.State == portal.Pending {
			must(s.t, s.requests.Review(ctx, reviewer, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest}))
		}
	}
	if j.request = s.read(r.ID); j.request.State != portal.Approved {
		s.t.Fatalf("%s is %s: %s", j.id, j.request.State, j.request.Reason)
	}
}

func (s *site) ask(asker portal.Actor, j *job) request.SubmitInput {
	s.t.Helper()
	in := request.SubmitInput{Operation: j.id, Form: portal.Form{}}
	switch {
	case j.id == portal.CreateCluster:
		in.Form.Set("team", j.team.Slug)
	case j.admin:
		in.Form.Set("clusters", j.cluster)
	default:
		in.ClusterID = j.cluster
	}
	if j.pool != "" {
		c, err := store.Cluster(context.Background(), s.pool, j.cluster)
		must(s.t, err)
		i := slices.IndexFunc(c.Pools, func(p portal.Pool) bool { return p.Name == j.pool })
		in.PoolID = c.Pools[i].ID
		switch {
		case j.node && j.id == portal.DeleteNode:
			in.NodeID = c.Pools[i].Nodes[0].ID
		case j.node:
			in.Form.Set("nodes", c.Pools[i].Nodes[0].ID)
		}
	}
	if j.id == portal.UpdateCluster || j.id == portal.UpdateNodePool {
		in.Form = nil // as it is opened
		opened, err := s.requests.Plan(context.Background(), asker, in)
		must(s.t, err)
		in.Form = opened.Form
	}
	for _, pair := range [][2]string{{"justification", "a test"}, {"submit_key", uuid.NewString()}} {
		in.Form.Set(pair[0], pair[1])
	}
	for i := 0; i < len(j.form); i += 2 {
		in.Form.Set(j.form[i], j.form[i+1])
	}
	return in
}

// All operations that are sent are walked.
func TestEveryOperation(t *testing.T) {
	t.Parallel()
	for _, op := range portal.Catalogue {
		if op.Asked() && op.Risk != portal.RiskSecret && !slices.ContainsFunc(operations, func(o operation) bool { return o.id == op.ID }) {
			t.Errorf("%s is not among the operations that are cut off", op.ID)
		}
	}
}

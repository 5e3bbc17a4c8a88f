package execute_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// operationCase is how an operation is asked for, and what is to be seen at
// DigitalOcean once it is done.
type operationCase struct {
	ask    func(b *bundle) request.SubmitInput
	done   func(b *bundle, c doapi.Cluster) bool // c is the zero Cluster when it is gone
	usage  int                                   // nodes that the team uses afterwards
	admins bool                                  // admins ask, on no team's behalf

	registries []string // that the cluster has, if not just one
}

// target is the cluster of richSetup: two pools, one of which autoscales, five
// nodes of the quota, and resources of its own.
const target = "rich"

// richSetup is setup with a cluster that everything can be done to.
func richSetup(t *testing.T, registries ...string) *bundle {
	t.Helper()
	if registries == nil {
		registries = []string{"old"}
	}
	b := setup(t)
	b.sim.Remove(b.cluster)
	b.cluster = b.sim.Add(dosim.Seed{
		Name: target, Region: "fra1", Version: "1.34.1-do.0", Tags: []string{"team:pay", "env:development", "blue"}, Registries: registries,
		Pools: []dosim.SeedPool{
			{Name: "fixed", Size: "s-2vcpu-4gb", Count: 2, Labels: map[string]string{"tier": "web"}, Taints: []dosim.Taint{{Key: "a", Value: "b", Effect: "NoSchedule"}}},
			{Name: "auto", Size: "s-2vcpu-4gb", Count: 1, MinNodes: 1, MaxNodes: 3},
		},
		Resources: dosim.Resources{
			Volumes:         []dosim.Resource{{ID: "v1", Name: "data"}, {ID: "v2", Name: "cache"}},
			VolumeSnapshots: []dosim.Resource{{ID: "s1", Name: "nightly"}},
		},
	})
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(context.Background()))
	b.must(db.WithTx(context.Background(), b.pool, func(tx pgx.Tx) error {
		return store.AssignCluster(context.Background(), tx, b.cluster, b.team.ID, portal.Development)
	}))
	b.wantUsage(5)
	return b
}

// inventory is the cluster as the inventory has it.
func (b *bundle) inventory() portal.Cluster {
	b.t.Helper()
	c, err := store.Cluster(context.Background(), b.pool, b.cluster)
	b.must(err)
	return c
}

func (b *bundle) pool1(name string) portal.Pool {
	b.t.Helper()
	for _, p := range b.inventory().Pools {
		if p.Name == name {
			return p
		}
	}
	b.t.Fatalf("no pool %s", name)
	return portal.Pool{}
}

// on asks for an operation on the cluster.
func on(op portal.OperationID, pairs ...string) func(*bundle) request.SubmitInput {
	return func(b *bundle) request.SubmitInput {
		return request.SubmitInput{Operation: op, ClusterID: b.cluster, Form: form(pairs...)}
	}
}

// onPool asks for an operation on one of its pools, starting from the form as
// it is opened.
func onPool(op portal.OperationID, name string, pairs ...string) func(*bundle) request.SubmitInput {
	return func(b *bundle) request.SubmitInput {
		ask := request.SubmitInput{Operation: op, ClusterID: b.cluster, PoolID: b.pool1(name).ID}
		ask.Form = b.opened(ask, pairs...)
		return ask
	}
}

// opened is the form as it is opened, with changes.
func (b *bundle) opened(ask request.SubmitInput, pairs ...string) portal.Form {
	b.t.Helper()
	d, err := b.requests.Plan(context.Background(), b.member, ask)
	b.must(err)
	for name, values := range form(pairs...) {
		d.Form[name] = values
	}
	return d.Form
}

func onNode(op portal.OperationID, pairs ...string) func(*bundle) request.SubmitInput {
	return func(b *bundle) request.SubmitInput {
		p := b.pool1("fixed")
		ask := request.SubmitInput{Operation: op, ClusterID: b.cluster, PoolID: p.ID, Form: form(pairs...)}
		if op == portal.DeleteNode {
			ask.NodeID = p.Nodes[0].ID
		} else {
			ask.Form.Set("nodes", p.Nodes[0].ID)
		}
		return ask
	}
}

func onRegistries(op portal.OperationID, names string) func(*bundle) request.SubmitInput {
	return func(b *bundle) request.SubmitInput {
		return request.SubmitInput{Operation: op, Form: form("clusters", b.cluster, "registries", names)}
	}
}

func pool(c doapi.Cluster, name string) doapi.NodePool {
	for _, p := range c.NodePools {
		if p.Name == name {
			return p
		}
	}
	return doapi.NodePool{}
}

// cases are all operations that can be asked for but those that hand out
// secrets, see collect_test.go.
var cases = map[portal.OperationID]operationCase{
	portal.CreateCluster: {ask: func(*bundle) request.SubmitInput { return createAsk("new", 3) }, usage: 8,
		done: func(b *bundle, _ doapi.Cluster) bool {
			all, err := b.do.ListClusters(context.Background())
			b.must(err)
			return slices.ContainsFunc(all, func(c doapi.Cluster) bool { return c.Name == "new" && c.Status.State == "running" })
		}},
	portal.UpdateCluster: {usage: 5,
		ask: func(b *bundle) request.SubmitInput {
			ask := request.SubmitInput{Operation: portal.UpdateCluster, ClusterID: b.cluster}
			ask.Form = b.opened(ask, "tags", "green", "auto_upgrade", "true", "firewall", "true", "firewall_allowed", "203.0.113.7", "expanders", "priority")
			return ask
		},
		done: func(_ *bundle, c doapi.Cluster) bool {
			return c.AutoUpgrade && c.ControlPlaneFirewall.Enabled && slices.Contains(c.Tags, "green") && !slices.Contains(c.Tags, "blue") &&
				slices.Contains(c.Tags, "team:pay") && c.ClusterAutoscalerConfiguration.Expanders[0] == "priority"
		}},
	portal.UpgradeCluster: {ask: on(portal.UpgradeCluster, "version", "1.34.4-do.0"), usage: 5,
		done: func(_ *bundle, c doapi.Cluster) bool {
			return c.Version == "1.34.4-do.0" && c.Status.State == "running"
		}},
	portal.CreateNodePool: {ask: on(portal.CreateNodePool, "name", "more", "size", "s-2vcpu-4gb", "auto_scale", "true", "min_nodes", "1", "max_nodes", "4", "labels", "a=b"), usage: 9,
		done: func(_ *bundle, c doapi.Cluster) bool {
			p := pool(c, "more")
			return p.AutoScale && p.MaxNodes == 4 && p.Labels["a"] == "b" && len(p.Nodes) == 1 && p.Nodes[0].Status.State == "running"
		}},
	portal.UpdateNodePool: {ask: onPool(portal.UpdateNodePool, "fixed", "count", "4", "labels", "", "taints", "", "name", "wide"), usage: 7,
		done: func(_ *bundle, c doapi.Cluster) bool {
			p := pool(c, "wide")
			return p.Count == 4 && len(p.Nodes) == 4 && len(p.Labels) == 0 && len(p.Taints) == 0
		}},
	portal.DeleteNodePool: {ask: onPool(portal.DeleteNodePool, "auto"), usage: 2,
		done: func(_ *bundle, c doapi.Cluster) bool { return pool(c, "auto").ID == "" }},
	portal.DeleteNode: {ask: onNode(portal.DeleteNode), usage: 4,
		done: func(_ *bundle, c doapi.Cluster) bool {
			return pool(c, "fixed").Count == 1 && len(pool(c, "fixed").Nodes) == 1
		}},
	portal.RecycleNodePool: {ask: onNode(portal.RecycleNodePool), usage: 5,
		done: func(b *bundle, c doapi.Cluster) bool { return len(pool(c, "fixed").Nodes) == 2 }},
	portal.RunClusterlint: {ask: on(portal.RunClusterlint, "include_groups", "basic"), usage: 5,
		done: func(b *bundle, c doapi.Cluster) bool {
			run, err := b.do.GetClusterlint(context.Background(), c.ID, "")
			return err == nil && !run.CompletedAt.IsZero()
		}},
	portal.DeleteCluster: {ask: on(portal.DeleteCluster), usage: 0, done: leaves(2, 1)},
	portal.DeleteClusterSelective: {usage: 0, done: leaves(1, 0),
		ask: func(b *bundle) request.SubmitInput {
			ask := on(portal.DeleteClusterSelective)(b)
			ask.Form["resources"] = []string{"v1", "s1"}
			return ask
		}},
	portal.DeleteClusterDangerous: {ask: on(portal.DeleteClusterDangerous, "typed_name", "rich"), usage: 0, done: leaves(0, 0)},
	portal.AddRegistries: {ask: onRegistries(portal.AddRegistries, "images"), usage: 5, admins: true,
		done: func(_ *bundle, c doapi.Cluster) bool { return slices.Contains(c.Registries, "images") }},
	portal.RemoveRegistries: {ask: onRegistries(portal.RemoveRegistries, "old"), usage: 5, admins: true,
		done: func(_ *bundle, c doapi.Cluster) bool { return !slices.Contains(c.Registries, "old") }},
	portal.AddRegistry: {ask: onRegistries(portal.AddRegistry, ""), usage: 5, admins: true,
		done: func(_ *bundle, c doapi.Cluster) bool { return len(c.Registries) == 2 }},
	portal.RemoveRegistry: {ask: onRegistries(portal.RemoveRegistry, ""), usage: 5, admins: true,
		done: func(_ *bundle, c doapi.Cluster) bool { return len(c.Registries) == 1 }, registries: []string{"old", "default-registry"}},
}

// leaves says how many volumes and snapshots outlive the cluster.
func leaves(volumes, snapshots int) func(*bundle, doapi.Cluster) bool {
	return func(b *bundle, c doapi.Cluster) bool {
		left, ok := b.sim.Survivors(b.cluster)
		return c.ID == "" && ok && len(left.Volumes) == volumes && len(left.VolumeSnapshots) == snapshots
	}
}

// approved asks for an operation and has everybody approve who has to.
func (b *bundle) approved(c operationCase) portal.Request {
	b.t.Helper()
	asker := b.member
	if c.admins {
		asker = b.person("ada", "admins")
		asker.Roles = []portal.Role{portal.RoleAdmin}
	}
	r, err := b.requests.Submit(context.Background(), b.signedIn(asker), c.ask(b))
	b.must(err)
	platform := b.person("pia", "platform")
	platform.Roles = []portal.Role{portal.RolePlatformApprover}
	for _, reviewer := range []portal.Actor{platform, b.approver} {
		if r = b.read(r); r.State == portal.Pending {
			b.must(b.requests.Review(context.Background(), b.signedIn(reviewer), request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest}))
		}
	}
	r = b.read(r)
	b.want(r, portal.Approved)
	return b.cooledOff(r)
}

// cooledOff lets the time pass in which an approved request can be stopped,
// with everybody about.
func (b *bundle) cooledOff(r portal.Request) portal.Request {
	b.t.Helper()
	if wait := r.StartsAt.Sub(b.clock.Now()); wait > 0 {
		b.clock.advance(wait)
		b.again(r)
	}
	return r
}

// finish takes a request on, with time passing, until nothing follows.
func (b *bundle) finish(r portal.Request) portal.Request {
	b.t.Helper()
	for range 40 {
		if r = b.step(r); r.State.Final() {
			return r
		}
		b.clock.advance(time.Minute)
	}
	b.t.Fatalf("still %s: %s", r.State, r.Reason)
	return r
}

func (b *bundle) wantDone(c operationCase) {
	b.t.Helper()
	live, err := b.do.GetCluster(context.Background(), b.cluster)
	if err != nil && !doapi.IsNotFound(err) {
		b.t.Fatal(err)
	}
	if !c.done(b, live) {
		b.t.Errorf("it is not to be seen at DigitalOcean: %+v", live)
	}
}

// forEach runs a test for every operation that can be asked for and sent by
// the executor.
func forEach(t *testing.T, test func(t *testing.T, op portal.OperationID, c operationCase)) {
	t.Helper()
	for _, op := range portal.Catalogue {
		if !op.Asked() || op.Risk == portal.RiskSecret {
			continue
		}
		c, ok := cases[op.ID]
		if !ok {
			t.Errorf("nothing is known about %s", op.ID)
			continue
		}
		t.Run(string(op.ID), func(t *testing.T) {
			t.Parallel()
			test(t, op.ID, c)
		})
	}
}

func TestOperations(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
		b := richSetup(t, c.registries...)
		r := b.finish(b.approved(c))
		b.want(r, portal.Succeeded)
		b.wantCalls(string(op), 1)
		b.wantDone(c)
		b.clock.advance(time.Minute)
		b.must(b.syncer.Sync(context.Background()))
		b.wantUsage(c.usage)
		b.wantNoReservation(r)
		want := "request_submitted execution_intent execution_outcome request_succeeded"
		if got := b.trail(r); got != want {
			t.Errorf("on the trail: %s, want %s", got, want)
		}
	})
}

func (b *bundle) wantNoReservation(r portal.Request) {
	b.t.Helper()
	held, err := store.Reserved(context.Background(), b.pool, r.ID)
	b.must(err)
	if len(held) > 0 {
		b.t.Errorf("it still holds %v", held)
	}
}

// trail lists the kinds of the events of a request, but for approvals.
func (b *bundle) trail(r portal.Request) string {
	b.t.Helper()
	rows, err := b.pool.Query(context.Background(), `SELECT kind FROM events WHERE request_id = $1 AND kind <> 'review_approved' ORDER BY id`, r.ID)
	b.must(err)
	kinds, err := pgx.CollectRows(rows, pgx.RowTo[string])
	b.must(err)
	return strings.Join(kinds, " ")
}

// What was done although its answer was lost is found by looking, and nothing
// is sent twice.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, kind := range []dosim.FaultKind{dosim.FaultLost, dosim.FaultDoneError} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
				b := richSetup(t, c.registries...)
				r := b.approved(c)
				b.sim.Inject(dosim.Fault{Operation: string(op), Kind: kind})
				r = b.step(r)
				b.want(r, portal.Unknown)
				r = b.finish(r)
				b.want(r, portal.Succeeded)
				b.wantCalls(string(op), 1)
				b.wantDone(c)
				b.clock.advance(time.Minute)
				b.must(b.syncer.Sync(context.Background()))
				b.wantUsage(c.usage)
				b.wantNoReservation(r)
			})
		})
	}
}

// What never arrived ends as failed, and is not sent again.
func TestCallsThatNeverArrived(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
		b := richSetup(t, c.registries...)
		r := b.approved(c)
		b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultReset})
		r = b.finish(r)
		b.want(r, portal.Failed)
		b.wantCalls(string(op), 1)
		b.wantUsage(5)
		b.wantNoReservation(r)
		if !strings.Contains(r.Reason, "lost") {
			t.Errorf("reason %q", r.Reason)
		}
	})
}

// DigitalOcean's own words end up on the request.
func TestRefusals(t *testing.T) {
	t.Parallel()
	forEach(t, func(t *testing.T, op portal.OperationID, c operationCase) {
		b := richSetup(t, c.registries...)
		r := b.approved(c)
		b.sim.Inject(dosim.Fault{Operation: string(op), Kind: dosim.FaultStatus, Status: 422, ID: "unprocessable_entity", Message: "not like this"})
		r = b.step(r)
		b.want(r, portal.Failed)
		b.wantCalls(string(op), 1)
		b.wantUsage(5)
		b.wantNoReservation(r)
		if r.Reason != "DigitalOcean refused it: not like this" {
			t.Errorf("reason %q", r.Reason)
		}
	})
}

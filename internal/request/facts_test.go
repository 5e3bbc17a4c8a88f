package request_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/inventory"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// noJobs is a queue in which nothing happens.
type noJobs struct{}

func (noJobs) Enqueue(context.Context, pgx.Tx, string) error { return nil }
func (noJobs) Wake(context.Context, pgx.Tx, string) error    { return nil }

// copies is one cluster twice: as DigitalOcean answers, and as the inventory
// has it.
type copies struct {
	service *request.Service
	member  portal.Actor
	live    portal.Cluster
	kept    portal.Cluster
}

func setup(t *testing.T, change doapi.UpdateCluster) copies {
	t.Helper()
	ctx, pool := t.Context(), dbtest.New(t)
	sim := dosim.New(dosim.Config{Token: "t", Now: func() time.Time { return now }})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	client, err := doapi.New(server.URL, "t")
	must(t, err)
	id := sim.Add(dosim.Seed{
		Name: "web", Region: "fra1", HA: true, Tags: []string{"team:pay", "zebra", "Ape"}, Registries: []string{"zoo", "api"},
		Pools: []dosim.SeedPool{
			{Name: "zoo", Size: "s-2vcpu-4gb", Count: 2, Tags: []string{"y", "x"}, Labels: map[string]string{"b": "2", "a": "1", "example.com/c": ""},
				Taints: []dosim.Taint{{Key: "k", Value: "v", Effect: "NoSchedule"}, {Key: "a", Effect: "NoExecute"}}},
			{Name: "api", Size: "s-4vcpu-8gb", Count: 1, MinNodes: 1, MaxNodes: 3}, {Name: "none", Size: "s-2vcpu-4gb"},
		},
		Resources: dosim.Resources{Volumes: []dosim.Resource{{ID: "v1", Name: "data"}}},
	})
	if change.Name != nil {
		_, err = client.UpdateCluster(ctx, id, change)
		must(t, err)
	}
	must(t, (&inventory.Syncer{Pool: pool, DO: client, Now: func() time.Time { return now }}).Sync(ctx))
	team := portal.Team{ID: uuid.NewString(), Slug: "pay", Name: "pay", MemberGroup: "pay", ApproverGroup: "pay-approvers", Quota: portal.QuotaOf(50, map[string]int{"s-2vcpu-4gb": 50, "s-4vcpu-8gb": 50})}
	must(t, db.WithTx(ctx, pool, func(tx pgx.Tx) error {
		if err := store.InsertTeam(ctx, tx, team, now); err != nil {
			return err
		}
		return store.AssignCluster(ctx, tx, id, team.ID, portal.Development)
	}))
	answer, err := client.GetCluster(ctx, id)
	must(t, err)
	kept, err := store.Cluster(ctx, pool, id)
	must(t, err)
	return copies{
		service: &request.Service{Pool: pool, DO: client, Jobs: noJobs{}, Rules: &rulebook.Service{PlatformApprovers: "platform"}, Now: func() time.Time { return now }},
		member:  portal.Actor{Identity: portal.Identity{Issuer: "i", Subject: "ann"}, Name: "ann", Groups: []string{"pay"}, Roles: []portal.Role{portal.RoleAdmin}, SignedInAt: now},
		live:    answer.Portal(now), kept: kept,
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// everything sets all that a cluster has.
var everything = doapi.UpdateCluster{
	Name: new("web"), AutoUpgrade: new(true), SurgeUpgrade: new(false), MaintenancePolicy: &doapi.MaintenancePolicy{Day: "monday", StartTime: "04:00"},
	ControlPlaneFirewall:           &doapi.ControlPlaneFirewall{Enabled: true, AllowedAddresses: []string{"203.0.113.7", "198.51.100.0/24"}},
	ClusterAutoscalerConfiguration: &doapi.AutoscalerConfiguration{Expanders: []string{"priority", "random"}, ScaleDownUnneededTime: "1m", ScaleDownUtilizationThreshold: 0.65},
	RoutingAgent:                   &doapi.Plugin{Enabled: true}, NvidiaGPUDevicePlugin: &doapi.Plugin{Enabled: true},
}

var kinds = map[string]doapi.UpdateCluster{"as it comes": {}, "with everything set": everything,
	"with all taken away": {
		Name: new("web"), Tags: &[]string{}, ControlPlaneFirewall: &doapi.ControlPlaneFirewall{}, ClusterAutoscalerConfiguration: &doapi.AutoscalerConfiguration{Expanders: []string{}},
	}}

// paramsOf are parameters of each operation whose facts depend on them.
func paramsOf(op portal.OperationID, c portal.Cluster) portal.Params {
	pool := c.Pools[0]
	for _, p := range c.Pools {
		if p.Name == "zoo" {
			pool = p
		}
	}
	switch op {
	case portal.UpdateCluster:
		return portal.Params{Update: &portal.UpdateParams{Name: new("other"), Tags: &[]string{}, HA: new(false), AutoUpgrade: new(!c.Details.Settings.AutoUpgrade),
			SurgeUpgrade: new(!c.Details.Settings.SurgeUpgrade), Maintenance: &portal.Maintenance{Day: "sunday", Start: "01:00"},
			Firewall: &portal.Firewall{Enabled: true, Allowed: []string{"192.0.2.1"}}, Autoscaler: &portal.Autoscaler{Expanders: []string{"least_waste"}, UnneededTime: "9m", Utilization: 0.1},
			Components: map[string]bool{"routing_agent": !c.Details.Settings.Components["routing_agent"], "rdma_shared_dev_plugin": true}}}
	case portal.UpdateNodePool:
		return portal.Params{UpdatePool: &portal.UpdatePoolParams{PoolID: pool.ID}}
	case portal.DeleteNodePool:
		return portal.Params{DeletePool: &portal.DeletePoolParams{PoolID: pool.ID}}
	case portal.DeleteNode:
		return portal.Params{DeleteNode: &portal.DeleteNodeParams{PoolID: pool.ID, NodeID: pool.Nodes[0].ID}}
	case portal.RecycleNodePool:
		return portal.Params{Recycle: &portal.RecycleParams{PoolID: pool.ID, NodeIDs: []string{pool.Nodes[1].ID, pool.Nodes[0].ID}}}
	}
	return portal.Params{}
}

// The facts of a cluster are the same in the inventory as in DigitalOcean's
// answer. Were they not, every request would be out of date when it is reviewed
// or carried out.
func TestFactsAreTheSameInTheInventory(t *testing.T) {
	t.Parallel()
	for name, change := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setup(t, change)
			for _, op := range portal.Catalogue {
				if !op.Asked() {
					continue
				}
				p := paramsOf(op.ID, c.live)
				live, kept := operation.Facts(op.ID, p, []portal.Cluster{c.live}), operation.Facts(op.ID, p, []portal.Cluster{c.kept})
				if diff := cmp.Diff(live, kept); diff != "" {
					t.Errorf("%s (-live +inventory):\n%s", op.ID, diff)
				}
				if op.ID != portal.CreateCluster && op.ID != portal.RunClusterlint && len(live) < 1 {
					t.Errorf("%s rests on nothing", op.ID)
				}
			}
		})
	}
}

// A form that was opened from the inventory is taken although it is compared
// with DigitalOcean's answer.
func TestFormsOpenedFromTheInventoryAreTaken(t *testing.T) {
	t.Parallel()
	for name, change := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := setup(t, change)
			for op, typed := range map[portal.OperationID]string{
				portal.UpdateCluster: "name", portal.CreateNodePool: "name", portal.UpgradeCluster: "x",
				portal.DeleteClusterDangerous: "name", portal.RunClusterlint: "x", portal.GetKubeconfig: "x",
			} {
				d, err := c.service.Plan(t.Context(), c.member, request.SubmitInput{Operation: op, ClusterID: c.live.ID})
				must(t, err)
				d.Form.Set(typed, "other")
				d.Form.Set("size", "s-2vcpu-4gb")
				d.Form.Set("typed_name", "web")
				d.Form.Set("justification", "a test")
				d.Form.Set("seen", d.ETag)
				if d.ETag == "" {
					t.Errorf("%s: nothing says what was seen", op)
				}
				_, err = c.service.Submit(t.Context(), c.member, request.SubmitInput{Operation: op, ClusterID: c.live.ID, Form: d.Form})
				must(t, err)
			}
		})
	}
}

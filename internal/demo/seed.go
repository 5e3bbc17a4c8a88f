package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/auth/devidp"
	"doksportal/internal/config"
	"doksportal/internal/db"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/inventory"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Accounts are those of the local issuer, named after what they may do.
var Accounts = []devidp.Account{
	{Username: "payments-member", Name: "Paula Payments", Groups: []string{"payments"}, About: "sees the clusters and requests of team payments, and requests more"},
	{Username: "payments-approver", Name: "Percy Payments", Groups: []string{"payments", "payments-approvers"}, About: "sees the same, and decides on what others of team payments request"},
	{Username: "search-member", Name: "Sam Search", Groups: []string{"search"}, About: "sees the clusters and requests of team search, and requests more"},
	{Username: "platform-approver", Name: "Petra Platform", Groups: []string{"platform-approvers"}, About: "sees every team, and decides on what waits for a decision"},
	{Username: "admin", Name: "Ada Admin", Groups: []string{"portal-admins"}, About: "sees everything, and sets teams, quotas, the policy and who owns a cluster"},
	{Username: "second-admin", Name: "Adam Admin", Groups: []string{"portal-admins"}, About: "sees the same, decides on what the other admin proposes, and may bypass approvals"},
	{Username: "auditor", Name: "Otto Auditor", Groups: []string{"auditors"}, About: "sees everything and the audit trail, and changes nothing"},
	{Username: "outsider", Name: "Olga Outsider", About: "belongs to no group, and sees nothing"},
}

var teams = []portal.Team{
	{
		Slug: "payments", Name: "payments", MemberGroup: "payments", ApproverGroup: "payments-approvers",
		Quota: portal.QuotaOf(12, map[string]int{"s-2vcpu-4gb": 10, "s-4vcpu-8gb": 4}),
	},
	{
		Slug: "search", Name: "search", MemberGroup: "search", ApproverGroup: "search-approvers",
		Quota: portal.QuotaOf(8, map[string]int{"s-4vcpu-8gb": 6, "m-2vcpu-16gb": 2}),
	},
}

// clusters are there at the start. The last is nobody's.
var clusters = []struct {
	dosim.Seed
	team        string
	environment portal.Environment
}{
	{dosim.Seed{
		ID: "5f0c2a6e-3f1e-4b59-9d53-0f6a1c0e7a01", Name: "payments-prod", Region: "fra1", HA: true, Version: "1.34.1-do.0", Size: "s-2vcpu-4gb", Count: 3,
		Tags: []string{"team:payments", "env:production"},
		Resources: dosim.Resources{
			LoadBalancers: []dosim.Resource{{ID: "4de7ac8b-495b-4884-9a69-1050c6793cd6", Name: "payments-ingress"}},
			Volumes:       []dosim.Resource{{ID: "ba49449a-7435-11ea-b89e-0a58ac14480f", Name: "pvc-ledger"}},
		},
	}, "payments", portal.Production},
	{dosim.Seed{
		ID: "5f0c2a6e-3f1e-4b59-9d53-0f6a1c0e7a02", Name: "search-staging", Region: "ams3", Size: "s-4vcpu-8gb", Count: 2,
		Tags: []string{"team:search", "env:staging"},
		Resources: dosim.Resources{
			LoadBalancers: []dosim.Resource{{ID: "5f0c2a6e-0000-4000-8000-000000000003", Name: "search-ingress"}},
			Volumes: []dosim.Resource{
				{ID: "5f0c2a6e-0000-4000-8000-000000000001", Name: "pvc-index"}, {ID: "5f0c2a6e-0000-4000-8000-000000000002", Name: "pvc-cache"}},
		},
	}, "search", portal.Staging},
	{Seed: dosim.Seed{ID: "5f0c2a6e-3f1e-4b59-9d53-0f6a1c0e7a03", Name: "legacy", Region: "nyc1", Size: "s-2vcpu-2gb", Count: 1}},
}

// Begin makes what every demo begins with, on an empty portal and DigitalOcean.
func Begin(ctx context.Context, pool *pgxpool.Pool, sim *dosim.Sim, do *doapi.Client, now func() time.Time) error {
	addClusters(sim)
	return seedPortal(ctx, pool, do, now)
}

func addClusters(sim *dosim.Sim) {
	for _, cluster := range clusters {
		sim.Add(cluster.Seed)
	}
}

// seed makes the teams and gives them their clusters, the first time.
func seed(ctx context.Context, cfg config.Config) error {
	pool, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	existing, err := store.Teams(ctx, pool)
	if err != nil || len(existing) > 0 {
		return err
	}
	client, err := doapi.New(cfg.DOAPIURL, cfg.DOToken.Reveal())
	if err != nil {
		return err
	}
	return seedPortal(ctx, pool, client, time.Now)
}

// seedPortal has the portal read the clusters, and makes the policy and the
// teams that own them.
func seedPortal(ctx context.Context, pool *pgxpool.Pool, do *doapi.Client, now func() time.Time) error {
	if err := (&inventory.Syncer{Pool: pool, DO: do, Now: now}).Sync(ctx); err != nil {
		return fmt.Errorf("read the simulated clusters: %w", err)
	}
	return db.WithTx(ctx, pool, func(tx pgx.Tx) error {
		return errors.Join(seedPolicy(ctx, tx, now()), seedTeams(ctx, tx, now()))
	})
}

// seedPolicy puts the built-in policy into force, with a cool-off that nobody
// has to wait long for.
func seedPolicy(ctx context.Context, tx pgx.Tx, now time.Time) error {
	self := portal.System("demo").Person()
	version, err := store.InsertPolicy(ctx, tx, portal.PolicyVersion{
		Text: strings.ReplaceAll(policy.BuiltInText, "cool_off: 15m", "cool_off: 15s"), Author: self, CreatedAt: now,
		Note: "The built-in policy, with a short cool-off for the demo.", State: portal.PolicyInForce, InForceAt: now,
	})
	if err != nil {
		return err
	}
	return audit.Append(ctx, tx, portal.Event{
		At: now, Kind: portal.EventPolicyInForce, Actor: self, Summary: fmt.Sprintf("The demo put version %d of the policy into force", version)})
}

func seedTeams(ctx context.Context, tx pgx.Tx, now time.Time) error {
	for _, t := range teams {
		t.ID = uuid.Must(uuid.NewV7()).String()
		if err := store.InsertTeam(ctx, tx, t, now); err != nil {
			return err
		}
		err := audit.Append(ctx, tx, portal.Event{
			At: now, Kind: portal.EventTeamCreated, Actor: portal.System("demo").Person(), TeamID: t.ID,
			Summary: "The demo created team " + t.Name})
		if err != nil {
			return err
		}
		for _, c := range clusters {
			if c.team != t.Slug {
				continue
			}
			if err := store.AssignCluster(ctx, tx, c.ID, t.ID, c.environment); err != nil {
				return err
			}
		}
	}
	return nil
}

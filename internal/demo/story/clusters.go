package story

import (
	"fmt"

	"github.com/google/uuid"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/teams"
)

// place is a cluster as the story knows it.
type place struct {
	id, name, team string
	environment    portal.Environment
	busy           bool // a request about it is under way
	quiet          bool // everyday requests leave it alone
	gone           bool
}

// quiet are clusters of the demo that people try things with.
var quiet = []place{
	{name: "payments-prod", team: "payments", environment: portal.Production, quiet: true},
	{name: "search-staging", team: "search", environment: portal.Staging, quiet: true},
}

// older is a cluster from before the portal. Without a team it stays nobody's.
type older struct {
	team        string
	environment portal.Environment
	name        string
	region      string
	version     string
	ha          bool
	tags        []string
	pools       []dosim.SeedPool
	volumes     []string
}

const (
	dev     = portal.Development
	staging = portal.Staging
	prod    = portal.Production
)

func fixed(name, size string, count int) dosim.SeedPool {
	return dosim.SeedPool{Name: name, Size: size, Count: count}
}

func scaling(name, size string, count, least, most int) dosim.SeedPool {
	return dosim.SeedPool{Name: name, Size: size, Count: count, MinNodes: least, MaxNodes: most}
}

func pools(list ...dosim.SeedPool) []dosim.SeedPool { return list }

var olderClusters = []older{
	{"payments", prod, "ledger-prod", "fra1", "1.33.8-do.1", true, []string{"pci"}, pools(fixed("core", "s-4vcpu-8gb", 4), fixed("batch", "m-2vcpu-16gb", 2)), []string{"pvc-ledger-0", "pvc-ledger-1"}},
	{"payments", staging, "ledger-staging", "fra1", "1.33.8-do.1", false, nil, pools(fixed("core", "s-2vcpu-4gb", 3)), []string{"pvc-ledger-0"}},
	{"payments", staging, "payments-staging", "fra1", "1.34.1-do.0", false, nil, pools(fixed("web", "s-2vcpu-4gb", 3)), nil},
	{"payments", dev, "payments-dev", "fra1", "1.34.4-do.0", false, nil, pools(scaling("web", "s-2vcpu-4gb", 2, 1, 4)), nil},

	{"search", prod, "search-prod", "ams3", "1.33.8-do.1", true, nil, pools(fixed("query", "s-4vcpu-8gb", 6), fixed("index", "m-2vcpu-16gb", 4)), []string{"pvc-index-0", "pvc-index-1", "pvc-index-2"}},
	{"search", prod, "indexer-prod", "ams3", "1.32.6-do.2", false, nil, pools(fixed("crawl", "s-4vcpu-8gb", 3), fixed("merge", "m-2vcpu-16gb", 2)), []string{"pvc-segments"}},
	{"search", dev, "search-dev", "ams3", "1.34.4-do.0", false, nil, pools(fixed("query", "s-4vcpu-8gb", 2)), nil},

	{"storefront", prod, "shop-prod-eu", "fra1", "1.34.1-do.0", true, []string{"pci", "public"}, pools(fixed("web", "s-4vcpu-8gb", 6), fixed("checkout", "s-4vcpu-8gb", 3)), []string{"pvc-sessions"}},
	{"storefront", prod, "shop-prod-us", "nyc3", "1.34.1-do.0", true, []string{"pci", "public"}, pools(fixed("web", "s-4vcpu-8gb", 5), fixed("checkout", "s-4vcpu-8gb", 2)), []string{"pvc-sessions"}},
	{"storefront", prod, "shop-prod-asia", "sgp1", "1.33.8-do.1", true, []string{"public"}, pools(fixed("web", "s-4vcpu-8gb", 3)), nil},
	{"storefront", prod, "cms-prod", "fra1", "1.33.8-do.1", false, nil, pools(fixed("web", "s-2vcpu-4gb", 3), fixed("media", "c-4", 2), fixed("jobs", "s-2vcpu-4gb", 2)), []string{"pvc-media"}},
	{"storefront", staging, "shop-staging", "fra1", "1.34.4-do.0", false, nil, pools(fixed("web", "s-2vcpu-4gb", 3)), nil},
	{"storefront", dev, "shop-dev", "fra1", "1.35.1-do.0", false, nil, pools(scaling("web", "s-2vcpu-4gb", 2, 1, 4)), nil},
	{"storefront", dev, "storybook", "lon1", "1.32.6-do.2", false, nil, pools(fixed("web", "s-2vcpu-4gb", 1)), nil},

	{"data", prod, "warehouse-prod", "ams3", "1.33.8-do.1", true, []string{"gdpr"}, pools(fixed("query", "m-4vcpu-32gb", 4), fixed("meta", "s-4vcpu-8gb", 3)), []string{"pvc-warehouse-0", "pvc-warehouse-1", "pvc-warehouse-2"}},
	{"data", prod, "streams-prod", "fra1", "1.34.1-do.0", true, nil, pools(fixed("brokers", "m-2vcpu-16gb", 5), fixed("connect", "s-4vcpu-8gb", 2)), []string{"pvc-broker-0", "pvc-broker-1", "pvc-broker-2"}},
	{"data", prod, "spark-prod", "ams3", "1.34.4-do.0", false, nil, pools(fixed("driver", "s-4vcpu-8gb", 1), scaling("executors", "c-8", 4, 2, 8)), nil},
	{"data", staging, "data-staging", "ams3", "1.34.1-do.0", false, nil, pools(fixed("query", "m-2vcpu-16gb", 3)), []string{"pvc-warehouse-0"}},
	{"data", dev, "notebooks-dev", "ams3", "1.31.9-do.3", false, nil, pools(scaling("users", "s-4vcpu-8gb", 2, 1, 4)), []string{"pvc-home"}},

	{"logistics", prod, "routing-prod", "lon1", "1.34.1-do.0", true, nil, pools(fixed("solver", "s-4vcpu-8gb", 5), fixed("api", "s-2vcpu-4gb", 3)), nil},
	{"logistics", prod, "tracking-prod", "tor1", "1.33.8-do.1", false, nil, pools(fixed("ingest", "s-4vcpu-8gb", 3), fixed("cache", "m-2vcpu-16gb", 1)), []string{"pvc-events"}},
	{"logistics", staging, "logistics-staging", "lon1", "1.34.4-do.0", false, nil, pools(fixed("api", "s-2vcpu-4gb", 3)), nil},
	{"logistics", dev, "routing-lab", "lon1", "1.32.6-do.2", false, nil, pools(fixed("solver", "s-4vcpu-8gb", 2)), nil},

	{"mobile", prod, "gateway-prod", "nyc1", "1.34.1-do.0", true, []string{"public"}, pools(fixed("edge", "s-4vcpu-8gb", 4), fixed("admin", "s-2vcpu-4gb", 2)), nil},
	{"mobile", prod, "push-prod", "sfo3", "1.33.8-do.1", false, nil, pools(fixed("workers", "s-2vcpu-4gb", 4)), []string{"pvc-queue"}},
	{"mobile", staging, "mobile-staging", "nyc1", "1.34.4-do.0", false, nil, pools(fixed("edge", "s-2vcpu-4gb", 3)), nil},
	{"mobile", dev, "mobile-dev", "blr1", "1.35.1-do.0", false, nil, pools(scaling("edge", "s-2vcpu-4gb", 1, 1, 3)), nil},

	{"", "", "old-jenkins", "nyc1", "1.29.14-do.0", false, nil, pools(fixed("pool-1", "s-4vcpu-8gb", 2)), []string{"pvc-jenkins-home"}},
}

// adoptClusters puts the older clusters at DigitalOcean, and has an admin give
// them to their teams.
func (t *teller) adoptClusters() error {
	for _, o := range olderClusters {
		seed := dosim.Seed{ID: named("cluster " + o.name), Name: o.name, Region: o.region, Version: o.version, HA: o.ha, Tags: o.tags, Pools: o.pools}
		for i, volume := range o.volumes {
			seed.Resources.Volumes = append(seed.Resources.Volumes, dosim.Resource{ID: named(fmt.Sprint(o.name, " volume ", i)), Name: volume})
		}
		if o.environment == prod {
			seed.Resources.LoadBalancers = []dosim.Resource{{ID: named(o.name + " ingress"), Name: o.name + "-ingress"}}
		}
		t.fleet = append(t.fleet, &place{id: t.sim.Add(seed), name: o.name, team: o.team, environment: o.environment})
	}
	if err := t.syncer.Sync(t.ctx); err != nil {
		return err
	}
	for _, p := range t.fleet {
		if p.team == "" {
			continue
		}
		owner := teams.Ownership{Slug: p.team, Environment: p.environment}
		if _, err := t.teams.Assign(t.ctx, t.actor("admin"), p.id, owner); err != nil {
			return err
		}
	}
	return t.knowQuiet()
}

// knowQuiet adds the demo's own clusters to the fleet.
func (t *teller) knowQuiet() error {
	list, err := store.Clusters(t.ctx, t.Pool, store.ClusterFilter{All: true, Limit: 100})
	if err != nil {
		return err
	}
	for _, q := range quiet {
		for _, c := range list {
			if c.Name == q.name {
				q.id = c.ID
			}
		}
		t.fleet = append(t.fleet, &q)
	}
	return nil
}

// named is an id that is the same each time.
func named(what string) string { return uuid.NewSHA1(uuid.NameSpaceOID, []byte(what)).String() }

// place returns the cluster of a name, nil when the story has none.
func (t *teller) place(name string) *place {
	for _, p := range t.fleet {
		if p.name == name {
			return p
		}
	}
	return nil
}

// cluster is what the portal knows of a cluster now.
func (t *teller) cluster(p *place) (portal.Cluster, error) { return store.Cluster(t.ctx, t.Pool, p.id) }

// reserve keeps a cluster from everyday requests around a moment, so that these
// are not in the way.
func (t *teller) reserve(name string, ago moment) {
	leave := func(quiet bool) func() error {
		return func() error {
			if p := t.place(name); p != nil {
				p.quiet = quiet
			}
			return nil
		}
	}
	t.at(ago+hours(30), leave(true))
	if ago > days(7) {
		t.at(ago-hours(12), leave(false))
	}
}

package story

import (
	"strconv"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/orphans"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// venture is a cluster that somebody has made, and deleted again once it has done
// its work.
type venture struct {
	born, gone  moment // gone is zero for one that stays
	who, team   string
	environment portal.Environment
	name        string
	region      string
	version     string
	size        string
	nodes       int
	most        int // of a pool that autoscales; zero: it does not
	why, whyNot string
}

const (
	v135 = "1.35.1-do.0"
	v134 = "1.34.4-do.0"
	v133 = "1.33.8-do.1"
)

var ventures = []venture{
	{days(87), days(71), "maya.patel", "storefront", dev, "checkout-pr-1482", "fra1", v134, "s-2vcpu-4gb", 2, 0, "Preview of the new checkout for user tests.", "User tests are over, the branch is merged."},
	{days(85), days(80), "grace.kim", "data", dev, "course-week-1", "ams3", v134, "s-4vcpu-8gb", 2, 0, "Exercises of the analytics course, first week.", "The course week is over."},
	{days(82), days(46), "jonas.weber", "payments", staging, "acquirer-sandbox", "lon1", v134, "s-2vcpu-4gb", 2, 0, "Certification with the new acquirer needs a network of its own.", "Certified."},
	{days(78), days(66), "oliver.hughes", "storefront", dev, "shop-canary-2", "fra1", v134, "s-2vcpu-4gb", 2, 0, "Second canary while the first one measures the cache.", "The cache is measured."},
	{days(75), days(5), "leila.haddad", "logistics", staging, "carrier-gateway", "lon1", v134, "s-2vcpu-4gb", 3, 0, "The gateway to the carriers moves out of routing.", "It is live as carrier-prod, staging is carrier-prod's second namespace."},
	{days(72), days(51), "priya.nair", "mobile", dev, "gateway-load-test", "nyc1", v134, "s-4vcpu-8gb", 3, 0, "Load test of the gateway before the campaign.", "Load test done, results are in the wiki."},
	{days(69), days(31), "david.cohen", "search", dev, "vector-lab", "ams3", v134, "m-2vcpu-16gb", 1, 0, "Tries vector search next to the index we have.", "Vector search goes into the index that we have."},
	{days(66), days(38), "chen.wei", "storefront", dev, "asia-cdn-trial", "sgp1", v134, "s-2vcpu-4gb", 2, 0, "Compares two CDNs from Singapore.", "We have decided for one of them."},
	{days(63), 0, "sofia.rossi", "storefront", prod, "loyalty-prod", "fra1", v134, "s-4vcpu-8gb", 3, 0, "The loyalty programme starts next month, its service moves out of the shop.", ""},
	{days(58), days(29), "payments-member", "payments", dev, "refunds-spike", "fra1", v134, "s-2vcpu-4gb", 1, 0, "Spike: refunds as a service of their own.", "The spike is written up, nothing else to keep."},
	{days(54), days(18), "anna.kowalska", "data", dev, "connect-dev", "fra1", v135, "s-4vcpu-8gb", 1, 2, "Connectors are developed against brokers of their own.", "Connectors are developed on staging from now on."},
	{days(50), days(44), "tom.murphy", "logistics", dev, "solver-bench", "lon1", v135, "s-4vcpu-8gb", 3, 0, "Benchmark of the new solver, three runs.", "Benchmarks are done."},
	{days(47), days(24), "lukas.novak", "mobile", dev, "push-dev", "sfo3", v135, "s-2vcpu-4gb", 1, 3, "Push notifications get a development cluster near their production.", "It is cheaper to share mobile-dev."},
	{days(43), 0, "payments-approver", "payments", prod, "fraud-prod", "fra1", v134, "s-4vcpu-8gb", 3, 0, "Fraud scoring goes live, it must not share nodes with payments.", ""},
	{days(37), days(22), "lucia.moreno", "search", dev, "ranking-eval", "ams3", v135, "s-4vcpu-8gb", 2, 0, "Evaluates the ranking model of this quarter.", "Evaluation is over."},
	{days(34), days(9), "maya.patel", "storefront", dev, "checkout-pr-1710", "fra1", v135, "s-2vcpu-4gb", 2, 0, "Preview of the guest checkout.", "Merged and live."},
	{days(30), days(10), "hassan.rahimi", "data", staging, "lineage-staging", "ams3", v135, "s-4vcpu-8gb", 2, 0, "Data lineage has to be tried on real volumes.", "Lineage has moved to data-staging."},
	{days(26), 0, "kwame.mensah", "storefront", staging, "loyalty-staging", "fra1", v135, "s-2vcpu-4gb", 2, 0, "Loyalty was tested in production until now.", ""},
	{days(21), days(8), "search-member", "search", dev, "synonyms-dev", "ams3", v135, "s-4vcpu-8gb", 1, 0, "Synonyms are edited by people now, they need somewhere to try them.", "Synonyms can be tried in search-dev now."},
	{days(17), days(3), "leila.haddad", "logistics", dev, "tracking-replay", "tor1", v135, "s-4vcpu-8gb", 2, 0, "Replays the events of the outage of 3 weeks ago.", "The cause is found, see the postmortem."},
	{days(13), 0, "zoe.martin", "mobile", prod, "deeplinks-prod", "nyc1", v135, "s-2vcpu-4gb", 2, 0, "Deep links leave the gateway.", ""},
	{days(8), 0, "marco.silva", "logistics", prod, "carrier-prod", "lon1", v135, "s-4vcpu-8gb", 3, 0, "The carrier gateway goes live after six weeks in staging.", ""},
	{days(6), 0, "jonas.weber", "payments", prod, "acquirer-prod", "lon1", v135, "s-2vcpu-4gb", 2, 0, "The acquirer is certified, its gateway goes live.", ""},
	{days(5), 0, "grace.kim", "data", dev, "course-week-9", "ams3", v135, "s-4vcpu-8gb", 1, 0, "Exercises of the analytics course, ninth week.", ""},
	{days(4), 0, "payments-member", "payments", dev, "payouts-dev", "fra1", v135, "s-2vcpu-4gb", 1, 3, "Payouts to marketplace sellers, first steps.", ""},
}

// kept is for how many days ventures were asked for that have a lease.
var kept = map[string]string{"course-week-9": "14", "payouts-dev": "10"}

// planVentures has the clusters made and deleted.
func (t *teller) planVentures() error {
	for _, v := range ventures {
		t.at(t.workday(v.born), func() error {
			_, err := t.make(v.wish(t.known(v)))
			return err
		})
		if v.gone == 0 {
			continue
		}
		t.reserve(v.name, v.gone)
		t.at(t.workday(v.gone), func() error {
			_, err := t.make(wish{operation: portal.DeleteCluster, who: v.who, cluster: t.place(v.name), why: v.whyNot, ending: ending{then: t.forget(v.name)}})
			return err
		})
	}
	return nil
}

// made is what runs in ventures and has made outside of them, which their deletions
// leave behind.
var made = map[string]dosim.Resources{
	"refunds-spike":   {LoadBalancers: resources("refunds-spike", "refunds-ingress"), Volumes: resources("refunds-spike", "pvc-refunds")},
	"carrier-gateway": {LoadBalancers: resources("carrier-gateway", "carrier-gateway-ingress"), Volumes: resources("carrier-gateway", "pvc-parcels-0", "pvc-parcels-1")},
	"synonyms-dev":    {Volumes: resources("synonyms-dev", "pvc-synonyms"), VolumeSnapshots: resources("synonyms-dev", "pvc-synonyms-nightly")},
}

func resources(cluster string, names ...string) []dosim.Resource {
	var list []dosim.Resource
	for _, name := range names {
		list = append(list, dosim.Resource{ID: named(cluster + " " + name), Name: name})
	}
	return list
}

// planOrphans has somebody say what became of a volume that stayed.
func (t *teller) planOrphans() {
	t.at(days(27), func() error {
		team, err := store.TeamBySlug(t.ctx, t.Pool, "payments")
		if err != nil {
			return err
		}
		list, err := store.Orphans(t.ctx, t.Pool, store.OrphanFilter{TeamIDs: []string{team.ID}, State: portal.OrphanOpen, Limit: 10})
		if err != nil {
			return err
		}
		kept := orphans.Input{State: portal.OrphanKept, Reason: "The figures in it are needed until the write-up is accepted, end of next quarter."}
		for _, o := range list {
			if o.Resource.Kind == portal.Volume {
				kept.IDs = append(kept.IDs, o.ID)
			}
		}
		_, err = t.orphans.Resolve(t.ctx, t.actor("payments-member"), kept)
		return err
	})
}

// known adds a cluster that a request made to the fleet.
func (t *teller) known(v venture) func(portal.Request) error {
	return func(r portal.Request) error {
		t.sim.Attach(r.TargetID, made[v.name])
		t.fleet = append(t.fleet, &place{id: r.TargetID, name: v.name, team: v.team, environment: v.environment})
		return nil
	}
}

// forget takes a cluster out of the fleet.
func (t *teller) forget(name string) func(portal.Request) error {
	return func(portal.Request) error {
		t.place(name).gone = true
		return nil
	}
}

// wish is the request for the cluster of a venture.
func (v venture) wish(then func(portal.Request) error) wish {
	return wish{operation: portal.CreateCluster, who: v.who, why: v.why, ending: ending{then: then}, fill: func(_ portal.Cluster, f portal.Form) {
		for name, value := range map[string]string{"team": v.team, "name": v.name, "region": v.region, "version": v.version,
			"environment": string(v.environment), "pools[0].name": "pool-1", "pools[0].size": v.size, "pools[0].count": strconv.Itoa(v.nodes)} {
			f.Set(name, value)
		}
		if v.most > 0 {
			f.Set("pools[0].auto_scale", "true")
			f.Set("pools[0].min_nodes", strconv.Itoa(v.nodes))
			f.Set("pools[0].max_nodes", strconv.Itoa(v.most))
		}
		f.Tick("ha", v.environment == prod && v.nodes > 2)
		if days := kept[v.name]; days != "" {
			f.Set("lasts", portal.LastsDays)
			f.Set("days", days)
		}
	}}
}

// upgrade takes a cluster to the next version that DigitalOcean offers it.
type upgrade struct {
	ago     moment
	who     string
	cluster string
	why     string
	ending
}

const endOfLife = "1.32 gets no more patches."

var upgrades = []upgrade{
	{days(86), "david.cohen", "indexer-prod", endOfLife, ending{kind: isRefused, words: "Not while the big merge runs. Ask again when it is through."}},
	{days(84), "tom.murphy", "routing-lab", endOfLife, ending{}},
	{days(79), "david.cohen", "indexer-prod", endOfLife + " The merge is through.", ending{words: "Thanks for waiting."}},
	{days(76), "amara.diallo", "ledger-staging", "Staging first, production in two weeks.", ending{}},
	{days(68), "maya.patel", "shop-prod-us", "Fixes the node reboots we saw last week.", ending{}},
	{days(62), "amara.diallo", "ledger-prod", "Staging has run 1.34 for two weeks without a finding.", ending{chat: []string{"Is the reconciliation job paused meanwhile?", "Yes, until I am done."}, words: "Good, go ahead."}},
	{days(57), "tom.murphy", "routing-prod", "Latest patch.", ending{kind: isTakenBack}},
	{days(55), "tom.murphy", "routing-prod", "Latest patch, this time outside of the delivery window.", ending{}},
	{days(49), "anna.kowalska", "streams-prod", "Latest patch.", ending{kind: isChanged, words: "Say in the reason how you keep the brokers' quorum.", reply: "One broker at a time, surge upgrades are on."}},
	{days(41), "priya.nair", "gateway-prod", "Latest patch.", ending{}},
	{days(36), "lukas.novak", "push-prod", "1.33 leaves support this quarter.", ending{kind: isForgotten}},
	{days(27), "lukas.novak", "push-prod", "1.33 leaves support this quarter. Second try, the first one expired.", ending{words: "Sorry that we let it slip."}},
	{days(23), "maya.patel", "shop-prod-eu", "Latest patch.", ending{}},
	{days(16), "jonas.weber", "payments-staging", "Latest patch.", ending{}},
	{days(11), "grace.kim", "data-staging", "Latest patch.", ending{}},
}

// planUpgrades has clusters upgraded.
func (t *teller) planUpgrades() error {
	for _, u := range upgrades {
		t.reserve(u.cluster, u.ago)
		t.at(t.workday(u.ago), func() error {
			_, err := t.make(wish{operation: portal.UpgradeCluster, who: u.who, cluster: t.place(u.cluster), why: u.why, ending: u.ending})
			return err
		})
	}
	return nil
}

// refusal is DigitalOcean's no to the next call for an operation.
func refusal(op portal.OperationID, message string) dosim.Fault {
	return dosim.Fault{Operation: string(op), Kind: dosim.FaultStatus, Status: 422, ID: "unprocessable_entity", Message: message}
}

// lost is an answer that gets lost, once, after the operation was done.
func lost(op portal.OperationID) dosim.Fault {
	return dosim.Fault{Operation: string(op), Kind: dosim.FaultLost}
}

package story

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// openScenes are those that are not over when the story ends.
var openScenes = []scene{
	{days(6.4), "payments-approver", portal.DeleteClusterSelective, "ledger-staging", "", chosen("ledger-staging volume 0"),
		"Staging starts from a copy of production next month; its volume can go with it.", ending{kind: waits, chat: []string{"Is the copy tested?", "Restored twice last week."}}},
	{days(5.5), "leila.haddad", portal.UpdateNodePool, "carrier-prod", "pool-1", count(+1),
		"Two more carriers from next month on.", ending{kind: waits}},
	{days(4.2), "kwame.mensah", portal.UpdateCluster, "loyalty-prod", "", set("maintenance_day", "wednesday", "maintenance_start", "04:30"),
		"Maintenance when the fewest points are redeemed.", ending{kind: waits}},
	{days(3), "lucia.moreno", portal.UpgradeCluster, "search-prod", "", nil,
		"1.33 leaves support this quarter.", ending{kind: waits, chat: []string{"After the reindexing, please. When is it done?", "In two days, then I ping you here."}}},
	{days(2), "chen.wei", portal.CreateCluster, "", "", cluster("storefront", prod, "shop-prod-india", "blr1", "s-4vcpu-8gb", "3"),
		"India gets a region of its own, pages take 2 seconds from Singapore.", ending{kind: waits, chat: []string{"Which budget is this on?", "Growth. Anita has signed it, see FIN-118."}}},
	{hours(31), "priya.nair", portal.DeleteClusterDangerous, "mobile-staging", "", nil,
		"The gateway is tested in preview clusters now, nothing of staging is needed any more.", ending{kind: isHalfApproved, words: "Confirmed with the whole team."}},
	{hours(30), "leila.haddad", portal.UpdateNodePool, "tracking-prod", "ingest", count(+1),
		"Ingestion lags again.", ending{kind: waits}},
	{hours(26), "grace.kim", portal.GetKubeconfig, "warehouse-prod", "", access("60"),
		"Look at slow queries.", ending{kind: isChallenged, decided: hours(2), words: "The query log is in the dashboard. What do you need admin rights for?"}},
	{hours(26), "hassan.rahimi", portal.RaiseQuota, "", "", set("nodes", "60", "lasts", portal.LastsDays, "days", "14"),
		"The auditors' reports run for two weeks, beside everything else.", ending{kind: waits}},
	{hours(25), "anna.kowalska", portal.UpdateNodePool, "spark-prod", "executors", later("+26h", set("max_nodes", "10")),
		"Month-end close needs ten executors.", ending{words: "Fine for the close."}},
	{hours(22), "search-member", portal.UpdateNodePool, "search-prod", "index", count(+1),
		"The index of the new catalogue does not fit into memory.", ending{kind: waits}},
	{hours(20), "amara.diallo", portal.UpgradeCluster, "ledger-prod", "", later("+77h", set()),
		"After the settlement run. Staging has run it for a week.", ending{words: "Settlement is done by then, good."}},
	{hours(11), "priya.nair", portal.GetCredentials, "gateway-prod", "", access("30"),
		"Rotate the signing key by hand, the operator is stuck.", ending{kind: waits}},
	{hours(9), "lukas.novak", portal.UpdateNodePool, "push-prod", "workers", count(+1),
		"Two million notifications wait, workers run out of memory.",
		ending{kind: isBroken, decided: minutes(5), words: "Customers do not get their one-time passwords, Zoé is on a flight and the on-call of the platform does not answer."}},
	{hours(7), "maya.patel", portal.UpdateNodePool, "shop-prod-us", "web", later("+49h", count(+2)),
		"The sale starts the day after tomorrow.", ending{}},
	{hours(6), "hassan.rahimi", portal.CreateNodePool, "warehouse-prod", "", pool("reports", "m-4vcpu-32gb", "2"),
		"Nodes of their own for the reports of the auditors.", ending{kind: waits, chat: []string{"Can they share with query at night?", "They run all day, that is the problem."}}},
	{hours(5.2), "payments-member", portal.UpdateNodePool, "payments-dev", "web", later("+18h", set("max_nodes", "5")),
		"Team event tomorrow, everybody deploys.", ending{}},
	{hours(3), "tom.murphy", portal.UpdateCluster, "routing-prod", "", set("maintenance_day", "saturday", "maintenance_start", "02:00"),
		"No deliveries on Saturday night.", ending{kind: waits}},
	{hours(2), "payments-member", portal.GetKubeconfig, "fraud-prod", "", access("60"),
		"The model does not reload, I need to see its mounts.", ending{kind: isUncollected, decided: minutes(50), words: "An hour is enough, please."}},
	{minutes(84), "maya.patel", portal.UpgradeCluster, "shop-prod-asia", "", nil,
		"Last one of the shops on 1.33.", ending{kind: waits}},
	{minutes(58), "oliver.hughes", portal.UpgradeCluster, "cms-prod", "", nil,
		"1.33 leaves support this quarter, editors are told.", ending{decided: minutes(57.5), words: "Editors have stopped, go."}},
	{minutes(38), "jonas.weber", portal.DeleteNode, "acquirer-prod", "", nil,
		"The node drops packets to the acquirer, a new one please.", ending{kind: waits}},
	{minutes(12), "amara.diallo", portal.GetKubeconfig, "ledger-prod", "", access("45"),
		"The reconciliation job hangs, I need a thread dump.", ending{kind: waits}},
	{minutes(9), "tom.murphy", portal.UpdateNodePool, "routing-lab", "solver", count(+1),
		"A third node for the comparison.", ending{fault: dosim.Fault{Operation: string(portal.UpdateNodePool), Kind: dosim.FaultReset}}},
	{minutes(3), "payments-member", portal.UpdateNodePool, "fraud-prod", "pool-1", count(+1),
		"Scoring takes 300 ms for half an hour now, it should take 80.", ending{kind: waits}},
	{minutes(0.2), "kwame.mensah", portal.CreateCluster, "", "", cluster("storefront", staging, "returns-staging", "fra1", "s-2vcpu-4gb", "2"),
		"Returns leave the shop, this is their staging.", ending{}},
	{minutes(0.1), "grace.kim", portal.DeleteCluster, "course-week-9", "", nil, "The course week is over.", ending{}},
}

// later has a request carried out that long after the story ends.
func later(in string, fill func(portal.Cluster, portal.Form)) func(portal.Cluster, portal.Form) {
	return func(c portal.Cluster, f portal.Form) {
		fill(c, f)
		f.Set("start_at", in)
	}
}

// cluster is a new one with one pool.
func cluster(team string, environment portal.Environment, name, region, size, count string) func(portal.Cluster, portal.Form) {
	return set("team", team, "environment", string(environment), "name", name, "region", region, "version", v135,
		"pools[0].name", "pool-1", "pools[0].size", size, "pools[0].count", count)
}

// chosen chooses what goes with a cluster.
func chosen(resource string) func(portal.Cluster, portal.Form) {
	return func(_ portal.Cluster, f portal.Form) { f["resources"] = []string{named(resource)} }
}

// planLast has happen what takes more than a request.
func (t *teller) planLast() {
	t.at(days(9), t.overQuota)
	t.at(days(5.9), t.broken)
	t.at(hours(3.4), t.twins)
	t.at(hours(1), t.expire) // it says of some that they expire soon
	t.at(40*time.Second, t.killed)
}

// overQuota is refused: the trail keeps it.
func (t *teller) overQuota() error {
	_, err := t.make(wish{operation: portal.CreateCluster, who: "david.cohen", why: "A second index in Asia.",
		fill: cluster("search", prod, "search-prod-asia", "sgp1", "m-2vcpu-16gb", "8")})
	if !portal.Is(err, portal.KindInvalid) {
		return fmt.Errorf("story: a cluster beyond the quota: %w", err)
	}
	return nil
}

// broken is a cluster that DigitalOcean could not make.
func (t *teller) broken() error {
	r, err := t.make(wish{operation: portal.CreateCluster, who: "hassan.rahimi", why: "Tries to recognise receipts on pictures.",
		fill: cluster("data", dev, "vision-poc", "tor1", "c-8", "1")})
	if err != nil {
		return err
	}
	t.after(minutes(1), func() error {
		now, err := t.number(r.Number)
		t.sim.SetState(now.TargetID, portal.ClusterError, "Provisioning failed: no capacity for the control plane in this region")
		return err
	})
	return nil
}

// twins are what DigitalOcean made of one request whose answer was lost: which
// of them is meant only an operator can say.
func (t *teller) twins() error {
	r, err := t.make(wish{operation: portal.CreateCluster, who: "sofia.rossi", why: "Prices are worked out per country, first experiments.",
		fill: cluster("storefront", dev, "pricing-dev", "lon1", "s-2vcpu-4gb", "1"), ending: ending{fault: lost(portal.CreateCluster)}})
	if err != nil {
		return err
	}
	t.after(minutes(1), func() error {
		t.sim.Add(dosim.Seed{ID: named("cluster pricing-dev"), Name: "pricing-dev", Region: "lon1", Version: v135, Size: "s-2vcpu-4gb", Count: 1,
			Tags: []string{r.RequestTag(), "team:storefront", "env:development"}})
		return nil
	})
	return nil
}

// killed has a replica of the portal killed in the middle of a call: DigitalOcean
// has done it, and nobody could write down so.
func (t *teller) killed() error {
	own, err := pgxpool.NewWithConfig(t.ctx, t.Pool.Config())
	if err != nil {
		return err
	}
	defer own.Close()
	replica := *t.executor
	replica.Pool = own
	services := *t.requests
	services.Jobs = nobody{}
	r, err := t.send(&services, wish{operation: portal.CreateCluster, who: "lucia.moreno", why: "Compares two tokenizers for a day.",
		fill: cluster("search", dev, "tokenizer-ab", "ams3", "s-4vcpu-8gb", "1")})
	if err != nil {
		return err
	}
	t.wire.after(own.Close)
	if _, err := replica.Step(t.ctx, r.ID); err == nil {
		return fmt.Errorf("story: request %d has an outcome, though its replica was killed", r.Number)
	}
	return nil
}

// requestsOf are somebody's requests for an operation, newest first, with all
// that became of them.
func (t *teller) requestsOf(who string, op portal.OperationID) ([]portal.Request, error) {
	list, err := store.Requests(t.ctx, t.Pool, store.RequestFilter{All: true, Requester: t.identity(who), Operation: op, Limit: 100})
	for i := range list {
		if err == nil {
			list[i], err = t.number(list[i].Number)
		}
	}
	return list, err
}

package story

import (
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/teams"
)

// scene is a request that matters to the story, on a pool of a cluster unless it
// makes one.
type scene struct {
	ago       moment
	who       string
	operation portal.OperationID
	cluster   string
	pool      string
	fill      func(portal.Cluster, portal.Form)
	why       string
	ending
}

// scenes are those that are over.
var scenes = []scene{
	{
		days(74), "payments-member", portal.CreateNodePool, "payments-staging", "", newPool,
		"Nodes for the load test of the acquirer.", ending{fault: lost(portal.CreateNodePool)},
	},
	{
		days(52), "maya.patel", portal.UpdateNodePool, "shop-prod-eu", "checkout", count(+2),
		"Checkout times out, the queue of orders grows by 200 a minute.",
		ending{kind: isBroken, decided: minutes(4), words: "Orders are being lost, both approvers are on a plane, and I cannot wait for the platform."},
	},
	{
		days(50.6), "maya.patel", portal.UpdateNodePool, "shop-prod-eu", "checkout", count(-2),
		"The incident is over, back to what we had.", ending{words: "Thanks. Postmortem to follow."},
	},
	{
		days(28), "hassan.rahimi", portal.UpdateNodePool, "warehouse-prod", "query", count(+2),
		"The auditors' reports take four hours, two more nodes make it two.",
		ending{kind: isChanged, words: "That is 336 USD a month more. Does one do?", reply: "One is enough with the new partitions.", change: count(-1),
			chat: []string{"How long are the reports needed?", "Until the auditors have left, about six weeks."}},
	},
	{
		days(19), "leila.haddad", portal.UpdateNodePool, "tracking-prod", "ingest", count(+1),
		"Ingestion lags by 40 minutes since the outage.", ending{words: "Go."},
	},
	{
		days(9), "david.cohen", portal.RaiseQuota, "", "", set("nodes", "31", "lasts", portal.LastsDays, "days", "21"),
		"The new index is built beside the old one for three weeks.", ending{words: "Three weeks, and then back. Good."},
	},
	{
		days(6), "grace.kim", portal.CreateNodePool, "notebooks-dev", "", pool("gpu", "c-8", "2"),
		"Training notebooks need more CPU.", ending{fault: refusal(portal.CreateNodePool, "not enough available droplet limit in this region")},
	},
}

// pool is a new pool.
func pool(name, size, count string) func(portal.Cluster, portal.Form) {
	return set("name", name, "size", size, "count", count)
}

// planScenes has happen what matters.
func (t *teller) planScenes() error {
	for _, list := range [][]scene{scenes, openScenes} {
		for _, s := range list {
			t.reserve(s.cluster, s.ago)
			t.at(s.ago, func() error { return t.play(s) })
		}
	}
	t.planEmergencies()
	t.planAccidents()
	t.planRegistries()
	t.planOrphans()
	t.planLast()
	return nil
}

// play has a scene's request made. The cluster may be busy with something else:
// then the two are related, as happens.
func (t *teller) play(s scene) error {
	w := wish{operation: s.operation, who: s.who, pool: s.pool, fill: s.fill, why: s.why, ending: s.ending}
	if s.cluster != "" {
		w.cluster = t.place(s.cluster)
	}
	_, err := t.make(w)
	return err
}

// planEmergencies has the first break-glass reviewed; that of today waits.
func (t *teller) planEmergencies() {
	t.at(days(51.2), func() error {
		list, err := t.requestsOf("maya.patel", portal.UpdateNodePool)
		if err != nil {
			return err
		}
		for _, r := range list {
			if r.ActiveBreakGlass() != nil {
				return t.requests.ReviewBreakGlass(t.ctx, t.actor("sofia.rossi"), r.Number, r.Digest,
					"It was right: 12 minutes of lost orders instead of an hour. We name a third approver for checkout.")
			}
		}
		return nil
	})
}

// accident is what happens at DigitalOcean that no request explains.
type accident struct {
	ago moment
	do  func(t *teller, sim *dosim.Sim)
}

var accidents = []accident{
	{days(20), func(t *teller, sim *dosim.Sim) { // somebody deletes it with doctl
		gone := t.place("storybook")
		sim.Remove(gone.id)
		gone.gone = true
	}},
	{days(7), func(_ *teller, sim *dosim.Sim) { // somebody makes one with doctl
		sim.Add(dosim.Seed{ID: named("cluster loadtest-tmp"), Name: "loadtest-tmp", Region: "fra1", Version: v134, Size: "c-8", Count: 3})
	}},
	{hours(27), func(t *teller, sim *dosim.Sim) { // somebody resizes it in the control panel
		sim.Resize(t.place("tracking-prod").id, 6)
	}},
	{hours(2), func(t *teller, sim *dosim.Sim) { // somebody upgrades it in the control panel, and it gets stuck
		sim.SetState(t.place("old-jenkins").id, portal.ClusterUpgrading, "")
	}},
	{hours(5), func(t *teller, sim *dosim.Sim) {
		id := t.place("streams-prod").id
		sim.SetState(id, "degraded", "The control plane is degraded: one of its members does not respond")
		sim.Announce(id, "One member of the control plane does not respond. Our engineers are investigating.")
	}},
	{hours(2.5), func(t *teller, sim *dosim.Sim) {
		sim.SetState(t.place("push-prod").id, "degraded", "Node push-prod is not ready")
	}},
}

// planAccidents has things happen behind the portal's back. It notices.
func (t *teller) planAccidents() {
	for _, a := range accidents {
		t.at(a.ago, func() error {
			a.do(t, t.sim)
			t.after(minutes(1), t.freshen)
			return nil
		})
	}
	for ago := days(85); ago > 0; ago -= days(5) {
		t.at(ago, t.freshen)
		t.at(ago, t.expire)
	}
}

// planRegistries has the admins protect what must not be lost, and let clusters
// pull images.
func (t *teller) planRegistries() {
	for i, name := range []string{"ledger-prod", "warehouse-prod", "streams-prod"} {
		t.at(days(81)-minutes(float64(i)), func() error {
			p := t.place(name)
			_, err := t.teams.Assign(t.ctx, t.actor("second-admin"), p.id, teams.Ownership{Slug: p.team, Environment: p.environment, Protected: true})
			return err
		})
	}
	t.at(days(59), func() error {
		return t.registries("admin", portal.AddRegistries, "Images move to our own registry.", ending{words: "At last."}, "shop-prod-eu", "shop-prod-us", "shop-prod-asia", "shop-staging")
	})
	t.at(hours(31), func() error {
		return t.registries("second-admin", portal.AddRegistries, "Logistics moves to our own registry, too.", ending{kind: waits}, "routing-prod", "tracking-prod", "carrier-prod")
	})
}

func (t *teller) registries(who string, op portal.OperationID, why string, e ending, clusters ...string) error {
	_, err := t.make(wish{operation: op, who: who, why: why, ending: e, fill: func(_ portal.Cluster, f portal.Form) {
		for _, name := range clusters {
			f["clusters"] = append(f["clusters"], t.place(name).id)
		}
		f.Set("registries", "company")
	}})
	return err
}

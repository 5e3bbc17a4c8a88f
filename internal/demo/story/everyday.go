package story

import (
	"strconv"
	"time"

	"doksportal/internal/portal"
)

// everyday is how many requests are made by the way.
const everyday = 196

// errand is something that people keep asking for.
type errand struct {
	operation portal.OperationID
	weight    int                         // how often it is asked for
	fits      func(c portal.Cluster) bool // nil: any
	pool      string                      // empty: the first
	fill      func(c portal.Cluster, f portal.Form)
	why       []string
	no        []string // why it is rejected
	differ    string   // what an approver wants changed
	reply     string
}

// spare is the pool that comes and goes.
const spare = "burst"

var errands = []errand{
	{
		operation: portal.UpdateNodePool, weight: 9, fits: grows, fill: count(+1),
		why: []string{"Memory has been above 85 % for days.", "The campaign starts this week, marketing expects twice the traffic.", "One node more until the leak is fixed.",
			"p95 doubles when a node drains, we need headroom.", "Load test next week.", "Pods are pending during deployments."},
		no: []string{"The graphs show 40 % CPU. Please look at the requests of the pods first.", "Wait for the right-sizing this week."}, differ: "Add the ticket of the incident, please.", reply: "Ticket OPS-2214.",
	},
	{
		operation: portal.UpdateNodePool, weight: 8, fits: shrinks, fill: count(-1),
		why: []string{"The campaign is over.", "The leak is fixed, back to what we had.", "Right-sizing: the node has been idle for two weeks.", "Save money while nobody needs it."},
		no:  []string{"Not before the sale is over.", "The node that goes has the local cache. Drain it by hand first."}, differ: "When is it quiet enough?", reply: "Now, the campaign ended yesterday.",
	},
	{
		operation: portal.GetKubeconfig, weight: 11, fill: access("30"),
		why: []string{"Look at a crash loop.", "On call.", "Install the new ingress.", "Debug the cron jobs that do not start.", "Check why the certificate was not renewed.", "Roll back by hand, the pipeline is broken."},
		no:  []string{"The dashboards show this, no need for admin rights.", "Please use the pipeline for that."}, differ: "What for? Say it in the reason.", reply: "To read the events of the failing jobs.",
	},
	{
		operation: portal.GetCredentials, weight: 3, fill: access("15"),
		why: []string{"One-off migration job from my machine.", "Import script needs a token."},
		no:  []string{"Run it as a job inside the cluster."}, differ: "Which script?", reply: "scripts/import.sh of the repository.",
	},
	{
		operation: portal.RunClusterlint, weight: 6,
		why: []string{"Before the upgrade.", "Monthly check.", "Follow-up of last month's findings."},
	},
	{
		operation: portal.DeleteNode, weight: 3,
		why: []string{"The node loses packets.", "Disk errors in the kernel log.", "The node is NotReady, a new one please."},
		no:  []string{"It has been Ready again for 10 minutes."}, differ: "Is the database off it?", reply: "Yes, moved an hour ago.",
	},
	{
		operation: portal.RecycleNodePool, weight: 3, fill: firstNode,
		why: []string{"The node runs an image from before the fix.", "Rotate nodes as agreed after the audit."},
		no:  []string{"Not during the on-call handover."}, differ: "One node at a time, and say when.", reply: "Now, it is quiet.",
	},
	{
		operation: portal.UpdateCluster, weight: 3, fill: set("maintenance_day", "sunday", "maintenance_start", "03:00"), fits: maintained("any"),
		why: []string{"Maintenance when nobody orders.", "Move maintenance away from the batch run."},
		no:  []string{"Sunday night is inventory."}, differ: "Agree on it with the other teams first.", reply: "Agreed in the platform meeting.",
	},
	{
		operation: portal.UpdateCluster, weight: 2, fill: set("maintenance_day", "any", "maintenance_start", "00:00"), fits: maintained("sunday"),
		why: []string{"The batch run has moved, any day is fine again."},
		no:  []string{"Keep it until the audit is over."}, differ: "Why any day?", reply: "Surge upgrades are on, nobody notices.",
	},
	{
		operation: portal.UpdateCluster, weight: 3, fill: set("firewall", "true", "firewall_allowed", "203.0.113.0/24\n198.51.100.7"), fits: open,
		why: []string{"Only the VPN and the build machines should reach the API.", "Finding 7 of the audit."},
		no:  []string{"The new VPN has another range, wait for it."}, differ: "198.51.100.7 is whose?", reply: "The build machine's.",
	},
	{
		operation: portal.UpdateCluster, weight: 2, fill: set("auto_upgrade", "true", "surge_upgrade", "true"), fits: manual,
		why: []string{"Patches by themselves from now on.", "We forgot the last two patches."},
		no:  []string{"Not in production, please."}, differ: "In which maintenance window?", reply: "In the one that is set.",
	},
	{
		operation: portal.CreateNodePool, weight: 3, fits: without(spare), fill: newPool,
		why: []string{"Nodes of their own for the nightly jobs.", "A pool for the canary.", "Keep the noisy jobs away from the API."},
		no:  []string{"Use the pool that we have, with a taint."}, differ: "How long do you need it?", reply: "Until the end of the month.",
	},
	{
		operation: portal.DeleteNodePool, weight: 4, fits: with(spare), pool: spare,
		why: []string{"The canary is done.", "The nightly jobs fit on the other nodes again."},
		no:  []string{"The jobs still run there, see the node affinity."}, differ: "Is anything left on it?", reply: "Nothing but daemon sets.",
	},
}

// usual is what becomes of errands that need an approval, in turn.
var usual = []outcome{succeeds, isRefused, succeeds, succeeds, isTakenBack, succeeds, isChanged, succeeds, succeeds, isFaulty,
	succeeds, isRefused, succeeds, isForgotten, succeeds, isStopped, succeeds, isTakenBack, succeeds, succeeds, isRefused, succeeds, isFaulty}

// seldom is how many errands that need no approval go well before one fails.
const seldom = 24

// praise is what approvers write who write something.
var praise = []string{"", "", "Fine.", "", "OK from my side.", "", "", "Please keep an eye on it.", "", "Thanks for the context.", "", ""}

// faults are DigitalOcean's words to what it refuses.
var faults = []string{"not enough available droplet limit in this region", "the requested size is not available in this region at the moment", "cluster is busy, try again later"}

// planEveryday has people ask for what they always ask for, in the nine hours
// before the hour at which the story ends, from day to day.
func (t *teller) planEveryday() error {
	for n := range everyday {
		ago := t.workday(days(float64(88 - n*89/everyday)))
		t.at(ago, func() error { return t.runErrand(n) })
	}
	return nil
}

// workday is some minute of the day that ends at a moment.
func (t *teller) workday(ago moment) moment {
	const minutesOfWork = 9 * 60
	return ago + time.Duration(t.random.IntN(minutesOfWork))*time.Minute
}

// runErrand has somebody ask for something that fits.
func (t *teller) runErrand(n int) error {
	for range 50 {
		p := t.fleet[t.random.IntN(len(t.fleet))]
		e := t.drawErrand()
		if p.busy || p.quiet || p.gone || p.team == "" {
			continue
		}
		c, err := t.cluster(p)
		if err != nil {
			return err
		}
		if c.State != portal.ClusterRunning || e.fits != nil && !e.fits(c) {
			continue
		}
		if _, err = t.make(t.errandWish(e, p, n)); portal.Is(err, portal.KindInvalid) {
			return nil // beyond the quota, most likely: then they leave it
		}
		return err
	}
	return nil // everybody has something else to do
}

func (t *teller) drawErrand() errand {
	total := 0
	for _, e := range errands {
		total += e.weight
	}
	left := t.random.IntN(total)
	for _, e := range errands {
		if left -= e.weight; left < 0 {
			return e
		}
	}
	return errands[0]
}

func (t *teller) errandWish(e errand, p *place, n int) wish {
	members := t.inGroup(p.team)
	w := wish{operation: e.operation, who: members[t.random.IntN(len(members))], cluster: p, pool: e.pool, fill: e.fill,
		why: e.why[t.random.IntN(len(e.why))], ending: ending{errand: &e}}
	if n%seldom == seldom-1 && e.operation.Risk() != portal.RiskSecret {
		w.fault = refusal(e.operation, faults[n%len(faults)])
	}
	return w
}

// usually is what becomes of an errand that needs an approval.
func (t *teller) usually(e errand) ending {
	n := t.errands
	t.errands++
	is := ending{kind: usual[n%len(usual)]}
	switch {
	case is.kind == isFaulty && e.operation.Risk() != portal.RiskSecret:
		is.fault = refusal(e.operation, faults[n%len(faults)])
	case is.kind == isRefused && len(e.no) > 0:
		is.words = e.no[n%len(e.no)]
	case is.kind == isChanged && e.differ != "":
		is.words, is.reply = e.differ, e.reply
	case is.kind == isStopped:
		is.words = "Stop, we have an incident. Please ask again tomorrow."
	case is.kind == isForgotten || is.kind == isTakenBack:
	default:
		is.kind, is.words = succeeds, praise[n%len(praise)]
	}
	return is
}

// The pools that grow are those of a fixed size; they are back at an even number
// before they grow again.
func grows(c portal.Cluster) bool { return !c.Pools[0].AutoScale && c.Pools[0].Count%2 == 0 }
func shrinks(c portal.Cluster) bool {
	return !c.Pools[0].AutoScale && c.Pools[0].Count%2 == 1 && c.Pools[0].Count > 1
}
func open(c portal.Cluster) bool   { return !c.Details.Settings.Firewall.Enabled }
func manual(c portal.Cluster) bool { return !c.Details.Settings.AutoUpgrade }

func maintained(day string) func(portal.Cluster) bool {
	return func(c portal.Cluster) bool { return c.Details.Settings.Maintenance.Day == day }
}

func with(pool string) func(portal.Cluster) bool {
	return func(c portal.Cluster) bool { return hasPool(c, pool) }
}

func without(pool string) func(portal.Cluster) bool {
	return func(c portal.Cluster) bool { return !hasPool(c, pool) && !c.Pools[0].AutoScale }
}

func hasPool(c portal.Cluster, name string) bool {
	for _, p := range c.Pools {
		if p.Name == name {
			return true
		}
	}
	return false
}

// count changes how many nodes the pool has.
func count(by int) func(portal.Cluster, portal.Form) {
	return func(_ portal.Cluster, f portal.Form) {
		now, _ := strconv.Atoi(f.Get("count")) // of a form that the portal has filled in
		f.Set("count", strconv.Itoa(now+by))
	}
}

func access(minutes string) func(portal.Cluster, portal.Form) { return set("minutes", minutes) }

func set(pairs ...string) func(portal.Cluster, portal.Form) {
	return func(_ portal.Cluster, f portal.Form) {
		for i := 0; i < len(pairs); i += 2 {
			f.Set(pairs[i], pairs[i+1])
		}
	}
}

// firstNode chooses a node of the first pool.
func firstNode(c portal.Cluster, f portal.Form) { f["nodes"] = []string{c.Pools[0].Nodes[0].ID} }

// newPool is one node of the size that the cluster has.
func newPool(c portal.Cluster, f portal.Form) {
	f.Set("name", spare)
	f.Set("size", c.Pools[0].Size)
	f.Set("count", "1")
	f.Set("labels", "purpose="+spare)
}

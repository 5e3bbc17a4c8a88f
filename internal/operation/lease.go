package operation

import (
	"fmt"
	"time"

	"doksportal/internal/portal"
)

var extendLease = definition{
	fields:  lastingFields,
	open:    func(d *portal.Draft) { d.Form.Set("lasts", portal.LastsUntil) },
	rewrite: func(d *portal.Draft, p portal.Params) { writeLasting(d.Form, p.Extend.Lasting) },
	read:    func(d *portal.Draft, _ *fieldErrors) { d.Params.Extend = &portal.ExtendParams{} },
	plan:    planExtend,
}

// readExtension reads for how long a cluster is to be kept from now on.
func (f *fieldErrors) readExtension(d *portal.Draft, now time.Time) {
	l := f.readLasting(d, now)
	d.Params.Extend.Lasting = l
	if end := l.End(now); !end.IsZero() && !end.After(d.Lease.Until) {
		field := "last_day"
		if l.Days > 0 {
			field = "days"
		}
		f.Add(field, "The lease lasts until %s already; enter more than that.", d.Lease.EndText())
	}
}

func planExtend(d *portal.Draft) {
	l := d.Params.Extend.Lasting
	after := l.Text()
	switch chosen := d.Form.Get("lasts"); {
	case after != "":
		d.Plan.Summary = fmt.Sprintf("Keep cluster %s %s.", d.Cluster.Name, after)
	case d.Form == nil || chosen == portal.LastsForGood:
		after = "until somebody deletes it"
		d.Plan.Summary = fmt.Sprintf("Keep cluster %s %s.", d.Cluster.Name, after)
	default:
		d.Plan.Summary = fmt.Sprintf("Keep cluster %s for longer.", d.Cluster.Name)
		return
	}
	d.Plan.Changes = []portal.Change{{What: "Lease", Before: "until " + d.Lease.EndText(), After: after}}
	d.Plan.Steps = []string{"It takes effect when it is approved. Nothing is sent to DigitalOcean. A request to delete the cluster that the end of the lease has made is withdrawn."}
	if l.Days > 0 {
		d.Plan.Steps = append(d.Plan.Steps, "Its days are counted from then on.")
	}
}

// LeaseFacts are what the decision to extend a lease rests on.
func LeaseFacts(c portal.Cluster, l portal.Lease) []portal.Fact {
	return append(identityFacts(portal.Params{}, c), portal.Fact{What: "the end of the lease", Value: l.EndText()})
}

// leaseChanges say for how long a new cluster is kept.
func leaseChanges(l portal.Lasting) []portal.Change {
	if l.ForGood() {
		return nil
	}
	return []portal.Change{{What: "Kept", After: l.Text() + ", then its deletion is requested"}}
}

// checkLease notes where a cluster would be kept for longer than the policy lets it.
// One in production is never deleted by itself, so it has no lease at all.
func checkLease(d *portal.Draft, l portal.Lasting, e portal.Environment, now time.Time) {
	longest := d.Plan.Verdict.LongestLease
	switch {
	case e == portal.Production && !l.ForGood():
		d.Errors.Add("lasts", "A production cluster is never deleted by itself; choose to keep it until somebody deletes it.")
	case e == portal.Production || longest == 0:
	case l.ForGood():
		d.Errors.Add("lasts", "The policy lets such a cluster be kept for at most %s; choose for how long.", portal.DurationText(longest))
	default:
		checkLasting(d, l, now, longest, "The policy lets such a cluster be kept for at most %s")
	}
}

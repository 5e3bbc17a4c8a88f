package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/notify"
	"doksportal/internal/operation"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// staleFor is how long after a change DigitalOcean's answers may still be those
// from before it.
const staleFor = 2 * time.Minute

// drift is what a reading finds that no request explains. It is found and recorded
// while the inventory is locked, so that of several replicas one tells it.
type drift struct {
	asOf      time.Time
	first     bool // nothing was known: that is no news to anybody
	known     map[string]store.Before
	requests  []portal.Request
	baselines map[string]portal.Baseline // from which drift is told from now on
	stale     []string                   // ids of clusters that are gone whatever DigitalOcean says
	events    []found
}

// found is an event with what it tells of.
type found struct {
	kind     portal.EventKind
	cluster  portal.Cluster // with the team that owns it
	changes  []portal.Change
	requests []portal.Request // that were being carried out, and do not explain it
	again    bool             // it was gone before
}

// newDrift reads what is known of the clusters that a reading touches, and which
// requests may explain what it finds: those that are being carried out, or have
// ended since the reading before or within the time of stale answers.
func newDrift(ctx context.Context, tx pgx.Tx, r reading, previous time.Time, touched []string, news []portal.Cluster) (*drift, error) {
	d := &drift{asOf: r.asOf, first: previous.IsZero(), known: map[string]store.Before{}, baselines: map[string]portal.Baseline{}}
	if len(touched) == 0 {
		return d, nil
	}
	list, err := store.Baselines(ctx, tx, touched)
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		d.known[b.ID] = b
	}
	since := r.asOf.Add(-staleFor)
	if !d.first && previous.Before(since) {
		since = previous
	}
	var tagged []string
	for _, c := range news {
		if _, ok := d.known[c.ID]; !ok {
			tagged = append(tagged, requestIDs(c)...)
		}
	}
	d.requests, err = store.CarriedOut(ctx, tx, touched, tagged, since)
	return d, err
}

// requestIDs are the ids of requests that a cluster's tags name.
func requestIDs(c portal.Cluster) []string {
	var list []string
	for _, tag := range c.Tags {
		id, ok := strings.CutPrefix(tag, portal.Request{}.RequestTag())
		if _, err := uuid.Parse(id); ok && err == nil {
			list = append(list, id)
		}
	}
	return list
}

// find compares clusters with what is known of them.
func (d *drift) find(clusters []portal.Cluster) {
	for _, c := range clusters {
		before, known := d.known[c.ID]
		c.TeamID = before.TeamID
		switch {
		case !known:
			d.baselines[c.ID] = operation.Baseline(c)
			d.appeared(c, false, func(r portal.Request) bool {
				return r.Operation == portal.CreateCluster && (r.TargetID == "" || r.TargetID == c.ID) && slices.Contains(c.Tags, r.RequestTag()) && !r.State.Final()
			})
		case before.Gone && d.deletes(c.ID, d.mayBeStale):
			d.stale = append(d.stale, c.ID)
		case before.Gone:
			d.baselines[c.ID] = operation.Baseline(c)
			d.appeared(c, true, func(portal.Request) bool { return false })
		case before.Baseline == nil:
			d.baselines[c.ID] = operation.Baseline(c)
		default:
			d.changed(*before.Baseline, c)
		}
	}
}

// appeared tells of a cluster that was not known, or that was gone, unless a request
// made it.
func (d *drift) appeared(c portal.Cluster, again bool, made func(portal.Request) bool) {
	if slices.ContainsFunc(d.requests, made) {
		return
	}
	named := slices.DeleteFunc(slices.Clone(d.requests), func(r portal.Request) bool { return !slices.Contains(c.Tags, r.RequestTag()) })
	d.events = append(d.events, found{portal.EventClusterAppeared, c, operation.FirstSight(c), named, again})
}

// changed tells of what differs from a cluster's baseline and no request explains.
// While all of that may be a stale answer, nothing is told and the baseline stays: a
// later reading knows. Beside something that is no stale answer it is told, too.
func (d *drift) changed(baseline portal.Baseline, c portal.Cluster) {
	of := slices.DeleteFunc(slices.Clone(d.requests), func(r portal.Request) bool { return !slices.Contains(r.TargetIDs, c.ID) })
	var changes, receding []portal.Change
	for _, difference := range operation.Differences(baseline, c) {
		best := operation.Unexplained
		for _, r := range of {
			how := operation.Explain(r, difference, c)
			if how == operation.Receding && !d.mayBeStale(r) {
				how = operation.Unexplained
			}
			best = max(best, how)
		}
		switch best {
		case operation.Receding:
			receding = append(receding, difference.Change)
		case operation.Unexplained:
			changes = append(changes, difference.Change)
		}
	}
	if len(receding) > 0 && len(changes) == 0 {
		return
	}
	d.baselines[c.ID] = operation.Baseline(c)
	if len(changes) > 0 {
		d.events = append(d.events, found{portal.EventClusterDrifted, c, append(changes, receding...), of, false})
	}
}

// disappeared tells of a cluster that is gone, unless a request deleted it.
func (d *drift) disappeared(c portal.Cluster) {
	if !d.deletes(c.ID, func(portal.Request) bool { return true }) {
		d.events = append(d.events, found{kind: portal.EventClusterGone, cluster: c})
	}
}

// deletes reports whether one of the requests deletes a cluster.
func (d *drift) deletes(id string, counts func(portal.Request) bool) bool {
	return slices.ContainsFunc(d.requests, func(r portal.Request) bool {
		return r.Operation.Deletes() && slices.Contains(r.TargetIDs, id) && counts(r)
	})
}

// mayBeStale reports whether an answer may be one from before a request.
func (d *drift) mayBeStale(r portal.Request) bool {
	return !r.State.Final() || !r.UpdatedAt.Before(d.asOf.Add(-staleFor))
}

// believed leaves out those that are gone all the same.
func (d *drift) believed(clusters []portal.Cluster) []portal.Cluster {
	return slices.DeleteFunc(slices.Clone(clusters), func(c portal.Cluster) bool { return slices.Contains(d.stale, c.ID) })
}

// tells reports whether there is an event about a cluster.
func (d *drift) tells(id string) bool {
	return slices.ContainsFunc(d.events, func(f found) bool { return f.cluster.ID == id })
}

var self = portal.System("inventory").Person()

// record puts on the trail what was found, and tells the teams; and the admins of new
// clusters that nobody owns, of all at once.
func (d *drift) record(ctx context.Context, tx pgx.Tx, now time.Time) error {
	var unowned []portal.Cluster
	for _, f := range d.events {
		e := f.event(now)
		if err := audit.Append(ctx, tx, e); err != nil {
			return err
		}
		switch {
		case d.first:
		case e.TeamID != "":
			n := notify.Notification{Kind: e.Kind, TeamID: e.TeamID, ClusterID: f.cluster.ID, Actor: self, Summary: e.Summary, At: now}
			if err := notify.Queue(ctx, tx, n); err != nil {
				return err
			}
		case e.Kind == portal.EventClusterAppeared:
			unowned = append(unowned, f.cluster)
		}
	}
	if len(unowned) == 0 {
		return nil
	}
	n := notify.Notification{Kind: portal.EventClusterAppeared, Actor: self, At: now, Summary: "Clusters have appeared at DigitalOcean that no request made and no team owns: " + few(unowned, ", ", nameOf) + "."}
	if len(unowned) == 1 {
		n.ClusterID, n.Summary = unowned[0].ID, fmt.Sprintf("Cluster %s has appeared at DigitalOcean. No request made it, and no team owns it.", unowned[0].Name)
	}
	return notify.Queue(ctx, tx, n)
}

func (f found) event(now time.Time) portal.Event {
	e := portal.Event{At: now, Kind: f.kind, Actor: self, TeamID: f.cluster.TeamID, Environment: f.cluster.Environment,
		Target: portal.EventTarget{Kind: portal.TargetCluster, ID: f.cluster.ID, Name: f.cluster.Name}}
	numbers := make([]int64, len(f.requests))
	for i, r := range f.requests {
		numbers[i] = r.Number
	}
	switch f.kind {
	case portal.EventClusterAppeared:
		e.Summary = fmt.Sprintf("Cluster %s is at DigitalOcean, and no request made it", f.cluster.Name)
		if f.again {
			e.Summary = fmt.Sprintf("Cluster %s is at DigitalOcean again, and no request explains it", f.cluster.Name)
		}
	case portal.EventClusterGone:
		e.Summary = fmt.Sprintf("Cluster %s is no longer at DigitalOcean", f.cluster.Name)
		return e
	default:
		e.Summary = fmt.Sprintf("Cluster %s was changed past the portal: %s", f.cluster.Name, few(f.changes, "; ", changeText))
	}
	if len(f.requests) > 0 {
		e.Summary += ". Not explained by " + few(f.requests, ", ", func(r portal.Request) string { return fmt.Sprintf("#%d", r.Number) })
	}
	e.Data = map[string]any{"changes": f.changes, "requests": numbers}
	return e
}

func nameOf(c portal.Cluster) string { return c.Name }

func changeText(c portal.Change) string {
	switch {
	case c.Before == "":
		return c.What + " is new: " + c.After
	case c.After == "":
		return c.What + " is gone: " + c.Before
	}
	return c.What + " from " + c.Before + " to " + c.After
}

// few writes down some of a list, and how many more there are.
func few[T any](list []T, between string, text func(T) string) string {
	const most = 5
	var words []string
	for _, x := range list[:min(len(list), most)] {
		words = append(words, text(x))
	}
	if more := len(list) - most; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, between)
}

package request

import (
	"encoding/json"
	"fmt"

	"doksportal/internal/operation"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// Now is what may have changed since a request was planned. Its team is that of
// the request.
type Now struct {
	Requester *portal.Actor    // nil: as they were
	Clusters  []portal.Cluster // with what the portal itself keeps of them
	Older     bool             // DigitalOcean said the rest of Clusters before the request was planned
	Offer     portal.Options
	Quota     portal.QuotaEffect // empty when the request takes none
}

// Rejudge says in plain words what the policy asks for now and did not when a
// request was planned, empty when the plan still meets it. A version that says
// the same in other words, or asks for less, leaves plans and their approvals as
// they are: otherwise whoever edits the policy once a day would keep everything
// from running.
func Rejudge(rules *policy.Policy, r portal.Request, now Now) (string, error) {
	if r.Judged == nil {
		return "It was planned by an earlier version of the portal.", nil
	}
	var in policy.Input
	if err := json.Unmarshal(r.Judged, &in); err != nil {
		return "", fmt.Errorf("what request %s was judged by: %w", r.ID, err)
	}
	if err := r.CheckIntact(); portal.Is(err, portal.KindConflict) {
		return "What is kept of it is no longer what was planned.", nil
	} else if err != nil {
		return "", err
	}
	v := verdict(rules, renew(in, r, now))
	if !policy.Stricter(r.Plan.Verdict, v, r.Operation) {
		return "", nil
	}
	return v.Differs(r.Plan.Verdict), nil
}

// renew puts what may have changed into what a request was judged by.
func renew(in policy.Input, r portal.Request, now Now) policy.Input {
	if !now.Older {
		if d, ok := replanned(r, now); ok {
			again := inputOf(&d, portal.Actor{})
			again.Actor, again.Quota, again.Blast.OpenRequests = in.Actor, in.Quota, in.Blast.OpenRequests
			in = again
		}
	}
	in.Team = teamInput(r.Team)
	if own, ok := ownOf(r, now); ok {
		in.Cluster.Environment, in.Cluster.Protected = own.Environment, own.Protected
	}
	if now.Requester != nil {
		in.Actor = actorInput(*now.Requester)
	}
	if len(now.Quota.Lines) > 0 {
		in.Quota = quotaInput(now.Quota)
	}
	return in
}

// ownOf is the one cluster that a request of a team is about, false when it
// makes one or there are several.
func ownOf(r portal.Request, now Now) (portal.Cluster, bool) {
	if r.Team.ID == "" || len(now.Clusters) != 1 || r.Operation == portal.CreateCluster {
		return portal.Cluster{}, false
	}
	return now.Clusters[0], true
}

// replanned is the draft of a request on its clusters as they are now, false
// when they no longer have what it is about.
func replanned(r portal.Request, now Now) (portal.Draft, bool) {
	d := portal.Draft{
		Operation: r.Operation, Team: r.Team, TargetIDs: r.TargetIDs, TargetName: r.TargetName, Params: r.Params, Offer: now.Offer,
	}
	if p := r.Params.Delete; p != nil {
		d.Resources = append(append(d.Resources, p.Destroy...), p.Keep...)
	}
	own, single := ownOf(r, now)
	switch {
	case single:
		d.Cluster = own
	case r.Operation != portal.CreateCluster:
		d.Chosen = now.Clusters
	}
	if id := r.Params.PoolID(); id != "" {
		var ok bool
		if d.Pool, ok = d.Cluster.Pool(id); !ok {
			return d, false
		}
		d.Node, _ = d.Pool.Node(r.Params.NodeID())
	}
	operation.Plan(&d)
	return d, true
}

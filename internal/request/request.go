// Package request holds the use cases of a request, up to the moment when it is
// carried out: plan, submit, review, plan again, stop, withdraw, expire,
// break-glass. Each decides in one transaction and leaves an audit event in it.
// What each operation is, its form, plan and facts, is in package operation.
//
// web calls Service for people; execute uses Rejudge, Move and Record to carry a
// request on.
package request

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/doapi"
	"doksportal/internal/events"
	"doksportal/internal/notify"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
)

// Enqueuer starts the execution of a request when tx commits, or has its next step taken
// then.
type Enqueuer interface {
	Enqueue(ctx context.Context, tx pgx.Tx, requestID string) error
	Wake(ctx context.Context, tx pgx.Tx, requestID string) error
}

// Reader reads clusters from DigitalOcean, for plans that must not rest on a
// copy.
type Reader interface {
	ClusterReader
	ListAssociatedResources(ctx context.Context, id string) (doapi.AssociatedResources, error)
	ListUpgrades(ctx context.Context, id string) ([]doapi.VersionOption, error)
	GetClusterlint(ctx context.Context, id, runID string) (doapi.Clusterlint, error)
	ListStatusMessages(ctx context.Context, id string, since time.Time) ([]doapi.StatusMessage, error)
	GetClusterUser(ctx context.Context, id string) (doapi.ClusterUser, error)
}

// StaleFor is how long a request may wait to be planned again.
const StaleFor = 14 * 24 * time.Hour

// Service carries out the use cases. All members but StepUpWithin must be set.
type Service struct {
	Pool   *pgxpool.Pool
	DO     Reader
	Jobs   Enqueuer
	Rules  *rulebook.Service
	People portal.People // asked about those for whom stand-ins decide
	Now    func() time.Time

	StepUpWithin time.Duration // how old the sign-in may be of who does what is dangerous; zero: portal.FreshFor
	DropletLimit int           // of the account at DigitalOcean, of which plans of larger quotas warn; 0: not known
}

// Step is one move of a request through its states, with the event that tells
// of it.
type Step struct {
	Next    portal.State
	Reason  string // shown with the state
	Said    string // what the actor gave as the reason
	Actor   portal.Person
	Kind    portal.EventKind
	Result  portal.EventResult // empty: that of the kind
	Summary string
	Data    map[string]any
	At      time.Time
}

// Move takes a locked request to its next state: state, quota, event and
// announcement in tx. Callers are the use cases and the executor.
func Move(ctx context.Context, tx pgx.Tx, r portal.Request, s Step) error {
	if err := store.SetState(ctx, tx, r, s.Next, s.Reason, s.At); err != nil {
		return err
	}
	if !s.Next.HoldsQuota() {
		if err := store.Release(ctx, tx, r.ID); err != nil {
			return err
		}
	}
	return Record(ctx, tx, r, s)
}

// Record appends the step's event to the trail, tells those whom it concerns
// and announces that the request changed, without moving it.
func Record(ctx context.Context, tx pgx.Tx, r portal.Request, s Step) error {
	environment, err := environmentOf(r)
	if err != nil {
		return err
	}
	e := portal.Event{
		At: s.At, Kind: s.Kind, Result: s.Result, Actor: s.Actor, TeamID: r.Team.ID, RequestID: r.ID, Revision: r.Revision,
		Operation: r.Operation, Environment: environment,
		Target:  targetOf(r.Operation, r.Team, r.TargetID, r.TargetName),
		Summary: s.Summary, Reason: cmp.Or(s.Said, s.Reason), Data: s.Data,
	}
	if len(r.TargetIDs) > 1 {
		e.Clusters = r.TargetIDs
	}
	if err := audit.Append(ctx, tx, e); err != nil {
		return err
	}
	if r.Params.Campaign == nil || !slices.Contains(toldByCampaigns, s.Kind) {
		err = notify.Queue(ctx, tx, notify.Notification{Kind: s.Kind, RequestID: r.ID, Actor: s.Actor, Summary: s.Summary, At: s.At})
	}
	if err != nil {
		return err
	}
	feeds := []events.Feed{events.Request(r.ID), events.Requests}
	if c := r.Params.Campaign; c != nil {
		feeds = append(feeds, events.Campaign(c.ID))
	}
	for _, id := range r.TargetIDs {
		feeds = append(feeds, events.Cluster(id))
	}
	return events.Publish(ctx, tx, feeds...)
}

// toldByCampaigns are the kinds of which a campaign tells people, once for all of its
// members.
var toldByCampaigns = []portal.EventKind{portal.EventSubmitted, portal.EventApprovedBy, portal.EventRejectedBy, portal.EventExpiring, portal.EventExpired, portal.EventSucceeded}

// environmentOf is that of the cluster that a request is about, as it was judged by.
func environmentOf(r portal.Request) (portal.Environment, error) {
	if r.Judged == nil {
		return "", nil
	}
	var in policy.Input
	err := json.Unmarshal(r.Judged, &in)
	return in.Cluster.Environment, err
}

// targetOf is what a request is about, as the trail names it.
func targetOf(op portal.OperationID, t portal.Team, clusterID, name string) portal.EventTarget {
	if op == portal.RaiseQuota {
		return portal.EventTarget{Kind: portal.TargetTeam, ID: t.Slug, Name: t.Name}
	}
	return portal.EventTarget{Kind: portal.TargetCluster, ID: clusterID, Name: name}
}

// describe names the request for people, e.g. "#12 (Delete cluster web)".
func describe(r portal.Request) string {
	return fmt.Sprintf("#%d (%s %s)", r.Number, r.Operation.Title(), r.TargetName)
}

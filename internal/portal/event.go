package portal

import "time"

// EventKind sorts the entries of the audit trail.
type EventKind string

// The kinds of event.
const (
	EventSignIn             EventKind = "sign_in"
	EventSignInRefused      EventKind = "sign_in_refused"
	EventSignOut            EventKind = "sign_out"
	EventSessionEnded       EventKind = "session_ended"
	EventAccessRefused      EventKind = "access_refused"
	EventSubmitted          EventKind = "request_submitted"
	EventRefused            EventKind = "request_refused"
	EventApprovedBy         EventKind = "review_approved"
	EventRejectedBy         EventKind = "review_rejected"
	EventChangesRequested   EventKind = "review_changes_requested"
	EventCommented          EventKind = "request_commented"
	EventReplanned          EventKind = "request_replanned"
	EventReminded           EventKind = "request_reminded"
	EventStopped            EventKind = "request_stopped"
	EventExpiring           EventKind = "request_expiring"
	EventBreakGlass         EventKind = "break_glass"
	EventBreakGlassReviewed EventKind = "break_glass_reviewed"
	EventWithdrawn          EventKind = "request_withdrawn"
	EventExpired            EventKind = "request_expired"
	EventStale              EventKind = "request_stale"
	EventIntent             EventKind = "execution_intent"
	EventOutcome            EventKind = "execution_outcome"
	EventSucceeded          EventKind = "request_succeeded"
	EventFailed             EventKind = "request_failed"
	EventTeamCreated        EventKind = "team_created"
	EventTeamChanged        EventKind = "team_changed"
	EventClusterAssigned    EventKind = "cluster_assigned"
	EventClusterGone        EventKind = "cluster_gone"
	EventPolicyProposed     EventKind = "policy_proposed"
	EventPolicyInForce      EventKind = "policy_in_force"
	EventPolicyDropped      EventKind = "policy_dropped"
	EventProtected          EventKind = "cluster_protected"
	EventUnprotected        EventKind = "cluster_unprotected"
	EventChannelChanged     EventKind = "channel_changed"
	EventChangeProposed     EventKind = "admin_change_proposed"
	EventChangeDropped      EventKind = "admin_change_dropped"
	EventGroupLabelled      EventKind = "group_labelled"
	EventDelegated          EventKind = "delegation_made"
	EventDelegationEnded    EventKind = "delegation_ended"
)

// EventKinds lists the kinds for people to choose from.
var EventKinds = []EventKind{EventSignIn, EventSignInRefused, EventSignOut, EventSessionEnded, EventAccessRefused,
	EventSubmitted, EventReplanned, EventRefused, EventApprovedBy, EventRejectedBy, EventChangesRequested, EventCommented, EventReminded,
	EventWithdrawn, EventStopped, EventExpiring, EventExpired, EventStale, EventBreakGlass, EventBreakGlassReviewed,
	EventIntent, EventOutcome, EventSucceeded, EventFailed, EventTeamCreated, EventTeamChanged, EventClusterAssigned,
	EventProtected, EventUnprotected, EventClusterGone, EventPolicyProposed, EventPolicyInForce, EventPolicyDropped,
	EventChannelChanged, EventChangeProposed, EventChangeDropped, EventGroupLabelled,
	EventDelegated, EventDelegationEnded}

// Event is one entry of the audit trail.
type Event struct {
	ID            string // UUIDv7; its order is the order in time
	At            time.Time
	Kind          EventKind
	Actor         Person
	TeamID        string // empty: concerns no team
	TeamName      string // read only
	RequestID     string // empty: concerns no request
	RequestNumber int64  // read only
	ClusterID     string // empty: concerns no cluster
	Summary       string // one sentence for people
	Data          map[string]any
}

// EventFilter narrows a search of the audit trail. Empty members match all.
type EventFilter struct {
	Kind    EventKind
	But     EventKind // all kinds but this
	Actor   string    // the name of an actor
	TeamID  string
	Request int64
	Cluster string    // id of a cluster
	From    time.Time // inclusive
	To      time.Time // exclusive
	Before  string    // id of the event that the previous page ended with
	Limit   int
}

package portal

import "time"

// Topic is something that people can choose to be told of.
type Topic string

// The topics.
const (
	TopicReviewRequested Topic = "review_requested"
	TopicDecided         Topic = "decided"
	TopicExpiring        Topic = "expiring"
	TopicStale           Topic = "stale"
	TopicExecuted        Topic = "executed"
	TopicFailed          Topic = "failed"
	TopicBreakGlass      Topic = "break_glass"
	TopicAdminChange     Topic = "admin_change"
	TopicGrant           Topic = "quota_grant"
	TopicLease           Topic = "lease"
	TopicDelegation      Topic = "delegation"
	TopicDrift           Topic = "drift"
	TopicPause           Topic = "execution_pause"
	TopicTrail           Topic = "audit_trail"
	TopicUnusual         Topic = "unusual"
	TopicAccessReview    Topic = "access_review"
)

// Topics lists the topics in the order in which a request may meet them.
var Topics = []Topic{TopicReviewRequested, TopicDecided, TopicExpiring, TopicStale, TopicExecuted, TopicFailed, TopicBreakGlass, TopicAdminChange, TopicGrant, TopicLease, TopicDelegation, TopicDrift, TopicPause, TopicTrail, TopicUnusual, TopicAccessReview}

// TopicOf returns the topic of an event, empty when nobody is told of it.
func TopicOf(k EventKind) Topic {
	switch k {
	case EventSubmitted, EventReplanned, EventReminded:
		return TopicReviewRequested
	case EventApprovedBy, EventRejectedBy, EventChangesRequested, EventStopped:
		return TopicDecided
	case EventExpiring:
		return TopicExpiring
	case EventStale, EventExpired:
		return TopicStale
	case EventSucceeded:
		return TopicExecuted
	case EventFailed:
		return TopicFailed
	case EventBreakGlass, EventBreakGlassReviewed:
		return TopicBreakGlass
	case EventTeamCreated, EventTeamChanged, EventClusterAssigned, EventProtected, EventUnprotected, EventChangeProposed, EventChangeDropped:
		return TopicAdminChange
	case EventGrantEnding, EventGrantEnded:
		return TopicGrant
	case EventLeaseEnding, EventLeaseEnded:
		return TopicLease
	case EventDelegated, EventDelegationEnded:
		return TopicDelegation
	case EventClusterAppeared, EventClusterDrifted, EventClusterGone:
		return TopicDrift
	case EventPaused, EventResumed:
		return TopicPause
	case EventTrailStopped, EventTrailResumed, EventTrailVerified, EventStreamBehind, EventStreamResumed:
		return TopicTrail
	case EventUnusual:
		return TopicUnusual
	case EventAccessDue:
		return TopicAccessReview
	}
	return ""
}

// Title names the topic for people.
func (o Topic) Title() string {
	switch o {
	case TopicReviewRequested:
		return "A review is requested"
	case TopicDecided:
		return "A decision was made"
	case TopicExpiring:
		return "A request expires soon"
	case TopicStale:
		return "A request is out of date or has expired"
	case TopicExecuted:
		return "A request has succeeded"
	case TopicFailed:
		return "A request has failed"
	case TopicBreakGlass:
		return "Approvals were bypassed in an emergency"
	case TopicAdminChange:
		return "An admin changes a team, a quota or who owns a cluster"
	case TopicGrant:
		return "A larger quota that was granted for a time ends"
	case TopicLease:
		return "The lease of a cluster ends"
	case TopicDelegation:
		return "An approver has a stand-in, or no longer has"
	case TopicDrift:
		return "A cluster appears, changes or disappears past the portal"
	case TopicPause:
		return "Execution is paused, or goes on again"
	case TopicTrail:
		return "The audit trail is stopped, or is not what was signed"
	case TopicUnusual:
		return "Something unusual happened"
	case TopicAccessReview:
		return "A review of access is due"
	}
	return "Test"
}

// Waits reports whether the topic is over once the request no longer waits
// for a decision.
func (o Topic) Waits() bool { return o == TopicReviewRequested || o == TopicExpiring }

// ChannelKind is a way to tell somebody something.
type ChannelKind string

// The kinds of channel.
const (
	ChannelMail    ChannelKind = "mail"
	ChannelSlack   ChannelKind = "slack"
	ChannelWebhook ChannelKind = "webhook"
)

// channelKinds says in words what each kind is, in the order in which people
// choose.
var channelKinds = []struct {
	kind        ChannelKind
	title, help string
}{
	{ChannelSlack, "Slack", "or a service that accepts Slack's incoming webhooks"},
	{ChannelWebhook, "Webhook", "JSON, signed by the standard-webhooks specification"},
	{ChannelMail, "E-mail", "to an address of the team"},
}

// ChannelKinds lists the kinds for people to choose from.
func ChannelKinds() []ChannelKind {
	list := make([]ChannelKind, len(channelKinds))
	for i, c := range channelKinds {
		list[i] = c.kind
	}
	return list
}

// Title names the kind for people.
func (k ChannelKind) Title() string {
	for _, c := range channelKinds {
		if c.kind == k {
			return c.title
		}
	}
	return string(k)
}

// Help says more about the kind, beside its title.
func (k ChannelKind) Help() string {
	for _, c := range channelKinds {
		if c.kind == k {
			return c.help
		}
	}
	return ""
}

// Owner is whose channel it is: a team's, or else a person's.
type Owner struct {
	TeamID string
	Person Identity
}

// Channel is where an owner is told.
type Channel struct {
	ID        string // UUIDv7
	Owner     Owner
	Kind      ChannelKind
	Label     string // where it leads, with nothing that is secret
	Topics    []Topic
	CreatedAt time.Time
	Last      Delivery // the newest to it; its zero value when there was none
}

// MailChoice is what somebody wants to be told by e-mail.
type MailChoice struct {
	On     bool
	Topics []Topic
}

// DeliveryState is where a delivery stands.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryWaiting   DeliveryState = "waiting"
	DeliverySent      DeliveryState = "sent"
	DeliveryGivenUp   DeliveryState = "given up"
	DeliveryOvertaken DeliveryState = "overtaken" // no longer true, or no longer wanted
)

// Delivery is a notification on its way to one target.
type Delivery struct {
	ID            string // UUIDv7
	Topic         Topic
	RequestNumber int64 // 0 for a test
	Kind          ChannelKind
	Target        string // whom it is for, with nothing that is secret
	State         DeliveryState
	Attempts      int
	NextAt        time.Time
	Fault         string // why the last attempt failed, in plain words
	CreatedAt     time.Time
	EndedAt       time.Time
}

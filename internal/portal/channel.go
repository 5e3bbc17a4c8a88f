package portal

import "time"

// Occasion is something that people can choose to be told of.
type Occasion string

// The occasions.
const (
	OnReviewAsked Occasion = "review_asked"
	OnDecided     Occasion = "decided"
	OnExpiring    Occasion = "expiring"
	OnStale       Occasion = "stale"
	OnExecuted    Occasion = "executed"
	OnFailed      Occasion = "failed"
	OnBreakGlass  Occasion = "break_glass"
	OnAdminChange Occasion = "admin_change"
)

// Occasions lists the occasions in the order in which a request may meet them.
var Occasions = []Occasion{OnReviewAsked, OnDecided, OnExpiring, OnStale, OnExecuted, OnFailed, OnBreakGlass, OnAdminChange}

// OccasionOf returns the occasion of an event, empty when nobody is told of it.
func OccasionOf(k EventKind) Occasion {
	switch k {
	case EventSubmitted, EventReplanned:
		return OnReviewAsked
	case EventApprovedBy, EventRejectedBy, EventChangesAsked, EventStopped:
		return OnDecided
	case EventExpiring:
		return OnExpiring
	case EventStale, EventExpired:
		return OnStale
	case EventSucceeded:
		return OnExecuted
	case EventFailed:
		return OnFailed
	case EventGlassBroken, EventGlassReviewed:
		return OnBreakGlass
	case EventTeamCreated, EventTeamChanged, EventClusterAssigned, EventProtected, EventUnprotected, EventChangeProposed, EventChangeDropped:
		return OnAdminChange
	}
	return ""
}

// Title names the occasion for people.
func (o Occasion) Title() string {
	switch o {
	case OnReviewAsked:
		return "A decision is asked for"
	case OnDecided:
		return "A decision was made"
	case OnExpiring:
		return "A request expires soon"
	case OnStale:
		return "A request is out of date or has expired"
	case OnExecuted:
		return "A request was carried out"
	case OnFailed:
		return "A request has failed"
	case OnBreakGlass:
		return "Approvals were bypassed in an emergency"
	case OnAdminChange:
		return "An admin changes a team, a quota or who owns a cluster"
	}
	return "Test"
}

// Waits reports whether the occasion is over once the request no longer waits
// for a decision.
func (o Occasion) Waits() bool { return o == OnReviewAsked || o == OnExpiring }

// ChannelKind is a way to tell somebody something.
type ChannelKind string

// The kinds of channel.
const (
	ChannelMail    ChannelKind = "mail"
	ChannelSlack   ChannelKind = "slack"
	ChannelWebhook ChannelKind = "webhook"
)

// ChannelKinds lists the kinds for people to choose from.
var ChannelKinds = []ChannelKind{ChannelSlack, ChannelWebhook, ChannelMail}

// Title names the kind for people.
func (k ChannelKind) Title() string {
	switch k {
	case ChannelMail:
		return "E-mail"
	case ChannelSlack:
		return "Slack"
	case ChannelWebhook:
		return "Webhook"
	}
	return string(k)
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
	Occasions []Occasion
	CreatedAt time.Time
	Last      Delivery // the newest to it; its zero value when there was none
}

// MailChoice is what somebody wants to be told by e-mail.
type MailChoice struct {
	On        bool
	Occasions []Occasion
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
	Occasion      Occasion
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

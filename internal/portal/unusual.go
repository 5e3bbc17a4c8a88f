package portal

import (
	"slices"
	"time"
)

// UnusualRule says of which events an auditor should know, though nothing need be wrong
// with them.
type UnusualRule struct {
	ID    string
	Title string // what it finds, for people
	About string // when, in one sentence

	// What the events are that count; empty members match all.
	Kinds       []EventKind
	Result      EventResult
	Operations  []OperationID
	Environment Environment
	Detail      string // that the event's details have, and that is not empty
	Night       bool   // outside of 06:00 to 22:00 on working days, in the actor's time zone

	// How many it takes.
	First       bool          // only the first that somebody ever caused, of these kinds and operations
	Count       int           // so many; 0 is 1
	Within      time.Duration // of each other
	FromAddress bool          // those that count come from one address, else from one person

	Again time.Duration // for so long it finds no more of the same person, or address
}

var (
	deletions = []OperationID{DeleteCluster, DeleteClusterDangerous, DeleteClusterSelective, DeleteNodePool}
	accesses  = []OperationID{GetKubeconfig, GetCredentials}
)

// UnusualRules is the one table of them, in the order in which people read of them. What
// they look at is docs/audit.md's, too.
var UnusualRules = []UnusualRule{
	{ID: "break_glass", Title: "Break-glass", About: "Somebody had a request carried out without its approvals.",
		Kinds: []EventKind{EventBreakGlass}},
	{ID: "own_request", Title: "Tried to decide on their own request", About: "Somebody was refused who tried to approve, or break glass for, what they asked for themselves.",
		Kinds: []EventKind{EventAccessRefused}, Detail: DetailOwnRequest, Again: time.Hour},
	{ID: "refusals", Title: "Refusals in a row", About: "Somebody was refused five times within ten minutes.",
		Kinds: []EventKind{EventAccessRefused, EventRefused}, Count: 5, Within: 10 * time.Minute, Again: time.Hour},
	{ID: "sign_ins_refused", Title: "Refused sign-ins", About: "Five sign-ins from one address did not work within ten minutes.",
		Kinds: []EventKind{EventSignInRefused}, Count: 5, Within: 10 * time.Minute, FromAddress: true, Again: time.Hour},
	{ID: "foreign_form", Title: "A form of another site", About: "Another site tried to have somebody's browser send a form to the portal.",
		Kinds: []EventKind{EventForeignOrigin}, FromAddress: true, Again: time.Hour},
	{ID: "first_access", Title: "First kubeconfig or credentials", About: "Somebody was handed a kubeconfig or credentials for the first time.",
		Kinds: []EventKind{EventSucceeded}, Operations: accesses, First: true},
	{ID: "night", Title: "Production at night", About: "Somebody asked for, approved or bypassed something in production outside of 06:00 to 22:00 on Monday to Friday, in their time zone; in UTC, too, where they have chosen none, or another within a week.",
		Kinds: []EventKind{EventSubmitted, EventApprovedBy, EventBreakGlass}, Environment: Production, Night: true, Again: time.Hour},
	{ID: "deletions", Title: "Many deletions", About: "Somebody asked for three deletions of clusters or node pools within an hour.",
		Kinds: []EventKind{EventSubmitted}, Operations: deletions, Count: 3, Within: time.Hour, Again: time.Hour},
	{ID: "policy_loosened", Title: "Policy loosened", About: "A version of the policy came into force that asks for less than the one before.",
		Kinds: []EventKind{EventPolicyInForce}, Detail: "effects"},
	{ID: "unprotected", Title: "Protection lifted", About: "A cluster is no longer protected against deletion.",
		Kinds: []EventKind{EventUnprotected}},
	{ID: "past_portal", Title: "Production changed past the portal", About: "A production cluster appeared, changed or disappeared at DigitalOcean, and no request explains it.",
		Kinds: []EventKind{EventClusterAppeared, EventClusterDrifted, EventClusterGone}, Environment: Production},
	{ID: "lost_answer", Title: "A lost answer", About: "DigitalOcean's answer to a change was lost.",
		Kinds: []EventKind{EventOutcome}, Result: ResultUnknown},
	{ID: "trail", Title: "The trail itself", About: "Events were no longer put under checkpoints, did not reach the SIEM, or are signed with another key.",
		Kinds: []EventKind{EventTrailStopped, EventStreamBehind, EventTrailKey}},
	{ID: "trail_changed", Title: "The trail was changed", About: "Verifying found that the trail is not what was signed.",
		Kinds: []EventKind{EventTrailVerified}, Result: ResultFailed},
}

// DetailOwnRequest is set in the details of an event about somebody who was refused to
// decide on their own request.
const DetailOwnRequest = "own_request"

// UnusualRuleNamed returns the rule of an id, false when there is none, such as of one
// that was there once.
func UnusualRuleNamed(id string) (UnusualRule, bool) {
	i := slices.IndexFunc(UnusualRules, func(r UnusualRule) bool { return r.ID == id })
	if i < 0 {
		return UnusualRule{}, false
	}
	return UnusualRules[i], true
}

// Matches reports whether an event is one that counts, but for who caused it how many
// before. details are the event's; zones are those by which it may be night.
func (r UnusualRule) Matches(e Event, details map[string]any, zones ...*time.Location) bool {
	if !slices.Contains(r.Kinds, e.Kind) ||
		r.Result != "" && e.Result != r.Result ||
		len(r.Operations) > 0 && !slices.Contains(r.Operations, e.Operation) ||
		r.Environment != "" && e.Environment != r.Environment ||
		r.FromAddress && e.Origin.Address == "" {
		return false
	}
	return (r.Detail == "" || holds(details[r.Detail])) && (!r.Night || slices.ContainsFunc(zones, func(zone *time.Location) bool { return night(e.At.In(zone)) }))
}

// holds reports whether a detail of an event says anything.
func holds(detail any) bool {
	switch v := detail.(type) {
	case nil:
		return false
	case bool:
		return v
	case []any:
		return len(v) > 0
	}
	return true
}

func night(at time.Time) bool {
	const morning, evening = 6, 22
	return at.Weekday() == time.Saturday || at.Weekday() == time.Sunday || at.Hour() < morning || at.Hour() >= evening
}

// UnusualEvent is an event that a rule found.
type UnusualEvent struct {
	ID            string // UUIDv7
	Rule          string // id of an UnusualRule
	EventID       string
	At            time.Time // of the event
	FoundAt       time.Time
	Actor         Person
	Address       string
	RequestNumber int64 // 0: concerns none
	Summary       string
}

// DailyReview is that somebody has looked at what was unusual on a day.
type DailyReview struct {
	ID    string    // UUIDv7
	Day   time.Time // midnight of that day, UTC
	By    Person
	At    time.Time
	Note  string
	Found int // how many events there were
}

// ReviewDay is a day, and who has looked at what was unusual on it.
type ReviewDay struct {
	Day    time.Time // midnight, UTC
	Found  int
	Open   int          // found since it was last signed off, or all
	Review *DailyReview // the newest; nil: nobody has
}

// Done reports whether a day needs nobody's look any more.
func (d ReviewDay) Done() bool { return d.Review != nil && d.Open == 0 }

// ReviewBreakGlassWithin is how soon a break-glass should be reviewed.
const ReviewBreakGlassWithin = 24 * time.Hour

// UnreviewedBreakGlass is a break-glass that nobody has reviewed yet.
type UnreviewedBreakGlass struct {
	Number     int64 // of the request
	Operation  OperationID
	TargetName string
	By         Person
	At         time.Time
	Reason     string
}

// Overdue reports whether the review should have been given by a time.
func (g UnreviewedBreakGlass) Overdue(now time.Time) bool {
	return now.Sub(g.At) > ReviewBreakGlassWithin
}

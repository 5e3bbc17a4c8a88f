package portal

import (
	"encoding/json"
	"time"
)

// Person is an actor as a record remembers them.
type Person struct {
	Identity
	Name string
}

// Person returns what records keep of the actor.
func (a Actor) Person() Person { return Person{Identity: a.Identity, Name: a.Name} }

// Request is one actor asking for one operation on one target.
type Request struct {
	ID            string // UUIDv7
	Number        int64  // short, for people
	SubmitKey     string // made with the form, so that submitting it twice makes one request
	FormHash      string // of what was typed into that form
	Team          Team   // the zero Team when clusters of several teams are concerned
	Operation     OperationID
	TargetID      string   // id of the cluster; empty until a create was accepted, and when there are several
	TargetIDs     []string // ids of all clusters that it changes
	TargetName    string
	Params        Params
	Justification string
	Plan          Plan
	Digest        string
	State         State
	Reason        string   // why it is in its state, in plain words or DigitalOcean's own
	Result        string   // id of what DigitalOcean made for it: a pool, a run of clusterlint
	Progress      Progress // while its effect is awaited
	Requester     Person
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Revision      int             // 1, and one more each time it is planned again
	PlannedAt     time.Time       // when this revision was
	PlanKey       string          // of the form that planned it again, with what was typed into it
	DueAt         time.Time       // while pending: when it expires; while approved: when it is out of date
	RemindedAt    time.Time       // when somebody last reminded those who can decide; zero: nobody has
	StartsAt      time.Time       // while approved: it is not carried out before; zero: nobody has said yet
	ReleasedAt    time.Time       // of a campaign's member: when it was allowed to begin; zero: it is not
	Judged        json.RawMessage // what the policy judged it by; nil for requests of earlier versions
	Reviews       []Review        // of all revisions
	BreakGlasses  []BreakGlass
	Comments      []Comment
	Attempts      []Attempt
}

// Outcome of a call to DigitalOcean.
type Outcome string

// The outcomes. An attempt without outcome is under way or was cut off.
const (
	OutcomeAccepted Outcome = "accepted"
	OutcomeRefused  Outcome = "refused"
	OutcomeUnknown  Outcome = "unknown"
	OutcomeDeferred Outcome = "deferred" // certainly not taken, to be sent later
	OutcomeAbsent   Outcome = "absent"   // unknown at first; no effect was found, and somebody had it sent once more
)

// Attempt is a call to DigitalOcean: its intent, committed before it was made,
// and what came of it.
type Attempt struct {
	Number      int
	IntentAt    time.Time
	Outcome     Outcome
	OutcomeAt   time.Time
	Message     string
	DORequestID string
	Leaves      []Resource // what the call leaves behind of a cluster, as seen right before it

	// After its answer was lost: complete looks for its effect that found nothing.
	Looks       int
	FirstLookAt time.Time
	LastLookAt  time.Time
}

// RequestTag is the tag that a create carries, by which its cluster is found
// when DigitalOcean's answer was lost.
func (r Request) RequestTag() string { return "portal-request:" + r.ID }

// VisibleTo reports whether a may read r: who may see its team, who asked, and
// those whose approval it asks for.
func (r Request) VisibleTo(a Actor) bool {
	return a.CanSee(r.Team) || a.Identity == r.Requester.Identity || r.MayApprove(a)
}

// CanCollect reports whether a may collect now what r hands out.
func (r Request) CanCollect(a Actor) bool {
	return r.Operation.Risk() == RiskSecret && r.State == Approved && a.Identity == r.Requester.Identity
}

// CarriesOn reports whether the portal takes steps for r by itself: it waits to be sent,
// or is under way.
func (r Request) CarriesOn() bool {
	switch r.State {
	case Approved:
		return r.Operation.Risk() != RiskSecret
	case Executing, Settling, Unknown:
		return true
	}
	return false
}

// CanRevise reports whether a may have r planned again, the same or changed.
func (r Request) CanRevise(a Actor) bool {
	return a.Identity == r.Requester.Identity && (r.State == Pending || r.State == Stale)
}

// CanWithdraw reports whether a may take r back now.
func (r Request) CanWithdraw(a Actor) bool {
	return a.Identity == r.Requester.Identity && r.State.CanBecome(Withdrawn)
}

// RemindEvery is how often those who can decide on a request are reminded of it
// at the most.
const RemindEvery = 6 * time.Hour

// RemindRefusal says why nobody can be reminded of r now, nil when those who can
// decide can be.
func (r Request) RemindRefusal(now time.Time) error {
	switch again := r.RemindedAt.Add(RemindEvery); {
	case r.State != Pending:
		return E(KindConflict, "this request is "+string(r.State)+" and no longer waits for a decision")
	case now.Before(again):
		return E(KindConflict, "they have been reminded within the last "+DurationText(RemindEvery)+"; try again later")
	}
	return nil
}

package portal

import (
	"slices"
	"strings"
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
	Reason        string // why it is in its state, in plain words or DigitalOcean's own
	Result        string // id of what DigitalOcean made for it: a pool, a run of clusterlint
	Requester     Person
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Reviews       []Review
	Attempts      []Attempt
}

// Review is an approver's decision on a request at a digest.
type Review struct {
	Reviewer  Person
	Groups    []string // of those that the verdict names, the reviewer's at that time
	Approve   bool
	Comment   string
	Digest    string
	CreatedAt time.Time
}

// Outcome of a call to DigitalOcean.
type Outcome string

// The outcomes. An attempt without outcome is under way or was cut off.
const (
	OutcomeAccepted Outcome = "accepted"
	OutcomeRefused  Outcome = "refused"
	OutcomeUnknown  Outcome = "unknown"
	OutcomeDeferred Outcome = "deferred" // certainly not taken, to be sent later
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
}

// RequestTag is the tag that a create carries, by which its cluster is found
// when DigitalOcean's answer was lost.
func (r Request) RequestTag() string { return "portal-request:" + r.ID }

// Approvals are the reviews that count for the request as it is now: each
// person's once, the requester's never.
func (r Request) Approvals() []Review {
	var list []Review
	for _, v := range r.Reviews {
		counted := slices.ContainsFunc(list, func(w Review) bool { return w.Reviewer.Identity == v.Reviewer.Identity })
		if v.Approve && v.Digest == r.Digest && v.Reviewer.Identity != r.Requester.Identity && !counted {
			list = append(list, v)
		}
	}
	return list
}

// Owed are the approvals that are still missing.
func (r Request) Owed() []Need {
	var people [][]string
	for _, v := range r.Approvals() {
		people = append(people, v.Groups)
	}
	return r.Plan.Verdict.Owed(people)
}

// ReviewRefusal says why a may not review r, nil when they may. It is the one
// check for four eyes: by identity, whatever groups or roles a holds.
func (r Request) ReviewRefusal(a Actor) error {
	switch {
	case a.IsZero() || a.Issuer == SystemIssuer:
		return E(KindForbidden, "only people can review requests")
	case a.Identity == r.Requester.Identity:
		return E(KindForbidden, "you asked for this yourself; somebody else has to decide")
	case !r.MayApprove(a):
		return E(KindForbidden, "only members of "+strings.Join(r.Plan.Verdict.Groups(), " or ")+" can decide on this")
	case r.State != Pending:
		return E(KindConflict, "this request is "+string(r.State)+" and no longer waits for a decision")
	case slices.ContainsFunc(r.Reviews, func(v Review) bool { return v.Reviewer.Identity == a.Identity }):
		return E(KindConflict, "you have decided on this request already")
	}
	return nil
}

// MayApprove reports whether a's approval counts by the groups they are in,
// whoever asked: groups that the verdict names and that still give the right.
func (r Request) MayApprove(a Actor) bool {
	return a.ApproverOf(r.Team) && slices.ContainsFunc(r.Plan.Verdict.Groups(), a.InGroup)
}

// ApproverGroups are a's groups whose approvals the verdict asks for.
func (r Request) ApproverGroups(a Actor) []string {
	return slices.DeleteFunc(r.Plan.Verdict.Groups(), func(g string) bool { return !a.InGroup(g) })
}

// CanCollect reports whether a may collect now what r hands out.
func (r Request) CanCollect(a Actor) bool {
	return r.Operation.Risk() == RiskSecret && r.State == Approved && a.Identity == r.Requester.Identity
}

// CanWithdraw reports whether a may take r back now.
func (r Request) CanWithdraw(a Actor) bool {
	return a.Identity == r.Requester.Identity && r.State.CanBecome(Withdrawn)
}

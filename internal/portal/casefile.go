package portal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// CaseFile is all that there is of a request for those who account for it: what was
// planned, who decided on it and what they saw, what was sent to DigitalOcean, and the
// events that tell of all that. The records are the portal's tables; only the events
// are proven, so each record is held against the event that tells of it.
type CaseFile struct {
	Request   Request              // with its reviews, break-glasses and attempts
	Revisions []CaseRevision       // oldest first; the last is the one that counts
	Events    []CaseEvent          // oldest first
	Cut       bool                 // there are more events
	SignIns   map[string]time.Time // of who decided, the last before, by the id of the event that tells of the decision
}

// CaseRevision is a plan of a request.
type CaseRevision struct {
	Number        int
	Plan          Plan
	Digest        string
	Justification string
	Reason        string // why it was planned again after this one; empty of the one that counts
	PlannedAt     time.Time
}

// CaseEvent is an event of a request, with what its details say of a record.
type CaseEvent struct {
	Event
	Of            int    // revision that it tells of
	Digest        string // of the plan
	For           Identity
	Attempt       int
	Outcome       Outcome
	DORequestID   string
	Plan          json.RawMessage // nil but of a request that was submitted or planned again
	Justification string
}

// Most that a case file has, so that nothing makes it endless.
const (
	MostCaseEvents    = 1000 // besides as many comments
	MostCaseRevisions = 50   // the newest
)

// Environment is that of the cluster as it was last judged; empty when it is not known.
func (f CaseFile) Environment() Environment {
	for _, e := range slices.Backward(f.Events) {
		if e.Environment != "" {
			return e.Environment
		}
	}
	return ""
}

// Whole reports whether the events are there from the request's first to its last.
// Those of old months may have been archived.
func (f CaseFile) Whole() bool {
	return !f.Cut && slices.ContainsFunc(f.Events, func(e CaseEvent) bool { return e.Kind == EventSubmitted })
}

// Revision is a revision by its number, false when it is not in the file.
func (f CaseFile) Revision(number int) (CaseRevision, bool) {
	i := slices.IndexFunc(f.Revisions, func(v CaseRevision) bool { return v.Number == number })
	if i < 0 {
		return CaseRevision{}, false
	}
	return f.Revisions[i], true
}

// Sent is the revision that was carried out, or was about to be, last; 0 when none was.
func (f CaseFile) Sent() int {
	r := f.Request
	if r.Operation.Own() && r.State == Succeeded {
		return r.Revision
	}
	if n := len(r.Attempts); n > 0 {
		if e, ok := f.Intent(r.Attempts[n-1]); ok {
			return e.Of
		}
		return r.Revision
	}
	return 0
}

// find is the first event that tells of something, false when none does.
func (f CaseFile) find(tells func(CaseEvent) bool) (CaseEvent, bool) {
	if i := slices.IndexFunc(f.Events, tells); i >= 0 {
		return f.Events[i], true
	}
	return CaseEvent{}, false
}

// Planned is the event that tells of a revision.
func (f CaseFile) Planned(v CaseRevision) (CaseEvent, bool) {
	return f.find(func(e CaseEvent) bool {
		return (e.Kind == EventSubmitted || e.Kind == EventReplanned) && e.Of == v.Number
	})
}

// reviewKinds are the kinds of the events that tell of decisions.
var reviewKinds = map[ReviewDecision]EventKind{ReviewApprove: EventApprovedBy, ReviewReject: EventRejectedBy, ReviewChanges: EventChangesRequested}

// Reviewed is the event that tells of a review.
func (f CaseFile) Reviewed(v Review) (CaseEvent, bool) {
	return f.find(func(e CaseEvent) bool {
		return e.Kind == reviewKinds[v.Decision] && e.Of == v.Revision && e.Actor.Identity == v.Reviewer.Identity
	})
}

// BrokeGlass is the event that tells of a break-glass.
func (f CaseFile) BrokeGlass(g BreakGlass) (CaseEvent, bool) {
	return f.find(func(e CaseEvent) bool {
		return e.Kind == EventBreakGlass && e.Of == g.Revision && e.Actor.Identity == g.By.Identity
	})
}

// BreakGlassReviewed is the event that tells of the review of a break-glass.
func (f CaseFile) BreakGlassReviewed(g BreakGlass) (CaseEvent, bool) {
	return f.find(func(e CaseEvent) bool {
		return e.Kind == EventBreakGlassReviewed && e.Of == g.Revision && e.Actor.Identity == g.Reviewer.Identity
	})
}

// Intent is the event that tells that an attempt was about to be made.
func (f CaseFile) Intent(a Attempt) (CaseEvent, bool) {
	return f.find(func(e CaseEvent) bool { return e.Kind == EventIntent && e.Attempt == a.Number })
}

// Came is the event that tells what came of an attempt.
func (f CaseFile) Came(a Attempt) (CaseEvent, bool) {
	return f.find(func(e CaseEvent) bool { return e.Kind == EventOutcome && e.Attempt == a.Number })
}

// OutcomeFound is what the trail says once a call whose answer was lost has been found
// to have taken effect.
const OutcomeFound Outcome = "found"

// Found is the event that tells that a call took effect whose answer was lost.
func (f CaseFile) Found() (CaseEvent, bool) {
	return f.find(func(e CaseEvent) bool { return e.Kind == EventOutcome && e.Outcome == OutcomeFound })
}

// Decisions are the events of those who decided: reviews, break-glasses and their
// reviews.
func (f CaseFile) Decisions() (list []CaseEvent) {
	for _, e := range f.Events {
		switch e.Kind {
		case EventApprovedBy, EventRejectedBy, EventChangesRequested, EventBreakGlass, EventBreakGlassReviewed:
			list = append(list, e)
		}
	}
	return list
}

// Differences say where the records are not what the trail tells: where somebody has
// changed the tables past the portal.
func (f CaseFile) Differences() []string {
	var d differences
	whole := f.Whole()
	if digest, err := f.Request.PlanDigest(); err != nil || digest != f.Request.Digest {
		d = append(d, fmt.Sprintf("What is kept of revision %d is not what its digest is of.", f.Request.Revision))
	}
	for _, v := range f.Revisions {
		e, told := f.Planned(v)
		what := fmt.Sprintf("revision %d", v.Number)
		d.check(what, whole, told, e,
			difference{"digest", e.Digest == v.Digest}, difference{"plan", samePlan(e.Plan, v.Plan)}, difference{"reason", e.Justification == v.Justification})
	}
	for _, v := range f.Request.Reviews {
		e, told := f.Reviewed(v)
		d.check(fmt.Sprintf("what %s decided on revision %d", v.Reviewer.Name, v.Revision), whole, told, e,
			difference{"digest", e.Digest == v.Digest}, difference{"person for whom they stood in", e.For == v.For.Identity},
			difference{"name", e.says(e.Actor.Name, v.Reviewer.Name)}, difference{"comment", e.says(e.Reason, v.Comment)}, difference{"time", e.isOf(v.CreatedAt)})
	}
	for _, g := range f.Request.BreakGlasses {
		e, told := f.BrokeGlass(g)
		d.check(fmt.Sprintf("the break-glass of revision %d by %s", g.Revision, g.By.Name), whole, told, e,
			difference{"name", e.says(e.Actor.Name, g.By.Name)}, difference{"reason", e.says(e.Reason, g.Reason)}, difference{"time", e.isOf(g.At)})
		if !g.Reviewer.IsZero() {
			e, told = f.BreakGlassReviewed(g)
			d.check(fmt.Sprintf("the review of the break-glass of revision %d by %s", g.Revision, g.Reviewer.Name), whole, told, e,
				difference{"name", e.says(e.Actor.Name, g.Reviewer.Name)}, difference{"comment", e.says(e.Reason, g.Comment)}, difference{"time", e.isOf(g.ReviewedAt)})
		}
	}
	for _, a := range f.Request.Attempts {
		e, told := f.Intent(a)
		d.check(fmt.Sprintf("attempt %d", a.Number), whole, told, e)
		if a.Outcome != "" {
			e, told = f.Came(a)
			d.check(fmt.Sprintf("the outcome of attempt %d", a.Number), whole, told, e, difference{"outcome", e.Outcome == a.Outcome || a.Outcome == OutcomeAbsent && e.Outcome == OutcomeUnknown},
				difference{"request id of DigitalOcean's", e.DORequestID == a.DORequestID})
		}
	}
	if end, ends := endKinds[f.Request.State]; ends {
		_, told := f.find(func(e CaseEvent) bool { return slices.Contains(end, e.Kind) })
		d.check("that it is "+string(f.Request.State), whole, told, CaseEvent{})
	}
	return append(d, f.unkept()...)
}

// endKinds are the kinds of the events that tell of an end.
var endKinds = map[State][]EventKind{
	Succeeded: {EventSucceeded}, Failed: {EventFailed, EventOutcome}, Rejected: {EventRejectedBy, EventStopped}, Withdrawn: {EventWithdrawn}, Expired: {EventExpired},
	Stale: {EventStale, EventChangesRequested},
}

// says reports whether a text of an event is that of a record. Events have no line
// breaks; what they write out or have cut is not compared.
func (e CaseEvent) says(told, kept string) bool {
	return strings.Join(strings.Fields(kept), " ") == strings.Join(strings.Fields(told), " ") || strings.Contains(told, `\u`) || strings.Contains(told, "… (cut; ")
}

// isOf reports whether an event is of the time of a record.
func (e CaseEvent) isOf(at time.Time) bool { return e.At.Sub(at).Abs() < time.Second }

// unkept are the decisions and attempts that the trail tells of and no record has.
func (f CaseFile) unkept() differences {
	var d differences
	r := f.Request
	for _, e := range f.Events {
		kept := true
		switch e.Kind {
		case EventApprovedBy, EventRejectedBy, EventChangesRequested:
			kept = slices.ContainsFunc(r.Reviews, func(v Review) bool {
				return reviewKinds[v.Decision] == e.Kind && v.Revision == e.Of && v.Reviewer.Identity == e.Actor.Identity
			})
		case EventBreakGlass:
			kept = slices.ContainsFunc(r.BreakGlasses, func(g BreakGlass) bool { return g.Revision == e.Of && g.By.Identity == e.Actor.Identity })
		case EventIntent:
			kept = slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return a.Number == e.Attempt })
		}
		if !kept {
			d = append(d, fmt.Sprintf("%s: %s. No record says so.", e.title(), strings.TrimSuffix(e.Summary, ".")))
		}
	}
	return d
}

// title names an event for people.
func (e CaseEvent) title() string {
	if e.Number < 0 {
		return "An event of " + e.At.UTC().Format(time.DateTime) + " UTC tells"
	}
	return fmt.Sprintf("Event %d tells", e.Number)
}

// difference is something that a record and an event both say.
type difference struct {
	what string
	same bool
}

type differences []string

// check compares a record with the event that tells of it. Where the events are not
// whole, there need be none.
func (d *differences) check(record string, whole, told bool, e CaseEvent, list ...difference) {
	if !told {
		if whole {
			*d = append(*d, "No event tells of "+record+".")
		}
		return
	}
	for _, l := range list {
		if !l.same {
			*d = append(*d, fmt.Sprintf("%s another %s of %s.", e.title(), l.what, record))
		}
	}
}

// samePlan reports whether a plan is the one that an event tells of. Of one that was
// too large for the event that has the SHA-256.
func samePlan(told json.RawMessage, kept Plan) bool {
	after, err := json.Marshal(kept)
	if err != nil {
		return false
	}
	var large struct {
		Cut    int    `json:"cut"`
		SHA256 string `json:"sha256"`
	}
	if json.Unmarshal(told, &large) == nil && large.Cut > 0 {
		sum := sha256.Sum256(after)
		return large.SHA256 == hex.EncodeToString(sum[:])
	}
	var plan Plan
	if json.Unmarshal(told, &plan) != nil {
		return false
	}
	before, err := json.Marshal(plan)
	return err == nil && bytes.Equal(before, after)
}

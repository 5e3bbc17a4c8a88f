package execute

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// signedWords are what the signed events of a request say of it, in their order.
type signedWords struct {
	asked     portal.Event   // that it was asked for, or planned again
	approvals []portal.Event // since then
	released  *portal.Event  // since then: that its campaign let it begin
	glass     *portal.Event  // that it was to run without approvals
	ended     *portal.Event  // after which it does not run
	sent      bool           // an intent has no answer, or one after which nothing may be sent again
	sends     int            // intents whose call may have been taken
	twice     bool           // there is an intent after that, or more than one after it was lost
}

// said is what the details of an event say of the plan and of who stands in.
type said struct {
	Digest     string
	For        portal.Person // who named the stand-in who has decided
	Outcome    portal.Outcome
	Delegation string        // by which they stood in, or which was made or ended
	StandIn    portal.Person `json:"stand_in"` // whom it named
	Lease      string        // id of the request by which a cluster had the lease that has ended
	Until      time.Time     // of a lease that was extended, zero for good, or of a delegation
	Params     portal.Params
}

func wordsOf(events []portal.Event) signedWords {
	var w signedWords
	for _, e := range events {
		switch e.Kind {
		case portal.EventSubmitted, portal.EventReplanned:
			w.asked, w.approvals, w.released, w.glass, w.ended = e, nil, nil, nil, nil
		case portal.EventApprovedBy:
			w.approvals = append(w.approvals, e)
		case portal.EventBreakGlass:
			w.glass = &e
		case portal.EventReleased:
			w.released = &e
		case portal.EventHeld:
			w.released = nil
		case portal.EventIntent:
			w.twice = w.twice || w.sent || w.sends > 1
			w.sent, w.sends = true, w.sends+1
		case portal.EventResent:
			w.sent = false
		case portal.EventOutcome:
			w.answered(e)
		case portal.EventRejectedBy, portal.EventChangesRequested, portal.EventStopped, portal.EventWithdrawn, portal.EventExpired, portal.EventStale,
			portal.EventSucceeded, portal.EventFailed:
			w.ended = &e
		}
	}
	return w
}

// answered takes account of what came of a call.
func (w *signedWords) answered(e portal.Event) {
	switch detailsOf(e).Outcome {
	case portal.OutcomeDeferred:
		w.sent, w.sends = false, w.sends-1
	case portal.OutcomeUnknown:
		w.sent = true
	case portal.OutcomeRefused:
		w.sent, w.ended = false, &e
	}
}

func detailsOf(e portal.Event) said {
	var s said
	if text, err := json.Marshal(e.Data); err == nil {
		_ = json.Unmarshal(text, &s) // what cannot be read says nothing, and fits nothing
	}
	return s
}

// standing returns an error that wraps audit.ErrTampered unless the signed events of a
// request, its newest intent among them, say that it may be sent now: it was asked for
// as it is, by whom it is said to be, those agreed on whose word it runs, nobody has
// taken that back, and it was not sent before. What the tables say of it is not enough:
// whoever can write to them would have it run on words that were never given, or no
// longer stand.
func standing(r portal.Request, history audit.History, now time.Time) error {
	events, err := history(audit.About{Request: r.ID})
	if err != nil {
		return err
	}
	w := wordsOf(events)
	asked := detailsOf(w.asked)
	switch {
	case asked.Digest != r.Digest || w.asked.Revision != r.Revision || r.CheckIntact() != nil:
		return contradicts("it was never asked for as it is kept")
	case w.ended != nil:
		return contradicts("it has ended: %s", w.ended.Summary)
	case w.twice:
		return contradicts("it was sent before")
	case r.Params.Campaign != nil && w.released == nil:
		return contradicts("its campaign has not let it begin")
	}
	if err := w.askedBy(r, history, now); err != nil {
		return err
	}
	from, err := w.agreed(r)
	if err != nil {
		return err
	}
	if err := w.stoodIn(r, history); err != nil {
		return err
	}
	when := r
	when.ReleasedAt = time.Time{}
	if w.released != nil {
		when.ReleasedAt = w.released.At
	}
	if err := request.Schedule(&when, from, w.glass != nil); err != nil {
		return err
	}
	if now.Before(when.StartsAt) || now.After(when.DueAt) {
		return contradicts("by the time at which it was decided it would be carried out between %s and %s", when.StartsAt.UTC().Format(time.RFC3339), when.DueAt.UTC().Format(time.RFC3339))
	}
	return nil
}

func contradicts(why string, args ...any) error {
	return fmt.Errorf("%w: what is signed of the request contradicts what is kept of it: "+why, append([]any{audit.ErrTampered}, args...)...)
}

// askedBy makes sure that the requester has asked for it, or for the lease at whose end
// the portal asks for it: the last one that the cluster was given, which is over.
func (w signedWords) askedBy(r portal.Request, history audit.History, now time.Time) error {
	if w.asked.Actor.Identity == r.Requester.Identity {
		return nil
	}
	lease := detailsOf(w.asked).Lease
	if w.asked.Actor.Issuer != portal.SystemIssuer || lease == "" || !r.Operation.Deletes() {
		return contradicts("%s has not asked for it", r.Requester.Name)
	}
	events, err := history(audit.About{Request: lease, Cluster: r.TargetID})
	if err != nil {
		return err
	}
	var own []portal.Event
	for _, e := range events {
		switch {
		case e.RequestID == lease:
			own = append(own, e)
		case e.Kind == portal.EventLeaseExtended:
			own = nil // what follows would have to be a lease of its own
		}
	}
	by, end := leaseOf(own, r.TargetID)
	if by != r.Requester.Identity || end.IsZero() || now.Before(end) {
		return contradicts("%s has not asked for a lease of the cluster that has ended", r.Requester.Name)
	}
	return nil
}

// leaseOf says of the signed events of a request who has asked by it for a lease of a
// cluster, and when that ends; zero: it gave none.
func leaseOf(events []portal.Event, clusterID string) (by portal.Identity, end time.Time) {
	w := wordsOf(events)
	var sent time.Time
	made := "" // the cluster that DigitalOcean has answered with, or that was found by the request's tag; not what the request says since
	for _, e := range events {
		switch d := detailsOf(e); {
		case e.Kind == portal.EventIntent:
			sent = e.At
		case e.Kind == portal.EventOutcome && (d.Outcome == portal.OutcomeAccepted || d.Outcome == portal.OutcomeFound), e.Kind == portal.EventClusterChosen:
			made = cmp.Or(made, e.Target.ID)
		case e.Kind == portal.EventSucceeded && e.Operation == portal.CreateCluster && e.Target.ID == clusterID && made == clusterID:
			if create := detailsOf(w.asked).Params.Create; create != nil {
				end = create.Lease.End(sent)
			}
		case e.Kind == portal.EventLeaseExtended && e.Target.ID == clusterID && w.asked.Target.ID == clusterID:
			end = d.Until
		}
	}
	return w.asked.Actor.Identity, end
}

// agreed makes sure that everybody agreed who is said to have, for whom it is said, and
// returns when the last of them did.
func (w signedWords) agreed(r portal.Request) (time.Time, error) {
	if b := r.ActiveBreakGlass(); b != nil {
		if w.glass == nil || w.glass.Actor.Identity != b.By.Identity || detailsOf(*w.glass).Digest != r.Digest {
			return time.Time{}, contradicts("%s has not had it run without approvals", b.By.Name)
		}
		return w.glass.At, nil
	}
	from := w.asked.At
	for _, v := range r.Approvals() {
		found := false
		for _, e := range w.approvals {
			d := detailsOf(e)
			if e.Actor.Identity == v.Reviewer.Identity && d.For.Identity == v.For.Identity && d.Digest == r.Digest && e.Revision == r.Revision {
				found = true
				if e.At.After(from) {
					from = e.At
				}
			}
		}
		if !found {
			return from, contradicts("%s has not approved it", v.Reviewer.Name)
		}
	}
	return from, nil
}

// stoodIn makes sure that those for whom somebody has approved had named them, and that
// nobody had ended that.
func (w signedWords) stoodIn(r portal.Request, history audit.History) error {
	var by []portal.Event
	about := audit.About{Request: r.ID}
	for _, e := range w.approvals {
		if d := detailsOf(e); !d.For.IsZero() {
			by, about.Delegations = append(by, e), append(about.Delegations, d.Delegation)
		}
	}
	if len(by) == 0 {
		return nil
	}
	events, err := history(about)
	if err != nil {
		return err
	}
	for _, approval := range by {
		if !named(events, approval) {
			return contradicts("%s had not named %s to stand in", detailsOf(approval).For.Name, approval.Actor.Name)
		}
	}
	return nil
}

// named reports whether signed events say that somebody could approve for another when
// they did.
func named(events []portal.Event, approval portal.Event) bool {
	a, stands := detailsOf(approval), false
	for _, e := range events {
		switch d := detailsOf(e); {
		case e.Number > approval.Number || d.Delegation != a.Delegation:
		case e.Kind == portal.EventDelegated:
			stands = e.Actor.Identity == a.For.Identity && d.StandIn.Identity == approval.Actor.Identity && !approval.At.After(d.Until)
		case e.Kind == portal.EventDelegationEnded:
			stands = false
		}
	}
	return stands
}

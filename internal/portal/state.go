package portal

import "slices"

// State is where a request stands.
type State string

// The states of a request.
const (
	Pending   State = "pending"   // waits for approvals
	Approved  State = "approved"  // waits to be executed
	Executing State = "executing" // the intent is recorded, the call is under way
	Settling  State = "settling"  // DigitalOcean took the call, its effect is awaited
	Unknown   State = "unknown"   // whether DigitalOcean took the call is being found out
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Rejected  State = "rejected"  // an approver said no
	Withdrawn State = "withdrawn" // the requester took it back
	Expired   State = "expired"   // nobody decided in time
	Stale     State = "stale"     // what was planned is not what would happen now, or not what is wanted
)

// transitions is the one table of what may follow what. A state without an
// entry is final.
var transitions = map[State][]State{
	Pending:   {Approved, Rejected, Withdrawn, Expired, Stale},
	Approved:  {Executing, Rejected, Withdrawn, Stale, Succeeded, Unknown}, // Succeeded: what the portal itself carries out; Unknown: what is about to be sent once more shows up
	Executing: {Settling, Failed, Unknown, Approved},
	Unknown:   {Settling, Failed, Approved}, // Approved: somebody has it sent once more
	Settling:  {Succeeded, Failed},
	Stale:     {Pending, Approved, Withdrawn, Expired},
}

// States lists all states in the order in which a request may pass them.
var States = []State{Pending, Approved, Stale, Executing, Unknown, Settling, Succeeded,
	Failed, Rejected, Withdrawn, Expired}

// CanBecome reports whether a request may pass from s to next.
func (s State) CanBecome(next State) bool { return slices.Contains(transitions[s], next) }

// Next lists what may follow s.
func (s State) Next() []State { return slices.Clone(transitions[s]) }

// Final reports whether nothing follows s.
func (s State) Final() bool { return len(transitions[s]) == 0 }

// HoldsQuota reports whether a request that is in s keeps what it reserved. One
// that has to be planned again gives it back: nobody knows for how long.
func (s State) HoldsQuota() bool { return !s.Final() && s != Stale }

// Sentence says in plain words what s means for the people who wait.
func (s State) Sentence() string {
	switch s {
	case Pending:
		return "Waiting for approval."
	case Approved:
		return "Approved, waiting to run."
	case Executing:
		return "Being sent to DigitalOcean."
	case Settling:
		return "DigitalOcean has accepted it; waiting until it is done."
	case Unknown:
		return "DigitalOcean's answer was lost. The portal is checking whether it took effect and sends nothing again by itself."
	case Succeeded:
		return "Done."
	case Failed:
		return "Failed."
	case Rejected:
		return "Rejected."
	case Withdrawn:
		return "Withdrawn by its requester."
	case Expired:
		return "Expired: nobody decided in time."
	case Stale:
		return "It has to be planned again before it can go on."
	}
	return string(s)
}

package portal

import (
	"net/http"
	"time"
)

// PauseKind says who has paused execution.
type PauseKind string

// The kinds of pause.
const (
	PauseAdmin PauseKind = "admin"
	PauseToken PauseKind = "token" // DigitalOcean, which refuses the portal's token
)

// Pause is why nothing is sent to DigitalOcean at the moment. There is at most one of
// each kind.
type Pause struct {
	Kind   PauseKind
	Since  time.Time
	By     Person // who has paused; of PauseToken the part of the portal that was refused
	Reason string // the admin's; of PauseToken DigitalOcean's words

	// Of PauseToken.
	Status    int         // that DigitalOcean answered with last
	Operation OperationID // that was refused last
	Tries     int         // in vain, since then
	NextTryAt time.Time   // from when on one request is sent, to see whether the token is accepted
}

// Stops reports whether the operation waits until the pause ends. What the portal does
// without DigitalOcean needs no token.
func (p Pause) Stops(op OperationID) bool { return p.Kind == PauseAdmin || !op.Own() }

// Forbidden reports whether DigitalOcean knows the token, but does not allow it what was
// asked for: only a call that it takes shows that it does again.
func (p Pause) Forbidden() bool { return p.Status == http.StatusForbidden }

// Waiting says what a request waits for that the pause stops.
func (p Pause) Waiting() string {
	switch {
	case p.Kind == PauseAdmin:
		return "Waiting until an admin resumes execution: " + p.By.Name + " has paused it. " + p.Reason
	case p.Forbidden():
		return "Waiting until DigitalOcean accepts the portal's token again; its operator has to give it the scope that it lacks."
	}
	return "Waiting until DigitalOcean accepts the portal's token again; its operator has to replace it."
}

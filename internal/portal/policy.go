package portal

import "time"

// PolicyState is what has become of a version of the policy.
type PolicyState string

// The states of a version.
const (
	PolicyProposed   PolicyState = "proposed" // waits for a second admin
	PolicyInForce    PolicyState = "in_force"
	PolicySuperseded PolicyState = "superseded"
	PolicyDropped    PolicyState = "dropped"
)

// PolicyVersion is a version of the policy as it is kept.
type PolicyVersion struct {
	Version   int
	Base      int // the version in force when this one was proposed; 0: none
	Text      string
	Author    Person
	Note      string
	CreatedAt time.Time
	State     PolicyState
	DecidedBy Person // who had it come in force or dropped it; nobody when that needed no decision
	DecidedAt time.Time
	InForceAt time.Time // zero when it never was
	Stricter  bool      // it may ask for more than its base
}

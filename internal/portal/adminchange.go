package portal

import (
	"strings"
	"time"
)

// AdminChangeState says what became of an AdminChange.
type AdminChangeState string

// The states. A proposed change that has expired can only be dropped.
const (
	AdminChangeProposed AdminChangeState = "proposed"
	AdminChangeAccepted AdminChangeState = "accepted"
	AdminChangeDropped  AdminChangeState = "dropped"
)

// Gain is something that a change gives to people who do not have it.
type Gain struct {
	Text   string   `json:"text"`   // a sentence for the admin who decides
	Groups []string `json:"groups"` // whose members gain it
}

// AdminChange is a change of a team, or of who owns a cluster, by which
// somebody gains something. It takes effect on the word of a second admin who
// gains nothing by it.
type AdminChange struct {
	ID        string // UUIDv7
	Subject   string // what is changed, "team:<slug>" or "cluster:<id>"
	Title     string // for people, like "Give cluster web to team search"
	Payload   []byte // the change itself, as JSON
	Gains     []Gain // as the author and the admin who decides see them
	Author    Person
	CreatedAt time.Time
	ExpiresAt time.Time
	State     AdminChangeState
	DecidedBy Person
	DecidedAt time.Time // zero: not yet
}

// ClusterID is the cluster that the change is about, empty when it is about a team.
func (c AdminChange) ClusterID() string {
	id, _ := strings.CutPrefix(c.Subject, "cluster:")
	if id == c.Subject {
		return ""
	}
	return id
}

// TeamSlug is the team that the change is about, empty when it is about a cluster.
func (c AdminChange) TeamSlug() string {
	slug, _ := strings.CutPrefix(c.Subject, "team:")
	if slug == c.Subject {
		return ""
	}
	return slug
}

// Benefits says by what a gains something by the change, see Actor.GainsBy.
func (c AdminChange) Benefits(a Actor, mandates []Mandate) GainedBy {
	var groups []string
	for _, g := range c.Gains {
		groups = append(groups, g.Groups...)
	}
	return a.GainsBy(groups, mandates)
}

// Open reports whether the change may still be accepted.
func (c AdminChange) Open(now time.Time) bool {
	return c.State == AdminChangeProposed && now.Before(c.ExpiresAt)
}

// AdoptionPeriod is how long after its installation one admin alone may set up
// teams and give them the clusters that are there already.
const AdoptionPeriod = 7 * 24 * time.Hour

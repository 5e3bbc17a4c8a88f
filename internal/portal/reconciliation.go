package portal

import (
	"strconv"
	"strings"
	"time"
)

// DriftKinds are the kinds of event about a change of a cluster that no request
// explains, as the readings of the inventory find them.
var DriftKinds = []EventKind{EventClusterAppeared, EventClusterDrifted, EventClusterGone}

// ChangeStatus is where a change of a cluster stands for who reconciles changes with
// requests.
type ChangeStatus string

// The statuses of a change.
const (
	ChangeOpen      ChangeStatus = "open"      // no request explains it, and nobody has said why
	ChangeResolved  ChangeStatus = "resolved"  // no request explained it, and somebody has said why
	ChangeExplained ChangeStatus = "explained" // a request made it
)

// ChangeStatuses are all of them, in the order in which changes are listed.
var ChangeStatuses = []ChangeStatus{ChangeOpen, ChangeResolved, ChangeExplained}

// ClusterChange is a change of a cluster at DigitalOcean, as an event tells of it: one
// that a request made, or one that a reading of the inventory found.
type ClusterChange struct {
	EventID       string
	At            time.Time
	Kind          EventKind
	Summary       string
	Operation     OperationID // of the request that made it
	Environment   Environment
	TeamID        string
	TeamName      string
	ClusterID     string // empty where there are several
	ClusterName   string
	Clusters      int              // how many, where there are several
	RequestNumber int64            // that made it; 0: none
	Entries       []Reconciliation // what was said of one that no request made, oldest first
	Numbers       int              // of entries that are taken
}

// Reconciliation is what somebody said of a change that no request explains. Nothing of
// it is ever changed: the newest counts.
type Reconciliation struct {
	ID            string // UUIDv7
	EventID       string
	Number        int   // of what was said of the change, from 1 on
	Resolved      bool  // false: it is open again
	RequestNumber int64 // that explains it; 0: none does
	Reason        string
	By            Person
	OwnTeam       bool // who said so was a member of the cluster's team
	At            time.Time
}

// Newest is what was said of the change last, false when nothing was.
func (c ClusterChange) Newest() (Reconciliation, bool) {
	if len(c.Entries) == 0 {
		return Reconciliation{}, false
	}
	return c.Entries[len(c.Entries)-1], true
}

// Status is where the change stands.
func (c ClusterChange) Status() ChangeStatus {
	newest, said := c.Newest()
	switch {
	case c.RequestNumber != 0:
		return ChangeExplained
	case said && newest.Resolved:
		return ChangeResolved
	}
	return ChangeOpen
}

// Explanation is the number of the request that explains the change: that made it, or
// of which somebody said so. It is 0 where there is none.
func (c ClusterChange) Explanation() int64 {
	if newest, said := c.Newest(); said && c.RequestNumber == 0 {
		return newest.RequestNumber
	}
	return c.RequestNumber
}

// SeenChange is a change with how much of what was said of it somebody has seen, who
// says something of it themselves.
type SeenChange struct {
	EventID string
	Entries int
}

// Text is the change for a form; SeenChangeOf reads it.
func (s SeenChange) Text() string { return s.EventID + "." + strconv.Itoa(s.Entries) }

// MostReconciliations is how often something can be said of one change.
const MostReconciliations = 50

// SeenChangeOf reads what Text has written, and reports whether it could have.
func SeenChangeOf(text string) (SeenChange, bool) {
	id, entries, _ := strings.Cut(text, ".")
	n, ok := ParseNumber(entries, 0, MostReconciliations)
	return SeenChange{strings.ToLower(id), n}, ok && IsUUID(id)
}

// ChangeTotals are how many changes there are of a time.
type ChangeTotals struct {
	Explained int
	Resolved  int
	Open      int
	More      bool // there are more of those that are explained
}

// All is how many changes there are.
func (t ChangeTotals) All() int { return t.Explained + t.Resolved + t.Open }

// MostExplained is how far changes that requests made are counted.
const MostExplained = 100_000

// OpenMonth is a month with changes that nobody has explained.
type OpenMonth struct {
	Month time.Time // midnight of its first day, in UTC
	Open  int
}

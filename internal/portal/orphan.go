package portal

import (
	"slices"
	"time"
)

// ListPrice is what a resource costs a month at list price, in USD cents, or what each
// GiB of it does: the API for clusters does not tell the size of volumes and snapshots.
type ListPrice struct {
	MonthlyCents int64
	PerGiB       bool
}

// PriceOf is the price of resources of a kind. Source: DigitalOcean's price list.
func PriceOf(kind string) ListPrice {
	switch kind {
	case Volume:
		return ListPrice{MonthlyCents: 10, PerGiB: true}
	case VolumeSnapshot:
		return ListPrice{MonthlyCents: 6, PerGiB: true}
	}
	return ListPrice{MonthlyCents: 1200} // a load balancer of one node, the smallest
}

// OrphanState says what became of an orphan.
type OrphanState string

// What can have become of an orphan.
const (
	OrphanOpen    OrphanState = "open"    // nobody has said
	OrphanDeleted OrphanState = "deleted" // at DigitalOcean, by somebody's word
	OrphanKept    OrphanState = "kept"    // on purpose
)

// OrphanStates are what can have become of an orphan.
var OrphanStates = []OrphanState{OrphanOpen, OrphanDeleted, OrphanKept}

// Known reports whether there is such a state.
func (s OrphanState) Known() bool { return slices.Contains(OrphanStates, s) }

// OrphanSum is what is open of teams.
type OrphanSum struct {
	Count        int
	MonthlyCents int64 // of those whose price is known, at the least
	Unpriced     int   // those whose price is not known
}

// SumOrphans adds up orphans, so many of each kind.
func SumOrphans(kinds map[string]int) OrphanSum {
	var sum OrphanSum
	for kind, n := range kinds {
		sum.Count += n
		if price := PriceOf(kind); price.PerGiB {
			sum.Unpriced += n
		} else {
			sum.MonthlyCents += int64(n) * price.MonthlyCents
		}
	}
	return sum
}

// Orphan is a resource that the deletion of a cluster left behind at DigitalOcean, as
// it was then: once the cluster is gone, the API for clusters does not know of it.
type Orphan struct {
	ID            string // UUIDv7
	Resource      Resource
	TeamID        string // whose the cluster was
	TeamSlug      string
	TeamName      string
	RequestNumber int64 // that deleted the cluster
	ClusterID     string
	ClusterName   string
	LeftAt        time.Time

	State      OrphanState
	Reason     string    // of who resolved it
	ResolvedBy Person    // zero while it is open
	ResolvedAt time.Time // zero while it is open
}

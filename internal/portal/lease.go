package portal

import "time"

// ExtendParams are the parameters of ExtendLease: for how long the cluster is to be
// kept from now on.
type ExtendParams struct {
	Lasting
}

// Lease is until when a cluster is kept. When it has ended, the portal asks for the
// cluster's deletion on the word of who asked for the lease.
type Lease struct {
	ClusterID string
	Until     time.Time // exclusive
	RequestID string    // that created the cluster, or extended the lease last
	Number    int64     // of that request
	By        Person    // who made it
	Told      int       // how often it was said that it ends soon
	ToldAt    time.Time // when it was last; zero: never
	EndedAt   time.Time // when the portal asked for the deletion, or saw that it cannot; zero: neither
	Outcome   string    // what came of its end, as a sentence; empty until then
}

// leaseNotices is how long before its end the team is told of a lease.
var leaseNotices = []time.Duration{FirstLeaseNotice, 2 * day, LastLeaseNotice}

// When a team is told of a lease: first, and last, before its end.
const (
	FirstLeaseNotice = 7 * day
	LastLeaseNotice  = 2 * time.Hour
)

// Notices is how many times the team should have been told by a time that the lease
// ends soon.
func (l Lease) Notices(now time.Time) int { return notices(leaseNotices, l.Until, now) }

// Over reports whether the lease has ended and its team has had the time that the last
// notice promises. A clock that jumps ahead, or replicas that were away, shorten it
// by nothing.
func (l Lease) Over(now time.Time) bool {
	return !now.Before(l.Until) && l.Told == len(leaseNotices) && !now.Before(l.ToldAt.Add(LastLeaseNotice))
}

// EndText says when the lease ends, in texts.
func (l Lease) EndText() string { return EndText(l.Until) }

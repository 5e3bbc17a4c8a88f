package portal

import "time"

const day = 24 * time.Hour

// MaxDays is for how many days something may be asked for; the policy allows less.
const MaxDays = 3650

// Lasting is for how long something is asked for: for days, until a time, or, when it
// is zero, for good.
type Lasting struct {
	Days  int        `json:"days,omitempty"`  // from when it takes effect
	Until *time.Time `json:"until,omitempty"` // exclusive
}

// For how long something is asked for, as forms say it.
const (
	LastsForGood = "for_good"
	LastsDays    = "days"
	LastsUntil   = "last_day"
)

// ForGood reports whether it has no end.
func (l Lasting) ForGood() bool { return l.Days == 0 && l.Until == nil }

// End is when it ends if it takes effect at a time, zero when it is for good.
func (l Lasting) End(start time.Time) time.Time {
	switch {
	case l.Until != nil:
		return *l.Until
	case l.Days > 0:
		return start.Add(time.Duration(l.Days) * day)
	}
	return time.Time{}
}

// Over reports whether the time until which it was asked for has come.
func (l Lasting) Over(now time.Time) bool { return l.Until != nil && !now.Before(*l.Until) }

// Text says for how long, at the end of a line; empty: for good.
func (l Lasting) Text() string {
	switch {
	case l.Until != nil:
		return "until " + EndText(*l.Until)
	case l.Days > 0:
		return "for " + DurationText(time.Duration(l.Days)*day)
	}
	return ""
}

// EndText says when something ends that lasts until a time. People think of its last
// day.
func EndText(t time.Time) string {
	if t = t.UTC(); t.Equal(t.Truncate(day)) {
		return "the end of " + t.Add(-day).Format("Mon 2 Jan 2006 MST")
	}
	return t.Format("Mon 2 Jan 2006 15:04 MST")
}

// notices is how many of the times before an end have come at which it is told.
func notices(before []time.Duration, end, now time.Time) int {
	n := 0
	for _, b := range before {
		if !now.Before(end.Add(-b)) {
			n++
		}
	}
	return n
}

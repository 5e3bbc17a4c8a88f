package portal

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is a time of the week in which requests may be carried out. One whose
// end is not after its start lasts until the next day.
type Window struct {
	Days []time.Weekday `json:"days"` // on which it opens
	From string         `json:"from"` // HH:MM, in Zone
	To   string         `json:"to"`   // HH:MM, not part of the window
	Zone string         `json:"zone"` // IANA name, like Europe/Berlin
}

// String says in words when the window is open.
func (w Window) String() string {
	days := make([]string, len(w.Days))
	for i, d := range w.Days {
		days[i] = d.String()[:3]
	}
	return fmt.Sprintf("%s %s to %s (%s)", strings.Join(days, ", "), w.From, w.To, w.Zone)
}

// next returns when the window is open next, t itself when it is open then,
// and the zero time when it never opens.
func (w Window) next(t time.Time) time.Time {
	zone, err := time.LoadLocation(w.Zone)
	from, fromErr := time.Parse("15:04", w.From)
	to, toErr := time.Parse("15:04", w.To)
	if err != nil || fromErr != nil || toErr != nil {
		return time.Time{}
	}
	local := t.In(zone)
	for day := -1; day <= 7; day++ { // one that opened yesterday may still be open
		opens := time.Date(local.Year(), local.Month(), local.Day()+day, from.Hour(), from.Minute(), 0, 0, zone)
		closes := time.Date(local.Year(), local.Month(), local.Day()+day, to.Hour(), to.Minute(), 0, 0, zone)
		if !to.After(from) {
			closes = time.Date(local.Year(), local.Month(), local.Day()+day+1, to.Hour(), to.Minute(), 0, 0, zone)
		}
		if slices.Contains(w.Days, opens.Weekday()) && t.Before(closes) {
			if t.Before(opens) {
				return opens
			}
			return t
		}
	}
	return time.Time{}
}

// NextOpening is the first moment from t on at which one of the windows is
// open; t itself when there are none, and the zero time when none ever opens.
func NextOpening(windows []Window, t time.Time) time.Time {
	if len(windows) == 0 {
		return t
	}
	var first time.Time
	for _, w := range windows {
		if next := w.next(t); !next.IsZero() && (first.IsZero() || next.Before(first)) {
			first = next
		}
	}
	return first
}

// LongestWait is about the longest that anybody may have to wait for one of the
// windows to open; nothing when there are none. Windows that never open count as
// a year.
func LongestWait(windows []Window) time.Duration {
	const step, week, never = time.Hour, 7 * 24 * time.Hour, 365 * 24 * time.Hour
	if len(windows) == 0 {
		return 0
	}
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	var longest time.Duration
	for t := start; t.Before(start.Add(week)); t = t.Add(step) {
		next := NextOpening(windows, t)
		if next.IsZero() {
			return never
		}
		longest = max(longest, next.Sub(t))
	}
	return longest
}

// LongestOpening is how long the longest of the windows stays open, a week when
// there are none.
func LongestOpening(windows []Window) time.Duration {
	const day = 24 * time.Hour
	if len(windows) == 0 {
		return 7 * day
	}
	var longest time.Duration
	for _, w := range windows {
		from, fromErr := time.Parse("15:04", w.From)
		to, toErr := time.Parse("15:04", w.To)
		if fromErr != nil || toErr != nil {
			continue
		}
		if !to.After(from) {
			to = to.Add(day)
		}
		longest = max(longest, to.Sub(from))
	}
	return longest
}

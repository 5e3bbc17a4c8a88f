package operation

import (
	"slices"
	"strconv"
	"time"

	"doksportal/internal/portal"
)

// maxYears is how far away the last day may be; the policy allows less.
const maxYears = 20

// lastingFields are the fields that say for how long something is asked for.
var lastingFields = []string{"lasts", "days", "last_day"}

// writeLasting puts into a form for how long something is asked for.
func writeLasting(f portal.Form, l portal.Lasting) {
	switch {
	case l.Until != nil:
		f.Set("lasts", portal.LastsUntil)
		f.Set("last_day", l.Until.UTC().Add(-time.Nanosecond).Format(time.DateOnly))
		f.Set("zone", "UTC")
	case l.Days > 0:
		f.Set("lasts", portal.LastsDays)
		f.Set("days", strconv.Itoa(l.Days))
	default:
		f.Set("lasts", portal.LastsForGood)
	}
}

// readLasting reads for how long something is asked for. What was to start later has
// been read.
func (f *fieldErrors) readLasting(d *portal.Draft, now time.Time) portal.Lasting {
	switch d.Form.Get("lasts") {
	case portal.LastsForGood:
	case portal.LastsDays:
		typed := d.Form.Get("days")
		days, ok := portal.ParseNumber(typed, 1, portal.MaxDays)
		if !ok {
			f.Add("days", "Enter a whole number of days, at least 1 and at most %d; this is %s.", portal.MaxDays, portal.Quote(typed))
		}
		return portal.Lasting{Days: days}
	case portal.LastsUntil:
		return f.readLastDay(d, now)
	default:
		f.Add("lasts", "Choose for how long.")
	}
	return portal.Lasting{}
}

func (f *fieldErrors) readLastDay(d *portal.Draft, now time.Time) portal.Lasting {
	zone, err := time.LoadLocation(d.Form.Get("zone"))
	if err != nil || d.Form.Get("zone") == "Local" {
		zone = time.UTC
	}
	day, err := time.ParseInLocation(time.DateOnly, d.Form.Get("last_day"), zone)
	until := day.AddDate(0, 0, 1).UTC()
	switch at := d.Params.NotBefore; {
	case err != nil:
		f.Add("last_day", "Enter a date, like %s.", now.In(zone).AddDate(0, 0, 7).Format(time.DateOnly))
	case !until.After(now):
		f.Add("last_day", "This day is over; enter today or a later one.")
	case until.After(now.AddDate(maxYears, 0, 0)):
		f.Add("last_day", "This is more than %d years from now; enter an earlier day.", maxYears)
	case at != nil && !until.After(*at):
		f.Add("last_day", "It would end before it begins; enter a later day.")
	default:
		return portal.Lasting{Until: &until}
	}
	return portal.Lasting{}
}

// unreadLasting reports whether it is not known for how long something is asked for.
func unreadLasting(faults portal.FieldErrors) bool {
	return slices.ContainsFunc(faults, func(f portal.FieldError) bool { return slices.Contains(lastingFields, f.Field) })
}

// checkLasting notes where something with an end lasts for longer than it may, from
// now or from when it is to start. rule says so, with the longest time.
func checkLasting(d *portal.Draft, l portal.Lasting, now time.Time, longest time.Duration, rule string) {
	start := now
	if at := d.Params.NotBefore; at != nil && at.After(now) {
		start = *at
	}
	text := portal.DurationText(longest)
	switch {
	case l.End(start).Sub(start) <= longest:
	case l.Days > 0:
		d.Errors.Add("days", rule+".", text)
	default:
		last := start.Add(longest).UTC().AddDate(0, 0, -1)
		d.Errors.Add("last_day", rule+"; enter %s or an earlier day.", text, last.Format("2 January 2006"))
	}
}

package operation

import (
	"time"

	"doksportal/internal/portal"
)

// minuteLayout is how browsers send a date with a time.
const minuteLayout = "2006-01-02T15:04"

// furthest is how far ahead a request may be scheduled.
const furthest = 30 * 24 * time.Hour

// readSchedule reads when the request should be carried out at the earliest.
// Diagnostics and access are wanted at once.
func (f *fieldErrors) readSchedule(d *portal.Draft, now time.Time) {
	typed := d.Form.Get("start_at")
	if typed == "" || d.Operation.Risk() == portal.RiskDiagnostic || d.Operation.Risk() == portal.RiskSecret {
		return
	}
	zone, err := time.LoadLocation(d.Form.Get("zone")) // the empty name is UTC
	if err != nil {
		f.Add("start_at", "The portal does not know your time zone %s; leave the time empty, or use a browser set to another time zone.", portal.Quote(d.Form.Get("zone")))
		return
	}
	at, err := time.ParseInLocation(minuteLayout, typed, zone)
	switch {
	case err != nil:
		f.Add("start_at", "Enter a date with a time, like 2026-03-01T22:00; this is %s.", portal.Quote(typed))
	case at.Before(now.Add(-time.Minute)):
		f.Add("start_at", "This time has passed; leave it empty to start as soon as possible.")
	case at.After(now.Add(furthest)):
		f.Add("start_at", "Choose a time within the next 30 days.")
	default:
		utc := at.UTC()
		d.Params.NotBefore = &utc
	}
}

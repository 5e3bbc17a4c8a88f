package portal

import (
	"regexp"
	"strings"
	"sync"
	"time"
)

// MaxZone is how long the name of a time zone may be.
const MaxZone = 64

// zoneForm is what names of the IANA database look like, like Europe/Berlin,
// America/Port-au-Prince, Etc/GMT+3 or UTC.
var zoneForm = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*){0,2}$`)

// zones are those that were loaded. Only names of zones get in, of which there are
// some hundreds.
var zones sync.Map

// Zone returns the time zone of an IANA name; ok is false when there is none. Neither
// a machine's own zone has a name, nor those that count leap seconds.
func Zone(name string) (zone *time.Location, ok bool) {
	if len(name) > MaxZone || !zoneForm.MatchString(name) || name == "Local" {
		return nil, false
	}
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), true
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, false
	}
	zones.Store(name, zone)
	return zone, true
}

// ZoneTyped returns the zone that somebody typed as it is written in the database.
func ZoneTyped(typed string) (name string, ok bool) {
	name = strings.ReplaceAll(strings.TrimSpace(typed), " ", "_") // as in New York
	if strings.EqualFold(name, "UTC") {
		name = "UTC"
	}
	_, ok = Zone(name)
	return name, ok
}

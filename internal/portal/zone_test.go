package portal

import (
	"strings"
	"testing"
	_ "time/tzdata" // which the program has, too
)

func TestZones(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"UTC": "UTC", "utc": "UTC", " Europe/Berlin ": "Europe/Berlin", "America/New York": "America/New_York", "Asia/Kolkata": "Asia/Kolkata",
		"America/Argentina/Ushuaia": "America/Argentina/Ushuaia", "Etc/GMT+3": "Etc/GMT+3", "America/Port-au-Prince": "America/Port-au-Prince",
	} {
		if got, ok := ZoneTyped(typed); !ok || got != want {
			t.Errorf("%q is %q, %t", typed, got, ok)
		}
	}
	for _, typed := range []string{"", "Local", "local", "Europe/Atlantis", "../../etc/passwd", "/etc/localtime", "posix/Europe/Berlin", "right/UTC", "Europe", "Europe/",
		"zone.tab", "Europe/Berlin\x00", "<script>", strings.Repeat("A", 65), strings.Repeat("A/", 30) + "A"} {
		if got, ok := ZoneTyped(typed); ok {
			t.Errorf("%q is the zone %q", typed, got)
		}
	}
}

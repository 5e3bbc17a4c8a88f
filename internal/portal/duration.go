package portal

import (
	"fmt"
	"time"
)

// DurationText says how long a time is in the largest unit that fits.
func DurationText(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := d / u.unit; d%u.unit == 0 && n > 0 {
			if n == 1 {
				return "1 " + u.name
			}
			return fmt.Sprintf("%d %ss", n, u.name)
		}
	}
	return "none"
}

// RoughDuration says how long a time is as people speak of one that passes, at
// least a minute.
func RoughDuration(d time.Duration) string {
	for _, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		if d >= 2*unit {
			return DurationText(d.Truncate(unit))
		}
	}
	return DurationText(max(d.Truncate(time.Minute), time.Minute))
}

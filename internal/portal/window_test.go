package portal_test

import (
	"testing"
	"time"

	"doksportal/internal/portal"
)

// A window opens at the moment of its start and is closed at that of its end.
func TestNextOpening(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int, and time.Duration) time.Time { // 1 June 2026 is a Monday
		return time.Date(2026, 6, day, hour, minute, 0, 0, zone).Add(and)
	}
	on := func(from, to string, days ...time.Weekday) portal.Window {
		return portal.Window{Days: days, From: from, To: to, Zone: "Europe/Berlin"}
	}
	office, night, day := on("09:00", "17:00", time.Monday), on("22:00", "02:00", time.Monday), on("09:00", "09:00", time.Monday)
	tuesday, broken := on("09:00", "17:00", time.Tuesday), portal.Window{Days: []time.Weekday{time.Monday}, From: "09:00", To: "17:00", Zone: "Nowhere/None"}
	never := time.Time{}
	tests := []struct {
		name    string
		windows []portal.Window
		t, want time.Time
	}{
		{"none", nil, at(1, 3, 0, 0), at(1, 3, 0, 0)},
		{"just before it opens", []portal.Window{office}, at(1, 9, 0, -1), at(1, 9, 0, 0)},
		{"as it opens", []portal.Window{office}, at(1, 9, 0, 0), at(1, 9, 0, 0)},
		{"just before it closes", []portal.Window{office}, at(1, 17, 0, -1), at(1, 17, 0, -1)},
		{"as it closes, until next week", []portal.Window{office}, at(1, 17, 0, 0), at(8, 9, 0, 0)},
		{"over midnight, the next day", []portal.Window{night}, at(2, 2, 0, -1), at(2, 2, 0, -1)},
		{"over midnight, as it closes", []portal.Window{night}, at(2, 2, 0, 0), at(8, 22, 0, 0)},
		{"a whole day, just before it closes", []portal.Window{day}, at(2, 9, 0, -1), at(2, 9, 0, -1)},
		{"a whole day, as it closes", []portal.Window{day}, at(2, 9, 0, 0), at(8, 9, 0, 0)},
		{"read in its own zone", []portal.Window{office}, at(1, 9, 0, 0).UTC(), at(1, 9, 0, 0)},
		{"the earlier of two, first", []portal.Window{office, tuesday}, at(1, 3, 0, 0), at(1, 9, 0, 0)},
		{"the earlier of two, last", []portal.Window{tuesday, office}, at(1, 3, 0, 0), at(1, 9, 0, 0)},
		{"beside one that never opens, first", []portal.Window{broken, office}, at(1, 3, 0, 0), at(1, 9, 0, 0)},
		{"beside one that never opens, last", []portal.Window{office, broken}, at(1, 3, 0, 0), at(1, 9, 0, 0)},
		{"a zone that does not exist", []portal.Window{broken}, at(1, 3, 0, 0), never},
		{"no time of the day to start at", []portal.Window{on("9", "17:00", time.Monday)}, at(1, 3, 0, 0), never},
		{"no time of the day to end at", []portal.Window{on("09:00", "24:01", time.Monday)}, at(1, 3, 0, 0), never},
		{"no day", []portal.Window{on("09:00", "17:00")}, at(1, 3, 0, 0), never},
	}
	for _, tt := range tests {
		if got := portal.NextOpening(tt.windows, tt.t); !got.Equal(tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestLongestOpening(t *testing.T) {
	t.Parallel()
	short, night := portal.Window{From: "09:00", To: "09:30"}, portal.Window{From: "22:00", To: "02:00"}
	for want, windows := range map[time.Duration][]portal.Window{
		7 * 24 * time.Hour: nil,
		30 * time.Minute:   {short},
		4 * time.Hour:      {short, night},
		24 * time.Hour:     {{From: "09:00", To: "09:00"}},
		0:                  {{From: "9", To: "10:00"}},
	} {
		if got := portal.LongestOpening(windows); got != want {
			t.Errorf("%v: %s, want %s", windows, got, want)
		}
	}
}

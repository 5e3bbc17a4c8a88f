package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"doksportal/internal/portal"
)

const (
	day        = 24 * time.Hour
	maxTerm    = 90 * day
	maxWindows = 10
)

var (
	durationForm = regexp.MustCompile(`^([0-9]{1,5})([smhd])$`)
	units        = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": day}
)

func (r *reader) duration(n ast.Node, b bounds) time.Duration {
	word, ok := r.word(n, "a time like 15m, 8h or 7d")
	if !ok {
		return 0
	}
	parts := durationForm.FindStringSubmatch(word)
	if parts == nil {
		r.fault(n, "“%s” is not a duration; write seconds, minutes, hours or days like 30s, 15m, 8h or 7d.", word)
		return 0
	}
	count, _ := strconv.Atoi(parts[1]) // up to five digits
	d := time.Duration(count) * units[parts[2]]
	if d < b.least || d > b.most {
		r.fault(n, "“%s” is out of range; at least %s and at most %s are allowed.", word, Span(b.least), Span(b.most))
	}
	return d
}

// windows reads a list of windows, which may be empty to lift those of the
// defaults.
func (r *reader) windows(n ast.Node) []portal.Window {
	if s, ok := n.(*ast.SequenceNode); ok && len(s.Values) == 0 {
		return nil
	}
	list := r.list(n, "windows")
	if len(list) > maxWindows {
		r.fault(n, "There are at most %d windows.", maxWindows)
	}
	var windows []portal.Window
	for _, part := range list {
		m := r.members(part, texts(windowKeys)...)
		if m["days"] == nil || m["from"] == nil || m["to"] == nil || m["zone"] == nil {
			r.fault(part, "A window has days, from, to and zone, like {days: [mon, tue], from: \"09:00\", to: \"17:00\", zone: Europe/Berlin}.")
			continue
		}
		windows = append(windows, portal.Window{Days: r.days(m["days"]), From: r.clock(m["from"]), To: r.clock(m["to"]), Zone: r.zone(m["zone"])})
	}
	return windows
}

var dayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// days reads days of the week and returns them in its order.
func (r *reader) days(n ast.Node) []time.Weekday {
	chosen := r.words(n, "days", func(n ast.Node, word string) {
		if !slices.Contains(dayNames, word) {
			r.fault(n, "“%s” is no day; choose from %s.", word, strings.Join(dayNames, ", "))
		}
	})
	var days []time.Weekday
	for i, name := range dayNames {
		if slices.Contains(chosen, name) {
			days = append(days, time.Weekday((i+1)%7))
		}
	}
	return days
}

var clockForm = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

func (r *reader) clock(n ast.Node) string {
	word, ok := r.word(n, "a time of the day like 09:00")
	if ok && !clockForm.MatchString(word) {
		r.fault(n, "“%s” is not a time of day; write hours and minutes like 09:00.", word)
	}
	return word
}

func (r *reader) zone(n ast.Node) string {
	word, ok := r.word(n, "a time zone like Europe/Berlin")
	if _, err := time.LoadLocation(word); ok && (err != nil || word == "" || word == "Local") {
		r.fault(n, "“%s” is not a time zone; write one like Europe/Berlin or UTC.", word)
	}
	return word
}

// Span says how long something lasts, as policies write it.
func Span(d time.Duration) string {
	switch {
	case d == 0:
		return "0m"
	case d%day == 0:
		return strconv.Itoa(int(d/day)) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	case d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return strconv.Itoa(int(d/time.Second)) + "s"
}

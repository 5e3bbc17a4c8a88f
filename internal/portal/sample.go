package portal

import (
	"cmp"
	"slices"
	"time"
)

// MostSampled is how many events a sample has at the most.
const MostSampled = 1000

// EventSample are the newest events that a search finds, as far as it takes to say what
// kinds of events there are: all of them, or the newest MostSampled.
type EventSample struct {
	Events []SampleEvent
	More   bool // there are older ones
}

// SampleEvent is what can be counted of an event.
type SampleEvent struct {
	At          time.Time
	Kind        EventKind
	Result      EventResult
	Operation   OperationID
	Environment Environment
	TeamID      string
	Person
}

// Count is how many events of a sample have a value.
type Count[T comparable] struct {
	Value  T
	Events int
}

// CountBy counts the events of a sample by a value, most first; where it is zero they
// are left out.
func CountBy[T comparable](s EventSample, value func(SampleEvent) T) []Count[T] {
	var none T
	counts := map[T]int{}
	first := map[T]int{} // so that equal counts have an order: that of the newest event
	for i, e := range s.Events {
		v := value(e)
		if _, seen := first[v]; !seen {
			first[v] = i
		}
		counts[v]++
	}
	delete(counts, none)
	var list []Count[T]
	for v, n := range counts {
		list = append(list, Count[T]{v, n})
	}
	slices.SortFunc(list, func(a, b Count[T]) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(first[a.Value], first[b.Value]))
	})
	return list
}

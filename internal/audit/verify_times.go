package audit

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// lateAfter is how far the times of one event may be apart, and how much earlier
// than others that have smaller numbers it may have been recorded: transactions that
// write events do not last longer.
const lateAfter = 10 * time.Minute

// times compares those that an event has. When it was recorded is kept for
// checkTimes, unless that is what is wrong.
func (w *worker) times(number int64, record [][]byte) {
	if !isFinite(record[columnRecordedAt]) || !isFinite(record[columnAt]) {
		return // no such event has a hash
	}
	recorded, at := microsOf(record[columnRecordedAt]), microsOf(record[columnAt])
	wrong := func(what string, args ...any) { w.fault(number, eventName(number, record[columnID]), what, args...) }
	switch id := microsOfID(record[columnID]); {
	case apart(recorded, id):
		wrong("It says it was recorded at %s, and its id is of %s: it was put in afterwards, or a clock was wrong.", timeText(recorded), timeText(id))
		return
	case timeAt(recorded).Sub(w.Now) > lateAfter:
		wrong("It says it was recorded at %s, which is yet to come: it was put in, or a clock was wrong.", timeText(recorded))
		return
	case apart(recorded, at) && slices.ContainsFunc(w.verifier.told, func(t told) bool { return t.First <= number && number <= t.Last }):
		w.told++
	case apart(recorded, at):
		wrong("It tells of %s, and was recorded at %s: it is dated back or ahead, or a clock was wrong.", timeText(at), timeText(recorded))
	}
	if 0 <= number && number < int64(len(w.recorded)) {
		w.recorded[number] = recorded
		if id := record[columnRequestID]; len(id) == 16 {
			w.requests[number] = binary.BigEndian.Uint64(id[8:]) ^ binary.BigEndian.Uint64(id)
		}
	}
}

func apart(a, b int64) bool { return max(a, b)-min(a, b) > lateAfter.Microseconds() }

func timeText(micros int64) string { return timeAt(micros).Format(time.RFC3339) }

// microsOfID is the time in a UUIDv7, as Postgres counts. An id of another version
// has no time near those of events.
func microsOfID(id []byte) int64 {
	ms := binary.BigEndian.Uint64(append([]byte{0, 0}, id[:6]...))
	return int64(ms)*1000 - unix2000*1e6 //nolint:gosec // 48 bits
}

// checkTimes looks for events that claim to have been recorded long before others
// that were in the tree already. Which of two is wrong the ones after them tell.
func (v *verifier) checkTimes() {
	var latest int64
	for number, at := range v.recorded {
		switch {
		case at == 0:
		case at < 0 && latest+at > lateAfter.Microseconds():
			v.fault(int64(number), fmt.Sprintf("event %d", number), "It is not there any more. It is said to be one that was archived, of %s, but an event with a smaller number was recorded %s after that: it was removed.",
				timeAt(-at).Format("January 2006"), time.Duration(latest+at)*time.Microsecond)
		case at < 0:
		case v.ahead(number):
			v.fault(int64(number), fmt.Sprintf("event %d", number), "It says it was recorded at %s, long after those that have larger numbers: it was put in, or a clock was wrong.", timeText(at))
		case latest-at > lateAfter.Microseconds():
			v.fault(int64(number), fmt.Sprintf("event %d", number), "It says it was recorded at %s, %s before an event that has a smaller number: it was put in afterwards, or a clock was wrong.",
				timeText(at), time.Duration(latest-at)*time.Microsecond)
		default:
			latest = max(latest, at)
		}
	}
}

// checkOrder looks for events of one request that have their numbers in another order
// than the one in which they were written, each under the lock of the request.
func (v *verifier) checkOrder() {
	latest := map[uint64]int64{}
	for number, request := range v.requests {
		switch at := v.recorded[number]; {
		case request == 0:
		case at < latest[request]:
			v.fault(int64(number), fmt.Sprintf("event %d", number), "It says it was recorded at %s, before an event of the same request that has a smaller number: its number was kept back, or a clock was wrong.", timeText(at))
		default:
			latest[request] = at
		}
	}
}

// ahead reports whether most of the next events were recorded long before one.
func (v *verifier) ahead(number int) bool {
	const next = 5
	before, after := 0, 0
	for _, at := range v.recorded[number+1 : min(number+1+next, len(v.recorded))] {
		switch {
		case at <= 0:
		case v.recorded[number]-at > lateAfter.Microseconds():
			before++
		default:
			after++
		}
	}
	return before > after
}

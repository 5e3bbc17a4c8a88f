package policy

import (
	"context"
	"fmt"
	"time"

	"doksportal/internal/portal"
)

// shortDelay is how long requests may wait, once nothing keeps them any more,
// without anybody having to agree.
const shortDelay = 24 * time.Hour

// Delays says in plain words which requests wait for long under the new policy
// before they are carried out, and longer than under the old one: by their
// cool-off, and for a window to open. Not even break-glass makes them run
// earlier.
func Delays(ctx context.Context, old, now *Policy) []string {
	found, known := findings{}, waits{}
	sets, whole := eachKind(ctx, []*Policy{now, old}, func(op portal.OperationID, e portal.Environment, teams teamSet) {
		if op.Risk() == portal.RiskRead {
			return
		}
		if wait := known.longest(now.selected(op, e, teams.slug)); wait > max(shortDelay, known.longest(old.selected(op, e, teams.slug))) {
			found.add(fmt.Sprintf("they may wait for %s before they run", portal.RoughDuration(wait)), op, e, teams)
		}
	})
	list := found.sentences(sets > 1)
	if !whole {
		list = append(list, "The teams are too many to compare, so it cannot be shown that no request waits for long.")
	}
	return list
}

// waits are how long one may have to wait for the windows of a rule, worked out
// once.
type waits map[*rule]time.Duration

// longest is the longest that a request may wait that one of the rules lets pass.
func (w waits) longest(rules []*rule) time.Duration {
	var longest time.Duration
	for _, r := range rules {
		if denies(r) {
			continue
		}
		if _, known := w[r]; !known {
			w[r] = r.terms.CoolOff + portal.LongestWait(r.terms.Windows)
		}
		longest = max(longest, w[r])
	}
	return longest
}

package request

import (
	"time"

	"doksportal/internal/portal"
)

// setTimes says how long a request in its state waits: for a decision, or from
// when on it is carried out and until when.
func setTimes(r *portal.Request, now time.Time) error {
	terms := r.Plan.Verdict.Terms
	if r.State == portal.Pending {
		r.DueAt = now.Add(terms.WaitFor)
		return nil
	}
	start := now.Add(terms.CoolOff)
	if at := r.Params.NotBefore; at != nil && at.After(start) {
		start = *at
	}
	if r.StartsAt = portal.NextOpening(terms.Windows, start); r.StartsAt.IsZero() {
		return portal.E(portal.KindDenied, "the policy allows this only in windows that never open")
	}
	r.DueAt = r.StartsAt.Add(terms.HoldFor)
	return nil
}

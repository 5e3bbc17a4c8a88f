package request

import (
	"time"

	"doksportal/internal/portal"
)

// setTimes says how long a request in its state waits: for a decision, or from
// when on it is carried out and until when.
func setTimes(r *portal.Request, now time.Time) error {
	if r.State == portal.Pending {
		r.DueAt = now.Add(r.Plan.Verdict.WaitFor)
		return nil
	}
	return Schedule(r, now, false)
}

// Schedule sets from when on a request is carried out, and until when, by when the last
// decision on it was made. Of one that runs without approvals neither cool-off nor
// windows count, only when its requester wants it. A member of a campaign waits until
// that is over, unless it has been released. It returns KindDenied if no window
// ever opens. The executor calls it to hold a request against what is signed of it.
func Schedule(r *portal.Request, decided time.Time, breakGlass bool) error {
	terms := r.Plan.Verdict.Terms
	r.StartsAt = decided
	if !breakGlass {
		r.StartsAt = decided.Add(terms.CoolOff)
	}
	if at := r.Params.NotBefore; at != nil && at.After(r.StartsAt) {
		r.StartsAt = *at
	}
	if r.Params.Campaign != nil && r.ReleasedAt.After(r.StartsAt) {
		r.StartsAt = r.ReleasedAt
	}
	if !breakGlass {
		if r.StartsAt = portal.NextOpening(terms.Windows, r.StartsAt); r.StartsAt.IsZero() {
			return portal.E(portal.KindDenied, "the policy allows this only in windows that never open")
		}
	}
	r.DueAt = r.StartsAt.Add(terms.HoldFor)
	if !r.Released() {
		r.DueAt = r.Params.Campaign.Until
	}
	return nil
}

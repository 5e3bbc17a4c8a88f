package request

import (
	"cmp"
	"slices"
	"time"

	"doksportal/internal/portal"
)

// NeedsFreshSignIn reports whether whoever asks for an operation must just have
// signed in: because of what it can do, or because the policy wants it.
func NeedsFreshSignIn(op portal.OperationID, v portal.Verdict) bool {
	return v.FreshSignIn || slices.Contains([]portal.Risk{portal.RiskDestructive, portal.RiskDangerous, portal.RiskSecret}, op.Risk())
}

// CheckSignIn returns KindStepUp unless a has signed in within that time before
// now; zero stands for portal.FreshFor. Use cases call it last, so that nobody
// signs in again for what is refused anyway.
func CheckSignIn(a portal.Actor, now time.Time, within time.Duration) error {
	if a.Fresh(now, cmp.Or(within, portal.FreshFor)) {
		return nil
	}
	return portal.E(portal.KindStepUp, "sign in again to confirm that it is you")
}

// checkSignIn checks the sign-in of whoever submits a draft.
func (s *Service) checkSignIn(a portal.Actor, d *portal.Draft) error {
	if !NeedsFreshSignIn(d.Operation, d.Plan.Verdict) {
		return nil
	}
	return CheckSignIn(a, s.Now(), s.StepUpWithin)
}

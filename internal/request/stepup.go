package request

import (
	"slices"

	"doksportal/internal/portal"
)

// NeedsFreshSignIn reports whether whoever asks for an operation must just have
// signed in: because of what it can do, or because the policy wants it.
func NeedsFreshSignIn(op portal.OperationID, v portal.Verdict) bool {
	return v.FreshSignIn || slices.Contains([]portal.Risk{portal.RiskDestructive, portal.RiskDangerous, portal.RiskSecret}, op.Risk())
}

// checkSignIn checks the sign-in of whoever submits a draft.
func (s *Service) checkSignIn(a portal.Actor, d *portal.Draft) error {
	if !NeedsFreshSignIn(d.Operation, d.Plan.Verdict) {
		return nil
	}
	return a.CheckSignIn(s.Now(), s.StepUpWithin)
}

package request

import (
	"testing"
	"time"

	"doksportal/internal/portal"
)

// The policy can ask for a fresh sign-in where the operation by itself does not.
func TestNeedsFreshSignIn(t *testing.T) {
	t.Parallel()
	fresh := portal.Verdict{Terms: portal.Terms{FreshSignIn: true}}
	for _, op := range portal.Catalogue {
		dangerous := op.Risk == portal.RiskDestructive || op.Risk == portal.RiskDangerous || op.Risk == portal.RiskSecret
		if got := NeedsFreshSignIn(op.ID, portal.Verdict{}); got != dangerous {
			t.Errorf("%s: %v", op.ID, got)
		}
		if !NeedsFreshSignIn(op.ID, fresh) {
			t.Errorf("%s: not although the policy says so", op.ID)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &Service{Now: func() time.Time { return now }}
	d := &portal.Draft{Operation: portal.CreateNodePool}
	if err := s.checkSignIn(portal.Actor{}, d); err != nil {
		t.Error(err)
	}
	d.Plan.Verdict = fresh
	if err := s.checkSignIn(portal.Actor{SignedInAt: now.Add(-6 * time.Minute)}, d); !portal.Is(err, portal.KindStepUp) {
		t.Error(err)
	}
	if err := s.checkSignIn(portal.Actor{SignedInAt: now}, d); err != nil {
		t.Error(err)
	}
}

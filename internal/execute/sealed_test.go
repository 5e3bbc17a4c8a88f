package execute_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"doksportal/internal/execute"
	"doksportal/internal/portal"
)

// sealer notes what DigitalOcean had been asked when an intent was to be sealed.
type sealer struct {
	execute.Sealer
	b     *bundle
	fault error
	asked []int
}

func (s *sealer) Seal(ctx context.Context) error {
	s.asked = append(s.asked, s.b.sim.CallCount("create_cluster"))
	if s.fault != nil {
		return s.fault
	}
	return s.Sealer.Seal(ctx)
}

// Nothing is sent before its intent is under a checkpoint; while that cannot be, the
// request waits and says for what.
func TestNothingIsSentUnsealed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := &sealer{Sealer: b.executor.Trail, b: b, fault: errors.New("the anchor is down")}
	b.executor.Trail = s
	r := b.step(b.create("sealed", 1))
	if n := b.sim.CallCount("create_cluster"); n != 0 || r.State != portal.Approved || !strings.Contains(r.Reason, "audit trail") ||
		len(r.Attempts) != 1 || r.Attempts[0].Outcome != portal.OutcomeDeferred {
		t.Fatalf("%d calls, %s %q %+v", n, r.State, r.Reason, r.Attempts)
	}
	s.fault = nil
	if r = b.step(r); b.sim.CallCount("create_cluster") != 1 || r.State != portal.Settling {
		t.Errorf("%d calls, %s %q", b.sim.CallCount("create_cluster"), r.State, r.Reason)
	}
	if len(s.asked) != 2 || s.asked[0] != 0 || s.asked[1] != 0 {
		t.Errorf("DigitalOcean was asked before: %v", s.asked)
	}
	var n int
	b.must(b.pool.QueryRow(t.Context(), `SELECT count(*) FROM events e JOIN event_log l ON l.event_id = e.id
		WHERE e.kind = 'execution_intent' AND l.number < (SELECT max(size) FROM checkpoints)`).Scan(&n))
	if n != 2 {
		t.Errorf("%d intents are under a checkpoint, want 2", n)
	}
}

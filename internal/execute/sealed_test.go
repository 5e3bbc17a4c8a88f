package execute_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
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

func (s *sealer) SealIntent(ctx context.Context, intent *audit.Intent, judge func(audit.History) error) error {
	s.asked = append(s.asked, s.b.sim.CallCount("create_cluster"))
	if s.fault != nil {
		return s.fault
	}
	return s.Sealer.SealIntent(ctx, intent, judge)
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

// A database that swallows the intent gets nothing sent.
func TestNothingIsSentWithoutItsIntent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := dbtest.Owner(t).Exec(t.Context(), `CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET session_replication_role = replica AS $$
		BEGIN
			DELETE FROM events WHERE id = NEW.event_id AND kind = 'execution_intent';
			IF FOUND THEN DELETE FROM event_queue WHERE event_id = NEW.event_id; END IF;
			RETURN NULL;
		END $$; CREATE TRIGGER swallow AFTER INSERT ON event_queue FOR EACH ROW EXECUTE FUNCTION swallow()`)
	b.must(err)
	r := b.step(b.create("unseen", 1))
	if n := b.sim.CallCount("create_cluster"); n != 0 || r.State != portal.Approved || !strings.Contains(r.Reason, "audit trail") {
		t.Errorf("%d calls, %s %q", n, r.State, r.Reason)
	}
}

// What the database says of who asked, and who agreed, is not enough: nothing is sent
// without their own words under a checkpoint.
func TestNothingIsSentOnMadeUpWords(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"nothing": ``,
		"an approval": `WITH approved AS (UPDATE requests SET state = 'approved', starts_at = planned_at RETURNING id, digest, revision, issuer)
			INSERT INTO reviews (id, request_id, issuer, subject, reviewer_name, groups, decision, comment, digest, revision, created_at)
			SELECT gen_random_uuid(), id, issuer, 'bob', 'bob', '{pay-approvers}', 'approve', '', digest, revision, now() FROM approved`,
		"another's one": `UPDATE events SET subject = 'eve' WHERE kind = 'review_approved'`,
		"who asked":     `DELETE FROM events WHERE kind = 'request_submitted'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
			b.must(err)
			if name != "an approval" {
				b.must(b.decides(r, "bob", "pay-approvers"))
			}
			b.must(b.executor.Trail.(*audit.Trail).Seal(t.Context()))
			b.must(db.WithTx(t.Context(), dbtest.Owner(t), func(tx pgx.Tx) error {
				_, err := tx.Exec(t.Context(), `SET LOCAL session_replication_role = replica; `+change)
				return err
			}))
			r = b.step(r)
			if name == "nothing" {
				b.want(r, portal.Settling)
				return
			}
			b.want(r, portal.Approved)
			b.wantCalls("delete_cluster", 0)
		})
	}
}

package execute_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
)

// holdsBack takes the newest event of a kind out of the queue, and returns what has it
// wait again. Only the owner of the database can.
func (b *bundle) holdsBack(kind portal.EventKind) (again func()) {
	b.t.Helper()
	var id string
	owner := dbtest.Owner(b.t.(*testing.T))
	b.must(owner.QueryRow(b.t.Context(), `DELETE FROM event_queue WHERE event_id = (SELECT id FROM events WHERE kind = $1 ORDER BY id DESC LIMIT 1) RETURNING event_id::text`, kind).Scan(&id))
	return func() {
		b.t.Helper()
		_, err := owner.Exec(b.t.Context(), `INSERT INTO event_queue (event_id) VALUES ($1)`, id)
		b.must(err)
		b.seal()
	}
}

func (b *bundle) seal() {
	b.t.Helper()
	b.must(b.executor.Trail.(*audit.Trail).Seal(b.t.Context()))
}

// What was taken back stays so while the database keeps that from its number, and when
// it has given it one before that of what was taken back.
func TestWordsThatWereHeldBackSendNothing(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]func(b *bundle, r portal.Request){
		"the end": func(b *bundle, r portal.Request) {
			b.seal()
			b.must(b.requests.Stop(b.t.Context(), b.approver, r.Number, "no"))
			b.holdsBack(portal.EventStopped)
		},
		"the beginning, until after the end": func(b *bundle, r portal.Request) {
			submitted, approved := b.holdsBack(portal.EventSubmitted), b.holdsBack(portal.EventApprovedBy)
			b.must(b.requests.Stop(b.t.Context(), b.approver, r.Number, "no"))
			b.seal()
			submitted()
			approved()
		},
		"an approval, until after the end": func(b *bundle, r portal.Request) {
			approved := b.holdsBack(portal.EventApprovedBy)
			b.must(b.requests.Stop(b.t.Context(), b.approver, r.Number, "no"))
			b.seal()
			approved()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.access(portal.GetKubeconfig, portal.Production, "30")
			b.must(b.decides(r, "bob", "pay-approvers"))
			hold(b, r)
			b.exec(again, b.clock.Now().Add(time.Hour))
			if _, err := b.collect(b.member, r); err == nil {
				t.Error("what was stopped is handed out")
			}
			b.wantCalls("get_kubeconfig", 0)
		})
	}
}

// A mandate that was ended stays so when its beginning has got its number afterwards.
func TestMandateThatWasHeldBackApprovesNothing(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	mia := b.person("mia", "pay")
	d := b.delegates(b.approver, mia, week)
	made := b.holdsBack(portal.EventDelegated)
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		return audit.Append(t.Context(), tx, portal.Event{At: b.clock.Now(), Kind: portal.EventDelegationEnded, Actor: d.Delegator, Summary: "ended", Data: map[string]any{"delegation": d.ID}})
	}))
	b.seal()
	made()
	r := b.pending(portal.DeleteNode)
	b.must(b.decide(mia, r, portal.ReviewApprove))
	b.step(r)
	b.wantCalls("delete_node", 0)
}

// A create whose answer is said to have been lost has made the cluster that was found by
// its tag, and no other that the database names afterwards.
func TestLeaseOfAnotherClusterThanWasMade(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ask := createAsk("lab", 1)
	ask.Form.Set("lasts", portal.LastsDays)
	ask.Form.Set("days", "10")
	r, err := b.requests.Submit(t.Context(), b.member, ask)
	b.must(err)
	victim := b.sim.Add(dosim.Seed{Name: "victim", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	r = b.step(r)
	b.exec(`UPDATE executions SET outcome = '', intent_at = $1 WHERE request_id = $2`, b.clock.Now().Add(-3*time.Minute), r.ID)
	b.exec(`UPDATE requests SET state = 'executing' WHERE id = $1`, r.ID)
	b.want(b.step(b.read(r)), portal.Unknown)
	b.want(b.step(b.read(r)), portal.Settling)
	b.exec(`UPDATE requests SET target_id = $1, target_ids = ARRAY[$1] WHERE id = $2`, victim, r.ID)
	b.clock.advance(10 * time.Minute)
	b.want(b.step(b.read(r)), portal.Failed)

	// Neither does it when the database has it succeed.
	b.exec(`UPDATE requests SET state = 'settling' WHERE id = $1`, r.ID)
	b.sim.Tag(victim, r.RequestTag())
	b.want(b.step(b.read(r)), portal.Succeeded)
	b.policy("rules:\n  - {name: d, operations: [delete_cluster], environments: [development], allow: true}\n  - {name: rest, require: [{approvals: 1, from: [team]}]}\n")
	b.exec(`UPDATE clusters SET team_id = $1, environment = 'development', protected = false WHERE id = $2`, b.team.ID, victim)
	b.pass(11 * 24 * time.Hour)
	b.exec(`UPDATE leases SET cluster_id = $1, until = $2, told = 3, told_at = $3`, victim, b.clock.Now().Add(-time.Hour), b.clock.Now().Add(-100*time.Hour))
	b.must(b.syncer.Sync(t.Context()))
	b.person("ann", "pay")
	b.must(b.requests.EndLeases(t.Context()))
	b.cluster = victim
	if len(b.deletions()) != 1 {
		t.Fatalf("%d deletions are requested, want one that is not sent", len(b.deletions()))
	}
	b.step(b.read(b.deletions()[0]))
	b.wantCalls("delete_cluster", 0)
}

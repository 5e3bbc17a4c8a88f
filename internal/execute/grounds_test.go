package execute_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
)

// rewrites is what somebody does to the tables who can write to them, once all is
// signed that was said so far.
func (b *bundle) rewrites(sql string, args ...any) {
	b.t.Helper()
	b.must(b.executor.Trail.(*audit.Trail).Seal(b.t.Context()))
	b.must(db.WithTx(b.t.Context(), dbtest.Owner(b.t.(*testing.T)), func(tx pgx.Tx) error {
		if _, err := tx.Exec(b.t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Exec(b.t.Context(), sql, args...)
		return err
	}))
}

// again has a request run, by the tables, from now on for an hour.
const again = `UPDATE requests SET state = 'approved', starts_at = planned_at, due_at = $1`

// What was signed is taken back by what was signed later, whatever the tables say: it is
// neither sent nor sent again.
func TestWordsThatWereTakenBackSendNothing(t *testing.T) {
	t.Parallel()
	for name, takeBack := range map[string]func(*bundle, portal.Request) error{
		"stopped": func(b *bundle, r portal.Request) error {
			return b.requests.Stop(b.t.Context(), b.approver, r.Number, "no")
		},
		"withdrawn": func(b *bundle, r portal.Request) error { return b.requests.Withdraw(b.t.Context(), b.member, r.Number) },
		"out of date": func(b *bundle, r portal.Request) error {
			b.pass(40 * 24 * time.Hour)
			b.person("bob", "pay-approvers")
			return errors.Join(b.requests.Expire(b.t.Context()), b.syncer.Sync(b.t.Context()))
		},
		"approved long ago": func(b *bundle, _ portal.Request) error {
			b.pass(40 * 24 * time.Hour)
			b.person("bob", "pay-approvers")
			return b.syncer.Sync(b.t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
			b.must(err)
			b.must(b.decides(r, "bob", "pay-approvers"))
			b.must(takeBack(b, r))
			b.rewrites(again, b.clock.Now().Add(time.Hour))
			b.step(r)
			b.wantCalls("delete_cluster", 0)
		})
	}
}

// A break-glass that was stopped does not run either.
func TestBreakGlassThatWasStoppedSendsNothing(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
	b.must(err)
	ada := b.admin("ada")
	b.must(b.requests.BreakGlass(t.Context(), ada, r.Number, r.Revision, r.Digest, "fire"))
	b.must(b.requests.Stop(t.Context(), ada, r.Number, "it is out"))
	b.rewrites(again, b.clock.Now().Add(time.Hour))
	b.step(r)
	b.wantCalls("delete_cluster", 0)
}

// What was carried out is not carried out a second time, though the tables forget it.
func TestWhatWasSentIsNotSentAgain(t *testing.T) {
	t.Parallel()
	t.Run("create", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		r := b.finish(b.create("again", 1))
		b.want(r, portal.Succeeded)
		b.rewrites(`DELETE FROM executions`)
		b.rewrites(`UPDATE requests SET state = 'approved', target_id = '', target_ids = '{}', starts_at = planned_at, due_at = $1`, b.clock.Now().Add(time.Hour))
		b.step(r)
		b.wantCalls("create_cluster", 1)
	})
	t.Run("kubeconfig", func(t *testing.T) {
		t.Parallel()
		b := richSetup(t)
		r := b.access(portal.GetKubeconfig, portal.Production, "30")
		b.must(b.decides(r, "bob", "pay-approvers"))
		_, err := b.collect(b.member, r)
		b.must(err)
		b.rewrites(`DELETE FROM executions`)
		b.rewrites(again, b.clock.Now().Add(time.Hour))
		if _, err := b.collect(b.member, r); err == nil {
			t.Error("it is handed out a second time")
		}
		b.wantCalls("get_kubeconfig", 1)
	})
}

// Whose cluster it is, who asked for it and who agreed is as it was signed: what the
// tables make of it sends nothing and hands nothing out.
func TestRewrittenRequestSendsNothing(t *testing.T) {
	t.Parallel()
	for name, rewrite := range map[string]string{
		"another cluster to call":        `UPDATE requests SET target_id = $1`,
		"another cluster":                `UPDATE requests SET target_id = $1, target_ids = ARRAY[$1]`,
		"the requester":                  `UPDATE requests SET subject = 'eve', requester_name = 'eve' WHERE $1 <> ''`,
		"the summary":                    `UPDATE requests SET plan = jsonb_set(plan, '{summary}', '"Rename pool a"') WHERE $1 <> ''`,
		"for whom somebody has approved": `UPDATE reviews SET for_issuer = issuer, for_subject = 'paul', for_name = 'paul' WHERE $1 <> ''`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			other := b.sim.Add(dosim.Seed{Name: "other", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
			b.person("paul", "pay-approvers")
			b.clock.advance(time.Minute)
			b.must(b.syncer.Sync(t.Context()))
			b.exec(`UPDATE clusters SET team_id = $1, environment = 'development' WHERE id = $2`, b.team.ID, other)
			r := b.access(portal.GetKubeconfig, portal.Production, "30")
			b.must(b.decides(r, "bob", "pay-approvers"))
			d, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
			b.must(err)
			b.must(b.decides(d, "bob", "pay-approvers"))
			b.rewrites(rewrite, other)
			for _, who := range []portal.Actor{b.member, b.person("eve", "pay")} {
				if _, err := b.collect(who, r); err == nil {
					t.Errorf("%s gets the kubeconfig", who.Name)
				}
			}
			b.step(d)
			b.wantCalls("get_kubeconfig", 0)
			b.wantCalls("delete_cluster", 0)
		})
	}
}

// Nobody decides on a request whose plan is not what it was: not the requester under
// another's name, and nobody who is shown something else.
func TestNobodyDecidesOnARewrittenPlan(t *testing.T) {
	t.Parallel()
	for name, rewrite := range map[string]string{
		"the requester": `UPDATE requests SET subject = 'ann2'`,
		"their name":    `UPDATE requests SET requester_name = 'Petra Platform, CTO'`,
		"the losses":    `UPDATE requests SET plan = jsonb_set(plan, '{losses}', '[]')`,
		"the reason":    `UPDATE requests SET justification = 'a harmless rename'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
			b.must(err)
			b.rewrites(rewrite)
			b.wantKind(b.decides(r, "bob", "pay-approvers"), portal.KindConflict, "an approver")
			b.wantKind(b.requests.BreakGlass(t.Context(), b.admin("ada"), r.Number, r.Revision, r.Digest, "fire"), portal.KindConflict, "an admin")
		})
	}
}

// A lease that nobody has asked for ends nothing.
func TestMadeUpLeaseDeletesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.finish(b.create("tmp", 1))
	victim := b.sim.Add(dosim.Seed{Name: "victim", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1})
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.policy("rules:\n  - {name: d, operations: [delete_cluster], environments: [development], allow: true}\n  - {name: rest, require: [{approvals: 1, from: [team]}]}\n")
	b.rewrites(`UPDATE clusters SET team_id = $1, environment = 'development', protected = false WHERE id = $2`, b.team.ID, victim)
	b.rewrites(`INSERT INTO leases (cluster_id, until, request_id, told, told_at) VALUES ($1, $2, $3, 3, $4)`, victim, b.clock.Now().Add(-time.Hour), r.ID, b.clock.Now().Add(-100*time.Hour))
	b.person("ann", "pay")
	b.must(b.requests.EndLeases(t.Context()))
	b.cluster = victim
	if len(b.deletions()) != 1 {
		t.Fatalf("%d deletions are requested, want one that is not sent", len(b.deletions()))
	}
	b.step(b.read(b.deletions()[0]))
	b.wantCalls("delete_cluster", 0)
}

// The cool-off is counted from the approval that was signed.
func TestCoolOffIsNotSkipped(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.policy("rules:\n  - {name: d, operations: [delete_cluster], require: [{approvals: 1, from: [team]}], cool_off: 2h}\n  - {name: rest, allow: true}\n")
	r, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
	b.must(err)
	b.must(b.decides(r, "bob", "pay-approvers"))
	b.rewrites(`UPDATE requests SET starts_at = planned_at`)
	b.step(r)
	b.wantCalls("delete_cluster", 0)
}

// That something was taken back, or sent, counts also while the database does not say
// what it is about, or has it under another number.
func TestHiddenWordsSendNothing(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]string{
		"of another request": `UPDATE events SET request_id = NULL WHERE kind = 'request_stopped'`,
		"of another kind":    `UPDATE events SET kind = 'request_commented' WHERE kind = 'request_stopped'`,
		"gone":               `DELETE FROM events WHERE kind = 'request_stopped'`,
		"with its beginning": `UPDATE events SET request_id = NULL WHERE kind IN ('request_stopped', 'request_submitted')`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.access(portal.GetKubeconfig, portal.Production, "30")
			b.must(b.decides(r, "bob", "pay-approvers"))
			b.must(b.requests.Stop(t.Context(), b.approver, r.Number, "no"))
			b.rewrites(hide)
			b.rewrites(again, b.clock.Now().Add(time.Hour))
			if _, err := b.collect(b.member, r); err == nil {
				t.Error("it is handed out")
			}
			b.wantCalls("get_kubeconfig", 0)
		})
	}
}

// A lease ends by the word of who asked for that one: neither by what else they asked
// for, nor by a lease that was extended since, nor before its time.
func TestAnotherLeaseDeletesNothing(t *testing.T) {
	t.Parallel()
	const over = `UPDATE leases SET until = $1, told = 3, told_at = $2`
	for name, rewrite := range map[string]func(*bundle, portal.Request){
		"before its time": func(*bundle, portal.Request) {},
		"by another request": func(b *bundle, _ portal.Request) {
			other := b.access(portal.GetKubeconfig, portal.Development, "30")
			_, err := b.collect(b.member, other)
			b.must(err)
			b.rewrites(`UPDATE leases SET request_id = $1`, other.ID)
			b.pass(11 * 24 * time.Hour)
		},
		"by the one before": func(b *bundle, first portal.Request) {
			e, err := b.requests.Submit(b.t.Context(), b.member, b.extendAsk("lasts", portal.LastsDays, "days", "100"))
			b.must(err)
			b.want(b.step(e), portal.Succeeded)
			b.rewrites(`UPDATE leases SET request_id = $1`, first.ID)
			b.pass(11 * 24 * time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			first := b.leased()
			b.policy("rules:\n  - {name: d, operations: [delete_cluster, get_kubeconfig, extend_lease], environments: [development], allow: true}\n  - {name: rest, require: [{approvals: 1, from: [team]}]}\n")
			rewrite(b, first)
			b.rewrites(over, b.clock.Now().Add(-time.Hour), b.clock.Now().Add(-100*time.Hour))
			b.must(b.syncer.Sync(t.Context()))
			b.person("ann", "pay")
			b.must(b.requests.EndLeases(t.Context()))
			if len(b.deletions()) != 1 {
				t.Fatalf("%d deletions are requested, want one that is not sent", len(b.deletions()))
			}
			b.step(b.read(b.deletions()[0]))
			b.wantCalls("delete_cluster", 0)
		})
	}
}

// A stand-in whom nobody has named, or who no longer stood in, has approved nothing.
func TestMadeUpStandInApprovesNothing(t *testing.T) {
	t.Parallel()
	for name, standIn := range map[string]func(*bundle, portal.Actor){
		"never named": func(b *bundle, mia portal.Actor) {
			b.rewrites(`INSERT INTO delegations (id, issuer, subject, name, stand_in_issuer, stand_in_subject, stand_in_name, starts_at, until, reason)
				VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8, '')`, b.approver.Issuer, b.approver.Subject, b.approver.Name,
				mia.Issuer, mia.Subject, mia.Name, b.clock.Now(), b.clock.Now().Add(week))
		},
		"ended": func(b *bundle, mia portal.Actor) {
			d := b.delegates(b.approver, mia, week)
			b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error {
				return audit.Append(b.t.Context(), tx, portal.Event{At: b.clock.Now(), Kind: portal.EventDelegationEnded, Actor: d.Delegator, Summary: "ended", Data: map[string]any{"delegation": d.ID}})
			}))
		},
		"for another": func(b *bundle, mia portal.Actor) {
			d := b.delegates(b.person("bea", "pay-approvers"), mia, week)
			b.rewrites(`UPDATE delegations SET issuer = $1, subject = $2, name = $3 WHERE id = $4`, b.approver.Issuer, b.approver.Subject, b.approver.Name, d.ID)
		},
		"for longer": func(b *bundle, mia portal.Actor) {
			d := b.delegates(b.approver, mia, time.Minute)
			b.rewrites(`UPDATE delegations SET until = until + interval '1 day' WHERE id = $1`, d.ID)
			b.clock.advance(2 * time.Minute)
			b.must(b.syncer.Sync(b.t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			mia := b.person("mia", "pay")
			standIn(b, mia)
			r := b.pending(portal.DeleteNode)
			b.must(b.decide(mia, r, portal.ReviewApprove))
			b.step(r)
			b.wantCalls("delete_node", 0)
		})
	}
}

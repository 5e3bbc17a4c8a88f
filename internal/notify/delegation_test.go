package notify_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// delegates has somebody stand in for a day, and tells of it.
func (b *bundle) delegates(delegator, standIn portal.Actor) portal.Delegation {
	b.t.Helper()
	d := portal.Delegation{ID: uuid.Must(uuid.NewV7()).String(), Delegator: delegator.Person(), StandIn: standIn.Person(),
		StartsAt: b.clock.Now(), Until: b.clock.Now().Add(24 * time.Hour)}
	b.tx(func(tx pgx.Tx) error { return store.InsertDelegation(b.t.Context(), tx, d) })
	b.tellOf(d, portal.EventDelegated, delegator)
	return d
}

func (b *bundle) tellOf(d portal.Delegation, kind portal.EventKind, a portal.Actor) {
	b.t.Helper()
	b.tx(func(tx pgx.Tx) error {
		return notify.Queue(b.t.Context(), tx, notify.Notification{Kind: kind, DelegationID: d.ID, Actor: a.Person(), Summary: "a stand-in", At: b.clock.Now()})
	})
}

// A delegation is told to both people and the admins, but for who made or ended
// it.
func TestDelegationsAreTold(t *testing.T) {
	b := setup(t)
	bob, mia, ada := b.person("bob", "pay-approvers"), b.person("mia", "pay"), b.person("ada", "admins")
	b.person("otto", "pay", "pay-approvers")
	d := b.delegates(bob, mia)
	b.round()
	if got := b.post.to(); got != "ada mia" {
		t.Errorf("told that it was made: %s", got)
	}
	b.tellOf(d, portal.EventDelegationEnded, ada)
	b.round()
	if got := b.post.to(); got != "bob mia" {
		t.Errorf("told that it was ended: %s", got)
	}
}

// A stand-in is asked for a decision where the delegator is, and where they may
// decide for them.
func TestStandInsAreAsked(t *testing.T) {
	b := setup(t)
	b.member = b.person("ann", "pay", "platform")
	bob, mia, eve := b.person("bob", "pay-approvers"), b.person("mia", "pay"), b.person("eve", "pay-approvers")
	b.delegates(bob, mia)
	b.delegates(b.member, b.person("max", "pay"))                     // whose own request it is
	b.delegates(b.person("pia", "platform"), b.person("sam", "find")) // who does not see it
	b.round()
	b.post.to()
	needs := portal.ApprovalRule{Count: 2, Groups: []string{"pay-approvers", "platform"}}
	r := b.ask(needs)
	b.round()
	if got := b.post.to(); got != "bob eve pia" {
		t.Errorf("without stand-ins: %s", got)
	}
	_, err := b.pool.Exec(t.Context(), `UPDATE requests SET plan = jsonb_set(plan, '{verdict,stand_in}', '86400000000000')`)
	b.must(err)
	b.tell(r, portal.EventReminded, eve)
	b.round()
	if got := b.post.to(); got != "bob mia pia" {
		t.Errorf("with stand-ins: %s", got)
	}
	r.Plan.Verdict.StandIn = 24 * time.Hour
	b.approve(r, bob)
	b.round()
	b.post.to()
	b.tell(r, portal.EventReminded, b.member)
	b.round()
	if got := b.post.to(); got != "eve pia" {
		t.Errorf("after the delegator has decided: %s", got)
	}
}

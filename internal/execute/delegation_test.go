package execute_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// delegates has somebody stand in for a delegator for a time from now on, which is on the
// trail, whatever the use case would say.
func (b *bundle) delegates(delegator, standIn portal.Actor, length time.Duration) portal.Delegation {
	b.t.Helper()
	d := portal.Delegation{ID: uuid.Must(uuid.NewV7()).String(), Delegator: delegator.Person(), StandIn: standIn.Person(),
		StartsAt: b.clock.Now(), Until: b.clock.Now().Add(length)}
	b.must(db.WithTx(context.Background(), b.pool, func(tx pgx.Tx) error {
		if err := store.InsertDelegation(context.Background(), tx, d); err != nil {
			return err
		}
		return audit.Append(context.Background(), tx, portal.Event{At: b.clock.Now(), Kind: portal.EventDelegated, Actor: d.Delegator, Summary: "named",
			Data: map[string]any{"delegation": d.ID, "stand_in": d.StandIn, "until": d.Until}})
	}))
	return d
}

func (b *bundle) ends(d portal.Delegation) {
	b.t.Helper()
	d.EndedAt, d.EndedBy = b.clock.Now(), d.Delegator
	b.must(db.WithTx(context.Background(), b.pool, func(tx pgx.Tx) error { return store.EndDelegation(context.Background(), tx, d) }))
}

// decide has somebody who is what they are decide on a request.
func (b *bundle) decide(a portal.Actor, r portal.Request, decision portal.ReviewDecision) error {
	b.t.Helper()
	return b.requests.Review(context.Background(), b.signedIn(a), request.ReviewInput{Number: r.Number, Decision: decision, Comment: "because", Revision: r.Revision, Digest: r.Digest})
}

const week = 7 * 24 * time.Hour

// A stand-in's approval is the delegator's, is recorded so, and has the request
// run while both are confirmed.
func TestStandInApproves(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	mia := b.person("mia", "pay")
	b.delegates(b.approver, mia, week)
	r := b.pending(portal.DeleteNode)
	b.wantInbox(mia, 1, 0, 0)
	b.wantInbox(b.approver, 1, 0, 0)
	b.must(b.decide(mia, r, portal.ReviewApprove))
	b.wantInbox(mia, 0, 0, 0)
	b.wantInbox(b.approver, 0, 0, 0)
	r = b.read(r)
	b.want(r, portal.Approved)
	if v := r.Reviews[0]; v.Reviewer.Subject != "mia" || v.For != b.approver.Person() || len(v.Groups) != 1 || v.Groups[0] != "pay-approvers" {
		t.Errorf("recorded: %+v", v)
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'review_approved' AND subject = 'mia' AND data->'for'->>'Subject' = 'bob' AND summary LIKE 'mia, standing in for bob, approved %'`); n != 1 {
		t.Error("the trail does not say for whom")
	}
	b.want(b.step(r), portal.Settling)
	b.wantCalls("delete_node", 1)
	if n := b.count(`SELECT json_array_length(data->'approvers') FROM events WHERE kind = 'execution_intent'`); n != 2 {
		t.Errorf("the intent names %d people", n)
	}
}

// Nobody has a stand-in decide on what they or the stand-in ask for.
func TestStandInsAndOwnRequests(t *testing.T) {
	t.Parallel()
	for _, decision := range []portal.ReviewDecision{portal.ReviewApprove, portal.ReviewReject, portal.ReviewChanges} {
		t.Run(string(decision), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			mia := b.person("mia", "pay")
			b.member = b.person("ann", "pay", "pay-approvers") // asks and could approve
			b.delegates(b.member, mia, week)
			b.delegates(b.approver, b.member, week)
			r := b.pending(portal.DeleteNode)
			b.wantInbox(mia, 0, 0, 0)
			b.wantInbox(b.member, 0, 0, 0)
			for _, who := range []portal.Actor{mia, b.member} {
				if err := b.decide(who, r, decision); !portal.Is(err, portal.KindForbidden) {
					t.Errorf("%s decides: %v", who.Name, err)
				}
			}
			b.want(b.read(r), portal.Pending)
		})
	}
}

// What takes two people is never met by a stand-in and whom they stand in for.
func TestPairIsNotTwo(t *testing.T) {
	t.Parallel()
	tests := map[string]func(b *bundle, r portal.Request, both, mia portal.Actor) error{
		"the delegator afterwards": func(b *bundle, r portal.Request, both, mia portal.Actor) error {
			b.must(b.decide(mia, r, portal.ReviewApprove))
			return b.decide(both, r, portal.ReviewApprove)
		},
		"the stand-in afterwards": func(b *bundle, r portal.Request, both, mia portal.Actor) error {
			b.must(b.decide(both, r, portal.ReviewApprove))
			return b.decide(mia, r, portal.ReviewApprove)
		},
		"the stand-in twice": func(b *bundle, r portal.Request, _, mia portal.Actor) error {
			b.must(b.decide(mia, r, portal.ReviewApprove))
			return b.decide(mia, r, portal.ReviewApprove)
		},
		"the stand-in for two": func(b *bundle, r portal.Request, _, mia portal.Actor) error {
			b.delegates(b.person("pia", "platform"), mia, week)
			b.must(b.decide(mia, r, portal.ReviewApprove))
			return b.decide(mia, r, portal.ReviewApprove)
		},
		"another stand-in": func(b *bundle, r portal.Request, both, mia portal.Actor) error {
			b.must(b.decide(mia, r, portal.ReviewApprove))
			_, err := b.pool.Exec(context.Background(), `UPDATE delegations SET ended_at = now()`)
			b.must(err)
			max := b.person("max", "pay")
			b.delegates(both, max, week)
			return b.decide(max, r, portal.ReviewApprove)
		},
		"the stand-in by groups of their own": func(b *bundle, r portal.Request, _, mia portal.Actor) error {
			b.must(b.decide(mia, r, portal.ReviewApprove))
			return b.decide(b.person("mia", "pay", "platform"), r, portal.ReviewApprove)
		},
	}
	for name, second := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			b.allowStandIns()
			both, mia := b.person("bea", "pay-approvers", "platform"), b.person("mia", "pay")
			b.delegates(both, mia, week)
			r := b.pending(portal.DeleteClusterDangerous)
			if err := second(b, r, both, mia); err == nil {
				t.Error("both decided")
			}
			b.want(b.read(r), portal.Pending)
			if n := len(b.read(r).Approvals()); n != 1 {
				t.Errorf("%d approvals", n)
			}
		})
	}
}

// allowStandIns puts a policy in force that lets stand-ins decide on what is
// dangerous.
func (b *bundle) allowStandIns() {
	b.t.Helper()
	b.policy(`rules:
  - {name: all, stand_in: 14d, require: [{approvals: 1, from: [team]}, {approvals: 1, from: [platform]}]}
`)
}

// A stand-in decides only for as long, and on what, the policy allows, and while
// they stand in.
func TestStandInsAreBounded(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		op     portal.OperationID
		length time.Duration
		before func(b *bundle, d portal.Delegation)
		want   portal.Kind
	}{
		"as long as the policy allows": {portal.DeleteNode, 2 * week, nil, 0},
		"for longer":                   {portal.DeleteNode, 2*week + time.Second, nil, portal.KindForbidden},
		"what is dangerous":            {portal.DeleteClusterDangerous, time.Hour, nil, portal.KindForbidden},
		"ended":                        {portal.DeleteNode, week, func(b *bundle, d portal.Delegation) { b.ends(d) }, portal.KindForbidden},
		"over": {portal.DeleteNode, time.Hour, func(b *bundle, _ portal.Delegation) {
			b.clock.advance(time.Hour)
			b.person("bob", "pay-approvers")
			b.person("mia", "pay")
		}, portal.KindForbidden},
		"the delegator left": {portal.DeleteNode, week, func(b *bundle, _ portal.Delegation) { b.person("bob", "pay") }, portal.KindForbidden},
		"nobody confirms the delegator": {portal.DeleteNode, week, func(b *bundle, _ portal.Delegation) {
			b.clock.advance(portal.GroupsFor + time.Second)
		}, portal.KindConflict},
		"the stand-in left": {portal.DeleteNode, week, func(b *bundle, _ portal.Delegation) { b.person("mia", "search") }, portal.KindNotFound},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			d := b.delegates(b.approver, b.person("mia", "pay"), tt.length)
			r := b.pending(tt.op)
			if tt.before != nil {
				tt.before(b, d)
			}
			mia := b.known("mia")
			if err := b.decide(mia, r, portal.ReviewApprove); portal.KindOf(err) != tt.want || (err == nil) != (tt.want == 0) {
				t.Errorf("they decide: %v", err)
			}
			if tt.want != portal.KindConflict { // what nobody confirms now may be confirmed later
				b.wantInbox(mia, 0, 0, 0)
			}
		})
	}
}

// known is somebody with the groups that the portal knows of.
func (b *bundle) known(subject string) portal.Actor {
	b.t.Helper()
	p, err := store.PersonByIdentity(context.Background(), b.pool, portal.Identity{Issuer: b.issuer, Subject: subject}, b.clock.Now())
	b.must(err)
	return portal.Actor{Identity: p.Identity, Name: p.Name, Groups: p.Groups, SignedInAt: b.clock.Now()}
}

// What was approved as a stand-in runs while the delegator is in the group and
// the stand-in may see it, whether or not they still stand in.
func TestStandInsAreJudgedAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		after func(b *bundle, d portal.Delegation)
		want  portal.State
	}{
		"nothing":                         {func(*bundle, portal.Delegation) {}, portal.Settling},
		"the delegation was ended":        {func(b *bundle, d portal.Delegation) { b.ends(d) }, portal.Settling},
		"the delegator left":              {func(b *bundle, _ portal.Delegation) { b.person("bob", "pay") }, portal.Stale},
		"the delegator was dismissed":     {func(b *bundle, _ portal.Delegation) { b.person("bob") }, portal.Stale},
		"the stand-in was dismissed":      {func(b *bundle, _ portal.Delegation) { b.person("mia") }, portal.Stale},
		"the stand-in has another team":   {func(b *bundle, _ portal.Delegation) { b.person("mia", "search") }, portal.Stale},
		"the stand-in is an approver now": {func(b *bundle, _ portal.Delegation) { b.person("mia", "pay-approvers"); b.person("bob") }, portal.Stale},
		"nobody confirms the delegator":   {func(b *bundle, _ portal.Delegation) { b.later("ann", "pay", "mia", "pay") }, portal.Approved},
		"nobody confirms the stand-in":    {func(b *bundle, _ portal.Delegation) { b.later("ann", "pay", "bob", "pay-approvers") }, portal.Approved},
		"both are confirmed again":        {func(b *bundle, _ portal.Delegation) { b.later("ann", "pay", "bob", "pay-approvers", "mia", "pay") }, portal.Settling},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			mia := b.person("mia", "pay")
			d := b.delegates(b.approver, mia, week)
			r := b.pending(portal.DeleteNode)
			b.must(b.decide(mia, r, portal.ReviewApprove))
			tt.after(b, d)
			b.want(b.step(r), tt.want)
			if tt.want != portal.Settling {
				b.wantCalls("delete_node", 0)
			}
		})
	}
}

// later lets time pass after which the provider has confirmed some people, each
// with their group.
func (b *bundle) later(people ...string) {
	b.t.Helper()
	b.clock.advance(portal.GroupsFor + time.Second)
	for i := 0; i+1 < len(people); i += 2 {
		b.person(people[i], people[i+1])
	}
}

// Nobody sees more by standing in for somebody.
func TestStandInsSeeNoMore(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	sam, pia := b.person("sam", "search"), b.person("pia", "platform")
	b.delegates(pia, sam, week)
	r := b.pending(portal.DeleteNode)
	b.wantInbox(sam, 0, 0, 0)
	if err := b.decide(sam, r, portal.ReviewApprove); !portal.Is(err, portal.KindNotFound) {
		t.Errorf("they decide: %v", err)
	}
	if err := b.requests.ReviewBreakGlass(t.Context(), sam, r.Number, r.Digest, "x"); !portal.Is(err, portal.KindNotFound) {
		t.Errorf("they review: %v", err)
	}
}

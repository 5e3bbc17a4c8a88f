package execute_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// admin is somebody who administers the portal.
func (b *bundle) admin(subject string) portal.Actor {
	b.t.Helper()
	a := b.person(subject, "admins")
	a.Roles = []portal.Role{portal.RoleAdmin}
	return a
}

// reviews has somebody with these groups decide.
func (b *bundle) reviews(r portal.Request, d portal.ReviewDecision, comment, subject string, groups ...string) error {
	b.t.Helper()
	return b.requests.Review(b.t.Context(), b.person(subject, groups...), request.ReviewInput{
		Number: r.Number, Decision: d, Comment: comment, Revision: r.Revision, Digest: r.Digest})
}

// replan has the member plan a request again as it was asked for.
func (b *bundle) replan(r portal.Request) portal.Request {
	b.t.Helper()
	r = b.read(r)
	_, err := b.requests.Revise(b.t.Context(), b.person("ann", "pay"), r.Number, r.Revision, nil)
	b.must(err)
	return b.read(r)
}

func (b *bundle) wantKind(err error, kind portal.Kind, what string) {
	b.t.Helper()
	if err == nil || portal.KindOf(err) != kind {
		b.t.Errorf("%s: %v, want kind %v", what, err, kind)
	}
}

// The whole life of a dangerous deletion: one approval, the target changes, it
// is planned again, two approvals, the cool-off, and one call.
func TestLifeOfADangerousDelete(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.pending(portal.DeleteClusterDangerous)
	b.must(b.reviews(r, portal.ReviewApprove, "", "bob", "pay-approvers"))
	b.sim.Resize(b.cluster, 3)
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.must(b.requests.Freshen(t.Context()))
	r = b.read(r)
	b.want(r, portal.Stale)
	if want := "pool fixed was 2 × s-2vcpu-4gb and is 3 × s-2vcpu-4gb"; !strings.Contains(r.Reason, want) {
		t.Errorf("reason %q does not say %q", r.Reason, want)
	}
	b.wantNoReservation(r)

	first := r.Digest
	r = b.replan(r)
	b.want(r, portal.Pending)
	if r.Revision != 2 || r.Digest == first || len(r.Reviews) != 1 || len(r.Approvals()) != 0 {
		t.Fatalf("revision %d, same digest %v, %d reviews of which %d count", r.Revision, r.Digest == first, len(r.Reviews), len(r.Approvals()))
	}
	err := b.requests.Review(t.Context(), b.approver, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: first})
	b.wantKind(err, portal.KindConflict, "an approval of the plan before")
	err = b.requests.Review(t.Context(), b.approver, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: 1, Digest: r.Digest})
	b.wantKind(err, portal.KindConflict, "an approval given on the page of the revision before")
	b.must(b.reviews(r, portal.ReviewApprove, "", "bob", "pay-approvers"))
	b.want(b.read(r), portal.Pending)
	b.must(b.reviews(r, portal.ReviewApprove, "", "pia", "platform"))
	r = b.read(r)
	b.want(r, portal.Approved)
	if wait := r.StartsAt.Sub(b.clock.Now()); wait != 15*time.Minute {
		t.Errorf("it can be stopped for %s, want 15m", wait)
	}
	b.want(b.step(r), portal.Approved)
	b.clock.advance(15*time.Minute - time.Second)
	b.want(b.step(b.again(r)), portal.Approved)
	b.wantCalls("delete_cluster_dangerous", 0)
	b.clock.advance(time.Second)
	b.want(b.finish(b.again(r)), portal.Succeeded)
	b.wantCalls("delete_cluster_dangerous", 1)
	revisions, err := store.Revisions(t.Context(), b.pool, r.ID)
	b.must(err)
	if len(revisions) != 1 || revisions[0].Digest != first {
		t.Errorf("earlier plans: %+v", revisions)
	}
}

// What is stopped or withdrawn in its cool-off is never sent.
func TestCoolOffCanBeStopped(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		stop func(b *bundle, r portal.Request) error
		want portal.State
	}{
		"by an approver": {func(b *bundle, r portal.Request) error {
			return b.requests.Stop(b.t.Context(), b.person("eve", "pay-approvers"), r.Number, "wait for the audit")
		}, portal.Rejected},
		"by an admin": {func(b *bundle, r portal.Request) error {
			return b.requests.Stop(b.t.Context(), b.admin("ada"), r.Number, "wait")
		}, portal.Rejected},
		"by its requester": {func(b *bundle, r portal.Request) error {
			return b.requests.Withdraw(b.t.Context(), b.member, r.Number)
		}, portal.Withdrawn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.inCoolOff()
			b.wantKind(b.requests.Stop(t.Context(), b.person("mia", "pay"), r.Number, "no"), portal.KindForbidden, "a member stops it")
			b.wantKind(b.requests.Stop(t.Context(), b.member, r.Number, "no"), portal.KindForbidden, "its requester stops it")
			b.wantKind(b.requests.Stop(t.Context(), b.approver, r.Number, " "), portal.KindInvalid, "without a reason")
			b.must(tt.stop(b, r))
			b.want(b.read(r), tt.want)
			b.cooledOff(r)
			b.want(b.step(r), tt.want)
			b.wantCalls("delete_cluster_dangerous", 0)
			b.wantNoReservation(r)
		})
	}
}

// inCoolOff is a dangerous deletion that has its approvals.
func (b *bundle) inCoolOff() portal.Request {
	b.t.Helper()
	r := b.pending(portal.DeleteClusterDangerous)
	b.must(b.reviews(r, portal.ReviewApprove, "", "bob", "pay-approvers"))
	b.must(b.reviews(r, portal.ReviewApprove, "", "pia", "platform"))
	r = b.read(r)
	b.want(r, portal.Approved)
	return r
}

// A request is carried out when its requester wants it, in their own zone.
func TestSchedule(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	ask := cases[portal.CreateNodePool].ask(b)
	ask.Form.Set("start_at", "2026-01-02T22:00")
	ask.Form.Set("zone", "Europe/Berlin")
	r, err := b.requests.Submit(t.Context(), b.member, ask)
	b.must(err)
	if want := time.Date(2026, 1, 2, 21, 0, 0, 0, time.UTC); !r.StartsAt.Equal(want) {
		t.Fatalf("it starts at %s, want %s", r.StartsAt, want)
	}
	b.want(b.step(r), portal.Approved)
	b.clock.advance(r.StartsAt.Sub(b.clock.Now()) - time.Second)
	b.want(b.step(b.again(r)), portal.Approved)
	b.wantCalls("create_node_pool", 0)
	b.clock.advance(time.Second)
	b.want(b.step(b.again(r)), portal.Settling)
}

func TestScheduleFaults(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	for typed, want := range map[string]string{
		"tonight": "like 2026-03-01T22:00", "2025-01-01T00:00": "has passed", "2026-03-01T00:00": "within the next 30 days"} {
		ask := cases[portal.CreateNodePool].ask(b)
		ask.Form.Set("start_at", typed)
		_, err := b.requests.Submit(t.Context(), b.member, ask)
		faults := portal.FieldErrorsOf(err)
		if len(faults) != 1 || faults[0].Field != "start_at" || !strings.Contains(faults[0].Message, want) {
			t.Errorf("%s: %v, want one at start_at that says %q", typed, err, want)
		}
	}
	ask := cases[portal.CreateNodePool].ask(b)
	ask.Form.Set("start_at", "2026-01-02T22:00")
	ask.Form.Set("zone", "Moon/Tranquility")
	if _, err := b.requests.Submit(t.Context(), b.member, ask); len(portal.FieldErrorsOf(err)) != 1 {
		t.Errorf("in a zone that nobody knows: %v", err)
	}
}

// Changes that are asked for take the request out of the queue, until its
// requester has asked for something else, which needs approvals of its own.
func TestChangesAreAskedFor(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.must(b.environment(portal.Production))
	r, err := b.requests.Submit(t.Context(), b.member, cases[portal.CreateNodePool].ask(b))
	b.must(err)
	b.want(r, portal.Pending)
	b.wantKind(b.reviews(r, portal.ReviewChanges, "", "bob", "pay-approvers"), portal.KindInvalid, "without saying what")
	b.must(b.reviews(r, portal.ReviewChanges, "one is enough", "bob", "pay-approvers"))
	r = b.read(r)
	b.want(r, portal.Stale)
	if r.Reason != "bob requested changes: one is enough" {
		t.Errorf("reason %q", r.Reason)
	}
	b.wantNoReservation(r)
	b.wantKind(b.reviews(r, portal.ReviewApprove, "", "eve", "pay-approvers"), portal.KindConflict, "somebody else approves it as it is")

	d, err := b.requests.PlanRevision(t.Context(), b.member, r.Number, nil)
	b.must(err)
	if len(d.Errors) > 0 || d.Form.Get("justification") != "a test" || d.Form.Get("name") != r.Params.CreatePool.Name {
		t.Fatalf("the form is opened with %v (%v)", d.Form, d.Errors)
	}
	d.Form.Set("count", "1")
	_, err = b.requests.Revise(t.Context(), b.approver, r.Number, 1, d.Form)
	b.wantKind(err, portal.KindForbidden, "an approver changes it")
	revised, err := b.requests.Revise(t.Context(), b.member, r.Number, 1, d.Form)
	b.must(err)
	b.want(revised, portal.Pending)
	if got := revised.Params.CreatePool.Count; got != 1 || revised.Revision != 2 {
		t.Errorf("revision %d asks for %d nodes", revised.Revision, got)
	}
	if again, err := b.requests.Revise(t.Context(), b.member, r.Number, 1, d.Form); err != nil || again.Revision != 2 {
		t.Errorf("a second click: revision %d, %v", again.Revision, err)
	}
	d.Form.Set("submit_key", uuid.NewString())
	_, err = b.requests.Revise(t.Context(), b.member, r.Number, 1, d.Form)
	b.wantKind(err, portal.KindConflict, "another tab that was opened before")
	b.must(b.reviews(revised, portal.ReviewApprove, "", "bob", "pay-approvers"))
	b.want(b.finish(b.read(r)), portal.Succeeded)
}

// environment sets the one of the bundle's cluster.
func (b *bundle) environment(e portal.Environment) error {
	return db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		return store.AssignCluster(b.t.Context(), tx, b.cluster, b.team.ID, e)
	})
}

func (b *bundle) protect(protected bool) {
	b.t.Helper()
	b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := store.Protect(b.t.Context(), tx, b.cluster, protected)
		return err
	}))
}

// A protected cluster is deleted by no request, whenever it was protected.
func TestProtection(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.DeleteCluster, portal.DeleteClusterSelective, portal.DeleteClusterDangerous} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			pending := b.pending(op)
			b.must(b.requests.Withdraw(t.Context(), b.member, pending.Number))
			b.protect(true)
			_, err := b.requests.Submit(t.Context(), b.member, cases[op].ask(b))
			b.wantKind(err, portal.KindDenied, "it is asked for")
			b.protect(false)
			approved := b.approved(cases[op])
			b.protect(true)
			approved = b.step(approved)
			b.want(approved, portal.Stale)
			if !strings.Contains(approved.Reason, "protected") {
				t.Errorf("reason %q", approved.Reason)
			}
			_, err = b.requests.Revise(t.Context(), b.member, approved.Number, 1, nil)
			b.wantKind(err, portal.KindDenied, "it is planned again")
			b.wantCalls(string(op), 0)
			b.protect(false)
			r := b.replan(approved)
			b.want(r, portal.Pending)
			b.protect(true)
			b.wantKind(b.reviews(r, portal.ReviewApprove, "", "pia", "platform"), portal.KindConflict, "it is approved")
			b.want(b.read(r), portal.Stale)
		})
	}
}

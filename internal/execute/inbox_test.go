package execute_test

import (
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// wantInbox holds what waits for somebody against the lists and the count.
func (b *bundle) wantInbox(a portal.Actor, decide, review, act int) {
	b.t.Helper()
	lists := make([]int, 3)
	for i, list := range []func() ([]portal.Request, error){
		func() ([]portal.Request, error) { return store.ToDecide(b.t.Context(), b.pool, a, b.clock.Now(), 10) },
		func() ([]portal.Request, error) { return store.ToReview(b.t.Context(), b.pool, a, 10) },
		func() ([]portal.Request, error) { return store.ToAct(b.t.Context(), b.pool, a, 10) },
	} {
		requests, err := list()
		b.must(err)
		lists[i] = len(requests)
	}
	around, err := store.ReadAround(b.t.Context(), b.pool, a, b.clock.Now(), 10)
	b.must(err)
	n := around.Waiting
	if lists[0] != decide || lists[1] != review || lists[2] != act || n != decide+review+act {
		b.t.Errorf("for %s wait %v, counted %d; want %d to decide, %d to review, %d to act on", a.Name, lists, n, decide, review, act)
	}
}

// The inbox has what somebody can do something about, and nothing else.
func TestInbox(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	ada, pia, eve := b.admin("ada"), b.person("pia", "platform"), b.person("eve", "pay-approvers")
	r := b.pending(portal.DeleteClusterDangerous)
	b.wantInbox(b.approver, 1, 0, 0)
	b.wantInbox(pia, 1, 0, 0)
	b.wantInbox(b.member, 0, 0, 0)
	b.wantInbox(ada, 0, 0, 0)
	b.wantInbox(b.person("sam", "search-approvers"), 0, 0, 0)
	own := b.member
	own.Groups = []string{"pay", "pay-approvers"}
	b.wantInbox(own, 0, 0, 0)

	b.must(b.reviews(r, portal.ReviewApprove, "", "bob", "pay-approvers"))
	b.wantInbox(b.approver, 0, 0, 0)
	b.wantInbox(eve, 1, 0, 0)
	b.must(b.reviews(r, portal.ReviewChanges, "later", "pia", "platform"))
	b.wantInbox(eve, 0, 0, 0)
	b.wantInbox(b.member, 0, 0, 1)
	r = b.replan(r)
	b.wantInbox(b.member, 0, 0, 0)
	b.wantInbox(b.approver, 1, 0, 0)

	b.must(b.requests.BreakGlass(t.Context(), ada, r.Number, 2, r.Digest, "fire"))
	b.wantInbox(ada, 0, 0, 0)
	b.wantInbox(b.approver, 0, 1, 0)
	b.wantInbox(b.admin("ben"), 0, 1, 0)
	b.must(b.requests.ReviewBreakGlass(t.Context(), eve, r.Number, r.Digest, "it was"))
	b.wantInbox(b.approver, 0, 0, 0)

	access, err := b.requests.Submit(t.Context(), b.member, on(portal.GetKubeconfig, "minutes", "60")(b))
	b.must(err)
	b.want(access, portal.Approved)
	b.wantInbox(b.member, 0, 0, 1)
}

// That nobody could approve a request is said before it is made, by whom the
// portal has seen lately.
func TestNobodyCouldApprove(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		people func(b *bundle)
		want   string
	}{
		"there are two":              {func(b *bundle) { b.person("pia", "platform") }, ""},
		"one of the two is missing":  {func(*bundle) {}, "1 approval from platform"},
		"one is in both":             {func(b *bundle) { b.person("bob", "pay-approvers", "platform") }, "1 approval from platform"},
		"the other is the requester": {func(b *bundle) { b.person("ann", "pay", "platform") }, "1 approval from platform"},
		"one has not come for a month": {func(b *bundle) {
			b.person("pia", "platform")
			b.clock.advance(31 * 24 * time.Hour)
			b.person("bob", "pay-approvers")
		}, "1 approval from platform"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			tt.people(b)
			d, err := b.requests.Plan(t.Context(), b.member, cases[portal.DeleteClusterDangerous].ask(b))
			b.must(err)
			if got := d.Plan.Concern; (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("concern %q, want %q in it", got, tt.want)
			}
		})
	}
}

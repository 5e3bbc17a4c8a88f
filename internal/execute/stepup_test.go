package execute_test

import (
	"context"
	"testing"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/request"
)

// old is somebody whose sign-in is not fresh, for each reason that there is.
func (b *bundle) old(a portal.Actor) map[string]portal.Actor {
	old, unknown, ahead := a, a, a
	old.SignedInAt = b.clock.Now().Add(-portal.FreshFor - time.Second)
	unknown.SignedInAt = time.Time{}
	ahead.SignedInAt = b.clock.Now().Add(2 * time.Minute)
	return map[string]portal.Actor{"old": old, "not known": unknown, "in the future": ahead}
}

func (b *bundle) count(sql string, args ...any) int {
	b.t.Helper()
	var n int
	b.must(b.pool.QueryRow(b.t.Context(), sql, args...).Scan(&n))
	return n
}

// What destroys or gives access is asked for by people who have just signed in;
// the form that was refused until then is taken afterwards.
func TestAskingNeedsAFreshSignIn(t *testing.T) {
	t.Parallel()
	for op, needed := range map[portal.OperationID]bool{
		portal.DeleteCluster: true, portal.DeleteClusterDangerous: true, portal.DeleteNodePool: true, portal.DeleteNode: true,
		portal.RecycleNodePool: true, portal.GetKubeconfig: true, portal.GetCredentials: true,
		portal.UpdateCluster: false, portal.CreateNodePool: false, portal.RunClusterlint: false,
	} {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			ask := on(op, "minutes", "30")(b)
			if c, ok := cases[op]; ok {
				ask = c.ask(b)
			}
			for name, a := range b.old(b.member) {
				_, err := b.requests.Submit(t.Context(), a, ask)
				if needed != (portal.Is(err, portal.KindStepUp)) || !needed && err != nil {
					t.Errorf("sign-in %s: %v", name, err)
				}
				if d, err := b.requests.Plan(t.Context(), a, ask); needed && (err != nil || len(d.Errors) > 0) {
					t.Errorf("sign-in %s: not even planned: %v %v", name, err, d.Errors)
				}
			}
			if !needed {
				return
			}
			if n := b.count(`SELECT (SELECT count(*) FROM requests) + (SELECT count(*) FROM reservations) + (SELECT count(*) FROM events WHERE request_id IS NOT NULL)`); n != 0 {
				t.Errorf("%d traces of what was not asked for", n)
			}
			r, err := b.requests.Submit(t.Context(), b.member, ask)
			b.must(err)
			for _, a := range b.old(b.member) {
				if again, err := b.requests.Submit(t.Context(), a, ask); err != nil || again.ID != r.ID {
					t.Errorf("sent once more: %v", err)
				}
			}
		})
	}
}

// Nobody signs in again for what is refused anyway.
func TestFreshSignInIsAskedForLast(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
	b.must(err)
	for _, member := range b.old(b.member) {
		if _, err := b.requests.Submit(t.Context(), member, on(portal.GetKubeconfig, "minutes", "9999")(b)); !portal.Is(err, portal.KindInvalid) {
			t.Errorf("a wrong form: %v", err)
		}
		if err := b.requests.Review(t.Context(), member, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Digest: r.Digest}); !portal.Is(err, portal.KindForbidden) {
			t.Errorf("one's own request: %v", err)
		}
	}
	for _, stranger := range b.old(b.person("sam", "search")) {
		if _, err := b.requests.Submit(t.Context(), stranger, b.deleteAsk()); !portal.Is(err, portal.KindNotFound) {
			t.Errorf("another team's cluster: %v", err)
		}
	}
	for _, approver := range b.old(b.approver) {
		if err := b.requests.Review(t.Context(), approver, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Digest: "other"}); !portal.Is(err, portal.KindConflict) {
			t.Errorf("another plan: %v", err)
		}
	}
}

func TestApprovingNeedsAFreshSignIn(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
	b.must(err)
	approve := request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Digest: r.Digest}
	for name, approver := range b.old(b.approver) {
		if err := b.requests.Review(t.Context(), approver, approve); !portal.Is(err, portal.KindStepUp) {
			t.Errorf("approved by a sign-in %s: %v", name, err)
		}
	}
	b.want(b.read(r), portal.Pending)
	if n := b.count(`SELECT count(*) FROM reviews`); n != 0 {
		t.Errorf("%d reviews", n)
	}
	b.must(b.requests.Review(t.Context(), b.approver, approve))
	b.want(b.read(r), portal.Approved)
}

func TestRejectingNeedsNoFreshSignIn(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
	b.must(err)
	b.must(b.requests.Review(t.Context(), b.old(b.approver)["old"], request.ReviewInput{Number: r.Number, Decision: portal.ReviewReject, Comment: "no", Digest: r.Digest}))
	b.want(b.read(r), portal.Rejected)
}

func TestCollectingNeedsAFreshSignIn(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.access(portal.GetKubeconfig, portal.Development, "30")
	for name, member := range b.old(b.member) {
		if _, err := b.executor.Collect(context.Background(), member, r.Number); !portal.Is(err, portal.KindStepUp) {
			t.Errorf("collected by a sign-in %s: %v", name, err)
		}
	}
	for _, other := range b.old(b.approver) {
		if _, err := b.executor.Collect(context.Background(), other, r.Number); !portal.Is(err, portal.KindForbidden) {
			t.Errorf("collected by another: %v", err)
		}
	}
	b.wantCalls("get_kubeconfig", 0)
	b.want(b.read(r), portal.Approved)
	if secret, err := b.collect(b.member, r); err != nil || len(secret.Kubeconfig) == 0 {
		t.Errorf("after a fresh sign-in: %v", err)
	}
}

// How old a sign-in may be is configured.
func TestStepUpWithin(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.requests.StepUpWithin, b.executor.StepUpWithin = time.Hour, time.Hour
	member := b.old(b.member)["old"]
	_, err := b.pool.Exec(t.Context(), `UPDATE clusters SET environment = 'development'`)
	b.must(err)
	r, err := b.requests.Submit(t.Context(), member, on(portal.GetKubeconfig, "minutes", "30")(b))
	b.must(err)
	if _, err := b.executor.Collect(t.Context(), member, r.Number); err != nil {
		t.Error(err)
	}
}

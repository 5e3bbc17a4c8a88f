package execute_test

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
)

// An admin can do without approvals, once, at once, and leaves a review pending by
// somebody else.
func TestBreakGlass(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.pending(portal.DeleteClusterDangerous)
	ctx, ada := t.Context(), b.admin("ada")
	both := b.admin("bob") // an approver who is an admin too
	both.Groups = append(both.Groups, "pay-approvers")
	own := b.member
	own.Roles = []portal.Role{portal.RoleAdmin}
	b.wantKind(b.requests.BreakGlass(ctx, b.approver, r.Number, 1, r.Digest, "fire"), portal.KindForbidden, "an approver")
	b.wantKind(b.requests.BreakGlass(ctx, own, r.Number, 1, r.Digest, "fire"), portal.KindForbidden, "the requester, who is an admin")
	b.wantKind(b.requests.BreakGlass(ctx, ada, r.Number, 1, r.Digest, "  "), portal.KindInvalid, "without a reason")
	b.wantKind(b.requests.BreakGlass(ctx, ada, r.Number, 2, r.Digest, "fire"), portal.KindConflict, "another revision")
	b.wantKind(b.requests.ReviewBreakGlass(ctx, both, r.Number, r.Digest, "fine"), portal.KindConflict, "a review before")
	b.must(b.requests.BreakGlass(ctx, ada, r.Number, 1, r.Digest, "the cluster is on fire"))
	b.wantKind(b.requests.BreakGlass(ctx, both, r.Number, 1, r.Digest, "again"), portal.KindConflict, "a second time")
	r = b.finish(b.read(r))
	b.want(r, portal.Succeeded)
	b.wantCalls("delete_cluster_dangerous", 1)
	if breakGlass := r.PendingReview(b.admin("ari")); breakGlass == nil || breakGlass.Reason != "the cluster is on fire" || breakGlass.By.Subject != "ada" {
		t.Fatalf("pending: %+v", breakGlass)
	}

	b.wantKind(b.requests.ReviewBreakGlass(ctx, ada, r.Number, r.Digest, "fine"), portal.KindForbidden, "who did it")
	b.wantKind(b.requests.ReviewBreakGlass(ctx, own, r.Number, r.Digest, "fine"), portal.KindForbidden, "the requester")
	b.wantKind(b.requests.ReviewBreakGlass(ctx, b.person("mia", "pay"), r.Number, r.Digest, "fine"), portal.KindForbidden, "a member")
	b.wantKind(b.requests.ReviewBreakGlass(ctx, both, r.Number, r.Digest, ""), portal.KindInvalid, "without a word")
	b.must(b.requests.ReviewBreakGlass(ctx, both, r.Number, r.Digest, "it was on fire"))
	b.wantKind(b.requests.ReviewBreakGlass(ctx, b.admin("ari"), r.Number, r.Digest, "fine"), portal.KindConflict, "a second review")
	if want := "request_submitted break_glass execution_intent execution_outcome request_succeeded break_glass_reviewed"; b.trail(r) != want {
		t.Errorf("on the trail: %s, want %s", b.trail(r), want)
	}
}

// What break-glass does not get round: quota, a changed target, protection, and an admin
// who is none any more.
func TestWhatHoldsWithoutApprovals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(b *bundle)
		want   string
	}{
		"the admin left":      {func(b *bundle) { b.person("ada") }, "no longer an admin"},
		"the requester left":  {func(b *bundle) { b.person("ann") }, "no longer a member"},
		"the target changed":  {func(b *bundle) { b.sim.Resize(b.cluster, 3) }, "pool fixed was 2"},
		"it was protected":    {func(b *bundle) { b.protect(true) }, "protected"},
		"the target has gone": {func(b *bundle) { b.must(b.do.DeleteCluster(b.t.Context(), b.cluster)) }, "deleted already"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.pending(portal.DeleteClusterDangerous)
			b.must(b.requests.BreakGlass(t.Context(), b.admin("ada"), r.Number, 1, r.Digest, "fire"))
			tt.change(b)
			r = b.step(r)
			b.want(r, portal.Stale)
			if !strings.Contains(r.Reason, tt.want) {
				t.Errorf("reason %q does not say %q", r.Reason, tt.want)
			}
			b.wantCalls("delete_cluster_dangerous", 0)
		})
	}
}

// A break-glass is good for one revision.
func TestBreakGlassIsForOneRevision(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.pending(portal.DeleteClusterDangerous)
	b.must(b.requests.BreakGlass(t.Context(), b.admin("ada"), r.Number, 1, r.Digest, "fire"))
	b.sim.Resize(b.cluster, 3)
	b.want(b.step(r), portal.Stale)
	r = b.replan(r)
	b.want(r, portal.Pending)
	b.clock.advance(time.Hour)
	b.want(b.step(b.again(r)), portal.Pending)
	b.wantCalls("delete_cluster_dangerous", 0)
	if r.PendingReview(b.admin("ari")) == nil {
		t.Error("the review is no longer pending")
	}
}

// Who has bypassed approvals does not again before somebody has reviewed that they did,
// also with two clicks at once; another admin may.
func TestBreakGlassWaitsForItsReview(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	ctx, ada, ari := t.Context(), b.admin("ada"), b.admin("ari")
	first, second := b.pending(portal.DeleteClusterDangerous), b.pending(portal.DeleteNodePool)
	results := make(chan error)
	for _, r := range []portal.Request{first, second} {
		go func() { results <- b.requests.BreakGlass(ctx, ada, r.Number, 1, r.Digest, "fire") }()
	}
	if one, other := <-results, <-results; (one == nil) == (other == nil) || !portal.Is(cmp.Or(one, other), portal.KindConflict) {
		t.Fatalf("two at once: %v, %v", one, other)
	}
	if b.read(first).State == portal.Pending {
		first, second = second, first
	}
	err := b.requests.BreakGlass(ctx, ada, second.Number, 1, second.Digest, "fire")
	b.wantKind(err, portal.KindConflict, "a second time")
	if want := fmt.Sprintf("#%d", first.Number); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v does not say %s", err, want)
	}
	const madeUp = `UPDATE break_glasses SET reviewer_issuer = issuer, reviewer_subject = $1, reviewer_name = 'ari', comment = 'fine', reviewed_at = `
	b.exec(madeUp+`at`, ari.Subject)
	b.wantKind(b.requests.BreakGlass(ctx, ada, second.Number, 1, second.Digest, "fire"), portal.KindConflict, "with a review of which no event tells")
	b.exec(madeUp+`NULL`, "")
	b.exec(`UPDATE break_glasses SET reviewer_issuer = '', reviewer_name = ''`)
	b.must(b.requests.ReviewBreakGlass(ctx, ari, first.Number, first.Digest, "it was on fire"))
	b.must(b.requests.BreakGlass(ctx, ada, second.Number, 1, second.Digest, "fire again"))
}

// A review is of what was bypassed: not of what the database has made of it since.
func TestReviewOfARewrittenBreakGlass(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	ctx, ada, ari := t.Context(), b.admin("ada"), b.admin("ari")
	r := b.pending(portal.DeleteClusterDangerous)
	b.must(b.requests.BreakGlass(ctx, ada, r.Number, 1, r.Digest, "fire"))
	r = b.finish(b.read(r))

	const rewrite = `UPDATE requests SET justification = $1, digest = $2`
	b.exec(rewrite, "a harmless check", r.Digest)
	b.wantKind(b.requests.ReviewBreakGlass(ctx, ari, r.Number, r.Digest, "harmless"), portal.KindConflict, "with the digest of something else")
	forged := b.read(r)
	digest, err := forged.PlanDigest()
	b.must(err)
	b.exec(rewrite, "a harmless check", digest)
	b.wantKind(b.requests.ReviewBreakGlass(ctx, ari, r.Number, digest, "harmless"), portal.KindConflict, "with a digest that fits")
	b.exec(rewrite, r.Justification, r.Digest)
	b.wantKind(b.requests.ReviewBreakGlass(ctx, ari, r.Number, digest, "harmless"), portal.KindConflict, "of what was seen, once it is put back")
	b.must(b.requests.ReviewBreakGlass(ctx, ari, r.Number, r.Digest, "it was on fire"))
}

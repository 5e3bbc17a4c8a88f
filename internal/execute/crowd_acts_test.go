package execute_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/portal"
)

// A request is stopped at the moment at which it is sent: it is one or the
// other.
func TestCrowdStops(t *testing.T) {
	long(t)
	crowds(t, func(t *testing.T, c *crowd) {
		r := c.approved(cases[portal.DeleteCluster])
		stops := each(slices.Concat(c.people(10, "team", "pay-approvers"), c.people(10, "admin", "admins")),
			func(ctx context.Context, at replica, who portal.Actor) error {
				return at.requests.Stop(ctx, who, r.Number, "wait")
			})
		stop := c.working(r)
		c.atOnce(stops)
		stop()
		r = c.read(r)
		stopped := c.count(`SELECT count(*) FROM events WHERE request_id = $1 AND kind = 'request_stopped'`, r.ID)
		switch r.State {
		case portal.Rejected:
			c.wantCalls("delete_cluster", 0)
		case portal.Settling:
			c.wantCalls("delete_cluster", 1)
		default:
			t.Errorf("it is %s", r.State)
		}
		if calls := c.sim.CallCount("delete_cluster"); stopped+calls != 1 || len(r.Attempts) != calls {
			t.Errorf("stopped %d times, %d attempts, %d calls", stopped, len(r.Attempts), calls)
		}
	})
}

// Of many admins who do without approvals one does, and of many who review that
// one has.
func TestCrowdBreakGlass(t *testing.T) {
	long(t)
	crowds(t, func(t *testing.T, c *crowd) {
		r := c.pending(portal.DeleteClusterDangerous)
		admins := c.people(25, "admin", "admins")
		if worked := c.atOnce(breakGlass(admins, r), breakGlass(admins, r)); worked != 1 {
			t.Errorf("%d of 50 clicks broke the glass, want one", worked)
		}
		r = c.read(r)
		c.want(r, portal.Approved)
		c.wantJobs(r, 1)
		c.wantCount(1, "break-glasses", `SELECT count(*) FROM break_glasses`)
		c.atOnce(steps(10, r))
		c.wantCalls("delete_cluster_dangerous", 1)

		by := r.PendingReview(portal.Actor{}).By.Identity
		reviewers := append(slices.DeleteFunc(admins, func(a portal.Actor) bool { return a.Identity == by }),
			c.people(26, "team", "pay-approvers")...)
		worked := c.atOnce(each(reviewers, func(ctx context.Context, at replica, who portal.Actor) error {
			return at.requests.ReviewBreakGlass(ctx, who, r.Number, r.Digest, "it burned, says "+who.Name)
		}))
		r = c.read(r)
		if breakGlass := r.ActiveBreakGlass(); worked != 1 || breakGlass.Comment != "it burned, says "+breakGlass.Reviewer.Name || breakGlass.Reviewer.Identity == by {
			t.Errorf("%d reviews were taken: %+v", worked, breakGlass)
		}
		c.wantEvents(r, map[portal.EventKind]int{portal.EventSubmitted: 1, portal.EventBreakGlass: 1, portal.EventBreakGlassReviewed: 1,
			portal.EventIntent: 1, portal.EventOutcome: 1})
	})
}

// With the job queues of both replicas at work, what fifty people approve at
// once has one job and one call.
func TestCrowdBeforeTwoQueues(t *testing.T) {
	long(t)
	crowds(t, func(t *testing.T, c *crowd) {
		r := c.pending(portal.DeleteCluster)
		queues := c.queues()
		sent := c.reaches(r, portal.Settling)
		requeue := func(ctx context.Context, at replica) error {
			return queues[0].Requeue(ctx, c.clock.Now().Add(time.Second))
		}
		c.atOnce(review(c.people(50, "team", "pay-approvers"), r, portal.ReviewApprove), slices.Repeat([]deed{requeue}, 4))
		sent()
		c.atOnce(slices.Repeat([]deed{requeue}, 4))
		c.wantCalls("delete_cluster", 1)
		c.wantCount(1, "executions", `SELECT count(*) FROM executions`)
		c.wantCount(1, "jobs", `SELECT count(*) FROM river_job`)
		c.wantEvents(r, map[portal.EventKind]int{portal.EventSubmitted: 1, portal.EventApprovedBy: 1, portal.EventIntent: 1, portal.EventOutcome: 1})
	})
}

// A comment that is sent fifty times is there once.
func TestCrowdComments(t *testing.T) {
	long(t)
	crowds(t, func(t *testing.T, c *crowd) {
		r, key := c.pending(portal.DeleteCluster), uuid.NewString()
		clicks := each(slices.Repeat([]portal.Actor{c.approver}, 50), func(ctx context.Context, at replica, who portal.Actor) error {
			return at.requests.Comment(ctx, who, r.Number, key, "why?")
		})
		if worked := c.atOnce(clicks); worked != 50 {
			t.Errorf("%d clicks of 50 led to the comment", worked)
		}
		c.wantCount(1, "comments", `SELECT count(*) FROM comments`)
		c.wantEvents(r, map[portal.EventKind]int{portal.EventSubmitted: 1, portal.EventCommented: 1})
	})
}

// Fifty tabs ask for something else at once: one is taken, the others are told,
// and the quota is held for that one alone.
func TestCrowdRevises(t *testing.T) {
	long(t)
	crowds(t, func(t *testing.T, c *crowd) {
		c.must(c.environment(portal.Production))
		r, err := c.requests.Submit(t.Context(), c.member, on(portal.CreateNodePool, "name", "more", "size", "s-2vcpu-4gb", "count", "2")(c.bundle))
		c.must(err)
		c.wantUsage(7)
		opened, err := c.requests.PlanRevision(t.Context(), c.member, r.Number, nil)
		c.must(err)
		var tabs []deed
		for i := range 50 {
			typed := maps.Clone(opened.Form)
			typed.Set("count", fmt.Sprint(1+i%5))
			typed.Set("submit_key", uuid.NewString())
			tabs = append(tabs, func(ctx context.Context, at replica) error {
				_, err := at.requests.Revise(ctx, c.member, r.Number, 1, typed)
				return err
			})
		}
		if worked := c.atOnce(tabs); worked != 1 {
			t.Errorf("%d tabs were taken, want one", worked)
		}
		r = c.read(r)
		c.want(r, portal.Pending)
		if r.Revision != 2 {
			t.Errorf("revision %d, want 2", r.Revision)
		}
		c.wantUsage(5 + r.Params.CreatePool.Count)
		c.wantEvents(r, map[portal.EventKind]int{portal.EventSubmitted: 1, portal.EventReplanned: 1})
	})
}

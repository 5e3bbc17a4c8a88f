package execute_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/events"
	"doksportal/internal/execute"
	"doksportal/internal/jobs"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// crowd is many people before two replicas of the portal, which share nothing
// but the database and DigitalOcean.
type crowd struct {
	*bundle
	rng      *rand.Rand
	replicas [2]replica
	jobs     *enqueued
}

type replica struct {
	requests *request.Service
	executor *execute.Executor
}

// enqueued counts how often each request was put into the queue.
type enqueued struct {
	mu    sync.Mutex
	times map[string]int
}

func (e *enqueued) Enqueue(_ context.Context, _ pgx.Tx, id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.times[id]++
	return nil
}

func (e *enqueued) Wake(context.Context, pgx.Tx, string) error { return nil }

func newCrowd(t *testing.T, seed uint64) *crowd {
	c := &crowd{bundle: richSetup(t), rng: rand.New(rand.NewPCG(seed, 11)), jobs: &enqueued{times: map[string]int{}}}
	for i := range c.replicas {
		pool, err := db.Open(t.Context(), c.pool.Config().ConnString()+"&pool_max_conns=6")
		c.must(err)
		t.Cleanup(pool.Close)
		requests, executor := *c.requests, *c.executor
		requests.Pool, executor.Pool, requests.Jobs = pool, pool, c.jobs
		c.replicas[i] = replica{&requests, &executor}
	}
	return c
}

// crowds runs a test twice, with the people in different orders.
func crowds(t *testing.T, test func(t *testing.T, c *crowd)) {
	t.Helper()
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			test(t, newCrowd(t, seed))
		})
	}
}

// deletions is crowds for requests that need one approval, and for those that
// need one of either group and wait after that.
func deletions(t *testing.T, test func(t *testing.T, c *crowd, op portal.OperationID)) {
	t.Helper()
	for _, op := range []portal.OperationID{portal.DeleteCluster, portal.DeleteClusterDangerous} {
		t.Run(string(op), func(t *testing.T) {
			crowds(t, func(t *testing.T, c *crowd) { test(t, c, op) })
		})
	}
}

// people are some who have just signed in and are in the groups.
func (c *crowd) people(n int, name string, groups ...string) []portal.Actor {
	c.t.Helper()
	list := make([]portal.Actor, n)
	for i := range list {
		list[i] = c.person(fmt.Sprintf("%s%d", name, i), groups...)
		if slices.Contains(groups, "admins") {
			list[i].Roles = []portal.Role{portal.RoleAdmin}
		}
	}
	return list
}

// deed is what somebody does at a replica.
type deed func(ctx context.Context, at replica) error

// each has everybody do something.
func each(people []portal.Actor, do func(ctx context.Context, at replica, who portal.Actor) error) []deed {
	deeds := make([]deed, len(people))
	for i, who := range people {
		deeds[i] = func(ctx context.Context, at replica) error { return do(ctx, at, who) }
	}
	return deeds
}

func review(people []portal.Actor, r portal.Request, d portal.ReviewDecision) []deed {
	return each(people, func(ctx context.Context, at replica, who portal.Actor) error {
		return at.requests.Review(ctx, who, request.ReviewInput{Number: r.Number, Decision: d, Comment: "seen", Revision: r.Revision, Digest: r.Digest})
	})
}

func breakGlass(people []portal.Actor, r portal.Request) []deed {
	return each(people, func(ctx context.Context, at replica, who portal.Actor) error {
		return at.requests.BreakGlass(ctx, who, r.Number, r.Revision, r.Digest, "fire")
	})
}

func withdraw(clicks int, who portal.Actor, r portal.Request) []deed {
	return each(slices.Repeat([]portal.Actor{who}, clicks), func(ctx context.Context, at replica, who portal.Actor) error {
		return at.requests.Withdraw(ctx, who, r.Number)
	})
}

// steps has the queue take a request on in several places.
func steps(n int, r portal.Request) []deed {
	return slices.Repeat([]deed{func(ctx context.Context, at replica) error {
		_, err := at.executor.Step(ctx, r.ID)
		return err
	}}, n)
}

// atOnce has all deeds begin at the same time, half of them at either replica.
// It returns how many had an effect; the portal refuses the others in words.
func (c *crowd) atOnce(groups ...[]deed) (worked int) {
	c.t.Helper()
	deeds := slices.Concat(groups...)
	c.rng.Shuffle(len(deeds), func(i, j int) { deeds[i], deeds[j] = deeds[j], deeds[i] })
	start := make(chan struct{})
	errs := make([]error, len(deeds))
	var wg sync.WaitGroup
	for i, do := range deeds {
		wg.Go(func() {
			<-start
			errs[i] = do(c.t.Context(), c.replicas[i%2])
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		if err != nil && !portal.Is(err, portal.KindConflict) {
			c.t.Errorf("it is refused in other words than that somebody was faster: %v", err)
		}
	}
	return successes(errs)
}

// passes lets time pass, with everybody about.
func (c *crowd) passes(d time.Duration) {
	c.t.Helper()
	c.clock.advance(d)
	c.must(c.confirmed())
}

func (c *crowd) wantCount(want int, what, sql string, args ...any) {
	c.t.Helper()
	if got := c.count(sql, args...); got != want {
		c.t.Errorf("%d %s, want %d", got, what, want)
	}
}

// wantEvents checks how often each kind of event is on a request's trail.
func (c *crowd) wantEvents(r portal.Request, want map[portal.EventKind]int) {
	c.t.Helper()
	rows, err := c.pool.Query(c.t.Context(), `SELECT kind FROM events WHERE request_id = $1`, r.ID)
	c.must(err)
	kinds, err := pgx.CollectRows(rows, pgx.RowTo[portal.EventKind])
	c.must(err)
	got := map[portal.EventKind]int{}
	for _, kind := range kinds {
		got[kind]++
	}
	maps.DeleteFunc(want, func(_ portal.EventKind, n int) bool { return n == 0 })
	if !maps.Equal(got, want) {
		c.t.Errorf("on the trail: %v, want %v", got, want)
	}
}

// wantJobs checks how often a request was put into the queue.
func (c *crowd) wantJobs(r portal.Request, n int) {
	c.t.Helper()
	if got := c.jobs.times[r.ID]; got != n {
		c.t.Errorf("it was enqueued %d times, want %d", got, n)
	}
}

// decisions are the reviews of a request, of which each person has given one.
func (c *crowd) decisions(r portal.Request) (approvals, rejections int) {
	c.t.Helper()
	seen := map[portal.Identity]bool{}
	for _, v := range c.read(r).Reviews {
		if seen[v.Reviewer.Identity] {
			c.t.Errorf("%s has decided twice", v.Reviewer.Name)
		}
		if seen[v.Reviewer.Identity] = true; v.Decision == portal.ReviewApprove {
			approvals++
		} else {
			rejections++
		}
	}
	return approvals, rejections
}

// Fifty approvers click twice, at either replica: the request is approved once,
// carried out once, and nobody counts twice.
func TestCrowdApproves(t *testing.T) {
	long(t)
	deletions(t, func(t *testing.T, c *crowd, op portal.OperationID) {
		r := c.pending(op)
		approvers := slices.Concat(c.people(25, "team", "pay-approvers"), c.people(25, "platform", "platform"))
		worked := c.atOnce(review(approvers, r, portal.ReviewApprove), review(approvers, r, portal.ReviewApprove))
		r = c.read(r)
		c.want(r, portal.Approved)
		c.wantJobs(r, 1)
		approvals, rejections := c.decisions(r)
		if op == portal.DeleteCluster && approvals != 1 || approvals != worked || rejections > 0 || len(r.Outstanding()) > 0 {
			t.Errorf("%d approvals and %d rejections of %d clicks that worked, outstanding: %v", approvals, rejections, worked, r.Outstanding())
		}
		c.wantEvents(r, map[portal.EventKind]int{portal.EventSubmitted: 1, portal.EventApprovedBy: approvals})
		c.passes(r.StartsAt.Sub(c.clock.Now()))
		c.atOnce(steps(10, r))
		c.want(c.finish(r), portal.Succeeded)
		c.wantCalls(string(op), 1)
		c.wantEvents(r, map[portal.EventKind]int{portal.EventSubmitted: 1, portal.EventApprovedBy: approvals,
			portal.EventIntent: 1, portal.EventOutcome: 1, portal.EventSucceeded: 1})
		c.wantCount(1, "executions", `SELECT count(*) FROM executions`)
	})
}

// The two approvals that a request needs come at once: neither is overlooked.
func TestLastTwoApprovalsAtOnce(t *testing.T) {
	crowds(t, func(t *testing.T, c *crowd) {
		people := slices.Concat(c.people(1, "team", "pay-approvers"), c.people(1, "platform", "platform"))
		for range 8 {
			r := c.pending(portal.DeleteClusterDangerous)
			if worked := c.atOnce(review(people, r, portal.ReviewApprove)); worked != 2 {
				t.Fatalf("%d of two approvals were taken", worked)
			}
			c.want(c.read(r), portal.Approved)
			c.wantJobs(r, 1)
			c.must(c.requests.Withdraw(t.Context(), c.member, r.Number))
		}
	})
}

// Half of the crowd approves, half rejects: one of them has the last word, and
// the others are told that they come too late.
func TestCrowdIsDivided(t *testing.T) {
	long(t)
	deletions(t, func(t *testing.T, c *crowd, op portal.OperationID) {
		r := c.pending(op)
		c.atOnce(
			review(c.people(12, "yes", "pay-approvers"), r, portal.ReviewApprove), review(c.people(13, "aye", "platform"), r, portal.ReviewApprove),
			review(c.people(12, "no", "pay-approvers"), r, portal.ReviewReject), review(c.people(13, "nay", "platform"), r, portal.ReviewReject))
		r = c.read(r)
		approvals, rejections := c.decisions(r)
		c.wantEvents(r, map[portal.EventKind]int{portal.EventSubmitted: 1, portal.EventApprovedBy: approvals, portal.EventRejectedBy: rejections})
		approved := r.State == portal.Approved && rejections == 0 && len(r.Outstanding()) == 0
		rejected := r.State == portal.Rejected && rejections == 1 && len(r.Outstanding()) > 0
		if !approved && !rejected {
			t.Fatalf("it is %s with %d approvals and %d rejections, outstanding: %v", r.State, approvals, rejections, r.Outstanding())
		}
		calls := 0
		if approved {
			calls = 1
			c.passes(r.StartsAt.Sub(c.clock.Now()))
		}
		c.wantJobs(r, calls)
		c.atOnce(steps(10, r))
		c.wantCalls(string(op), calls)
	})
}

// Fifty clicks on "plan again" make one revision, to which every later click
// leads.
func TestCrowdReplans(t *testing.T) {
	long(t)
	crowds(t, func(t *testing.T, c *crowd) {
		r := c.pending(portal.DeleteCluster)
		c.must(c.reviews(r, portal.ReviewChanges, "later", "bob", "pay-approvers"))
		clicks := each(slices.Repeat([]portal.Actor{c.member}, 50), func(ctx context.Context, at replica, who portal.Actor) error {
			_, err := at.requests.Revise(ctx, who, r.Number, 1, nil)
			return err
		})
		for _, when := range []string{"at once", "later"} {
			if worked := c.atOnce(clicks); worked != 50 {
				t.Errorf("%d clicks %s of 50 led to the request as it is now", worked, when)
			}
		}
		r = c.read(r)
		c.want(r, portal.Pending)
		if r.Revision != 2 || len(r.Approvals()) > 0 {
			t.Errorf("revision %d with %d approvals", r.Revision, len(r.Approvals()))
		}
		c.wantCount(1, "earlier plans", `SELECT count(*) FROM request_revisions`)
		c.wantEvents(r, map[portal.EventKind]int{portal.EventSubmitted: 1, portal.EventChangesRequested: 1, portal.EventReplanned: 1})
	})
}

// Its requester withdraws a request while others approve it, do without
// approvals, comment, and the queue works: what is withdrawn is never sent, and
// nothing is sent twice.
func TestCrowdOfAllKinds(t *testing.T) {
	long(t)
	deletions(t, func(t *testing.T, c *crowd, op portal.OperationID) {
		r := c.pending(op)
		approvers := slices.Concat(c.people(15, "team", "pay-approvers"), c.people(15, "platform", "platform"))
		admins, commenters := c.people(5, "admin", "admins"), c.people(5, "member", "pay")
		stop := c.working(r)
		c.atOnce(review(approvers, r, portal.ReviewApprove), breakGlass(admins, r), withdraw(2, c.member, r), steps(5, r),
			each(commenters, func(ctx context.Context, at replica, who portal.Actor) error {
				return at.requests.Comment(ctx, who, r.Number, uuid.NewString(), "hm")
			}))
		stop()
		c.wantOneEnd(r, op)
	})
}

// wantOneEnd checks that a request was either withdrawn or carried out, and
// that all that is written down about it agrees.
func (c *crowd) wantOneEnd(r portal.Request, op portal.OperationID) {
	c.t.Helper()
	if r = c.read(r); r.State == portal.Approved {
		c.passes(max(r.StartsAt.Sub(c.clock.Now()), 0))
	}
	if r = c.finish(r); r.State != portal.Withdrawn {
		c.want(r, portal.Succeeded)
	}
	calls, withdrawn := 1, 0
	if r.State == portal.Withdrawn {
		calls, withdrawn = 0, 1
	}
	approvals, _ := c.decisions(r)
	c.wantCalls(string(op), calls)
	c.wantCount(calls, "executions", `SELECT count(*) FROM executions`)
	c.wantNoReservation(r)
	c.wantEvents(r, map[portal.EventKind]int{portal.EventSubmitted: 1, portal.EventCommented: 5, portal.EventApprovedBy: approvals,
		portal.EventBreakGlass: len(r.BreakGlasses), portal.EventWithdrawn: withdrawn,
		portal.EventIntent: calls, portal.EventOutcome: calls, portal.EventSucceeded: calls})
}

// working has the queue take a request on all the time, at both replicas, until
// it has begun to send or has come to an end. The function that it returns ends
// that.
func (c *crowd) working(r portal.Request) (stop func()) {
	quit := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for {
				_, err := c.replicas[i%2].executor.Step(c.t.Context(), r.ID)
				if err != nil && !portal.Is(err, portal.KindConflict) {
					c.t.Errorf("the queue fails: %v", err)
				}
				now, err := store.RequestByID(c.t.Context(), c.pool, r.ID)
				if err != nil || now.State != portal.Pending && now.State != portal.Approved {
					return
				}
				select {
				case <-quit:
					return
				default:
				}
			}
		})
	}
	return func() { close(quit); wg.Wait() }
}

// queues starts the job queues of both replicas.
func (c *crowd) queues() (list [2]*jobs.Queue) {
	c.t.Helper()
	for i, at := range c.replicas {
		queue, err := jobs.New(at.executor.Pool, slog.New(slog.DiscardHandler), time.Now, at.executor.Advance, nil)
		c.must(err)
		c.must(queue.Start(c.t.Context()))
		c.t.Cleanup(func() { _ = queue.Stop(context.Background()) })
		at.requests.Jobs, list[i] = queue, queue
	}
	return list
}

// reaches returns a function that waits until a request is in a state.
func (c *crowd) reaches(r portal.Request, s portal.State) (wait func()) {
	hub := events.NewHub(c.pool, slog.New(slog.DiscardHandler))
	changed, end := hub.Subscribe(events.Request(r.ID))
	go hub.Run(c.t.Context())
	return func() {
		c.t.Helper()
		defer end()
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
		defer cancel()
		for c.read(r).State != s {
			select {
			case <-changed:
			case <-ctx.Done():
				c.t.Fatalf("it is still %s after a minute: %s", c.read(r).State, c.read(r).Reason)
			}
		}
	}
}

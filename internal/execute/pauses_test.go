package execute_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/execute"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// refuses has DigitalOcean refuse the portal's token for an operation, * being all.
func (b *bundle) refuses(operation string, status int) {
	id, message := "unauthorized", "Unable to authenticate you."
	if status == http.StatusForbidden {
		id, message = "forbidden", "You are not authorized to perform this operation"
	}
	b.sim.Inject(dosim.Fault{Operation: operation, Kind: dosim.FaultStatus, Status: status, ID: id, Message: message, Times: -1})
}

// pause is the one that there is, of PauseToken; the zero Pause when there is none.
func (b *bundle) pause() portal.Pause {
	b.t.Helper()
	list, err := store.Pauses(context.Background(), b.pool)
	b.must(err)
	if len(list) == 0 {
		return portal.Pause{}
	}
	return list[0]
}

// wantTold checks how often it was put on the trail, and told, that execution is paused
// and resumed.
func (b *bundle) wantTold(paused, resumed int) {
	b.t.Helper()
	for kind, want := range map[portal.EventKind]int{portal.EventPaused: paused, portal.EventResumed: resumed} {
		for _, table := range []string{"events", "notifications"} {
			if got := b.count(`SELECT count(*) FROM `+table+` WHERE kind = $1`, kind); got != want {
				b.t.Errorf("%d %s of %s, want %d", got, table, kind, want)
			}
		}
	}
}

// writes is how many calls the simulator has had that would change something.
func (b *bundle) writes() int {
	n := 0
	for _, op := range portal.Catalogue {
		if op.Method != http.MethodGet {
			n += b.sim.CallCount(string(op.ID))
		}
	}
	return n
}

// roomy lets the team have as much as a test asks for.
func (b *bundle) roomy() {
	b.t.Helper()
	_, err := b.pool.Exec(context.Background(), `UPDATE teams SET quota = '{}'`)
	b.must(err)
}

// approvedRaise is a request for a larger quota that is approved.
func (b *bundle) approvedRaise() portal.Request {
	b.t.Helper()
	r := b.raise("nodes", "14", "sizes", "s-2vcpu-4gb 14")
	b.must(b.decide(b.platform(), r, portal.ReviewApprove))
	r = b.read(r)
	b.want(r, portal.Approved)
	return r
}

// A token that is revoked is tried by one request of all replicas at a time, less and less
// often. Once it is accepted each request is sent, once.
func TestRevokedToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.roomy()
	var replicas [3]*execute.Executor
	for i := range replicas {
		pool, err := db.Open(t.Context(), b.pool.Config().ConnString()+"&pool_max_conns=6")
		b.must(err)
		t.Cleanup(pool.Close)
		e := *b.executor
		e.Pool, e.Pauses = pool, &pauses.Service{Pool: pool, Now: b.clock.Now}
		replicas[i] = &e
	}
	requests := make([]portal.Request, 20)
	for i := range requests {
		requests[i] = b.create(fmt.Sprintf("new-%d", i), 1)
	}
	all := func() {
		t.Helper()
		b.must(b.confirmed())
		for _, err := range inParallel(3*len(requests), func(i int) error {
			_, err := replicas[i%3].Step(t.Context(), requests[i/3].ID)
			return err
		}) {
			if err != nil && !portal.Is(err, portal.KindConflict) {
				t.Error(err)
			}
		}
	}
	b.refuses("create_cluster", http.StatusUnauthorized)
	b.want(b.step(requests[7]), portal.Approved)
	b.wantTold(1, 0)
	all()
	b.wantCalls("create_cluster", 1)
	for _, r := range requests {
		r = b.read(r)
		b.want(r, portal.Approved)
		if !strings.HasPrefix(r.Reason, "Waiting until DigitalOcean accepts the portal's token again") {
			t.Errorf("#%d: %q", r.Number, r.Reason)
		}
	}
	for i, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		if p := b.pause(); p.Tries != i || p.NextTryAt.Sub(b.clock.Now()) != wait {
			t.Errorf("after %d tries: %+v, want the next after %s", i, p, wait)
		}
		b.clock.advance(wait - time.Second)
		all()
		b.wantCalls("create_cluster", 1+i)
		b.clock.advance(time.Second)
		all()
		b.wantCalls("create_cluster", 2+i)
	}
	b.wantTold(1, 0)
	b.sim.Heal()
	before := b.sim.CallCount("create_cluster")
	b.clock.advance(10 * time.Minute)
	for range 3 {
		all() // one of them tries; then all are sent
	}
	b.wantTold(1, 1)
	b.wantCalls("create_cluster", before+len(requests))
	for _, r := range requests {
		b.want(b.read(r), portal.Settling)
		if n := b.count(`SELECT count(*) FROM executions WHERE request_id = $1 AND outcome = 'accepted'`, r.ID); n != 1 {
			t.Errorf("#%d was sent %d times", r.Number, n)
		}
	}
}

// Calls that are under way when the token is refused pause execution once, however many.
func TestTokenIsRefusedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.roomy()
	b.refuses("create_cluster", http.StatusUnauthorized)
	requests := make([]portal.Request, 6)
	for i := range requests {
		requests[i] = b.create(fmt.Sprintf("new-%d", i), 1)
	}
	for _, err := range inParallel(len(requests), func(i int) error { _, err := b.executor.Step(t.Context(), requests[i].ID); return err }) {
		b.must(err)
	}
	b.wantTold(1, 0)
	if p := b.pause(); p.Tries != 0 || p.Status != http.StatusUnauthorized || p.Operation != portal.CreateCluster {
		t.Errorf("%+v", p)
	}
}

// A token that cannot read clusters any more is found out before a call is made, and
// shows there that it is accepted again.
func TestTokenIsRefusedForReading(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.approved(cases[portal.UpdateNodePool])
	b.refuses("*", http.StatusUnauthorized)
	b.want(b.step(r), portal.Approved)
	b.wantTold(1, 0)
	if n := len(b.read(r).Attempts); n != 0 {
		t.Errorf("%d intents, of which nothing came", n)
	}
	reads := b.sim.CallCount("get_cluster")
	b.clock.advance(10 * time.Second)
	b.want(b.step(r), portal.Approved)
	if b.sim.CallCount("get_cluster") != reads {
		t.Error("it looks although execution is paused")
	}
	b.clock.advance(20 * time.Second)
	b.want(b.step(r), portal.Approved)
	if p := b.pause(); p.Tries != 1 {
		t.Errorf("%+v", p)
	}
	b.sim.Heal()
	b.want(b.finish(r), portal.Succeeded)
	b.wantTold(1, 1)
}

// The inventory pauses execution when it cannot be read by that token, and resumes it.
func TestInventoryAndTheToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	b.refuses("list_clusters", http.StatusUnauthorized)
	for range 3 {
		if b.syncer.Sync(t.Context()) == nil {
			t.Fatal("it was read")
		}
	}
	b.wantTold(1, 0)
	b.want(b.step(r), portal.Approved)
	b.wantCalls("create_cluster", 0)
	b.sim.Heal()
	b.clock.advance(time.Second)
	b.must(b.syncer.Sync(t.Context()))
	b.wantTold(1, 1)
	b.want(b.step(r), portal.Settling)
}

// What the token is not allowed is not taken, and waits. Reading shows nothing then, and
// no other operation is tried as long as there is one that was refused.
func TestTokenLacksAScope(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.roomy()
	refused := b.approved(cases[portal.UpdateNodePool])
	other := b.create("new", 1)
	b.refuses(string(portal.UpdateNodePool), http.StatusForbidden)
	refused = b.step(refused)
	b.want(refused, portal.Approved)
	if !strings.Contains(refused.Reason, "scope") {
		t.Errorf("reason %q", refused.Reason)
	}
	b.wantTold(1, 0)
	b.clock.advance(30 * time.Second)
	b.must(b.syncer.Sync(t.Context()))
	b.want(b.step(other), portal.Approved)
	b.wantCalls("create_cluster", 0)
	b.wantTold(1, 0)
	b.want(b.step(refused), portal.Approved)
	if p := b.pause(); p.Tries != 1 {
		t.Errorf("%+v", p)
	}
	b.sim.Heal()
	b.clock.advance(time.Minute)
	b.want(b.step(refused), portal.Settling)
	b.wantTold(1, 1)
	b.want(b.step(other), portal.Settling)
}

// With nothing left that was refused, anything else that is taken shows that calls are.
func TestTokenLacksAScopeThatNothingNeeds(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.roomy()
	refused, other := b.approved(cases[portal.UpdateNodePool]), b.create("new", 1)
	b.refuses(string(portal.UpdateNodePool), http.StatusForbidden)
	b.want(b.step(refused), portal.Approved)
	b.must(b.requests.Withdraw(t.Context(), b.member, refused.Number))
	b.clock.advance(30 * time.Second)
	b.want(b.step(other), portal.Settling)
	b.wantTold(1, 1)
}

// An admin's pause keeps everything from being sent, handed out and done by the portal
// itself, and nothing else: what was sent is followed.
func TestAdminPauses(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	sent, waiting := b.step(b.create("sent", 1)), b.create("waiting", 1)
	b.want(sent, portal.Settling)
	secret := b.access(portal.GetKubeconfig, portal.Development, "30")
	own := b.approvedRaise()
	ada := b.admin("ada")
	b.wantKind(b.executor.Pauses.Pause(t.Context(), b.member, "fire"), portal.KindForbidden, "a member pauses")
	b.wantKind(b.executor.Pauses.Pause(t.Context(), ada, " "), portal.KindInvalid, "without a reason")
	b.wantKind(b.executor.Pauses.Pause(t.Context(), portal.Actor{Identity: ada.Identity, Name: "ada", Roles: ada.Roles}, "fire"), portal.KindStepUp, "without a fresh sign-in")
	b.wantKind(b.executor.Pauses.Resume(t.Context(), ada), portal.KindConflict, "nothing is paused")
	b.must(b.executor.Pauses.Pause(t.Context(), ada, "fire at DigitalOcean"))
	b.wantKind(b.executor.Pauses.Pause(t.Context(), ada, "fire"), portal.KindConflict, "twice")
	b.wantTold(1, 0)
	calls := b.writes()
	for _, r := range []portal.Request{waiting, own} {
		r = b.step(r)
		b.want(r, portal.Approved)
		if want := "Waiting until an admin resumes execution: ada has paused it. fire at DigitalOcean"; r.Reason != want {
			t.Errorf("reason %q, want %q", r.Reason, want)
		}
	}
	_, err := b.collect(b.member, secret)
	b.wantKind(err, portal.KindUnavailable, "a kubeconfig is collected")
	b.wantCalls("get_kubeconfig", 0)
	b.want(b.finish(sent), portal.Succeeded)
	if b.writes() != calls {
		t.Errorf("%d calls", b.writes()-calls)
	}
	b.wantKind(b.executor.Pauses.Resume(t.Context(), b.member), portal.KindForbidden, "a member resumes")
	b.must(b.executor.Pauses.Resume(t.Context(), b.signedIn(ada)))
	b.wantTold(1, 1)
	b.must(b.confirmed())
	b.want(b.step(waiting), portal.Settling)
	b.want(b.step(own), portal.Succeeded)
	if _, err := b.collect(b.person("ann", "pay"), secret); err != nil {
		t.Error(err)
	}
}

// What the portal does without DigitalOcean needs no token.
func TestOwnOperationsNeedNoToken(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	own := b.approvedRaise()
	b.refuses("list_clusters", http.StatusUnauthorized)
	if b.syncer.Sync(t.Context()) == nil || b.pause().Kind != portal.PauseToken {
		t.Fatal("execution is not paused")
	}
	b.want(b.step(own), portal.Succeeded)
}

// A kubeconfig is not asked for while the token is refused. That it is not allowed to hand
// them out keeps nothing else from being sent.
func TestCollectWhileTheTokenIsRefused(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.roomy()
	r, other := b.access(portal.GetKubeconfig, portal.Development, "30"), b.create("new", 1)
	b.refuses("get_kubeconfig", http.StatusForbidden)
	_, err := b.collect(b.member, r)
	b.wantKind(err, portal.KindUnavailable, "collected without the scope")
	b.want(b.read(r), portal.Approved)
	b.want(b.step(other), portal.Settling)
	b.wantTold(0, 0)
	b.sim.Heal()
	b.refuses("get_kubeconfig", http.StatusUnauthorized)
	for range 3 {
		_, err = b.collect(b.member, r)
		b.wantKind(err, portal.KindUnavailable, "collected with a token that is refused")
	}
	b.wantCalls("get_kubeconfig", 2)
	b.wantTold(1, 0)
	b.sim.Heal()
	b.clock.advance(30 * time.Second)
	if _, err := b.collect(b.person("ann", "pay"), r); err != nil {
		t.Error(err)
	}
	b.wantTold(1, 1)
}

// No intent is committed after a pause was: whoever commits one waits for who pauses, and
// the other way round.
func TestNoIntentAfterThePause(t *testing.T) {
	t.Parallel()
	for range 5 {
		b := setup(t)
		b.roomy()
		requests := make([]portal.Request, 8)
		for i := range requests {
			requests[i] = b.create("new-"+uuid.NewString()[:8], 1)
		}
		ada := b.admin("ada")
		var wg sync.WaitGroup
		for _, r := range requests {
			wg.Go(func() {
				if _, err := b.executor.Step(context.Background(), r.ID); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if err := b.executor.Pauses.Pause(context.Background(), ada, "fire"); err != nil {
				t.Error(err)
				return
			}
			before := b.count(`SELECT count(*) FROM executions`)
			for _, r := range requests {
				if _, err := b.executor.Step(context.Background(), r.ID); err != nil && !portal.Is(err, portal.KindConflict) {
					t.Error(err)
				}
			}
			if after := b.count(`SELECT count(*) FROM executions`); after != before {
				t.Errorf("%d intents when it was paused, %d a moment later", before, after)
			}
		})
		wg.Wait()
	}
}

// An intent that is about to be committed keeps execution from being paused until it is,
// and one that comes upon a pause that is about to be is not committed.
func TestIntentWaitsForThePause(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.create("new", 1)
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- db.WithTx(context.Background(), b.pool, func(tx pgx.Tx) error {
			_, err := store.InsertPause(context.Background(), tx, portal.Pause{Kind: portal.PauseAdmin, Since: b.clock.Now(), By: b.member.Person(), Reason: "fire"})
			close(held)
			<-release
			return err
		})
	}()
	<-held
	free := sync.OnceFunc(func() { close(release) })
	defer free()
	stepped := make(chan error, 1)
	go func() { _, err := b.executor.Step(context.Background(), r.ID); stepped <- err }()
	for b.count(`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'execution_pauses'::regclass`) == 0 {
		select {
		case err := <-stepped:
			t.Fatalf("the intent did not wait: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	free()
	b.must(errors.Join(<-done, <-stepped))
	b.want(b.read(r), portal.Approved)
	b.wantCalls("create_cluster", 0)
}

// A request that its campaign has not let begin is none to try the token with: others do.
// Nor can its next step be had before that.
func TestHeldRequestsDoNotTryTheToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.roomy()
	b.refuses(string(portal.UpgradeCluster), http.StatusForbidden)
	c := b.turn(b.campaign(campaignForm(b.fleet(2, 0, 0), "per_wave", "1")), 0)
	_, members := b.members(c)
	first, held := members[0], members[1]
	if first.Params.Campaign.Wave > 1 {
		first, held = held, first
	}
	b.want(first, portal.Approved)
	b.wantTold(1, 0)
	b.must(b.requests.Withdraw(t.Context(), b.member, first.Number))
	held = b.read(held)
	b.want(held, portal.Approved)
	b.wantKind(b.requests.Hasten(t.Context(), b.admin("ada"), held.Number), portal.KindConflict, "the next step of what is held")
	other := b.create("new", 1)
	b.clock.advance(30 * time.Second)
	b.want(b.step(other), portal.Settling)
	b.wantTold(1, 1)
}

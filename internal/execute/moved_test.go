package execute_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// meanwhile has something happen while the executor first looks at
// DigitalOcean.
func (b *bundle) meanwhile(fn func()) {
	b.t.Helper()
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		once.Do(fn)
		b.sim.ServeHTTP(w, r)
	}))
	b.t.Cleanup(server.Close)
	client, err := doapi.New(server.URL, token)
	b.must(err)
	b.executor.DO = client
}

// A request that is planned again and approved again while a worker still has
// the plan before in its hands is not sent as it was.
func TestPlannedAnewInTheHandsOfAWorker(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r, err := b.requests.Submit(t.Context(), b.member, on(portal.CreateNodePool, "name", "first", "size", "s-2vcpu-4gb", "count", "3")(b))
	b.must(err)
	b.want(r, portal.Approved)
	b.clock.advance(24 * time.Hour)
	b.again(r)
	b.meanwhile(func() {
		b.clock.advance(2 * time.Second)
		b.must(b.requests.Expire(t.Context()))
		b.want(b.read(r), portal.Stale)
		d, err := b.requests.PlanRevision(t.Context(), b.member, r.Number, nil)
		b.must(err)
		d.Form.Set("name", "second")
		d.Form.Set("count", "1")
		revised, err := b.requests.Revise(t.Context(), b.signedIn(b.member), r.Number, 1, d.Form)
		b.must(err)
		b.want(revised, portal.Approved)
	})
	_, err = b.executor.Step(t.Context(), r.ID)
	b.wantKind(err, portal.KindConflict, "the worker goes on with the plan before")
	b.wantCalls("create_node_pool", 0)
	r = b.finish(b.again(b.read(r)))
	b.want(r, portal.Succeeded)
	live, err := b.do.GetCluster(t.Context(), b.cluster)
	b.must(err)
	for _, p := range live.NodePools {
		if p.Name == "first" {
			t.Error("the pool of the plan before was made")
		}
	}
}

// An approval holds, and a request waits, for as long as the policy says, also
// while no job has ended it.
func TestDueIsDue(t *testing.T) {
	t.Parallel()
	t.Run("to be carried out", func(t *testing.T) {
		t.Parallel()
		b := richSetup(t)
		r := b.approvedDelete()
		b.clock.advance(5 * 24 * time.Hour)
		r = b.step(b.again(r))
		b.want(r, portal.Stale)
		if r.Reason != request.TooLate {
			t.Errorf("reason %q", r.Reason)
		}
		b.wantCalls("delete_cluster", 0)
	})
	t.Run("to be collected", func(t *testing.T) {
		t.Parallel()
		b := richSetup(t)
		b.must(b.environment(portal.Production))
		r, err := b.requests.Submit(t.Context(), b.member, on(portal.GetKubeconfig, "minutes", "60")(b))
		b.must(err)
		b.must(b.reviews(r, portal.ReviewApprove, "", "bob", "pay-approvers"))
		b.clock.advance(5 * 24 * time.Hour)
		b.again(r)
		_, err = b.executor.Collect(t.Context(), b.signedIn(b.member), r.Number)
		b.wantKind(err, portal.KindConflict, "it is collected")
		b.want(b.read(r), portal.Stale)
	})
	t.Run("to be decided", func(t *testing.T) {
		t.Parallel()
		b := richSetup(t)
		r := b.pending(portal.DeleteCluster)
		b.clock.advance(8 * 24 * time.Hour)
		b.wantKind(b.reviews(r, portal.ReviewApprove, "", "bob", "pay-approvers"), portal.KindConflict, "it is approved")
		b.wantKind(b.requests.BreakGlass(t.Context(), b.admin("ada"), r.Number, 1, r.Digest, "fire"), portal.KindConflict, "glass is broken")
		b.want(b.read(r), portal.Pending)
	})
}

// policy puts a text into force.
func (b *bundle) policy(text string) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), `UPDATE policies SET state = 'superseded'`)
	b.must(err)
	_, err = b.pool.Exec(b.t.Context(), `INSERT INTO policies (version, base, text, issuer, subject, author_name, note, created_at, state)
		SELECT count(*) + 1, 0, $1, 'i', 's', 'n', '', now(), 'in_force' FROM policies`, text)
	b.must(err)
}

// Other words, or less than was asked for, leave a request and its approvals as
// they are: it runs on what was approved. Anything more makes it stale.
func TestAnotherVersionOfThePolicy(t *testing.T) {
	t.Parallel()
	const (
		one = "rules:\n  - {name: all, require: [{approvals: 1, from: [team, platform]}], cool_off: 15m}\n"
		two = "The policy's answer has changed: version 2 of the policy is in force, and it was judged by version 1; it now needs"
	)
	for name, tt := range map[string]struct{ text, stale string }{
		"a comment":       {one + "# and a word\n", ""},
		"another name":    {strings.Replace(one, "name: all", "name: everything", 1), ""},
		"a rule before":   {strings.Replace(one, "rules:", "rules:\n  - {name: registries, risks: [account], deny: not now}", 1), ""},
		"less":            {"rules: [{name: all, allow: true}]", ""},
		"more approvals":  {strings.Replace(one, "approvals: 1", "approvals: 2", 1), two},
		"other approvals": {strings.Replace(one, "[team, platform]", "[platform]", 1), two},
		"a denial":        {"rules: [{name: all, deny: not now}]", "The policy's answer has changed: not now"},
		"longer cool-off": {strings.Replace(one, "15m", "16m", 1), "the cool-off is 16 minutes instead of 15 minutes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			b.policy(one)
			waiting, approved := b.pending(portal.DeleteNodePool), b.approvedDelete()
			b.policy(tt.text)
			b.must(b.requests.Freshen(t.Context()))
			if tt.stale != "" {
				for _, r := range []portal.Request{b.read(waiting), b.read(approved)} {
					if r.State != portal.Stale || !strings.Contains(r.Reason, tt.stale) {
						t.Errorf("%s: %q", r.State, r.Reason)
					}
				}
				return
			}
			b.want(b.read(waiting), portal.Pending)
			b.must(b.reviews(b.read(waiting), portal.ReviewApprove, "", "bob", "pay-approvers"))
			b.clock.advance(16 * time.Minute)
			b.want(b.finish(b.again(b.read(approved))), portal.Succeeded)
		})
	}
}

// What is kept of a request is what was approved, whoever wrote into the
// database.
func TestWhatIsKeptIsWhatWasApproved(t *testing.T) {
	t.Parallel()
	for _, change := range []string{
		`params = jsonb_set(params, '{create_pool,count}', '9')`, `plan = jsonb_set(plan, '{verdict,reason}', '"another"')`,
	} {
		b := richSetup(t)
		r := b.approved(cases[portal.CreateNodePool])
		tag, err := b.pool.Exec(t.Context(), `UPDATE requests SET `+change+` WHERE id = $1`, r.ID)
		b.must(err)
		if tag.RowsAffected() != 1 || b.read(r).Plan.Verdict.Rule == "" {
			t.Fatal(change)
		}
		b.wantStale(b.step(b.again(r)), portal.CreateNodePool, "What is kept of it is no longer what was planned.")
	}
}

// The policy judges the target as it is when people decide and when it runs,
// not as it was when it was asked for.
func TestThePolicySeesTheTargetAsItIs(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.policy(`
rules:
  - {name: card data, risks: [destructive], when: "'pci' in cluster.tags", deny: card data}
  - {name: changes, risks: [change], allow: true}
  - {name: deletions, risks: [destructive], require: [{approvals: 1, from: [team]}]}
`)
	seen, unseen := b.pending(portal.DeleteCluster), b.pending(portal.DeleteNode)
	ask := request.SubmitInput{Operation: portal.UpdateCluster, ClusterID: b.cluster}
	ask.Form = b.opened(ask, "tags", "pci")
	b.must(b.reviews(unseen, portal.ReviewApprove, "", "bob", "pay-approvers"))
	change, err := b.requests.Submit(t.Context(), b.member, ask)
	b.must(err)
	b.want(b.finish(change), portal.Succeeded)
	b.clock.advance(time.Second)
	b.want(b.step(b.again(unseen)), portal.Stale) // by DigitalOcean's word, before the inventory has it
	b.clock.advance(time.Minute)
	b.must(b.syncer.Sync(t.Context()))
	b.must(b.requests.Freshen(t.Context()))
	seen = b.read(seen)
	b.want(seen, portal.Stale)
	if !strings.Contains(seen.Reason, "card data") {
		t.Errorf("reason %q", seen.Reason)
	}
	b.wantCalls("delete_node", 0)
}

// What the policy says of cost holds for several requests together.
func TestCostsThatAddUp(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.policy(`
rules:
  - {name: dear, when: cost.after > 150.0 && cost.change > 0.0, require: [{approvals: 1, from: [team]}]}
  - {name: rest, allow: true}
`)
	var list []portal.Request
	for _, name := range []string{"p1", "p2", "p3"} {
		r, err := b.requests.Submit(t.Context(), b.member, on(portal.CreateNodePool, "name", name, "size", "s-2vcpu-4gb", "count", "1")(b))
		b.must(err)
		b.want(r, portal.Approved) // 120 + 24 dollars
		list = append(list, r)
	}
	b.want(b.finish(list[0]), portal.Succeeded)
	b.clock.advance(time.Second)
	for _, r := range list[1:] {
		b.want(b.step(b.again(r)), portal.Stale)
	}
}

// The name is typed for what is asked for now, not for what was asked before.
func TestTheNameIsTypedForThat(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r, err := b.requests.Submit(t.Context(), b.member, b.deleteAsk())
	b.must(err)
	d, err := b.requests.PlanRevision(t.Context(), b.member, r.Number, nil)
	b.must(err)
	d.Form.Set("operation", string(portal.DeleteClusterDangerous))
	_, err = b.requests.Revise(t.Context(), b.member, r.Number, 1, d.Form)
	if faults := portal.FieldErrorsOf(err); len(faults) != 1 || faults[0].Field != "typed_name" {
		t.Errorf("a deletion becomes a dangerous one: %v", err)
	}
}

// A request that cannot be read stops no other.
func TestOneBadRequestStopsNoOther(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.must(b.environment(portal.Staging))
	var list []portal.Request
	for _, name := range []string{"a", "b"} {
		r, err := b.requests.Submit(t.Context(), b.member, on(portal.CreateNodePool, "name", name, "size", "s-2vcpu-4gb", "count", "1")(b))
		b.must(err)
		list = append(list, r)
	}
	_, err := b.pool.Exec(t.Context(), `UPDATE requests SET judged = '{"change": {"nodes": "many"}}' WHERE id = $1`, list[0].ID)
	b.must(err)
	b.must(b.environment(portal.Production))
	if err := b.requests.Freshen(t.Context()); err == nil {
		t.Error("nobody hears of it")
	}
	b.want(b.read(list[1]), portal.Stale)
}

// Who used break-glass once may review another's.
func TestTwoBreakGlasses(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.pending(portal.DeleteClusterDangerous)
	b.must(b.requests.BreakGlass(t.Context(), b.admin("ada"), r.Number, 1, r.Digest, "fire"))
	b.sim.Resize(b.cluster, 3)
	b.want(b.step(r), portal.Stale)
	b.clock.advance(time.Second)
	r = b.replan(r)
	b.must(b.requests.BreakGlass(t.Context(), b.admin("ben"), r.Number, 2, r.Digest, "still on fire"))
	b.must(b.requests.ReviewBreakGlass(t.Context(), b.admin("ada"), r.Number, r.Digest, "ben was right"))
	b.wantKind(b.requests.ReviewBreakGlass(t.Context(), b.admin("ada"), r.Number, r.Digest, "so was I"), portal.KindForbidden, "one's own")
	b.must(b.requests.ReviewBreakGlass(t.Context(), b.admin("ben"), r.Number, r.Digest, "so was ada"))
	if breakGlass := b.read(r).BreakGlasses; breakGlass[0].Reviewer.Subject != "ben" || breakGlass[1].Reviewer.Subject != "ada" {
		t.Errorf("%+v", breakGlass)
	}
}

// Break-glass does not make a request run before its requester wants it.
func TestBreakGlassAndSchedule(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.must(b.environment(portal.Production))
	ask := cases[portal.CreateNodePool].ask(b)
	ask.Form.Set("start_at", "2026-01-09T22:00")
	r, err := b.requests.Submit(t.Context(), b.member, ask)
	b.must(err)
	b.must(b.requests.BreakGlass(t.Context(), b.admin("ada"), r.Number, 1, r.Digest, "fire"))
	b.want(b.step(r), portal.Approved)
	b.wantCalls("create_node_pool", 0)
}

// Who has approved may have second thoughts while others have not.
func TestSecondThoughts(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.pending(portal.DeleteClusterDangerous)
	b.wantKind(b.requests.Stop(t.Context(), b.approver, r.Number, "no"), portal.KindConflict, "before a decision")
	b.must(b.reviews(r, portal.ReviewApprove, "", "bob", "pay-approvers"))
	b.must(b.requests.Stop(t.Context(), b.approver, r.Number, "no, wait"))
	b.want(b.read(r), portal.Rejected)
}

// Comments are in the order in which they were made, whatever their keys are.
func TestCommentsInTheirOrder(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	r := b.pending(portal.DeleteCluster)
	b.must(b.requests.Comment(t.Context(), b.member, r.Number, "ffffffff-ffff-4fff-bfff-ffffffffffff", "first"))
	b.clock.advance(time.Second)
	b.must(b.requests.Comment(t.Context(), b.approver, r.Number, "0199ffff-ffff-7fff-bfff-ffffffffffff", "second"))
	list, err := store.Comments(t.Context(), b.pool, r.ID, 1)
	b.must(err)
	if len(list) != 1 || list[0].Text != "second" {
		t.Errorf("the newest: %+v", list)
	}
}

// A request that has missed a window says when the next one is.
func TestMissedWindow(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.policy(`
rules:
  - {name: rest, allow: true, holds: 14d, windows: [{days: [fri], from: "03:00", to: "03:10", zone: UTC}]}
`)
	r, err := b.requests.Submit(t.Context(), b.member, cases[portal.CreateNodePool].ask(b))
	b.must(err)
	b.sim.SetState(b.cluster, "upgrading", "")
	b.want(b.step(r), portal.Approved)
	b.sim.SetState(b.cluster, "", "")
	b.clock.advance(10 * time.Minute)
	r = b.step(b.again(r))
	b.want(r, portal.Approved)
	if want := "Waiting for the next window in which the policy allows this: 9 January 2026 03:00 UTC."; r.Reason != want {
		t.Errorf("reason %q, want %q", r.Reason, want)
	}
	b.wantCalls("create_node_pool", 0)
	b.clock.advance(7*24*time.Hour - 10*time.Minute)
	b.want(b.step(b.again(r)), portal.Settling)
}

// Of requests that somebody may not see, a request's page says no more than
// that they are there.
func TestOthersThatAreNotForEverybody(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	_, err := b.requests.Submit(t.Context(), b.admin("ada"), cases[portal.AddRegistries].ask(b))
	b.must(err)
	r := b.pending(portal.DeleteCluster)
	for _, reader := range []struct {
		actor portal.Actor
		all   bool
	}{{b.member, false}, {b.admin("ada"), true}} {
		list, err := request.RelatedRequests(t.Context(), b.pool, reader.actor, r)
		b.must(err)
		if len(list) != 1 || list[0].Conflict == "" || (list[0].Number > 0 && list[0].Target != "" && list[0].Requester != "") != reader.all {
			t.Errorf("%s sees %+v", reader.actor.Name, list)
		}
	}
}

// A request that lost its job is found again, one that nobody may work on yet is
// not.
func TestWhatIsRequeued(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	b.must(b.environment(portal.Development))
	cooling := b.inCoolOff()
	access, err := b.requests.Submit(t.Context(), b.member, on(portal.GetKubeconfig, "minutes", "60")(b))
	b.must(err)
	b.want(access, portal.Approved)
	lost, err := b.requests.Submit(t.Context(), b.member, cases[portal.CreateNodePool].ask(b))
	b.must(err)
	ids, _, err := store.UnfinishedAfter(t.Context(), b.pool, 0, b.clock.Now(), 10)
	b.must(err)
	if len(ids) != 1 || ids[0] != lost.ID {
		t.Errorf("%v, want %s alone", ids, lost.ID)
	}
	ids, _, err = store.UnfinishedAfter(t.Context(), b.pool, 0, cooling.StartsAt, 10)
	b.must(err)
	if len(ids) != 2 {
		t.Errorf("%v after the cool-off", ids)
	}
}

// A form that was sent, gone back to and filled in differently asks for
// something else, and says so instead of losing it.
func TestGoneBackToAndFilledInDifferently(t *testing.T) {
	t.Parallel()
	b := richSetup(t)
	ask := createAsk("first", 1)
	first, err := b.requests.Submit(t.Context(), b.member, ask)
	b.must(err)
	if again, err := b.requests.Submit(t.Context(), b.member, ask); err != nil || again.ID != first.ID {
		t.Errorf("the same once more: #%d, %v", again.Number, err)
	}
	ask.Form.Set("name", "second")
	_, err = b.requests.Submit(t.Context(), b.member, ask)
	b.wantKind(err, portal.KindConflict, "something else with the same form")
	if n := b.count(`SELECT count(*) FROM requests`); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Who decides on a request that turns out to be out of date hears that the
// decision was not taken.
func TestDecisionsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	for name, decide := range map[string]func(b *bundle, r portal.Request) error{
		"an approval": func(b *bundle, r portal.Request) error {
			return b.reviews(r, portal.ReviewApprove, "", "bob", "pay-approvers")
		},
		"broken glass": func(b *bundle, r portal.Request) error {
			return b.requests.BreakGlass(b.t.Context(), b.admin("ada"), r.Number, 1, r.Digest, "fire")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := richSetup(t)
			r := b.pending(portal.DeleteCluster)
			b.sim.Resize(b.cluster, 3)
			b.clock.advance(time.Minute)
			b.must(b.syncer.Sync(t.Context()))
			b.wantKind(decide(b, r), portal.KindConflict, "it is decided on")
			r = b.read(r)
			b.want(r, portal.Stale)
			if len(r.Reviews)+len(r.BreakGlasses) > 0 {
				t.Error("the decision was taken")
			}
		})
	}
}

package execute_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

// walker takes random actions of several people on a request, and holds the
// portal against what must never be.
type walker struct {
	*bundle
	rng    *rand.Rand
	groups map[string][]string // of each person, as the identity provider has them
	id     string
	log    []string
}

// walkers are the people about, with the groups that they begin with. Ann asks.
var walkers = map[string][]string{
	"ann": {"pay", "pay-approvers", "admins"}, "bob": {"pay-approvers"}, "eve": {"pay-approvers", "platform"},
	"pia": {"platform"}, "ada": {"admins"}, "mia": {"pay"}, "sam": {"search"},
}

// actor is a person with the roles that their groups give.
func (w *walker) actor(name string) portal.Actor {
	a := portal.Actor{Identity: portal.Identity{Issuer: w.issuer, Subject: name}, Name: name, Groups: w.groups[name], SignedInAt: w.clock.Now()}
	for group, role := range map[string]portal.Role{"platform": portal.RolePlatformApprover, "admins": portal.RoleAdmin} {
		if slices.Contains(a.Groups, group) {
			a.Roles = append(a.Roles, role)
		}
	}
	return a
}

// confirm has the identity provider say now in which groups people are.
func (w *walker) confirm(names ...string) {
	for _, name := range names {
		w.person(name, w.groups[name]...)
	}
}

func (w *walker) somebody() string {
	names := []string{"ann", "bob", "eve", "pia", "ada", "mia", "sam"}
	return names[w.rng.IntN(len(names))]
}

type action struct {
	name  string
	often int
	do    func(w *walker, who portal.Actor, r portal.Request) error
}

// actions are what may happen, some more often than others. What the portal
// refuses has had no effect.
var actions = []action{
	{"approves", 18, func(w *walker, who portal.Actor, r portal.Request) error {
		return w.requests.Review(w.t.Context(), who, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: r.Digest})
	}},
	{"approves something else", 1, func(w *walker, who portal.Actor, r portal.Request) error {
		return w.requests.Review(w.t.Context(), who, request.ReviewInput{Number: r.Number, Decision: portal.ReviewApprove, Revision: r.Revision, Digest: "another"})
	}},
	{"rejects", 1, func(w *walker, who portal.Actor, r portal.Request) error {
		return w.requests.Review(w.t.Context(), who, request.ReviewInput{Number: r.Number, Decision: portal.ReviewReject, Comment: "no", Revision: r.Revision, Digest: r.Digest})
	}},
	{"asks for changes", 1, func(w *walker, who portal.Actor, r portal.Request) error {
		return w.requests.Review(w.t.Context(), who, request.ReviewInput{Number: r.Number, Decision: portal.ReviewChanges, Comment: "other", Revision: r.Revision, Digest: r.Digest})
	}},
	{"has it planned again", 10, func(w *walker, who portal.Actor, r portal.Request) error {
		_, err := w.requests.Revise(w.t.Context(), who, r.Number, r.Revision, nil)
		return err
	}},
	{"comments", 1, func(w *walker, who portal.Actor, r portal.Request) error {
		return w.requests.Comment(w.t.Context(), who, r.Number, uuid.NewString(), "hm")
	}},
	{"stops it", 1, func(w *walker, who portal.Actor, r portal.Request) error {
		return w.requests.Stop(w.t.Context(), who, r.Number, "wait")
	}},
	{"withdraws it", 1, func(w *walker, who portal.Actor, r portal.Request) error {
		return w.requests.Withdraw(w.t.Context(), who, r.Number)
	}},
	{"does without approvals", 1, func(w *walker, who portal.Actor, r portal.Request) error {
		return w.requests.BreakGlass(w.t.Context(), who, r.Number, r.Revision, r.Digest, "fire")
	}},
	{"reviews that", 1, func(w *walker, who portal.Actor, r portal.Request) error {
		return w.requests.ReviewBreakGlass(w.t.Context(), who, r.Number, r.Digest, "fine")
	}},
	{"has somebody stand in", 2, func(w *walker, who portal.Actor, _ portal.Request) error {
		other := w.somebody()
		if own, err := store.DelegationsOf(w.t.Context(), w.pool, who.Identity, w.clock.Now()); err != nil || other == who.Subject {
			return err
		} else if i := slices.IndexFunc(own, func(d portal.Delegation) bool { return d.Delegator.Identity == who.Identity }); i >= 0 {
			w.ends(own[i])
		}
		w.delegates(who, w.actor(other), week)
		return nil
	}},
	{"gains or loses groups", 4, func(w *walker, who portal.Actor, _ portal.Request) error {
		groups := [][]string{walkers[who.Subject], {}, {"pay"}, {"platform"}, {"pay-approvers"}, {"admins"}}
		w.groups[who.Subject] = groups[w.rng.IntN(len(groups))]
		w.confirm(who.Subject)
		return nil
	}},
	{"sees the cluster change", 2, func(w *walker, _ portal.Actor, _ portal.Request) error {
		w.sim.Resize(w.cluster, 1+w.rng.IntN(3))
		return nil
	}},
	{"sees the inventory renewed", 2, func(w *walker, _ portal.Actor, _ portal.Request) error { return w.syncer.Sync(w.t.Context()) }},
	{"sees time pass", 5, func(w *walker, _ portal.Actor, _ portal.Request) error {
		w.clock.advance([]time.Duration{time.Second, 16 * time.Minute, 16 * time.Minute, 16 * time.Minute, 25 * time.Hour}[w.rng.IntN(5)])
		w.confirm(slices.Collect(maps.Keys(w.groups))...)
		return nil
	}},
	{"sees what is due end", 1, func(w *walker, _ portal.Actor, _ portal.Request) error { return w.requests.Expire(w.t.Context()) }},
	{"sees what is out of date found", 3, func(w *walker, _ portal.Actor, _ portal.Request) error { return w.requests.Freshen(w.t.Context()) }},
	{"sees it protected or not", 1, func(w *walker, _ portal.Actor, _ portal.Request) error {
		w.protect(w.rng.IntN(3) == 0)
		return nil
	}},
	{"sees the queue work", 8, func(w *walker, _ portal.Actor, r portal.Request) error { return w.work(r) }},
}

// work takes a step of the executor. When that begins to send, the request must
// have had all that it needs.
func (w *walker) work(before portal.Request) error {
	_, err := w.executor.Step(w.t.Context(), w.id)
	if after := w.now(); before.State == portal.Approved && len(after.Attempts) > len(before.Attempts) {
		w.mayRun(before)
	}
	return err
}

func (w *walker) now() portal.Request { return w.read(portal.Request{ID: w.id}) }

// mayRun fails unless the request may be carried out, judged from what is
// written down and from who is in which group now.
func (w *walker) mayRun(r portal.Request) {
	w.t.Helper()
	if w.clock.Now().Before(r.StartsAt) {
		w.fail("it was carried out %s too early", r.StartsAt.Sub(w.clock.Now()))
	}
	var admins int
	w.must(w.pool.QueryRow(w.t.Context(), `SELECT count(*) FROM break_glasses g JOIN people p USING (issuer, subject)
		WHERE g.request_id = $1 AND g.revision = $2 AND 'admins' = ANY(p.groups) AND g.subject <> 'ann'`, r.ID, r.Revision).Scan(&admins))
	if admins == 1 {
		return
	}
	var ofTeam, ofPlatform, ofBoth, own int
	w.must(w.pool.QueryRow(w.t.Context(), `SELECT
			count(*) FILTER (WHERE 'pay-approvers' = ANY(groups) AND subject <> 'ann'), count(*) FILTER (WHERE 'platform' = ANY(groups) AND subject <> 'ann'),
			count(*) FILTER (WHERE groups && '{pay-approvers,platform}' AND subject <> 'ann'), count(*) FILTER (WHERE subject = 'ann')
		FROM (SELECT DISTINCT coalesce(nullif(for_subject, ''), subject) AS subject FROM reviews WHERE request_id = $1 AND revision = $2 AND digest = $3 AND decision = 'approve') approving
			JOIN people USING (subject)`, r.ID, r.Revision, r.Digest).Scan(&ofTeam, &ofPlatform, &ofBoth, &own))
	if ofTeam < 1 || ofPlatform < 1 || ofBoth < 2 || own > 0 {
		w.fail("it was carried out with %d of the team, %d of the platform, %d people in all, %d approvals of its own requester", ofTeam, ofPlatform, ofBoth, own)
	}
}

func (w *walker) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Errorf(format, args...)
	for _, line := range w.log {
		w.t.Log(line)
	}
}

// holds checks what holds at any time, when the request is as given.
func (w *walker) holds(r portal.Request) {
	w.t.Helper()
	if n := w.sim.CallCount("delete_cluster_dangerous"); n > 1 {
		w.fail("%d calls", n)
	}
	if n := w.count(`SELECT count(*) FROM reviews WHERE request_id = $1 AND 'ann' IN (subject, for_subject)`, r.ID); n > 0 {
		w.fail("the requester has reviewed, or somebody for them")
	}
	if n := w.count(`SELECT count(*) FROM reviews v JOIN reviews o ON o.request_id = v.request_id AND o.revision = v.revision AND o.id <> v.id
		WHERE v.request_id = $1 AND (o.subject IN (v.subject, v.for_subject) OR o.for_subject = v.for_subject AND o.for_subject <> '')`, r.ID); n > 0 {
		w.fail("somebody has decided twice, or a stand-in and whom they stood in for")
	}
	w.inboxIsTrue(r)
	if n := w.count(`SELECT count(*) FROM reservations`); n > 0 && !r.State.HoldsQuota() {
		w.fail("a request that is %s holds quota", r.State)
	}
	if n := w.count(`SELECT count(*) FROM events WHERE request_id = $1 AND kind = 'execution_intent'`, r.ID); n != len(r.Attempts) {
		w.fail("%d attempts, and %d intents on the trail", len(r.Attempts), n)
	}
}

// inboxIsTrue makes sure that the request is in the inbox of those who may decide
// on it, as themselves or as a stand-in, and of nobody else.
func (w *walker) inboxIsTrue(r portal.Request) {
	w.t.Helper()
	for name := range w.groups {
		a := w.actor(name)
		mandates, err := store.MandatesOf(w.t.Context(), w.pool, a.Identity, w.clock.Now(), w.clock.Now().Add(-portal.KnownFor))
		w.must(err)
		_, refusal := r.WordOf(a, mandates, w.clock.Now())
		list, err := store.NumbersToDecide(w.t.Context(), w.pool, a, w.clock.Now(), 1)
		w.must(err)
		if (refusal == nil) != (len(list) == 1) {
			w.fail("%s may decide: %v, and has %v in the inbox", name, refusal, list)
		}
	}
}

// walks is how many TestRandomWalks takes.
var walks = 40

// Whatever several people and the world do, in whichever order: nothing runs
// without valid approvals at its digest, nobody approves their own, nothing runs
// twice, and a stand-in with whom they stand in for is one.
func TestRandomWalks(t *testing.T) {
	long(t)
	t.Parallel()
	const steps = 100
	ran := make([]bool, walks)
	t.Run("walks", func(t *testing.T) {
		for seed := range walks {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				ran[seed] = walk(t, uint64(seed), steps)
			})
		}
	})
	if n := len(slices.DeleteFunc(ran, func(ok bool) bool { return !ok })); n < walks/8 {
		t.Errorf("only %d of %d walks came to a call: they show nothing", n, walks)
	}
}

// something is one of the actions, by how often they happen.
func (w *walker) something() (chosen action) {
	sum := 0
	for _, a := range actions {
		if sum += a.often; w.rng.IntN(sum) < a.often {
			chosen = a
		}
	}
	return chosen
}

func walk(t *testing.T, seed uint64, steps int) (ran bool) {
	w := &walker{bundle: richSetup(t), rng: rand.New(rand.NewPCG(seed, 7)), groups: map[string][]string{}}
	for name, groups := range walkers {
		w.groups[name] = groups
		w.confirm(name)
	}
	w.policy(strings.Replace(policy.BuiltInText, "    cool_off: 15m\n", "    cool_off: 15m\n    stand_in: 14d\n", 1))
	r, err := w.requests.Submit(t.Context(), w.actor("ann"), cases[portal.DeleteClusterDangerous].ask(w.bundle))
	w.must(err)
	w.id = r.ID
	r = w.now()
	for range steps {
		action, who := w.something(), w.somebody()
		err := action.do(w, w.actor(who), r)
		r = w.now()
		w.log = append(w.log, fmt.Sprintf("%s %s: %v → %s", who, action.name, err, r.State))
		if err != nil && portal.KindOf(err) == portal.KindUnknown {
			w.fail("%s %s: %v", who, action.name, err)
		}
		w.holds(r)
		if t.Failed() || r.State.Final() {
			break
		}
	}
	return w.sim.CallCount("delete_cluster_dangerous") == 1
}

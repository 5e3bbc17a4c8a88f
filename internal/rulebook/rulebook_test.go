package rulebook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

var now = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// bundle is a book with two admins, who have just signed in.
type bundle struct {
	t           *testing.T
	pool        *pgxpool.Pool
	book        *rulebook.Service
	ada, ben    portal.Actor
	relaxations string        // a policy that makes something easier than the built-in one
	otherwise   string        // another such
	stricter    string        // one that makes nothing easier
	dismissed   string        // whom the provider no longer calls an admin
	asked       time.Duration // how long ago it was asked
}

func setup(t *testing.T) *bundle {
	t.Helper()
	t.Parallel()
	b := &bundle{t: t, pool: dbtest.New(t)}
	b.book = b.other()
	admin := func(name string) portal.Actor {
		return portal.Actor{Identity: portal.Identity{Issuer: "https://idp", Subject: name}, Name: name, Roles: []portal.Role{portal.RoleAdmin}, SignedInAt: now.Add(-time.Minute)}
	}
	b.ada, b.ben = admin("ada"), admin("ben")
	b.relaxations = "rules: [{name: all, allow: true}]\n"
	b.otherwise = "rules: [{name: all, allow: true, cool_off: 15m}]\n"
	b.stricter = strings.Replace(policy.BuiltInText, "cool_off: 15m", "cool_off: 30m", 1)
	return b
}

// Confirm stands for what the identity provider says.
func (b *bundle) Confirm(_ context.Context, id portal.Identity) (portal.Actor, time.Time, error) {
	a := portal.Actor{Identity: id, Name: id.Subject}
	if id.Subject != b.dismissed {
		a.Roles = []portal.Role{portal.RoleAdmin}
	}
	return a, now.Add(-b.asked), nil
}

// other is the book of another replica.
func (b *bundle) other() *rulebook.Service {
	return &rulebook.Service{PlatformApprovers: "platform", Pool: b.pool, People: b, Now: func() time.Time { return now }}
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) wantKind(err error, kind portal.Kind) {
	b.t.Helper()
	if err == nil || portal.KindOf(err) != kind {
		b.t.Fatalf("got %v, want kind %d", err, kind)
	}
}

// decision is what the policy in force says of a new production cluster.
func (b *bundle) decision() string {
	b.t.Helper()
	p, err := b.book.InForce(b.t.Context(), b.pool)
	b.must(err)
	v := p.Judge(policy.Input{Team: policy.Team{ApproverGroup: "team"}, Change: policy.Change{Operation: portal.CreateCluster}})
	return fmt.Sprintf("%d %s", v.Policy, policy.Describe(v))
}

// events are the kinds of event on the trail, and by whom.
func (b *bundle) events() []string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), `SELECT kind || ' ' || actor_name || ' ' || (data->>'version') FROM events ORDER BY id`)
	b.must(err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	b.must(err)
	return list
}

func (b *bundle) states() string {
	b.t.Helper()
	list, _, err := b.book.History(b.t.Context(), 0)
	b.must(err)
	var words []string
	for _, p := range list {
		words = append(words, fmt.Sprintf("%d %s", p.Version, p.State))
	}
	return strings.Join(words, ", ")
}

// Before anything is written down the built-in policy is in force, as the
// version that it is then written down as, once, however many replicas start.
func TestEnsure(t *testing.T) {
	b := setup(t)
	const builtIn = "1 1 approval from team or platform"
	if got := b.decision(); got != builtIn {
		t.Error(got)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := b.other().Ensure(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := b.decision(); got != builtIn {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{"policy_in_force portal policy 1"}, b.events()); diff != "" {
		t.Error(diff)
	}
	text, _, err := b.book.Text(t.Context())
	b.must(err)
	if text != policy.BuiltInText {
		t.Errorf("the text in force is %q", text)
	}
}

// The version that was written down stays in force, whatever the program's
// built-in policy has become.
func TestUpgradeChangesNothing(t *testing.T) {
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO policies (version, base, text, issuer, subject, author_name, note, created_at, state, in_force_at)
		VALUES (1, 0, 'rules: [{name: old, deny: as it was}]', 'portal', 'policy', 'portal policy', 'The built-in policy.', now(), 'in_force', now())`)
	b.must(err)
	b.must(b.book.Ensure(t.Context()))
	if got := b.decision(); got != "1 denied" {
		t.Error(got)
	}
}

// What makes nothing easier is in force at once, on every replica.
func TestStricterAtOnce(t *testing.T) {
	b := setup(t)
	replica := b.other()
	_, err := replica.InForce(t.Context(), b.pool)
	b.must(err)
	p, err := b.book.Propose(t.Context(), b.ada, b.base(), strings.ReplaceAll(b.stricter, "\n", "\r\n"), " longer cool-off ")
	b.must(err)
	if p.Version != 2 || p.State != portal.PolicyInForce {
		t.Errorf("%+v", p)
	}
	in, err := replica.InForce(t.Context(), b.pool)
	b.must(err)
	if in.Version != 2 {
		t.Errorf("another replica goes by version %d", in.Version)
	}
	kept, _, err := b.book.Version(t.Context(), 2)
	b.must(err)
	if kept.Text != b.stricter || kept.Note != "longer cool-off" || kept.Author != b.ada.Person() || !kept.InForceAt.Equal(now) {
		t.Errorf("%+v", kept)
	}
	if got := b.states(); got != "2 in_force, 1 superseded" {
		t.Error(got)
	}
	if diff := cmp.Diff([]string{"policy_in_force portal policy 1", "policy_in_force ada 2"}, b.events()); diff != "" {
		t.Error(diff)
	}
	_, err = b.book.Propose(t.Context(), b.ada, b.base(), b.stricter, "again")
	b.wantKind(err, portal.KindInvalid)
}

// What makes something easier waits for another admin.
func TestEasierTakesTwo(t *testing.T) {
	b := setup(t)
	p, err := b.book.Propose(t.Context(), b.ada, b.base(), b.relaxations, "less work")
	b.must(err)
	if p.Version != 2 || p.State != portal.PolicyProposed {
		t.Errorf("%+v", p)
	}
	if got := b.decision(); got != "1 1 approval from team or platform" {
		t.Errorf("in force before the decision: %s", got)
	}
	waiting, relaxations, err := b.book.Proposed(t.Context())
	b.must(err)
	if waiting.Version != 2 || len(relaxations) == 0 {
		t.Errorf("%+v, %q", waiting, relaxations)
	}
	_, err = b.book.Propose(t.Context(), b.ben, b.base(), b.otherwise, "another")
	b.wantKind(err, portal.KindConflict)
	b.wantKind(b.book.Decide(t.Context(), b.ada, 2, true), portal.KindForbidden)
	b.wantKind(b.book.Decide(t.Context(), b.ben, 3, true), portal.KindNotFound)
	b.must(b.book.Decide(t.Context(), b.ben, 2, true))
	if got := b.decision(); got != "2 allowed at once" {
		t.Error(got)
	}
	b.wantKind(b.book.Decide(t.Context(), b.ben, 2, true), portal.KindConflict)
	b.wantKind(b.book.Decide(t.Context(), b.ben, 2, false), portal.KindConflict)
	b.wantKind(b.book.Decide(t.Context(), b.ada, 2, true), portal.KindConflict) // whose own it is does not matter any more
	if diff := cmp.Diff([]string{"policy_in_force portal policy 1", "policy_proposed ada 2", "policy_in_force ben 2"}, b.events()); diff != "" {
		t.Error(diff)
	}
	kept, _, err := b.book.Version(t.Context(), 2)
	b.must(err)
	if kept.DecidedBy != b.ben.Person() || !kept.DecidedAt.Equal(now) || !kept.InForceAt.Equal(now) {
		t.Errorf("%+v", kept)
	}
}

func TestDrop(t *testing.T) {
	b := setup(t)
	for _, who := range []portal.Actor{b.ada, b.ben} {
		p, err := b.book.Propose(t.Context(), b.ada, b.base(), b.relaxations, "less work")
		b.must(err)
		b.must(b.book.Decide(t.Context(), who, p.Version, false))
	}
	if got := b.states(); got != "3 dropped, 2 dropped, 1 in_force" {
		t.Error(got)
	}
	if got := b.events(); len(got) != 5 || !strings.HasPrefix(got[2], "policy_dropped") {
		t.Errorf("%q", got)
	}
}

// Nothing comes in force while a version waits, so that it can be accepted; and
// what was compared with another policy than the one in force is not.
func TestAnotherCameInForce(t *testing.T) {
	b := setup(t)
	_, err := b.book.Propose(t.Context(), b.ada, b.base(), b.relaxations, "less work")
	b.must(err)
	for _, text := range []string{b.stricter, policy.BuiltInText + "# a comment\n"} {
		_, err = b.book.Propose(t.Context(), b.ben, b.base(), text, "meanwhile")
		b.wantKind(err, portal.KindConflict)
	}
	_, err = b.pool.Exec(t.Context(), `UPDATE policies SET base = base + 1 WHERE state = 'proposed'`)
	b.must(err)
	b.wantKind(b.book.Decide(t.Context(), b.ben, 2, true), portal.KindConflict)
	b.must(b.book.Decide(t.Context(), b.ada, 2, false))
	if got := b.states(); got != "2 dropped, 1 in_force" {
		t.Error(got)
	}
}

func TestWhoMay(t *testing.T) {
	b := setup(t)
	stale, ahead, member, nobody := b.ada, b.ada, b.ada, b.ada
	nobody.Identity = portal.Identity{} // with an admin's role
	stale.SignedInAt, ahead.SignedInAt, member.Roles = now.Add(-6*time.Minute), now.Add(2*time.Minute), []portal.Role{portal.RoleAuditor, portal.RolePlatformApprover}
	_, err := b.book.Propose(t.Context(), b.ben, b.base(), b.relaxations, "less work")
	b.must(err)
	for _, who := range []struct {
		actor portal.Actor
		kind  portal.Kind
	}{{stale, portal.KindStepUp}, {ahead, portal.KindStepUp}, {member, portal.KindForbidden}, {nobody, portal.KindForbidden}, {portal.Actor{}, portal.KindForbidden}} {
		_, err := b.book.Propose(t.Context(), who.actor, b.base(), b.stricter, "x")
		b.wantKind(err, who.kind)
		b.wantKind(b.book.Decide(t.Context(), who.actor, 2, true), who.kind)
		b.wantKind(b.book.Decide(t.Context(), who.actor, 2, false), who.kind)
	}
}

func TestFaultsNameFields(t *testing.T) {
	b := setup(t)
	_, err := b.book.Propose(t.Context(), b.ada, b.base(), "rules:\n  - {name: a, allow: maybe}\n  - {name: a, deny: x}", strings.Repeat("x", 501))
	b.wantKind(err, portal.KindInvalid)
	want := portal.FieldErrors{
		{Field: "text", Message: "Line 2, column 22, rule “a”: This is true or false, not “maybe”."},
		{Field: "text", Message: "Line 3, column 12, rule “a”: Another rule is called “a” as well."},
		{Field: "note", Message: "Say in 1 to 500 characters what changes and why."},
	}
	if diff := cmp.Diff(want, portal.FieldErrorsOf(err)); diff != "" {
		t.Error(diff)
	}
	if got := b.events(); len(got) > 0 {
		t.Errorf("something happened: %q", got)
	}
}

// Of many admins at once one has effect.
func TestRace(t *testing.T) {
	b := setup(t)
	b.must(b.book.Ensure(t.Context()))
	outcomes := func(do func(i int) error) (done int, kinds []portal.Kind) {
		var all sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			all.Go(func() { errs[i] = do(i) })
		}
		all.Wait()
		for _, err := range errs {
			if err == nil {
				done++
			} else {
				kinds = append(kinds, portal.KindOf(err))
			}
		}
		return done, slices.Compact(kinds)
	}
	admins := []portal.Actor{b.ada, b.ben}
	done, kinds := outcomes(func(i int) error {
		_, err := b.other().Propose(context.Background(), admins[i%2], b.base(), b.relaxations, "at once")
		return err
	})
	if done != 1 || !slices.Equal(kinds, []portal.Kind{portal.KindConflict}) {
		t.Errorf("%d proposals, others %v", done, kinds)
	}
	p, _, err := b.book.Proposed(t.Context())
	b.must(err)
	decider := b.ada
	if p.Author.Identity == b.ada.Identity {
		decider = b.ben
	}
	done, kinds = outcomes(func(i int) error { return b.other().Decide(context.Background(), decider, p.Version, i%2 == 0) })
	if done != 1 || !slices.Equal(kinds, []portal.Kind{portal.KindConflict}) {
		t.Errorf("%d decisions, others %v", done, kinds)
	}
	if got := b.events(); len(got) != 3 {
		t.Errorf("%q", got)
	}
}

// A decision waits for whoever is putting another version in force, and then
// sees it.
func TestDecisionWaits(t *testing.T) {
	b := setup(t)
	_, err := b.book.Propose(t.Context(), b.ada, b.base(), b.relaxations, "less work")
	b.must(err)
	decided := make(chan error, 1)
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		b.must(store.LockPolicies(t.Context(), tx))
		b.must(store.SupersedePolicy(t.Context(), tx))
		_, err := store.InsertPolicy(t.Context(), tx, portal.PolicyVersion{Base: 1, Text: b.stricter, Author: b.ben.Person(), CreatedAt: now, State: portal.PolicyInForce, InForceAt: now})
		b.must(err)
		go func() { decided <- b.other().Decide(context.Background(), b.ben, 2, true) }()
		for waiting := 0; waiting == 0; {
			b.must(b.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&waiting))
		}
		return nil
	}))
	b.wantKind(<-decided, portal.KindConflict)
	if got := b.states(); got != "3 in_force, 2 proposed, 1 superseded" {
		t.Error(got)
	}
}

// insert keeps a request as it was judged: by the built-in policy, with the
// input or without.
func (b *bundle) insert(in policy.Input, judged any) {
	b.t.Helper()
	p := policy.BuiltIn()
	p.PlatformApprovers, p.Version = "platform", 1
	plan, err := json.Marshal(portal.Plan{Verdict: p.Judge(in)})
	b.must(err)
	_, err = b.pool.Exec(b.t.Context(), `INSERT INTO requests (id, submit_key, operation, target_name, params, justification, plan, digest, state, issuer, subject, requester_name, created_at, updated_at, planned_at, due_at, judged)
		VALUES ($1::uuid, $5, $2, 'x', '{}', '', $3, '', 'succeeded', 'i', 's', 'n', now(), now(), now(), now(), $4)`, uuid.NewString(), in.Change.Operation, plan, judged, uuid.NewString())
	b.must(err)
}

// base is the version in force.
func (b *bundle) base() int {
	b.t.Helper()
	_, version, err := b.book.Text(context.Background())
	b.must(err)
	return version
}

// What was typed on an earlier version does not undo a later one.
func TestProposalsOfAnEarlierVersion(t *testing.T) {
	b := setup(t)
	base := b.base()
	_, err := b.book.Propose(t.Context(), b.ada, base, b.stricter, "longer")
	b.must(err)
	if _, err := b.book.Propose(t.Context(), b.ben, base, b.stricter+"# and a comment\n", "meanwhile"); !portal.Is(err, portal.KindConflict) || b.base() != base+1 {
		t.Errorf("%v, and version %d is in force", err, b.base())
	}
}

// With a transaction InForce sees what the transaction sees.
func TestInForceInTransaction(t *testing.T) {
	b := setup(t)
	rolledBack := errors.New("rolled back")
	err := db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		_, err := store.InsertPolicy(t.Context(), tx, portal.PolicyVersion{Text: "rules: [{name: a, deny: x}]", Author: b.ada.Person(), State: portal.PolicyInForce, CreatedAt: now})
		b.must(err)
		inside, err := b.other().InForce(t.Context(), tx)
		b.must(err)
		if v := inside.Judge(policy.Input{Change: policy.Change{Operation: portal.GetCluster}}); v.Decision != portal.Deny {
			t.Errorf("%+v", v)
		}
		return rolledBack
	})
	if !errors.Is(err, rolledBack) {
		t.Fatal(err)
	}
	if got := b.decision(); got != "1 1 approval from team or platform" {
		t.Error(got)
	}
}

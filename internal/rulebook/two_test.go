package rulebook_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// does reports whether one of the consequences is of a kind.
func does(list []policy.Consequence, word string) bool {
	return slices.ContainsFunc(list, func(c policy.Consequence) bool { return c.Word == word })
}

// know has somebody sign in who is in these groups.
func (b *bundle) know(groups ...string) {
	b.t.Helper()
	b.knowSince(now, groups...)
}

func (b *bundle) knowSince(at time.Time, groups ...string) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), `INSERT INTO people (issuer, subject, name, email, groups, groups_at) VALUES ('i', $1, 'n', 'e', $2, $3)`, uuid.NewString(), groups, at)
	b.must(err)
}

// Who denies everything needs a second admin too, and two put the version before
// back.
func TestDenyEverythingTakesTwo(t *testing.T) {
	b := setup(t)
	const none = "rules: [{name: none, deny: closed}]\n"
	p, err := b.book.Propose(t.Context(), b.ada, b.base(), none, "closed")
	if err != nil {
		t.Fatal(err)
	}
	if p.State != portal.PolicyProposed {
		t.Fatalf("one admin alone has put it in force: %+v", p)
	}
	if c, err := b.book.Check(t.Context(), b.ada, none); err != nil || !does(c.Consequences, "denied:") || does(c.Consequences, "easier:") {
		t.Errorf("it is not told before: %+v, %v", c, err)
	}
	if err := b.book.Decide(t.Context(), b.ben, p.Version, true); err != nil {
		t.Fatal(err)
	}
	back, err := b.book.Propose(t.Context(), b.ben, b.base(), policy.BuiltInText, "open again")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.book.Decide(t.Context(), b.ada, back.Version, true); err != nil {
		t.Fatal(err)
	}
	if inForce, err := b.book.InForce(t.Context(), b.pool); err != nil || inForce.Version != back.Version {
		t.Errorf("%v, %v", inForce, err)
	}
}

// A preview ends when its reader has left.
func TestPreviewEndsWithItsReader(t *testing.T) {
	b := setup(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := b.book.Check(ctx, b.ada, b.stricter); err == nil {
		t.Error("it went on")
	}
}

// Nothing comes in force on the word of an author who is no longer an admin, or
// of whom nobody knows.
func TestAuthorIsConfirmed(t *testing.T) {
	for name, spoil := range map[string]func(*bundle){
		"dismissed": func(b *bundle) { b.dismissed = "ada" }, "not confirmed": func(b *bundle) { b.asked = 5*time.Minute + time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			p, err := b.book.Propose(t.Context(), b.ada, b.base(), b.relaxations, "less work")
			b.must(err)
			spoil(b)
			b.wantKind(b.book.Decide(t.Context(), b.ben, p.Version, true), portal.KindConflict)
			b.dismissed, b.asked = "", 5*time.Minute
			b.must(b.book.Decide(t.Context(), b.ben, p.Version, true))
		})
	}
}

// What needs the approval of a group in which nobody is known to be is denied
// altogether.
func TestApprovalsOfNobodyTakeTwo(t *testing.T) {
	b := setup(t)
	asks := func(group string) string {
		const both = "      - {approvals: 1, from: [platform]}\n"
		return strings.Replace(policy.BuiltInText, both, both+"      - {approvals: 1, from: ['group:"+group+"']}\n", 1)
	}
	for _, groups := range [][]string{{"sre", "pay-approvers"}, {"pay-approvers"}, {"pay-approvers"}, {"sre"}, {"pay"}, {"pay"}, {"platform"}, {"platform"}} {
		b.know(groups...)
	}
	_, err := b.pool.Exec(t.Context(), `INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at) VALUES ($1::uuid, 'pay', 'Pay', 'pay', 'pay-approvers', '{"nodes": 1}', now())`, uuid.NewString())
	b.must(err)
	for group, stops := range map[string]bool{"sre": false, "pay": false, "pay-approvers": false, "ghosts": true} {
		c, err := b.book.Check(t.Context(), b.ada, asks(group))
		b.must(err)
		if len(c.Faults) > 0 || does(c.Consequences, "easier:") || does(c.Consequences, "stopped:") != stops {
			t.Errorf("%s: %+v", group, c)
		}
	}
	p, err := b.book.Propose(t.Context(), b.ada, b.base(), asks("ghosts"), "for ghosts")
	b.must(err)
	if p.State != portal.PolicyProposed {
		t.Errorf("one admin alone has put it in force: %+v", p)
	}
}

// Whoever may approve more under a policy does not accept it.
func TestWhoGainsDoesNotAccept(t *testing.T) {

	b := setup(t)
	b.know("admins")
	text := strings.Replace(policy.BuiltInText, "from: [team, platform]", "from: [team, platform, 'group:admins']", 1)
	p, err := b.book.Propose(t.Context(), b.ada, b.base(), text, "we are all trusted")
	b.must(err)
	if p.State != portal.PolicyProposed {
		t.Fatalf("one admin alone has put it in force: %+v", p)
	}
	gains := b.ben
	gains.Groups = append(gains.Groups, "admins")
	if err := b.book.Decide(t.Context(), gains, p.Version, true); !portal.Is(err, portal.KindForbidden) || !strings.Contains(err.Error(), "would gain") {
		t.Errorf("who gains by it accepts it: %v", err)
	}
	_, err = b.pool.Exec(t.Context(), `INSERT INTO people (issuer, subject, name, email, groups, groups_at)
		VALUES ('https://idp', 'zoe', 'Zoe', '', '{admins}', $1), ('https://idp', 'cem', 'Cem', '', '{}', $1)`, now)
	b.must(err)
	_, err = b.pool.Exec(t.Context(), `INSERT INTO delegations (id, issuer, subject, name, stand_in_issuer, stand_in_subject, stand_in_name, reason, starts_at, until)
		VALUES (gen_random_uuid(), 'https://idp', 'zoe', 'Zoe', 'https://idp', 'cem', 'Cem', 'holidays', $1, $2)`, now.Add(-time.Hour), now.Add(time.Hour))
	b.must(err)
	cem := b.ben
	cem.Subject = "cem"
	if err := b.book.Decide(t.Context(), cem, p.Version, true); !portal.Is(err, portal.KindForbidden) || !strings.Contains(err.Error(), "stand-in for Zoe") {
		t.Errorf("the stand-in of who gains by it accepts it: %v", err)
	}
	b.must(b.book.Decide(t.Context(), b.ben, p.Version, true))
}

// A denial by a condition that all ordinary requests meet takes two as well.
func TestFreezeByConditionTakesTwo(t *testing.T) {

	b := setup(t)
	for _, condition := range []string{"1/(1-1) > 0", "change.nodes < 1000000"} {
		text := strings.Replace(policy.BuiltInText, "rules:\n", "rules:\n  - {name: freeze, when: \""+condition+"\", deny: frozen}\n", 1)
		p, err := b.book.Propose(t.Context(), b.ada, b.base(), text, "a freeze")
		b.must(err)
		if p.State != portal.PolicyProposed {
			t.Fatalf("%s: one admin alone has put it in force", condition)
		}
		b.must(b.book.Decide(t.Context(), b.ada, p.Version, false))
	}
}

// Who is asked for one more approval sees the requests and can reject them, so
// that another group takes two although nothing becomes easier by it.
func TestNewcomersTakeTwo(t *testing.T) {

	b := setup(t)
	b.know("guests")
	with := func(more string) string {
		return strings.Replace(policy.BuiltInText, "require: [{approvals: 1, from: [team, platform]}]", "require: [{approvals: 1, from: [team, platform]}, {approvals: 1, from: ["+more+"]}]", 1)
	}
	p, err := b.book.Propose(t.Context(), b.ada, b.base(), with("'group:guests'"), "one more pair of eyes")
	b.must(err)
	if p.State != portal.PolicyProposed {
		t.Error("one admin alone has let guests in")
	}
	_, said, err := b.book.Proposed(t.Context())
	b.must(err)
	if len(said) != 1 || !strings.Contains(said[0].List[0], "group “guests” see it") {
		t.Errorf("%q", said)
	}
	b.must(b.book.Decide(t.Context(), b.ada, p.Version, false))
	p, err = b.book.Propose(t.Context(), b.ada, b.base(), with("platform"), "one more pair of eyes")
	b.must(err)
	if p.State != portal.PolicyInForce {
		t.Error("an approval more of those who decide already takes two")
	}
}

// A note is read by who decides on the proposal.
func TestNoteThatCannotBeSeen(t *testing.T) {

	b := setup(t)
	_, err := b.book.Propose(t.Context(), b.ada, b.base(), b.stricter, "careful \u202egpj.exe")
	if fields := portal.FieldErrorsOf(err); len(fields) != 1 || fields[0].Field != "note" {
		t.Errorf("%v", err)
	}
}

// Whatever the condition of a denial says, it takes two: around requests that are
// made up to try it, or around those that were made, somebody can write one.
func TestDenialsTakeTwo(t *testing.T) {
	b := setup(t)
	for _, condition := range []string{
		`!actor.email.endsWith("@example.com")`, `team.slug == "pay"`, "quota.limit == 12", `actor.email == "mallory@corp.test"`,
		"quota.before < 10 || quota.before > 17",
	} {
		text := strings.Replace(policy.BuiltInText, "rules:\n", "rules:\n  - {name: freeze, when: '"+condition+"', deny: frozen}\n", 1)
		p, err := b.book.Propose(t.Context(), b.ada, b.base(), text, "a freeze")
		b.must(err)
		if p.State != portal.PolicyProposed {
			t.Fatalf("%s: one admin alone has put it in force", condition)
		}
		b.must(b.book.Decide(t.Context(), b.ada, p.Version, false))
	}
}

// Each step of which denies a part of what could pass takes two, and what two
// have agreed on is not held against the next.
func TestFreezeInStepsTakesTwo(t *testing.T) {

	b := setup(t)
	text := policy.BuiltInText
	for i, step := range []struct {
		condition string
		state     portal.PolicyState
	}{
		{`cluster.ha`, portal.PolicyProposed},
		{`!cluster.ha && cluster.region == "nyc3"`, portal.PolicyProposed},
	} {
		text = strings.Replace(text, "rules:\n", fmt.Sprintf("rules:\n  - {name: step %d, when: '%s', deny: frozen}\n", i, step.condition), 1)
		p, err := b.book.Propose(t.Context(), b.ada, b.base(), text, "one step more")
		b.must(err)
		if p.State != step.state {
			t.Errorf("step %d: %s", i, p.State)
		}
		if p.State == portal.PolicyProposed {
			b.must(b.book.Decide(t.Context(), b.ben, p.Version, true))
		}
	}
	p, err := b.book.Propose(t.Context(), b.ada, b.base(), text+"# no more\n", "nothing else")
	b.must(err)
	if p.State != portal.PolicyInForce {
		t.Error("what two have agreed on is held against the next step")
	}
}

// Whoever makes requests wait for long, by a cool-off and windows, takes a second
// admin: not even break-glass makes an approved request run earlier.
func TestLongWaitsTakeTwo(t *testing.T) {
	for terms, alone := range map[string]bool{
		"  cool_off: 2h": true,
		"  windows: [{days: [mon, tue, wed, thu, fri, sat, sun], from: '20:00', to: '23:00', zone: UTC}]": true,
		"  cool_off: 30h": false,
		"  cool_off: 20h\n  windows: [{days: [mon, tue, wed, thu, fri, sat, sun], from: '20:00', to: '21:00', zone: UTC}]": false,
		"  windows: [{days: [sun], from: '03:00', to: '03:01', zone: UTC}]":                                                false,
	} {
		t.Run(terms, func(t *testing.T) {
			b := setup(t)
			text := "defaults:\n" + terms + "\n" + strings.TrimPrefix(policy.BuiltInText[strings.Index(policy.BuiltInText, "rules:"):], "\n")
			p, err := b.book.Propose(t.Context(), b.ada, b.base(), text, "slower")
			b.must(err)
			if inForce := p.State == portal.PolicyInForce; inForce != alone {
				t.Errorf("in force by one admin: %v", inForce)
			}
		})
	}
}

// Who decides on a few requests of a kind gains by deciding on all, and does not
// accept it.
func TestWhoGainsBySpreadingDoesNotAccept(t *testing.T) {
	b := setup(t)
	b.know("guests")
	const guests = `require: [{approvals: 1, from: [team, platform]}, {approvals: 1, from: ["group:guests"]}]`
	narrow := strings.Replace(policy.BuiltInText, "rules:\n", "rules:\n  - {name: narrow, operations: [create_cluster], environments: [production], when: 'cost.change > 100000.0', "+guests+"}\n", 1)
	p, err := b.book.Propose(t.Context(), b.ada, b.base(), narrow, "large ones")
	b.must(err)
	b.must(b.book.Decide(t.Context(), b.ben, p.Version, true))
	wide := strings.Replace(narrow, "operations: [create_cluster]\n    require: [{approvals: 1, from: [team, platform]}]", "operations: [create_cluster]\n    "+guests, 1)
	p, err = b.book.Propose(t.Context(), b.ada, b.base(), wide, "all")
	b.must(err)
	if p.State != portal.PolicyProposed {
		t.Fatal("one admin alone has spread it")
	}
	gains := b.ben
	gains.Groups = append(gains.Groups, "guests")
	b.wantKind(b.book.Decide(t.Context(), gains, p.Version, true), portal.KindForbidden)
	b.must(b.book.Decide(t.Context(), b.ben, p.Version, true))
}

// Whoever has everything planned again by an edit a day keeps it from running, so
// that one admin alone asks for more only now and then. Other words cost nobody
// anything.
func TestOneAdminAsksForMoreNowAndThen(t *testing.T) {
	b := setup(t)
	edit := func(coolOff int, comment string) portal.PolicyState {
		t.Helper()
		text := strings.Replace(policy.BuiltInText, "cool_off: 15m", fmt.Sprintf("cool_off: %dm", coolOff), 1) + comment
		p, err := b.book.Propose(t.Context(), b.ada, b.base(), text, "a little more")
		b.must(err)
		return p.State
	}
	alone := func(state portal.PolicyState, what string) {
		t.Helper()
		if state != portal.PolicyInForce {
			t.Errorf("%s takes two", what)
		}
	}
	for i := range 3 {
		alone(edit(20+i, ""), "a stricter version")
		alone(edit(20+i, "# words\n"), "a comment")
	}
	if edit(30, "") != portal.PolicyProposed {
		t.Error("a fourth time in a week one admin alone has asked for more")
	}
	if c, err := b.book.Check(t.Context(), b.ada, strings.Replace(policy.BuiltInText, "cool_off: 15m", "cool_off: 31m", 1)); err != nil || len(c.Consequences) != 1 || !strings.Contains(c.Consequences[0].List[0], "3 versions") {
		t.Errorf("it is not told before: %+v, %v", c, err)
	}
	b.must(b.book.Decide(t.Context(), b.ada, b.base()+1, false))
	alone(edit(22, "# other words\n"), "a comment after that")
	_, err := b.pool.Exec(t.Context(), `UPDATE policies SET in_force_at = in_force_at - interval '7 days'`)
	b.must(err)
	for i := range 3 {
		alone(edit(40+i, ""), "a stricter version a week later")
	}
	if edit(50, "") != portal.PolicyProposed {
		t.Fatal("one admin alone has asked for more once again")
	}
	b.must(b.book.Decide(t.Context(), b.ben, b.base()+1, true))
	alone(edit(60, ""), "a stricter version after one that two agreed on")
}

// Who leaves people no time to decide, to collect or to use what they were given
// denies it.
func TestHasteTakesTwo(t *testing.T) {
	const daily = "cool_off: 15m\n    windows: [{days: [mon, tue, wed, thu, fri, sat, sun], from: '02:00', "
	for change, alone := range map[[2]string]bool{
		{"waits: 7d", "waits: 4h"}:                            true,
		{"waits: 7d", "waits: 3h"}:                            false,
		{"holds: 24h", "holds: 4h"}:                           true,
		{"holds: 24h", "holds: 239m"}:                         false,
		{"cool_off: 15m", daily + "to: '03:00', zone: UTC}]"}: true,
		{"cool_off: 15m", daily + "to: '02:59', zone: UTC}]"}: false,
		{"longest_access: 1h", "longest_access: 10m"}:         true,
		{"longest_access: 1h", "longest_access: 9m"}:          false,
	} {
		t.Run(change[1], func(t *testing.T) {
			b := setup(t)
			p, err := b.book.Propose(t.Context(), b.ada, b.base(), strings.Replace(policy.BuiltInText, change[0], change[1], 1), "quicker")
			b.must(err)
			if inForce := p.State == portal.PolicyInForce; inForce != alone {
				t.Errorf("in force by one admin: %v", inForce)
			}
		})
	}
}

// More approvals than a team has people for take two, where it had enough before.
func TestApprovalsOfMoreThanThereAreTakeTwo(t *testing.T) {
	for count, alone := range map[string]bool{"2": true, "4": false} { // the platform approvers are one
		t.Run(count, func(t *testing.T) {
			b := setup(t)
			b.know("pay-approvers")
			b.know("pay-approvers", "x")
			_, err := b.pool.Exec(t.Context(), `INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at) VALUES ($1::uuid, 'pay', 'Pay', 'pay', 'pay-approvers', '{"nodes": 1}', now())`, uuid.NewString())
			b.must(err)
			for range 9 { // who left long ago
				b.knowSince(now.Add(-portal.KnownFor), "pay-approvers")
			}
			text := strings.Replace(policy.BuiltInText, "require: [{approvals: 1, from: [team, platform]}]", "require: [{approvals: "+count+", from: [team, platform]}]", 1)
			p, err := b.book.Propose(t.Context(), b.ada, b.base(), text, "more eyes")
			b.must(err)
			if inForce := p.State == portal.PolicyInForce; inForce != alone {
				t.Errorf("in force by one admin: %v", inForce)
			}
		})
	}
}

// A version is kept for good, so that one person makes only so many.
func TestVersionsOfOnePersonAreBounded(t *testing.T) {
	b := setup(t)
	made := 0
	for i := range 40 {
		_, err := b.book.Propose(t.Context(), b.ada, b.base(), fmt.Sprintf("# %d\n%s", i, policy.BuiltInText), "a comment")
		if portal.Is(err, portal.KindLimited) {
			break
		}
		b.must(err)
		made++
	}
	if made != 20 {
		t.Errorf("%d were made", made)
	}
	_, err := b.book.Propose(t.Context(), b.ben, b.base(), policy.BuiltInText, "as it was")
	b.must(err)
}

// A group that can be taken for another one gets nothing by it: whoever accepts the
// version sees no difference.
func TestGroupsThatLookAlike(t *testing.T) {
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at) VALUES ($1::uuid, 'pay', 'Pay', 'pay', 'pay-approvers', '{"nodes": 1}', now())`, uuid.NewString())
	b.must(err)
	for group, refused := range map[string]bool{"pay-аpprovers": true, "pay\u2010approvers": true, "platfоrm": true, "Platform": true, "pay-approvers": false, "sre": false} {
		text := strings.Replace(b.relaxations, "allow: true", `require: [{approvals: 1, from: ["group:`+group+`"]}]`, 1)
		p, err := b.book.Propose(t.Context(), b.ada, b.base(), text, "another group")
		if refused {
			b.wantKind(err, portal.KindInvalid)
			continue
		}
		b.must(err)
		b.must(b.book.Decide(t.Context(), b.ada, p.Version, false))
	}
}

// What is refused counts as well: it has been read and compared.
func TestRefusedVersionsCount(t *testing.T) {
	b := setup(t)
	alike := strings.Replace(b.relaxations, "allow: true", `require: [{approvals: 1, from: ["group:platfоrm"]}]`, 1)
	for range 20 {
		_, err := b.book.Propose(t.Context(), b.ada, b.base(), alike, "another group")
		b.wantKind(err, portal.KindInvalid)
	}
	_, err := b.book.Propose(t.Context(), b.ada, b.base(), alike, "another group")
	b.wantKind(err, portal.KindLimited)
}

// However long the groups of a version take to compare, others decide meanwhile.
func TestGroupsAreComparedBeforeTheLock(t *testing.T) {
	b := setup(t)
	b.must(b.book.Ensure(t.Context()))
	alike := strings.Replace(b.relaxations, "allow: true", `require: [{approvals: 1, from: ["group:platfоrm"]}]`, 1)
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		b.must(store.LockPolicies(t.Context(), tx))
		_, err := b.book.Propose(t.Context(), b.ada, 1, alike, "another group")
		b.wantKind(err, portal.KindInvalid)
		return nil
	}))
}

package policy_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// strict is the policy that the mutations below change.
const strict = `
defaults: {waits: 7d, holds: 24h, longest_access: 8h}
rules:
  - {name: reads, risks: [read, diagnostic], allow: true}
  - {name: frozen, teams: [pay], risks: [destructive], deny: frozen}
  - name: big
    risks: [change]
    when: change.nodes > 10
    require: [{approvals: 2, from: [team, platform]}]
    cool_off: 15m
  - {name: free, risks: [change], environments: [development], allow: true}
  - name: guarded
    risks: [change, destructive]
    require: [{approvals: 1, from: [team]}, {approvals: 1, from: [platform, "group:sre"]}]
    fresh_sign_in: true
    typed_name: true
    windows: [{days: [mon, tue], from: "09:00", to: "17:00", zone: UTC}]
  - {name: access, risks: [secret], require: [{approvals: 1, from: [team, platform]}], longest_access: 1h}
`

// Each mutation says what has become easier, or that nothing has.
func TestRelaxations(t *testing.T) {
	t.Parallel()
	const relaxes, not = true, false
	tests := []struct {
		name, from, to string
		relaxes        bool
	}{
		{"nothing", "name: reads", "name: reads", not},
		{"another name", "name: guarded", "name: careful", not},
		{"another reason", "deny: frozen", "deny: closed", not},
		{"a rule less, which denied", "  - {name: frozen, teams: [pay], risks: [destructive], deny: frozen}\n", "", relaxes},
		{"a rule less, which allowed", "  - {name: free, risks: [change], environments: [development], allow: true}\n", "", not},
		{"a denial for all", "teams: [pay], risks: [destructive]", "risks: [destructive]", not},
		{"a denial for another team", "teams: [pay]", "teams: [find]", relaxes},
		{"a denial for one team more", "teams: [pay]", "teams: [pay, find]", not},
		{"a denial of less", "risks: [destructive]", "operations: [delete_node]", relaxes},
		{"allowed in one environment more", "[development], allow", "[development, staging], allow", relaxes},
		{"allowed elsewhere", "[development], allow", "[staging], allow", relaxes},
		{"another condition", "change.nodes > 10", "change.nodes > 11", relaxes},
		{"a stricter condition, of which nothing is known", "change.nodes > 10", "change.nodes > 9", relaxes},
		{"no condition", "    when: change.nodes > 10\n", "    environments: [production]\n", relaxes},
		{"an approval less", "approvals: 2", "approvals: 1", relaxes},
		{"an approval more", "approvals: 2", "approvals: 3", not},
		{"fewer who count", "2, from: [team, platform]", "2, from: [platform]", not},
		{"more who count", "2, from: [team, platform]", "2, from: [team, platform, \"group:sre\"]", relaxes},
		{"others who count", "[platform, \"group:sre\"]", "[platform, \"group:ops\"]", relaxes},
		{"needs in another order", `{approvals: 1, from: [team]}, {approvals: 1, from: [platform, "group:sre"]}`, `{approvals: 1, from: ["group:sre"]}, {approvals: 1, from: [team]}`, not},
		{"a need more", "{approvals: 1, from: [team]},", "{approvals: 1, from: [team]}, {approvals: 1, from: [team]},", not},
		{"a need less", "{approvals: 1, from: [team]},", "", relaxes},
		{"two needs for one", `{approvals: 1, from: [team]}, {approvals: 1, from: [platform, "group:sre"]}`, `{approvals: 2, from: [team]}`, relaxes},
		{"approval into denial", `require: [{approvals: 1, from: [team, platform]}], longest_access: 1h`, `deny: "no"`, not},
		{"approval into allowance", "require: [{approvals: 1, from: [team, platform]}], longest_access", "allow: true, longest_access", relaxes},
		{"longer waits", "waits: 7d", "waits: 8d", relaxes},
		{"shorter waits", "waits: 7d", "waits: 6d", not},
		{"longer holds", "holds: 24h", "holds: 2d", relaxes},
		{"shorter holds", "holds: 24h", "holds: 1h", not},
		{"longer access", "longest_access: 1h", "longest_access: 2h", relaxes},
		{"shorter access", "longest_access: 1h", "longest_access: 30m", not},
		{"longer access by default, which every rule for it narrows", "longest_access: 8h", "longest_access: 9h", not},
		{"a shorter cool-off", "cool_off: 15m", "cool_off: 14m", relaxes},
		{"a longer cool-off", "cool_off: 15m", "cool_off: 16m", not},
		{"no fresh sign-in", "    fresh_sign_in: true\n", "", relaxes},
		{"no typed name", "typed_name: true", "typed_name: false", relaxes},
		{"a fresh sign-in by default", "longest_access: 8h}", "longest_access: 8h, fresh_sign_in: true}", not},
		{"no windows", "    windows: [{days: [mon, tue], from: \"09:00\", to: \"17:00\", zone: UTC}]\n", "", relaxes},
		{"another window", "17:00", "16:00", relaxes},
		{"another day of a window", "[mon, tue], from", "[mon, wed], from", relaxes},
		{"another start of a window", `from: "09:00"`, `from: "08:59"`, relaxes},
		{"another zone of a window", "zone: UTC", "zone: Europe/Berlin", relaxes},
		{"a window more", "zone: UTC}]", "zone: UTC}, {days: [wed], from: \"09:00\", to: \"17:00\", zone: UTC}]", relaxes},
		{"windows where there were none", "cool_off: 15m", "cool_off: 15m\n    windows: [{days: [sun], from: \"09:00\", to: \"17:00\", zone: UTC}]", not},
		{"a rule more at the end", "longest_access: 1h}", "longest_access: 1h}\n  - {name: registries, risks: [account], allow: true}", relaxes},
		{"a denial more before", "  - name: big", "  - {name: closed, operations: [create_cluster], when: cluster.ha, deny: no HA}\n  - name: big", not},
		{"an allowance before", "  - name: big", "  - {name: quick, operations: [create_cluster], when: cluster.ha, allow: true}\n  - name: big", relaxes},
		{"a condition that may not be evaluated less", "  - name: big\n    risks: [change]\n    when: change.nodes > 10\n    require: [{approvals: 2, from: [team, platform]}]\n    cool_off: 15m\n", "", relaxes},
	}
	for _, tt := range tests {
		if !strings.Contains(strict, tt.from) {
			t.Errorf("%s: the policy has no %q", tt.name, tt.from)
		}
		got := policy.Relaxations(t.Context(), must(t, strict), must(t, strings.Replace(strict, tt.from, tt.to, 1)))
		if (len(got) > 0) != tt.relaxes {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestRelaxationsWords(t *testing.T) {
	t.Parallel()
	now := strings.NewReplacer("[development], allow", "[development, staging], allow", "deny: frozen", "require: [{approvals: 1, from: ['group:sre']}]",
		"longest_access: 1h", "longest_access: 4h", "typed_name: true", "typed_name: false").Replace(strict)
	got := policy.Relaxations(t.Context(), must(t, strict), must(t, now))
	want := []string{
		"Create cluster, Update cluster, Add node pool, Update node pool, Upgrade cluster, Extend lease in production of team pay, production of other teams: the name no longer has to be typed (rule “guarded”).",
		"Create cluster, Update cluster, Add node pool, Update node pool, Upgrade cluster, Extend lease in staging of team pay, staging of other teams: allowed at once (rule “free”), " +
			"previously 1 approval from the team's approvers and 1 approval from platform approvers or group sre (rule “guarded”).",
		"Delete cluster, Delete node pool, Delete node, Recycle nodes in development of other teams, staging of other teams, production of other teams: the name no longer has to be typed (rule “guarded”).",
		"Delete cluster, Delete node pool, Delete node, Recycle nodes in development of team pay, staging of team pay, production of team pay: " +
			"1 approval from group sre (rule “frozen”), previously denied (rule “frozen”).",
		"Get credentials, Get kubeconfig in development of team pay, development of other teams, staging of team pay, staging of other teams, production of team pay, production of other teams: " +
			"access is valid for up to 4h, previously 1h (rule “access”).",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRelaxationsPlatformGroup(t *testing.T) {
	t.Parallel()
	old, now := must(t, strict), must(t, strict)
	now.PlatformApprovers = "everybody"
	if got := policy.Relaxations(t.Context(), old, now); len(got) != 1 || !strings.Contains(got[0], "“everybody” instead of “platform”") {
		t.Errorf("%q", got)
	}
}

// An old need may be covered by several new ones; it leaves to others what they
// alone can be covered by.
func TestRelaxationsMovesNeeds(t *testing.T) {
	t.Parallel()
	of := func(needs string) *policy.Policy { return must(t, "rules: [{name: a, require: ["+needs+"]}]") }
	old := of("{approvals: 1, from: [team, platform]}, {approvals: 1, from: [team]}")
	if got := policy.Relaxations(t.Context(), old, of("{approvals: 1, from: [team]}, {approvals: 1, from: [platform]}")); len(got) > 0 {
		t.Errorf("%q", got)
	}
	if got := policy.Relaxations(t.Context(), old, of("{approvals: 1, from: [platform]}, {approvals: 1, from: [platform]}")); len(got) == 0 {
		t.Error("the team's approval is not missed")
	}
}

// conditional is a policy of as many conditions as fit, different for each
// name, and for every operation another rule at the end.
func conditional(name string) string {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 200 - len(portal.Catalogue) {
		fmt.Fprintf(&b, "  - {name: r%d, when: 'change.nodes > %d || team.slug == %q', deny: no}\n", i, i, name)
	}
	for _, op := range portal.Catalogue {
		fmt.Fprintf(&b, "  - {name: %s, operations: [%s], require: [{approvals: 1, from: [team]}]}\n", op.ID, op.ID)
	}
	return b.String()
}

// More conditions than can be compared count as easier, and soon.
func TestRelaxationsTooMany(t *testing.T) {
	t.Parallel()
	a, b := must(t, conditional("a")), must(t, conditional("b"))
	if got := policy.Relaxations(t.Context(), a, a); len(got) > 0 {
		t.Errorf("a policy is easier than itself: %q", got)
	}
	begun := time.Now()
	got := policy.Relaxations(t.Context(), a, b)
	if took := time.Since(begun); len(got) == 0 || !strings.Contains(got[len(got)-1], "too many to compare") || took > 5*time.Second {
		t.Errorf("after %s: %q", took, got)
	}
}

// Whenever nothing is said to be easier, no request is. The policies are made
// up of parts that overlap in many ways.
func TestRelaxationsIsSound(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pairs, stricter := sample(1000), 0
	for range pairs {
		old, now := randomPolicy(t, random), randomPolicy(t, random)
		if len(policy.Relaxations(t.Context(), old, now)) > 0 {
			continue
		}
		stricter++
		for _, in := range someInputs() {
			if before, after := old.Judge(in), now.Judge(in); softer(before, after) {
				t.Fatalf("%s in %q of %q: %s, before %s", in.Change.Operation, in.Cluster.Environment, in.Team.Slug, say(after), say(before))
			}
		}
	}
	if stricter < pairs*30/1000 {
		t.Errorf("only %d of %d pairs were not easier", stricter, pairs)
	}
}

// Steps of which none makes anything easier do not make it easier together.
func TestStepsOfOneAdmin(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	admins, steps := sample(60), 0
	for range admins {
		first := randomPolicy(t, random)
		for last, tries := first, 0; tries < 60; tries++ {
			next := randomPolicy(t, random)
			if len(policy.Relaxations(t.Context(), last, next)) > 0 {
				continue
			}
			last = next
			steps++
			for _, in := range someInputs() {
				if before, after := first.Judge(in), last.Judge(in); softer(before, after) {
					t.Fatalf("%s in %q of %q: %s, at first %s", in.Change.Operation, in.Cluster.Environment, in.Team.Slug, say(after), say(before))
				}
			}
		}
	}
	if steps < 2*admins {
		t.Errorf("%d admins took only %d steps", admins, steps)
	}
}

// A rule for a team counts whether there is such a team or not: who makes the
// team afterwards loosens nothing.
func TestTeamsThatDoNotExist(t *testing.T) {
	t.Parallel()
	now := must(t, strings.Replace(strict, "rules:\n", "rules:\n  - {name: ours, teams: [not-there], allow: true}\n", 1))
	if got := policy.Relaxations(t.Context(), must(t, strict), now); len(got) == 0 || !strings.Contains(strings.Join(got, " "), "team not-there") {
		t.Errorf("%q", got)
	}
}

// teams names teams, each with so many digits that its name is unlike others.
func teams(from, to int) string {
	var list []string
	for i := from; i < to; i++ {
		list = append(list, fmt.Sprintf("t%d", i))
	}
	return strings.Join(list, ", ")
}

// Teams of which all rules say the same are one; more sets of them than can be
// compared count as easier, and as stopped.
func TestManyTeams(t *testing.T) {
	t.Parallel()
	alike := must(t, "rules: [{name: a, teams: ["+teams(0, 5000)+"], allow: true}, {name: b, deny: x}]")
	got := policy.Relaxations(t.Context(), must(t, "rules: [{name: b, deny: x}]"), alike)
	if len(got) != 1 || !strings.Contains(got[0], "production of team t1000, production of 4995 more like them") || len(got[0]) > 2000 {
		t.Errorf("%.500q", got)
	}
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 160 {
		fmt.Fprintf(&b, "  - {name: r%d, teams: [%s], when: cluster.ha, deny: x}\n", i, teams(10*i, 10*i+15)) // each shares some with the next
	}
	b.WriteString("  - {name: rest, allow: true}\n")
	many := must(t, b.String())
	if got := policy.Relaxations(t.Context(), many, many); len(got) != 1 || !strings.Contains(got[0], "teams are too many") {
		t.Errorf("%.500q", got)
	}
	if got := policy.Stops(t.Context(), many, many, nil); len(got) != 1 || !strings.Contains(got[0], "teams are too many") {
		t.Errorf("%.500q", got)
	}
}

// Nobody works on for a reader who has left, and what was not compared is not
// taken for as strict.
func TestComparisonEndsWithItsReader(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	leave()
	p := must(t, strict)
	if got := policy.Relaxations(ctx, p, p); len(got) == 0 {
		t.Error("it went on, or gave up in silence")
	}
	if got := policy.Stops(ctx, p, p, nil); len(got) == 0 {
		t.Error("it went on, or gave up in silence")
	}
}

// sample is how many of so many random policies a test tries: a tenth with -short, as
// under the race detector, which finds nothing in what one goroutine does; `make test`
// tries them all.
func sample(all int) int {
	if testing.Short() {
		return all / 10
	}
	return all
}

func randomPolicy(t *testing.T, random *rand.Rand) *policy.Policy {
	t.Helper()
	pick := func(choices ...string) string { return choices[random.IntN(len(choices))] }
	for {
		var b strings.Builder
		b.WriteString("rules:\n")
		for i := range 1 + random.IntN(3) {
			fmt.Fprintf(&b, "  - {name: r%d, %s%s%s%s%s}\n", i,
				pick("", "", "risks: [change], ", "operations: [create_cluster], "), pick("", "", "environments: [production], ", "environments: [development, staging], "),
				pick("", "", "teams: [pay], "), pick("", "when: cluster.ha, ", "when: 'cluster.tags[0] == \"x\"', "),
				pick("deny: x", "allow: true", "require: [{approvals: 1, from: [team]}]", "require: [{approvals: 1, from: [team, platform]}]",
					"require: [{approvals: 1, from: [team]}, {approvals: 1, from: [platform]}]", "require: [{approvals: 2, from: [platform]}]"))
		}
		if p, faults := policy.Parse([]byte(b.String())); len(faults) == 0 {
			p.PlatformApprovers = "platform"
			return p
		}
	}
}

func someInputs() []policy.Input {
	var list []policy.Input
	for _, op := range []portal.OperationID{portal.CreateCluster, portal.UpdateCluster, portal.DeleteNode} {
		for _, e := range portal.Environments {
			for _, team := range []string{"pay", "find"} {
				for n := range 6 {
					in := input(op, e, false)
					in.Team.Slug, in.Cluster.HA = team, n%2 == 0
					in.Cluster.Tags = [][]string{nil, {"x"}, {"y"}}[n/2]
					list = append(list, in)
				}
			}
		}
	}
	return list
}

// softer reports whether somebody could be enough for the second verdict but
// not for the first.
func softer(before, after portal.Verdict) bool {
	if after.Decision == portal.Deny {
		return false
	}
	if before.Decision == portal.Deny {
		return true
	}
	people := [][][]string{{}, {{"team"}}, {{"platform"}}, {{"team"}, {"platform"}}, {{"team"}, {"team"}}, {{"platform"}, {"platform"}}}
	for _, some := range people {
		if len(after.Outstanding(some)) == 0 && len(before.Outstanding(some)) > 0 {
			return true
		}
	}
	return false
}

func TestDiffer(t *testing.T) {
	t.Parallel()
	approve := portal.Verdict{Decision: portal.Approve, Rule: "a", Reason: "x", Policy: 1, Approvals: []portal.ApprovalRule{{Count: 1, Groups: []string{"a", "b"}}}}
	same, other, terms, denied := approve, approve, approve, portal.Verdict{Decision: portal.Deny}
	same.Rule, same.Reason, same.Policy, same.Approvals = "b", "y", 2, []portal.ApprovalRule{{Count: 1, Groups: []string{"b", "a"}}}
	other.Approvals = []portal.ApprovalRule{{Count: 2, Groups: []string{"a", "b"}}}
	terms.CoolOff, terms.TypedName = 900e9, true
	tests := []struct {
		after portal.Verdict
		want  string
	}{
		{same, ""},
		{other, "other approvals: 1 approval from a or b → 2 approvals from a or b"},
		{terms, "other terms: cool-off 0m, typed name no → cool-off 15m, typed name yes"},
		{denied, "denied, previously needs approval: 1 approval from a or b → denied"},
		{portal.Verdict{Decision: portal.Allow}, "allowed, previously needs approval: 1 approval from a or b → allowed at once"},
	}
	for _, tt := range tests {
		d, differs := policy.Differ(approve, tt.after)
		if got := d.Kind + ": " + d.Before + " → " + d.After; differs != (tt.want != "") || differs && got != tt.want {
			t.Errorf("%v %q, want %q", differs, got, tt.want)
		}
	}
}

// Plans stay as they are under a policy that asks for the same in other words or
// for less, and not under one that asks for anything more.
func TestStricter(t *testing.T) {
	t.Parallel()
	planned := portal.Verdict{Decision: portal.Approve, Rule: "a", Policy: 1, Approvals: []portal.ApprovalRule{{Count: 1, Groups: []string{"a", "b"}}, {Count: 2, Groups: []string{"c"}}}}
	planned.WaitFor, planned.HoldFor, planned.CoolOff, planned.LongestAccess = 10*time.Hour, 10*time.Hour, 10*time.Hour, 10*time.Hour
	approvals := func(rules ...portal.ApprovalRule) func(*portal.Verdict) {
		return func(v *portal.Verdict) { v.Approvals = rules }
	}
	tests := []struct {
		name   string
		change func(*portal.Verdict)
		want   bool
	}{
		{"other words", func(v *portal.Verdict) { v.Rule, v.Reason, v.Policy = "b", "why", 2 }, false},
		{"allowed", func(v *portal.Verdict) { v.Decision, v.Approvals = portal.Allow, nil }, false},
		{"denied", func(v *portal.Verdict) { v.Decision, v.Approvals = portal.Deny, nil }, true},
		{"in another order", approvals(portal.ApprovalRule{Count: 2, Groups: []string{"c"}}, portal.ApprovalRule{Count: 1, Groups: []string{"b", "a"}}), false},
		{"fewer approvals", approvals(portal.ApprovalRule{Count: 1, Groups: []string{"c"}}), false},
		{"from more people", approvals(portal.ApprovalRule{Count: 2, Groups: []string{"c", "d"}}), false},
		{"more approvals", approvals(portal.ApprovalRule{Count: 3, Groups: []string{"c"}}), true},
		{"from fewer people", approvals(portal.ApprovalRule{Count: 1, Groups: []string{"a"}}), true},
		{"from others", approvals(portal.ApprovalRule{Count: 1, Groups: []string{"z"}}), true},
		{"from others as well", approvals(append(slices.Clone(planned.Approvals), portal.ApprovalRule{Count: 1, Groups: []string{"z"}})...), true},
		{"longer waits", func(v *portal.Verdict) { v.WaitFor++ }, false},
		{"shorter waits", func(v *portal.Verdict) { v.WaitFor-- }, true},
		{"longer holds", func(v *portal.Verdict) { v.HoldFor++ }, false},
		{"shorter holds", func(v *portal.Verdict) { v.HoldFor-- }, true},
		{"a shorter cool-off", func(v *portal.Verdict) { v.CoolOff-- }, false},
		{"a longer cool-off", func(v *portal.Verdict) { v.CoolOff++ }, true},
		{"shorter access", func(v *portal.Verdict) { v.LongestAccess-- }, true},
		{"a fresh sign-in", func(v *portal.Verdict) { v.FreshSignIn = true }, true},
		{"a typed name", func(v *portal.Verdict) { v.TypedName = true }, true},
		{"windows", func(v *portal.Verdict) { v.Windows = []portal.Window{{Days: []time.Weekday{time.Monday}}} }, true},
	}
	for _, tt := range tests {
		now := planned
		tt.change(&now)
		if got := policy.Stricter(planned, now, portal.GetKubeconfig); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	allowed, denied := planned, planned
	allowed.Decision, allowed.Approvals = portal.Allow, nil
	denied.Decision, denied.Approvals = portal.Deny, nil
	if !policy.Stricter(allowed, planned, portal.GetKubeconfig) {
		t.Error("approvals are no more than none")
	}
	if !policy.Stricter(denied, allowed, portal.GetKubeconfig) {
		t.Error("what was denied holds")
	}
	short := planned
	short.LongestAccess--
	if policy.Stricter(planned, short, portal.UpdateCluster) {
		t.Error("the longest access matters where no access is handed out")
	}
}

package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// say is a verdict in short: its decision and, for each need, how many
// approvals from whom.
func say(v portal.Verdict) string {
	words := []string{string(v.Decision)}
	for _, n := range v.Approvals {
		words = append(words, fmt.Sprintf("%d %s", n.Count, strings.Join(n.Groups, "/")))
	}
	return strings.Join(words, ", ")
}

func input(op portal.OperationID, e portal.Environment, over bool) policy.Input {
	return policy.Input{Team: policy.Team{ApproverGroup: "team"}, Cluster: policy.Cluster{Environment: e},
		Change: policy.Change{Operation: op, Risk: op.Risk()}, Quota: policy.Quota{Over: over}}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	over := portal.QuotaEffect{Lines: []portal.QuotaLine{{Item: portal.AllNodes, Limit: 1, Before: 1, After: 2}}}
	within := portal.QuotaEffect{}
	const one, platform, both = "approve, 1 team/platform", "approve, 1 platform", "approve, 1 team, 1 platform"
	tests := []struct {
		op    portal.OperationID
		env   portal.Environment
		quota portal.QuotaEffect
		want  string
	}{
		{portal.CreateCluster, portal.Development, within, "allow"},
		{portal.CreateCluster, portal.Staging, within, "allow"},
		{portal.CreateCluster, portal.Production, within, one},
		{portal.CreateCluster, "", within, one},
		{portal.CreateCluster, portal.Development, over, "deny"},
		{portal.CreateCluster, portal.Production, over, "deny"},
		{portal.UpdateCluster, portal.Production, within, one},
		{portal.UpgradeCluster, portal.Staging, within, "allow"},
		{portal.UpgradeCluster, portal.Production, within, one},
		{portal.UpdateNodePool, portal.Development, over, "deny"},
		{portal.DeleteNodePool, portal.Development, within, one},
		{portal.DeleteNode, portal.Development, within, one},
		{portal.RecycleNodePool, portal.Staging, within, one},
		{portal.DeleteCluster, portal.Development, within, one},
		{portal.DeleteCluster, portal.Production, over, one},
		{portal.DeleteClusterSelective, portal.Development, within, platform},
		{portal.DeleteClusterDangerous, portal.Development, within, both},
		{portal.RunClusterlint, portal.Production, within, "allow"},
		{portal.GetKubeconfig, portal.Development, within, "allow"},
		{portal.GetKubeconfig, portal.Production, within, one},
		{portal.GetCredentials, "", within, one},
		{portal.AddRegistries, "", within, platform},
		{portal.RemoveRegistry, "", within, platform},
		{"no_such_operation", portal.Development, within, "deny"},
	}
	p := policy.BuiltIn()
	p.PlatformApprovers = "platform"
	for _, tt := range tests {
		v := p.Judge(input(tt.op, tt.env, tt.quota.Over()))
		if got := say(v); got != tt.want || v.Reason == "" {
			t.Errorf("%s in %q: %s (%s), want %s", tt.op, tt.env, got, v.Reason, tt.want)
		}
	}
}

// Where there are no platform approvers, what needs one is not possible.
func TestNoPlatformApprovers(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.DeleteClusterSelective, portal.DeleteClusterDangerous, portal.AddRegistries} {
		if v := policy.BuiltIn().Judge(input(op, "", false)); v.Decision != portal.Deny {
			t.Errorf("%s: %s", op, say(v))
		}
	}
}

func TestLongestAccess(t *testing.T) {
	t.Parallel()
	for env, want := range map[portal.Environment]time.Duration{portal.Development: 8 * time.Hour, portal.Staging: 8 * time.Hour, portal.Production: time.Hour, "": time.Hour} {
		if got := policy.BuiltIn().Judge(input(portal.GetKubeconfig, env, false)).LongestAccess; got != want {
			t.Errorf("%q: %s, want %s", env, got, want)
		}
	}
}

// must parses a policy that has no fault.
func must(t testing.TB, text string) *policy.Policy {
	t.Helper()
	p, faults := policy.Parse([]byte(text))
	if len(faults) > 0 {
		t.Fatalf("%v in\n%s", faults, text)
	}
	p.PlatformApprovers = "platform"
	return p
}

func TestBuiltInTerms(t *testing.T) {
	t.Parallel()
	p := policy.BuiltIn()
	p.PlatformApprovers, p.Version = "platform", 7
	got := p.Judge(input(portal.DeleteClusterDangerous, "", false))
	want := portal.Verdict{
		Decision: portal.Approve, Rule: "deletions with all data", Policy: 7, Reason: got.Reason,
		Approvals: []portal.ApprovalRule{{Count: 1, Groups: []string{"team"}}, {Count: 1, Groups: []string{"platform"}}},
		Terms:     portal.Terms{WaitFor: 7 * 24 * time.Hour, HoldFor: 24 * time.Hour, LongestAccess: 8 * time.Hour, LongestGrant: 30 * 24 * time.Hour, CoolOff: 15 * time.Minute, FreshSignIn: true, TypedName: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What no policy can lift.
func TestHardRules(t *testing.T) {
	t.Parallel()
	everything := "rules: [{name: all, allow: true}]"
	from := func(who string) string {
		return "rules: [{name: all, require: [{approvals: 1, from: [" + who + "]}]}]"
	}
	nobodys := input(portal.CreateCluster, portal.Development, false)
	nobodys.Team = policy.Team{}
	tests := []struct {
		name, text, platform string
		in                   policy.Input
		reason               string
	}{
		{"quota", everything, "p", input(portal.CreateCluster, portal.Development, true), "It would exceed the team's quota."},
		{"no rule", "rules: [{name: one, operations: [delete_node], allow: true}]", "p", input(portal.CreateCluster, portal.Development, false), "The policy has no rule for this operation."},
		{"unknown operation", everything, "p", input("no_such_operation", portal.Development, false), "The policy has no rule for this operation."},
		{"broken condition", `rules: [{name: first, when: 'cluster.tags[0] == "x"', allow: true}, {name: all, allow: true}]`, "p",
			input(portal.CreateCluster, portal.Development, false), "The condition of rule “first” cannot be evaluated: index out of bounds: 0."},
		{"no platform approvers", from("platform"), "", input(portal.CreateCluster, portal.Development, false), "It needs a platform approver, and this portal has none."},
		{"no team", from("team"), "p", nobodys, "It needs an approver of the team, and there is none."},
		{"neither", from("team, platform"), "", nobodys, "It needs an approver of the team or a platform approver, and there is neither."},
	}
	for _, tt := range tests {
		p := must(t, tt.text)
		p.PlatformApprovers = tt.platform
		if v := p.Judge(tt.in); v.Decision != portal.Deny || v.Reason != tt.reason || len(v.Approvals) > 0 || v.WaitFor == 0 {
			t.Errorf("%s: %+v, want %s", tt.name, v, tt.reason)
		}
	}
	p := must(t, from("team, platform"))
	if got := say(p.Judge(nobodys)); got != "approve, 1 platform" {
		t.Errorf("a team without approvers leaves the platform's: %s", got)
	}
}

// A lie about the risk, or an environment that nobody knows, opens nothing.
func TestInputIsNotBelieved(t *testing.T) {
	t.Parallel()
	p := policy.BuiltIn()
	in := input(portal.DeleteCluster, "sandbox", false)
	in.Change.Risk = portal.RiskRead
	if v := p.Judge(in); v.Decision != portal.Approve {
		t.Errorf("a deletion said to be a read: %s", say(v))
	}
	in = input(portal.CreateCluster, portal.Development, true)
	in.Change.Risk = portal.RiskRead
	if v := p.Judge(in); v.Decision != portal.Deny {
		t.Errorf("growth beyond the quota, said to be a read: %s", say(v))
	}
	if v := p.Judge(input(portal.CreateCluster, "sandbox", false)); v.Decision != portal.Approve {
		t.Errorf("an environment that there is not: %s", say(v))
	}
	when := must(t, `rules: [{name: a, when: cluster.environment == "production", deny: production}, {name: b, allow: true}]`)
	if v := when.Judge(input(portal.CreateCluster, "", false)); v.Decision != portal.Deny {
		t.Errorf("no environment: %s", say(v))
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	in := input(portal.UpdateNodePool, portal.Production, false)
	in.Actor = policy.Actor{Name: "Ada", Email: "ada@example.org", Roles: []string{"admin"}}
	in.Team.Slug = "pay"
	in.Cluster.Tags, in.Cluster.Nodes, in.Cluster.Protected = []string{"pci"}, 4, true
	in.Change.Nodes, in.Change.Fields = 3, []string{"nodes"}
	in.Cost = policy.Cost{Before: 48, After: 84.5, Change: 36.5}
	in.Blast = policy.Blast{LoadBalancers: 2}
	tests := map[string]bool{
		`actor.name == "Ada" && actor.email.endsWith("@example.org")`: true,
		`"admin" in actor.roles`:                                            true,
		`size(actor.groups) == 0`:                                           true,
		`team.slug == "pay" && team.approver_group == "team"`:               true,
		`"pci" in cluster.tags && cluster.protected`:                        true,
		`change.nodes > 3`:                                                  false,
		`change.nodes >= 3.0`:                                               true,
		`change.fields.all(f, f in ["nodes", "name"])`:                      true,
		`change.operation == "update_node_pool" && change.risk == "change"`: true,
		`cost.change > 36`:                                                  true,
		`cost.after < 84`:                                                   false,
		`blast.load_balancers == 2 && blast.open_requests == 0`:             true,
		`quota.over || quota.after > 0`:                                     false,
		`cluster.environment == "production"`:                               true,
	}
	for text, want := range tests {
		p := must(t, "rules:\n  - name: a\n    when: |\n      "+text+"\n    allow: true\n")
		if v := p.Judge(in); (v.Decision == portal.Allow) != want {
			t.Errorf("%s: %s (%s)", text, say(v), v.Reason)
		}
	}
}

// A condition that would take long ends in a denial.
func TestCostIsBounded(t *testing.T) {
	t.Parallel()
	in := input(portal.CreateCluster, portal.Development, false)
	in.Cluster.Tags = slices.Repeat([]string{"tag"}, 1000)
	p := must(t, "rules: [{name: slow, when: 'cluster.tags.all(a, cluster.tags.all(b, cluster.tags.all(c, a == b && b == c)))', allow: true}]")
	begun := time.Now()
	v := p.Judge(in)
	if took := time.Since(begun); v.Decision != portal.Deny || took > time.Second {
		t.Errorf("%s after %s (%s)", say(v), took, v.Reason)
	}
}

// The digest of a request depends on it that verdicts are the same to the byte,
// whoever else judges meanwhile.
func TestDeterministic(t *testing.T) {
	t.Parallel()
	p := must(t, `rules: [{name: a, when: "size(cluster.tags) == 0", require: [{approvals: 2, from: ["group:x", team, "group:team"]}], windows: [{days: [tue, mon], from: "09:00", to: "17:00", zone: UTC}]}]`)
	judged := func(in policy.Input) string {
		b, err := json.Marshal(p.Judge(in))
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	in := input(portal.CreateCluster, "", false)
	empty := in
	empty.Cluster.Tags, empty.Actor.Groups = []string{}, []string{}
	const want = `{"decision":"approve","reason":"The rule “a” asks for it.","approvals":[{"count":2,"groups":["x","team"]}],"rule":"a","policy":0,` +
		`"wait_for":604800000000000,"hold_for":86400000000000,"cool_off":0,"fresh_sign_in":false,"typed_name":false,"longest_access":28800000000000,"stand_in":1209600000000000,"longest_grant":2592000000000000,` +
		`"windows":[{"days":[1,2],"from":"09:00","to":"17:00","zone":"UTC"}]}`
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if a, b := judged(in), judged(empty); a != want || b != want {
					t.Errorf("got %s and %s", a, b)
					return
				}
			}
		})
	}
	all.Wait()
	if v := policy.BuiltIn().Judge(input(portal.CreateCluster, portal.Staging, false)); v.Approvals != nil || v.Windows != nil {
		t.Errorf("what is empty is nil: %+v", v)
	}
}

func BenchmarkJudge(b *testing.B) {
	p := policy.BuiltIn()
	p.PlatformApprovers = "platform"
	conditions := must(b, `rules: [{name: a, when: 'change.nodes > 10 && cluster.environment == "production"', deny: big},
  {name: b, when: '"pci" in cluster.tags', deny: pci}, {name: c, require: [{approvals: 1, from: [team, platform]}]}]`)
	in := input(portal.GetKubeconfig, portal.Production, false)
	for name, p := range map[string]*policy.Policy{"built-in": p, "two conditions": conditions} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Judge(in)
			}
		})
	}
}

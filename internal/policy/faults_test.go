package policy_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/policy"
)

// faults are those of a text in short: line:column rule: message.
func faults(t testing.TB, text string) []string {
	t.Helper()
	p, list := policy.Parse([]byte(text))
	if (p == nil) == (len(list) == 0) {
		t.Errorf("%d faults and a policy: %v", len(list), p != nil)
	}
	var short []string
	for _, f := range list {
		short = append(short, fmt.Sprintf("%d:%d %s: %s", f.Line, f.Column, f.Rule, f.Message))
	}
	return short
}

// All faults are told at once, in their order, each where it was typed.
func TestAllFaults(t *testing.T) {
	t.Parallel()
	const text = `# A policy with everything wrong.
defaults:
  waits: 7 days
  hold: 1h
rules:
  - name: one
    operations: [create_cluster, creat_cluster]
    risks: [risky]
    environments: [prod]
    teams: [Pay, pay, pay]
    allow: true
  - name: one
    when: cluster.nmae == "x" &&
      change.nodes > "3"
    allow: false
  - operations: [delete_node]
    when: |
      cluster.ha &&

        clster.ha
    require:
      - {approvals: 0, from: [team, sre]}
      - {approvals: 1}
    deny: no
  - name: terms
    allow: yes
    longest_access: 0h
    cool_off: 91d
    fresh_sign_in: 1
    windows:
      - {days: [monday], from: "9:00", to: "25:00", zone: Berlin}
      - {days: [mon]}
`
	want := []string{
		"3:10 : “7 days” is not a duration; write seconds, minutes, hours or days like 30s, 15m, 8h or 7d.",
		"4:3 : There is no key “hold” here; choose from waits, holds, cool_off, longest_access, stand_in, longest_grant, temporary, longest_lease, fresh_sign_in, typed_name, windows.",
		"7:34 one: There is no such thing as “creat_cluster” among the operations; the page Catalogue lists them.",
		"8:13 one: There is no such thing as “risky” among the risks; choose from read, diagnostic, change, destructive, dangerous, secret, account.",
		"9:20 one: There is no such thing as “prod” among the environments; choose from development, staging, production.",
		"10:13 one: There is no such thing as “Pay” among the teams; write the short name of a team.",
		"10:23 one: “pay” is in this list twice.",
		"12:11 one: Another rule is called “one” as well.",
		"13:18 one: There is nothing called “nmae” here.",
		"14:20 one: “>” cannot be used with int, string.",
		"15:12 one: “allow” is true; write “deny: why” to deny.",
		"16:5 : Give this rule a name, with “name:”.",
		"16:5 : A rule does one thing: it has one of “allow”, “require” and “deny”.",
		"20:9 : There is nothing called “clster”; conditions speak of actor, team, cluster, change, quota, cost and blast.",
		"26:12 terms: This is true or false, not “yes”.",
		"27:21 terms: “0h” is out of range; at least 1m and at most 90d are allowed.",
		"28:15 terms: “91d” is out of range; at least 0m and at most 7d are allowed.",
		"29:20 terms: This is true or false, not “1”.",
		"31:17 terms: “monday” is no day; choose from mon, tue, wed, thu, fri, sat, sun.",
		"31:32 terms: “9:00” is not a time of day; write hours and minutes like 09:00.",
		"31:44 terms: “25:00” is not a time of day; write hours and minutes like 09:00.",
		"31:59 terms: “Berlin” is not a time zone; write one like Europe/Berlin or UTC.",
		"32:9 terms: A window has days, from, to and zone, like {days: [mon, tue], from: \"09:00\", to: \"17:00\", zone: Europe/Berlin}.",
	}
	if diff := cmp.Diff(want, faults(t, text)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, faults(t, strings.ReplaceAll(text, "\n", "\r\n"))); diff != "" {
		t.Errorf("with the line ends of a browser: %s", diff)
	}
}

// A fault within a condition is where it was typed, in whichever way YAML
// writes the condition.
func TestPlacesInConditions(t *testing.T) {
	t.Parallel()
	tests := []string{
		"when: nope",
		"when: cluster.ha && nope",
		"when: cluster.ha &&\n      nope",
		"when: |\n      cluster.ha &&\n      nope",
		"when: |-  # why\n\n      cluster.ha\n        && nope",
		"when: |2\n        cluster.ha\n        && nope",
		"when: >\n      cluster.ha\n      && nope\n",
		"when: >-\n\n      cluster.ha\n\n\n      && nope",
		"when: >\n      \"é\" != team.name && nope",
		"when:\n      cluster.ha && nope",
		"when: \"cluster.name == \\\"x\\\" && nope\"",
		"when: \"cluster.ha\\n && nope\"",
		"when: \"'\\u00e9\\x41' != 'x' && nope\"",
		"when: 'cluster.name == ''x'' && nope'",
		"when:\n      'cluster.ha\n      && nope'",
	}
	for _, when := range tests {
		text := "rules:\n  - name: a\n    " + when + "\n    allow: true\n"
		before, _, _ := strings.Cut(text, "nope")
		line := before[strings.LastIndex(before, "\n")+1:]
		want := fmt.Sprintf("%d:%d a: ", strings.Count(before, "\n")+1, utf8.RuneCountInString(line)+1)
		if got := faults(t, text); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%q: %q, want %s", when, got, want)
		}
	}
}

// Single faults, each told in a sentence that helps.
func TestFaults(t *testing.T) {
	t.Parallel()
	rule := func(s string) string { return "rules:\n  - name: a\n    " + s }
	tests := map[string]string{
		"":                     "1:1 : Enter one policy: a list of rules under “rules:”.",
		"---\na: 1\n---\nb: 2": "1:1 : Enter one policy: a list of rules under “rules:”.",
		"rules: [":             "1:8 : This cannot be read as YAML: sequence end token ']' not found.",
		"hello":                "1:1 : This should be keys with values, of defaults, rules.",
		"defaults: {}":         "1:1 : A policy needs a list of rules under “rules:”.",
		"rules: []":            "1:8 : This list of rules is empty; leave it out instead.",
		"rules: all":           "1:8 : This should be a list of rules, like [a, b].",
		"rules:":               "1:8 : Something is missing here: a list of rules, like [a, b].",
		"rules: [{name: a, allow: true}]\nrules: [{name: a, allow: true}]": "2:1 : “rules” is here twice.",
		"\xff": "1:1 : This is not text: it is not valid UTF-8.",
		rule("allow: true\n    operations: [create_cluster]\n    risks: [secret]"): "5:12 a: None of the rule's operations has such a risk.",
		rule("allow: true\n    when: !cluster.ha"):                                 "4:11 a: What starts with “!” must be in quotes.",
		rule("when: &x true\n    allow: true"):                                     "3:11 a: A policy cannot refer to other parts of itself: put what starts with “&” or “*” in quotes.",
		rule("when: change.nodes\n    allow: true"):                                "3:11 a: A condition is true or false; this one is of type int.",
		rule("when: cluster\n    allow: true"):                                     "3:11 a: A condition is true or false; this one is of type cluster.",
		rule("when: ''\n    allow: true"):                                          "3:11 a: A condition has 1 to 4096 characters.",
		rule("when: a b\n    allow: true"):                                         "3:13 a: The condition cannot be read from here on: extraneous input 'b'.",
		rule("reason: only a reason"):                                              "2:5 a: Say what this rule does: “allow: true”, “require: …” or “deny: why”.",
		rule("deny: because\n    reason: why"):                                     "4:13 a: A rule that denies has no “reason”; why it denies stands after “deny:”.",
		rule("deny: because\n    waits: 1h"):                                       "4:12 a: A rule that denies has no “waits”; why it denies stands after “deny:”.",
		rule("deny:"):                                                              "3:11 a: Something is missing here: a sentence for the people who ask.",
		rule("require: []"):                                                        "3:14 a: This list of approvals is empty; leave it out instead.",
		rule("require: [{approvals: 1, from: [everybody]}]"):                       "3:37 a: “everybody” are no approvers: write team, platform, or “group:” with the name of a group of the identity provider.",
		rule("require: [{approvals: 1, from: ['group:']}]"):                        "3:37 a: “group:” are no approvers: write team, platform, or “group:” with the name of a group of the identity provider.",
		rule("require: [{approvals: 11, from: [team]}]"):                           "3:27 a: This is a whole number from 1 to 10, not “11”.",
		"rules:\n  - name: a\n    allow: true\n  - name: b\n    deny: never":       "4:5 b: This rule never matches: the rules before it, which have no condition, cover everything that it covers.",
		"rules: [" + strings.Repeat("{name: a, allow: true},", 201) + "]":          "1:4609 : A policy has at most 200 rules; this one has 201.",
		"#" + strings.Repeat("x", policy.MaxText):                                  "1:1 : A policy has at most 64 KiB; this one has 65.",
	}
	for text, want := range tests {
		if got := faults(t, text); len(got) != 1 || got[0] != want {
			t.Errorf("%.80q:\n got %q\nwant %q", text, got, want)
		}
	}
}

// A rule is out of reach only when all that it speaks of is settled before.
func TestReach(t *testing.T) {
	t.Parallel()
	const a = "rules:\n  - {name: a, risks: [change], environments: [development, staging], allow: true}\n"
	tests := []struct {
		rules   string
		reached bool
	}{
		{"  - {name: b, operations: [create_cluster], environments: [staging], deny: x}\n", false},
		{"  - {name: b, operations: [create_cluster], deny: x}\n", true},
		{"  - {name: b, environments: [staging], deny: x}\n", true},
		{"  - {name: b, risks: [change], teams: [pay], deny: x}\n  - {name: c, risks: [change], deny: x}\n", true},
		{"  - {name: b, risks: [change], teams: [pay], deny: x}\n  - {name: c, risks: [change], teams: [pay], allow: true}\n", false},
		{"  - {name: b, risks: [change], teams: [pay], deny: x}\n  - {name: c, risks: [change], teams: [pay, find], allow: true}\n", true},
		{"  - {name: b, risks: [change], when: cluster.ha, deny: x}\n  - {name: c, risks: [change], allow: true}\n", true},
		{"  - {name: b, risks: [change], deny: x}\n  - {name: c, risks: [change], when: cluster.ha, allow: true}\n", false},
	}
	for _, tt := range tests {
		got := faults(t, a+tt.rules)
		if (len(got) == 0) != tt.reached || len(got) > 0 && !strings.Contains(got[0], "never matches") {
			t.Errorf("%s: %q", tt.rules, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(policy.BuiltInText))
	f.Add([]byte("rules:\n  - name: a\n    when: >-\n      a &&\n\n      \"b\"\n    allow: true\n"))
	f.Add([]byte("rules: [{name: a, when: \"x\\u00e9\\n\", require: [{approvals: 1, from: [team]}], windows: []}]"))
	f.Add([]byte("a\rb: |\r\n c\x00"))
	f.Add([]byte("? [a]\n: &x *x\n<<: !!y |2+\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, list := policy.Parse(text)
		lines := strings.Count(policy.Clean(string(text)), "\n") + 1
		for _, fault := range list {
			if fault.Line < 1 || fault.Line > lines || fault.Column < 1 || fault.Message == "" {
				t.Errorf("%+v in %d lines", fault, lines)
			}
		}
		if p != nil && len(policy.Relaxations(t.Context(), p, p)) > 0 {
			t.Error("a policy is easier than itself")
		}
	})
}

// Nothing that fits into a policy takes much to read: what is allocated tells of the
// work on every machine. No test runs beside this one.
func TestReadingIsBounded(t *testing.T) {
	fill := func(s string) string { return strings.Repeat(s, policy.MaxText/len(s)) }
	for _, text := range []string{fill("["), fill("- "), fill("{a: "), fill("a:\n"), fill("x: y\n"), ("rules:\n" + fill("  - {when: 'x+x+x+x+x+x+x'}\n"))[:policy.MaxText-10],
		"rules:\n" + strings.Repeat("  - {when: 'size(["+strings.Repeat(strings.Repeat("[", 44)+strings.Repeat("]", 44)+",", 41)+"[]]) == 1'}\n", 15)} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		faults(t, text)
		runtime.ReadMemStats(&after)
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 300 {
			t.Errorf("%.20q…: %d MiB", text, took)
		}
	}
}

// What a policy has too much of is told at the line from which on it is too much.
func TestBounds(t *testing.T) {
	t.Parallel()
	const rules = "rules:\n  - name: all\n    allow: true\n"
	when := func(condition string) string { return rules + "    when: >\n      true ||\n      " + condition + "\n" }
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) + " == []" }
	groups := func(n int) string {
		text := "rules:\n  - name: all\n    require:\n      - approvals: 1\n        from:\n"
		for i := range n {
			text += fmt.Sprintf("          - group:g%d\n", i)
		}
		return text
	}
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"lines":                {rules + strings.Repeat("\n", 1997), nil},
		"a line too many":      {rules + strings.Repeat("\n", 1998), []string{"2001:1 : A policy has at most 2000 lines; this one has 2001."}},
		"nested lists":         {when(nested(8)), nil},
		"lists too deep":       {when(nested(9)), []string{"6:15 all: Lists, maps and macros are at most 8 deep within one another."}},
		"macros too deep":      {when(strings.Repeat("[1].exists(x, ", 9) + "true" + strings.Repeat(")", 9)), []string{"6:105 all: Lists, maps and macros are at most 8 deep within one another."}},
		"a chain of macros":    {when("[[]]" + strings.Repeat(".map(x, [x])", 9) + " == []"), []string{"6:15 all: Lists, maps and macros are at most 8 deep within one another."}},
		"groups":               {groups(200), nil},
		"groups too many":      {groups(203), []string{"206:13 all: A policy names at most 200 groups of the identity provider; this is one more."}},
		"the same group twice": {strings.Replace(groups(200), "  - name", "  - name: more\n    require: [{approvals: 1, from: ['group:g1']}]\n    operations: [delete_node]\n  - name", 1), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, faults(t, tt.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

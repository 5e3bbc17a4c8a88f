package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"doksportal/internal/portal"
)

// A pattern is a constant that is checked when the policy is read, and small
// when it is written out: compiling one costs more than CEL counts.
func TestPatterns(t *testing.T) {
	t.Parallel()
	const ten = ".{1000}.{1000}.{1000}.{1000}.{1000}.{1000}.{1000}.{1000}.{1000}.{1000}"
	tests := []struct{ pattern, fault string }{
		{`cluster.name.matches("(")`, "4:31 one: This is no pattern: error parsing regexp: missing closing ): `(`."},
		{`cluster.name.matches("` + ten + `")`, "4:31 one: This pattern repeats too much: written out it would have more than 2000 parts."},
		{`matches(cluster.name, "((a{100}){100}){100}")`, "4:32 one: This is no pattern: error parsing regexp: invalid repeat count: `{100}`."},
		{`matches(cluster.name, "((a{30}|b){30}|c{999}c{999})")`, "4:32 one: This pattern repeats too much: written out it would have more than 2000 parts."},
		{`cluster.name.matches(team.slug)`, "4:35 one: A pattern is a text in quotes."},
		{`cluster.name.matches("a" + "b")`, "4:35 one: A pattern is a text in quotes."},
		{`cluster.tags.exists(t, t.matches(t))`, "4:43 one: A pattern is a text in quotes."},
		{`cluster.name.matches("` + strings.Repeat("a", 201) + `")`, "4:31 one: A pattern has at most 200 characters; this one has 201."},
		{`cluster.name.matches("` + strings.Repeat("a", 200) + `")`, ""},
		{`cluster.name.matches("^prod-[0-9]{1,3}$")`, ""},
	}
	for _, tt := range tests {
		got := faults(t, "# A policy.\nrules:\n  - name: one\n    when: "+tt.pattern+"\n    allow: true\n")
		if (tt.fault == "") != (len(got) == 0) || tt.fault != "" && (len(got) != 1 || !strings.HasSuffix(got[0], strings.SplitN(tt.fault, " ", 2)[1])) || len(got) == 1 && !strings.HasPrefix(got[0], "4:") {
			t.Errorf("%.60s: %q, want %q", tt.pattern, got, tt.fault)
		}
	}
}

// The patterns of a policy are bounded together, and a match costs what it takes
// at worst, so that no condition goes on for long.
func TestPatternsTogether(t *testing.T) {
	t.Parallel()
	rules := func(n int) string {
		var b strings.Builder
		b.WriteString("rules:\n")
		for i := range n {
			fmt.Fprintf(&b, "  - {name: r%d, when: 'cluster.name.matches(\"a{490}b{490}%d\")', deny: x}\n", i, i)
		}
		return b.String()
	}
	if got := faults(t, rules(10)); len(got) > 0 {
		t.Errorf("ten patterns: %q", got)
	}
	got := faults(t, rules(200))
	if len(got) == 0 || !strings.Contains(got[0], "The patterns of this policy repeat too much") || !strings.HasPrefix(got[0], "12:") {
		t.Errorf("200 patterns: %q", got)
	}
	const costly = `rules: [{name: costly, when: '[1,2,3,4,5,6,7,8,9].all(i, [1,2,3].all(j, !cluster.name.matches("(a?){300}b")))', allow: true}]`
	in := input(portal.CreateCluster, portal.Development, false)
	in.Cluster.Name = "a"
	if v := must(t, costly).Judge(in); v.Decision != portal.Allow {
		t.Errorf("a short name: %+v", v)
	}
	in.Cluster.Name = strings.Repeat("a", 250)
	if v := must(t, costly).Judge(in); v.Decision != portal.Deny || !strings.Contains(v.Reason, "cannot be evaluated") {
		t.Errorf("a long name: %+v", v)
	}
}

// A file may begin with a byte order mark; what cannot be seen elsewhere is
// named where it stands.
func TestWhatCannotBeSeen(t *testing.T) {
	t.Parallel()
	const text = "rules:\n  - name: all\n    allow: true\n"
	if got := faults(t, "\uFEFF"+strings.ReplaceAll(text, "\n", "\r\n")); len(got) > 0 {
		t.Errorf("with a byte order mark: %q", got)
	}
	for hidden, code := range map[string]string{"\u202e": "202E", "\u200b": "200B", "\uFEFF": "FEFF", "\x00": "0000", "\u2028": "2028",
		"\u3164": "3164", "\u034f": "034F", "\ufe0f": "FE0F", "\ue000": "E000"} {
		got := faults(t, strings.Replace(text, "all", "al"+hidden+"l", 1))
		want := []string{"2:13 : Here is a character that cannot be seen (U+" + code + "); delete it."}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// What YAML writes as an escape is seen by people as what it stands for, and is no
// place to hide something either.
func TestWhatEscapesHide(t *testing.T) {
	t.Parallel()
	for _, part := range []string{`name: "al\u200bl", allow: true`, `name: all, allow: true, reason: "it is fine\u202e"`, `name: all, when: "change.nodes > 1\u2028", allow: true`,
		`name: all, require: [{approvals: 1, from: ["group:sre\u200b"]}]`, `name: all, allow: true, reason: "one line\nand another"`} {
		got := faults(t, "rules:\n  - {"+part+"}\n")
		if len(got) != 1 || !strings.Contains(got[0], "cannot be seen") && !strings.Contains(got[0], "several lines") {
			t.Errorf("%s: %q", part, got)
		}
	}
}

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"doksportal/internal/portal"
)

// Whatever the table of terms, the catalogue and the input have is offered, and a
// policy can be written with all that is offered.
func TestWords(t *testing.T) {
	t.Parallel()
	v, err := Words()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range terms {
		for _, under := range []string{"rules", "defaults"} {
			if !slices.Contains(v.Keys[under], Word{x.key, x.about}) || x.about == "" {
				t.Errorf("%s is not offered under %s", x.key, under)
			}
		}
	}
	for _, op := range portal.Catalogue {
		if !slices.Contains(v.Values["rules.operations"], Word{string(op.ID), op.Title}) {
			t.Errorf("%s is not offered", op.ID)
		}
	}
	for under, keys := range v.Keys {
		for _, key := range keys {
			if text := withKey[under]; strings.Contains(told(strings.ReplaceAll(text, "KEY", key.Text)), "There is no key") || text == "" {
				t.Errorf("%q is offered under %q, but no key there", key.Text, under)
			}
		}
	}
	if !strings.Contains(told(strings.ReplaceAll(withKey["rules"], "KEY", "nothing")), "There is no key") {
		t.Error("the test does not notice what is no key")
	}
}

// withKey is, for each key, a policy with a KEY under it.
var withKey = map[string]string{
	"": "KEY: 1", "rules": "rules: [{KEY: 1}]", "defaults": "defaults: {KEY: 1}", "require": "rules: [{name: a, require: [{KEY: 1}]}]",
	"windows": "defaults: {windows: [{KEY: 1}]}",
}

// told are all faults of a text.
func told(text string) string {
	_, faults := Parse([]byte(text))
	return fmt.Sprint(faults)
}

// What is offered to conditions can be used in them.
func TestWordsOfConditions(t *testing.T) {
	t.Parallel()
	v, err := Words()
	if err != nil {
		t.Fatal(err)
	}
	condition := func(text string) string {
		return told(fmt.Sprintf("rules:\n  - {name: a, allow: true, when: %q}\n", text))
	}
	seen := 0
	for _, variable := range v.Variables {
		if _, is := (variables{&Input{}}).ResolveName(variable.Text); !is {
			t.Errorf("%s is no variable", variable.Text)
		}
		for _, m := range variable.Members {
			seen++
			if said := condition(variable.Text + "." + m.Text + " == " + variable.Text + "." + m.Text); said != "[]" {
				t.Errorf("%s.%s: %s", variable.Text, m.Text, said)
			}
		}
	}
	if seen != len(Members()) || seen < 30 {
		t.Errorf("%d members are offered", seen)
	}
	for of, values := range v.Values {
		if variable, _, _ := strings.Cut(of, "."); slices.ContainsFunc(v.Variables, func(x Variable) bool { return x.Text == variable }) && !slices.ContainsFunc(Members(), func(m Member) bool { return m.Name == of }) {
			t.Errorf("%s has %v, and is nothing", of, values)
		}
	}
	for _, text := range []string{`cluster.name.startsWith("a")`, `cluster.tags.exists(t, t == "a")`, `size(cluster.tags) > 1`, `has(cluster.name)`} {
		name := strings.FieldsFunc(text[strings.LastIndex(text[:strings.Index(text, "(")], ".")+1:], func(r rune) bool { return r == '(' })[0]
		if said := condition(text); said != "[]" || !slices.Contains(append(v.Functions, v.Methods...), Word{Text: name}) {
			t.Errorf("%s, which is %s: %s", text, name, said)
		}
	}
}

// What is typed for a member is what a condition then sees, and nothing else is
// taken for one.
func TestMembersAreSet(t *testing.T) {
	t.Parallel()
	typed := map[MemberKind]struct{ good, holds, bad string }{
		MemberText:   {" a-b ", ` == "a-b"`, strings.Repeat("x", 201)},
		MemberNumber: {"-12", " == -12", "1.5"},
		MemberMoney:  {"12.5", " == 12.5", "NaN"},
		MemberYesNo:  {"true", "", "yes"},
		MemberList:   {"a, b c,", ` == ["a", "b c"]`, strings.Repeat("x,", 60)},
	}
	for _, m := range Members() {
		var in Input
		x := typed[m.Kind]
		if err := m.Set(&in, x.bad); err == nil {
			t.Errorf("%s takes %.20q", m.Name, x.bad)
		}
		if err := m.Set(&in, ""); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if err := m.Set(&in, x.good); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		p, faults := Parse(fmt.Appendf(nil, "rules:\n  - {name: a, allow: true, when: %q}\n", m.Name+x.holds))
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if holds, err := p.rules[0].when.holds(&in); err != nil || !holds {
			t.Errorf("%s: %v, %v", m.Name, holds, err)
		}
		if refers := p.Refers(); !slices.Equal(refers, []string{m.Name}) {
			t.Errorf("%s: refers to %v", m.Name, refers)
		}
	}
}

func TestLineOfARule(t *testing.T) {
	t.Parallel()
	p, faults := Parse([]byte("# a\nrules:\n  - name: one\n    risks: [read]\n    allow: true\n\n  -\n    allow: true\n    name: two\n"))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if p.Line("one") != 3 || p.Line("two") != 8 || p.Line("three") != 0 {
		t.Errorf("%d %d %d", p.Line("one"), p.Line("two"), p.Line("three"))
	}
}

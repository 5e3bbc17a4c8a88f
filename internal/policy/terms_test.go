package policy

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
)

// Every term of a verdict is in the table, once, and making it easier is told: a
// comparison that was forgotten would let one admin alone make something easier.
func TestEveryTermIsCompared(t *testing.T) {
	t.Parallel()
	fields := reflect.TypeFor[portal.Terms]()
	if len(terms) != fields.NumField() {
		t.Errorf("there are %d terms and %d fields of portal.Terms", len(terms), fields.NumField())
	}
	strict, loose := portal.Terms{}, portal.Terms{}
	for i := range fields.NumField() {
		f := fields.Field(i)
		if n := slices.IndexFunc(terms, func(x term) bool { return x.field == f.Name }); n < 0 {
			t.Errorf("%s is in no line of the table", f.Name)
		}
		switch a, b := reflect.ValueOf(&strict).Elem().Field(i), reflect.ValueOf(&loose).Elem().Field(i); f.Type {
		case reflect.TypeFor[time.Duration]():
			a.SetInt(int64(2 * time.Hour))
			b.SetInt(int64(3 * time.Hour))
			if f.Name == "CoolOff" { // of which less is easier
				a.SetInt(int64(4 * time.Hour))
			}
		case reflect.TypeFor[bool]():
			a.SetBool(true)
		case reflect.TypeFor[[]portal.Window]():
			a.Set(reflect.ValueOf([]portal.Window{{Days: []time.Weekday{time.Monday}, Zone: "UTC"}}))
		default:
			t.Errorf("this test does not know how to make %s easier", f.Name)
		}
	}
	docs, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range terms {
		if !strings.Contains(string(docs), "\n| `"+x.key+"` | "+x.about+" |") {
			t.Errorf("docs/policy.md has no line about %s", x.key)
		}
	}
	old := &rule{decision: portal.Approve, terms: strict}
	for _, x := range terms {
		one := strict
		reflect.ValueOf(&one).Elem().FieldByName(x.field).Set(reflect.ValueOf(loose).FieldByName(x.field))
		if got := relaxedTerms(old, &rule{decision: portal.Approve, terms: one}, kind{secret: true, quota: true, lease: true}); len(got) != 1 {
			t.Errorf("%s made easier: %q", x.key, got)
		}
		if got := relaxedTerms(&rule{decision: portal.Approve, terms: one}, old, kind{secret: true, quota: true, lease: true}); len(got) != 0 && x.key != "windows" {
			t.Errorf("%s made stricter: %q", x.key, got)
		}
		if was, is := otherTerms(strict, one); was == "" || was == is {
			t.Errorf("%s is not shown: %q, %q", x.key, was, is)
		}
	}
	for decision, want := range map[portal.Decision]int{portal.Approve: 1, portal.Allow: 0} {
		before, after := &rule{decision: decision}, &rule{decision: decision, terms: portal.Terms{StandIn: time.Hour}}
		if got := relaxedTerms(before, after, kind{}); len(got) != want {
			t.Errorf("stand-ins where the policy says %s: %q", decision, got)
		}
	}
	if got := relaxedTerms(old, old, kind{secret: true, quota: true, lease: true}); len(got) != 0 {
		t.Errorf("the same is easier: %q", got)
	}
}

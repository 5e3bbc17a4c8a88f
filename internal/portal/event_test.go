package portal_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"doksportal/internal/portal"
)

// docs/audit.md lists what is recorded, in the same words.
func TestEventsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## The kinds")
	seen := map[portal.EventKind]bool{}
	var want strings.Builder
	for _, e := range portal.Events {
		if seen[e.Kind] {
			t.Errorf("%s is there twice", e.Kind)
		}
		seen[e.Kind] = true
		want.WriteString("| `" + string(e.Kind) + "` | " + e.About + " |\n")
	}
	if !strings.HasSuffix(table, "|---|---|\n"+want.String()) {
		t.Errorf("the table of docs/audit.md should be:\n%s", want.String())
	}
}

// So is what counts as unusual; the ids of the rules are each there once.
func TestUnusualRulesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for i, r := range portal.UnusualRules {
		if first := slices.IndexFunc(portal.UnusualRules, func(o portal.UnusualRule) bool { return o.ID == r.ID }); first != i {
			t.Errorf("%s is there twice", r.ID)
		}
		want.WriteString("| " + r.Title + " | " + r.About + " |\n")
	}
	if !strings.Contains(string(text), "|---|---|\n"+want.String()+"\n") {
		t.Errorf("the table of docs/audit.md should be:\n%s", want.String())
	}
}

package portal_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"doksportal/internal/portal"
)

var update = flag.Bool("update", false, "write the diagram of the states into its page")

const diagramPage = "../../docs/requests.md"

// diagram draws the state machine for Mermaid.
func diagram() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> pending: needs approvals\n    [*] --> approved: needs none\n")
	for _, s := range portal.States {
		for _, next := range s.Next() {
			fmt.Fprintf(&b, "    %s --> %s\n", s, next)
		}
		if s.Final() {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	b.WriteString("```\n")
	return b.String()
}

// The page shows the states as they are. `go test ./internal/portal -update`
// draws them again.
func TestDiagram(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(diagramPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), "```mermaid\n")
	_, after, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatal("the page has no diagram")
	}
	want := before + diagram() + after
	if *update {
		if err := os.WriteFile(diagramPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("the page's diagram is not the state machine; it should be\n%s", diagram())
	}
}

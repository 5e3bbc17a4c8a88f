package crash

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the diagram of the boundaries into its page")

const diagramPage = "../../docs/execution.md"

// diagram draws an execution for Mermaid, with the boundaries at which it is cut off.
func diagram() string {
	var b strings.Builder
	b.WriteString("```mermaid\nsequenceDiagram\n    participant P as portal\n    participant D as Postgres\n    participant C as DigitalOcean\n")
	for _, bound := range boundaries {
		if bound.after != "" {
			continue
		}
		if bound.step != "" {
			b.WriteString("    " + bound.step + "\n")
		}
		b.WriteString("    Note over P: " + bound.name + "\n")
	}
	b.WriteString("```\n")
	return b.String()
}

// The page shows the boundaries as they are, and says of each what comes of it.
// `go test ./test/crash -run TestDiagram -update` draws them again.
func TestDiagram(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(diagramPage)
	must(t, err)
	before, rest, ok := strings.Cut(string(page), "```mermaid\n")
	_, after, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatal("the page has no diagram")
	}
	want := before + diagram() + after
	if *update {
		must(t, os.WriteFile(diagramPage, []byte(want), 0o644))
		return
	}
	if string(page) != want {
		t.Errorf("the page's diagram is not what is tested; it should be\n%s", diagram())
	}
	for _, b := range boundaries {
		if !strings.Contains(after, "\n| "+b.name+" |") {
			t.Errorf("the page does not say what comes of %q", b.name)
		}
	}
}

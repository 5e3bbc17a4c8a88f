package policy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"doksportal/internal/policy"
	"doksportal/internal/portal"
)

// example is a policy of the documentation and the table of its verdicts.
type example struct {
	title string
	text  string
	rows  [][]string
}

var (
	headings = regexp.MustCompile(`(?m)^## `)
	block    = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	settings = regexp.MustCompile(`([a-z]+)\.([a-z_]+) = ("[^"]*"|\[[^\]]*\]|[^,]+)`)
)

// examples reads the documentation.
func examples(t *testing.T) []example {
	t.Helper()
	b, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []example
	for _, section := range headings.Split(string(b), -1) {
		text := block.FindStringSubmatch(section)
		if text == nil {
			continue
		}
		title, _, _ := strings.Cut(section, "\n")
		list = append(list, example{title, text[1], verdictRows(section)})
	}
	return list
}

// verdictRows are those of the tables of verdicts.
func verdictRows(section string) [][]string {
	var rows [][]string
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) == 5 && portal.OperationID(cells[0]).Title() != "" {
			rows = append(rows, cells)
		}
	}
	return rows
}

// situation is the request that a row speaks of.
func situation(t *testing.T, row []string) policy.Input {
	t.Helper()
	in := input(portal.OperationID(row[0]), portal.Environment(row[1]), false)
	in.Team = policy.Team{Slug: row[2], ApproverGroup: row[2] + "-approvers"}
	for _, s := range settings.FindAllStringSubmatch(row[3], -1) {
		if err := json.Unmarshal(fmt.Appendf(nil, `{%q: {%q: %s}}`, s[1], s[2], s[3]), &in); err != nil {
			t.Errorf("%s: %v", row[3], err)
		}
	}
	return in
}

// verdict is what the documentation says of a verdict: what it asks for, and
// which terms are not the built-in ones.
func verdict(v portal.Verdict) string {
	said := policy.Describe(v)
	if v.Decision == portal.Deny {
		return said + ": " + v.Reason
	}
	plain := v
	plain.Terms = policy.BuiltIn().Judge(policy.Input{}).Terms
	if d, differs := policy.Differ(plain, v); differs {
		said += "; " + d.After
	}
	return said
}

// The examples of the documentation are true.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	list := examples(t)
	if len(list) != 12 {
		t.Errorf("%d examples", len(list))
	}
	for _, e := range list {
		if len(e.rows) < 2 {
			t.Errorf("%s: %d rows", e.title, len(e.rows))
		}
		p := must(t, e.text)
		p.PlatformApprovers = "platform-approvers"
		for _, row := range e.rows {
			if got := verdict(p.Judge(situation(t, row))); got != row[4] {
				t.Errorf("%s: %v: %s", e.title, row[:4], got)
			}
		}
	}
}

// Every member of the input is in the documentation's list.
func TestDocumentationIsComplete(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, reference, _ := strings.Cut(string(b), "## What a condition can refer to")
	text, err := json.Marshal(policy.Input{})
	if err != nil {
		t.Fatal(err)
	}
	var variables map[string]map[string]any
	if err := json.Unmarshal(text, &variables); err != nil {
		t.Fatal(err)
	}
	for name, members := range variables {
		_, row, ok := strings.Cut(reference, "| `"+name+"`")
		row, _, _ = strings.Cut(row, "\n")
		if !ok {
			t.Errorf("%s is missing", name)
		}
		for member := range members {
			if !strings.Contains(row, "`"+member+"`") {
				t.Errorf("%s.%s is missing", name, member)
			}
		}
	}
}

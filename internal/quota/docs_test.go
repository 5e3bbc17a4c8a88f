package quota_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"doksportal/internal/portal"
	"doksportal/internal/quota"
)

// The examples of docs/quota.md are true.
func TestDocumentedExamples(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/quota.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(b), "|---|---|---|---|\n")
	offer := portal.Options{Sizes: []portal.Size{
		{Slug: "s-2vcpu-4gb", VCPUs: 2, MemoryMiB: 4096, MonthlyCents: 2400}, {Slug: "s-4vcpu-8gb", VCPUs: 4, MemoryMiB: 8192, MonthlyCents: 4800},
	}}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) < 10 {
		t.Fatalf("%d examples", len(lines))
	}
	for _, line := range lines {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		limits, used, asked, want := readLimits(t, cells[0]), readNodes(t, cells[1]), readNodes(t, cells[2]), strings.TrimSpace(cells[3])
		got := []string{}
		for _, l := range quota.Check(limits, offer, used, portal.Demand{Usage: asked}).Lines {
			if l.Over() > 0 {
				got = append(got, l.Exceeded(portal.Team{Name: "pay"}))
			}
		}
		if text := strings.Join(got, " "); text != want && (text != "" || want != "allowed") {
			t.Errorf("%s\ngot %s", line, text)
		}
	}
}

func readLimits(t *testing.T, cell string) portal.Quota {
	t.Helper()
	words := strings.Fields(cell)
	if len(words) == 0 {
		return portal.Quota{}
	}
	if words[0] == "only" {
		return portal.Quota{Sizes: words[1:]}
	}
	n, err := strconv.Atoi(words[len(words)-1])
	if err != nil {
		t.Fatal(err)
	}
	item := portal.Item(words[0])
	switch {
	case item == portal.Cost:
		n *= 100
	case words[0] == "family":
		item = portal.NodesOfFamily(words[1])
	case strings.Contains(words[0], "-"):
		item = portal.NodesOf(words[0])
	}
	return portal.Quota{Limits: map[portal.Item]int{item: n}}
}

func readNodes(t *testing.T, cell string) portal.Usage {
	t.Helper()
	count, size, ok := strings.Cut(strings.TrimSpace(cell), " × ")
	if !ok {
		return nil
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		t.Fatal(err)
	}
	return nodes(size, n)
}

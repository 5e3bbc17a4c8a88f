package views

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"doksportal/internal/portal"
)

// A diff reads as before → after; where all is new there is no before.
func TestChangeTable(t *testing.T) {
	read := func(list ...portal.Change) *goquery.Document {
		t.Helper()
		var b strings.Builder
		if err := changeTable("What changes", list).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(b.String()))
		if err != nil {
			t.Fatal(err)
		}
		return doc
	}
	changed := read(portal.Change{What: "Nodes", Before: "2", After: "1"}, portal.Change{What: "Label", Before: "x"}, portal.Change{What: "Tag", After: "y"})
	var rows []string
	for _, row := range changed.Find("tbody tr").EachIter() {
		rows = append(rows, strings.Join(strings.Fields(row.Text()), " "))
	}
	if got := strings.Join(rows, "; "); got != "Nodes2 → 1; Labelx removed; Tag– y" {
		t.Errorf("got %q", got)
	}
	if got := read(portal.Change{What: "Name", After: "web"}).Find("th[scope=col]").Length(); got != 2 {
		t.Errorf("what is new has %d columns", got)
	}
}

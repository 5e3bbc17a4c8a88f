package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// A change that waits is shown with what it gives, and whoever is too late to
// decide on it is told on the same page.
func TestChangesPage(t *testing.T) {
	b := setup(t)
	page := b.as("admin").Get("/admin/teams/pay")
	form := url.Values{}
	for _, name := range teamFields() {
		form.Set(name, page.Value(name))
	}
	form.Set("nodes", "20")
	page = b.as("admin").Post("/admin/teams/pay", form).WantStatus(http.StatusOK)
	if !strings.Contains(page.Text("[data-testid=said]"), "Change team pay") || !strings.Contains(page.Text("[data-testid=gains]"), "from 12 to 20") {
		t.Fatalf("it says %s", page.Text("main"))
	}
	if got := b.as("admin").Get("/admin/changes?proposed=EVIL+was+accepted").Text("main"); strings.Contains(got, "EVIL") {
		t.Errorf("a link makes the page say %q", got)
	}
	if page.Find("[data-testid=accept]").Length() != 0 || !strings.Contains(page.Text("[data-testid=why-not]"), "You proposed this") {
		t.Error("its author is offered to accept it")
	}
	drop, _ := page.Find("[data-testid=drop]").Closest("form").Attr("action")
	b.as("admin").Post(strings.TrimSuffix(drop, "drop")+"accept", nil).WantStatus(http.StatusForbidden)
	b.as("admin").Post(drop, nil).WantStatus(http.StatusOK)
	page = b.as("admin").Post(drop, nil).WantStatus(http.StatusConflict)
	if !strings.Contains(page.Text("[data-testid=problem]"), "decided on already") || page.Text("h1") != "Changes" {
		t.Errorf("it says %s", page.Text("main"))
	}
}

// Whoever accepts a change sees which of several clusters of one name it is about.
func TestChangeOfAClusterSaysWhich(t *testing.T) {
	b := setup(t)
	b.as("admin").Post("/admin/clusters", url.Values{"cluster": {b.ledger}, "team": {"find"}, "environment": {"staging"}}).WantStatus(http.StatusOK)
	if got := b.as("admin").Get("/admin/changes").Text("[data-testid=which]"); !strings.Contains(got, "ledger") || !strings.Contains(got, b.ledger) || !strings.Contains(got, "fra1") {
		t.Errorf("it says %q", got)
	}
}

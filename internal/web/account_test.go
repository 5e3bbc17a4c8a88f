package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doksportal/internal/teams"
)

// Admins, and nobody else, read what teams may have together beside the droplet limit
// of the account, and are warned on the pages and after what they save. Nothing is
// refused for it.
func TestAccount(t *testing.T) {
	b := setup(t) // two teams of 12 nodes, each with 2, and 2 of a cluster that nobody owns
	b.pages.DropletLimit = 24
	p := b.as("admin").Get("/quotas")
	if text := p.Text("[data-testid=account]"); !strings.Contains(text, "In use6 2 of clusters that nobody owns") || !strings.Contains(text, "together24") || strings.Contains(text, "Warning") {
		t.Errorf("an admin reads %q", text)
	}
	for _, reader := range []string{"member", "auditor", "platform"} {
		if b.as(reader).Get("/quotas").Find("[data-testid=account]").Length() != 0 {
			t.Errorf("%s reads it too", reader)
		}
	}
	edit := func(slug, nodes string) string {
		page := b.as("admin").Get("/admin/teams/" + slug)
		form := fieldsOf(page, page.Find("form[action='/admin/teams/"+slug+"']"), "nodes", nodes)
		saved := b.as("admin").Post("/admin/teams/"+slug, form).WantStatus(http.StatusOK)
		return saved.Text("[role=status]")
	}
	if said := edit("pay", "11"); !strings.Contains(said, "Team pay is saved.") || strings.Contains(said, "more than") {
		t.Errorf("with less it says %q", said)
	}
	if said := edit("find", "14"); !strings.Contains(said, "Proposed") || !strings.Contains(said, "Teams may have 25 nodes together, more than the droplet limit of the account (24).") {
		t.Errorf("with more it says %q", said)
	}
	if said := edit("pay", ""); !strings.Contains(said, "Proposed") || !strings.Contains(said, "Team pay has no limit on all nodes") {
		t.Errorf("without a limit it says %q", said)
	}
	b.exec(`UPDATE teams SET quota = '{}' WHERE slug = 'find'`)
	for _, path := range []string{"/quotas", "/admin/teams/pay", "/admin/teams/new", "/admin/default-quota"} {
		if text := b.as("admin").Get(path).Text("[data-testid=account-warning]"); !strings.Contains(text, "Team find has no limit on all nodes") {
			t.Errorf("%s warns %q", path, text)
		}
	}
}

// Who saves a default quota learns what a new team that keeps it would come to.
func TestDefaultQuotaAndTheAccount(t *testing.T) {
	b := setup(t)
	b.pages.DropletLimit = 30
	for i, c := range []struct{ nodes, says string }{{"6", ""}, {"7", "With a new team that keeps it: Teams may have 31 nodes together"}, {"", "Team (new) has no limit on all nodes"}} {
		form := url.Values{"version": {string(rune('0' + i))}}
		for name := range teams.Unlimited() {
			form.Set(name, "")
		}
		form.Set("nodes", c.nodes)
		said := b.as("admin").Post("/admin/default-quota", form).WantStatus(http.StatusOK).Text("[role=status]")
		if !strings.Contains(said, c.says) || strings.Contains(said, "new team that keeps it") != (c.says != "") {
			t.Errorf("%q nodes: %q, want %q", c.nodes, said, c.says)
		}
	}
	b.pages.DropletLimit = 0
	if text := b.as("admin").Get("/quotas").Text("[data-testid=account]"); !strings.Contains(text, "not known") || strings.Contains(text, "Warning") {
		t.Errorf("without the limit it says %q", text)
	}
}

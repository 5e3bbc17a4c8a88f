package web_test

import (
	"net/http"
	"strings"
	"testing"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
)

// What rules propose is filled in on the page where ownership is set, and several
// clusters are confirmed at once. Where rules disagree the page says so.
func TestRulesPropose(t *testing.T) {
	b := setup(t)
	for _, name := range []string{"shop-1", "shop-2", "shop-find"} {
		b.sim.Add(dosim.Seed{Name: name, Region: "nyc1", Size: "s-2vcpu-4gb", Count: 1})
	}
	b.must(b.syncer.Sync(t.Context()))
	add := func(pattern, team string) {
		t.Helper()
		form := formOf(b.as("admin").Get("/admin/clusters/rules"), "kind", "name", "pattern", pattern, "team", team, "environment", "staging")
		p := b.as("admin").Post("/admin/clusters/rules", form).WantStatus(http.StatusOK)
		if !strings.Contains(p.Text("[data-testid=rules]"), pattern) {
			t.Errorf("the rule for %s is not listed: %s", pattern, p.Text("main"))
		}
	}
	if p := b.as("admin").Get("/admin/clusters"); p.Find("[data-testid=proposed-owners]").Length() != 0 {
		t.Error("something is proposed without rules")
	}
	add("shop-*", "pay")
	add("*-find", "find")
	p := b.as("admin").Get("/admin/clusters").WantStatus(http.StatusOK)
	if text := p.Text("[data-testid=disputed]"); !strings.Contains(text, "shop-find: ") || strings.Contains(text, "shop-1") {
		t.Errorf("in dispute: %q", text)
	}
	form := fieldsOf(p, p.Find("[data-testid=proposed-pay-staging]"))
	if len(form["cluster"]) != 2 || form.Get("team") != "pay" || form.Get("environment") != "staging" || form.Get("protected") != "true" {
		t.Errorf("proposed: %v", form)
	}
	if n := b.count(`SELECT count(*) FROM clusters WHERE name LIKE 'shop%' AND team_id IS NOT NULL`); n != 0 {
		t.Fatalf("%d were assigned before anybody confirmed", n)
	}
	b.as("admin").Post("/admin/clusters/assign", form).WantStatus(http.StatusOK)
	if n := b.count(`SELECT count(*) FROM clusters c JOIN teams t ON t.id = c.team_id WHERE c.name IN ('shop-1', 'shop-2') AND t.slug = 'pay' AND environment = $1 AND protected`, portal.Staging); n != 2 {
		t.Errorf("%d of 2 were assigned", n)
	}
	p = b.as("admin").Get("/admin/clusters")
	if p.Find("[data-testid=proposed-pay-staging]").Length() != 0 {
		t.Error("what is assigned is still proposed")
	}
	p = b.as("admin").Get("/admin/clusters/rules")
	path, _ := p.Find("[data-testid=rules] form").First().Attr("action")
	if p = b.as("admin").Post(path, nil).WantStatus(http.StatusOK); p.Find("[data-testid=rules] tbody tr").Length() != 1 {
		t.Errorf("after one is removed: %s", p.Text("[data-testid=rules]"))
	}
}

// What is wrong with a rule is said at its field, with what was typed still there.
func TestBadRuleIsSaidAtItsField(t *testing.T) {
	b := setup(t)
	form := formOf(b.as("admin").Get("/admin/clusters/rules"), "kind", "tag", "pattern", "*", "team", "pay", "environment", "staging")
	p := b.as("admin").Post("/admin/clusters/rules", form).WantStatus(http.StatusUnprocessableEntity)
	if got := p.Fault("pattern"); !strings.Contains(got, "matches every cluster") {
		t.Errorf("it says %q", got)
	}
	if p.Value("pattern") != "*" || p.Value("team") != "pay" || p.Value("environment") != "staging" {
		t.Error("what was typed is lost")
	}
}

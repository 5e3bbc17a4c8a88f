package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/store"
	"doksportal/internal/teams"
)

// The page of quotas has the reader's teams, in the order asked for, and the file
// the same, in which no name is a formula.
func TestQuotas(t *testing.T) {
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `UPDATE clusters SET team_id = (SELECT id FROM teams WHERE slug = 'pay') WHERE id = $1`, b.legacy)
	b.must(err)
	record := func(at time.Time) {
		b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error { return store.RecordUsage(t.Context(), tx, at) }))
	}
	record(time.Now().Add(-48 * time.Hour))
	record(time.Now())
	record(time.Now())
	p := b.as("member").Get("/quotas").WantStatus(http.StatusOK)
	row := p.Find("[data-testid=quotas] tbody tr")
	if row.Length() != 1 || !strings.Contains(p.Text("[data-team=pay]"), "of 12") || !strings.Contains(p.Text("[data-team=pay]"), "Nearest") && !strings.Contains(p.Text("[data-team=pay]"), "s-2vcpu-4gb") {
		t.Errorf("a member sees %q", p.Text("main"))
	}
	if p.Find("[data-team=pay] svg.trend").Length() != 1 {
		t.Error("two days make no trend")
	}
	order := func(query string) string {
		var list []string
		for _, n := range b.as("admin").Get("/quotas" + query).Find("[data-testid=quotas] tbody tr").EachIter() {
			slug, _ := n.Attr("data-team")
			list = append(list, slug)
		}
		return strings.Join(list, " ")
	}
	for query, want := range map[string]string{"": "find pay", "?sort=-team": "pay find", "?sort=-nodes": "pay find", "?sort=nodes": "find pay", "?sort=-nearest": "pay find", "?sort=nonsense": "find pay"} {
		if got := order(query); got != want {
			t.Errorf("%s: %s, want %s: %s", query, got, want, b.as("admin").Get("/quotas.csv").Body)
		}
	}
	_, err = b.pool.Exec(t.Context(), `UPDATE teams SET name = '=1+1' WHERE slug = 'find'`)
	b.must(err)
	file := b.as("admin").Get("/quotas.csv").WantStatus(http.StatusOK)
	if !strings.HasPrefix(file.Body, "team,clusters,clusters_limit,nodes,nodes_limit,") || !strings.Contains(file.Body, "\n'=1+1,") || !strings.Contains(file.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("the file is %q", file.Body)
	}
}

// The form for a new team starts with the default quota, which two admins do not
// change at once unawares.
func TestDefaultQuota(t *testing.T) {
	b := setup(t)
	form := url.Values{"version": {"0"}}
	for name := range teams.Unlimited() {
		form.Set(name, "")
	}
	form.Set("nodes", "many")
	if p := b.as("admin").Post("/admin/default-quota", form); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Fault("nodes"), "“many”") || p.Value("nodes") != "many" {
		t.Errorf("%d %q", p.Status, p.Fault("nodes"))
	}
	form.Set("nodes", "7")
	form.Set("families", "s 5")
	b.as("admin").Post("/admin/default-quota", form).WantStatus(http.StatusOK)
	p := b.as("admin").Get("/admin/teams/new")
	if p.Value("nodes") != "7" || strings.TrimSpace(p.Text("textarea[name=families]")) != "s 5" {
		t.Errorf("a new team starts with %q nodes and %q", p.Value("nodes"), p.Text("textarea[name=families]"))
	}
	form.Set("nodes", "8")
	if p := b.as("admin").Post("/admin/default-quota", form); p.Status != http.StatusConflict || !strings.Contains(p.Text("main"), "Someone else") {
		t.Errorf("an old form: %d %s", p.Status, p.Text("main"))
	}
	form.Set("version", "1")
	b.as("admin").Post("/admin/default-quota", form).WantStatus(http.StatusOK)
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'default_quota_changed'`); n != 2 {
		t.Errorf("%d events", n)
	}
}

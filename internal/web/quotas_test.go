package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/store"
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

package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// fillIn fills in a form on somebody's page and posts it; the page that follows comes back.
func (b *bundle) fillIn(account, page, action string, changes ...string) string {
	b.t.Helper()
	p := b.as(account).Get(page)
	form := p.Find("main form[method=post][action$='" + action + "']").First()
	path, ok := form.Attr("action")
	if !ok {
		b.t.Fatalf("%s has no form %s for %s: %s", page, action, account, p.Text("main"))
	}
	after := b.as(account).Post(path, fieldsOf(p, form, changes...)).WantStatus(http.StatusOK)
	if after.URL.Path == path {
		b.t.Fatalf("%s was not taken: %s", path, after.Text("main"))
	}
	return after.URL.Path
}

// advance takes the requests of a campaign, and the campaign, as far as they go.
func (b *bundle) advance() {
	b.t.Helper()
	for range 4 {
		b.must(b.requests.AdvanceCampaigns(b.t.Context()))
		rows, err := b.pool.Query(b.t.Context(), `SELECT id::text FROM requests WHERE campaign_id IS NOT NULL`)
		b.must(err)
		ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
		b.must(err)
		for _, id := range ids {
			_, err := b.executor.Step(b.t.Context(), id)
			b.must(err)
		}
	}
}

// A campaign on its pages: planned, started once however often the form is sent, decided
// on as a whole, stopped, resumed, continued and ended; seen by those who may see its
// requests.
func TestCampaignPages(t *testing.T) {
	b := setup(t)
	var pay string
	b.must(b.pool.QueryRow(t.Context(), `SELECT id FROM teams WHERE slug = 'pay'`).Scan(&pay))
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		return errors.Join(store.AssignCluster(t.Context(), tx, b.legacy, pay, portal.Staging))
	}))
	form := "/campaigns/new?cluster=" + b.ledger + "&cluster=" + b.legacy
	p := b.as("member").Get(form).WantStatus(http.StatusOK)
	fields := fieldsOf(p, p.Find("main form[action='/campaigns/new']").First(), "operation", "update_cluster", "gate", "person", "justification", "a label for all")
	fields["cluster"] = []string{b.ledger, b.legacy}
	fields.Set("action", "plan")
	if got := b.as("member").Post("/campaigns/new", fields).WantStatus(http.StatusUnprocessableEntity).Text("[data-fault=add_tags]"); got == "" {
		t.Error("nobody says that there is nothing to change")
	}
	fields.Set("add_tags", "audited")
	p = b.as("member").Post("/campaigns/new", fields).WantStatus(http.StatusOK)
	if got := p.Text("[data-testid=plan]"); !strings.Contains(got, "2 clusters in 2 waves") || !strings.Contains(got, "none → audited") {
		t.Errorf("the plan says %q", got)
	}
	fields.Set("action", "submit")
	b.as("member").Post("/campaigns/new", fields).WantStatus(http.StatusConflict) // not the plan that was seen
	fields.Set("seen", p.Find("input[name=seen]").AttrOr("value", ""))
	path := b.as("member").Post("/campaigns/new", fields).WantStatus(http.StatusOK).URL.Path
	if again := b.as("member").Post("/campaigns/new", fields).WantStatus(http.StatusOK).URL.Path; again != path || b.count("SELECT count(*) FROM campaigns") != 1 || b.count("SELECT count(*) FROM requests") != 2 {
		t.Errorf("sent twice it is %s and %s", path, again)
	}
	b.as("other").Get(path).WantStatus(http.StatusNotFound)
	b.as("other").Post(path+"/stop", map[string][]string{"stop_reason": {"no"}}).WantStatus(http.StatusNotFound)
	b.as("auditor").Post(path+"/stop", map[string][]string{"stop_reason": {"no"}}).WantStatus(http.StatusForbidden)
	b.as("member").Post(path+"/review", map[string][]string{"decision": {"approve"}, "digest": {"x"}}).WantStatus(http.StatusConflict)
	b.as("member").Post(path+"/continue", map[string][]string{"wave": {"2"}}).WantStatus(http.StatusConflict)

	b.fillIn("member", path, "/stop", "stop_reason", "not today")
	b.advance()
	if n := b.count("SELECT count(*) FROM executions"); n != 0 {
		t.Fatalf("%d calls of a campaign that was stopped", n)
	}
	b.fillIn("member", path, "/resume", "resume_reason", "now")
	if got := b.as("approver").Get("/inbox").Text("[data-testid=to-decide]"); strings.Count(got, "Campaign #") != 1 {
		t.Errorf("the inbox says %q", got)
	}
	b.advance()
	if n := b.count("SELECT count(*) FROM executions"); n != 1 {
		t.Fatalf("%d calls in the first wave, want that for staging", n)
	}
	b.fillIn("approver", path, "/review", "decision", "approve")
	b.advance()
	if got := b.as("member").Get(path).Text("[data-testid=continue]"); got != "Begin wave 2: 1 cluster" {
		t.Fatalf("the page offers %q: %s", got, b.as("member").Get(path).Text("main"))
	}
	if got := b.as("admin").Get("/admin/queue").Text("[data-testid=waiting]"); !strings.Contains(got, "Wave 2 of its campaign") || !strings.Contains(got, "with its wave") || strings.Contains(got, "Step now") {
		t.Errorf("the queue says %q", got)
	}
	b.fillIn("member", path, "/continue")
	b.as("member").Post(path+"/continue", map[string][]string{"wave": {"2"}}).WantStatus(http.StatusConflict)
	b.fillIn("member", path, "/end")
	b.advance()
	if got := b.as("auditor").Get(path).Text("[data-testid=reason]"); got != "1 of 2 succeeded." {
		t.Errorf("it ended with %q", got)
	}
	for _, c := range b.mustClusters() {
		if audited := strings.Contains(strings.Join(c.Tags, " "), "audited"); audited != (c.ID == b.legacy) {
			t.Errorf("cluster %s has the tags %v", c.Name, c.Tags)
		}
	}
}

func (b *bundle) mustClusters() []portal.Cluster {
	b.t.Helper()
	b.must(b.syncer.Sync(b.t.Context()))
	list, err := store.ClustersByID(b.t.Context(), b.pool, []string{b.ledger, b.legacy, b.index})
	b.must(err)
	return list
}

// What people do about a create whose answer was lost, on its page.
func TestLostCreateOnItsPage(t *testing.T) {
	b := setup(t)
	lost := func(name string, kind dosim.FaultKind) (path, id string) {
		path = b.as("member").Post("/clusters/new", createForm("name", name)).WantStatus(http.StatusOK).URL.Path
		b.must(b.pool.QueryRow(t.Context(), `SELECT id::text FROM requests WHERE target_name = $1`, name).Scan(&id))
		b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: kind})
		_, err := b.executor.Step(t.Context(), id)
		b.must(err)
		return path, id
	}
	look := func(id string) {
		for range portal.ResendLooks {
			_, err := b.executor.Step(context.Background(), id)
			b.must(err)
		}
	}
	path, id := lost("gone", dosim.FaultReset)
	look(id)
	if p := b.as("member").Get(path); p.Find("[data-testid=resend]").Length() != 0 || !strings.Contains(p.Text("[data-testid=looks]"), "looked 3 times") {
		t.Errorf("at once the page says %q", p.Text("[data-testid=lost]"))
	}
	b.exec(`UPDATE executions SET first_look_at = first_look_at - $1::interval WHERE request_id = $2`, 3*time.Minute, id)
	b.fillIn("member", path, "/resend")
	_, err := b.executor.Step(t.Context(), id)
	b.must(err)
	if n := b.count("SELECT count(*) FROM requests WHERE id = $1 AND state = 'settling'", id); n != 1 {
		t.Errorf("after it was sent once more: %s", b.as("member").Get(path).Text("[data-testid=status]"))
	}

	path, id = lost("double", dosim.FaultLost)
	twin := b.sim.Add(dosim.Seed{Name: "twin", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1, Tags: []string{"portal-request:" + id}})
	look(id)
	b.must(b.syncer.Sync(t.Context()))
	if got := b.as("member").Get(path).Text("[data-testid=tagged]"); !strings.Contains(got, twin) || !strings.Contains(got, "An admin has to say") {
		t.Errorf("the member reads %q", got)
	}
	b.fillIn("admin", path, "/choose", "cluster", twin)
	if n := b.count("SELECT count(*) FROM requests WHERE id = $1 AND state = 'settling' AND target_id = $2", id, twin); n != 1 {
		t.Errorf("after the choice: %s", b.as("member").Get(path).Text("[data-testid=status]"))
	}
}

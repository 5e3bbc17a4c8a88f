package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi/dosim"
)

// choose is the page of selected clusters.
func choose(ids ...string) string { return "/clusters/selected?" + url.Values{"cluster": ids}.Encode() }

// The list is a plain form of what is ticked; its page lists names and ids, of the
// clusters that its reader may see.
func TestSelectedClusters(t *testing.T) {
	b := setup(t)
	list := b.as("member").Get("/clusters")
	if form := list.Find("form[data-selection]"); form.AttrOr("action", "") != "/clusters/selected" || form.AttrOr("method", "get") != "get" || form.Find("[name=cluster]").AttrOr("value", "") != b.ledger {
		t.Error("the list is no form")
	}
	if n := list.Find("[name=cluster][checked]").Length(); n != 0 {
		t.Errorf("%d are ticked at first", n)
	}
	if n := b.as("auditor").Get("/clusters?select=all&q=le").Find("[name=cluster][checked]").Length(); n != 2 {
		t.Errorf("%d of 2 that are shown are ticked", n)
	}
	for account, want := range map[string]string{"member": "ledger", "other": "index", "auditor": "index ledger legacy", "admin": "index ledger legacy"} {
		p := b.as(account).Get(choose(b.ledger, b.index, b.legacy, b.ledger, uuid.NewString(), "x", "\x00")).WantStatus(http.StatusOK)
		if got := p.Text("[data-testid=selected-names]"); got != want {
			t.Errorf("%s sees %q, want %q", account, got, want)
		}
		if offered := p.Find("[data-testid=assign]").Length() == 1; offered != (account == "admin") {
			t.Errorf("%s is offered to assign them: %t", account, offered)
		}
	}
	for _, query := range []string{"", "?cluster=" + b.index, "?cluster=" + strings.Repeat("x", 5000)} {
		if got := b.as("member").Get("/clusters/selected" + query).WantStatus(http.StatusOK).Text("main"); !strings.Contains(got, "Nothing is selected") {
			t.Errorf("%.40s: %q", query, got)
		}
	}
}

// An admin assigns what nobody owns, after a fresh sign-in, with what they chose
// still there.
func TestAssignSelected(t *testing.T) {
	b := setup(t)
	_, err := dbtest.Owner(t).Exec(t.Context(), "UPDATE installation SET installed_at = now() - interval '30 days'")
	b.must(err)
	lost := b.sim.Add(dosim.Seed{Name: "<b>lost</b>", Region: "nyc1"})
	b.must(b.syncer.Sync(t.Context()))
	p := b.as("admin").Get(choose(b.ledger, b.legacy, lost))
	form := formOf(p, "team", "pay", "environment", "")
	if slices.Contains(form["cluster"], b.ledger) || len(form["cluster"]) != 2 || form.Get("protected") != "true" || !strings.Contains(p.Text("[data-testid=assign]"), "1 selected cluster belongs to a team already") {
		t.Errorf("%v: %s", form, p.Text("[data-testid=assign]"))
	}
	p = b.as("admin").Post("/admin/clusters/assign", form).WantStatus(http.StatusUnprocessableEntity)
	if !strings.Contains(p.Fault("environment"), "needs an environment") || p.Value("team") != "pay" || evil(p) != "" {
		t.Errorf("%q, team %q", p.Text("main"), p.Value("team"))
	}
	form.Set("environment", "staging")
	for _, reader := range []string{"member", "approver", "platform", "auditor"} {
		b.as(reader).Post("/admin/clusters/assign", form).WantStatus(http.StatusForbidden)
	}
	p = b.as("admin").Post("/admin/clusters/assign", form).WantStatus(http.StatusOK)
	if got := p.Text("[data-testid=said]"); p.URL.Path != "/admin/changes" || !strings.Contains(got, "Proposed for 2 of 2 clusters: team pay") {
		t.Errorf("%s %q", p.URL, got)
	}
	p = b.as("admin").Post("/admin/clusters/assign", form).WantStatus(http.StatusConflict) // a second click
	if got := p.Text("[data-testid=problem]"); !strings.Contains(got, "waits for a second admin already") || !strings.Contains(got, "Nothing was assigned") {
		t.Errorf("%q", got)
	}
	if n := b.count("SELECT count(*) FROM admin_changes"); n != 2 {
		t.Errorf("%d changes wait", n)
	}
}

// Who has to sign in again finds what they chose on the same page.
func TestAssignSelectedAfterAFreshSignIn(t *testing.T) {
	b := setup(t)
	lost := b.sim.Add(dosim.Seed{Name: "lost", Region: "nyc1"})
	b.must(b.syncer.Sync(t.Context()))
	admin := b.old("admin")
	form := formOf(admin.Get(choose(b.legacy, lost)), "team", "pay", "environment", "staging", "protected", "true")
	asked := admin.Post("/admin/clusters/assign", form).WantStatus(http.StatusOK)
	if asked.URL.Path != "/step-up" || b.count("SELECT count(*) FROM clusters WHERE name IN ('legacy', 'lost') AND team_id IS NOT NULL") != 0 {
		t.Fatalf("%s: %s", asked.URL, asked.Text("main"))
	}
	back := admin.SignInAgain(asked, "admin").WantStatus(http.StatusOK)
	if diff := cmp.Diff(form, formOf(back)); diff != "" {
		t.Errorf("-typed +returned:\n%s", diff)
	}
	done := admin.Post("/admin/clusters/assign", formOf(back)).WantStatus(http.StatusOK) // in the first week
	if got := done.Text("[data-testid=said]"); !strings.Contains(got, "2 clusters assigned to team pay") {
		t.Errorf("%s %q", done.URL, got)
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'cluster_assigned'"); n != 2 {
		t.Errorf("%d events", n)
	}
}

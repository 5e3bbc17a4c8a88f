package web_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/portal"
	"doksportal/internal/web/webtest"
)

const reconcilePath = "/audit/reconciliation/resolve"

// drift puts a change of a cluster on the trail that no request explains, and returns
// the id of its event.
func (b *bundle) drift(cluster, name, team, summary string, at time.Time) string {
	b.t.Helper()
	b.append(portal.Event{Kind: portal.EventClusterDrifted, At: at, Actor: portal.System("inventory").Person(), TeamID: team, Environment: portal.Production,
		Target: portal.EventTarget{Kind: portal.TargetCluster, ID: cluster, Name: name}, Summary: summary})
	var id string
	b.must(b.pool.QueryRow(b.t.Context(), "SELECT id FROM events WHERE summary = $1 ORDER BY id DESC LIMIT 1", summary).Scan(&id))
	return id
}

func (b *bundle) team(slug string) string {
	b.t.Helper()
	var id string
	b.must(b.pool.QueryRow(b.t.Context(), "SELECT id FROM teams WHERE slug = $1", slug).Scan(&id))
	return id
}

// carriedOut is the number of a request of the member's that was carried out.
func (b *bundle) carriedOut(name string) string {
	b.t.Helper()
	number := b.asked("member", "/clusters/new", createForm("name", name))
	var id string
	b.must(b.pool.QueryRow(b.t.Context(), "SELECT id FROM requests WHERE number = $1", number).Scan(&id))
	b.executor.Advance(b.t.Context(), id)
	return number
}

// reconciling is the form that resolves changes as the list has them. Pairs of names
// and values replace what it has.
func reconciling(p webtest.Page, events []string, pairs ...string) url.Values {
	form := url.Values{"change_state": {"resolved"}, "reconcile_reason": {"The hotfix of ticket 12."}}
	for _, id := range events {
		form.Add("change", p.Find("[data-change='"+id+"'] [name=change]").AttrOr("value", "not shown"))
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

func statuses(p webtest.Page) string {
	var list []string
	for i := range p.Find("[data-change]").Length() {
		list = append(list, p.Find("[data-change]").Eq(i).AttrOr("data-status", ""))
	}
	return strings.Join(list, " ")
}

// Every change is listed: what a request made with the request, and what a reading
// found as an exception, first, until somebody says why. What was said stays; the newest
// counts.
func TestReconciliation(t *testing.T) {
	b := setup(t) // whose first reading has found three clusters
	number := b.carriedOut("shop")
	auditor := b.as("auditor")
	p := auditor.Get("/audit/reconciliation").WantStatus(http.StatusOK)
	if got := p.Text("[data-testid=totals]"); got != "4 changes: 1 made by requests, 3 exceptions, of which 3 are open." {
		t.Fatalf("the totals are %q", got)
	}
	if got := statuses(p); got != "open open open explained" {
		t.Errorf("the list has %q", got)
	}
	if made := p.Text("[data-status=explained]"); !strings.Contains(made, "Create cluster") || !strings.Contains(made, "shop") || !strings.Contains(made, "Request #"+number) {
		t.Errorf("what a request made is %q", made)
	}
	auditor.Get(p.Find("[data-status=explained] a[href^='/audit/cases/']").AttrOr("href", "")).WantStatus(http.StatusOK)

	drifted := b.drift(b.ledger, "ledger", b.team("pay"), "Cluster ledger was changed <b>past</b> the portal", time.Now())
	p = auditor.Get("/audit/reconciliation")
	if got := p.Text("[data-change='" + drifted + "']"); !strings.Contains(got, "<b>past</b>") || !strings.Contains(got, "no request") || !strings.Contains(got, "team pay, production") {
		t.Errorf("what was found now is %q", got)
	}
	form := reconciling(p, []string{drifted}, "reconcile_reason", "first word")
	if said := auditor.Post(reconcilePath, form).WantStatus(http.StatusOK); !strings.Contains(said.Text("body"), "The change of ledger is resolved.") || statuses(said) != "open open open resolved explained" {
		t.Errorf("resolved: %s", statuses(said))
	}
	p = auditor.Get("/audit/reconciliation")
	if got := p.Text("[data-testid=totals]"); got != "5 changes: 1 made by requests, 4 exceptions, of which 3 are open." {
		t.Errorf("the totals are %q", got)
	}
	if got := p.Text("[data-change='" + drifted + "']"); !strings.Contains(got, "first word") || !strings.Contains(got, "resolved by Otto Auditor") {
		t.Errorf("of what is resolved the list says %q", got)
	}

	b.as("admin").Post(reconcilePath, reconciling(p, []string{drifted}, "change_state", "open", "reconcile_reason", "that ticket is of another cluster")).WantStatus(http.StatusOK)
	p = auditor.Get("/audit/reconciliation")
	if got := statuses(p); got != "open open open open explained" {
		t.Errorf("opened again: %s", got)
	}
	if got := p.Text("[data-testid=totals]"); !strings.HasSuffix(got, "of which 4 are open.") {
		t.Errorf("opened again: the totals are %q", got)
	}
	auditor.Post(reconcilePath, reconciling(p, []string{drifted}, "reconcile_reason", "last word")).WantStatus(http.StatusOK)
	said := auditor.Get("/audit/reconciliation").Text("[data-change='" + drifted + "'] [data-testid=entry]")
	if last, opened, first := strings.Index(said, "last word"), strings.Index(said, "another cluster"), strings.Index(said, "first word"); last < 0 || opened < last || first < opened {
		t.Errorf("what was said is %q", said)
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'change_reconciled' AND target_id = $1 AND team_id = $2 AND data->>'event' = $3 AND reason <> ''`, b.ledger, b.team("pay"), drifted); n != 3 {
		t.Errorf("%d of 3 events", n)
	}
	for _, sql := range []string{"UPDATE reconciliations SET reason = 'x'", "DELETE FROM reconciliations"} {
		if _, err := b.pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: it can be", sql)
		}
	}
}

// What is wrong is said at its field, and nothing typed is lost.
func TestWrongReconciling(t *testing.T) {
	b := setup(t)
	drifted := b.drift(b.ledger, "ledger", b.team("pay"), "changed", time.Now())
	elsewhere := b.asked("other", "/clusters/"+b.index+"/delete", url.Values{"submit_key": {uuid.NewString()}, "operation": {"delete_cluster"}, "justification": {"a test"}, "action": {"submit"}})
	ours := b.asked("member", "/clusters/"+b.ledger+"/delete", url.Values{"submit_key": {uuid.NewString()}, "operation": {"delete_cluster"}, "justification": {"a test"}, "action": {"submit"}})
	reads := b.asked("member", "/clusters/"+b.ledger+"/access", url.Values{"submit_key": {uuid.NewString()}, "operation": {"get_kubeconfig"}, "justification": {"a test"}, "minutes": {"60"}})
	auditor := b.as("auditor")
	p := auditor.Get("/audit/reconciliation")
	for name, c := range map[string]struct{ field, value, says string }{
		"no reason":            {"reconcile_reason", " \n", "Enter a reason."},
		"long reason":          {"reconcile_reason", strings.Repeat("é", 1001), "at most 1000"},
		"hidden reason":        {"reconcile_reason", "a\u202eb", "cannot be seen"},
		"a request of another": {"reconcile_request", elsewhere, "Request #" + elsewhere + " is not about cluster ledger."},
		"one that reads":       {"reconcile_request", reads, "changes no cluster"},
		"no such request":      {"reconcile_request", "99", "There is no request #99."},
		"no number":            {"reconcile_request", "1.5", "Enter the number"},
		"too large a number":   {"reconcile_request", "9223372036854775808", "Enter the number"},
		"no state":             {"change_state", "", "Choose whether"},
		"another state":        {"change_state", "explained", "Choose whether"},
		"what is open opened":  {"change_state", "open", "cannot be opened again"},
	} {
		got := auditor.Post(reconcilePath, reconciling(p, []string{drifted}, c.field, c.value)).WantStatus(http.StatusUnprocessableEntity)
		if !strings.Contains(got.Fault(c.field), c.says) {
			t.Errorf("%s: at the field it says %q", name, got.Fault(c.field))
		}
		if typed := got.Value(c.field); c.field != "change_state" && strings.TrimSpace(typed) != strings.TrimSpace(c.value) {
			t.Errorf("%s: %q became %q", name, c.value, typed)
		}
	}
	if n := b.count("SELECT count(*) FROM reconciliations"); n != 0 {
		t.Errorf("%d entries", n)
	}
	made := b.carriedOut("shop")
	var outcome string
	b.must(b.pool.QueryRow(t.Context(), "SELECT id FROM events WHERE kind = 'execution_outcome'").Scan(&outcome))
	for _, change := range []string{uuid.NewString() + ".0", outcome + ".0", "x.0", "\x00"} {
		auditor.Get(reconcilePath + "?" + url.Values{"change": {change}}.Encode()).WantStatus(http.StatusNotFound)
		auditor.Post(reconcilePath, url.Values{"change": {change, drifted + ".0"}, "change_state": {"resolved"}, "reconcile_reason": {"x"}}).WantStatus(http.StatusNotFound)
	}
	var many []string
	for range 101 {
		many = append(many, uuid.NewString()+".0")
	}
	if p := auditor.Post(reconcilePath, url.Values{"change": many}).WantStatus(http.StatusUnprocessableEntity); !strings.Contains(p.Text("main"), "at most 100") {
		t.Errorf("too many: %q", p.Text("main"))
	}
	auditor.Post(reconcilePath, reconciling(p, []string{drifted}, "reconcile_request", "#"+ours)).WantStatus(http.StatusOK)
	if got := auditor.Get("/audit/reconciliation").Text("[data-change='" + drifted + "']"); !strings.Contains(got, "Request #"+ours) || strings.Contains(got, "Request #"+made) {
		t.Errorf("of the request that explains it the list says %q", got)
	}
	for _, month := range []string{"2026-13", "x", "1999-12", time.Now().UTC().AddDate(0, 2, 0).Format("2006-01"), "2026-1"} {
		auditor.Get("/audit/reconciliation?month=" + month).WantStatus(http.StatusNotFound)
	}
	auditor.Get("/audit/reconciliation?before=" + uuid.NewString()).WantStatus(http.StatusNotFound)
}

// What is kept and what nobody has said, by the trail, resolves nothing, and keeps nobody
// from saying something.
func TestReconciliationThatNobodyGave(t *testing.T) {
	b := setup(t)
	drifted := b.drift(b.ledger, "ledger", b.team("pay"), "changed", time.Now())
	_, err := b.pool.Exec(t.Context(), `INSERT INTO reconciliations (id, event_id, number, resolved, reason, issuer, subject, by_name, own_team)
		SELECT gen_random_uuid(), $1, 1, true, 'planned work', issuer, subject, name, false FROM people WHERE subject = 'auditor'`, drifted)
	b.must(err)
	auditor := b.as("auditor")
	p := auditor.Get("/audit/reconciliation")
	if got := p.Find("[data-change='"+drifted+"']").AttrOr("data-status", ""); got != "open" || strings.Contains(p.Text("main"), "planned work") {
		t.Errorf("it is %s", got)
	}
	auditor.Post(reconcilePath, reconciling(p, []string{drifted})).WantStatus(http.StatusOK)
	p = auditor.Get("/audit/reconciliation")
	if got := p.Find("[data-change='"+drifted+"']").AttrOr("data-status", ""); got != "resolved" {
		t.Errorf("once somebody has resolved it, it is %s", got)
	}
	// Said again of another request it is another word.
	ours := b.asked("member", "/clusters/"+b.ledger+"/delete", url.Values{"submit_key": {uuid.NewString()}, "operation": {"delete_cluster"}, "justification": {"a test"}, "action": {"submit"}})
	auditor.Post(reconcilePath, reconciling(p, []string{drifted}, "reconcile_request", ours)).WantStatus(http.StatusOK)
	if got := auditor.Get("/audit/reconciliation").Text("[data-change='" + drifted + "']"); !strings.Contains(got, "Request #"+ours) {
		t.Errorf("corrected, it says %q", got)
	}
}

// Sent twice it is said once; of two people who say something at once the second reads
// the first.
func TestReconcilingAtOnce(t *testing.T) {
	b := setup(t)
	drifted := b.drift(b.ledger, "ledger", "", "changed", time.Now())
	form := reconciling(b.as("auditor").Get("/audit/reconciliation"), []string{drifted})
	b.as("admin")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { b.as("auditor").Post(reconcilePath, form).WantStatus(http.StatusOK) })
	}
	all.Wait()
	if n := b.count("SELECT count(*) FROM reconciliations") * b.count("SELECT count(*) FROM events WHERE kind = 'change_reconciled'"); n != 1 {
		t.Errorf("%d entries", b.count("SELECT count(*) FROM reconciliations"))
	}
	late := reconciling(webtest.Page{}, nil, "reconcile_reason", "my own word")
	late["change"] = form["change"]
	p := b.as("admin").Post(reconcilePath, late).WantStatus(http.StatusConflict)
	if !strings.Contains(p.Text("[data-testid=problem]"), "Otto Auditor has said something") || p.Value("reconcile_reason") != "my own word" || !strings.Contains(p.Text("[data-testid=entry]"), "hotfix") {
		t.Errorf("who is late reads %q", p.Text("main"))
	}
	late["change"] = []string{p.Value("change")}
	b.as("admin").Post(reconcilePath, late).WantStatus(http.StatusOK)
}

// Who resolves a change of their own team's cluster is not kept from it; the list says
// so, for good.
func TestReconcilingOnesOwnTeam(t *testing.T) {
	b := setup(t)
	b.exec("UPDATE teams SET member_group = 'admins' WHERE slug = 'find'")
	drifted := b.drift(b.index, "index", b.team("find"), "changed", time.Now())
	p := b.as("admin").Get("/audit/reconciliation")
	if got := p.Text("[data-change='" + drifted + "']"); !strings.Contains(got, "You are a member of the team") {
		t.Errorf("the list says %q", got)
	}
	if got := b.as("admin").Get(reconcilePath + "?change=" + drifted + ".0").Text("[data-testid=own-team]"); got == "" {
		t.Error("the form does not say so")
	}
	b.as("admin").Post(reconcilePath, reconciling(p, []string{drifted})).WantStatus(http.StatusOK)
	b.exec("UPDATE teams SET member_group = 'find' WHERE slug = 'find'")
	if got := b.as("auditor").Get("/audit/reconciliation").Text("[data-change='" + drifted + "']"); !strings.Contains(got, "as a member of the cluster's team, by Ada Admin") {
		t.Errorf("the list says %q", got)
	}
}

// Pages go on where the one before ended, through all statuses, and no change is left
// out or there twice; what is open of other months is said.
func TestReconciliationPages(t *testing.T) {
	b := setup(t)
	now := time.Now().UTC()
	before := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).Add(-time.Second)
	want := map[string]bool{}
	var list []portal.Event
	for i := range 120 {
		list = append(list, portal.Event{Kind: portal.DriftKinds[i%3], At: before.Add(-time.Duration(i/2) * time.Second), Actor: portal.System("inventory").Person(),
			Target: portal.EventTarget{Kind: portal.TargetCluster, ID: b.ledger, Name: "ledger"}, Summary: fmt.Sprintf("change %d", i)})
	}
	list = append(list, portal.Event{Kind: portal.EventClusterGone, At: before.Add(time.Second), Actor: portal.System("inventory").Person(),
		Target: portal.EventTarget{Kind: portal.TargetCluster, ID: "g", Name: "this month's"}, Summary: "gone"})
	b.append(list...)
	auditor := b.as("auditor")
	link := "/audit/reconciliation?month=" + before.Format("2006-01")
	p := auditor.Get(link)
	auditor.Post(reconcilePath, reconciling(p, []string{p.Find("[data-change]").Eq(0).AttrOr("data-change", ""), p.Find("[data-change]").Eq(7).AttrOr("data-change", "")})).WantStatus(http.StatusOK)
	seen := ""
	for pages := 0; link != "" && pages < 10; pages++ {
		p := auditor.Get(link).WantStatus(http.StatusOK)
		for i := range p.Find("[data-change]").Length() {
			id := p.Find("[data-change]").Eq(i).AttrOr("data-change", "")
			if want[id] {
				t.Errorf("%s is there twice", id)
			}
			want[id] = true
		}
		seen += " " + statuses(p)
		link = p.Find("a[rel=next]").AttrOr("href", "")
	}
	if len(want) != 120 || strings.Contains(seen, "resolved open") {
		t.Errorf("%d of 120 changes are listed: %s", len(want), seen)
	}
	if got := auditor.Get("/audit/reconciliation").Text("[data-testid=open-months]"); got != "Open in other months: "+before.Format("January 2006")+" (118)" {
		t.Errorf("of other months it says %q", got)
	}
}

// The file has all of a month and no formula.
func TestReconciliationAsFile(t *testing.T) {
	b := setup(t)
	number := b.carriedOut("shop")
	drifted := b.drift(b.ledger, "=ledger", b.team("pay"), "+1 was changed", time.Now())
	auditor := b.as("auditor")
	auditor.Post(reconcilePath, reconciling(auditor.Get("/audit/reconciliation"), []string{drifted}, "reconcile_reason", "@first")).WantStatus(http.StatusOK)
	auditor.Post(reconcilePath, reconciling(auditor.Get("/audit/reconciliation"), []string{drifted}, "reconcile_reason", "=2+2")).WantStatus(http.StatusOK)
	link := auditor.Get("/audit/reconciliation").Find("a[download]").AttrOr("href", "")
	file := auditor.Get(link).WantStatus(http.StatusOK)
	lines, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
	b.must(err)
	if len(lines) != 6 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	resolved, made := lines[4], lines[5]
	for column, want := range map[int]string{1: "resolved", 2: "'+1 was changed", 3: "'=ledger", 5: "pay", 8: "Otto Auditor", 11: "'=2+2", 13: drifted} {
		if resolved[column] != want {
			t.Errorf("column %d of what is resolved is %q, want %q", column, resolved[column], want)
		}
	}
	if !strings.Contains(resolved[12], "resolved: @first") {
		t.Errorf("said before: %q", resolved[12])
	}
	if made[1] != "explained" || made[7] != number {
		t.Errorf("what a request made: %q", made)
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'trail_read' AND data->>'format' = 'csv'"); n != 1 {
		t.Errorf("%d events tell of the file", n)
	}
}

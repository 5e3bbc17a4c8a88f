package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"doksportal/internal/portal"
)

// A request says by name who can give what is outstanding: never its requester,
// and nobody of another team.
func TestWhoCanDecide(t *testing.T) {
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO group_labels VALUES ('pay-approvers', 'Payments leads', now())`)
	b.must(err)
	for _, account := range []string{"approver", "other", "platform", "auditor", "owner"} {
		b.as(account)
	}
	number := b.asked("approver", "/clusters/new", createForm("name", "own", "environment", "production"))
	page := b.as("member").Get("/requests/" + number)
	if got := page.Text("[data-testid=can-give]"); !strings.Contains(got, "Pia Platform") || !strings.Contains(got, "seen") {
		t.Errorf("who can decide: %q", got)
	}
	for _, not := range []string{"Abe Approver", "Oda Other", "Otto Auditor", "Mia Member"} {
		if got := page.Text("[data-testid=can-give]"); strings.Contains(got, not) {
			t.Errorf("%s can decide: %q", not, got)
		}
	}
	if got := page.Text("[data-testid=outstanding]"); !strings.Contains(got, "Payments leads") || strings.Contains(got, "pay-approvers") {
		t.Errorf("outstanding: %q", got)
	}
	if got := b.as("approver").Get("/inbox").Text("[data-testid=mine]"); !strings.Contains(got, "Pia Platform") || strings.Contains(got, "Abe Approver)") {
		t.Errorf("their inbox says it waits for %q", got)
	}
	if got := b.as("other").Get("/requests/" + number).WantStatus(http.StatusNotFound).Body; strings.Contains(got, "Pia Platform") || strings.Contains(got, "own") && strings.Contains(got, "Abe") {
		t.Error("another team reads who can decide")
	}
	rejected := b.as("platform").Post("/requests/"+number+"/review", url.Values{"decision": {"reject"}, "revision": {"1"}, "comment": {"no"},
		"digest": {page.Find("[title]").FilterFunction(func(_ int, s *goquery.Selection) bool { return s.HasClass("mono") }).AttrOr("title", "")}})
	if got := rejected.Find("[data-testid=can-give]").Length(); rejected.Status != http.StatusOK || got != 0 {
		t.Errorf("%d: after the decision %d are named", rejected.Status, got)
	}
}

// Beside a request are the earlier ones of its requester and of its cluster, as
// far as the reader may see them.
func TestEarlierRequests(t *testing.T) {
	b := setup(t)
	first := b.pending()
	b.setTarget(b.ledger)
	second := b.pending()
	b.setTarget(b.ledger)
	foreign := b.asked("other", "/clusters/new", createForm("team", "find", "name", "theirs", "environment", "production"))
	b.setTarget(b.ledger)
	third := b.pending()
	b.setTarget(b.ledger)
	got := b.as("approver").Get("/requests/" + third).Text("[data-testid=history]")
	if strings.Count(got, "#"+first) != 2 || strings.Count(got, "#"+second) != 2 || strings.Contains(got, "#"+foreign) || strings.Contains(got, "#"+third) {
		t.Errorf("a member of the team reads %q", got)
	}
	if got := b.as("auditor").Get("/requests/" + third).Text("[data-testid=history]"); !strings.Contains(got, "#"+foreign) {
		t.Errorf("the auditor reads %q", got)
	}
}

// setTarget makes all requests concern a cluster.
func (b *bundle) setTarget(id string) {
	b.t.Helper()
	_, err := b.pool.Exec(b.t.Context(), `UPDATE requests SET target_id = $1, target_ids = ARRAY[$1]`, id)
	b.must(err)
}

// From one request that waits for a decision a key leads to the next, the
// riskiest first.
func TestNeighbours(t *testing.T) {
	b := setup(t)
	first, second := b.pending(), b.pending()
	risky := b.asked("member", "/clusters/"+b.ledger+"/delete", b.deletion())
	want := []string{risky, first, second}
	for i, number := range want {
		page := b.as("approver").Get("/requests/" + number)
		var next, previous string
		if i+1 < len(want) {
			next = "/requests/" + want[i+1]
		}
		if i > 0 {
			previous = "/requests/" + want[i-1]
		}
		if got := page.Find("[data-key=j]").AttrOr("href", ""); got != next {
			t.Errorf("after #%s: %q, want %q", number, got, next)
		}
		if got := page.Find("[data-key=k]").AttrOr("href", ""); got != previous {
			t.Errorf("before #%s: %q, want %q", number, got, previous)
		}
	}
	if page := b.as("member").Get("/requests/" + first); page.Find("[data-key]").Length() != 0 {
		t.Error("who cannot decide has keys for it")
	}
	if got := b.as("approver").Get("/inbox").Find("[data-testid=to-decide] a.anchor").First().AttrOr("href", ""); got != "/requests/"+risky {
		t.Errorf("the inbox begins with %s", got)
	}
}

// deletion is the form of deleting the cluster ledger.
func (b *bundle) deletion() url.Values {
	b.t.Helper()
	form := formOf(b.as("member").Get("/clusters/" + b.ledger + "/delete"))
	form.Set("operation", string(portal.DeleteCluster))
	form.Set("justification", "no longer needed")
	form.Set("typed_name", "ledger")
	form.Set("action", "submit")
	return form
}

// An address in a comment is a link; what is none stays text.
func TestLinksInComments(t *testing.T) {
	b := setup(t)
	number := b.pending()
	page := b.as("approver").Post("/requests/"+number+"/comment", url.Values{
		"key": {"018f0000-0000-7000-8000-000000000001"}, "text": {`see https://wiki.example/a?b=1, not javascript:alert(1) or <a href="//x">`}})
	links := page.Find("[data-testid=comment] a")
	if links.Length() != 1 || links.AttrOr("href", "") != "https://wiki.example/a?b=1" || !slices.Contains(strings.Fields(links.AttrOr("rel", "")), "noopener") {
		t.Errorf("links: %d, %q, %q", links.Length(), links.AttrOr("href", ""), links.AttrOr("rel", ""))
	}
	if got := page.Text("[data-testid=comment]"); !strings.Contains(got, `javascript:alert(1) or <a href="//x">`) {
		t.Errorf("the comment reads %q", got)
	}
}

// A request that was planned again says what differs.
func TestWhatDiffersBetweenRevisions(t *testing.T) {
	b := setup(t)
	number := b.pending()
	form := formOf(b.as("member").Get("/requests/" + number + "/revise"))
	form.Set("pools[0].count", "3")
	form.Set("action", "submit")
	page := b.as("member").Post("/requests/"+number+"/revise", form)
	if got := page.Text("[data-testid=revisions]"); !strings.Contains(got, "1 × s-2vcpu-4gb") || !strings.Contains(got, "3 × s-2vcpu-4gb") {
		t.Errorf("%d: %q", page.Status, got)
	}
	if got := page.Text("[data-testid=revisions] [data-testid=diff]"); strings.Contains(got, "fra1") {
		t.Errorf("what stays the same is told: %q", got)
	}
}

// Nobody is shown one thing and agrees to another: of a request that is not what was
// planned the page has no form, and says why.
func TestRewrittenRequestHasNoForm(t *testing.T) {
	b := setup(t)
	number := b.pending()
	for _, account := range []string{"approver", "admin"} {
		page := b.as(account).Get("/requests/" + number)
		if page.Find("input[name=digest]").Length() == 0 {
			t.Fatalf("%s cannot decide at all", account)
		}
	}
	var plan, operation, target, why, who string
	b.must(b.pool.QueryRow(t.Context(), `SELECT plan::text, operation, target_name, justification, requester_name FROM requests`).Scan(&plan, &operation, &target, &why, &who))
	for name, change := range map[string]string{
		"the plan":      `UPDATE requests SET plan = jsonb_set(plan, '{summary}', '"Rename pool a to b"')`,
		"the operation": `UPDATE requests SET operation = 'update_node_pool'`,
		"the target":    `UPDATE requests SET target_name = 'harmless'`,
		"why":           `UPDATE requests SET justification = 'harmless'`,
		"who asks":      `UPDATE requests SET requester_name = 'Petra Platform, CTO'`,
	} {
		b.exec(change)
		for _, account := range []string{"approver", "admin"} {
			page := b.as(account).Get("/requests/" + number)
			if page.Find("input[name=digest]").Length() != 0 || !strings.Contains(page.Text("main"), "no longer what was planned") {
				t.Errorf("%s: %s is asked to decide: %s", name, account, page.Text("main"))
			}
		}
		b.exec(`UPDATE requests SET plan = $1, operation = $2, target_name = $3, justification = $4, requester_name = $5`, plan, operation, target, why, who)
	}
}

// The form for a new revision, sent twice, is one; sent again with something else in it,
// after going back, it says that the plan has changed, and loses nothing.
func TestRevisionIsSentOnce(t *testing.T) {
	b := setup(t)
	number := b.pending()
	member, path := b.as("member"), "/requests/"+number+"/revise"
	form := formOf(member.Get(path), "justification", "the first", "action", "submit")
	for range 2 {
		if p := member.Post(path, form); p.URL.Path != "/requests/"+number {
			t.Fatalf("%d %s", p.Status, p.Text("main"))
		}
	}
	form.Set("justification", "the second")
	p := member.Post(path, form).WantStatus(http.StatusConflict)
	if !strings.Contains(p.Text("main"), "planned this again in the meantime") || p.Value("justification") != "the second" {
		t.Errorf("%s", p.Text("main"))
	}
	if n := b.count("SELECT revision FROM requests WHERE number = $1", number); n != 2 {
		t.Errorf("revision %d", n)
	}
}

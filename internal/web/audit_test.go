package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doksportal/internal/portal"
)

// What cannot be understood is said at its field, in the words of who typed it, and
// nothing typed is lost.
func TestAuditSearchSaysWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct{ field, typed, want string }{
		{"q", strings.Repeat("x", 201), "at most 200 characters"},
		{"q", ".*[]", "There are no patterns"},
		{"from", "2026-02-30", "There is no day 2026-02-30"},
		{"to", "yesterday", "There is no day yesterday"},
		{"actor", "Nobody At All", "“Nobody At All”"},
		{"cluster", "no-such-cluster", "“no-such-cluster”"},
		{"request", "99999999999999999999", "Enter the number"},
		{"address", "10.0.0.300", "Enter an IP address"},
		{"kind", "nonsense", "no such kind"},
		{"outcome", "perhaps", "no such outcome"},
		{"operation", "explode", "no such operation"},
		{"risk", "some", "no such risk"},
		{"environment", "moon", "no such environment"},
		{"team", "nobodys", "no such team"},
	} {
		p := b.as("auditor").Get("/audit?" + url.Values{c.field: {c.typed}}.Encode()).WantStatus(http.StatusUnprocessableEntity)
		if got := p.Text("[data-fault=" + c.field + "]"); !strings.Contains(got, c.want) {
			t.Errorf("%s=%s: %q, want %q", c.field, c.typed, got, c.want)
		}
		if input := p.Find("main input[name=" + c.field + "]"); input.Length() > 0 && input.AttrOr("value", "") != c.typed {
			t.Errorf("%s: %q is lost", c.field, c.typed)
		}
	}
	p := b.as("auditor").Get("/audit?from=2026-02-02&to=2026-02-01").WantStatus(http.StatusUnprocessableEntity)
	if got := p.Text("[data-fault=to]"); !strings.Contains(got, "before the first") {
		t.Errorf("a range turned round: %q", got)
	}
}

// A name that can mean several is asked back, also one of a cluster that is gone; each
// value of what was found narrows the search, and each event opens.
func TestAuditSearchFindsPeopleAndClusters(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.asked("member", "/clusters/new", createForm("name", "found-here"))
	b.exec(`INSERT INTO clusters (id, name, region, version, ha, state, created_at, seen_at, gone_at, details, tags)
		SELECT gen_random_uuid()::text, 'twice', 'fra1', '1', false, 'running', now() - n * interval '1 day', now(), CASE WHEN n > 1 THEN now() END, '{}', '{}' FROM generate_series(1, 2) n`)
	choices := b.as("auditor").Get("/audit?cluster=twice").WantStatus(http.StatusOK)
	if got := choices.Text("[data-testid=choices]"); strings.Count(got, "twice") != 2 || strings.Count(got, "gone since") != 1 {
		t.Errorf("which of the two: %q", got)
	}
	p := b.as("auditor").Get("/audit?q=found-h&kind=request_submitted").WantStatus(http.StatusOK)
	if got := p.Text("[data-testid=events]"); strings.Count(got, "found-here") == 0 {
		t.Fatalf("the request is not found: %q", got)
	}
	if got := p.Text("[data-testid=facets]"); !strings.Contains(got, "request submitted") || !strings.Contains(got, "Create cluster") || !strings.Contains(got, "development") {
		t.Errorf("among them: %q", got)
	}
	for _, link := range p.Find("[data-testid=facets] a, [data-testid=events] tbody tr:first-child a").EachIter() {
		path, _ := link.Attr("href")
		b.as("auditor").Get(path).WantStatus(http.StatusOK)
	}
	event, _ := p.Find("[data-testid=events] tbody tr:first-child a").First().Attr("href")
	if got := b.as("auditor").Get(event).Text("[data-testid=event-facts]"); !strings.Contains(got, "Create cluster") || !strings.Contains(got, "request submitted") {
		t.Errorf("%s says %q", event, got)
	}
}

// Auditors save searches for each other; who saved one may delete it, and an admin.
func TestSavedSearches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := url.Values{"search_name": {" Kubeconfigs of  production "}, "query": {"environment=production&operation=get_kubeconfig"}}
	for range 2 { // a double click
		b.as("auditor").Post("/audit/searches", form).WantStatus(http.StatusOK)
	}
	p := b.as("admin").Get("/audit")
	if got := p.Text("[data-testid=saved-searches]"); strings.Count(got, "Kubeconfigs of production") != 1 {
		t.Fatalf("the saved searches are %q", got)
	}
	link, _ := p.Find("[data-testid=saved-searches] a").First().Attr("href")
	if p := b.as("admin").Get(link); p.Value("operation") != string(portal.GetKubeconfig) || p.Value("environment") != string(portal.Production) {
		t.Errorf("%s opens another search", link)
	}
	for name, want := range map[string]string{"": "Enter a name", "kubeconfigs of Production": "already", strings.Repeat("n", 61): "60", "a\u202eb": "cannot be seen"} {
		refused := b.as("auditor").Post("/audit/searches", url.Values{"search_name": {name}, "query": {"kind=sign_in"}}).WantStatus(http.StatusUnprocessableEntity)
		if got := refused.Text("[data-fault=search_name]"); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	b.as("auditor").Post("/audit/searches", url.Values{"search_name": {"none"}, "query": {""}}).WantStatus(http.StatusUnprocessableEntity)
	b.as("member").Post("/audit/searches", form).WantStatus(http.StatusForbidden)

	mine, _ := b.as("auditor").Get("/audit").Find("[data-testid=saved-searches] form").First().Attr("action")
	b.as("admin").Post("/audit/searches", url.Values{"search_name": {"Of the admin"}, "query": {"kind=sign_in"}}).WantStatus(http.StatusOK)
	admins, _ := b.as("admin").Get("/audit").Find("[data-testid=saved-searches] form").Last().Attr("action")
	b.as("auditor").Post(admins, nil).WantStatus(http.StatusForbidden)
	b.as("admin").Post(mine, nil).WantStatus(http.StatusOK)
	b.as("admin").Post(mine, nil).WantStatus(http.StatusNotFound)
}

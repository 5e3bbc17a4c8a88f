package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"doksportal/internal/web/webtest"
)

// templateForm is a form for a new cluster that is saved as a template.
func templateForm(name string, changes ...string) url.Values {
	return createForm(append([]string{"action", "save-template", "template_name", name}, changes...)...)
}

// template is the address of the form that a template of the reader's opens.
func (b *bundle) template(account, name string) string {
	b.t.Helper()
	var path string
	for _, link := range b.as(account).Get("/clusters/new").Find("[data-testid=start-from] li a").EachIter() {
		if strings.HasPrefix(strings.TrimSpace(link.Text()), name) {
			path, _ = link.Attr("href")
		}
	}
	if path == "" {
		b.t.Fatalf("%s is not offered the template %q", account, name)
	}
	return path
}

// A member saves the form under a name, and everybody in the team can start from it.
func TestTemplates(t *testing.T) {
	b := setup(t)
	form := createForm("action", "name-template", "name", "shop", "cluster_subnet", "10.244.0.0/16", "tags", "blue", "pools[0].auto_scale", "true",
		"pools[0].min_nodes", "1", "pools[0].max_nodes", "4", "junk", "JUNK", "template", uuid.NewString())
	asked := b.as("member").Post("/clusters/new", form).WantStatus(http.StatusOK)
	if text := asked.Text("main"); !strings.Contains(text, "s-2vcpu-4gb") || strings.Contains(text, "10.244.0.0") || strings.Contains(text, "JUNK") {
		t.Errorf("what it keeps: %s", text)
	}
	form = formOf(asked, "template_name", " Small  shop ", "action", "save-template")
	saved := b.as("member").Post("/clusters/new", form).WantStatus(http.StatusOK)
	if got := saved.Text("[data-testid=said]"); !strings.Contains(got, "“Small shop”") || saved.Value("name") != "shop" || saved.Value("justification") != "for a test" {
		t.Errorf("%q, and the form has %q, %q", got, saved.Value("name"), saved.Value("justification"))
	}
	b.as("member").Post("/clusters/new", form).WantStatus(http.StatusOK) // a second click

	p := b.as("approver").Get(b.template("approver", "Small shop")).WantStatus(http.StatusOK)
	for name, want := range map[string]string{"team": "pay", "region": "fra1", "version": "1.35.1-do.0", "environment": "development", "tags": "blue", "name": "", "cluster_subnet": "",
		"justification": "", "pools[0].name": "pool", "pools[0].size": "s-2vcpu-4gb", "pools[0].auto_scale": "true", "pools[0].min_nodes": "1", "pools[0].max_nodes": "4"} {
		if got := p.Value(name); got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	if n := p.Find("[data-fault]").Length(); n != 0 {
		t.Errorf("%d fields are wrong before anything is typed", n)
	}
	made := b.as("approver").Post("/clusters/new", formOf(p, "name", "from-it", "justification", "more of it"))
	if !strings.HasPrefix(made.URL.Path, "/requests/") {
		t.Errorf("%d %s", made.Status, made.Text("main"))
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'template_saved' AND team_id = (SELECT team_id FROM templates) AND summary LIKE '%Mia Member saved the template “Small shop”%'"); n != 1 {
		t.Errorf("%d events", n)
	}
	if n := b.count("SELECT count(*) FROM templates WHERE params::text LIKE '%JUNK%' OR params::text LIKE '%for a test%' OR params::text LIKE '%10.244%'"); n != 0 {
		t.Error("it keeps more than it says")
	}
}

// A template is replaced only by who says so, and renamed and deleted on the trail.
func TestTemplatesAreChanged(t *testing.T) {
	b := setup(t)
	b.as("member").Post("/clusters/new", templateForm("Shop")).WantStatus(http.StatusOK)
	again := b.as("approver").Post("/clusters/new", templateForm("Shop", "pools[0].count", "2")).WantStatus(http.StatusUnprocessableEntity)
	if got := again.Fault("template_name"); !strings.Contains(got, "already") || again.Value("pools[0].count") != "2" {
		t.Errorf("%q", got)
	}
	b.as("approver").Post("/clusters/new", formOf(again, "replace_template", "true", "action", "save-template")).WantStatus(http.StatusOK)
	path := b.template("member", "Shop")
	if got := b.as("member").Get(path).Value("pools[0].count"); got != "2" {
		t.Errorf("it has %s nodes", got)
	}
	at := "/clusters/templates/" + strings.TrimPrefix(path, "/clusters/new?template=")
	for typed, says := range map[string]string{"": "Enter a name", "x\u200by": "cannot be seen", strings.Repeat("x", 61): "at most 60", "Shоp": "mixes"} {
		p := b.as("member").Post(at+"/rename", url.Values{"template_name": {typed}}).WantStatus(http.StatusUnprocessableEntity)
		if got := p.Fault("template_name"); !strings.Contains(got, says) {
			t.Errorf("%q: %q", typed, got)
		}
	}
	b.as("member").Post("/clusters/new", templateForm("Store", "pools[0].count", "3")).WantStatus(http.StatusOK)
	b.as("member").Post(at+"/rename", url.Values{"template_name": {"st0re"}}).WantStatus(http.StatusUnprocessableEntity)
	b.as("member").Post(at+"/rename", url.Values{"template_name": {"Large shop"}}).WantStatus(http.StatusOK)
	b.template("member", "Large shop")
	b.as("member").Post(at+"/delete", nil).WantStatus(http.StatusOK)
	b.as("member").Post(at+"/delete", nil).WantStatus(http.StatusNotFound)
	b.as("member").Get(path).WantStatus(http.StatusNotFound)
	for kind, want := range map[string]int{"template_saved": 3, "template_renamed": 1, "template_deleted": 1} {
		if n := b.count("SELECT count(*) FROM events WHERE kind = $1", kind); n != want {
			t.Errorf("%s: %d events, want %d", kind, n, want)
		}
	}
}

// Other teams' templates look like none, and nobody saves one for a team that is not
// theirs.
func TestTemplatesOfOthers(t *testing.T) {
	b := setup(t)
	b.as("member").Post("/clusters/new", templateForm("SECRET")).WantStatus(http.StatusOK)
	path := b.template("member", "SECRET")
	id := strings.TrimPrefix(path, "/clusters/new?template=")
	none := uuid.NewString()
	want := b.as("other").Get("/clusters/new?template=" + none).WantStatus(http.StatusNotFound).Text("main")
	if got := b.as("other").Get(path).WantStatus(http.StatusNotFound).Text("main"); got != want {
		t.Errorf("%q, and of one that there is not %q", got, want)
	}
	for _, do := range []string{"/rename", "/delete"} {
		form := url.Values{"template_name": {"mine"}}
		want := b.as("other").Post("/clusters/templates/"+none+do, form).WantStatus(http.StatusNotFound).Text("main")
		for _, reader := range []string{"other", "admin", "platform", "auditor"} {
			if got := b.as(reader).Post("/clusters/templates/"+id+do, form).WantStatus(http.StatusNotFound).Text("main"); got != want {
				t.Errorf("%s: %q, and of one that there is not %q", reader, got, want)
			}
		}
	}
	for _, page := range []string{"/clusters/new", "/clusters/templates"} {
		if strings.Contains(b.as("other").Get(page).WantStatus(http.StatusOK).Text("body"), "SECRET") {
			t.Errorf("%s shows it", page)
		}
	}
	p := b.as("other").Post("/clusters/new", templateForm("mine")).WantStatus(http.StatusUnprocessableEntity)
	if !strings.Contains(p.Fault("team"), "one of your teams") {
		t.Errorf("%q", p.Text("main"))
	}
	b.as("other").Post("/clusters/new", templateForm("mine", "team", "find", "template", id)).WantStatus(http.StatusOK)
	for _, reader := range []string{"admin", "platform", "auditor"} {
		b.as(reader).Post("/clusters/new", templateForm("mine")).WantStatus(http.StatusForbidden)
	}
	if n := b.count("SELECT count(*) FROM templates WHERE name = 'mine'"); n != 1 {
		t.Errorf("%d", n)
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind LIKE 'template_%'"); n != 2 {
		t.Errorf("%d events", n)
	}
}

// A form that is faulty is no template, but for what each cluster has of its own.
func TestWrongTemplates(t *testing.T) {
	b := setup(t)
	for _, c := range wrongClusters {
		own := c.field == "name" || c.field == "justification" || c.field == "environment" && c.typed == "" || c.says == "over the limit" // quota grants at the request
		form := templateForm(fmt.Sprintf("Template %d", b.count("SELECT count(*) FROM templates")), c.field, c.typed)
		p := b.as("member").Post("/clusters/new", form)
		if own != (p.Status == http.StatusOK) || !own && !strings.Contains(p.Fault(c.field), c.says) {
			t.Errorf("%s %.30q: %d, %q", c.field, c.typed, p.Status, p.Fault(c.field))
		}
		b.exec("DELETE FROM templates")
	}
	b.as("member").Post("/clusters/new", templateForm("x", "tags", strings.Repeat("x ", 20<<10))).WantStatus(http.StatusUnprocessableEntity)
}

// What DigitalOcean no longer offers is said at its field; a version gives way to the
// newest patch of its minor.
func TestTemplatesGrowOld(t *testing.T) {
	b := setup(t)
	b.as("member").Post("/clusters/new", templateForm("Old")).WantStatus(http.StatusOK)
	path := b.template("member", "Old")
	b.exec(`UPDATE templates SET params = jsonb_set(jsonb_set(params, '{version}', '"1.35.0-do.9"'), '{region}', '"mars1"')`)
	p := b.as("member").Get(path).WantStatus(http.StatusOK)
	if p.Value("version") != "1.35.1-do.0" || !strings.Contains(p.Text("#version-help"), "It was 1.35.0-do.9") || p.Fault("version") != "" {
		t.Errorf("%q %q %q", p.Value("version"), p.Text("#version-help"), p.Fault("version"))
	}
	if !strings.Contains(p.Fault("region"), "does not offer the region “mars1”") || p.Find("[data-fault]").Length() != 1 {
		t.Errorf("%q", p.Fault("region"))
	}
	b.exec(`UPDATE templates SET params = jsonb_set(jsonb_set(params, '{version}', '"1.2.3-do.0"'), '{pools,0,size}', '"s-900vcpu"')`)
	p = b.as("member").Get(path)
	for field, says := range map[string]string{"version": "1.2.3-do.0", "pools[0].size": "s-900vcpu"} {
		if !strings.Contains(p.Fault(field), says) || p.Value(field) != says {
			t.Errorf("%s: %q", field, p.Fault(field))
		}
	}
}

// A team keeps so many templates, and one person changes so many in a while.
func TestTemplatesAreBounded(t *testing.T) {
	b := setup(t)
	save := func(i int) webtest.Page {
		return b.as("member").Post("/clusters/new", templateForm(fmt.Sprintf("Template %d of them", i), "pools[0].count", "2"))
	}
	for i := range 20 {
		save(i).WantStatus(http.StatusOK)
	}
	if p := save(20).WantStatus(http.StatusConflict); !strings.Contains(p.Text("[data-testid=problem]"), "20 templates") || p.Value("template_name") != "Template 20 of them" {
		t.Errorf("%q", p.Text("main"))
	}
	limited := false
	for i := range 60 {
		p := b.as("member").Post("/clusters/new", templateForm("Template 0 of them", "replace_template", "true", "pools[0].count", fmt.Sprint(i%9+1)))
		limited = limited || p.Status == http.StatusTooManyRequests
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'template_saved'"); !limited || n > 62 {
		t.Errorf("%d changes", n)
	}
}

// The form for a new cluster is opened with an earlier request for one, too.
func TestLikeAnEndedRequest(t *testing.T) {
	b := setup(t)
	number := b.asked("member", "/clusters/new", createForm("environment", "production", "tags", "blue", "cluster_subnet", "10.9.0.0/16"))
	if b.as("member").Get("/requests/"+number).Find("[data-testid=copy]").Length() != 0 {
		t.Error("offered before it has ended")
	}
	b.as("member").Post("/requests/"+number+"/withdraw", nil).WantStatus(http.StatusOK)
	link, _ := b.as("member").Get("/requests/" + number).Find("[data-testid=copy]").Attr("href")
	p := b.as("member").Get(link).WantStatus(http.StatusOK)
	if !strings.Contains(p.Text("[data-testid=like]"), "request #"+number) || p.Value("tags") != "blue" || p.Value("environment") != "production" || p.Value("name") != "" || p.Value("cluster_subnet") != "" {
		t.Errorf("%q %q %q", p.Text("[data-testid=like]"), p.Value("tags"), p.Value("name"))
	}
	if b.as("auditor").Get("/requests/"+number).Find("[data-testid=copy]").Length() != 0 {
		t.Error("who belongs to no team is offered to make a cluster")
	}
	b.as("other").Get(link).WantStatus(http.StatusNotFound)
	deletion := b.asked("member", "/clusters/"+b.ledger+"/settings", formOf(b.as("member").Get("/clusters/"+b.ledger+"/settings"), "name", "ledger-2", "justification", "a better name"))
	for _, none := range []string{"x", "-1", "0", "999", deletion} {
		b.as("member").Get("/clusters/new?request=" + none).WantStatus(http.StatusNotFound)
	}
}

// A form that is sent several times at once is one template.
func TestTemplatesSavedAtOnce(t *testing.T) {
	b := setup(t)
	form := templateForm("Shop")
	member := b.as("member")
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() { member.Post("/clusters/new", form).WantStatus(http.StatusOK) })
	}
	all.Wait()
	if kept, told := b.count("SELECT count(*) FROM templates"), b.count("SELECT count(*) FROM events WHERE kind = 'template_saved'"); kept != 1 || told != 1 {
		t.Errorf("%d templates, %d events", kept, told)
	}
}

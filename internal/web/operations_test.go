package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/uuid"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/web/webtest"
)

// ledgerNow is the cluster of team pay as the inventory has it.
func (b *bundle) ledgerNow() portal.Cluster {
	b.t.Helper()
	c, err := store.Cluster(b.t.Context(), b.pool, b.ledger)
	b.must(err)
	return c
}

// formOf is what a browser would send of the form at path.
func formOf(p webtest.Page, changes ...string) url.Values {
	return fieldsOf(p, p.Find("main form[method=post]").Last(), changes...)
}

// fieldsOf is what a browser would send of one of the page's forms, with
// changes.
func fieldsOf(p webtest.Page, element *goquery.Selection, changes ...string) url.Values {
	form := url.Values{}
	element.Find("[name]").Each(func(_ int, s *goquery.Selection) {
		name, kind := s.AttrOr("name", ""), s.AttrOr("type", "")
		_, checked := s.Attr("checked")
		if name == "action" || (kind == "checkbox" || kind == "radio") && !checked {
			return
		}
		value := s.AttrOr("value", "")
		if kind != "checkbox" && kind != "radio" {
			value = p.Value(name)
		}
		form.Add(name, value)
	})
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// wrongChanges are answers that cannot be, by page, and what is said about them
// at the field.
var wrongChanges = map[string][]struct{ field, typed, says string }{
	"/settings": {
		{"name", "", "Enter a name"}, {"name", "Not OK", "lowercase letters"}, {"name", "ledger", "Nothing has changed"},
		{"tags", "k8s", "start with “k8s”"}, {"tags", "a/b", "letters, digits"},
		{"maintenance_day", "", "not removed"}, {"maintenance_start", "", "when the maintenance window begins"},
		{"maintenance_day", "someday", "no day called “someday”"}, {"maintenance_start", "4am", "like 04:00"}, {"maintenance_start", "25:00", "like 04:00"},
		{"firewall_allowed", "10.0.0.300", "not an IPv4 address"}, {"firewall_allowed", "::1", "not an IPv4 address"}, {"firewall_allowed", "10.0.0.0/33", "not an IPv4 address"},
		{"expanders", "cheapest", "no expander called “cheapest”"}, {"expanders", "random random", "appears twice"},
		{"unneeded_time", "soon", "like 10m"}, {"unneeded_time", "-5m", "like 10m"}, {"utilization", "2", "at most 1"}, {"utilization", "NaN", "at most 1"},
		{"routing_agent", "maybe", "on or off"}, {"justification", "", "Enter a reason"},
	},
	"/pools/new": {
		{"name", "", "Enter a pool name"}, {"name", "ledger-pool", "called “ledger-pool” already"}, {"name", strings.Repeat("a", 56), "56 characters"},
		{"size", "", "Choose a size"}, {"size", "s-900", "does not offer"}, {"count", "", "number of nodes"}, {"count", "-1", "from 0 to 512"}, {"count", "1000000000", "from 0"},
		{"count", "99", "over the limit"}, {"labels", "no-value", "not a valid label"}, {"labels", "-x=1", "not a valid label"}, {"labels", "a=1 a=2", "appears twice"},
		{"labels", "k=" + strings.Repeat("v", 64), "not a valid label"}, {"taints", "a=b", "not a valid taint"}, {"taints", "a=b:Never", "effect “Never”"}, {"tags", "env:x", "set by the portal"},
	},
	"/upgrade":     {{"version", "", "Choose a version"}, {"version", "1.2.3", "does not offer an upgrade"}, {"version", "1.33.8-do.1", "does not offer"}},
	"/access":      {{"minutes", "", "from 1 to 60"}, {"minutes", "0", "from 1 to 60"}, {"minutes", "61", "from 1 to 60"}, {"minutes", "10080", "from 1 to 60"}, {"minutes", "x", "from 1"}},
	"/diagnostics": {{"include_groups", "Not A Name", "not the name of a check"}, {"exclude_checks", "a;b", "not the name of a check"}},
}

func TestWrongChanges(t *testing.T) {
	b := setup(t)
	for page, wrong := range wrongChanges {
		path := "/clusters/" + b.ledger + page
		for _, c := range wrong {
			form := formOf(b.as("member").Get(path), "justification", "kept")
			if page == "/pools/new" {
				form.Set("name", "fresh")
				form.Set("size", "s-2vcpu-4gb")
			} else if page == "/settings" && c.typed != "ledger" {
				form.Set("auto_upgrade", "true")
			}
			form.Set(c.field, c.typed)
			p := b.as("member").Post(path, form)
			if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Fault(c.field), c.says) {
				t.Errorf("%s %s %.30q: %d, the field says %q, want %q", page, c.field, c.typed, p.Status, p.Fault(c.field), c.says)
				continue
			}
			for _, name := range []string{c.field, "justification"} {
				if got := p.Value(name); got != form.Get(name) {
					t.Errorf("%s %s: %s has %q, typed was %q", page, c.field, name, got, form.Get(name))
				}
			}
		}
	}
	if n := b.count("SELECT count(*) FROM requests"); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// Who submits a form that was opened before the cluster changed is shown what
// it is now, and keeps what they typed.
func TestChangedSinceTheFormWasOpened(t *testing.T) {
	b := setup(t)
	path := "/clusters/" + b.ledger + "/settings"
	form := formOf(b.as("member").Get(path), "tags", "blue", "justification", "kept")
	b.sim.Resize(b.ledger, 4)
	p := b.as("member").Post(path, form).WantStatus(http.StatusConflict)
	if !strings.Contains(p.Text("[data-testid=problem]"), "changed since") || p.Value("tags") != "blue" || p.Value("justification") != "kept" {
		t.Fatalf("%s", p.Text("main"))
	}
	b.must(b.syncer.Sync(t.Context()))
	form = formOf(b.as("member").Get(path), "tags", "blue", "justification", "again")
	if p = b.as("member").Post(path, form); !strings.HasPrefix(p.URL.Path, "/requests/") {
		t.Errorf("%d %s", p.Status, p.Text("main"))
	}
}

// What a form does not offer is not done: operations of other pages, and fields
// of other operations.
func TestForeignOperations(t *testing.T) {
	b := setup(t)
	path := "/clusters/" + b.ledger + "/access"
	form := formOf(b.as("member").Get(path), "justification", "x", "operation", "delete_cluster", "resources", "all", "skip_drain", "true")
	b.as("member").Post(path, form)
	if n := b.count("SELECT count(*) FROM requests WHERE operation = 'get_kubeconfig' AND params ?& '{access,target}' AND params - 'access' - 'target' = '{}'"); n != 1 {
		t.Errorf("%d requests for a kubeconfig", n)
	}
}

// A kubeconfig is handed out once, to who asked for it, and kept nowhere.
func TestKubeconfig(t *testing.T) {
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `UPDATE clusters SET environment = 'development' WHERE id = $1`, b.ledger)
	b.must(err)
	path := "/clusters/" + b.ledger + "/access"
	form := formOf(b.as("member").Get(path), "justification", "to look around", "minutes", "30")
	p := b.as("member").Post(path, form).WantStatus(http.StatusOK)
	if p.Header.Get("Cache-Control") != "no-store" || p.Header.Get("Content-Disposition") != `attachment; filename=kubeconfig-ledger.yaml` ||
		!strings.Contains(p.Body, "current-context: do-fra1-ledger") {
		t.Fatalf("%v %s", p.Header, p.Body)
	}
	_, token, _ := strings.Cut(p.Body, "token: ")
	token = strings.TrimSpace(token)
	if len(token) < 32 {
		t.Fatalf("no token: %q", token)
	}
	if strings.Contains(b.dump(), token) || strings.Contains(b.log.String(), token) {
		t.Error("the token is kept")
	}
	if p = b.as("member").Post(path, form); !strings.HasPrefix(p.URL.Path, "/requests/") || strings.Contains(p.Body, "apiVersion") {
		t.Errorf("a second time: %d %s", p.Status, p.URL)
	}
	if n := b.sim.CallCount("get_kubeconfig"); n != 1 {
		t.Errorf("%d calls", n)
	}
	number := strings.TrimPrefix(p.URL.Path, "/requests/")
	for _, other := range []string{"approver", "platform", "admin", "auditor"} {
		b.as(other).Post("/requests/"+number+"/collect", nil).WantStatus(http.StatusForbidden)
	}
	b.as("member").Post("/requests/"+number+"/collect", nil).WantStatus(http.StatusConflict)
}

// What DigitalOcean does not hand out now can be asked for again; nothing was
// handed out meanwhile.
func TestKubeconfigLater(t *testing.T) {
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `UPDATE clusters SET environment = 'development' WHERE id = $1`, b.ledger)
	b.must(err)
	path := "/clusters/" + b.ledger + "/access"
	b.sim.Inject(dosim.Fault{Operation: "get_credentials", Kind: dosim.FaultStatus, Status: 503, ID: "x", Message: "down for a while", Times: 9})
	form := formOf(b.as("member").Get(path), "justification", "x", "operation", "get_credentials")
	p := b.as("member").Post(path, form).WantStatus(http.StatusServiceUnavailable)
	if !strings.Contains(p.Text("main"), "down for a while") {
		t.Error(p.Text("main"))
	}
	b.sim.Heal()
	var number string
	b.must(b.pool.QueryRow(t.Context(), "SELECT number::text FROM requests").Scan(&number))
	if p = b.as("member").Get("/requests/" + number); p.Find("[data-testid=collect]").Length() != 1 {
		t.Fatal(p.Text("main"))
	}
	p = b.as("member").Post("/requests/"+number+"/collect", nil).WantStatus(http.StatusOK)
	if p.Header.Get("Cache-Control") != "no-store" || !strings.Contains(p.Text("[data-testid=credentials]"), "Token") {
		t.Error(p.Text("main"))
	}
}

// Pages show the inventory; only what nobody but DigitalOcean knows is asked
// for when its page is opened.
func TestPageViewsCallNobody(t *testing.T) {
	b := setup(t)
	number, ledger := b.pending(), b.ledgerNow()
	before := b.calls()
	for _, path := range []string{"/", "/me", "/clusters", "/clusters/new", "/requests", "/requests/" + number, "/catalogue",
		"/clusters/" + b.ledger, "/clusters/" + b.ledger + "/pools", "/clusters/" + b.ledger + "/pools/" + ledger.Pools[0].ID,
		"/clusters/" + b.ledger + "/activity", "/clusters/" + b.ledger + "/settings", "/clusters/" + b.ledger + "/pools/new",
		"/clusters/" + b.ledger + "/pools/" + ledger.Pools[0].ID + "/change"} {
		b.as("member").Get(path).WantStatus(http.StatusOK)
	}
	for _, path := range []string{"/audit", "/admin/teams", "/admin/clusters", "/admin/registries"} {
		b.as("admin").Get(path).WantStatus(http.StatusOK)
	}
	b.as("member").Post("/clusters/new/plan", createForm()).WantStatus(http.StatusOK)
	b.as("member").Post("/clusters/"+b.ledger+"/settings/plan", url.Values{"name": {"other"}}).WantStatus(http.StatusOK)
	if after := b.calls(); after != before {
		t.Errorf("%d calls to DigitalOcean", after-before)
	}
}

func (b *bundle) calls() int {
	n := 0
	for _, op := range dosim.Operations() {
		n += b.sim.CallCount(op.Name)
	}
	return n
}

// While DigitalOcean is away, its part of a page says so and the rest stays.
func TestLivePartsAway(t *testing.T) {
	b := setup(t)
	b.sim.Inject(dosim.Fault{Operation: "*", Kind: dosim.FaultStatus, Status: 503, ID: "x", Message: "down for a while", Times: -1})
	for page, status := range map[string]int{"diagnostics": 200, "access": 200, "upgrade": 503, "delete": 503, "pools": 200} {
		p := b.as("member").Get("/clusters/" + b.ledger + "/" + page).WantStatus(status)
		if !strings.Contains(p.Text("main"), "ledger") {
			t.Errorf("%s: %s", page, p.Text("main"))
		}
	}
}

// An address without a pool or node names none.
func TestEmptyIDs(t *testing.T) {
	b := setup(t)
	for _, path := range []string{"/pools//change", "/pools//delete", "/pools//recycle", "/pools//nodes//delete", "/pools/" + b.ledgerNow().Pools[0].ID + "/nodes//delete"} {
		p := b.as("member").Post("/clusters/"+b.ledger+path, url.Values{"submit_key": {uuid.NewString()}, "justification": {"x"}, "name": {"x"}, "count": {"1"}})
		p.WantStatus(http.StatusNotFound)
	}
	if n := b.count("SELECT count(*) FROM requests"); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// A thousand boxes and pools are an error, not a fault.
func TestHugeForms(t *testing.T) {
	b := setup(t)
	form := url.Values{"submit_key": {uuid.NewString()}, "operation": {"add_registry"}, "justification": {"x"}}
	for range 5000 {
		form.Add("clusters", uuid.NewString())
	}
	b.as("admin").Post("/admin/registries", form).WantStatus(http.StatusUnprocessableEntity)
	pools := createForm()
	for i := range 5000 {
		pools.Set("pools["+strconv.Itoa(i)+"].name", "x")
	}
	for _, action := range []string{"submit", "add-pool"} {
		pools.Set("action", action)
		if p := b.as("member").Post("/clusters/new", pools); len(p.Body) > 500_000 {
			t.Errorf("%s: a page of %d bytes", action, len(p.Body))
		}
	}
	words := strings.Repeat("a=b:NoSchedule ", 20_000)
	p := b.as("member").Post("/clusters/"+b.ledger+"/pools/new", url.Values{"submit_key": {uuid.NewString()}, "taints": {words}}).WantStatus(http.StatusUnprocessableEntity)
	if !strings.Contains(p.Fault("taints"), "20000 taints") {
		t.Errorf("the field says %.200q", p.Fault("taints"))
	}
}

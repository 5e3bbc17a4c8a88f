package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/web/webtest"
)

// size is the row of a size in the table that a form has.
func size(p webtest.Page, slug string) (text string, can bool) {
	box := p.Find(`[data-testid=sizes] input[value="` + slug + `"]`)
	_, disabled := box.Attr("disabled")
	cells := box.Closest("tr").Find("th, td").Map(func(_ int, cell *goquery.Selection) string { return strings.TrimSpace(cell.Text()) })
	return strings.Join(cells, " "), box.Length() == 1 && !disabled
}

// A new cluster is asked for with an environment, a name and a reason; for all
// else the form has a value that is fine.
func TestNewClusterInThreeFields(t *testing.T) {
	b := setup(t)
	form := formOf(b.as("member").Get("/clusters/new"), "environment", "development", "name", "shop", "justification", "to sell things")
	p := b.as("member").Post("/clusters/new", form)
	if !strings.HasPrefix(p.URL.Path, "/requests/") {
		t.Fatalf("%d %s", p.Status, p.Text("main"))
	}
	var params portal.Params
	b.must(b.pool.QueryRow(t.Context(), "SELECT params FROM requests").Scan(&params))
	if c := params.Create; c.Region != "fra1" || c.Version != "1.35.1-do.0" || c.Pools[0].Size != "s-2vcpu-4gb" || c.Pools[0].Count != 3 {
		t.Errorf("%+v", c)
	}
}

// The table of sizes says what each is, what it costs and how many more the team
// may have. What the team may not have cannot be chosen.
func TestSizesOfTheQuota(t *testing.T) {
	b := setup(t)
	for _, path := range []string{"/clusters/new", "/clusters/" + b.ledger + "/pools/new"} {
		p := b.as("member").Get(path)
		if text, can := size(p, "s-2vcpu-4gb"); !can || text != "s-2vcpu-4gb Basic 2 4 GiB 80 GiB $24 8" {
			t.Errorf("%s: %q can be chosen: %t", path, text, can)
		}
		if text, can := size(p, "c-2"); can || !strings.HasSuffix(text, "$42 not in quota") {
			t.Errorf("%s: %q can be chosen: %t", path, text, can)
		}
	}
	// What was sent all the same stays, and is refused at its field.
	for _, sent := range []string{"c-2", "s-900vcpu"} {
		p := b.as("member").Post("/clusters/new", createForm("pools[0].size", sent)).WantStatus(http.StatusUnprocessableEntity)
		if _, can := size(p, sent); !can || p.Value("pools[0].size") != sent {
			t.Errorf("%s is lost", sent)
		}
	}
}

// When another team is chosen, the plan brings what that team may have.
func TestSizesOfAnotherTeam(t *testing.T) {
	b := setup(t)
	form := createForm("quota_of", "")
	p := b.as("member").Post("/clusters/new/plan", form).WantStatus(http.StatusOK)
	if text, can := size(p, "s-2vcpu-4gb"); !can || !strings.HasSuffix(text, " 8") || p.Value("quota_of") != "pay" || p.Value("pools[0].size") != "s-2vcpu-4gb" {
		t.Errorf("%q %t %s", text, can, p.Value("quota_of"))
	}
	form.Set("quota_of", "pay")
	if p = b.as("member").Post("/clusters/new/plan", form); p.Find("[data-testid=sizes]").Length() != 0 {
		t.Error("the sizes are sent anew with each plan")
	}
	p = b.as("member").Post("/clusters/new", createForm("team", "")).WantStatus(http.StatusUnprocessableEntity)
	if text, can := size(p, "c-2"); !can || !strings.HasSuffix(text, "—") {
		t.Errorf("before a team is chosen: %q %t", text, can)
	}
}

// Settings that are folded away are unfolded where they are faulty or not the
// default.
func TestMoreSettingsUnfold(t *testing.T) {
	b := setup(t)
	unfolded := func(p webtest.Page) bool { return p.Find("details[data-testid=more][open]").Length() == 1 }
	p := b.as("member").Get("/clusters/new")
	if unfolded(p) {
		t.Error("unfolded from the start")
	}
	for _, tt := range []struct {
		field, typed string
		want         bool
	}{{"name", "Not OK", false}, {"tags", "blue", true}, {"utilization", "7", true}, {"vpc_uuid", "x", true}} {
		form := formOf(p, tt.field, tt.typed)
		if got := unfolded(b.as("member").Post("/clusters/new", form).WantStatus(http.StatusUnprocessableEntity)); got != tt.want {
			t.Errorf("%s %s: unfolded is %t", tt.field, tt.typed, got)
		}
	}
}

// A cluster's page leads to the form for another one like it, with a name left to
// type. What its reader may not see is nothing to make another of.
func TestLikeAnotherCluster(t *testing.T) {
	b := setup(t)
	link, ok := b.as("member").Get("/clusters/" + b.ledger).Find(`a[href^="/clusters/new"]`).Attr("href")
	if !ok {
		t.Fatal("the cluster's page does not offer it")
	}
	p := b.as("member").Get(link).WantStatus(http.StatusOK)
	ledger := b.ledgerNow()
	for name, want := range map[string]string{"name": "", "team": "pay", "environment": "production", "region": "fra1",
		"pools[0].name": ledger.Pools[0].Name, "pools[0].size": "s-2vcpu-4gb", "pools[0].count": "2", "vpc_uuid": ledger.Details.VPC} {
		if got := p.Value(name); got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(p.Text("[data-testid=like]"), "ledger") {
		t.Error("the form does not say whose settings it has")
	}
	b.as("member").Get("/clusters/new?like=" + b.index).WantStatus(http.StatusNotFound)
	b.as("member").Get("/clusters/new?like=x").WantStatus(http.StatusNotFound)
	if b.as("auditor").Get("/clusters/"+b.ledger).Find(`a[href^="/clusters/new"]`).Length() != 0 {
		t.Error("who belongs to no team is offered to make a cluster")
	}
}

// Of settings that are changed the form says which are, and what they were.
func TestChangedSettingsAreMarked(t *testing.T) {
	b := setup(t)
	path := "/clusters/" + b.ledger + "/settings"
	p := b.as("member").Get(path)
	if n := p.Find(".is-changed").Length(); n != 0 {
		t.Errorf("%d fields are marked before anything is typed", n)
	}
	form := formOf(p, "name", "ledger-2", "surge_upgrade", "", "firewall_allowed", "203.0.113.7\r\n", "justification", "")
	p = b.as("member").Post(path, form).WantStatus(http.StatusUnprocessableEntity)
	for id, want := range map[string]string{"name": "changed, was ledger", "surge_upgrade": "changed, was on", "firewall_allowed": "changed, was empty"} {
		if got := strings.TrimSpace(p.Find(".is-changed:has(#" + id + ") .changed-note").Text()); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	if n := p.Find(".is-changed").Length(); n != 3 {
		t.Errorf("%d fields are marked, want 3", n)
	}
	pool := "/clusters/" + b.ledger + "/pools/" + b.ledgerNow().Pools[0].ID + "/change"
	p = b.as("member").Post(pool, formOf(b.as("member").Get(pool), "count", "4")).WantStatus(http.StatusUnprocessableEntity)
	if got := p.Text(".is-changed .changed-note"); got != "changed, was 2" {
		t.Errorf("the pool's fields say %q", got)
	}
}

// The buttons of what destroys name what they destroy.
func TestDestructiveButtons(t *testing.T) {
	b := setup(t)
	cluster, err := store.Cluster(t.Context(), b.pool, b.ledger)
	b.must(err)
	pool := cluster.Pools[0]
	at := "/clusters/" + b.ledger + "/pools/" + pool.ID
	for path, want := range map[string]string{
		"/clusters/" + b.ledger + "/delete":           "Delete ledger only",
		at + "/delete":                                "Delete " + pool.Name + " and 2 nodes",
		at + "/recycle":                               "Recycle the selected nodes of " + pool.Name,
		at + "/nodes/" + pool.Nodes[0].ID + "/delete": "Delete " + pool.Nodes[0].Name,
	} {
		p := b.as("member").Get(path)
		button := p.Find(".danger-zone button.btn-error[data-testid=submit]")
		if got := p.Text(".danger-zone [data-testid=submit]"); !strings.Contains(got, want) || button.Find("svg.icon").Length() != 1 {
			t.Errorf("%s: %q, want %q with an icon", path, got, want)
		}
	}
}

// An upgrade shows where it leads, and what is newest.
func TestVersionPath(t *testing.T) {
	b := setup(t)
	id := b.sim.Add(dosim.Seed{Name: "old", Region: "fra1", Size: "s-2vcpu-4gb", Count: 1, Version: "1.34.1-do.0"})
	b.must(b.syncer.Sync(t.Context()))
	_, err := b.pool.Exec(t.Context(), "UPDATE clusters SET team_id = (SELECT team_id FROM clusters WHERE id = $1), environment = 'staging' WHERE id = $2", b.ledger, id)
	b.must(err)
	path := strings.Join(b.as("member").Get("/clusters/"+id+"/upgrade").Find("[data-testid=version-path] .mono").Map(
		func(_ int, s *goquery.Selection) string { return s.Text() }), " → ")
	if path != "1.34.1-do.0 → 1.34.4-do.0 → 1.35.1-do.0" {
		t.Error(path)
	}
}

// A team's whole name and a size's stay in forms as they were typed, however long.
func TestLongValuesStay(t *testing.T) {
	b := setup(t)
	long := createForm("name", strings.Repeat("w", 63), "pools[0].name", strings.Repeat("p", 55), "justification", "")
	p := b.as("member").Post("/clusters/new", long).WantStatus(http.StatusUnprocessableEntity)
	kept(t, p, long, "justification")
}

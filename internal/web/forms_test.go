package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"doksportal/internal/doapi/dosim"
	"doksportal/internal/teams"
	"doksportal/internal/web/webtest"
)

// wrongClusters are answers that cannot be, and what is said about them at the
// field.
var wrongClusters = []struct{ field, typed, says string }{
	{"team", "", "Choose one of your teams"},
	{"team", "find", "Choose one of your teams"},
	{"name", "", "Enter a name"},
	{"name", "   ", "Enter a name"},
	{"name", strings.Repeat("a", 64), "has 64 characters; at most 63"},
	{"name", "My Cluster", "lowercase letters, digits and hyphens"},
	{"name", "shop_1", "lowercase letters, digits and hyphens"},
	{"name", "-shop", "starts with a letter"},
	{"name", "shop-", "does not end with a hyphen"},
	{"name", "магазин", "lowercase letters"},
	{"name", "ledger", "already exists"},
	{"name", "index", "already exists"},
	{"region", "", "Choose a region"},
	{"region", "mars1", "does not offer the region “mars1”"},
	{"version", "", "Choose a Kubernetes version"},
	{"version", "1.2.3-do.0", "does not offer"},
	{"environment", "", "Choose an environment"},
	{"environment", "prod", "no environment called “prod”"},
	{"tags", "k8s:mine", "start with “k8s”"},
	{"tags", "team:other", "start with “team:”"},
	{"tags", "Portal-Request:1", "start with “portal-request:”"},
	{"tags", "a/b", "letters, digits, colons"},
	{"tags", strings.Repeat("t", 256), "has 256 characters; at most 255"},
	{"tags", strings.Repeat("a,b,c ", 7), "21 tags; at most 20"},
	{"pools[0].name", "", "Enter a pool name"},
	{"pools[0].name", strings.Repeat("a", 56), "has 56 characters; at most 55"},
	{"pools[0].name", "Pool 1", "lowercase letters"},
	{"pools[0].size", "", "Choose a size"},
	{"pools[0].size", "s-900vcpu", "does not offer the size “s-900vcpu”"},
	{"pools[0].count", "", "Enter the number of nodes"},
	{"pools[0].count", "0", "at least one node"},
	{"pools[0].count", "-1", "this is “-1”"},
	{"pools[0].count", "1000000000", "this is “1000000000”"},
	{"pools[0].count", "99999999999999999999", "from 0 to 512"},
	{"pools[0].count", "2.5", "a whole number"},
	{"pools[0].count", "two", "this is “two”"},
	{"pools[0].count", "11", "over the limit"},
	{"justification", "", "Enter a reason"},
	{"justification", " \n ", "Enter a reason"},
	{"justification", strings.Repeat("x", 1001), "has 1001 characters; at most 1000"},
}

func TestWrongClusters(t *testing.T) {
	b := setup(t)
	for _, c := range wrongClusters {
		form := createForm(c.field, c.typed)
		p := b.as("member").Post("/clusters/new", form)
		if p.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s %.30q: status %d", c.field, c.typed, p.Status)
			continue
		}
		if !strings.Contains(p.Fault(c.field), c.says) {
			t.Errorf("%s %.30q: the field says %q, want %q in it", c.field, c.typed, p.Fault(c.field), c.says)
		}
		if n := p.Find("[data-fault]").Length(); n != 1 {
			t.Errorf("%s %.30q: %d fields are found fault with, want one", c.field, c.typed, n)
		}
		kept(t, p, form, c.field)
	}
	if n := b.count("SELECT count(*) FROM requests"); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// kept makes sure that a form shows all that was typed into it.
func kept(t *testing.T, p webtest.Page, form url.Values, field string) {
	t.Helper()
	for name := range form {
		if name == "action" {
			continue
		}
		want := form.Get(name)
		if name == "justification" { // a line break after <textarea> is not part of it
			want = strings.TrimPrefix(want, "\n")
		}
		if got := p.Value(name); got != want {
			t.Errorf("fault in %s: %s has %.40q, typed was %.40q", field, name, got, want)
		}
	}
}

func TestSeveralPools(t *testing.T) {
	b := setup(t)
	form := createForm("pools[1].name", "pool", "pools[1].size", "s-2vcpu-4gb", "pools[1].count", "1")
	p := b.as("member").Post("/clusters/new", form).WantStatus(http.StatusUnprocessableEntity)
	if !strings.Contains(p.Fault("pools[1].name"), "called “pool” already") {
		t.Errorf("the second pool's name: %q", p.Fault("pools[1].name"))
	}
	form.Set("action", "remove-pool-0")
	if p = b.as("member").Post("/clusters/new", form).WantStatus(http.StatusOK); p.Find("#pools [role=group]").Length() != 1 {
		t.Error("the pool was not removed")
	}
	form.Set("action", "add-pool")
	if p = b.as("member").Post("/clusters/new", form).WantStatus(http.StatusOK); p.Find("#pools [role=group]").Length() != 3 {
		t.Error("no pool was added")
	}
	if got := p.Value("pools[2].size"); got != "s-2vcpu-4gb" {
		t.Errorf("the new pool has nodes of %q, not of the size of the one before", got)
	}
	none := createForm()
	for _, name := range []string{"name", "size", "count"} {
		none.Del("pools[0]." + name)
	}
	many := createForm()
	for i := range 21 {
		many.Set(fmt.Sprintf("pools[%d].name", i), fmt.Sprint("pool-", i))
	}
	for says, form := range map[string]url.Values{"at least one": none, "too many pools; at most 20": many} {
		if p = b.as("member").Post("/clusters/new", form); !strings.Contains(p.Fault("pools"), says) {
			t.Errorf("%q, want %q", p.Fault("pools"), says)
		}
	}
}

// Extra fields are of no effect: nobody sets what the form does not ask for.
func TestExtraFields(t *testing.T) {
	b := setup(t)
	p := b.as("member").Post("/clusters/new", createForm("state", "succeeded", "requester", "admin", "id", uuid.NewString(),
		"digest", "x", "auto_approve", "true", "environment", "production", "verdict", "allow"))
	if got := p.Text("[data-testid=status]"); !strings.Contains(got, "Waiting for approval") {
		t.Error(got)
	}
	if n := b.count("SELECT count(*) FROM requests WHERE requester_name = 'Mia Member' AND state = 'pending'"); n != 1 {
		t.Errorf("%d requests of the member wait", n)
	}
}

// A double click, a repeated answer and the back button make one request.
func TestSubmittedTwice(t *testing.T) {
	b := setup(t)
	form := createForm()
	browser := b.as("member")
	var all sync.WaitGroup
	addresses := make([]string, 8)
	for i := range addresses {
		all.Go(func() { addresses[i] = browser.Post("/clusters/new", form).URL.Path })
	}
	all.Wait()
	for _, address := range addresses {
		if address != addresses[0] || !strings.HasPrefix(address, "/requests/") {
			t.Errorf("led to %v", addresses)
			break
		}
	}
	if n := b.count("SELECT count(*) FROM requests"); n != 1 {
		t.Errorf("%d requests", n)
	}
	// The key of one person is nothing to another.
	b.as("approver").Post("/clusters/new", createForm("submit_key", form.Get("submit_key"), "name", "else"))
	if n := b.count("SELECT count(*) FROM requests"); n != 2 {
		t.Errorf("%d requests after another person's", n)
	}
}

// Two approvers in the same second decide once.
func TestReviewedTwice(t *testing.T) {
	b := setup(t)
	number := b.pending()
	form := url.Values{"decision": {"approve"}, "digest": {b.as("approver").Get("/requests/" + number).Value("digest")}, "revision": {"1"}}
	reviewers := []*webtest.Browser{b.as("approver"), b.as("platform"), b.as("approver"), b.as("platform")}
	var all sync.WaitGroup
	for _, browser := range reviewers {
		all.Go(func() { browser.Post("/requests/"+number+"/review", form) })
	}
	all.Wait()
	if n := b.count("SELECT count(*) FROM reviews"); n != 1 {
		t.Errorf("%d reviews", n)
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'review_approved'"); n != 1 {
		t.Errorf("%d events", n)
	}
}

// Nobody decides on what they asked for, by whatever door.
func TestOwnRequest(t *testing.T) {
	b := setup(t)
	p := b.as("approver").Post("/clusters/new", createForm("environment", "production"))
	number, digest := strings.TrimPrefix(p.URL.Path, "/requests/"), p.Value("digest")
	if p.Find("[data-testid=approve]").Length() != 0 {
		t.Error("the requester is offered to approve")
	}
	if digest == "" {
		digest = b.as("platform").Get("/requests/" + number).Value("digest")
	}
	for _, decision := range []string{"approve", "reject"} {
		b.as("approver").Post("/requests/"+number+"/review", url.Values{"decision": {decision}, "digest": {digest}, "comment": {"mine"}}).WantStatus(http.StatusForbidden)
	}
	if n := b.count("SELECT count(*) FROM reviews"); n != 0 {
		t.Errorf("%d reviews", n)
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'access_refused'"); n != 2 {
		t.Errorf("%d refusals on the trail", n)
	}
}

func TestReviewOfAnotherPlan(t *testing.T) {
	b := setup(t)
	number := b.pending()
	p := b.as("approver").Post("/requests/"+number+"/review", url.Values{"decision": {"approve"}, "digest": {"0000"}, "comment": {"looks good"}})
	if p.WantStatus(http.StatusConflict); p.Value("comment") != "looks good" || !strings.Contains(p.Text("[data-testid=problem]"), "plan has changed") {
		t.Errorf("%q: %s", p.Value("comment"), p.Text("[data-testid=problem]"))
	}
	p = b.as("approver").Post("/requests/"+number+"/review", url.Values{"decision": {"reject"}, "digest": {p.Value("digest")}, "revision": {"1"}, "comment": {strings.Repeat("x", 1001)}})
	if p.WantStatus(http.StatusUnprocessableEntity); !strings.Contains(p.Fault("comment"), "1001 characters") || len(p.Value("comment")) != 1001 {
		t.Errorf("%q", p.Fault("comment"))
	}
}

func TestDeleteForm(t *testing.T) {
	b := setup(t)
	path := "/clusters/" + b.ledger + "/delete"
	for typed, says := range map[string]string{"": "Enter a reason", strings.Repeat("x", 1001): "1001 characters"} {
		p := b.as("member").Post(path, url.Values{"submit_key": {uuid.NewString()}, "justification": {typed}}).WantStatus(http.StatusUnprocessableEntity)
		if !strings.Contains(p.Fault("justification"), says) || p.Value("justification") != typed {
			t.Errorf("%.20q: %q", typed, p.Fault("justification"))
		}
	}
	p := b.as("member").Post(path, url.Values{"justification": {"kept"}}).WantStatus(http.StatusUnprocessableEntity)
	if !strings.Contains(p.Text("[data-testid=problem]"), "open it again") || p.Value("justification") != "kept" {
		t.Errorf("without a submit key: %s", p.Text("main"))
	}
	b.as("member").Post(path, url.Values{"submit_key": {uuid.NewString()}, "justification": {"old"}}).WantStatus(http.StatusOK)
	p = b.as("approver").Post(path, url.Values{"submit_key": {uuid.NewString()}, "justification": {"old too"}}).WantStatus(http.StatusConflict)
	if p.Value("justification") != "old too" {
		t.Error("what was typed is lost")
	}
}

// While DigitalOcean is away the pages go on, and what cannot be known is not
// guessed.
func TestDigitalOceanAway(t *testing.T) {
	b := setup(t)
	away := func(operation string) {
		b.sim.Inject(dosim.Fault{Operation: operation, Times: 1000, Kind: dosim.FaultStatus, Status: 503, ID: "service_unavailable", Message: "Service Unavailable"})
	}
	for _, operation := range []string{"list_clusters", "get_cluster", "list_associated_resources", "list_options", "list_sizes"} {
		away(operation)
	}
	if err := b.syncer.Sync(t.Context()); err == nil {
		t.Fatal("the inventory was read")
	}
	p := b.as("member").Get("/clusters").WantStatus(http.StatusOK)
	if !strings.Contains(p.Text("[data-testid=clusters]"), "ledger") || !strings.Contains(p.Text("main"), "Service Unavailable") {
		t.Error(p.Text("main"))
	}
	b.as("member").Get("/clusters/" + b.ledger).WantStatus(http.StatusOK)
	p = b.as("member").Get("/clusters/" + b.ledger + "/delete").WantStatus(http.StatusServiceUnavailable)
	if !strings.Contains(p.Text("main"), "is not responding") || p.Find("[data-testid=submit]").Length() != 0 {
		t.Error(p.Text("main"))
	}
	b.sim.Heal()
	p = b.as("member").Post("/clusters/"+b.ledger+"/delete", url.Values{"action": {"look"}, "submit_key": {p.Value("submit_key")}, "justification": {"kept"}}).WantStatus(http.StatusOK)
	if p.Find("[data-testid=submit]").Length() != 1 || p.Value("justification") != "kept" || b.count("SELECT count(*) FROM requests") != 0 {
		t.Errorf("looking again: %s", p.Text("main"))
	}
	away("list_clusters")
	p = b.as("member").Post("/clusters/new", createForm())
	if !strings.HasPrefix(p.URL.Path, "/requests/") {
		t.Errorf("a request for a cluster, which can wait, was refused: %s", p.Text("main"))
	}
}

var wrongTeams = []struct{ field, typed, says string }{
	{"slug", "", "1 to 40 lowercase letters"}, {"slug", "Pay Ments", "1 to 40"}, {"slug", strings.Repeat("a", 41), "1 to 40"},
	{"slug", "new", "choose another"}, {"slug", "pay", "already exists"},
	{"name", "", "Enter a name"}, {"name", strings.Repeat("n", 61), "61 characters"},
	{"member_group", "", "Enter the group"}, {"approver_group", "", "Enter the group"}, {"approver_group", strings.Repeat("g", 201), "201 characters"},
	{"nodes", "-1", "this is “-1”"}, {"nodes", "1000000000", "from 0 to 100000"}, {"nodes", "ten", "this is “ten”"},
	{"sizes", "s-2vcpu-4gb", "not a size and a number"}, {"sizes", "s-2vcpu-4gb x", "whole number"}, {"sizes", "s-9 1", "does not offer the size “s-9”"},
	{"sizes", "s-2vcpu-4gb 1\ns-2vcpu-4gb 2", "appears twice"}, {"families", "warp 1", "does not offer the family “warp”"}, {"families", "s", "not a family and a number"},
	{"monthly_cost", "10.50", "whole number"}, {"monthly_cost", "1000000000", "from 0 to 10000000"}, {"allowed_sizes", "s-9", "no size “s-9”"},
	{"allowed_regions", "fra1 moon1", "no region “moon1”"}, {"allowed_regions", "fra1 fra1", "appears twice"}, {"allowed_versions", "1.34.1", "no version “1.34.1”"},
}

// newTeamForm is the form for a team called fresh.
func newTeamForm() url.Values {
	form := url.Values{"slug": {"fresh"}, "name": {"Fresh"}, "member_group": {"g"}, "approver_group": {"h"}, "version": {""}}
	for name := range teams.Unlimited() {
		form.Set(name, "")
	}
	form.Set("nodes", "1")
	form.Set("sizes", "s-2vcpu-4gb 1")
	return form
}

// teamFields are the fields of the form for a team that there is.
func teamFields() []string {
	names := []string{"name", "member_group", "approver_group", "version"}
	for _, limit := range teams.QuotaFields() {
		names = append(names, limit.Name)
	}
	return names
}

func TestWrongTeams(t *testing.T) {
	b := setup(t)
	for _, c := range wrongTeams {
		form := newTeamForm()
		form.Set(c.field, c.typed)
		p := b.as("admin").Post("/admin/teams/new", form)
		if p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Fault(c.field), c.says) {
			t.Errorf("%s %.20q: %d %q, want %q", c.field, c.typed, p.Status, p.Fault(c.field), c.says)
			continue
		}
		kept(t, p, form, c.field)
	}
	for _, limit := range teams.QuotaFields() { // read as empty it would take a limit away
		field := limit.Name
		form := newTeamForm()
		form.Del(field)
		if p := b.as("admin").Post("/admin/teams/new", form); p.Status != http.StatusUnprocessableEntity || !strings.Contains(p.Fault(field), "was not sent") {
			t.Errorf("without %s: %d %q", field, p.Status, p.Fault(field))
		}
	}
}

// Of two admins who edit a team at once, the second is told.
func TestTeamEditedTwice(t *testing.T) {
	b := setup(t)
	p := b.as("admin").Get("/admin/teams/pay")
	form := url.Values{}
	for _, name := range teamFields() {
		form.Set(name, p.Value(name))
	}
	form.Set("nodes", "10")
	p = b.as("admin").Post("/admin/teams/pay", form).WantStatus(http.StatusOK)
	if p.Text("[data-testid=said]") == "" || p.Value("nodes") != "10" {
		t.Errorf("not saved: %s", p.Text("main"))
	}
	form.Set("nodes", "9")
	p = b.as("admin").Post("/admin/teams/pay", form).WantStatus(http.StatusConflict)
	if p.Value("nodes") != "9" {
		t.Error("what was typed is lost")
	}
	if n := b.count("SELECT (quota->'limits'->>'nodes')::int FROM teams WHERE slug = 'pay'"); n != 10 {
		t.Errorf("the quota is %d", n)
	}
	var before, after string
	b.must(b.pool.QueryRow(context.Background(), `SELECT data->'before'->'quota'->'limits'->>'nodes', data->'after'->'quota'->'limits'->>'nodes' FROM events WHERE kind = 'team_changed'`).Scan(&before, &after))
	if before != "12" || after != "10" {
		t.Errorf("the trail has %s and %s", before, after)
	}
}

package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/policy"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/web/webtest"
)

const (
	easierPolicy = "rules: [{name: all, allow: true}]\n"
	faultyPolicy = "rules:\n  - name: a\n    when: cluster.nmae == \"x\"\n    allow: true\n  - {name: \"<b>\", allow: maybe}\n"
)

// stricterPolicy makes nothing easier than the built-in one.
var stricterPolicy = strings.Replace(policy.BuiltInText, "cool_off: 15m", "cool_off: 30m", 1)

// admin is an admin who has just signed in, but is none of the accounts.
func admin() portal.Actor {
	return portal.Actor{Identity: portal.Identity{Issuer: "https://idp", Subject: "ben"}, Name: "Ben Admin", Roles: []portal.Role{portal.RoleAdmin}, SignedInAt: time.Now()}
}

// propose has Ben propose a version, who has just signed in.
func (b *bundle) propose(text, note string) portal.PolicyVersion {
	b.t.Helper()
	b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		return b.auth.Describe(b.t.Context(), tx, store.Person{Identity: admin().Identity, Name: admin().Name, Groups: []string{"admins"}, GroupsAt: time.Now()})
	}))
	p, err := b.requests.Rules.Propose(b.t.Context(), admin(), b.policyBase(), text, note)
	b.must(err)
	return p
}

// policyBase is the version in force.
func (b *bundle) policyBase() int {
	b.t.Helper()
	_, version, err := b.requests.Rules.Text(b.t.Context())
	b.must(err)
	return version
}

func TestPolicyPage(t *testing.T) {
	b := setup(t)
	page := b.as("admin").Get("/admin/policy").WantStatus(http.StatusOK)
	if page.Value("text") != policy.BuiltInText {
		t.Errorf("the form opens with %q", page.Value("text"))
	}
	if page.Find("[style]").Length() > 0 {
		t.Error("the policy of content allows no inline style")
	}
	if got := page.Text(`nav a[aria-current="page"]`); got != "Policy" {
		t.Errorf("the navigation says %q", got)
	}
}

// The panel tells faults by line and column, as text.
func TestPolicyCheckPanel(t *testing.T) {
	b := setup(t)
	panel := b.as("admin").Post("/admin/policy/check", url.Values{"text": {strings.ReplaceAll(faultyPolicy, "\n", "\r\n")}}).WantStatus(http.StatusOK)
	const want = "3:18 rule “a” There is nothing called “nmae” here.5:26 rule “<b>” This is true or false, not “maybe”."
	if got := panel.Text("#check ul"); got != want {
		t.Errorf("%q", got)
	}
	if got := panel.Text("[data-testid=policy-faults]"); got != "2 errors" {
		t.Errorf("%q", got)
	}
	if panel.Find("nav").Length() > 0 {
		t.Error("the panel is a page of its own")
	}
}

// The panel says what becomes easier, and what of the requests would have been
// judged differently.
func TestPolicyPreviewPanel(t *testing.T) {
	b := setup(t)
	number := b.pending()
	judged := policy.Input{Team: policy.Team{Slug: "pay", ApproverGroup: "pay-approvers"}, Cluster: policy.Cluster{Environment: portal.Production}, Change: policy.Change{Operation: portal.CreateCluster}}
	_, err := b.pool.Exec(t.Context(), "UPDATE requests SET judged = $1", judged)
	b.must(err)
	b.pending()
	_, err = b.pool.Exec(t.Context(), "UPDATE requests SET judged = NULL WHERE number <> $1::bigint", number)
	b.must(err)
	panel := b.as("admin").Post("/admin/policy/check", url.Values{"text": {easierPolicy}}).WantStatus(http.StatusOK)
	if got := panel.Text("[data-testid=easier]"); !strings.Contains(got, "It needs a second admin.") || !strings.Contains(got, "Delete cluster") {
		t.Errorf("%q", got)
	}
	got := panel.Text("[data-testid=preview]")
	for _, want := range []string{"The last 2 requests", "1 allowed, previously needs approval", "1 request could not be judged again", "#" + number + " Create cluster1 approval from pay-approvers or platform → allowed at once"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
	panel = b.as("admin").Post("/admin/policy/check", url.Values{"text": {stricterPolicy}})
	if got := panel.Text("[data-testid=easier]"); !strings.Contains(got, "It relaxes nothing") {
		t.Errorf("%q", got)
	}
}

// Without scripts a button checks what was typed, and bad input stays.
func TestPolicyFormWithoutScripts(t *testing.T) {
	b := setup(t)
	form := url.Values{"text": {faultyPolicy}, "note": {"a note"}, "action": {"check"}}
	page := b.as("admin").Post("/admin/policy", form).WantStatus(http.StatusOK)
	if page.Value("text") != faultyPolicy || page.Value("note") != "a note" || page.Text("[data-testid=policy-faults]") != "2 errors" {
		t.Errorf("%q, %q, %q", page.Value("text"), page.Value("note"), page.Text("#check"))
	}
	form.Set("action", "propose")
	page = b.as("admin").Post("/admin/policy", form).WantStatus(http.StatusUnprocessableEntity)
	if page.Value("text") != faultyPolicy || page.Value("note") != "a note" {
		t.Errorf("%q, %q", page.Value("text"), page.Value("note"))
	}
	if got := page.Fault("text"); !strings.HasPrefix(got, "Line 3, column 18, rule “a”: There is nothing called “nmae” here.") {
		t.Errorf("%q", got)
	}
	if n := b.count("SELECT count(*) FROM policies"); n > 0 {
		t.Errorf("%d versions were kept", n)
	}
}

func TestPolicyWaits(t *testing.T) {
	b := setup(t)
	b.propose(easierPolicy, "less work")
	page := b.as("admin").Get("/admin/policy").WantStatus(http.StatusOK)
	if got := page.Text("[data-testid=waiting]"); !strings.Contains(got, "Proposed by Ben Admin: less work") || !strings.Contains(got, "allowed at once (rule “all”)") {
		t.Errorf("%q", got)
	}
	if page.Find("[data-testid=accept]").Length() != 1 || page.Find("[data-testid=drop]").Length() != 1 {
		t.Error("another admin cannot decide")
	}
	if got := page.Text("[data-testid=versions] tbody tr:first-child"); !strings.Contains(got, "proposed") || !strings.Contains(got, "Ben Admin") {
		t.Errorf("%q", got)
	}
	b.as("admin").Post("/admin/policy/2/decide", url.Values{"decision": {"perhaps"}}).WantStatus(http.StatusUnprocessableEntity)
	for _, version := range []string{"0", "-1", "x", "99999999999999999999", "7"} {
		b.as("admin").Get("/admin/policy/" + version).WantStatus(http.StatusNotFound)
	}
}

func TestPolicyVersionPage(t *testing.T) {
	b := setup(t)
	b.propose(stricterPolicy, "longer <b>cool-off</b>")
	page := b.as("admin").Get("/admin/policy/2").WantStatus(http.StatusOK)
	text := page.Find("[data-testid=text]").Text()
	for _, want := range []string{"\n- " + "    cool_off: 15m\n+     cool_off: 30m\n", "\n      fresh_sign_in: true\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not have %q", text, want)
		}
	}
	if got := page.Text("main dl"); !strings.Contains(got, "in force") || !strings.Contains(got, "Ben Admin") || !strings.Contains(got, "longer <b>cool-off</b>") {
		t.Errorf("%q", got)
	}
	if page.Find("main form[method=post], main textarea").Length() > 0 {
		t.Error("an old version can be edited")
	}
	if got := b.as("admin").Get("/admin/policy/1").Find("[data-testid=text]").Text(); strings.Count(got, "\n+ ") < 20 {
		t.Errorf("the first version has nothing before it: %q", got)
	}
}

// An earlier version is proposed again from its page, by its own text.
func TestPolicyPutBack(t *testing.T) {
	b := setup(t)
	b.propose(stricterPolicy, "longer")
	page := b.as("admin").Get("/admin/policy/1").WantStatus(http.StatusOK)
	form := url.Values{"note": {"back to it"}, "action": {"propose"}}
	for _, name := range []string{"base", "text"} {
		value, _ := page.Find("[data-testid=put-back] [name=" + name + "]").Attr("value")
		form.Set(name, value)
	}
	if form.Get("text") != policy.BuiltInText {
		t.Fatalf("the text is %q", form.Get("text"))
	}
	b.as("admin").Post("/admin/policy", form).WantStatus(http.StatusOK)
	if n := b.count("SELECT count(*) FROM policies WHERE state = 'proposed' AND note = 'back to it'"); n != 1 {
		t.Errorf("%d are proposed", n)
	}
	if b.as("admin").Get("/admin/policy/2").Find("[data-testid=put-back]").Length() != 0 {
		t.Error("what is in force can be put back")
	}
}

// A proposal of the account's own, and its decision on another's, on the page.
func TestPolicyByForm(t *testing.T) {
	b := setup(t)
	propose := func(text string) (status int, says string) {
		page := b.as("admin").Post("/admin/policy", url.Values{"base": {strconv.Itoa(b.policyBase())}, "text": {text}, "note": {"why"}, "action": {"propose"}})
		return page.Status, page.Text("[data-testid=said], main")
	}
	if _, says := propose(stricterPolicy); !strings.Contains(says, "The new version is in force.") {
		t.Fatalf("%q", says)
	}
	if _, says := propose(easierPolicy); !strings.Contains(says, "The new version has been proposed and is waiting for another admin.") || !strings.Contains(says, "another admin has to decide") {
		t.Fatalf("%q", says)
	}
	b.as("admin").Post("/admin/policy/3/decide", url.Values{"decision": {"accept"}}).WantStatus(http.StatusForbidden)
	if got := b.as("admin").Post("/admin/policy/3/decide", url.Values{"decision": {"drop"}}).WantStatus(http.StatusOK).Text("[data-testid=said], main"); !strings.Contains(got, "The version is dropped.") {
		t.Errorf("%q", got)
	}
	b.propose(easierPolicy, "again")
	if status, says := propose("rules: [{name: other, allow: true}]"); status != http.StatusConflict || !strings.Contains(says, "Version 4 waits for a decision already") {
		t.Errorf("%d %q", status, says)
	}
	if got := b.as("admin").Post("/admin/policy/4/decide", url.Values{"decision": {"accept"}}).WantStatus(http.StatusOK).Text("[data-testid=said], main"); !strings.Contains(got, "The new version is in force.") {
		t.Errorf("%q", got)
	}
	if got := b.as("admin").Get("/admin/policy/4").Text("[data-testid=decided]"); !strings.Contains(got, "Ada Admin") {
		t.Errorf("%q", got)
	}
}

// The editor's words and its file are on the page that edits the policy, and on
// no other; there alone may scripts bring styles, by the nonce.
func TestPolicyEditorIsOnItsPageOnly(t *testing.T) {
	b := setup(t)
	b.must(b.requests.Rules.Ensure(t.Context()))
	editor := `form[data-script^="/static/editor-"]`
	page := b.as("admin").Get("/admin/policy").WantStatus(http.StatusOK)
	if page.Find(editor).Length() != 1 {
		t.Error("the page has no editor")
	}
	if csp := page.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "style-src 'self' 'nonce-") || strings.Contains(csp, "unsafe") {
		t.Errorf("%q", csp)
	}
	var words struct {
		Values map[string][]struct{ Label string }
	}
	b.must(json.Unmarshal([]byte(page.Find("#policy-words").Text()), &words))
	if n := len(words.Values["rules.operations"]); n != len(portal.Operations()) {
		t.Errorf("%d operations are offered", n)
	}
	if teams := words.Values["rules.teams"]; len(teams) == 0 || !slices.ContainsFunc(teams, func(w struct{ Label string }) bool { return w.Label == "pay" }) {
		t.Errorf("the teams are %v", teams)
	}
	for _, p := range append(b.everyPage(), b.as("admin").Get("/admin/policy/1"), b.as("admin").Post("/admin/policy/try", url.Values{})) {
		if p.URL.Path == "/admin/policy" {
			continue
		}
		if csp := p.Header.Get("Content-Security-Policy"); p.Find(editor).Length() > 0 || !strings.Contains(csp, "style-src 'self';") {
			t.Errorf("%s: %q", p.URL.Path, csp)
		}
	}
}

const triedPolicy = "rules:\n  - {name: big, when: change.nodes > 3, deny: too <b>big</b>}\n  - {name: rest, require: [{approvals: 1, from: [team]}]}\n"

// A request that nobody made is judged by the text that is in the form, by itself
// and, without scripts, by a button, after which all that was typed is still there.
func TestPolicyTriedOut(t *testing.T) {
	b := setup(t)
	form := url.Values{"text": {triedPolicy}, "note": {"a note"}, "operation": {"create_node_pool"}, "team": {"pay"}, "environment": {"staging"}, "change.nodes": {"4"}, "action": {"try"}}
	tried := func(path string) webtest.Page { return b.as("admin").Post(path, form).WantStatus(http.StatusOK) }
	if got := tried("/admin/policy/try").Text("[data-testid=tried]"); got != "Not possible. too <b>big</b>Rule “big”, line 2" {
		t.Errorf("%q", got)
	}
	page := tried("/admin/policy")
	if got := page.Text("[data-testid=tried-rule]"); got != "Rule “big”, line 2" {
		t.Errorf("%q", got)
	}
	kept(t, page, form, "")
	form.Set("change.nodes", "3")
	if got := tried("/admin/policy/try").Text("[data-testid=tried]"); !strings.Contains(got, "Needs 1 approval from pay-approvers.") || !strings.Contains(got, "Rule “rest”, line 3") {
		t.Errorf("%q", got)
	}
	form.Set("change.nodes", "lots")
	page = tried("/admin/policy/try")
	if !strings.Contains(page.Fault("change.nodes"), "enter a whole number") || page.Value("change.nodes") != "lots" || page.Find("[data-decision]").Length() > 0 {
		t.Errorf("%q", page.Text("#try"))
	}
	form.Set("text", faultyPolicy)
	if got := tried("/admin/policy/try").Text("[data-testid=tried]"); !strings.Contains(got, "has errors") {
		t.Errorf("%q", got)
	}
	if n := b.count("SELECT count(*) FROM policies") + b.count("SELECT count(*) FROM requests"); n > 0 {
		t.Errorf("%d things were made", n)
	}
}

// A version is tried out on its page, by an address that can be passed on.
func TestPolicyVersionTriedOut(t *testing.T) {
	b := setup(t)
	b.propose(stricterPolicy, "longer")
	page := b.as("admin").Get("/admin/policy/2?operation=delete_cluster_dangerous&team=pay&environment=development").WantStatus(http.StatusOK)
	if got := page.Text("[data-testid=tried-terms]"); !strings.Contains(got, "cool-off 30m") {
		t.Errorf("%q", got)
	}
	line, _ := page.Find("[data-testid=tried-rule] a").Attr("href")
	if got := page.Find(line).Text(); got != "    - name: deletions with all data\n" {
		t.Errorf("%s leads to %q", line, got)
	}
	if b.as("admin").Get("/admin/policy/1?operation=delete_cluster_dangerous&team=pay").Fault("environment") == "" {
		t.Error("an environment that is missing is not found")
	}
}

// A version of before texts were bounded makes no page that is larger than others.
func TestPagesOfVersionsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.requests.Rules.Ensure(t.Context()))
	_, err := b.pool.Exec(t.Context(), `INSERT INTO policies (version, base, text, issuer, subject, author_name, note, created_at, state)
		SELECT 2, 1, text || repeat(E'\n', 60000), issuer, subject, author_name, 'many lines', created_at, 'dropped' FROM policies WHERE version = 1`)
	b.must(err)
	page := b.as("admin").Get("/admin/policy/2")
	if n := len(page.Body); page.Status != http.StatusOK || n > 1<<20 {
		t.Errorf("%d: a page of %d bytes", page.Status, n)
	}
	if text := page.Text("main"); !strings.Contains(text, "more lines are not shown") {
		t.Error("it does not say that lines are missing")
	}
}

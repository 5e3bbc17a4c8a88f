package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"doksportal/internal/web/webtest"
)

// old is the browser of an account whose sign-in is too old for what is
// dangerous. The next one will be fresh.
func (b *bundle) old(account string) *webtest.Browser {
	b.t.Helper()
	b.issuer.SetAuthTime(func() time.Time { return time.Now().Add(-6 * time.Minute) })
	defer b.issuer.SetAuthTime(time.Now)
	return webtest.SignIn(b.t, b.url, account)
}

const signedInAgain = "You have signed in again. Check what you typed, then send it."

// Whoever has to sign in for what they sent comes back to a page that there is:
// the one with the form.
func TestFormPages(t *testing.T) {
	b := setup(t)
	pages := map[string]bool{}
	for _, r := range b.pages.Routes() {
		if r.Method == http.MethodGet {
			pages[r.Path] = true
		}
	}
	values := strings.NewReplacer(":id", b.ledger, ":pool", b.ledger, ":node", b.ledger, ":number", "12", ":slug", "pay", ":version", "3", ":channel", b.ledger, ":session", b.ledger)
	for _, r := range b.pages.Routes() {
		if r.Method != http.MethodPost || r.Path == "/logout" {
			continue
		}
		p := b.as("nobody").Post(values.Replace(r.Path), url.Values{}).WantStatus(http.StatusUnauthorized)
		link, _ := p.Find("a[href^='/login']").Attr("href")
		at, err := url.Parse(link)
		b.must(err)
		page := r.Path
		for !pages[page] && strings.Contains(page, "/") {
			page = page[:strings.LastIndex(page, "/")]
		}
		// What is done to a thing is done on its page, reloaded or not.
		if strings.HasPrefix(r.Path, "/requests/:number/") && !strings.Contains(r.Path, "revise") {
			page = "/requests/:number"
		}
		if r.Path == "/admin/policy/:version/decide" {
			page = "/admin/policy"
		}
		if got := at.Query().Get("return"); got != values.Replace(page) {
			t.Errorf("%s is on %q, want %s", r.Path, got, values.Replace(page))
		}
	}
}

// What destroys or gives access is asked for, approved and collected by nobody
// whose sign-in is old; what was typed comes back exactly, and once sent again
// it works.
func TestStepUp(t *testing.T) {
	b := setup(t)
	pool := b.ledgerNow().Pools[0]
	cluster := "/clusters/" + b.ledger
	for page, typed := range map[string]url.Values{
		"/delete":                        {"operation": {"delete_cluster_dangerous"}, "typed_name": {"ledger"}},
		"/access":                        {"operation": {"get_credentials"}, "minutes": {"30"}},
		"/pools/" + pool.ID + "/recycle": {"nodes": {pool.Nodes[0].ID, pool.Nodes[1].ID}},
		"/pools/" + pool.ID + "/nodes/" + pool.Nodes[0].ID + "/delete": {"replace": {"true"}, "skip_drain": {"true"}},
	} {
		t.Run(page, func(t *testing.T) {
			member := b.old("member").For(t)
			form := formOf(member.Get(cluster + page))
			for name, values := range typed {
				form[name] = values
			}
			form.Set("justification", "first line\r\n  <b>second & third</b> ü")
			before := b.count("SELECT count(*) FROM requests")
			asked := member.Post(cluster+page, form).WantStatus(http.StatusOK)
			if asked.URL.Path != "/step-up" || asked.Text("[data-testid=kept]") == "" || asked.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%s: %s", asked.URL, asked.Text("main"))
			}
			if b.count("SELECT count(*) FROM requests") != before {
				t.Fatal("a request was made")
			}
			back := member.SignInAgain(asked, "member").WantStatus(http.StatusOK)
			if back.URL.Path != cluster+page || back.Text("[data-testid=returned]") != signedInAgain {
				t.Fatalf("%s: %s", back.URL, back.Text("[data-testid=returned]"))
			}
			if diff := cmp.Diff(unix(form), unix(formOf(back))); diff != "" {
				t.Errorf("-typed +returned:\n%s", diff)
			}
			if b.count("SELECT count(*) FROM requests") != before {
				t.Error("it was sent by itself")
			}
			if again := member.Get(cluster + page); again.Find("[data-testid=returned]").Length() != 0 || again.Value("justification") != "" {
				t.Error("it is shown twice")
			}
			if sent := member.Post(cluster+page, formOf(back)); !strings.HasPrefix(sent.URL.Path, "/requests/") {
				t.Errorf("%d %s", sent.Status, sent.Text("main"))
			}
			_, err := b.pool.Exec(t.Context(), "UPDATE requests SET state = 'withdrawn'")
			b.must(err)
		})
	}
}

// unix has line ends as HTML has them in the text of a page.
func unix(form url.Values) url.Values {
	for _, values := range form {
		for i := range values {
			values[i] = strings.ReplaceAll(values[i], "\r\n", "\n")
		}
	}
	return form
}

func TestStepUpToApprove(t *testing.T) {
	b := setup(t)
	number := b.pending()
	approver := b.old("approver")
	path := "/requests/" + number
	form := url.Values{"decision": {"approve"}, "digest": {approver.Get(path).Value("digest")}, "revision": {"1"}, "comment": {"looks <good> & right\n"}}
	asked := approver.Post(path+"/review", form)
	if n := b.count("SELECT count(*) FROM reviews"); n != 0 {
		t.Fatalf("%d reviews by an old sign-in", n)
	}
	back := approver.SignInAgain(asked, "approver").WantStatus(http.StatusOK)
	if back.URL.Path != path || back.Value("comment") != form.Get("comment") || back.Text("[data-testid=returned]") != signedInAgain {
		t.Fatalf("%s has %q: %s", back.URL, back.Value("comment"), back.Text("[data-testid=returned]"))
	}
	approver.Post(path+"/review", form).WantStatus(http.StatusOK)
	if n := b.count("SELECT count(*) FROM reviews WHERE decision = 'approve'"); n != 1 {
		t.Errorf("%d reviews", n)
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'sign_in' AND data->>'fresh' = 'true' AND actor_name = 'Abe Approver'"); n != 1 {
		t.Errorf("%d fresh sign-ins on the trail", n)
	}
}

func TestNoStepUpToReject(t *testing.T) {
	b := setup(t)
	path := "/requests/" + b.pending()
	approver := b.old("approver")
	form := url.Values{"decision": {"reject"}, "digest": {approver.Get(path).Value("digest")}, "revision": {"1"}, "comment": {"no"}}
	if p := approver.Post(path+"/review", form); p.URL.Path != path || !strings.Contains(p.Text("main"), "rejected") {
		t.Errorf("%s: %s", p.URL, p.Text("main"))
	}
}

func TestStepUpToCollect(t *testing.T) {
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `UPDATE clusters SET environment = 'development' WHERE id = $1`, b.ledger)
	b.must(err)
	old := b.old("member")
	path := "/clusters/" + b.ledger + "/access"
	// The first sends the form without collecting what it is about.
	b.executor.StepUpWithin = time.Nanosecond
	form := formOf(b.as("member").Get(path), "justification", "to look", "minutes", "30")
	asked := b.as("member").Post(path, form)
	b.executor.StepUpWithin = 0
	if asked.URL.Path != "/step-up" || b.count("SELECT count(*) FROM requests WHERE state = 'approved'") != 1 {
		t.Fatalf("%s: %s", asked.URL, asked.Text("main"))
	}
	var number string
	b.must(b.pool.QueryRow(t.Context(), "SELECT number::text FROM requests").Scan(&number))
	asked = old.Post("/requests/"+number+"/collect", url.Values{})
	if asked.Find("[data-testid=kept]").Length() != 0 || b.sim.CallCount("get_kubeconfig") != 0 {
		t.Errorf("%s: %s", asked.URL, asked.Text("main"))
	}
	back := old.SignInAgain(asked, "member")
	if back.URL.Path != "/requests/"+number || !strings.Contains(back.Text("[data-testid=returned]"), "Press the button again") {
		t.Fatalf("%s: %s", back.URL, back.Text("[data-testid=returned]"))
	}
	if p := old.Post("/requests/"+number+"/collect", url.Values{}); !strings.Contains(p.Body, "current-context") {
		t.Errorf("%d %s", p.Status, p.Text("main"))
	}
}

// A form with as many parts as there are comes back whole, whatever is in it.
func TestStepUpKeepsTheWholeForm(t *testing.T) {
	b := setup(t)
	b.pages.AskAgain()
	for _, text := range append(inert, "plain", "  space \t around ", "ü €\u2029") {
		form := createForm("justification", text+"\nmore", "tags", text, "name", text, "ha", "true", "maintenance_day", "sunday",
			"pools[0].labels", text, "pools[0].auto_scale", "true", "pools[0].min_nodes", "1", "pools[0].max_nodes", text,
			"pools[1].name", text, "pools[1].size", "s-4vcpu-8gb", "pools[1].count", "3", "pools[1].taints", "gpu=yes:NoSchedule\n"+text)
		asked := b.as("member").Post("/ask-again?path=/clusters/new", form)
		back := b.as("member").SignInAgain(asked, "member").WantStatus(http.StatusOK)
		if back.URL.Path != "/clusters/new" || back.Find("#pools [role=group]").Length() != 2 {
			t.Fatalf("%s: %s", back.URL, back.Text("main"))
		}
		kept(t, back, form, "none")
		if found := evil(back); found != "" {
			t.Errorf("%q became %s", text, found)
		}
	}
	teams := url.Values{"slug": {"fresh"}, "name": {"Fresh <b>"}, "member_group": {"g"}, "approver_group": {"h"}, "nodes": {"many"}, "sizes": {"a 1\nb 2"}, "version": {"7"}}
	for _, path := range []string{"/admin/teams/new", "/admin/teams/pay"} {
		back := b.as("admin").SignInAgain(b.as("admin").Post("/ask-again?path="+path, teams), "admin").WantStatus(http.StatusOK)
		if path != "/admin/teams/new" {
			teams.Del("slug")
		}
		kept(t, back, teams, path)
	}
	lint := url.Values{"include_checks": {"bare-pods"}, "exclude_groups": {"basic"}, "justification": {"x"}}
	path := "/clusters/" + b.ledger + "/diagnostics"
	kept(t, b.as("member").SignInAgain(b.as("member").Post("/ask-again?path="+path, lint), "member"), lint, path)
}

// Who began is who gets back what was typed.
func TestStepUpByAnotherPerson(t *testing.T) {
	b := setup(t)
	member := b.old("member")
	path := "/clusters/" + b.ledger + "/delete"
	asked := member.Post(path, formOf(member.Get(path), "justification", "of the member"))
	if p := member.SignInAgain(asked, "approver"); p.URL.Path != "/" || p.Text("[data-testid=who]") != "Abe Approver" || p.Find("[data-testid=returned]").Length() != 0 {
		t.Errorf("%s: %s", p.URL, p.Text("body"))
	}
	if p := member.Get(path); p.Value("justification") != "" || p.Find("[data-testid=returned]").Length() != 0 {
		t.Error("what another person typed is shown")
	}
}

// A sign-in that the provider did not ask for changes nothing, and what was
// typed is still there.
func TestStepUpRefused(t *testing.T) {
	b := setup(t)
	member := b.old("member")
	path := "/clusters/" + b.ledger + "/delete"
	form := formOf(member.Get(path), "justification", "kept")
	for says, at := range map[string]time.Time{
		"The identity provider did not ask you to sign in again": time.Now().Add(-time.Hour), "The identity provider does not say when you signed in": {},
	} {
		asked := member.Post(path, form)
		b.issuer.SetAuthTime(func() time.Time { return at })
		p := member.SignInAgain(asked, "member").WantStatus(http.StatusForbidden)
		if !strings.Contains(p.Text("[data-testid=message]"), says) || p.Find("[data-testid=back]").AttrOr("href", "") != path {
			t.Fatalf("%s", p.Text("main"))
		}
		if p = member.Get(path); p.Value("justification") != "kept" || !strings.Contains(p.Text("[data-testid=returned]"), "You have not signed in again") {
			t.Errorf("%q: %s", p.Value("justification"), p.Text("[data-testid=returned]"))
		}
		if p = member.Post(path, form); p.URL.Path != "/step-up" {
			t.Errorf("taken after a sign-in that was refused: %s", p.URL)
		}
	}
	if n := b.count("SELECT count(*) FROM requests"); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// Scripts are told where to go; a page that renews itself does not take what
// was typed from the one that is being opened.
func TestStepUpOfScripts(t *testing.T) {
	b := setup(t)
	member := b.old("member")
	path := "/clusters/" + b.ledger + "/delete"
	req := webtest.Form(b.url+path, formOf(member.Get(path), "justification", "kept"))
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("HX-Request", "true")
	p := member.Send(req).WantStatus(http.StatusOK)
	to := p.Header.Get("HX-Redirect")
	if p.URL.Path != path || !strings.HasPrefix(to, "/step-up?state=") {
		t.Fatalf("%s, HX-Redirect %q", p.URL, to)
	}
	asked := member.Get(to)
	client := *member.Client
	client.CheckRedirect = func(next *http.Request, _ []*http.Request) error {
		if next.URL.Path == path {
			return http.ErrUseLastResponse
		}
		return nil
	}
	stopped := *member
	stopped.Client = &client
	stopped.SignInAgain(asked, "member").WantStatus(http.StatusSeeOther)
	live, err := http.NewRequest(http.MethodGet, b.url+path, nil)
	b.must(err)
	live.Header.Set("HX-Request", "true")
	if p = member.Send(live); p.Value("justification") != "" {
		t.Error("a page that renews itself took it")
	}
	if p = member.Get(path); p.Value("justification") != "kept" {
		t.Error("it is lost")
	}
}

// The page that leads to the provider is reached from anywhere, and leads
// nowhere but back into the portal.
func TestStepUpPage(t *testing.T) {
	b := setup(t)
	b.pages.AskAgain()
	for _, back := range []string{"//evil.example", "https://evil.example/", `/\evil.example`, "/%09/evil.example", "javascript:alert(1)", "/me"} {
		p := b.as("member").Get("/step-up?return=" + url.QueryEscape(back)).WantStatus(http.StatusOK)
		if p = b.as("member").SignInAgain(p, "member"); !strings.HasPrefix(p.URL.String(), b.url+"/") || strings.HasPrefix(p.URL.Path, "//") {
			t.Errorf("%s led to %s", back, p.URL)
		}
	}
	p := b.as("member").Get("/ask-again").WantStatus(http.StatusUnauthorized)
	if href := p.Find("[data-testid=step-up]").AttrOr("href", ""); href != "/step-up?return=%2Fask-again" || p.Text("h1") != "Sign in again" {
		t.Errorf("%q: %s", href, p.Text("main"))
	}
	b.as("member").Get("/step-up?state=unknown").WantStatus(http.StatusNotFound)
	b.as("nobody").Post("/ask-again", url.Values{}).WantStatus(http.StatusUnauthorized)
}

// What is too long to be kept is not cut, and its reader is told what to do.
func TestStepUpWithTooMuch(t *testing.T) {
	b := setup(t)
	b.pages.AskAgain()
	form := createForm("justification", strings.Repeat("x", 300<<10))
	p := b.as("member").Post("/ask-again?path=/clusters/new", form).WantStatus(http.StatusUnauthorized)
	if !strings.Contains(p.Text("[data-testid=message]"), "too long to be kept") || p.Find("[data-testid=step-up]").AttrOr("href", "") != "/step-up?return=%2Fclusters%2Fnew" {
		t.Error(p.Text("main"))
	}
}

// What changed while somebody signed in again is not asked for or approved
// unseen.
func TestChangedDuringStepUp(t *testing.T) {
	b := setup(t)
	member := b.old("member")
	path := "/clusters/" + b.ledger + "/access"
	form := formOf(member.Get(path), "justification", "kept")
	asked := member.Post(path, form)
	b.sim.Resize(b.ledger, 4)
	b.must(b.syncer.Sync(t.Context()))
	back := member.SignInAgain(asked, "member")
	p := member.Post(path, formOf(back)).WantStatus(http.StatusConflict)
	if !strings.Contains(p.Text("[data-testid=problem]"), "changed since") || p.Value("justification") != "kept" {
		t.Errorf("%s", p.Text("main"))
	}
	if p = member.Post(path, formOf(p)); !strings.HasPrefix(p.URL.Path, "/requests/") {
		t.Errorf("looked over and sent: %d %s", p.Status, p.Text("main"))
	}

	number := b.pending()
	approver := b.old("approver")
	review := url.Values{"decision": {"approve"}, "digest": {approver.Get("/requests/" + number).Value("digest")}, "revision": {"1"}, "comment": {"kept"}}
	asked = approver.Post("/requests/"+number+"/review", review)
	planned := b.numbered(number)
	planned.Justification = "planned for something else"
	another, err := planned.PlanDigest()
	b.must(err)
	b.exec("UPDATE requests SET justification = $1, digest = $2 WHERE number = $3", planned.Justification, another, number)
	back = approver.SignInAgain(asked, "approver")
	p = approver.Post("/requests/"+number+"/review", fieldsOf(back, back.Find(`form[action$="/review"]`), "decision", "approve")).WantStatus(http.StatusConflict)
	if p.Value("comment") != "kept" || p.Value("digest") != another || b.count("SELECT count(*) FROM reviews") != 0 {
		t.Errorf("%s", p.Text("main"))
	}
}

// Going back and sending what was sent already makes no second request.
func TestStepUpAndBack(t *testing.T) {
	b := setup(t)
	member := b.old("member")
	path := "/clusters/" + b.ledger + "/delete"
	form := formOf(member.Get(path), "justification", "gone", "submit_key", uuid.NewString())
	asked := member.Post(path, form)
	member.SignInAgain(asked, "member")
	for range 2 {
		member.Post(path, form).WantStatus(http.StatusOK)
	}
	if n := b.count("SELECT count(*) FROM requests"); n != 1 {
		t.Errorf("%d requests", n)
	}
	member.Get(fmt.Sprint(asked.URL.Path, "?", asked.URL.RawQuery)).WantStatus(http.StatusNotFound)
}

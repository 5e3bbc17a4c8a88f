package web_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/web/webtest"
)

// pages are pages of all kinds, errors among them, by the reader who gets them.
func (b *bundle) everyPage() []webtest.Page {
	b.t.Helper()
	number := b.pending()
	var list []webtest.Page
	for reader, paths := range map[string][]string{
		"nobody": {"/signed-out", "/nothing", "/auth/callback?state=x&code=y"},
		"member": {"/", "/me", "/clusters", "/clusters/new", "/clusters/" + b.ledger, "/clusters/" + b.ledger + "/delete", "/requests", "/requests/" + number, "/audit", "/events", "/clusters/x",
			"/catalogue", "/clusters/" + b.ledger + "/settings", "/clusters/" + b.ledger + "/pools", "/clusters/" + b.ledger + "/access",
			"/clusters/" + b.ledger + "/diagnostics", "/clusters/" + b.ledger + "/upgrade"},
		"approver": {"/", "/requests/" + number},
		"admin":    {"/admin/teams", "/admin/teams/new", "/admin/teams/pay", "/admin/clusters", "/admin/registries"},
		"auditor":  {"/audit", "/audit?from=rubbish"},
		"outsider": {"/", "/clusters"},
	} {
		for _, path := range paths {
			list = append(list, b.as(reader).Get(path))
		}
	}
	return append(list,
		b.as("member").Post("/clusters/new", createForm("name", "")),
		b.as("member").Post("/clusters/new/plan", createForm()),
		b.as("admin").Post("/admin/teams/new", url.Values{}))
}

func TestHeadersAndPolicy(t *testing.T) {
	b := setup(t)
	nonces := map[string]bool{}
	nonceForm := regexp.MustCompile(`script-src 'nonce-([^']{22,})'`)
	for _, p := range b.everyPage() {
		h := p.Header
		csp := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%s: no %s in %q", p.URL, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %q", p.URL, csp)
		}
		for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin"} {
			if h.Get(name) != value {
				t.Errorf("%s: %s is %q", p.URL, name, h.Get(name))
			}
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s lets other sites read it", p.URL)
		}
		match := nonceForm.FindStringSubmatch(csp)
		if match == nil || nonces[match[1]] {
			t.Fatalf("%s: no nonce of its own in %q", p.URL, csp)
		}
		nonces[match[1]] = true
		checkScripts(t, p, match[1])
	}
}

// checkScripts makes sure that the policy lets the page's own scripts run, and
// that nothing in the page would need more.
func checkScripts(t *testing.T, p webtest.Page, nonce string) {
	t.Helper()
	p.Find("script").Each(func(_ int, s *goquery.Selection) {
		if s.AttrOr("nonce", "") != nonce || s.AttrOr("src", "") == "" {
			html, _ := goquery.OuterHtml(s)
			t.Errorf("%s: %s", p.URL, html)
		}
	})
	p.Find("*").Each(func(_ int, s *goquery.Selection) {
		for _, a := range s.Get(0).Attr {
			if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || a.Key == "style" ||
				strings.Contains(a.Val, "javascript:") || strings.HasPrefix(a.Val, "js:") {
				t.Errorf("%s: %s=%q", p.URL, a.Key, a.Val)
			}
		}
	})
}

// Forms of other sites, and of programs that do not say where they come from,
// do nothing.
func TestForgedForms(t *testing.T) {
	b := setup(t)
	member := b.as("member")
	for name, header := range map[string]http.Header{
		"no header":        {},
		"another site":     {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.example"}},
		"a sibling":        {"Sec-Fetch-Site": {"same-site"}, "Origin": {"https://sibling.example"}},
		"an origin only":   {"Origin": {"https://evil.example"}},
		"an opaque origin": {"Origin": {"null"}},
		"the wrong scheme": {"Origin": {strings.Replace(b.url, "http:", "https:", 1)}},
		"a wrong port":     {"Origin": {"http://127.0.0.1:1"}},
	} {
		for _, path := range []string{"/clusters/new", "/logout", "/clusters/new/plan"} {
			req := webtest.Form(b.url+path, createForm())
			for key := range header {
				req.Header.Set(key, header.Get(key))
			}
			if p := member.Send(req); p.Status != http.StatusForbidden {
				t.Errorf("%s from %s: %d", path, name, p.Status)
			}
		}
	}
	for _, kind := range []string{"application/json", "multipart/form-data; boundary=x", "text/plain", ""} {
		req := webtest.Form(b.url+"/me/notifications", url.Values{"mail": {"true"}})
		req.Header.Set("Origin", b.url)
		req.Header.Set("Content-Type", kind)
		if p := member.Send(req); p.Status != http.StatusUnprocessableEntity {
			t.Errorf("a body of type %q is taken for a form: %d", kind, p.Status)
		}
	}
	req := webtest.Form(b.url+"/clusters/new", createForm())
	req.Header.Set("Origin", b.url)
	if p := b.as("approver").Send(req); !strings.HasPrefix(p.URL.Path, "/requests/") {
		t.Errorf("a browser that sends the portal's own origin only is refused: %d", p.Status)
	}
}

func TestMethods(t *testing.T) {
	b := setup(t)
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch, "TRACE"} {
		req, err := http.NewRequest(method, b.url+"/clusters/"+b.ledger, nil)
		b.must(err)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		b.as("member").Send(req).WantStatus(http.StatusMethodNotAllowed)
	}
}

func TestTooLarge(t *testing.T) {
	b := setup(t)
	p := b.as("member").Post("/clusters/new", createForm("justification", strings.Repeat("x", 1<<20))).WantStatus(http.StatusRequestEntityTooLarge)
	if says := p.Text("main"); !strings.Contains(says, "That is too large") || !strings.Contains(says, "1024 KiB") {
		t.Error(says)
	}
	b.as("member").Post("/clusters/new", createForm("justification", strings.Repeat("x", 1<<19))).WantStatus(http.StatusUnprocessableEntity)
}

// inert are texts that a careless page would take for markup or script.
var inert = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</textarea><svg onload=alert(1)>`,
	`</title><script>alert(1)</script>`, `javascript:alert(1)`, `{{constructor.constructor('alert(1)')()}}`, `<!--`, "\u2028alert(1)//", `&lt;b&gt;`,
}

// evil reports the first trace of a text that became markup.
func evil(p webtest.Page) string {
	found := ""
	p.Find("script:not([src]), svg[onload], img[onerror], [onmouseover], a[href^='javascript:']").Each(func(_ int, s *goquery.Selection) {
		found, _ = goquery.OuterHtml(s)
	})
	return found
}

func TestTextStaysText(t *testing.T) {
	b := setup(t)
	for _, text := range inert {
		id := b.sim.Add(dosim.Seed{Name: text, Region: "fra1", Tags: []string{text}, Registries: []string{text}, Pools: []dosim.SeedPool{{
			Name: text, Size: "s-2vcpu-4gb", Count: 1, Tags: []string{text}, Labels: map[string]string{text: text}, Taints: []dosim.Taint{{Key: text, Value: text, Effect: text}}}}})
		b.sim.Announce(id, text)
		b.sim.SetState(id, text, text)
		b.must(b.syncer.Sync(t.Context()))
		b.as("admin").Post("/admin/clusters", url.Values{"cluster": {id}, "team": {"pay"}, "environment": {"production"}})
		pages := []webtest.Page{
			b.as("member").Post("/clusters/"+id+"/delete", url.Values{"submit_key": {createForm().Get("submit_key")}, "justification": {strings.ReplaceAll(text, "\u2028", "")}}), // which people cannot write
			b.as("member").Post("/clusters/new", createForm("name", text, "region", text, "version", text, "tags", text, "environment", text,
				"team", text, "pools[0].name", text, "pools[0].size", text, "pools[0].count", text, "justification", text)),
			b.as("member").Post("/clusters/new/plan", createForm("name", text, "region", text, "pools[0].name", text, "tags", text)),
			b.as("admin").Post("/admin/teams/new", url.Values{"slug": {text}, "name": {text}, "member_group": {text}, "approver_group": {text}, "nodes": {text}, "sizes": {text}}),
			b.as("admin").Post("/admin/teams/pay", url.Values{"name": {text}, "member_group": {"pay"}, "approver_group": {"pay-approvers"}, "nodes": {"99"},
				"sizes": {"s-2vcpu-4gb 99"}, "version": {b.as("admin").Get("/admin/teams/pay").Value("version")}}),
			b.as("admin").Get("/admin/clusters?saved=" + url.QueryEscape(text)),
			b.as("auditor").Get("/audit?actor=" + url.QueryEscape(text) + "&from=" + url.QueryEscape(text)),
			b.as("auditor").Get("/audit?cluster=" + url.QueryEscape(text)),
			b.as("member").Post("/clusters/"+id+"/settings", url.Values{"name": {text}, "tags": {text}, "expanders": {text}, "firewall_allowed": {text}, "routing_agent": {text}}),
			b.as("member").Post("/clusters/"+id+"/pools/new", url.Values{"name": {text}, "labels": {text}, "taints": {text}, "count": {text}}),
			b.as("member").Post("/clusters/"+id+"/diagnostics", url.Values{"include_checks": {text}}),
			b.as("member").Get("/clusters/" + id + "/diagnostics?since=" + url.QueryEscape(text) + "&run=" + url.QueryEscape(text)),
			b.as("member").Post("/clusters/"+id+"/access", url.Values{"minutes": {text}}),
			b.as("admin").Post("/admin/registries", url.Values{"registries": {text}, "operation": {"add_registries"}, "clusters": {text, id}}),
			b.as("member").Get("/clusters/" + id + "/pools"), b.as("member").Get("/clusters/" + id + "/activity"), b.as("member").Get("/clusters/" + id + "/upgrade"),
			b.as("member").Post("/clusters/new", templateForm(text)), b.as("member").Post("/clusters/new", templateForm(text, "action", "name-template")),
			b.as("member").Get("/clusters/templates"), b.as("member").Get("/clusters/new"),
			b.as("member").Get("/clusters"), b.as("member").Get("/clusters/" + id), b.as("member").Get("/requests"), b.as("admin").Get("/admin/teams"),
			b.as("auditor").Get("/audit"), b.as("nobody").Get("/" + url.PathEscape(text)),
		}
		for _, p := range pages {
			if found := evil(p); found != "" {
				t.Errorf("%s: %q became %s", p.URL, text, found)
			}
		}
		if p := pages[0]; !strings.HasPrefix(p.URL.Path, "/requests/") || !strings.Contains(p.Find("main").Text(), text) {
			t.Errorf("%s: the deletion of %q is not shown as it is called", p.URL, text)
		}
	}
}

// Bytes that Postgres does not keep come to no harm in any field or parameter.
func TestStrangeBytes(t *testing.T) {
	b := setup(t)
	number := b.pending()
	for _, strange := range []string{"\x00", "a\x00b", "\xff\xfe", strings.Repeat("é", 5000), "\x1b[2J", "a\r\nb"} {
		q := url.QueryEscape(strange)
		pages := []webtest.Page{
			b.as("member").Get("/clusters?after=" + q + "&id=" + q), b.as("member").Get("/requests?before=" + q + "&mine=" + q),
			b.as("member").Get("/requests?state=" + q), b.as("member").Get("/clusters/" + url.PathEscape(strange)),
			b.as("member").Get("/events?feed=request:" + q), b.as("member").Get("/events?feed=" + q),
			b.as("auditor").Get("/audit?kind=" + q), b.as("auditor").Get("/audit?actor=" + q), b.as("auditor").Get("/audit?team=" + q),
			b.as("auditor").Get("/audit?request=" + q), b.as("auditor").Get("/audit?cluster=" + q), b.as("auditor").Get("/audit?before=" + q),
			b.as("admin").Get("/admin/teams/" + url.PathEscape(strange)), b.as("admin").Get("/admin/clusters?saved=" + q),
			b.as("nobody").Get("/login?return=" + q), b.as("nobody").Get("/auth/callback?state=" + q + "&code=" + q),
			b.as("approver").Post("/requests/"+number+"/review", url.Values{"decision": {strange}}),
			b.as("approver").Post("/requests/"+number+"/review", url.Values{"decision": {"approve"}, "digest": {strange}, "comment": {strange}}),
			b.as("admin").Post("/admin/clusters", url.Values{"cluster": {strange}}),
			b.as("admin").Post("/admin/clusters", url.Values{"cluster": {b.legacy}, "team": {strange}, "environment": {"production"}}),
			b.as("admin").Post("/admin/clusters", url.Values{"cluster": {b.legacy}, "team": {"pay"}, "environment": {strange}}),
		}
		for name := range createForm() {
			pages = append(pages, b.as("member").Post("/clusters/new", createForm("name", "strange", name, strange)),
				b.as("member").Post("/clusters/new/plan", createForm(name, strange)))
		}
		for _, name := range append(teamFields(), "slug") {
			form := newTeamForm()
			form.Set(name, strange)
			pages = append(pages, b.as("admin").Post("/admin/teams/new", form), b.as("admin").Post("/admin/teams/find", form))
		}
		for i, p := range pages {
			if p.Status >= 500 {
				t.Errorf("%d: %s with %.20q: %d %s", i, p.URL, strange, p.Status, p.Text("main"))
			}
		}
	}
}

// A fault of the portal's own shows an id that the log explains, and no more.
func TestOwnFaults(t *testing.T) {
	b := setup(t)
	member := b.as("member")
	if _, err := dbtest.Owner(t).Exec(t.Context(), "ALTER TABLE clusters RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	p := member.Get("/clusters").WantStatus(http.StatusInternalServerError)
	id := p.Header.Get("X-Request-Id")
	if id == "" || !strings.Contains(p.Text("main"), id) {
		t.Errorf("no request id: %s", p.Text("main"))
	}
	for _, leak := range []string{"clusters\"", "relation", "42P01", "SELECT", "pgx"} {
		if strings.Contains(p.Text("main"), leak) {
			t.Errorf("the page shows %q: %s", leak, p.Text("main"))
		}
	}
	if log := b.log.String(); !strings.Contains(log, id) || !strings.Contains(log, "42P01") {
		t.Errorf("the log does not explain %s: %s", id, log)
	}
}

// Secrets are in no log and not in the database.
func TestCanaries(t *testing.T) {
	b := setup(t)
	b.everyPage()
	address, err := url.Parse(b.url)
	b.must(err)
	secrets := []string{doToken, webtest.ClientSecret}
	for _, c := range b.as("member").Client.Jar.Cookies(address) {
		secrets = append(secrets, c.Value)
	}
	if len(secrets) < 3 {
		t.Fatal("the member has no session")
	}
	b.sim.Inject(dosim.Fault{Operation: "get_cluster", Kind: dosim.FaultStatus, Status: 401, ID: "unauthorized", Message: "Unable to authenticate you."})
	b.as("member").Get("/clusters/" + b.ledger + "/delete")
	dump := b.dump()
	for _, secret := range secrets {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log has %.12s…", secret)
		}
		if strings.Contains(dump, secret) {
			t.Errorf("the database has %.12s…", secret)
		}
	}
	if !strings.Contains(dump, "Mia Member") {
		t.Error("the dump is empty")
	}
}

// dump is everything in the database as text, or as bytes in hexadecimal and
// as text.
func (b *bundle) dump() string {
	b.t.Helper()
	rows, err := b.pool.Query(context.Background(), `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	b.must(err)
	var tables []string
	for rows.Next() {
		var name string
		b.must(rows.Scan(&name))
		tables = append(tables, name)
	}
	b.must(rows.Err())
	var all bytes.Buffer
	for _, table := range tables {
		conn, err := b.pool.Acquire(context.Background())
		b.must(err)
		_, err = conn.Conn().PgConn().CopyTo(context.Background(), &all, `COPY (TABLE `+table+`) TO STDOUT`)
		conn.Release()
		b.must(err)
	}
	var blobs []byte
	b.must(b.pool.QueryRow(context.Background(), `SELECT coalesce(string_agg(data, ''), '') FROM sessions`).Scan(&blobs))
	return all.String() + string(blobs)
}

// A client that sends its request a byte at a time does not keep others from
// being served.
func TestSlowClient(t *testing.T) {
	b := setup(t)
	slow, writer := io.Pipe()
	defer func() { _ = writer.Close() }()
	go func() {
		req, _ := http.NewRequest(http.MethodPost, b.url+"/clusters/new", slow)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	_, err := writer.Write([]byte("name="))
	b.must(err)
	b.as("member").Get("/clusters").WantStatus(http.StatusOK)
}

// Live streams say what changed, are kept by nobody, and tell no data.
func TestLiveUpdates(t *testing.T) {
	b := setup(t)
	number := b.pending()
	var id string
	b.must(b.pool.QueryRow(t.Context(), "SELECT id FROM requests").Scan(&id))
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/events?feed=request:"+id, nil)
	b.must(err)
	resp, err := b.as("approver").Client.Do(req)
	b.must(err)
	defer func() { _ = resp.Body.Close() }()
	if resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		for lines.Scan() {
			if lines.Text() != "" {
				return lines.Text()
			}
		}
		return fmt.Sprint("the stream has ended: ", lines.Err())
	}
	if got := next(); got != "event: changed" {
		t.Fatalf("first word: %q", got)
	}
	b.as("member").Post("/requests/"+number+"/withdraw", url.Values{}).WantStatus(http.StatusOK)
	if got := next(); got != "event: changed" {
		t.Fatalf("after a change: %q", got)
	}
}

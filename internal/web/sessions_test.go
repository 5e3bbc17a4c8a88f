package web_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"doksportal/internal/web/webtest"
)

// sessionsOf are the ids of somebody's sessions, the newest first.
func (b *bundle) sessionsOf(subject string) []string {
	b.t.Helper()
	rows, err := b.pool.Query(b.t.Context(), `SELECT id::text FROM sessions WHERE subject = $1 ORDER BY id DESC`, subject)
	b.must(err)
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		b.must(rows.Scan(&id))
		ids = append(ids, id)
	}
	b.must(rows.Err())
	return ids
}

// withAgent has a browser call itself something.
type withAgent struct{ agent string }

func (w withAgent) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", w.agent)
	return http.DefaultTransport.RoundTrip(r)
}

func TestOwnSessions(t *testing.T) {
	b := setup(t)
	laptop, phone, tablet := b.as("member"), webtest.SignIn(t, b.url, "member"), webtest.NewBrowser(t, b.url)
	tablet.Client.Transport = withAgent{"Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"}
	tablet.Choose(tablet.Get("/login"), "member")
	b.as("other")
	page := laptop.Get("/me")
	list := page.Find("[data-testid=session]")
	if list.Length() != 3 || list.First().Find("[data-testid=this-session]").Length() != 1 || page.Find("[data-testid=this-session]").Length() != 1 {
		t.Fatalf("the sessions are %s", page.Text("[data-testid=sessions]"))
	}
	if got := page.Text("[data-testid=sessions]"); !strings.Contains(got, "Firefox on Windows") || !strings.Contains(got, "127.0.0.1") {
		t.Errorf("the sessions are %s", got)
	}
	path, _ := page.Find(`[aria-label="Sign out Firefox on Windows"]`).Closest("form").Attr("action")
	if got := laptop.Post(path, nil).WantStatus(http.StatusOK); got.Text("[data-testid=said] p") != "Firefox on Windows is signed out." || got.URL.Path != "/me" {
		t.Errorf("%s says %q", got.URL, got.Text("[data-testid=said]"))
	}
	if got := tablet.Get("/me"); strings.HasPrefix(got.URL.String(), b.url) {
		t.Error("the tablet is still signed in")
	}
	laptop.Post(path, nil).WantStatus(http.StatusNotFound)
	if got := laptop.Post("/me/sessions/end-others", nil).Text("[data-testid=said] p"); got != "You are signed out of 1 other session." {
		t.Errorf("it says %q", got)
	}
	if got := phone.Get("/me"); strings.HasPrefix(got.URL.String(), b.url) {
		t.Error("the phone is still signed in")
	}
	laptop.Get("/me").WantStatus(http.StatusOK)
	b.as("other").Get("/me").WantStatus(http.StatusOK)
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'session_ended' AND subject = 'member' AND data->'of'->>'Subject' = 'member'`); n != 2 {
		t.Errorf("%d events of sessions that ended", n)
	}
}

// An id of another's session is no more use than one of none.
func TestSessionsOfOthers(t *testing.T) {
	b := setup(t)
	b.as("member").Get("/me")
	id := b.sessionsOf("member")[0]
	nothing := "00000000-0000-4000-8000-000000000000"
	for _, reader := range []string{"other", "platform", "auditor", "admin"} {
		got := b.as(reader).Post("/me/sessions/"+id+"/end", nil).WantStatus(http.StatusNotFound)
		want := b.as(reader).Post("/me/sessions/"+nothing+"/end", nil).WantStatus(http.StatusNotFound)
		if got.Text("main") != want.Text("main") {
			t.Errorf("%s is told %q, and of none %q", reader, got.Text("main"), want.Text("main"))
		}
	}
	for _, do := range []string{"end", "end-all"} {
		b.as("other").Post("/admin/sessions/"+id+"/"+do, nil).WantStatus(http.StatusForbidden)
	}
	b.as("member").Get("/me").WantStatus(http.StatusOK)
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'session_ended'`); n != 0 {
		t.Errorf("%d sessions ended", n)
	}
}

func TestAdminEndsSessions(t *testing.T) {
	b := setup(t)
	b.as("member")
	phone := webtest.SignIn(t, b.url, "member")
	admin := b.as("admin")
	page := admin.Get("/admin/sessions?name=mia")
	if n := page.Find("[data-testid=session]").Length(); n != 2 || strings.Contains(page.Text("main"), "Ada") {
		t.Fatalf("%d sessions are found: %s", n, page.Text("main"))
	}
	id := b.sessionsOf("member")[0]
	if got := admin.Post("/admin/sessions/"+id+"/end", nil).WantStatus(http.StatusOK).Text("[data-testid=said]"); !strings.Contains(got, "Mia Member") {
		t.Errorf("it says %q", got)
	}
	if got := phone.Get("/me"); strings.HasPrefix(got.URL.String(), b.url) {
		t.Error("the phone is still signed in")
	}
	b.as("member").Get("/me").WantStatus(http.StatusOK)
	admin = b.old("admin")
	id = b.sessionsOf("member")[0]
	asked := admin.Post("/admin/sessions/"+id+"/end-all", map[string][]string{"name": {"mia"}})
	if asked.URL.Path != "/step-up" {
		t.Fatalf("an old sign-in ends sessions: %s", asked.URL)
	}
	b.as("member").Get("/me").WantStatus(http.StatusOK)
	if back := admin.SignInAgain(asked, "admin"); back.URL.Path != "/admin/sessions" || back.Value("name") != "mia" || back.Find("[data-testid=session]").Length() != 1 {
		t.Errorf("back at %s: %s", back.URL, back.Text("main"))
	}
	admin.Post("/admin/sessions/"+id+"/end-all", nil).WantStatus(http.StatusOK)
	if got := b.as("member").Get("/me"); strings.HasPrefix(got.URL.String(), b.url) {
		t.Error("the member is still signed in")
	}
	if n := b.count(`SELECT count(*) FROM people WHERE subject = 'member' AND (tokens IS NOT NULL OR groups <> '{}')`); n != 0 {
		t.Error("the portal still goes by what it knew of the member")
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'session_ended' AND subject = 'admin' AND data->'of'->>'Subject' = 'member'`); n != 2 {
		t.Errorf("%d events of sessions that ended", n)
	}
}

// The list goes on where a page of it ends, however many people are signed in.
func TestSessionsOfManyPeople(t *testing.T) {
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO people (issuer, subject, name, email, groups, groups_at)
		SELECT 'idp', 'p' || n, 'Person ' || n, '', '{}', now() FROM generate_series(1, 1000) n`)
	b.must(err)
	_, err = b.pool.Exec(t.Context(), `INSERT INTO sessions (token_hash, id, data, issuer, subject, created_at, last_used_at, expires_at)
		SELECT sha256(n::text::bytea), lpad(n::text, 32, '0')::uuid, '', 'idp', 'p' || n, now(), now(), now() + interval '1 hour' FROM generate_series(1, 1000) n`)
	b.must(err)
	seen := map[string]bool{}
	for path := "/admin/sessions?name=person"; path != ""; {
		page := b.as("admin").Get(path).WantStatus(http.StatusOK)
		for _, row := range page.Find("[data-testid=session] td:first-child").EachIter() {
			if seen[row.Text()] {
				t.Errorf("%s is listed twice", row.Text())
			}
			seen[row.Text()] = true
		}
		path, _ = page.Find("a[rel=next]").Attr("href")
	}
	if len(seen) != 1000 {
		t.Errorf("%d people are listed", len(seen))
	}
}

// Pages that are open hear of it at once when their session is ended elsewhere,
// and those of others do not.
func TestStreamHearsThatItsSessionEnded(t *testing.T) {
	b := setup(t)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	phone := webtest.SignIn(t, b.url, "member")
	listen := func(browser *webtest.Browser) *bufio.Scanner {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/events?feed=requests", nil)
		b.must(err)
		resp, err := browser.Client.Do(req)
		b.must(err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() && lines.Text() != "event: changed" {
		}
		return lines
	}
	ended := listen(phone)
	b.as("member").Post("/me/sessions/end-others", nil).WantStatus(http.StatusOK)
	for ended.Scan() {
		if ended.Text() == "event: ended" {
			for ended.Scan() { // nothing comes after it
				if ended.Text() != "" {
					t.Errorf("the stream goes on: %s", ended.Text())
				}
			}
			return
		}
	}
	t.Errorf("the stream does not say that the session has ended: %v", ended.Err())
}

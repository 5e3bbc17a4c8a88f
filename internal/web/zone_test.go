package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
	"doksportal/internal/web/webtest"
)

// zone has a reader choose a time zone.
func (b *bundle) zone(account, typed string) webtest.Page {
	b.t.Helper()
	return b.as(account).Post("/me/time-zone", url.Values{"time_zone": {typed}})
}

// Times are written in the zone that a reader has chosen, with UTC at hand, on every
// page and in each of their browsers.
func TestTimeZone(t *testing.T) {
	b := setup(t)
	number := b.pending()
	moment := func(account string) (text, title string) {
		at := b.as(account).Get("/requests/" + number).Find(".request-meta time").First()
		return at.Text(), at.AttrOr("title", "")
	}
	b.exec("UPDATE requests SET created_at = '2026-07-01 23:30:00+00'")
	if text, title := moment("member"); text != "2026-07-01 23:30:00 UTC" || title != "" {
		t.Errorf("at first %q, %q", text, title)
	}
	for typed, want := range map[string]string{"Europe/Berlin": "2026-07-02 01:30:00 CEST", "America/New York": "2026-07-01 19:30:00 EDT", "Asia/Kathmandu": "2026-07-02 05:15:00 +0545"} {
		if p := b.zone("member", typed).WantStatus(http.StatusOK); !strings.Contains(p.Text("[data-testid=said]"), "saved") {
			t.Errorf("%q", p.Text("main"))
		}
		if text, title := moment("member"); text != want || title != "2026-07-01 23:30:00 UTC" {
			t.Errorf("%s: %q, %q", typed, text, title)
		}
	}
	if text, title := moment("approver"); text != "2026-07-01 23:30:00 UTC" || title != "" {
		t.Errorf("somebody else's: %q, %q", text, title)
	}
	b.zone("member", "Asia/Kathmandu").WantStatus(http.StatusOK)
	elsewhere := webtest.SignIn(t, b.url, "member").Get("/me")
	if got := elsewhere.Value("time_zone"); got != "Asia/Kathmandu" || elsewhere.Find("html").AttrOr("data-time-zone", "") != got {
		t.Errorf("in another browser it is %q", got)
	}
	b.zone("member", "utc").WantStatus(http.StatusOK)
	if text, title := moment("member"); text != "2026-07-01 23:30:00 UTC" || title != "" {
		t.Errorf("in UTC %q, %q", text, title)
	}
	b.zone("member", " ").WantStatus(http.StatusOK)
	if p := b.as("member").Get("/me"); p.Value("time_zone") != "" || p.Find("html[data-time-zone]").Length() != 0 {
		t.Errorf("it stays %q", p.Value("time_zone"))
	}
}

// A time that is typed is meant in the chosen zone, with and without scripts.
func TestTimesAreTypedInTheChosenZone(t *testing.T) {
	b := setup(t)
	b.zone("member", "Asia/Tokyo").WantStatus(http.StatusOK)
	page := b.as("member").Get("/clusters/new")
	if got := page.Text("#start_at-help"); !strings.Contains(got, "Asia/Tokyo") {
		t.Errorf("%q", got)
	}
	tokyo, _ := portal.Zone("Asia/Tokyo")
	want := time.Now().Add(48 * time.Hour).Truncate(time.Minute)
	form := formOf(page, "environment", "production", "name", "shop", "justification", "later", "start_at", want.In(tokyo).Format("2006-01-02T15:04"))
	b.asked("member", "/clusters/new", form)
	var params portal.Params
	b.must(b.pool.QueryRow(t.Context(), "SELECT params FROM requests").Scan(&params))
	if params.NotBefore == nil || !params.NotBefore.Equal(want) {
		t.Errorf("it starts at %v, want %s", params.NotBefore, want)
	}
}

// What is no zone is refused at its field and changes nothing.
func TestWrongTimeZones(t *testing.T) {
	b := setup(t)
	b.zone("member", "Europe/Berlin").WantStatus(http.StatusOK)
	for _, typed := range []string{"Berlin/Europe", "Local", "../../etc/passwd", "right/UTC", "UTC\x00", `"><script>alert(1)</script>`, strings.Repeat("A", 100_000)} {
		p := b.zone("member", typed).WantStatus(http.StatusUnprocessableEntity)
		if !strings.Contains(p.Fault("time_zone"), "does not know this time zone") || p.Find("script:not([src])").Length() != 0 {
			t.Errorf("%.40q: %q", typed, p.Fault("time_zone"))
		}
	}
	if n := b.count("SELECT count(*) FROM people WHERE time_zone <> ''"); n != 1 {
		t.Errorf("%d people have chosen one", n)
	}
	if got := b.as("member").Get("/me").Value("time_zone"); got != "Europe/Berlin" {
		t.Errorf("it is %q now", got)
	}
}

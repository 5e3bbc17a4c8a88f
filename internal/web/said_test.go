package web_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What an act has done is said once, by the page that comes after it.
func TestSaidOnce(t *testing.T) {
	b := setup(t)
	number := b.pending()
	page := b.as("member").Get("/requests/" + number)
	if page.Find("[data-testid=said]").Length() != 0 {
		t.Error("it is said again")
	}
	sent := b.as("member").Post("/clusters/new", createForm("name", "said", "environment", "production"))
	if got := sent.Text("[data-testid=said] p"); !strings.Contains(got, "is sent and waits for") || !strings.Contains(got, "pay-approvers") || !strings.Contains(got, "All requests") {
		t.Errorf("it says %q", got)
	}
	if status := sent.Find("[data-testid=said]").Closest("[role=status]").Length(); status != 1 {
		t.Error("it is no status")
	}
	withdrawn := b.as("member").Post(sent.URL.Path+"/withdraw", nil).WantStatus(http.StatusOK)
	if got := withdrawn.Text("[data-testid=said]"); !strings.Contains(got, "You withdrew request #") {
		t.Errorf("it says %q", got)
	}
}

// A page says nothing but what the portal has given its browser, and leads
// nowhere else, whatever that holds.
func TestSaidIsTheirOwn(t *testing.T) {
	b := setup(t)
	for _, link := range []string{"?said=EVIL", "?saved=EVIL", "?decided=EVIL"} {
		if got := b.as("admin").Get("/admin/changes" + link).Text("body"); strings.Contains(got, "EVIL") {
			t.Errorf("%s makes the page say it", link)
		}
	}
	base, err := url.Parse(b.url)
	b.must(err)
	for value, want := range map[string]string{
		`{"Text":"<b>x</b>","Next":"/inbox","Label":"Go"}`:         "<b>x</b> Go",
		`{"Text":"x","Next":"https://evil.example/","Label":"Go"}`: "x",
		`{"Text":"x","Next":"//evil.example","Label":"Go"}`:        "x",
		`{"Text":"x","Next":"javascript:alert(1)","Label":"Go"}`:   "x",
		`{"Text":"` + strings.Repeat("x", 401) + `"}`:              "",
		`no JSON`: "",
	} {
		b.as("admin").Client.Jar.SetCookies(base, []*http.Cookie{{Name: "portal-said", Value: base64.RawURLEncoding.EncodeToString([]byte(value)), Path: "/"}})
		if got := b.as("admin").Get("/catalogue").WantStatus(http.StatusOK).Text("[data-testid=said] p"); got != want {
			t.Errorf("%s is said as %q, want %q", value, got, want)
		}
	}
}

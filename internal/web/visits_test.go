package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// away has so much time pass since anybody opened a page.
func (b *bundle) away(d time.Duration) {
	b.t.Helper()
	b.exec("UPDATE visits SET seen_at = seen_at - make_interval(secs => $1), before_at = before_at - make_interval(secs => $1)", d.Seconds())
	b.exec("UPDATE requests SET updated_at = updated_at - make_interval(secs => $1)", d.Seconds())
	b.exec("UPDATE clusters SET gone_at = gone_at - make_interval(secs => $1)", d.Seconds())
	b.pages.ForgetVisits()
}

// since is what home says of the time since the reader's last visit.
func (b *bundle) since(account string) string {
	b.t.Helper()
	text := strings.Join(strings.Fields(b.as(account).Get("/").WantStatus(http.StatusOK).Text("[data-testid=since]")), " ")
	return regexp.MustCompile(`[0-9-]{10} [0-9:]{8} UTC`).ReplaceAllString(text, "some time ago") // which goes on
}

// Home tells what became of one's requests and clusters since the last visit, until
// a new visit begins.
func TestSinceTheLastVisit(t *testing.T) {
	b := setup(t)
	for _, account := range []string{"member", "other", "auditor", "approver"} {
		if got := b.since(account); got != "" {
			t.Errorf("the first visit of %s: %q", account, got)
		}
	}
	pending := b.pending()
	rejected := b.asked("member", "/clusters/new", createForm("name", "shop-rejected", "environment", "production"))
	if got := b.since("member"); got != "" {
		t.Errorf("still the first visit: %q", got)
	}
	b.away(time.Hour)
	page := b.as("approver").Get("/requests/" + rejected)
	b.as("approver").Post("/requests/"+rejected+"/review", url.Values{"decision": {"reject"}, "digest": {page.Value("digest")}, "revision": {"1"}, "comment": {"no"}}).WantStatus(http.StatusOK)
	b.exec("UPDATE clusters SET gone_at = now() WHERE id IN ($1, $2)", b.ledger, b.index)

	first := b.since("member")
	for _, want := range []string{"#" + rejected + " Create cluster shop-rejected was rejected", "requested by Mia Member", "ledger is no longer at DigitalOcean"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is missing in %q", want, first)
		}
	}
	if strings.Contains(first, "#"+pending+" ") || strings.Contains(first, "index") {
		t.Errorf("nothing became of it, or it is another team's: %q", first)
	}
	if got := b.since("other"); strings.Contains(got, "#") || !strings.Contains(got, "index") {
		t.Errorf("another team's member sees %q", got)
	}
	if got := b.since("auditor"); got != "" {
		t.Errorf("who has neither requests nor clusters sees %q", got)
	}
	b.away(10 * time.Minute)
	if got := b.since("member"); got != first {
		t.Errorf("after a reload %q, before %q", got, first)
	}
	b.away(10 * time.Minute)
	b.as("member").Get("/clusters")
	b.away(25 * time.Minute)
	if got := b.since("member"); got != first {
		t.Errorf("in the same visit %q, before %q", got, first)
	}
	b.away(31 * time.Minute)
	if got := b.since("member"); got != "" {
		t.Errorf("on the next visit %q", got)
	}
}

// A page that renews itself is no visit, nor is one that nobody sees.
func TestWhatIsNoVisit(t *testing.T) {
	b := setup(t)
	b.as("member").Get("/")
	b.away(time.Hour)
	seen := "SELECT count(*) FROM visits WHERE seen_at > now() - interval '30 minutes' AND issuer <> ''"
	req, err := http.NewRequest(http.MethodGet, b.url+"/", nil)
	b.must(err)
	req.Header.Set("HX-Request", "true")
	b.as("member").Send(req).WantStatus(http.StatusOK)
	b.as("member").Get("/inbox/count").WantStatus(http.StatusOK)
	if n := b.count(seen); n != 0 {
		t.Error("a visit was noted")
	}
	b.as("member").Get("/requests").WantStatus(http.StatusOK)
	if n := b.count(seen); n != 1 {
		t.Error("no visit was noted")
	}
}

// A deletion that somebody requested is told as that, and a long list is cut.
func TestSinceIsShort(t *testing.T) {
	b := setup(t)
	b.as("member").Get("/")
	b.pending()
	b.away(time.Hour)
	b.exec(`INSERT INTO requests (id, submit_key, team_id, operation, target_id, target_ids, target_name, params, justification, plan, digest, state,
			issuer, subject, requester_name, created_at, updated_at, planned_at, due_at)
		SELECT gen_random_uuid(), 'd' || n, team_id, 'delete_cluster', $1, ARRAY[$1], 'ledger', '{}', justification, plan, digest, 'succeeded',
			issuer, subject, requester_name, created_at, now(), planned_at, due_at FROM requests, generate_series(1, 9) n`, b.ledger)
	b.exec("UPDATE clusters SET gone_at = now() WHERE id = $1", b.ledger)
	p := b.as("member").Get("/")
	if n := p.Find("[data-testid=since] li").Length(); n != 6 || !strings.Contains(p.Text("[data-testid=since]"), "There is more") {
		t.Errorf("%d lines: %s", n, p.Text("[data-testid=since]"))
	}
	if got := p.Text("[data-testid=since]"); strings.Contains(got, "no request deleted it") {
		t.Error(got)
	}
}

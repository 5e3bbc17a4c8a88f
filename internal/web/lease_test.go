package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// lease gives a cluster a lease that ends after some time, as the first request has
// asked for.
func (b *bundle) lease(cluster string, ends time.Duration) {
	b.t.Helper()
	b.exec(`INSERT INTO leases (cluster_id, until, request_id) SELECT $1, now() + $2, id FROM requests ORDER BY number LIMIT 1`, cluster, ends)
}

// A new cluster is asked for until a day; what is wrong with the day is said at its
// field, and the rest is kept.
func TestLeaseOfANewCluster(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := b.as("member").Get("/clusters/new")
	if _, open := page.Find("[data-testid=lease-fields]").Attr("open"); open {
		t.Error("the lease is unfolded though nobody asked for one")
	}
	wrong := b.as("member").Post("/clusters/new", createForm("lasts", "last_day", "last_day", "2020-01-01")).WantStatus(http.StatusUnprocessableEntity)
	if said := wrong.Find("[data-fault=last_day]").Text(); !strings.Contains(said, "This day is over") || wrong.Value("name") != "shop" {
		t.Errorf("a day that is over: %q", said)
	}
	if _, open := wrong.Find("[data-testid=lease-fields]").Attr("open"); !open {
		t.Error("what is wrong is folded away")
	}
	wrong = b.as("member").Post("/clusters/new", createForm("environment", "production", "lasts", "days", "days", "3")).WantStatus(http.StatusUnprocessableEntity)
	if said := wrong.Find("[data-fault=lasts]").Text(); !strings.Contains(said, "A production cluster is never deleted by itself") {
		t.Errorf("a lease in production: %q", said)
	}
	day := time.Now().UTC().AddDate(0, 0, 5)
	number := b.asked("member", "/clusters/new", createForm("lasts", "last_day", "last_day", day.Format(time.DateOnly)))
	if plan := b.as("member").Get("/requests/" + number).Text("main"); !strings.Contains(plan, "until the end of "+day.Format("Mon 2 Jan 2006")+" UTC, then its deletion is requested") {
		t.Errorf("the plan does not say until when: %s", plan)
	}
}

// The cluster's page says until when it is kept, and leads those who may to more time.
func TestExtendingALease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`UPDATE clusters SET environment = 'development' WHERE id = $1`, b.ledger)
	if n := b.as("member").Get("/clusters/" + b.ledger).Find("[data-testid=lease]").Length(); n != 0 {
		t.Error("a cluster without a lease has one")
	}
	b.as("member").Get("/clusters/" + b.ledger + "/lease").WantStatus(http.StatusNotFound)
	b.asked("member", "/clusters/new", createForm())
	b.lease(b.ledger, 49*time.Hour)
	page := b.as("member").Get("/clusters/" + b.ledger)
	panel := page.Find("[data-testid=lease]")
	if text := panel.Text(); !strings.Contains(text, "Kept until") || !strings.Contains(text, "Then its deletion is requested") {
		t.Errorf("the page says %q", text)
	}
	if n := b.as("auditor").Get("/clusters/" + b.ledger).Find("[data-testid=lease] .btn").Length(); n != 0 {
		t.Error("an auditor is offered to extend it")
	}
	path := panel.Find(".btn").AttrOr("href", "")
	form := b.as("member").Get(path).WantStatus(http.StatusOK)
	b.as("member").Post(path, formOf(form, "justification", "still needed", "lasts", "days", "days", "1")).WantStatus(http.StatusUnprocessableEntity)
	number := b.asked("member", path, formOf(form, "justification", "still needed", "lasts", "days", "days", "10"))
	if plan := b.as("member").Get("/requests/" + number).Text("main"); !strings.Contains(plan, "Keep cluster ledger for 10 days.") {
		t.Errorf("the plan says %s", plan)
	}
	stale := b.as("member").Post(path, url.Values{"submit_key": {uuid.NewString()}, "seen": {"0123456789abcdef"}, "justification": {"x"}, "lasts": {"days"}, "days": {"20"}})
	if stale.Status != http.StatusConflict {
		t.Errorf("a form of another lease: %d", stale.Status)
	}
	b.exec(`UPDATE leases SET ended_at = now(), outcome = 'Its deletion is not requested: the cluster is protected.'`)
	if text := b.as("member").Get("/clusters/" + b.ledger).Text("[data-testid=lease]"); !strings.Contains(text, "The lease has ended") || !strings.Contains(text, "the cluster is protected") {
		t.Errorf("after the end the page says %q", text)
	}
}

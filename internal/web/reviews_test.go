package web_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"doksportal/internal/portal"
)

// daysAgo is a day in the past at noon, UTC.
func daysAgo(n int) time.Time {
	return time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -n).Add(12 * time.Hour)
}

func dayPath(at time.Time) string { return "/audit/reviews/" + at.Format(time.DateOnly) }

// An auditor signs off what was unusual on a day, saying what they found, once; what is
// found later opens the day again. Nobody else may, and nobody what is by themselves.
func TestDailyReview(t *testing.T) {
	b := setup(t)
	eve := portal.Person{Identity: portal.Identity{Issuer: "i", Subject: "s"}, Name: "Eve <b>"}
	bypass := func(at time.Time, summary string, who portal.Person) portal.Event {
		return portal.Event{Kind: portal.EventBreakGlass, At: at, Actor: who, Summary: summary}
	}
	b.append(bypass(daysAgo(3), "Eve bypassed approvals", eve), bypass(daysAgo(3), "Eve did so again", eve), bypass(daysAgo(0), "today", eve))
	b.lookForUnusual()
	auditor, third := b.as("auditor"), dayPath(daysAgo(3))
	if got := auditor.Get("/").Text("[data-testid=days-to-sign]"); !strings.Contains(got, "3 days") {
		t.Errorf("the desk says %q", got)
	}
	day := auditor.Get(third)
	if got := day.Text("[data-testid=unusual]"); !strings.Contains(got, "2 unusual events") || !strings.Contains(got, "Break-glass: Eve bypassed approvals") || !strings.Contains(got, "Eve <b>") {
		t.Errorf("the day has %q", got)
	}
	if link := day.Find("[data-rule=break_glass] a").AttrOr("href", ""); auditor.Get(link).WantStatus(http.StatusOK).Text("h1") == "" {
		t.Errorf("%s is no event", link)
	}

	if p := auditor.Post(third, url.Values{"seen": {"2"}}).WantStatus(http.StatusUnprocessableEntity); !strings.Contains(p.Fault("note"), "Say what you looked at") {
		t.Errorf("without a note: %q", p.Fault("note"))
	}
	if p := auditor.Post(third, url.Values{"seen": {"1"}, "note": {"typed"}}).WantStatus(http.StatusConflict); !strings.Contains(p.Text("main"), "More was found") || p.Value("note") != "typed" {
		t.Errorf("having seen less: %q", p.Text("main"))
	}
	long := url.Values{"seen": {"2"}, "note": {strings.Repeat("x", 2001)}}
	if p := auditor.Post(third, long).WantStatus(http.StatusUnprocessableEntity); p.Fault("note") == "" {
		t.Error("a note without end was taken")
	}
	for seen, want := range map[string]int{"": http.StatusUnprocessableEntity, "-1": http.StatusUnprocessableEntity, "9223372036854775808": http.StatusUnprocessableEntity, "two": http.StatusUnprocessableEntity} {
		auditor.Post(third, url.Values{"seen": {seen}, "note": {"x"}}).WantStatus(want)
	}
	b.as("admin").Post(third, url.Values{"seen": {"2"}, "note": {"fine"}}).WantStatus(http.StatusForbidden)
	if got := b.as("admin").Get(third).WantStatus(http.StatusOK).Find("form[aria-label='Sign off']").Length(); got != 0 {
		t.Error("who cannot sign is offered to")
	}
	auditor.Post(dayPath(daysAgo(0)), url.Values{"seen": {"1"}, "note": {"today"}}).WantStatus(http.StatusConflict)
	for _, day := range []string{dayPath(daysAgo(4)), dayPath(daysAgo(-1)), "/audit/reviews/2026-02-30", "/audit/reviews/x"} {
		auditor.Get(day).WantStatus(http.StatusNotFound)
		auditor.Post(day, url.Values{"seen": {"0"}}).WantStatus(http.StatusNotFound)
	}

	signed := 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 4 { // clicks at once
		wg.Go(func() {
			if p := b.as("auditor").Post(third, url.Values{"seen": {"2"}, "note": {"Both had a ticket."}}); p.Status == http.StatusOK {
				mu.Lock()
				defer mu.Unlock()
				signed++
			}
		})
	}
	wg.Wait()
	if n := b.count("SELECT count(*) FROM daily_reviews"); signed != 1 || n != 1 {
		t.Errorf("signed %d times, kept %d", signed, n)
	}
	if got := auditor.Get("/audit/reviews").Text("[data-day='" + daysAgo(3).Format(time.DateOnly) + "']"); !strings.Contains(got, "Both had a ticket.") {
		t.Errorf("the list says %q", got)
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'daily_review_signed' AND reason = 'Both had a ticket.'"); n != 1 {
		t.Errorf("%d events tell of it", n)
	}

	b.append(bypass(daysAgo(3), "found late", eve))
	b.lookForUnusual()
	if got := auditor.Get("/audit/reviews").Text("[data-day='" + daysAgo(3).Format(time.DateOnly) + "']"); !strings.Contains(got, "1 event was found after") {
		t.Errorf("of what was found late the list says %q", got)
	}
	auditor.Post(third, url.Values{"seen": {"3"}, "note": {"That too."}}).WantStatus(http.StatusOK)

	var own portal.Identity
	b.must(b.pool.QueryRow(t.Context(), "SELECT issuer, subject FROM people WHERE subject = 'auditor'").Scan(&own.Issuer, &own.Subject))
	b.append(bypass(daysAgo(2), "the auditor's own", portal.Person{Identity: own, Name: "Auditor"}))
	b.lookForUnusual()
	auditor.Post(dayPath(daysAgo(2)), url.Values{"seen": {"1"}, "note": {"I was right."}}).WantStatus(http.StatusForbidden)
	if got := auditor.Get(dayPath(daysAgo(2))).Find("form[aria-label='Sign off']").Length(); got != 0 {
		t.Error("a form for what is by the reader")
	}
}

// Days without anything unusual are signed off together.
func TestQuietDays(t *testing.T) {
	b := setup(t)
	b.append(portal.Event{Kind: portal.EventBreakGlass, At: daysAgo(5), Actor: portal.Person{Identity: portal.Identity{Issuer: "i", Subject: "s"}, Name: "Eve"}, Summary: "bypassed"})
	b.lookForUnusual()
	auditor := b.as("auditor")
	if got := auditor.Get("/audit/reviews").Text("[data-testid=quiet]"); !strings.Contains(got, "4 days had nothing unusual") {
		t.Errorf("the page says %q", got)
	}
	b.as("admin").Post("/audit/reviews/quiet", nil).WantStatus(http.StatusForbidden)
	auditor.Post("/audit/reviews/quiet", nil).WantStatus(http.StatusOK)
	auditor.Post("/audit/reviews/quiet", nil).WantStatus(http.StatusConflict)
	if n := b.count("SELECT count(*) FROM daily_reviews"); n != 4 {
		t.Errorf("%d days are signed off", n)
	}
	if got := auditor.Get("/").Text("[data-testid=days-to-sign]"); !strings.Contains(got, "1 day to sign off") {
		t.Errorf("the desk says %q", got)
	}
}

// What the rules found, and who signed it off, is neither changed nor removed by the
// portal itself.
func TestReviewsAreKept(t *testing.T) {
	b := setup(t)
	for _, sql := range []string{"UPDATE unusual_events SET summary = ''", "DELETE FROM unusual_events", "UPDATE daily_reviews SET note = ''", "DELETE FROM daily_reviews", "TRUNCATE daily_reviews", "DELETE FROM unusual_watch"} {
		_, err := b.pool.Exec(t.Context(), sql)
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); !ok || pgErr.Code != "42501" {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// A sign-off of which no event tells is none.
func TestMadeUpReviewIsNone(t *testing.T) {
	b := setup(t)
	b.append(portal.Event{Kind: portal.EventBreakGlass, At: daysAgo(2), Actor: portal.Person{Identity: portal.Identity{Issuer: "i", Subject: "s"}, Name: "Eve"}, Summary: "bypassed"})
	b.lookForUnusual()
	b.exec(`INSERT INTO daily_reviews (id, day, issuer, subject, by_name, at, note, found) SELECT gen_random_uuid(), day, 'i', 'auditor', 'Audrey', '2100-01-01', 'all fine', 1
		FROM generate_series(current_date - 2, current_date + 300, interval '1 day') day`)
	page := b.as("auditor").Get("/audit/reviews")
	if got := page.Text("[data-day='" + daysAgo(2).Format(time.DateOnly) + "']"); !strings.Contains(got, "open") || strings.Contains(got, "Audrey") {
		t.Errorf("the day is %q", got)
	}
	b.as("auditor").Post(dayPath(daysAgo(2)), url.Values{"seen": {"1"}, "note": {"Looked at."}}).WantStatus(http.StatusOK)
	if got := b.as("auditor").Get("/audit/reviews").Text("[data-day='" + daysAgo(2).Format(time.DateOnly) + "']"); !strings.Contains(got, "Looked at.") {
		t.Errorf("the day is %q", got)
	}
}

package web_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"doksportal/internal/audit/stream"
)

// Auditors see how far the SIEM is, and why, without what is secret of its address.
func TestStreamOnThePage(t *testing.T) {
	b := setup(t)
	if p := b.as("auditor").Get("/audit").WantStatus(http.StatusOK); p.Find("[data-testid=stream]").Length() > 0 {
		t.Errorf("the page has a stream that there is not: %s", p.Text("[data-testid=proof]"))
	}
	target, err := stream.Open("https://127.0.0.1:1/canary?format=ocsf&key=canary", stream.Options{Now: time.Now, Secret: "whsec_Y2FuYXJ5LW9mLXRoZS1zaWVtLXdlYmhvb2stc2VjcmV0"})
	b.must(err)
	b.pages.Stream = &stream.Stream{Pool: b.pool, Trail: b.trail, Target: target, Logger: slog.New(slog.DiscardHandler), Now: time.Now}
	b.record(3, 0)
	if _, err := b.pages.Stream.Step(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := b.as("auditor").Get("/audit").WantStatus(http.StatusOK)
	text := page.Text("[data-testid=stream]")
	if !strings.Contains(text, "webhook 127.0.0.1:1: it lacks ") || !strings.Contains(text, "connection refused") || strings.Contains(page.Body, "canary") {
		t.Errorf("the page says %q", text)
	}
}

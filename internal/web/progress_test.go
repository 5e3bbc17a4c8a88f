package web_test

import (
	"strings"
	"testing"

	"doksportal/internal/portal"
)

// The page of a request, and its requester's desk, say how far DigitalOcean is, and since
// when; that it takes long only when it does, and nothing once it is done.
func TestProgressIsShown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	number := b.asked("member", "/clusters/new", createForm())
	if got := b.step(number); got != portal.Settling {
		t.Fatalf("it is %s", got)
	}
	page := func() string { return b.as("member").Get("/requests/" + number).Text("[data-testid=under-way]") }
	if text := page(); !strings.Contains(text, "Sent") || !strings.Contains(text, "not known yet") {
		t.Errorf("before anybody has looked: %q", text)
	}
	b.exec(`UPDATE requests SET progress = '{"phase": "Provisioning nodes", "done": 2, "of": 5, "what": "nodes ready"}' WHERE number = $1`, number)
	p := b.as("member").Get("/requests/" + number)
	if text := p.Text("[data-testid=under-way]"); !strings.Contains(text, "Provisioning nodes") || !strings.Contains(text, "2 of 5 nodes ready") {
		t.Errorf("%q", text)
	}
	if bar := p.Find("[data-testid=under-way] progress"); bar.AttrOr("value", "") != "2" || bar.AttrOr("max", "") != "5" || bar.AttrOr("aria-label", "") == "" {
		t.Error("there is no bar")
	}
	if p.Find("[data-testid=long]").Length() != 0 {
		t.Error("it takes long, and nobody knows how long it should")
	}
	if text := b.as("member").Get("/").Text("[data-testid=progress]"); text != "Provisioning nodes, 2 of 5 nodes ready" {
		t.Errorf("on the desk: %q", text)
	}
	b.exec(`WITH done AS (
			INSERT INTO requests (id, submit_key, operation, target_name, params, justification, plan, digest, state,
				issuer, subject, requester_name, created_at, updated_at, planned_at, due_at)
			VALUES (gen_random_uuid(), 'k', 'create_cluster', 'old', '{}', 'why', '{}', 'd', 'succeeded', 'i', 'ann', 'Ann', now(), now(), now(), now()) RETURNING id)
		INSERT INTO executions (request_id, attempt, intent_at, outcome) SELECT id, 1, now() - interval '5 minutes', 'accepted' FROM done`)
	if text := page(); !strings.Contains(text, "usually takes 5 minutes") || strings.Contains(text, "longer") {
		t.Errorf("%q", text)
	}
	b.exec(`UPDATE executions SET intent_at = now() - interval '11 minutes' WHERE request_id = (SELECT id FROM requests WHERE number = $1)`, number)
	if text := page(); !strings.Contains(text, "much longer than usual") {
		t.Errorf("%q", text)
	}
	b.exec(`UPDATE requests SET state = 'succeeded' WHERE number = $1`, number)
	if p := b.as("member").Get("/requests/" + number); p.Find("[data-testid=under-way], progress").Length() != 0 || !strings.Contains(p.Text("[data-testid=progress]"), "took 11 minutes") {
		t.Errorf("when it is done: %q", p.Text("[data-testid=progress]"))
	}
}

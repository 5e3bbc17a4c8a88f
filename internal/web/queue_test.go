package web_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"doksportal/internal/doapi/dosim"
)

const reason = "DigitalOcean has trouble in fra1"

// pausesExecution has the admin pause execution.
func (b *bundle) pausesExecution() {
	b.t.Helper()
	p := b.as("admin").Post("/admin/queue/pause", url.Values{"pause_reason": {reason}})
	if p.URL.Path != "/admin/queue" || p.Find("[data-testid=resume]").Length() != 1 {
		b.t.Fatalf("%s: %s", p.URL.Path, p.Text("main"))
	}
}

// While an admin has paused execution everybody reads on every page who did so, and why:
// also on one that a form comes back on, and that of an error.
func TestEverybodySeesThePause(t *testing.T) {
	t.Parallel()
	b := setup(t)
	number := b.pending()
	if n := b.as("member").Get("/").Find("[data-testid=pause]").Length(); n != 0 {
		t.Errorf("%d pauses are told, and there is none", n)
	}
	b.pausesExecution()
	for account, pages := range map[string][]string{
		"member": {"/", "/requests", "/requests/" + number, "/clusters", "/clusters/new", "/me", "/catalogue", "/quotas"}, "other": {"/"}, "platform": {"/inbox"},
		"admin": {"/admin/queue", "/admin/teams"}, "auditor": {"/admin/queue", "/audit"},
	} {
		for _, page := range pages {
			p := b.as(account).Get(page).WantStatus(http.StatusOK)
			if text := p.Text("[data-pause=admin]"); !strings.Contains(text, "Ada Admin has paused execution") || !strings.Contains(text, reason) {
				t.Errorf("%s for %s: %q", page, account, text)
			}
		}
	}
	if p := b.as("member").Post("/clusters/new", createForm("name", "")); p.Status != http.StatusUnprocessableEntity || p.Find("[data-pause=admin]").Length() != 1 {
		t.Errorf("%d: a form comes back without it", p.Status)
	}
	if p := b.as("member").Get("/requests/999999"); p.Status != http.StatusNotFound || p.Find("[data-pause=admin]").Length() != 1 {
		t.Errorf("%d: an error without it", p.Status)
	}
	if p := b.as("outsider").Get("/me"); p.Find("[data-testid=pause]").Length() != 0 {
		t.Error("who has nothing to do with the portal is told")
	}
	if p := b.as("admin").Post("/admin/queue/resume", url.Values{}); p.Find("[data-testid=pause]").Length() != 0 || p.Find("[data-testid=pause-form]").Length() != 1 {
		t.Error("it is resumed and still said to be paused")
	}
}

// Open pages hear of a pause with what tells them of their reader's inbox.
func TestOpenPagesHearOfThePause(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.pausesExecution()
	if p := b.as("member").Get("/inbox/count"); p.Find("#pauses[hx-swap-oob=true] [data-pause=admin]").Length() != 1 {
		t.Error("open pages are not told")
	}
	b.as("admin").Post("/admin/queue/resume", url.Values{})
	if p := b.as("member").Get("/inbox/count"); p.Find("#pauses[hx-swap-oob=true]").Length() != 1 || p.Find("[data-pause]").Length() != 0 {
		t.Error("open pages are not told that it is over")
	}
}

// Whatever is wrong with the form is said at it, and nothing typed is lost.
func TestPauseForm(t *testing.T) {
	t.Parallel()
	b := setup(t)
	long := strings.Repeat("x", 501)
	p := b.as("admin").Post("/admin/queue/pause", url.Values{"pause_reason": {long}}).WantStatus(http.StatusUnprocessableEntity)
	if p.Text("#pause_reason") != long || !strings.Contains(p.Text("#pause_reason-fault"), "at most 500") {
		t.Errorf("%q", p.Text("main"))
	}
	b.pausesExecution()
	p = b.as("admin").Post("/admin/queue/pause", url.Values{"pause_reason": {"again"}}).WantStatus(http.StatusConflict)
	if !strings.Contains(p.Text("main"), "Execution is paused already") {
		t.Errorf("%q", p.Text("main"))
	}
	if p := b.as("auditor").Get("/admin/queue"); p.Find("[data-testid=resume]").Length()+p.Find("[data-testid=pause-form]").Length() != 0 {
		t.Error("an auditor is offered to pause or resume")
	}
}

// That DigitalOcean refuses the portal's token is said on every page, in its words.
func TestEverybodySeesThatTheTokenIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.syncer.Pauses = b.executor.Pauses
	b.sim.Inject(dosim.Fault{Operation: "*", Kind: dosim.FaultStatus, Status: 401, ID: "unauthorized", Message: "Unable to authenticate you.", Times: -1})
	if b.syncer.Sync(t.Context()) == nil {
		t.Fatal("it was read")
	}
	for _, account := range []string{"member", "admin", "auditor"} {
		if account == "auditor" { // nothing has waited for the try
			b.exec(`UPDATE execution_pauses SET next_try_at = now()`)
			if text := b.as(account).Get("/audit").Text("[data-pause=token]"); !strings.Contains(text, "The next request that waits tries it.") {
				t.Errorf("%s: %q", account, text)
			}
		}
		if text := b.as(account).Get("/requests").Text("[data-pause=token]"); !strings.Contains(text, "DigitalOcean refuses the portal's token") || !strings.Contains(text, "(401: Unable to authenticate you)") {
			t.Errorf("%s: %q", account, text)
		}
	}
}

// The queue has each request in the section of its state: admins with what they can do
// about it, auditors to read.
func TestQueueBySection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	// One of each state, and one that failed too long ago; a kubeconfig waits for its
	// requester and not for the portal.
	b.exec(`INSERT INTO requests (id, submit_key, operation, target_name, params, justification, plan, digest, state, reason, progress,
			issuer, subject, requester_name, created_at, updated_at, planned_at, due_at, starts_at)
		SELECT gen_random_uuid(), state || n, CASE WHEN n = 2 THEN 'get_kubeconfig' ELSE 'create_cluster' END, state || '-' || n, '{}', 'why', '{}', 'd', state, CASE state WHEN 'failed' THEN 'no such size' WHEN 'unknown' THEN 'Looking for the cluster' ELSE '' END,
			CASE state WHEN 'settling' THEN '{"phase": "Provisioning nodes", "done": 1, "of": 3, "what": "nodes ready"}'::jsonb END,
			'i', 'ann', 'Ann', now(), now() - CASE WHEN n = 3 THEN interval '8 days' ELSE interval '1 hour' END, now(), now() + interval '1 day', now()
		FROM (VALUES ('pending', 1), ('approved', 1), ('approved', 2), ('executing', 1), ('settling', 1), ('unknown', 1), ('failed', 1), ('failed', 3), ('succeeded', 1)) AS s (state, n)`)
	b.exec(`INSERT INTO executions (request_id, attempt, intent_at, outcome) SELECT id, 2, now() - interval '5 minutes', 'accepted' FROM requests WHERE state IN ('settling', 'unknown')`)
	for account, acts := range map[string]bool{"admin": true, "auditor": false} {
		p := b.as(account).Get("/admin/queue").WantStatus(http.StatusOK)
		for section, want := range map[string][]string{
			"running": {"executing-1", "settling-1", "Provisioning nodes, 1 of 3 nodes ready"}, "waiting": {"approved-1", "Its turn to run."}, "unknown": {"unknown-1", "Looking for the cluster"}, "failed": {"failed-1", "no such size"},
		} {
			text := p.Text("[data-testid=" + section + "]")
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s, %s: %q is not in %q", account, section, w, text)
				}
			}
			rows, count := 1, p.Text("[data-testid="+section+"] [data-testid=section-count]")
			if section == "running" {
				rows = 2
			}
			if got := p.Find("[data-testid=" + section + "] tbody tr").Length(); got != rows || count != strconv.Itoa(rows) {
				t.Errorf("%s, %s: %d rows, said to be %s, want %d", account, section, got, count, rows)
			}
		}
		if got := p.Find("main form[action$='/step']").Length(); (got == 4) != acts || (got == 0) == acts {
			t.Errorf("%s can take %d steps", account, got)
		}
		if got := p.Find("main form[action$='/stop']").Length(); (got == 1) != acts {
			t.Errorf("%s can stop %d", account, got)
		}
		if p.Find("nav[aria-label=Main] a[href='/admin/queue']").Length() != 1 {
			t.Errorf("%s does not find it in the navigation", account)
		}
	}
}

// A long section says how much of it is shown, counts no further than it has to, and
// leads to the rest.
func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(`INSERT INTO requests (id, submit_key, operation, target_name, params, justification, plan, digest, state,
			issuer, subject, requester_name, created_at, updated_at, planned_at, due_at, starts_at)
		SELECT gen_random_uuid(), n::text, 'create_cluster', 'c-' || n, '{}', 'why', '{}', 'd', CASE WHEN n <= 60 THEN 'settling' ELSE 'approved' END,
			'i', 'ann', 'Ann', now(), now(), now(), now() + interval '1 day', now() FROM generate_series(1, 180) n`)
	p := b.as("admin").Get("/admin/queue").WantStatus(http.StatusOK)
	for section, want := range map[string]string{"running": "60", "waiting": "100+", "failed": "0"} {
		if got := p.Text("[data-testid=" + section + "] [data-testid=section-count]"); got != want {
			t.Errorf("%s: %s, want %s", section, got, want)
		}
	}
	if text := p.Text("[data-testid=waiting] [data-testid=rest]"); !strings.Contains(text, "Of 100+ the first 50 are shown") || p.Find("[data-testid=waiting] [data-testid=rest] a[href='/requests?state=approved']").Length() != 1 {
		t.Errorf("%q", text)
	}
	b.as("admin").Get("/requests?state=approved").WantStatus(http.StatusOK)
}

// An admin has the next step of a request taken at once, which is on the trail; of one
// that the portal takes no steps for the page says so.
func TestTakeStepNow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	waiting := b.pending()
	if p := b.as("admin").Post("/admin/queue/"+waiting+"/step", url.Values{}); p.Status != http.StatusConflict || !strings.Contains(p.Text("main"), "This request is pending") {
		t.Errorf("%d: %s", p.Status, p.Text("main"))
	}
	approved := b.asked("member", "/clusters/new", createForm())
	if p := b.as("admin").Post("/admin/queue/"+approved+"/step", url.Values{}); p.URL.Path != "/admin/queue" || !strings.Contains(p.Text("body"), "The next step of #"+approved+" is taken now.") {
		t.Errorf("%s: %s", p.URL.Path, p.Text("main"))
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'request_hastened' AND actor_name = 'Ada Admin' AND request_id = $1`, b.numbered(approved).ID); n != 1 {
		t.Errorf("it is on the trail %d times", n)
	}
	b.exec(`UPDATE requests SET starts_at = now() + interval '1 day' WHERE number = $1`, approved)
	if p := b.as("admin").Post("/admin/queue/"+approved+"/step", url.Values{}); p.Status != http.StatusConflict || !strings.Contains(p.Text("main"), "It is not yet time for this request") {
		t.Errorf("%d: %s", p.Status, p.Text("main"))
	}
	if p := b.as("admin").Get("/admin/queue"); p.Find("main form[action$='/step']").Length() != 0 || !strings.Contains(p.Text("[data-testid=waiting]"), "Its time.") {
		t.Errorf("before its time: %s", p.Text("[data-testid=waiting]"))
	}
	b.as("auditor").Post("/admin/queue/"+approved+"/step", url.Values{}).WantStatus(http.StatusForbidden)
}

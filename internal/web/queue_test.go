package web_test

import (
	"net/http"
	"net/url"
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
	for _, account := range []string{"member", "admin"} {
		if text := b.as(account).Get("/requests").Text("[data-pause=token]"); !strings.Contains(text, "DigitalOcean refuses the portal's token") || !strings.Contains(text, "(401: Unable to authenticate you)") {
			t.Errorf("%s: %q", account, text)
		}
	}
}

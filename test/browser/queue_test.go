package browser

import "testing"

// An admin pauses execution: who has a form open reads of it there, at once, and keeps
// what they have typed, and reads when it is over.
func TestPauseExecution(t *testing.T) {
	member, admin := signIn(t, "search-member"), signIn(t, "admin")
	member.open("/clusters/new")
	member.fill("[name=name]", "half-typed")
	admin.open("/admin/queue")
	admin.check("queue")
	admin.click("[data-testid=pause-form] summary")
	admin.fill("[name=pause_reason]", "DigitalOcean has trouble in fra1")
	admin.click("[data-testid=pause-form] button")
	admin.sees("[data-testid=said]", "Execution is paused.")
	admin.check("queue-paused")
	member.sees("[data-pause=admin]", "DigitalOcean has trouble in fra1")
	if name := member.value("[name=name]"); name != "half-typed" {
		t.Errorf("what was typed is now %q", name)
	}
	member.check("paused")
	admin.click("[data-testid=resume] button")
	admin.sees("[data-testid=said]", "Execution is resumed.")
	member.until(`!document.querySelector("[data-pause]")`)
}

package browser

import (
	"strings"
	"testing"
	"time"
)

// TestNotifications adds channels, has them tested, and looks at what does not
// arrive.
func TestNotifications(t *testing.T) {
	member := signIn(t, "search-member")
	member.open("/me")
	member.sees("[data-testid=notifications]", "Send me e-mail")
	member.check("me")

	p := signIn(t, "admin")
	p.open("/admin/teams/search")
	p.click("[name=kind][value=webhook]")
	p.fill("#target", "https://evil.example/x")
	p.click("[data-testid=add-channel] button")
	p.sees("[data-fault=target]", "evil.example")
	p.check("channel-faults")
	p.fill("#target", "http://localhost:1/services/nobody-listens")
	p.click("[data-testid=add-channel] button")
	p.sees("[data-testid=secret]", "whsec_")
	p.check("channel-secret")
	p.open("/admin/teams/search")
	p.click("[data-testid=channels] form[action$=test] button")
	p.wait("[data-testid=said]")
	for deadline := time.Now().Add(patience); ; { // the page is not a live one
		p.open("/admin/notifications")
		if strings.Contains(p.seen(), "could not connect to it") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the test does not fail: %s", p.seen())
		}
	}
	p.check("notifications")
	p.open("/admin/teams/search")
	p.sees("[data-testid=channels]", "could not connect")
	p.check("channels")
	p.click("[data-testid=channels] form[action$=remove] button")
	p.wait("[data-testid=said]")
}

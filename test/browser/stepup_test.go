package browser

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// shortly is how old a sign-in may be in the demo of this test: long enough for
// a form to be sent, short enough to be waited for.
const shortly = 20 * time.Second

// at opens a page of another demo.
func (p *tab) at(d demo, path string) { p.t.Helper(); p.do(chromedp.Navigate(d.base + path)) }

// signInAt opens a page of somebody whose sign-in at another demo has grown old.
func signInAt(t *testing.T, d demo, account string) *tab {
	t.Helper()
	p := newTab(t)
	p.at(d, "/")
	p.click(`button[value="` + account + `"]`)
	p.wait(`[data-testid=who]`)
	time.Sleep(shortly + time.Second)
	return p
}

// again goes through a fresh sign-in.
func (p *tab) again(account string) {
	p.t.Helper()
	p.click("[data-testid=sign-in-again]")
	p.sees("body", "asks "+account+" to sign in again")
	p.click(`button[value="` + account + `"]`)
	p.wait("[data-testid=returned]")
}

// TestStepUp sends forms that need a fresh sign-in. The policy of the pages lets
// no form lead to the identity provider; a link does.
func TestStepUp(t *testing.T) {
	d, stop, err := startDemo(t.TempDir(), "--step-up-max-age", shortly.String())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	member := signInAt(t, d, "payments-member")
	member.at(d, "/clusters")
	cluster := eval[string](member, `[...document.querySelectorAll("[data-testid=clusters] a")].find(a => a.textContent === "payments-prod").getAttribute("href")`)

	member.at(d, cluster+"/access")
	member.fill("#justification", "to see\nwhat <b>is</b> wrong")
	member.set("#minutes", "30")
	member.click("[data-testid=submit]")
	member.sees("[data-testid=kept]", "kept for ten minutes")
	member.check("step-up")
	member.again("payments-member")
	if got := member.path() + member.value("#justification") + member.value("#minutes"); got != cluster+"/access"+"to see\nwhat <b>is</b> wrong"+"30" {
		t.Errorf("what came back: %q", got)
	}
	member.check("step-up-returned")

	// What came back once does not come back again.
	member.at(d, cluster+"/access")
	if got := member.value("#justification"); got != "" {
		t.Errorf("shown twice: %q", got)
	}
	time.Sleep(shortly)
	member.at(d, cluster+"/delete")
	member.fill("#justification", "replaced")
	member.click("[data-testid=submit]")
	member.again("payments-member")
	member.sees("[data-testid=returned]", "You have signed in again")
	member.click("[data-testid=submit]")
	member.sees("[data-testid=status]", "Waiting for approval")
	request := member.path()

	approver := signInAt(t, d, "payments-approver")
	approver.at(d, request)
	approver.fill("#comment", "yes, it may go")
	approver.click("[data-testid=approve]")
	approver.again("payments-approver")
	if got := approver.path() + approver.value("#comment"); got != request+"yes, it may go" {
		t.Errorf("what came back: %q", got)
	}
	approver.picture("step-up-review")
	approver.click("[data-testid=approve]")
	approver.sees("[data-testid=review]", "approved")
	approver.sees("[data-testid=review]", "yes, it may go")
}

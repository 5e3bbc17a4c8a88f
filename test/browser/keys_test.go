package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// Keys bring the focus to the buttons of a decision and lead to the next request.
// They decide nothing, and do nothing while somebody types.
func TestKeysOfARequest(t *testing.T) {
	member, approver := signIn(t, "payments-member"), signIn(t, "payments-approver")
	var requests []string
	for _, name := range []string{"keys-one", "keys-two"} {
		fillCreate(member, name, "production")
		member.click("[data-testid=submit]")
		member.sees("[data-testid=status]", "Waiting for approval")
		requests = append(requests, member.path())
	}
	approver.open(requests[0])
	approver.sees("[data-testid=can-give]", "Percy Payments")
	for key, button := range map[string]string{"a": "approve", "r": "reject", "c": "changes"} {
		approver.do(chromedp.KeyEvent(key))
		approver.until(`document.activeElement.dataset.testid === "` + button + `"`)
	}
	approver.do(chromedp.Focus(chromedp.CSS("#comment")), chromedp.KeyEvent("a"), chromedp.KeyEvent("j"))
	if got := approver.value("#comment"); got != "aj" {
		t.Errorf("typed %q", got)
	}
	eval[bool](approver, `document.activeElement.blur(), true`)
	approver.do(chromedp.KeyEvent("j"))
	approver.until(`document.readyState === "complete" && location.pathname === "` + requests[1] + `"`) // with its script
	approver.do(chromedp.KeyEvent("k"))
	approver.until(`location.pathname === "` + requests[0] + `"`)
	approver.sees("[data-testid=status]", "Waiting for approval")
	approver.fits("[data-testid=approve]")
	for _, request := range requests {
		member.open(request)
		member.click("[data-testid=withdraw]")
		member.sees("h1 + * [data-testid=state]", "withdrawn")
	}
}

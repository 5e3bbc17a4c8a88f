package browser

import (
	"testing"
	"time"
)

// standsIn has somebody name a stand-in for some days.
func (p *tab) standsIn(name string) {
	p.t.Helper()
	p.open("/me")
	p.wait("#stand_in")
	id := eval[string](p, `[...document.querySelectorAll("#stand_in option")].find(o => o.textContent.startsWith(`+quote(name)+`)).value`)
	p.set("#stand_in", id)
	p.set("#last_day", time.Now().UTC().AddDate(0, 0, 5).Format(time.DateOnly))
	p.fill("#delegation_reason", "On holiday")
	p.check("me-stand-in")
	p.click("[data-testid=delegate] button")
	p.sees("[data-testid=own-stand-in]", name+" stands in for you until")
}

// endsStandIn has somebody end that another stands in for them.
func (p *tab) endsStandIn() {
	p.t.Helper()
	p.open("/me")
	p.click("[data-testid=own-stand-in] button")
	p.sees("[data-testid=said]", "has ended")
}

// TestStandIn has approvers name a stand-in, who approves for one of them what
// the other has asked for, and may not for whom it is their own.
func TestStandIn(t *testing.T) {
	platform, approver, member := signIn(t, "platform-approver"), signIn(t, "payments-approver"), signIn(t, "payments-member")
	approver.standsIn("Paula Payments")
	approver.check("me-has-stand-in")
	approver.open(approver.clusterPath("payments-prod") + "/settings")
	approver.tick("[name=auto_upgrade]")
	request := approver.asksFor("less work while I am away")
	member.open(request)
	member.sees("[data-testid=why-not]", "the request of Percy Payments, for whom you stand in")

	platform.standsIn("Paula Payments")
	approver.open(request)
	approver.sees("[data-testid=can-give]", "Paula Payments, standing in for Petra Platform")
	member.open("/me")
	member.sees("[data-testid=stand-in-panel]", "You stand in for Petra Platform until")
	member.open("/inbox")
	member.sees("[data-testid=to-decide] [data-testid=for-whom]", "for Petra Platform, until")
	member.check("inbox-stand-in")
	member.open(request)
	member.sees("[data-testid=for-whom]", "for Petra Platform, until")
	member.check("request-stand-in")
	member.approves(request)
	member.sees("[data-testid=review]", "by Paula Payments for Petra Platform")
	member.succeeds()
	member.check("request-approved-by-stand-in")

	approver.endsStandIn()
	platform.endsStandIn()
	member.open("/me")
	member.until(`document.querySelector("[data-testid=stand-in-panel]") === null`)
}

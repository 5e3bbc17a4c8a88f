package browser

import "testing"

// A campaign over clusters that were ticked in the list: planned, started, stopped.
func TestCampaign(t *testing.T) {
	member := signIn(t, "payments-member")
	member.open("/clusters")
	member.until(`document.querySelector("[data-select-all]").checkVisibility()`)
	member.click("[data-select-all]")
	member.click("[data-testid=campaign-of-selected]")
	member.until(`location.pathname === "/campaigns/new"`)
	member.check("campaign-new")
	member.click("[name=operation][value=update_cluster]")
	member.fill("[name=add_tags]", "audited")
	member.fill("[name=justification]", "for the audit")
	member.fill("[name=per_wave]", "1")
	member.click("[data-testid=show-plan]")
	member.sees("[data-testid=plan]", "→ ")
	member.check("campaign-plan")
	member.click("[data-testid=submit]")
	member.sees("[data-testid=said]", "has started.")
	member.check("campaign")
	watching := signIn(t, "payments-approver")
	watching.open(member.path())
	member.fill("[name=stop_reason]", "enough seen")
	member.click("[data-testid=stop]")
	member.sees("[data-testid=reason]", "enough seen")
	watching.sees("[data-testid=reason]", "enough seen")
	watching.until(`document.querySelector("[data-testid=resume]") && !document.querySelector("[data-testid=stop]")`)
	member.check("campaign-stopped")
	member.click("[data-testid=end]")
	member.sees("[data-testid=said]", "given up")
	member.open("/campaigns")
	member.check("campaigns")
}

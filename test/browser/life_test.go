package browser

import "testing"

// TestLifeOfADangerousDelete walks the whole life of a request that needs two
// groups' approvals: asked, one approval, the target changes, out of date,
// planned again, two approvals, cool-off, carried out.
func TestLifeOfADangerousDelete(t *testing.T) {
	member, approver, platform := signIn(t, "payments-member"), signIn(t, "payments-approver"), signIn(t, "platform-approver")
	fillCreate(member, "life-dev", "development")
	member.sees("[data-testid=verdict][data-decision=allow]", "Runs immediately")
	member.click("[data-testid=submit]")
	member.succeeds()
	cluster := member.clusterPath("life-dev")

	// It is asked for, with the name typed.
	member.open(cluster + "/delete")
	member.tick(`[name=operation][value=delete_cluster_dangerous]`)
	member.sees("#plan", "1 approval from payments-approvers and 1 approval from platform-approvers")
	member.sees("#plan", "Once approved, it waits 15 seconds")
	member.fill("#justification", "the experiment is over")
	member.click("[data-testid=submit]")
	member.sees("[data-fault=typed_name]", "Type the name life-dev")
	member.check("life-1-typed-name")
	member.fill("[name=typed_name]", "life-dev")
	member.click("[data-testid=submit]")
	member.sees("[data-testid=status]", "Waiting for approval")
	request := member.path()

	// One approval is not enough.
	approver.open("/inbox")
	approver.sees("[data-testid=to-decide]", "life-dev")
	approver.sees("[data-testid=inbox-count]", "1")
	approver.check("life-2-inbox")
	approver.open(request)
	approver.fill("#comment", "fine with us")
	approver.click("[data-testid=approve]")
	approver.sees("[data-testid=outstanding]", "1 approval from payments-approvers: given")
	approver.sees("[data-testid=outstanding]", "1 approval from platform-approvers: outstanding")
	approver.check("life-3-one-approval")
	member.sees("[data-testid=review]", "fine with us")

	// The target changes; both requests are on each other's pages.
	platform.open(request)
	platform.sees("[data-testid=inbox-count]", "1")
	member.open(cluster + "/pools")
	member.open(eval[string](member, `document.querySelector("[data-testid^=pool-] h2 a").pathname`) + "/change")
	member.sees("[data-testid=conflict]", "It deletes the cluster.")
	member.fill("#count", "1")
	member.sees("#plan", "2 → 1")
	member.check("life-4-conflict")
	member.asksFor("one node is enough until then")
	member.succeeds()
	platform.sees("h1 + * [data-testid=state]", "stale")
	platform.sees("[data-testid=reason]", "pool pool-1 was 2 × s-2vcpu-4gb and is 1 × s-2vcpu-4gb")
	platform.check("life-5-stale")

	// It is planned again, and the approval so far no longer counts.
	member.open(request)
	member.click("[data-testid=replan]")
	member.sees("[data-testid=revision]", "revision 2")
	member.sees("[data-testid=status]", "Waiting for approval")
	member.sees("[data-testid=review]", "no longer counts")
	member.sees("[data-testid=outstanding]", "1 approval from payments-approvers: outstanding")
	member.check("life-6-planned-again")

	// Two approvals, the cool-off, and it runs.
	approver.open(request)
	approver.wait("[data-testid=approve]")
	approver.fits("[data-testid=approve]")
	approver.approves(request)
	platform.approves(request)
	member.sees("[data-testid=status]", "until then it can be stopped")
	member.check("life-7-cool-off")
	platform.open(request)
	platform.wait("[data-testid=stop]")
	if n := calls(t, "delete_cluster_dangerous"); n != 0 {
		t.Errorf("%d calls before the end of the cool-off", n)
	}
	member.succeeds()
	if n := calls(t, "delete_cluster_dangerous"); n != 1 {
		t.Errorf("%d calls to delete the cluster", n)
	}
	member.check("life-8-done")
	approver.open("/inbox")
	approver.sees("[data-testid=decided]", "life-dev")
}

// TestWithoutApprovals does without the approvals of a request, and has that
// reviewed by somebody else.
func TestWithoutApprovals(t *testing.T) {
	member, admin, approver := signIn(t, "payments-member"), signIn(t, "admin"), signIn(t, "payments-approver")
	fillCreate(member, "glass-prod", "production")
	member.sees("[data-testid=verdict][data-decision=approve]", "Needs 1 approval")
	member.click("[data-testid=submit]")
	member.sees("[data-testid=status]", "Waiting for approval")
	request := member.path()
	admin.open(request)
	eval[bool](admin, `document.querySelector("details:has([data-testid=break-glass])").open = true`)
	admin.click("[data-testid=break-glass]")
	admin.sees("[data-fault=break_glass_reason]", "Enter why")
	admin.check("glass-fault")
	admin.fill("#break_glass_reason", "the old cluster is down")
	admin.click("[data-testid=break-glass]")
	admin.sees("[data-testid=break-glass]", "A review by somebody else is pending")
	member.succeeds()
	member.sees("[data-testid=break-glass]", "the old cluster is down")
	approver.open("/inbox")
	approver.sees("[data-testid=to-review]", "glass-prod")
	approver.check("glass-inbox")
	approver.open(request)
	approver.fill("#break_glass_comment", "it was down indeed")
	approver.check("break-glass-review")
	approver.click("[data-testid=break-glass-review]")
	approver.sees("[data-testid=break-glass]", "Reviewed by Percy Payments")
}

// TestChangesAreAskedFor sends a request back, has it asked for differently and
// later, and talks about it.
func TestChangesAreAskedFor(t *testing.T) {
	member, approver := signIn(t, "payments-member"), signIn(t, "payments-approver")
	fillCreate(member, "later-prod", "production")
	eval[bool](member, `document.querySelector("#start_at").closest("details").open = true`)
	member.set("#start_at", eval[string](member, `new Date(Date.now() + 86400000 - new Date().getTimezoneOffset() * 60000).toISOString().slice(0, 16)`))
	member.sees("[data-testid=verdict][data-decision=approve]", "Needs 1 approval")
	member.check("later-form")
	member.click("[data-testid=submit]")
	member.sees("[data-testid=status]", "no earlier than")
	request := member.path()
	approver.open(request)
	approver.fill("#comment", "one node is enough")
	approver.click("[data-testid=changes]")
	approver.sees("[data-testid=reason]", "requested changes: one node is enough")
	member.sees("[data-testid=reason]", "requested changes: one node is enough")
	member.fill("#text", "you are right")
	member.click("[data-testid=comment-button]")
	member.sees("[data-testid=comment]", "you are right")
	member.click("[data-testid=revise]")
	member.sees("h1", "again")
	if got := member.value("#name") + member.value("#justification"); got != "later-prodfor the walk" {
		t.Errorf("the form is opened with %q", got)
	}
	member.fill(`[name="pools[0].count"]`, "1")
	member.check("changes-revise")
	member.click("[data-testid=submit]")
	member.sees("[data-testid=revision]", "revision 2")
	member.check("changes-request")
	approver.approves(request)
	member.sees("[data-testid=status]", "until then it can be stopped")
	approver.fill("#stop_reason", "not this week")
	approver.click("[data-testid=stop]")
	member.sees("h1 + * [data-testid=state]", "rejected")
	member.sees("[data-testid=reason]", "Percy Payments stopped it: not this week")
}

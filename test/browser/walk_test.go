package browser

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// fillCreate fills in the form for a cluster that the team may have.
func fillCreate(p *tab, name, environment string) {
	p.t.Helper()
	p.open("/clusters/new")
	p.fill("#name", name)
	p.set("#environment", environment)
	p.set("#region", "fra1")
	p.set("#version", eval[string](p, `document.querySelector("#version option:nth-child(2)").value`))
	p.tick(`[name="pools[0].size"][value="s-2vcpu-4gb"]`)
	p.fill(`[name="pools[0].count"]`, "2")
	p.fill("#justification", "for the walk")
}

// calls is how often the simulator was asked for an operation.
func calls(t *testing.T, operation string) int {
	t.Helper()
	resp, err := http.Get(simulator + "/_sim/calls")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	counts := map[string]int{}
	if err := json.NewDecoder(resp.Body).Decode(&counts); err != nil {
		t.Fatal(err)
	}
	return counts[operation]
}

// nodesInUse is how many nodes team payments uses, as its members see it.
func (p *tab) nodesInUse() string {
	p.t.Helper()
	p.open("/")
	p.wait("[data-testid=standing-payments]")
	return eval[string](p, `document.querySelector("[data-testid=standing-payments] tbody td").textContent`)
}

// TestWalk is the product's main job, from the first sign-in to the trail.
func TestWalk(t *testing.T) {
	member, approver := signIn(t, "payments-member"), signIn(t, "payments-approver")
	created := calls(t, "create_cluster")

	t.Run("the member sees their team's clusters only", func(t *testing.T) {
		member.t = t
		member.open("/clusters")
		member.sees("[data-testid=clusters]", "payments-prod")
		member.seesNot("[data-testid=clusters]", "search-staging")
		member.seesNot("[data-testid=clusters]", "legacy")
		member.check("clusters")
		member.open(member.clusterPath("payments-prod"))
		member.sees("h1", "payments-prod")
		member.check("cluster")
		member.click(`a[href$="/pools"]`)
		member.sees("main", "payments-prod-pool")
	})

	t.Run("the plan is shown while the form is filled in", func(t *testing.T) {
		member.t = t
		fillCreate(member, "walk-dev", "development")
		member.sees("[data-testid=verdict][data-decision=allow]", "Runs immediately")
		member.fill(`[name="pools[0].count"]`, "99")
		member.sees("[data-testid=over]", "over the limit")
		member.sees("[data-testid=verdict][data-decision=deny]", "Not possible")
		member.check("create-over")
		member.fill("#name", strings.Repeat("w", 63))
		member.sees("#plan", strings.Repeat("w", 63))
		member.check("create-long-name")
		member.fill("#name", "walk-dev")
		member.sees("#plan", "Create cluster walk-dev")
		member.click("[data-testid=submit]")
		member.sees(`[data-fault="pools[0].count"]`, "over the limit")
		if got := member.value(`[name="pools[0].count"]`) + member.value("#name") + member.value("#justification"); got != "99walk-devfor the walk" {
			t.Errorf("what was typed is lost: %q", got)
		}
		member.check("create-refused")
	})

	t.Run("a development cluster runs at once", func(t *testing.T) {
		member.t = t
		member.fill(`[name="pools[0].count"]`, "2")
		member.sees("[data-testid=verdict][data-decision=allow]", "Runs immediately")
		member.check("create")
		member.click("[data-testid=submit]")
		// No reload from here on: the page follows by itself.
		member.wait("[data-testid=status]")
		eval[bool](member, `window.sameDocument = true`)
		member.sees("[data-testid=trail]", "requested")
		member.sees("[data-testid=trail]", "About to send")
		member.sees("[data-testid=trail]", "accepted")
		member.sees("h1 + * [data-testid=state]", "succeeded")
		if !eval[bool](member, "window.sameDocument === true") {
			t.Error("the page was loaded again")
		}
		member.check("request-succeeded")
		if n := calls(t, "create_cluster") - created; n != 1 {
			t.Errorf("%d calls to create the cluster", n)
		}
		member.open("/clusters")
		member.sees("[data-testid=clusters]", "walk-dev")
	})

	t.Run("a deletion needs somebody else", func(t *testing.T) {
		member.t, approver.t = t, t
		member.open(member.clusterPath("payments-prod"))
		member.click(`a[href$="/delete"]`)
		member.sees("[data-testid=remains]", "pvc-ledger")
		member.sees("[data-testid=losses]", "payments-prod-pool")
		member.check("delete")
		member.click("[data-testid=submit]")
		member.sees(`[data-fault=justification]`, "Enter a reason")
		member.fill("#justification", "replaced by a new one")
		member.click("[data-testid=submit]")
		member.sees("[data-testid=status]", "Waiting for approval")
		member.sees("[data-testid=why-not]", "somebody else")
		member.check("request-pending")
		request := member.path()

		approver.open("/")
		approver.sees("[data-testid=requests]", "payments-prod")
		approver.check("home")
		approver.open(request)
		approver.click("[data-testid=reject]")
		approver.sees(`[data-fault=comment]`, "Enter why")
		approver.fill("#comment", "fine, the new one is up")
		approver.check("request-review")
		eval[bool](member, `window.sameDocument = true`)
		approver.click("[data-testid=approve]")
		approver.sees("[data-testid=review]", "approved")
		member.sees("h1 + * [data-testid=state]", "succeeded")
		member.sees("[data-testid=review]", "fine, the new one is up")
		if !eval[bool](member, "window.sameDocument === true") {
			t.Error("the page was loaded again")
		}
		if n := calls(t, "delete_cluster"); n != 1 {
			t.Errorf("%d calls to delete the cluster", n)
		}
		member.open("/clusters")
		member.seesNot("[data-testid=clusters]", "payments-prod")
	})

	t.Run("a rejected request ends, and its quota is free again", func(t *testing.T) {
		member.t, approver.t = t, t
		before := member.nodesInUse()
		fillCreate(member, "walk-prod", "production")
		member.sees("[data-testid=verdict][data-decision=approve]", "Needs 1 approval")
		member.click("[data-testid=submit]")
		member.sees("[data-testid=status]", "Waiting for approval")
		request := member.path()
		approver.open(request)
		approver.fill("#comment", "not this week")
		approver.click("[data-testid=reject]")
		approver.sees("[data-testid=reason]", "not this week")
		member.sees("h1 + * [data-testid=state]", "rejected")
		if used := member.nodesInUse(); used != before {
			t.Errorf("%s nodes in use, want the %s of before", used, before)
		}
	})

	t.Run("the auditor finds it all", func(t *testing.T) {
		auditor := signIn(t, "auditor")
		for _, kind := range []string{"sign_in", "request_submitted", "request_refused", "review_approved", "review_rejected",
			"execution_intent", "execution_outcome", "request_succeeded", "team_created"} {
			auditor.open("/audit?kind=" + kind)
			auditor.wait(`[data-testid=events] tr[data-kind="` + kind + `"]`)
		}
		auditor.open("/audit")
		auditor.wait("[data-testid=events]")
		auditor.check("audit")
		auditor.set("#kind", "review_approved")
		auditor.click(`form[action="/audit"] button`)
		auditor.until(`location.search.includes("review_approved")`)
		auditor.sees("[data-testid=events]", "Percy Payments approved")
		auditor.seesNot("[data-testid=events]", "requested")
		auditor.open("/audit?from=yesterday")
		auditor.sees("[data-fault=from]", "2026-01-31")
		auditor.open("/clusters")
		auditor.sees("[data-testid=clusters]", "legacy")
		auditor.seesNot("main", "Create cluster")
	})
}

func TestOutsider(t *testing.T) {
	p := newTab(t)
	p.open("/clusters")
	p.sees("body", "outsider")
	p.click(`button[value="outsider"]`)
	p.sees("[data-testid=no-access]", "portal-admins")
	p.sees("[data-testid=groups]", "none")
	p.check("outsider")
	p.open("/requests")
	p.wait("[data-testid=no-access]")
	p.click("[popovertarget=user-menu]")
	p.click(`form[action="/logout"] button`)
	p.sees("[data-testid=message]", "session has ended")
	p.check("signed-out")
}

func TestForeignIDsDoNotExist(t *testing.T) {
	p := signIn(t, "search-member")
	for _, path := range []string{
		"/clusters/5f0c2a6e-3f1e-4b59-9d53-0f6a1c0e7a03", "/clusters/5f0c2a6e-3f1e-4b59-9d53-0f6a1c0e7a03/delete",
		"/clusters/nonsense", "/clusters/%00", "/clusters/%ff", "/requests/999999", "/requests/x", "/nowhere",
	} {
		p.open(path)
		p.sees("h1", "Page not found")
	}
	p.check("not-found")
	for _, path := range []string{"/audit", "/admin/teams", "/admin/clusters"} {
		p.open(path)
		p.sees("h1", "not allowed")
	}
}

func TestAdmin(t *testing.T) {
	p := signIn(t, "admin")
	p.open("/admin/teams")
	p.sees("[data-testid=teams]", "payments")
	p.check("teams")
	p.open("/admin/groups")
	p.fill("tr:first-of-type input[name=label]", "search-approvers")
	p.click("tr:first-of-type button")
	p.sees("main", "looks like the label of another group")
	p.check("groups")
	p.open("/me/sign-in")
	p.sees("[data-testid=claims]", "auth_time")
	p.check("sign-in")
	p.open("/admin/teams/new")
	p.fill("#slug", "Not OK")
	p.fill("#nodes", "-1")
	p.set("#sizes", "s-2vcpu-4gb 3\nnonsense 2")
	p.click("[data-testid=save]")
	for field, words := range map[string]string{"slug": "lowercase letters", "name": "Enter", "member_group": "Enter", "nodes": "-1", "sizes": "nonsense"} {
		p.sees(`[data-fault="`+field+`"]`, words)
	}
	if got := p.value("#sizes"); !strings.Contains(got, "nonsense 2") {
		t.Errorf("what was typed is lost: %q", got)
	}
	p.check("team-faults")
	p.fill("#slug", "mobile")
	p.fill("#name", "Mobile")
	p.fill("#member_group", "mobile")
	p.fill("#approver_group", "mobile-leads")
	p.fill("#nodes", "4")
	p.set("#sizes", "s-2vcpu-4gb 3")
	p.click("[data-testid=save]")
	p.wait("[data-testid=said]")
	p.check("team")

	// Somebody else saves in between: nothing is overwritten.
	other := signIn(t, "admin")
	other.open("/admin/teams/mobile")
	other.fill("#nodes", "3")
	other.click("[data-testid=save]")
	other.wait("[data-testid=said]")
	p.fill("#nodes", "6")
	p.click("[data-testid=save]")
	p.sees("[data-testid=problem]", "in the meantime")

	p.open("/admin/clusters")
	p.set(`[data-testid=own-legacy] select[name=team]`, "mobile")
	p.set(`[data-testid=own-legacy] select[name=environment]`, "development")
	p.click(`[data-testid=own-legacy] button`)
	p.sees("[data-testid=said]", "legacy")
	p.check("ownership")
	p.set(`[data-testid=own-legacy] select[name=team]`, "")
	p.set(`[data-testid=own-legacy] select[name=environment]`, "")
	p.click(`[data-testid=own-legacy] button`)
	p.sees("[data-testid=said]", "Give cluster legacy to nobody")
	second := signIn(t, "second-admin")
	second.open("/admin/changes")
	second.sees("[data-testid=gains]", "Team Mobile no longer has cluster legacy")
	second.click("[data-testid=accept]")
	second.sees("[data-testid=said]", "The change is accepted.")
}

// What gives a team more is proposed by one admin and accepted by another.
func TestTwoAdmins(t *testing.T) {
	first, second := signIn(t, "admin"), signIn(t, "second-admin")
	first.open("/admin/teams/search")
	first.fill("[name=nodes]", "9")
	first.click("[data-testid=save]")
	first.sees("[data-testid=said]", "Proposed: Change team search.")
	first.sees("[data-testid=gains]", "The quota of team search for all nodes grows from 8 to 9.")
	first.sees("[data-testid=why-not]", "You proposed this; another admin has to accept it.")
	second.open("/admin/changes")
	second.check("changes")
	second.click("[data-testid=accept]")
	second.sees("[data-testid=said]", "The change is accepted.")
	second.open("/admin/teams/search")
	if nodes := second.value("[name=nodes]"); nodes != "9" {
		t.Errorf("the quota is %s", nodes)
	}
	second.open("/admin/clusters")
	second.check("ownership")
}

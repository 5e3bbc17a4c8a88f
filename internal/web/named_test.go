package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doksportal/internal/policy"
)

// Who belongs to nothing but a group that a rule names sees what waits for them,
// decides on it, and sees nothing else.
func TestApproversByName(t *testing.T) {
	b := setup(t)
	before := b.pending()
	owner := b.as("owner")
	owner.Get("/inbox").WantStatus(http.StatusForbidden)
	p := b.propose(strings.Replace(policy.BuiltInText, `require: [{approvals: 1, from: [team, platform]}]
    reason: A production`, `require: [{approvals: 1, from: [team]}, {approvals: 1, from: ["group:database-owners"]}]
    reason: A production`, 1), "databases")
	other := admin() // whom others see and decide, two admins decide
	other.Subject = "another"
	b.must(b.requests.Rules.Decide(t.Context(), other, p.Version, true))
	number := b.pending()
	if got := owner.Get("/inbox").WantStatus(http.StatusOK).Text("[data-testid=to-decide]"); !strings.Contains(got, "#"+number) || strings.Contains(got, "#"+before+"p") {
		t.Errorf("waiting: %s", got)
	}
	page := owner.Get("/requests/" + number).WantStatus(http.StatusOK)
	owner.Get("/requests/" + before).WantStatus(http.StatusNotFound)
	owner.Get("/clusters/" + b.ledger).WantStatus(http.StatusNotFound)
	decided := owner.Post("/requests/"+number+"/review", url.Values{"decision": {"approve"}, "digest": {page.Value("digest")}, "revision": {"1"}})
	if got := decided.Text("[data-testid=outstanding]"); !strings.Contains(got, "database-owners: given") || !strings.Contains(got, "pay-approvers: outstanding") {
		t.Errorf("%d: %s", decided.Status, got)
	}
}

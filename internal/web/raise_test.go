package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/store"
)

// A refusal for quota leads to a form that asks for what is missing; what comes of it
// is on home and on the team's page, and who gains is not asked to decide.
func TestAskingForMore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	refused := b.as("member").Post("/clusters/"+b.ledger+"/pools/new", url.Values{"submit_key": {uuid.NewString()}, "name": {"more"},
		"size": {"s-2vcpu-4gb"}, "count": {"11"}, "justification": {"a launch"}}).WantStatus(http.StatusUnprocessableEntity)
	link := refused.Find("[data-testid=ask-for-more]").First()
	if link.AttrOr("target", "") != "_blank" || link.AttrOr("href", "") != "/quotas/ask?nodes=13&sizes=s-2vcpu-4gb+13&team=pay" {
		t.Fatalf("the way to more: %s", link.AttrOr("href", "none"))
	}
	if n := b.as("member").Get("/clusters/" + b.ledger + "/pools/new").Find("[data-testid=ask-for-more]").Length(); n != 0 {
		t.Error("more is offered to who needs none")
	}
	page := b.as("member").Get(link.AttrOr("href", "")).WantStatus(http.StatusOK)
	if page.Value("nodes") != "13" || page.Value("sizes") != "s-2vcpu-4gb 13" {
		t.Errorf("the form is opened with %q and %q", page.Value("nodes"), page.Value("sizes"))
	}
	wrong := b.as("member").Post("/quotas/ask", formOf(page, "justification", "a launch", "last_day", "2020-01-01")).WantStatus(http.StatusUnprocessableEntity)
	if said := wrong.Find("[data-fault=last_day]").Text(); !strings.Contains(said, "This day is over") || wrong.Value("nodes") != "13" {
		t.Errorf("a day that is over: %q", said)
	}
	friday := time.Now().UTC().AddDate(0, 0, 4).Format(time.DateOnly)
	path := "/requests/" + b.asked("member", "/quotas/ask", formOf(page, "justification", "a launch", "last_day", friday))
	again := b.as("member").Get("/quotas/ask?team=pay").WantStatus(http.StatusOK)
	if href := again.Find("[data-testid=raising]").AttrOr("href", ""); href != path {
		t.Errorf("the open request is at %q, the form leads to %q", path, href)
	}
	r, err := store.Requests(t.Context(), b.pool, store.RequestFilter{All: true, Limit: 1})
	b.must(err)
	review := url.Values{"decision": {"approve"}, "revision": {"1"}, "digest": {r[0].Digest}}
	if code := b.as("approver").Post(path+"/review", review).Status; code != http.StatusForbidden { // a member too
		t.Errorf("a member approves: %d", code)
	}
	if b.as("approver").Get(path).Find("[value=approve]").Length() != 0 {
		t.Error("a member is offered to approve")
	}
	b.as("platform").Post(path+"/review", review).WantStatus(http.StatusOK)
	_, err = b.executor.Step(context.Background(), r[0].ID)
	b.must(err)
	for account, at := range map[string]string{"member": "/", "admin": "/admin/teams/pay"} {
		if said := b.as(account).Get(at).WantStatus(http.StatusOK).Find("[data-testid=grants-pay]").Text(); !strings.Contains(said, "All nodes +1 until") {
			t.Errorf("%s says %q", at, said)
		}
	}
	if said := b.as("admin").Get("/admin/teams/pay").Find("[data-testid=quota-history]").Text(); !strings.Contains(said, "Let team pay have 13 nodes") || !strings.Contains(said, "succeeded") {
		t.Errorf("the history is %q", said)
	}
	b.as("member").Post("/clusters/"+b.ledger+"/pools/new", url.Values{"submit_key": {uuid.NewString()}, "name": {"more"},
		"size": {"s-2vcpu-4gb"}, "count": {"11"}, "justification": {"a launch"}}).WantStatus(http.StatusOK)
	// An admin takes it back: less is at once.
	team := b.as("admin").Get("/admin/teams/pay")
	form := url.Values{"below_use": {"on"}}
	for _, name := range teamFields() {
		form.Set(name, team.Value(name))
	}
	form.Set("nodes", "11")
	b.as("admin").Post("/admin/teams/pay", form).WantStatus(http.StatusOK)
	if n := b.as("member").Get("/").Find("[data-testid=grants-pay]:contains('All nodes')").Length(); n != 0 {
		t.Error("what was granted of a limit that was lowered since is still there")
	}
}

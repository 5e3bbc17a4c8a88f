package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
)

// A search for one cluster, person or team says whose timeline it is.
func TestTimelines(t *testing.T) {
	b := setup(t)
	b.pending()
	b.exec(`UPDATE people SET groups = groups || '<b>hostile</b>'::text WHERE name = 'Mia Member'`)
	b.exec(`INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at) VALUES (gen_random_uuid(), 'empty', '<i>Empty</i>', 'e', 'ea', '{}', now())`)
	b.exec(`UPDATE clusters SET gone_at = $1 WHERE name = 'index'`, time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	gone := "0192e000-0000-7000-8000-000000000000"
	auditor := b.as("auditor")
	for search, want := range map[string][]string{
		"cluster=ledger":                            {"Timeline of cluster ledger", "since 20", "Ownerpay", "production", b.ledger},
		"cluster=" + b.index:                        {"Timeline of cluster index", "gone since 2026-01-31 12:00:00 UTC"},
		"cluster=" + b.legacy:                       {"Timeline of cluster legacy", "nobody", "not set"},
		"cluster=" + gone:                           {"Timeline of cluster " + gone},
		"team=pay&from=2026-01-01&to=2026-12-31":    {"Timeline of team pay, 2026-01-01 to 2026-12-31", "pay-approvers", "All nodes", "of 12"},
		"team=empty&from=2026-01-01":                {"Timeline of team <i>Empty</i>, from 2026-01-01"},
		"actor=Mia":                                 {"Timeline of Mia Member", "member@demo.invalid", "<b>hostile</b>", "Last seen20"},
		"actor=portal+policy":                       {"Timeline of portal policy"},
		"person=x&issuer=https%3A%2F%2Fidp.example": {"Timeline of x of https://idp.example"},
	} {
		got := auditor.Get("/audit?" + search).WantStatus(http.StatusOK).Text("[data-testid=timeline]")
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s: %q is not in %q", search, text, got)
			}
		}
	}
	for _, search := range []string{"", "cluster=ledger&team=pay", "team=pay&kind=sign_in", "q=pay", "actor=Nobody", "from=2026-01-01"} {
		if got := auditor.Get("/audit?" + search).Text("[data-testid=timeline]"); got != "" {
			t.Errorf("%q is called a timeline: %s", search, got)
		}
	}
	for path, link := range map[string]string{
		"/clusters/" + b.ledger: "/audit?cluster=" + b.ledger, "/clusters/" + b.ledger + "/pools": "/audit?cluster=" + b.ledger, "/admin/teams/pay": "/audit?team=pay",
	} {
		for _, account := range []string{"auditor", "admin"} {
			if got := b.as(account).Get(path).Find("[data-testid=timeline-link]").AttrOr("href", ""); got != link {
				t.Errorf("%s leads %s to %q, want %q", path, account, got, link)
			}
		}
	}
	if b.as("member").Get("/clusters/"+b.ledger).Find("[data-testid=timeline-link]").Length() != 0 {
		t.Error("a member is led to the trail")
	}
	if got := auditor.Get("/search?q=Mia").Find("[data-testid=found] a[href^='/audit?']").AttrOr("href", ""); !strings.HasPrefix(got, "/audit?issuer=") {
		t.Errorf("a person who is found leads to %q", got)
	}
}

// Auditors read the policy and the teams as they are, and are offered nothing that
// changes them.
func TestAuditorsRead(t *testing.T) {
	b := setup(t)
	b.as("approver")
	b.must(b.requests.Rules.Ensure(t.Context()))
	b.exec(`UPDATE policies SET state = $1`, portal.PolicySuperseded)
	b.exec(`INSERT INTO policies (version, base, text, issuer, subject, author_name, note, created_at, state, in_force_at)
		SELECT 2, 1, text || E'\n# <b>two</b>', 'i', 's', '<b>Eve</b>', 'why <b>not</b>', now(), $1, now() FROM policies`, portal.PolicyInForce)
	b.exec(`INSERT INTO policies (version, base, text, issuer, subject, author_name, note, created_at, state)
		SELECT 3, 2, text, 'i', 's', 'Ann', 'three', now(), $1 FROM policies WHERE version = 1`, portal.PolicyProposed)
	auditor := b.as("auditor")
	for path, want := range map[string][]string{
		"/admin/policy":    {"<b>Eve</b>", "why <b>not</b>", "in force", "Version 3 is waiting for a decision", "Another admin has to decide"},
		"/admin/policy/2":  {"+ # <b>two</b>", "In force since"},
		"/admin/teams":     {"pay-approvers", "find"},
		"/admin/teams/pay": {"Member grouppay", "Approver grouppay-approvers", "All nodes", "12", "Abe Approver", "Nobody has asked for more."},
	} {
		page := auditor.Get(path).WantStatus(http.StatusOK)
		for _, text := range want {
			if got := page.Text("main"); !strings.Contains(got, text) {
				t.Errorf("%s: %q is not in %q", path, text, got)
			}
		}
		if n := page.Find("main form, main button, main [hx-post], main a[href$='/new'], main a[href*='default-quota']").Length(); n != 0 {
			t.Errorf("%s offers an auditor %d things to do", path, n)
		}
		if page.Find("main b").Length() != 0 {
			t.Errorf("%s shows what somebody wrote as HTML", path)
		}
		if page.Find("nav[aria-label=Main] a[href='/admin/teams']").Length() != 1 || page.Find("nav[aria-label=Main] a[href='/admin/policy']").Length() != 1 ||
			page.Find("nav[aria-label=Main] a[href='/admin/queue']").Length() != 1 || page.Find("nav[aria-label=Main] a[href^='/admin/']").Length() != 3 {
			t.Errorf("%s: the navigation has %s", path, page.Text("nav[aria-label=Main]"))
		}
	}
	auditor.Get("/admin/teams/none").WantStatus(http.StatusNotFound)
	auditor.Get("/admin/policy/9").WantStatus(http.StatusNotFound)
	auditor.Post("/admin/teams/pay", url.Values{"name": {"x"}}).WantStatus(http.StatusForbidden)
	auditor.Post("/admin/policy/3/decide", url.Values{"decision": {"drop"}}).WantStatus(http.StatusForbidden)
	if b.as("admin").Get("/admin/policy").Find("main form").Length() == 0 || b.as("admin").Get("/admin/teams/pay").Find("main form").Length() == 0 {
		t.Error("admins have lost their forms")
	}
}

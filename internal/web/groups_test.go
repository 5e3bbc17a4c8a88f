package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// What an admin calls a group is shown in its place, and the group itself where
// somebody decides about it.
func TestGroupLabels(t *testing.T) {
	b := setup(t)
	admin := b.as("admin")
	page := admin.Get("/admin/groups").WantStatus(http.StatusOK)
	for _, want := range []string{"pay-approvers", "approvers of team pay", "admins", "auditors"} {
		if !strings.Contains(page.Text("[data-testid=groups]"), want) {
			t.Errorf("%q is missing: %s", want, page.Text("main"))
		}
	}
	number := b.pending()
	page = admin.Post("/admin/groups", url.Values{"group": {"pay-approvers"}, "label": {"Payroll leads"}}).WantStatus(http.StatusOK)
	if page.Find("[data-testid=said]").Length() != 1 {
		t.Errorf("it says %s", page.Text("main"))
	}
	for path, in := range map[string]string{"/admin/teams": "[data-testid=teams]", "/requests/" + number: "[data-testid=outstanding]"} {
		if got := admin.Get(path).Text(in); !strings.Contains(got, "Payroll leads") {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := b.as("approver").Get("/me").Text("[data-testid=groups]"); !strings.Contains(got, "Payroll leads") {
		t.Errorf("/me: %s", got)
	}
	page = admin.Post("/admin/groups", url.Values{"group": {"find"}, "label": {"Payroll leads"}}).WantStatus(http.StatusUnprocessableEntity)
	if page.Find("input[aria-invalid]").AttrOr("value", "") != "Payroll leads" || !strings.Contains(page.Text("main"), "looks like") {
		t.Errorf("what was typed is lost: %s", page.Text("main"))
	}
}

// Readers see what the provider said of them, and what it lacks.
func TestSignInReport(t *testing.T) {
	b := setup(t)
	page := b.as("admin").Get("/me/sign-in").WantStatus(http.StatusOK)
	claims := page.Text("[data-testid=claims]")
	for _, want := range []string{"groups", `["admins"]`, "auth_time", "Ada Admin"} {
		if !strings.Contains(claims, want) {
			t.Errorf("%s is missing: %s", want, claims)
		}
	}
	if strings.Contains(claims, "nonce") {
		t.Error("the nonce is shown")
	}
	// The local issuer gives no refresh tokens.
	if lacks := page.Text("[data-testid=lacks]"); !strings.Contains(lacks, "no refresh token") || strings.Contains(lacks, "auth_time") {
		t.Error(lacks)
	}
}

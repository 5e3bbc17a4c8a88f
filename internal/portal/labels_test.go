package portal_test

import (
	"testing"

	"doksportal/internal/portal"
)

func TestGroupLabels(t *testing.T) {
	t.Parallel()
	const id, okta = "5b1c3a52-8f0e-4a65-9d0c-0d6a7a1f3c11", "00g1emaKYZTWRYYRRTSK"
	labels := portal.GroupLabels{id: "Payments", okta: "Search", "pay": "Payroll"}
	for text, want := range map[string]string{
		"Members of group " + id + " can approve.": "Members of group Payments can approve.",
		"(" + okta + ")":  "(Search)",
		id + "0":          id + "0", // another one
		"they pay for it": "they pay for it",
	} {
		if got := labels.In(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
	if labels.Of("pay") != "Payroll" || labels.Of("payx") != "payx" || portal.GroupLabels(nil).Of("pay") != "pay" {
		t.Error("a label is not found, or one is where there is none")
	}
	need := portal.ApprovalRule{Count: 2, Groups: []string{id, "platform"}}
	if got := need.Describe(labels); got != "2 approvals from Payments or platform" {
		t.Error(got)
	}
}

package portal_test

import (
	"testing"

	"doksportal/internal/portal"
)

func TestGroupLabels(t *testing.T) {
	t.Parallel()
	const id = "5b1c3a52-8f0e-4a65-9d0c-0d6a7a1f3c11"
	labels := portal.GroupLabels{id: "Payments", "pay": "Payroll"}
	if labels.Of("pay") != "Payroll" || labels.Of("payx") != "payx" || portal.GroupLabels(nil).Of("pay") != "pay" {
		t.Error("a label is not found, or one is where there is none")
	}
	need := portal.ApprovalRule{Count: 2, Groups: []string{id, "platform"}}
	if got := need.Describe(labels); got != "2 approvals from Payments or platform" {
		t.Error(got)
	}
}

package browser

import "testing"

// TestPolicy writes a policy and sees at once what would come of it.
func TestPolicy(t *testing.T) {
	admin := signIn(t, "admin")
	admin.open("/admin/policy")
	admin.sees("#check", "The result of the check appears here.")
	admin.sees(".code-numbers", "70")
	admin.check("policy")

	admin.fill("#text", "rules:\n  - name: all\n    when: cluster.nmae == \"x\"\n    allow: true\n")
	admin.sees("[data-testid=policy-faults]", "1 error")
	admin.sees("#check", "3:18")
	admin.check("policy-faults")

	admin.fill("#text", "rules:\n  - {name: all, allow: true}\n")
	admin.sees("[data-testid=easier]", "It needs a second admin.")
	admin.sees("[data-testid=preview]", "under this policy")
	admin.check("policy-easier")

	admin.open("/admin/policy/1")
	admin.sees("[data-testid=text]", "+ rules:")
	admin.check("policy-version")
}

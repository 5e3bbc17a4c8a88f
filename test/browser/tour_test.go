package browser

import "testing"

// The demo says what to try first, and ticks off what has been tried.
func TestFirstLookAround(t *testing.T) {
	for account, stop := range map[string]string{"search-member": "/clusters/new", "payments-approver": "/inbox", "auditor": "/audit", "second-admin": "/admin/changes"} {
		p := signIn(t, account)
		p.open("/")
		p.sees("[data-testid=tour]", "A first look around")
		p.check("tour-" + account)
		done := `document.querySelectorAll("[data-testid=tour] .tour-done").length`
		if n := eval[int](p, done); n != 0 {
			t.Errorf("%s: %d stops are done before anything is", account, n)
		}
		p.click(`[data-testid=tour] a[href="` + stop + `"]`)
		p.until("location.pathname === " + quote(stop))
		p.open("/")
		if n := eval[int](p, done); n != 1 {
			t.Errorf("%s: %d stops are done", account, n)
		}
	}
}

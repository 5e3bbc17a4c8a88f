package browser

import (
	"testing"
)

// What is ticked in the list of clusters stays ticked while the list is narrowed and
// renews itself, is counted, and can be cleared.
func TestSelection(t *testing.T) {
	admin := signIn(t, "admin")
	admin.open("/clusters")
	admin.until(`document.querySelector("[data-select-all]").checkVisibility()`)
	if eval[bool](admin, `document.querySelector(".selection-bar").checkVisibility()`) {
		t.Error("the bar is there before anything is selected")
	}
	ticked := `[...document.querySelectorAll("[data-selection] tbody :checked")].map(b => b.dataset.name).join(" ")`
	const prod = "payments-prod"
	other := eval[string](admin, `[...document.querySelectorAll("[data-selection] tbody input")].map(b => b.dataset.name).find(n => n !== "`+prod+`" && n !== "legacy")`)
	for _, name := range []string{other, prod} {
		admin.click(`[data-selection] [data-name="` + name + `"]`)
	}
	admin.sees("[data-selected]", "2 selected")
	admin.check("selection")
	admin.fill("form[aria-label=Filter] [name=q]", other)
	admin.until(`![...document.querySelectorAll("[data-selection] tbody input")].some(b => b.dataset.name === "payments-prod")`)
	admin.sees("[data-selected]", "1 selected")
	if got := eval[string](admin, ticked); got != other {
		t.Errorf("%q is ticked after the list was narrowed", got)
	}
	eval[bool](admin, `document.querySelector("#live").dispatchEvent(new Event("changed", { bubbles: true })); true`)
	admin.until(`document.querySelector("[data-selected]").textContent === "1 selected"`)
	admin.fill("form[aria-label=Filter] [name=q]", "")
	admin.until(`[...document.querySelectorAll("[data-selection] tbody input")].some(b => b.dataset.name === "payments-prod")`)
	if got := eval[string](admin, ticked); got != other {
		t.Errorf("%q is ticked after the list was widened", got)
	}
	admin.click("[data-select-all]")
	admin.until(`document.querySelectorAll("[data-selection] tbody :checked").length > 1`)
	admin.click("[data-selection] [type=reset]")
	admin.until(`document.querySelectorAll("[data-selection] :checked").length === 0 && !document.querySelector(".selection-bar").checkVisibility()`)
	admin.open("/clusters?team=nobody")
	admin.click("[data-select-all]")
	admin.click("[data-testid=with-selected]")
	admin.sees("[data-testid=assign]", "Clusters that nobody owns")
	admin.check("assign-selected")
}

package browser

import "testing"

// The age of the inventory on an open page moves on while nothing else does, and the
// page does not fetch itself for that.
func TestAgeMovesOn(t *testing.T) {
	p := signIn(t, "auditor")
	p.open(p.clusterPath("legacy"))
	const age = `document.querySelector("main [data-reading] time")`
	p.until(`document.getElementById("live")?._htmx?.sse?.reader != null`)
	p.until(`performance.getEntriesByType("resource").some(e => e.name === location.href)`) // the first word of its stream
	before := eval[string](p, age+`.dateTime`)
	p.until(age + `.dateTime > ` + quote(before))
	if n := eval[int](p, `performance.getEntriesByType("resource").filter(e => e.name === location.href).length`); n != 1 {
		t.Errorf("the page has fetched itself %d times", n)
	}
	if text := eval[string](p, age+`.textContent`); text != "just now" {
		t.Errorf("the inventory is of %q", text)
	}
}

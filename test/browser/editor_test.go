package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// editor opens the policy in the editor, with a text, and notes from then on what
// the content security policy refuses.
func editor(t *testing.T, text string) *tab {
	t.Helper()
	p := signIn(t, "admin")
	p.open("/admin/policy")
	p.do(chromedp.Focus(chromedp.CSS("#text")))
	p.wait(".cm-content")
	eval[bool](p, `window.refused = []; document.addEventListener("securitypolicyviolation", e => refused.push(e.violatedDirective)); true`)
	p.set("#text", text)
	p.sees(".cm-content", "rules:")
	return p
}

// types types at the end of the editor's text.
func (p *tab) types(keys string) {
	p.t.Helper()
	p.do(chromedp.Focus(chromedp.CSS(".cm-content")), chromedp.KeyEvent(kb.End, chromedp.KeyModifiers(chromedp.ModifierCtrl)), chromedp.KeyEvent(keys))
}

// A mistake is marked at its line with what is wrong, and goes when it is mended.
func TestEditorShowsErrorsInPlace(t *testing.T) {
	p := editor(t, "rules:\n  - name: all\n    allow: true\n    when: ")
	p.types(`cluster.nmae == "x"`)
	p.sees(".cm-fault", "There is nothing called “nmae” here.")
	at := `[...document.querySelectorAll(".cm-content > *")]`
	if !eval[bool](p, at+`.findIndex(e => e.matches(".cm-fault")) === `+at+`.findIndex(e => e.textContent.includes("nmae")) + 1`) {
		t.Error("the message is not beneath its line")
	}
	p.wait(".cm-lint-marker-error")
	p.check("policy-editor")
	eval[bool](p, `document.querySelector("#check a[data-line]").click(); true`)
	p.until(`document.activeElement.matches(".cm-content")`)
	p.set("#text", strings.Replace(p.value("#text"), "nmae", "name", 1))
	p.until(`!document.querySelector(".cm-fault") && document.querySelector("[data-testid=easier]") !== null`)
	if refused := eval[[]string](p, "refused"); len(refused) > 0 {
		t.Errorf("refused were %v", refused)
	}
	if eval[string](p, `getComputedStyle(document.querySelector(".cm-gutters")).display`) != "flex" {
		t.Error("the editor has no styles")
	}
}

// Words of the server's are offered where they can stand, and taken.
func TestEditorCompletes(t *testing.T) {
	p := editor(t, "rules:\n")
	const rule = "rules:\n  - name: all\n    "
	for _, x := range []struct{ before, typed, taken string }{
		{"", "def", "defaults: "}, {rule, "opera", "operations: "}, {rule + "operations: [", "create_n", "create_node_pool"},
		{rule + "when: ", "cha", "change"}, {rule + "when: change.", "no", "nodes"}, {rule + "when: |\n      cluster.name.", "star", "startsWith"},
		{rule + "when: change.risk == \"", "dang", "dangerous"}, {rule + "require: [{approvals: 1, ", "fro", "from: "},
		{rule + "require:\n      - {approvals: 1, from: [team, ", "plat", "platform"}, {"defaults:\n  windows:\n    - {days: [mon, ", "we", "wed"},
	} {
		p.set("#text", x.before)
		p.types(x.typed)
		p.sees(".cm-tooltip-autocomplete li[aria-selected]", strings.TrimSuffix(x.taken, ": "))
		// A check that ends meanwhile moves the word away from under a pointer.
		p.until(`(() => { document.querySelector(".cm-tooltip-autocomplete li[aria-selected]")?.dispatchEvent(new MouseEvent("mousedown", {bubbles: true, cancelable: true}));
			return document.querySelector("#text").value === ` + quote(x.before+x.taken) + ` })()`)
	}
	if refused := eval[[]string](p, "refused"); len(refused) > 0 {
		t.Errorf("refused were %v", refused)
	}
}

// What is in the editor is tried out while it and the request are chosen.
func TestEditorTriesOut(t *testing.T) {
	p := editor(t, "rules:\n  - {name: big, when: change.nodes > 3, deny: too big}\n  - {name: rest, allow: true}\n")
	p.sees("[data-testid=tried]", "Runs immediately.")
	p.set(`[name="change.nodes"]`, "4")
	p.sees("[data-testid=tried]", "too big")
	p.sees("[data-testid=tried-rule]", "Rule “big”, line 2")
	p.check("policy-tried")
	p.types(`  - {name: x, allow: maybe}`)
	p.sees("[data-testid=tried]", "The text has errors.")
	p.set("#text", "rules:\n  - {name: all, allow: true}\n")
	p.sees("[data-testid=tried-rule]", "Rule “all”, line 2")
}

// Nothing that was typed is lost: the form sends it, and shows it again where it
// is refused, and so does the browser when one comes back. Escape, then Tab leads
// out of the editor.
func TestEditorLosesNothing(t *testing.T) {
	p := editor(t, "rules:\n")
	const typed = "  - {name: mine, allow: maybe}"
	p.types(typed)
	p.do(chromedp.KeyEvent("\t"))
	if got := p.value("#text"); !strings.Contains(got, "  "+typed) {
		t.Errorf("Tab does not indent: %q", got)
	}
	p.do(chromedp.KeyEvent("\x1b"), chromedp.KeyEvent("\t"))
	p.until(`!document.activeElement.closest(".cm-editor")`)
	p.click("[data-testid=propose]")
	p.sees("[data-testid=faults]", "not “maybe”")
	p.sees(".cm-content", "mine, allow: maybe")
	p.check("policy-refused")
	p.sees(".cm-fault", "not “maybe”")
	p.types("\r# more")
	want := p.value("#text")
	p.open("/admin/teams")
	eval[bool](p, "history.back(); true")
	p.until(`location.pathname.startsWith("/admin/policy") && document.querySelector("#text")?.value === ` + quote(want))
	p.until(`document.querySelector("#text").focus() || document.querySelector(".cm-content")?.textContent.includes("# more")`)
	if got := p.value("#text"); got != want {
		t.Errorf("after going back there is %q", got)
	}
}

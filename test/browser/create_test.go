package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// countDecisions counts from now on, across pages, which fields are touched and
// what is clicked.
func (p *tab) countDecisions() {
	p.t.Helper()
	eval[bool](p, `(() => {
		const made = new Set();
		const note = what => { made.add(what); sessionStorage.setItem("decisions", JSON.stringify([...made])); };
		document.addEventListener("input", e => note("typed into " + (e.target.name || e.target.ariaLabel)), true);
		document.addEventListener("click", e => { const b = e.target.closest("button, a, summary"); if (b) note("pressed " + b.textContent.trim()); }, true);
		return true })()`)
}

func (p *tab) decisions() []string {
	p.t.Helper()
	return eval[[]string](p, `JSON.parse(sessionStorage.getItem("decisions"))`)
}

// A new cluster takes four decisions at most, the last of which is to ask for it.
// Its name may be one word of 63 letters, also on buttons and in headings.
func TestDecisionsForANewCluster(t *testing.T) {
	const most = 4
	member, name := signIn(t, "search-member"), strings.Repeat("w", 63)
	member.open("/clusters")
	member.click(`main a[href="/clusters/new"]`)
	member.wait("#environment")
	member.countDecisions()
	member.set("#environment", "development")
	member.fill("#name", name)
	member.fill("#justification", "to try something")
	member.sees("[data-testid=verdict][data-decision=allow]", "Runs immediately")
	member.click("[data-testid=submit]")
	member.wait("[data-testid=status]")
	if made := member.decisions(); len(made) == 0 || len(made) > most {
		t.Errorf("it took %d decisions, and may take %d: %q", len(made), most, made)
	}
	member.succeeds()
	cluster := member.clusterPath(name)
	for _, page := range []string{"/delete", "/settings"} {
		member.open(cluster + page)
		member.wait("[data-testid=submit]")
		member.check("long-name" + strings.ReplaceAll(page, "/", "-"))
	}
	member.open("/clusters/new?like=" + strings.TrimPrefix(cluster, "/clusters/"))
	member.sees("[data-testid=like]", name)
	member.check("long-name-like")
}

// The plan stays in view, sizes are narrowed to what is looked for, and what the
// quota does not allow is not chosen by a click.
func TestTheFormForANewCluster(t *testing.T) {
	member := signIn(t, "payments-member")
	member.do(chromedp.EmulateViewport(1280, 900))
	member.open("/clusters/new")
	member.sees("[data-testid=sizes]", "s-2vcpu-4gb")
	if !eval[bool](member, `(() => { scrollTo(0, document.body.scrollHeight); const plan = document.querySelector("#plan").getBoundingClientRect();
		return scrollY > 0 && plan.top >= 0 && plan.bottom <= innerHeight })()`) {
		t.Error("the plan is out of sight at the end of the form")
	}
	rows := func() int64 {
		return eval[int64](member, `[...document.querySelectorAll("[data-testid=sizes] tbody tr")].filter(r => r.checkVisibility()).length`)
	}
	all := rows()
	member.fill("[data-filter]", "memory 16 GiB")
	member.until(`document.querySelector("[data-filter] + [role=status]").textContent.includes(" of ")`)
	if few := rows(); few < 2 || few >= all {
		t.Errorf("%d of %d sizes are shown", few, all)
	}
	if !eval[bool](member, `document.querySelector("[data-testid=sizes] :checked").checkVisibility()`) {
		t.Error("the chosen size is out of sight")
	}
	eval[bool](member, `document.querySelector("[value=m-2vcpu-16gb]").closest("label").click(); true`)
	if got := eval[string](member, `document.querySelector("[data-testid=sizes] :checked").value`); got != "s-2vcpu-4gb" {
		t.Errorf("%s is chosen, which the quota does not allow", got)
	}
	member.fill("[data-filter]", "")
	if n := rows(); n != all {
		t.Errorf("%d of %d sizes are shown again", n, all)
	}
	eval[bool](member, `document.querySelector("details[data-testid=more]").open = true`)
	member.click(".field:has(#environment) .about summary")
	member.sees(".about[open] p", "The policy decides by it")
	member.check("create-unfolded")
	// In the middle of a form nothing moves when its button is pressed.
	eval[bool](member, `document.addEventListener("submit", e => e.preventDefault()); true`)
	place := `JSON.stringify(document.querySelector("[data-testid=submit]").getBoundingClientRect())`
	eval[bool](member, `document.querySelector("[data-testid=submit]").scrollIntoView(); true`)
	before := eval[string](member, place)
	member.do(chromedp.Click(chromedp.CSS("[data-testid=submit]")))
	member.wait("[data-testid=submit][aria-busy=true]")
	if after := eval[string](member, place); after != before {
		t.Errorf("the button moves from %s to %s", before, after)
	}
}

// Fields that are changed are marked while they are typed into, and no more when
// they are as before.
func TestMarksOfChangedSettings(t *testing.T) {
	member := signIn(t, "search-member")
	member.open(member.clusterPath("search-staging") + "/settings")
	member.fill("#name", "search-next")
	member.sees(".is-changed .changed-note", "was search-staging")
	member.tick("[name=auto_upgrade]")
	member.until(`document.querySelectorAll(".is-changed").length === 2`)
	member.check("settings-marks")
	member.fill("#name", "search-staging")
	member.until(`document.querySelectorAll(".is-changed").length === 1`)
}

// A form is saved as a template from the keyboard, and nothing typed into it is lost.
func TestTemplate(t *testing.T) {
	member := signIn(t, "search-member")
	member.open("/clusters/new")
	member.set("#environment", "staging")
	member.fill("#name", "typed-before")
	member.click("[data-testid=name-template]")
	member.wait("#template_name:focus")
	member.check("name-template")
	member.do(chromedp.KeyEvent("Small staging\r"))
	member.sees("[data-testid=said]", "“Small staging”")
	if got := member.value("#name"); got != "typed-before" {
		t.Errorf("the name is %q", got)
	}
	member.click("[data-testid=start-from] li a")
	member.sees("[data-testid=like]", "Small staging")
	if got := member.value("#environment"); got != "staging" {
		t.Errorf("the environment is %q", got)
	}
	member.check("from-template")
	member.open("/clusters/templates")
	member.sees("[data-testid=templates]", "Small staging")
	member.check("templates")
	member.click("summary[aria-label^=Delete]")
	member.click("[aria-label^='Delete the template']")
	member.sees("[data-testid=said]", "The template is deleted")
}

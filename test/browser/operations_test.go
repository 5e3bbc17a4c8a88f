package browser

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// asksFor submits the form that is open and returns the request's path.
func (p *tab) asksFor(why string) string {
	p.t.Helper()
	p.fill("#justification", why)
	p.click("[data-testid=submit]")
	p.until(`location.pathname.startsWith("/requests/")`)
	return p.path()
}

// succeeds waits until the request on the page has succeeded.
func (p *tab) succeeds() {
	p.t.Helper()
	p.sees("h1 + * [data-testid=state]", "succeeded")
}

// approves opens a request and approves it.
func (p *tab) approves(request string) {
	p.t.Helper()
	p.open(request)
	p.wait("[data-testid=approve]")
	// A page that has just been opened renews itself once; what it has may move
	// away from under a mouse that aimed before.
	eval[bool](p, `document.querySelector("[data-testid=approve]").click(); true`)
	p.until(`document.querySelector("[data-testid=review]") !== null && document.querySelector("[data-testid=approve]") === null`)
	p.sees("[data-testid=review]", "approved")
}

// tick ticks a box or chooses one of several, as a click would.
func (p *tab) tick(css string) {
	p.t.Helper()
	p.wait(css)
	eval[bool](p, `(() => { const e = document.querySelector(`+quote(css)+`); if (!e.checked) e.click(); return e.checked })()`)
}

// clusterPath is the page of a cluster that the reader sees in their list.
func (p *tab) clusterPath(name string) string {
	p.t.Helper()
	p.open("/clusters")
	p.sees("[data-testid=clusters]", name)
	return eval[string](p, `[...document.querySelectorAll("[data-testid=clusters] a")].find(a => a.textContent === `+quote(name)+`).pathname`)
}

// TestOperations does every writing operation once, but for those of the walk.
func TestOperations(t *testing.T) {
	member, approver, admin, platform := signIn(t, "payments-member"), signIn(t, "payments-approver"), signIn(t, "admin"), signIn(t, "platform-approver")
	var cluster, pool string
	step := func(name string, fn func(t *testing.T)) {
		if t.Failed() {
			return
		}
		t.Run(name, func(t *testing.T) {
			member.t, approver.t, admin.t, platform.t = t, t, t, t
			fn(t)
		})
	}

	step("create a cluster with settings of its own", func(*testing.T) {
		fillCreate(member, "ops-dev", "development")
		member.set("#version", "1.34.4-do.0")
		member.set("#maintenance_day", "sunday")
		member.fill("#maintenance_start", "04:00")
		member.sees("#plan", "sunday from 04:00 UTC")
		member.check("create-settings")
		member.asksFor("to try all operations")
		member.succeeds()
		cluster = member.clusterPath("ops-dev")
		member.open(cluster)
		member.sees("main", "sunday from 04:00 UTC")
		member.check("cluster-overview")
	})
	step("change its settings", func(*testing.T) {
		member.open(cluster + "/settings")
		member.fill("#tags", "web, blue")
		member.tick("[name=auto_upgrade]")
		member.tick("[name=firewall]")
		member.fill("#expanders", "priority, random")
		member.set("#routing_agent", "on")
		member.sees("#plan", "Automatic upgrades")
		member.fill("#justification", "settings")
		member.click("[data-testid=submit]")
		member.sees(`[data-fault=firewall_allowed]`, "at least one address")
		if got := member.value("#tags") + member.value("#justification"); got != "web, bluesettings" {
			t.Errorf("what was typed is lost: %q", got)
		}
		member.check("settings-fault")
		member.set("#firewall_allowed", "203.0.113.0/24")
		member.asksFor("settings")
		member.succeeds()
		member.sees("main", "off → only from 203.0.113.0/24")
		member.check("settings-request")
		member.open(cluster)
		member.sees("main", "blue, web")
		member.sees("main", "priority, random")
	})
	step("add a pool", func(*testing.T) {
		member.open(cluster + "/pools/new")
		member.fill("#name", "burst")
		member.tick(`[name=size][value="s-2vcpu-4gb"]`)
		member.tick("[name=auto_scale]")
		member.fill("#min_nodes", "1")
		member.fill("#max_nodes", "3")
		eval[bool](member, `document.querySelector("#labels").closest("details").open = true`)
		member.set("#labels", "tier=burst")
		member.set("#taints", "burst=yes:NoSchedule")
		member.sees("#plan", "1 to 3 × s-2vcpu-4gb")
		member.check("pool-new")
		member.asksFor("for nightly jobs")
		member.succeeds()
		member.open(cluster + "/pools")
		member.sees("[data-testid=pool-burst]", "burst=yes:NoSchedule")
		member.check("pools")
		pool = eval[string](member, `document.querySelector("[data-testid=pool-burst] h2 a").pathname`)
	})
	step("change the pool", func(*testing.T) {
		member.open(pool + "/change")
		eval[bool](member, `document.querySelector("[name=auto_scale]").click() || true`)
		member.fill("#count", "2")
		member.set("#labels", "")
		member.sees("#plan", "tier=burst → none")
		member.check("pool-change")
		member.asksFor("a fixed number")
		member.succeeds()
		member.open(pool)
		member.sees("[data-testid=pool-burst]", "2 × s-2vcpu-4gb")
		member.check("pool")
	})
	step("delete a node", func(*testing.T) {
		node := eval[string](member, `document.querySelector("[data-testid=pool-burst] td").textContent`)
		member.click("[data-testid=pool-burst] td a")
		member.sees("h1", node)
		member.sees("#plan", "A new node takes its place")
		member.check("node-delete")
		request := member.asksFor("its disk is slow")
		member.sees("[data-testid=status]", "Waiting for approval")
		approver.approves(request)
		member.succeeds()
		member.open(pool)
		member.seesNot("[data-testid=pool-burst]", node)
	})
	step("recycle nodes", func(*testing.T) {
		node := eval[string](member, `document.querySelector("[data-testid=pool-burst] td").textContent`)
		member.open(pool + "/recycle")
		member.sees("[data-testid=deprecated]", "deprecated")
		member.click("[data-testid=submit]")
		member.sees("[data-fault=nodes]", "at least one node")
		member.tick("[name=nodes]")
		member.sees("#plan", "a new node")
		member.check("recycle")
		approver.approves(member.asksFor("to be sure"))
		member.succeeds()
		member.open(pool)
		member.seesNot("[data-testid=pool-burst]", node)
	})
	step("delete the pool", func(*testing.T) {
		member.open(pool + "/delete")
		member.sees("#plan", "All nodes of the pool are drained")
		member.check("pool-delete")
		approver.approves(member.asksFor("no longer needed"))
		member.succeeds()
		member.open(pool)
		member.sees("h1", "Page not found")
	})
	step("upgrade", func(*testing.T) {
		member.open(cluster + "/upgrade")
		member.sees("#plan", "The control plane is upgraded first")
		member.check("upgrade")
		member.asksFor("to stay supported")
		member.succeeds()
		member.open(cluster + "/upgrade")
		member.sees("[data-testid=up-to-date]", "1.35.1-do.0")
		member.check("upgrade-none")
	})
	step("run clusterlint", func(*testing.T) {
		member.open(cluster + "/diagnostics")
		member.sees("[data-testid=lint-fault]", "not been run")
		member.asksFor("")
		member.succeeds()
		member.click("[data-testid=status] a")
		member.wait("[data-testid=findings]")
		member.sees("[data-testid=past-runs]", "Paula Payments")
		member.check("diagnostics")
		member.click(`nav[aria-label=Severity] a:nth-child(2)`)
		member.until(`location.search.includes("severity=error")`)
		member.seesNot("[data-testid=findings]", "suggestion")
	})
	step("get a kubeconfig and credentials", func(t *testing.T) {
		member.open(cluster + "/access")
		member.sees("[data-testid=cluster-user]", "k8saas:authenticated")
		if got := member.value("#minutes"); got != "480" {
			t.Errorf("good for %s minutes unless chosen, want 480", got)
		}
		member.check("access")
		member.fill("#justification", "to look around")
		file := eval[string](member, `(async () => { const f = document.querySelector("form[action$=access]");
			const r = await fetch(f.getAttribute("action"), {method: "POST", body: new URLSearchParams(new FormData(f))});
			return [r.status, r.headers.get("cache-control"), r.headers.get("content-disposition"), await r.text()].join("\n") })()`)
		for _, want := range []string{"200\n", "no-store", "kubeconfig-ops-dev.yaml", "current-context: do-fra1-ops-dev"} {
			if !strings.Contains(file, want) {
				t.Errorf("the answer lacks %q: %.300s", want, file)
			}
		}
		member.open(cluster + "/access")
		member.tick(`[name=operation][value=get_credentials]`)
		member.set("#minutes", "10")
		member.fill("#justification", "for a script")
		member.click("[data-testid=submit]")
		member.sees("[data-testid=credentials]", "Token")
		member.check("credentials")
		member.open(cluster + "/activity")
		member.sees("[data-testid=requests]", "Get credentials")
		member.check("activity")
	})
	step("access to production waits for an approval", func(t *testing.T) {
		prod := member.clusterPath("payments-prod")
		member.open(prod + "/access")
		if got := member.value("#minutes"); got != "60" {
			t.Errorf("good for %s minutes unless chosen, want 60", got)
		}
		request := member.asksFor("an incident")
		member.sees("[data-testid=status]", "Waiting for approval")
		approver.approves(request)
		member.sees("[data-testid=status]", "Ready to be collected")
		member.check("collect")
		status := eval[int64](member, `fetch(location.pathname + "/collect", {method: "POST"}).then(r => r.status)`)
		again := eval[int64](member, `fetch(location.pathname + "/collect", {method: "POST"}).then(r => r.status)`)
		if status != http.StatusOK || again != http.StatusConflict {
			t.Errorf("collected: %d, then again: %d", status, again)
		}
		member.succeeds()
	})
	for _, op := range []struct{ operation, names, sees string }{
		{"add_registries", "images, tools", "images, tools"}, {"remove_registries", "tools", "images"},
		{"add_registry", "", "default-registry"}, {"remove_registry", "", "images"},
	} {
		step(op.operation, func(*testing.T) {
			admin.open("/admin/registries")
			admin.tick(`[name=operation][value=` + op.operation + `]`)
			admin.fill("#registries", op.names)
			admin.tick(`[name=clusters][value="` + strings.TrimPrefix(cluster, "/clusters/") + `"]`)
			admin.sees("#plan", "platform approver has to agree")
			admin.check("registries")
			platform.approves(admin.asksFor("images"))
			admin.succeeds()
			admin.open(cluster)
			admin.sees("main", op.sees)
		})
	}
	step("delete a cluster with all its resources", func(*testing.T) {
		member.open(cluster + "/delete")
		member.tick(`[name=operation][value=delete_cluster_dangerous]`)
		member.sees("#plan", "1 approval from payments-approvers and 1 approval from platform-approvers")
		member.fill("[name=typed_name]", "ops-dev")
		request := member.asksFor("the end of the test")
		approver.approves(request)
		member.sees("[data-testid=status]", "Waiting for approval")
		platform.approves(request)
		member.succeeds()
	})
	step("delete a cluster with chosen resources", func(t *testing.T) {
		search := signIn(t, "search-member")
		path := search.clusterPath("search-staging")
		search.open(path + "/delete")
		search.tick(`[name=operation][value=delete_cluster_selective]`)
		search.tick(`[name=resources][value="5f0c2a6e-0000-4000-8000-000000000001"]`)
		search.sees("[data-testid=destroys]", "pvc-index")
		search.sees("[data-testid=remains]", "pvc-cache")
		search.check("delete-selective")
		request := search.asksFor("moved elsewhere")
		platform.approves(request)
		search.succeeds()
		left := survivors(t, strings.TrimPrefix(path, "/clusters/"))
		if strings.Contains(left, "pvc-index") || !strings.Contains(left, "pvc-cache") || !strings.Contains(left, "search-ingress") {
			t.Errorf("left over: %s", left)
		}
	})
	step("the catalogue", func(*testing.T) {
		member.open("/catalogue")
		member.until(`document.querySelectorAll("[data-testid=catalogue] tbody tr").length === 28`)
		member.sees("[data-operation=delete_cluster_dangerous]", "Needs 1 approval from payments-approvers and 1 approval from platform-approvers")
		member.check("catalogue")
	})
}

// survivors are the resources that a deleted cluster left.
func survivors(t *testing.T, id string) string {
	t.Helper()
	resp, err := http.Get(simulator + "/_sim/clusters/" + id + "/survivors")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !json.Valid(body) {
		t.Fatalf("%v: %s", err, body)
	}
	return string(body)
}

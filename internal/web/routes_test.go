package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"doksportal/internal/store"
	"doksportal/internal/web/webtest"
)

// readers are the columns of the table below.
var readers = []string{"nobody", "member", "approver", "other", "platform", "admin", "auditor", "outsider"}

// access says how each route answers each reader: 2 it works, 4 the form is
// taken and found incomplete, L to the sign-in, F forbidden, N not found, U not
// signed in. Ids are those of team pay, of which only member and approver are
// members.
var access = map[string]string{
	//                                  nobody member approver other platform admin auditor outsider
	"GET /":                                      "L 2 2 2 2 2 2 F",
	"GET /me":                                    "L 2 2 2 2 2 2 2",
	"GET /about":                                 "L 2 2 2 2 2 2 2",
	"GET /me/sign-in":                            "L 2 2 2 2 2 2 2",
	"GET /step-up":                               "L 2 2 2 2 2 2 2",
	"GET /events":                                "U N N N N N N F",
	"GET /login":                                 "2 2 2 2 2 2 2 2",
	"GET /signed-out":                            "2 2 2 2 2 2 2 2",
	"GET /auth/callback":                         "F F F F F F F F",
	"POST /logout":                               "- - - - - - - -",
	"GET /healthz":                               "2 2 2 2 2 2 2 2",
	"GET /readyz":                                "2 2 2 2 2 2 2 2",
	"GET /static/*file":                          "N N N N N N N N",
	"GET /quotas":                                "L 2 2 2 2 2 2 F",
	"GET /quotas.csv":                            "L 2 2 2 2 2 2 F",
	"GET /quotas/orphans":                        "L 2 2 2 2 2 2 F",
	"GET /quotas/orphans.csv":                    "L 2 2 2 2 2 2 F",
	"GET /quotas/orphans/resolve":                "L 2 2 2 F 2 F F",
	"POST /quotas/orphans/resolve":               "U 4 4 4 F 4 F F",
	"GET /clusters":                              "L 2 2 2 2 2 2 F",
	"GET /clusters/new":                          "L 2 2 2 F F F F",
	"POST /clusters/new":                         "U 4 4 4 F F F F",
	"POST /clusters/new/plan":                    "U 2 2 2 F F F F",
	"GET /quotas/ask":                            "L 2 2 2 F F F F",
	"POST /quotas/ask":                           "U 4 4 4 F F F F",
	"POST /quotas/ask/plan":                      "U 2 2 2 F F F F",
	"GET /clusters/selected":                     "L 2 2 2 2 2 2 F",
	"GET /clusters/templates":                    "L 2 2 2 F F F F",
	"GET /clusters/:id":                          "L 2 2 N 2 2 2 F",
	"GET /clusters/:id/pools":                    "L 2 2 N 2 2 2 F",
	"GET /clusters/:id/pools/:pool":              "L 2 2 N 2 2 2 F",
	"GET /clusters/:id/activity":                 "L 2 2 N 2 2 2 F",
	"GET /clusters/:id/diagnostics":              "L 2 2 N 2 2 2 F",
	"POST /clusters/:id/diagnostics":             "U 4 4 N F F F F",
	"GET /clusters/:id/access":                   "L 2 2 N 2 2 2 F",
	"POST /clusters/:id/access":                  "U 4 4 N F F F F",
	"GET /catalogue":                             "L 2 2 2 2 2 2 2",
	"GET /admin/groups":                          "L F F F F 2 F F",
	"POST /admin/groups":                         "U F F F F 4 F F",
	"GET /admin/registries":                      "L F F F F 2 F F",
	"POST /admin/registries":                     "U F F F F 4 F F",
	"POST /admin/registries/plan":                "U F F F F 2 F F",
	"GET /campaigns":                             "L 2 2 2 2 2 2 F",
	"GET /campaigns/new":                         "L 2 2 2 F F F F",
	"POST /campaigns/new":                        "U 4 4 4 F F F F",
	"GET /campaigns/:number":                     "L N N N N N N F",
	"POST /campaigns/:number/review":             "U N N N N N N F",
	"POST /campaigns/:number/continue":           "U N N N N N N F",
	"POST /campaigns/:number/stop":               "U N N N N N N F",
	"POST /campaigns/:number/resume":             "U N N N N N N F",
	"POST /campaigns/:number/end":                "U N N N N N N F",
	"GET /requests":                              "L 2 2 2 2 2 2 F",
	"GET /requests/:number":                      "L 2 2 N 2 2 2 F",
	"POST /requests/:number/review":              "U F 4 N 4 F F F",
	"POST /requests/:number/withdraw":            "U - F N F F F F",
	"POST /requests/:number/collect":             "U 4 F N F F F F",
	"POST /requests/:number/stop":                "U F 4 N 4 4 F F",
	"POST /requests/:number/comment":             "U 4 4 N 4 4 4 F",
	"POST /requests/:number/remind":              "U 2 4 N 4 4 4 F", // once in a while
	"POST /requests/:number/break-glass":         "U F F N F 4 F F",
	"POST /requests/:number/break-glass-review":  "U F 4 N 4 4 F F",
	"POST /requests/:number/resend":              "U 4 F N F 4 F F",
	"POST /requests/:number/choose":              "U F F N F 4 F F",
	"POST /requests/:number/replan":              "U 4 F N F F F F",
	"GET /requests/:number/revise":               "L 2 F N F F F F",
	"POST /requests/:number/revise":              "U 4 F N F F F F",
	"POST /requests/:number/revise/plan":         "U 2 F N F F F F",
	"GET /search/found":                          "L 2 2 2 2 2 2 F",
	"GET /search":                                "L 2 2 2 2 2 2 F",
	"GET /inbox":                                 "L 2 2 2 2 2 2 F",
	"GET /inbox/count":                           "L 2 2 2 2 2 2 F",
	"GET /audit":                                 "L F F F F 2 2 F",
	"GET /audit/checkpoint":                      "L F F F F 2 2 F",
	"GET /audit/export":                          "L F F F F N N F", // without a format
	"GET /audit/events/:event":                   "L F F F F N N F",
	"GET /audit/cases/:number":                   "L F F F F 2 2 F",
	"GET /audit/reviews":                         "L F F F F 2 2 F",
	"GET /audit/reviews/:day":                    "L F F F F N N F",
	"POST /audit/reviews/:day":                   "U F F F F N N F",
	"POST /audit/reviews/quiet":                  "U F F F F F 4 F",
	"GET /audit/reconciliation":                  "L F F F F 2 2 F",
	"GET /audit/reconciliation.csv":              "L F F F F 2 2 F",
	"GET /audit/reconciliation/resolve":          "L F F F F 4 4 F", // nothing is chosen
	"POST /audit/reconciliation/resolve":         "U F F F F 4 4 F",
	"GET /audit/access":                          "L F F F F 2 2 F",
	"GET /audit/access.csv":                      "L F F F F 2 2 F",
	"GET /audit/access/sign":                     "L F F F F F 2 F", // what admins may do is reviewed, too
	"POST /audit/access/sign":                    "U F F F F F 4 F",
	"GET /audit/access/reviews/:review":          "L F F F F N N F", // there is none
	"GET /audit/access/reviews/:review/csv":      "L F F F F N N F",
	"GET /audit/access/reviews/:review/snapshot": "L F F F F N N F",
	"POST /audit/searches":                       "U F F F F 4 4 F",
	"POST /audit/searches/:search/delete":        "U F F F F N N F",
	"GET /admin/teams":                           "L F F F F 2 2 F",
	"GET /admin/default-quota":                   "L F F F F 2 F F",
	"POST /admin/default-quota":                  "U F F F F 4 F F",
	"GET /admin/teams/new":                       "L F F F F 2 F F",
	"POST /admin/teams/new":                      "U F F F F 4 F F",
	"GET /admin/teams/:slug":                     "L F F F F 2 2 F",
	"POST /admin/teams/:slug":                    "U F F F F 4 F F",
	"GET /admin/clusters":                        "L F F F F 2 F F",
	"POST /admin/clusters":                       "U F F F F N F F",
	"GET /admin/clusters/assign":                 "L F F F F 2 F F",
	"POST /admin/clusters/assign":                "U F F F F 4 F F",
	"GET /admin/clusters/rules":                  "L F F F F 2 F F",
	"POST /admin/clusters/rules":                 "U F F F F 4 F F",
	"POST /admin/clusters/rules/:rule/remove":    "U F F F F N F F",
	"GET /admin/changes":                         "L F F F F 2 F F",
	"POST /admin/changes/:id/accept":             "U F F F F N F F",
	"POST /admin/changes/:id/drop":               "U F F F F N F F",
	"GET /admin/sessions":                        "L F F F F 2 F F",
	"POST /me/sessions/end-others":               "U 2 2 2 2 2 2 2",
	"POST /me/notifications":                     "U 2 2 2 2 2 2 2",
	"POST /me/time-zone":                         "U 2 2 2 2 2 2 2",
	"POST /me/channels":                          "U 4 4 4 4 4 4 4",
	"POST /me/delegations":                       "U F 4 F 4 F F F",
	"POST /me/delegations/:id/end":               "U N N N N N N N",
	"GET /admin/delegations":                     "L F F F F 2 F F",
	"POST /admin/delegations/:id/end":            "U F F F F N F F",
	"POST /admin/teams/:slug/channels":           "U F F F F 4 F F",
	"GET /admin/notifications":                   "L F F F F 2 F F",
	"GET /admin/queue":                           "L F F F F 2 2 F",
	"POST /admin/queue/pause":                    "U F F F F 4 F F",
	"POST /admin/queue/:number/step":             "U F F F F 4 F F", // it waits for approval
	"POST /admin/queue/resume":                   "U F F F F 4 F F", // nobody has paused
	"GET /admin/policy":                          "L F F F F 2 2 F",
	"POST /admin/policy":                         "U F F F F 4 F F",
	"POST /admin/policy/check":                   "U F F F F 2 F F",
	"POST /admin/policy/try":                     "U F F F F 2 F F",
	"GET /admin/policy/:version":                 "L F F F F 2 2 F",
	"POST /admin/policy/:version/decide":         "U F F F F 4 F F",
}

// On the pages of a cluster where its team's members ask for something, all
// readers fare alike.
func init() {
	for _, action := range []string{"review", "withdraw", "stop", "comment", "remind", "break-glass", "break-glass-review", "resend", "choose", "collect", "replan"} {
		access["GET /requests/:number/"+action] = access["GET /requests/:number"]
		accessToOthers["GET /requests/:number/"+action] = accessToOthers["GET /requests/:number"]
	}
	for _, page := range []string{"settings", "upgrade", "lease", "delete", "pools/new", "pools/:pool/change", "pools/:pool/delete",
		"pools/:pool/recycle", "pools/:pool/nodes/:node/delete"} {
		access["GET /clusters/:id/"+page] = "L 2 2 N F F F F"
		access["POST /clusters/:id/"+page] = "U 4 4 N F F F F"
		access["POST /clusters/:id/"+page+"/plan"] = "U 2 2 N F F F F"
	}
	// No template, no channel and no delivery of theirs has the ids of the test.
	for _, do := range []string{"rename", "delete"} {
		access["POST /clusters/templates/:template/"+do] = "U N N N N N N F"
	}
	for _, do := range []string{"test", "remove"} {
		access["POST /me/channels/:channel/"+do] = "U N N N N N N N"
		access["POST /admin/teams/:slug/channels/:channel/"+do] = "U F F F F N F F"
	}
	for _, do := range []string{"retry", "give-up"} {
		access["POST /admin/notifications/:id/"+do] = "U F F F F N F F"
	}
	for _, page := range []string{"diagnostics", "access"} {
		access["POST /clusters/:id/"+page+"/plan"] = "U 2 2 N F F F F"
	}
	// Nobody has a session of that id.
	access["POST /me/sessions/:session/end"] = "U N N N N N N N"
	for _, do := range []string{"end", "end-all"} {
		access["POST /admin/sessions/:session/"+do] = "U F F F F N F F"
	}
}

// TestAccess walks every route as every reader.
func TestAccess(t *testing.T) {
	b := setup(t)
	number := b.pending()
	b.lease(b.ledger, 10*24*time.Hour)
	b.must(b.trail.Seal(t.Context()))
	ledger, err := store.Cluster(t.Context(), b.pool, b.ledger)
	b.must(err)
	pool := ledger.Pools[0]
	b.must(b.requests.Rules.Ensure(t.Context()))
	for _, r := range b.pages.Routes() {
		if r.Method == http.MethodHead {
			continue
		}
		route := r.Method + " " + r.Path
		path := strings.NewReplacer(":id", b.ledger, ":session", b.ledger, ":pool", pool.ID, ":node", pool.Nodes[0].ID, ":number", number, ":slug", "pay", ":version", "1", "*file", "none").Replace(r.Path)
		b.walk(route, strings.Fields(access[route]), r.Method, path)
	}
	for route := range access {
		if !b.served(route) {
			t.Errorf("%s is in the table but not served", route)
		}
	}
}

func (b *bundle) served(route string) bool {
	for _, r := range b.pages.Routes() {
		if r.Method+" "+r.Path == route {
			return true
		}
	}
	return false
}

func (b *bundle) access(method, path, reader string) string {
	b.t.Helper()
	browser := b.as(reader)
	page := browser.Get
	if method == http.MethodPost {
		// A rejection without a reason passes every check but the last.
		page = func(path string) webtest.Page { return browser.Post(path, url.Values{"decision": {"reject"}}) }
	}
	p := page(path)
	switch {
	case !strings.HasPrefix(p.URL.String(), b.url) && path != "/login":
		return "L"
	case p.Status == http.StatusOK:
		return "2"
	case p.Status == http.StatusUnprocessableEntity, p.Status == http.StatusConflict:
		return "4"
	case p.Status == http.StatusUnauthorized:
		return "U"
	case p.Status == http.StatusForbidden:
		return "F"
	case p.Status == http.StatusNotFound:
		return "N"
	}
	return http.StatusText(p.Status)
}

// accessToOthers is access for the routes of a request that is not team pay's:
// first that of team find, whom other is a member of and nobody here approves
// for, then that of clusters of both teams, which admin has asked for and
// platform decides on.
var accessToOthers = map[string][2]string{
	//                                      nobody member approver other platform admin auditor outsider, twice
	"GET /requests/:number":                     {"L N N 2 2 2 2 F", "L N N N 2 2 2 F"},
	"POST /requests/:number/review":             {"U N N F 4 F F F", "U N N N 4 F F F"},
	"POST /requests/:number/withdraw":           {"U N N - F F F F", "U N N N F - F F"},
	"POST /requests/:number/collect":            {"U N N 4 F F F F", "U N N N F 4 F F"},
	"POST /requests/:number/stop":               {"U N N F 4 4 F F", "U N N N 4 F F F"},
	"POST /requests/:number/comment":            {"U N N 4 4 4 4 F", "U N N N 4 4 4 F"},
	"POST /requests/:number/remind":             {"U N N 2 4 4 4 F", "U N N N 2 4 4 F"},
	"POST /requests/:number/break-glass":        {"U N N F F 4 F F", "U N N N F F F F"},
	"POST /requests/:number/break-glass-review": {"U N N F 4 4 F F", "U N N N 4 F F F"},
	"POST /requests/:number/resend":             {"U N N 4 F 4 F F", "U N N N F 4 F F"},
	"POST /requests/:number/choose":             {"U N N F F 4 F F", "U N N N F 4 F F"},
	"POST /requests/:number/replan":             {"U N N 4 F F F F", "U N N N F 4 F F"},
	"GET /requests/:number/revise":              {"L N N 2 F F F F", "L N N N F 2 F F"},
	"POST /requests/:number/revise":             {"U N N 4 F F F F", "U N N N F 4 F F"},
	"POST /requests/:number/revise/plan":        {"U N N 2 F F F F", "U N N N F 2 F F"},
	"GET /audit/cases/:number":                  {"L F F F F 2 2 F", "L F F F F 2 2 F"},
	"POST /admin/queue/:number/step":            {"U F F F F 4 F F", "U F F F F 4 F F"},
}

// TestAccessToOthers walks every route of a request as every reader, for
// requests of another team and of no team.
func TestAccessToOthers(t *testing.T) {
	b := setup(t)
	for i, number := range []string{b.asked("other", "/clusters/new", createForm("team", "find", "environment", "production")),
		b.asked("admin", "/admin/registries", url.Values{"submit_key": {uuid.NewString()}, "operation": {"add_registries"}, "clusters": {b.ledger, b.index},
			"registries": {"images"}, "justification": {"for a test"}})} {
		for _, r := range b.pages.Routes() {
			if r.Method == http.MethodHead || !strings.Contains(r.Path, ":number") || strings.HasPrefix(r.Path, "/campaigns/") {
				continue
			}
			route := r.Method + " " + r.Path
			b.walk(route, strings.Fields(accessToOthers[route][i]), r.Method, strings.ReplaceAll(r.Path, ":number", number))
		}
	}
	for route := range accessToOthers {
		if !b.served(route) {
			t.Errorf("%s is in the table but not served", route)
		}
	}
}

// walk goes to a route as every reader, and compares with a row of the table.
func (b *bundle) walk(route string, row []string, method, path string) {
	b.t.Helper()
	if len(row) != len(readers) {
		b.t.Errorf("%s is not in the table", route)
		return
	}
	for i, reader := range readers {
		if row[i] == "-" { // would spoil what follows
			continue
		}
		if got := b.access(method, path, reader); got != row[i] {
			b.t.Errorf("%s as %s: %s, want %s", route, reader, got, row[i])
		}
	}
}

// What is another team's looks exactly like what does not exist.
func TestForeignLooksLikeNothing(t *testing.T) {
	b := setup(t)
	number := b.pending()
	for foreign, nothing := range map[string]string{
		"/clusters/" + b.ledger:             "/clusters/00000000-0000-4000-8000-000000000000",
		"/clusters/" + b.legacy:             "/clusters/no-id-at-all",
		"/clusters/" + b.ledger + "/delete": "/clusters/00000000-0000-4000-8000-000000000000/delete",
		"/requests/" + number:               "/requests/999999",
	} {
		got, want := b.as("other").Get(foreign).WantStatus(http.StatusNotFound), b.as("other").Get(nothing).WantStatus(http.StatusNotFound)
		if got.Text("main") != want.Text("main") {
			t.Errorf("%s says %q, and what does not exist %q", foreign, got.Text("main"), want.Text("main"))
		}
	}
	var id string
	b.must(b.pool.QueryRow(t.Context(), "SELECT id FROM requests").Scan(&id))
	b.as("other").Get("/events?feed=request:" + id).WantStatus(http.StatusNotFound)
	for _, number := range []string{"0", "-1", "1.5", "99999999999999999999", "x", "%00"} {
		b.as("member").Get("/requests/" + number).WantStatus(http.StatusNotFound)
	}
}

package web_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Whatever test has the portal take a form looks that up on the trail, so that after
// all of them a form that leaves nothing there is known.
func TestMain(m *testing.M) { dbtest.Main(m, acts.check) }

// unrecorded are the forms that change nothing, the tests' own, and one that takes
// two admins, of whom these tests have one: package teams holds that it is recorded.
var unrecorded = []string{"/plan", "/policy/check", "/policy/try", "/ask-again", "/changes/:id/accept"}

func exempt(route string) bool {
	return slices.ContainsFunc(unrecorded, func(end string) bool { return strings.HasSuffix(route, end) })
}

// recorded are the forms, by their routes, that were taken, and whether one of each
// left an event. One that changes nothing, as when it is sent twice, need not.
type recorded struct {
	sync.Mutex
	forms map[string]bool
}

var acts = recorded{forms: map[string]bool{}}

// watch looks up what each form that next takes left on the trail.
func (b *bundle) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		answer := &noted{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		if answer.status >= http.StatusBadRequest {
			return
		}
		event := false
		err := b.pool.QueryRow(context.Background(), `SELECT EXISTS (SELECT FROM events WHERE http_request = $1)`, w.Header().Get("X-Request-Id")).Scan(&event)
		if err != nil {
			return // a test has the database be away
		}
		acts.Lock()
		defer acts.Unlock()
		if route := b.route(r.URL.Path); event || !exempt(route) {
			acts.forms[route] = acts.forms[route] || event
		}
	})
}

// noted is an answer whose status is noted.
type noted struct {
	http.ResponseWriter
	status int
}

func (n *noted) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (n *noted) Unwrap() http.ResponseWriter { return n.ResponseWriter }

// route is the route of a form's address, the one with fewest parameters if several
// match. Every form is noted, so that one which no test sends is known too.
func (b *bundle) route(path string) string {
	b.t.Helper()
	found, fewest := "", 100
	for _, r := range b.pages.Routes() {
		if r.Method != http.MethodPost {
			continue
		}
		if _, ok := acts.forms[r.Path]; !ok && !exempt(r.Path) {
			acts.forms[r.Path] = false
		}
		parts, typed := strings.Split(r.Path, "/"), strings.Split(path, "/")
		if len(parts) == len(typed) && strings.Count(r.Path, ":") < fewest && !slices.ContainsFunc(parts, func(p string) bool {
			return !strings.HasPrefix(p, ":") && p != typed[slices.Index(parts, p)]
		}) {
			found, fewest = r.Path, strings.Count(r.Path, ":")
		}
	}
	if found == "" {
		b.t.Errorf("POST %s has no route", path)
	}
	return found
}

// check reports the forms of which none left an event, after all tests.
func (r *recorded) check() error {
	if flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" || testing.Short() {
		return nil
	}
	var missing []string
	for route, event := range r.forms {
		if !event {
			missing = append(missing, "POST "+route)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	return fmt.Errorf("no test has these taken and leave an event on the trail: %s", strings.Join(missing, ", "))
}

// The forms that no other test has the portal take.
func TestFormsLeaveEvents(t *testing.T) {
	b := setup(t)
	send := func(account, page, action string, changes ...string) {
		t.Helper()
		p := b.as(account).Get(page)
		form := p.Find("main form[method=post][action$='" + action + "']").First()
		path, ok := form.Attr("action")
		if !ok {
			t.Fatalf("%s has no form %s for %s: %s", page, action, account, p.Text("main"))
		}
		if p := b.as(account).Post(path, fieldsOf(p, form, changes...)); p.Status != http.StatusOK || p.URL.Path == path {
			t.Errorf("%s: %d %s", path, p.Status, p.Text("main"))
		}
	}
	do, err := doapi.New(b.doURL, doToken)
	b.must(err)
	_, err = do.CreateNodePool(t.Context(), b.ledger, doapi.CreateNodePool{Name: "another", Size: "s-2vcpu-4gb", Count: 1})
	b.must(err)
	b.must(b.syncer.Sync(t.Context()))
	ledger, err := store.Cluster(t.Context(), b.pool, b.ledger)
	b.must(err)
	pool := "/clusters/" + b.ledger + "/pools/" + ledger.Pools[0].ID
	send("member", "/clusters/"+b.ledger+"/pools/new", "/pools/new", "name", "more", "size", "s-2vcpu-4gb", "count", "1", "justification", "a test")
	send("member", pool+"/change", "/change", "count", "3", "justification", "a test")
	send("member", pool+"/delete", "/delete", "justification", "a test", "confirm", ledger.Pools[0].Name)
	send("admin", "/admin/default-quota", "/default-quota", "nodes", "5")
	b.as("admin").Post("/admin/teams/new", newTeamForm()).WantStatus(http.StatusOK)
	b.as("member").Post("/me/channels", channelForm("kind", "slack")).WantStatus(http.StatusOK)
	send("member", "/me", "/test")

	number := b.pending()
	send("admin", "/requests/"+number, "/break-glass", "break_glass_reason", "it burns")
	send("platform", "/requests/"+number, "/break-glass-review", "break_glass_comment", "fine")
	send("platform", "/requests/"+number, "/stop", "stop_reason", "not now")
	number = b.pending()
	_, err = b.pool.Exec(t.Context(), `UPDATE requests SET state = $1, reason = 'a test' WHERE number = $2`, portal.Stale, number)
	b.must(err)
	send("member", "/requests/"+number, "/replan")
	b.as("member").Post("/logout", nil).WantStatus(http.StatusOK)
}

// Every event of a person says where they were and what they could do then.
func TestEventsSayWhereTheyComeFrom(t *testing.T) {
	b := setup(t)
	b.pending()
	var email, session, address, agent string
	var roles, groups []string
	b.must(b.pool.QueryRow(t.Context(), `SELECT actor_email, session, address, user_agent, actor_roles, actor_groups FROM events WHERE kind = $1`,
		portal.EventSubmitted).Scan(&email, &session, &address, &agent, &roles, &groups))
	if !strings.Contains(email, "@") || len(session) != 32 || address != "127.0.0.1" || !strings.HasPrefix(agent, "Go-http-client") || len(roles) != 0 || strings.Join(groups, " ") != "pay" {
		t.Errorf("%q %q %q %q %q %q", email, session, address, agent, roles, groups)
	}
	b.as("admin").Get("/audit?actor=Mia").WantStatus(200)
	b.must(b.pool.QueryRow(t.Context(), `SELECT actor_roles FROM events WHERE kind = $1 AND data->>'actor' = 'Mia'`, portal.EventTrailRead).Scan(&roles))
	if strings.Join(roles, " ") != "admin" {
		t.Errorf("who reads the trail is %q", roles)
	}
}

// What somebody may not see is on the trail when they try its id, once for each.
func TestForeignIDsAreRecorded(t *testing.T) {
	t.Run("of what people keep", foreignThings)
	b := setup(t)
	number := b.pending()
	for path, want := range map[string]int{"/clusters/" + b.ledger: 1, "/requests/" + number: 1, "/clusters/" + b.index: 0, "/requests/999": 0} {
		b.as("other").Get(path)
		if n := b.count(`SELECT count(*) FROM events WHERE kind = $1 AND summary LIKE '%' || $2 || ':%'`, portal.EventAccessRefused, path); n != want {
			t.Errorf("%s: %d events, want %d", path, n, want)
		}
	}
}

// foreignThings tries what people keep by the ids that they have for others.
func foreignThings(t *testing.T) {
	b := setup(t)
	b.as("member").Post("/clusters/new", templateForm("SECRET")).WantStatus(http.StatusOK)
	template := strings.TrimPrefix(b.template("member", "SECRET"), "/clusters/new?template=")
	b.as("other")
	b.as("platform")
	b.as("approver").Post("/me/delegations", b.standInForm("Mia Member")).WantStatus(http.StatusOK)
	var session, delegation string
	b.must(b.pool.QueryRow(t.Context(), `SELECT (SELECT id::text FROM sessions WHERE id IS NOT NULL ORDER BY created_at LIMIT 1), (SELECT id::text FROM delegations)`).Scan(&session, &delegation))
	other := b.as("other")
	other.Get("/clusters/new?template=" + template).WantStatus(http.StatusNotFound)
	for path, form := range map[string]url.Values{
		"/clusters/templates/" + template + "/rename": {"template_name": {"mine"}}, "/clusters/templates/" + template + "/delete": nil,
		"/me/sessions/" + session + "/end": nil, "/me/delegations/" + delegation + "/end": nil,
	} {
		other.Post(path, form).WantStatus(http.StatusNotFound)
		if n := b.count(`SELECT count(*) FROM events WHERE kind = $1 AND summary LIKE '%' || $2 || ':%'`, portal.EventAccessRefused, path); n != 1 {
			t.Errorf("%s: %d events, want 1", path, n)
		}
		other.Post(strings.NewReplacer(template, uuid.NewString(), session, uuid.NewString(), delegation, uuid.NewString()).Replace(path), form).WantStatus(http.StatusNotFound)
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = $1`, portal.EventAccessRefused); n != 5 {
		t.Errorf("%d refusals, want one for each thing that is there", n)
	}
	other.Get("/requests/" + strings.Repeat("0", 400) + "1").WantStatus(http.StatusNotFound)
}

// An event that tells of another time than it was recorded at is not shown as others.
func TestLateEventsSayWhen(t *testing.T) {
	b := setup(t)
	number := b.pending()
	_, err := b.pool.Exec(t.Context(), `INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, request_id, summary)
		SELECT $1, now() - interval '1 day', 'review_approved', 'done', 'i', 's', 'Petra', id, 'Petra approved it yesterday' FROM requests`, uuid.Must(uuid.NewV7()))
	b.must(err)
	for _, path := range []string{"/audit", "/requests/" + number} {
		if n := b.as("admin").Get(path).Find("[data-testid=recorded-late]").Length(); n != 1 {
			t.Errorf("%s says of %d events that they were recorded later", path, n)
		}
	}
}

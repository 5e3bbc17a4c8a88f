package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// standInForm is what an approver types to have somebody stand in for a week.
// Pairs of names and values replace what it has.
func (b *bundle) standInForm(name string, changes ...string) url.Values {
	b.t.Helper()
	var id string
	b.must(b.pool.QueryRow(b.t.Context(), `SELECT issuer || ' ' || subject FROM people WHERE name = $1`, name).Scan(&id))
	form := url.Values{"stand_in": {id}, "last_day": {time.Now().UTC().AddDate(0, 0, 6).Format(time.DateOnly)}, "delegation_reason": {"holidays <b>"}}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// An approver names a stand-in, who decides for them, is shown so everywhere,
// and no longer may once that has ended.
func TestStandIn(t *testing.T) {
	b := setup(t)
	for _, account := range []string{"admin", "other", "platform"} {
		b.as(account)
	}
	member, approver, platform := b.as("member"), b.as("approver"), b.as("platform")
	page := approver.Get("/me")
	if got := page.Text("#stand_in"); !strings.Contains(got, "Mia Member") || !strings.Contains(got, "Pia Platform") || strings.Contains(got, "Abe") || strings.Contains(got, "Oda") {
		t.Errorf("to choose from: %s", got)
	}
	page = platform.Post("/me/delegations", b.standInForm("Abe Approver")).WantStatus(http.StatusOK)
	if got := page.Text("[data-testid=own-stand-in]"); !strings.Contains(got, "Abe Approver stands in for you until") {
		t.Errorf("made: %s", got)
	}
	platform.Post("/me/delegations", b.standInForm("Mia Member")).WantStatus(http.StatusConflict)
	if got := approver.Get("/me").Text("[data-testid=stands-in]"); !strings.Contains(got, "You stand in for Pia Platform until") || !strings.Contains(got, "holidays <b>") {
		t.Errorf("the other side: %s", got)
	}
	// What only a platform approver decides on, Abe decides on for Pia.
	_, err := b.pool.Exec(t.Context(), `INSERT INTO policies (version, base, text, issuer, subject, author_name, note, created_at, state)
		VALUES (1, 0, 'rules: [{name: all, require: [{approvals: 1, from: [platform]}]}]', 'i', 's', 'n', '', now(), 'in_force')`)
	b.must(err)
	path := "/requests/" + b.pending()
	if got := approver.Get("/inbox").Text("[data-testid=to-decide] [data-testid=for-whom]"); !strings.HasPrefix(got, "for Pia Platform, until") {
		t.Errorf("the inbox says %q", got)
	}
	if got := member.Get(path).Text("[data-testid=can-give]"); !strings.Contains(got, "Abe Approver, standing in for Pia Platform") {
		t.Errorf("who can give it: %s", got)
	}
	page = approver.Get(path)
	if got := page.Text("[data-testid=for-whom]"); !strings.HasPrefix(got, "for Pia Platform, until") {
		t.Errorf("the request says %q", got)
	}
	page = approver.Post(path+"/review", fieldsOf(page, page.Find(`form[action$="/review"]`), "decision", "approve")).WantStatus(http.StatusOK)
	if got := page.Text("[data-testid=review]"); !strings.Contains(got, "by Abe Approver for Pia Platform,") {
		t.Errorf("the decision: %s", got)
	}
	trail := b.as("admin").Get("/audit?kind=delegation_made").Text("[data-testid=events]")
	if !strings.Contains(trail, "Pia Platform has Abe Approver stand in until") {
		t.Errorf("the trail: %s", trail)
	}
	// An admin ends it.
	list := b.as("admin").Get("/admin/delegations")
	end, _ := list.Find("[data-testid=delegations] form").Attr("action")
	own := strings.Replace(end, "/admin/", "/me/", 1)
	approver.Post(own, nil).WantStatus(http.StatusNotFound)
	if got := b.as("admin").Post(end, nil).WantStatus(http.StatusOK).Text("main"); !strings.Contains(got, "Nobody stands in for anybody") {
		t.Errorf("ended: %s", got)
	}
	path = "/requests/" + b.pending()
	approver.Get(path + "/review").WantStatus(http.StatusOK)
	page = approver.Get(path)
	if page.Find("[data-testid=for-whom]").Length() != 0 || page.Find("[data-testid=approve]").Length() != 0 {
		t.Error("after the end it is still offered")
	}
	approver.Post(path+"/review", url.Values{"decision": {"approve"}, "revision": {"1"}, "digest": {"x"}}).WantStatus(http.StatusForbidden)
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'delegation_ended' AND actor_name = 'Ada Admin'`); n != 1 {
		t.Errorf("%d ends on the trail", n)
	}
}

// What is wrong is said at its field, and nothing typed is lost.
func TestStandInFaults(t *testing.T) {
	b := setup(t)
	for _, account := range []string{"member", "other", "platform"} {
		b.as(account)
	}
	approver := b.as("approver")
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format(time.DateOnly) }
	for _, tt := range []struct{ field, value, says string }{
		{"stand_in", "", "Choose who"}, {"stand_in", "nobody", "Choose who"},
		{"last_day", "", "Enter a date"}, {"last_day", "tomorrow", "Enter a date"}, {"last_day", day(-2), "is over"},
		{"last_day", day(15), "longer than 14 days; enter " + time.Now().UTC().AddDate(0, 0, 13).Format("2 January 2006")}, {"last_day", "9999-12-31", "longer than 14 days"},
		{"delegation_reason", " ", "Enter why"}, {"delegation_reason", "a\u202eb", "cannot be seen"}, {"delegation_reason", strings.Repeat("x", 501), "at most 500"},
	} {
		form := b.standInForm("Mia Member", tt.field, tt.value)
		page := approver.Post("/me/delegations", form).WantStatus(http.StatusUnprocessableEntity)
		if got := page.Fault(tt.field); !strings.Contains(got, tt.says) {
			t.Errorf("%s %q: %q", tt.field, tt.value, got)
		}
		for _, field := range []string{"stand_in", "last_day", "delegation_reason"} {
			if page.Value(field) != form.Get(field) {
				t.Errorf("%s %q: %s is lost", tt.field, tt.value, field)
			}
		}
	}
	for name, want := range map[string]string{"Oda Other": "Choose who", "Abe Approver": "Choose who"} {
		if got := approver.Post("/me/delegations", b.standInForm(name)).WantStatus(http.StatusUnprocessableEntity).Fault("stand_in"); !strings.Contains(got, want) {
			t.Errorf("%s: %q", name, got)
		}
	}
	for _, account := range []string{"member", "other", "admin", "outsider"} {
		browser := b.as(account)
		browser.Post("/me/delegations", b.standInForm("Pia Platform")).WantStatus(http.StatusForbidden)
		if browser.Get("/me").Find("[data-testid=stand-in-panel]").Length() != 0 {
			t.Errorf("%s is offered a stand-in", account)
		}
	}
	if n := b.count("SELECT count(*) FROM delegations"); n != 0 {
		t.Errorf("%d delegations", n)
	}
}

// Naming a stand-in needs a fresh sign-in, after which what was typed is there.
func TestStandInNeedsAFreshSignIn(t *testing.T) {
	b := setup(t)
	b.as("member")
	approver := b.old("approver")
	form := b.standInForm("Mia Member")
	asked := approver.Post("/me/delegations", form)
	if n := b.count("SELECT count(*) FROM delegations"); n != 0 {
		t.Fatal("made by an old sign-in")
	}
	back := approver.SignInAgain(asked, "approver").WantStatus(http.StatusOK)
	if back.URL.Path != "/me" || back.Value("stand_in") != form.Get("stand_in") || back.Value("last_day") != form.Get("last_day") || back.Value("delegation_reason") != form.Get("delegation_reason") {
		t.Fatalf("%s: %s", back.URL, back.Text("main"))
	}
	approver.Post("/me/delegations", form).WantStatus(http.StatusOK)
	if n := b.count("SELECT count(*) FROM delegations"); n != 1 {
		t.Errorf("%d delegations", n)
	}
}

// One person stands in for no more than three.
func TestStandInsOfOnePersonAreBounded(t *testing.T) {
	b := setup(t)
	b.as("member")
	approver := b.as("approver")
	_, err := b.pool.Exec(t.Context(), `INSERT INTO people (issuer, subject, name, email, groups, groups_at)
		SELECT 'i', n::text, 'n', '', '{pay-approvers}', now() FROM generate_series(1, 3) n`)
	b.must(err)
	_, err = b.pool.Exec(t.Context(), `INSERT INTO delegations (id, issuer, subject, name, stand_in_issuer, stand_in_subject, stand_in_name, reason, starts_at, until)
		SELECT gen_random_uuid(), 'i', n::text, 'n', issuer, subject, name, 'r', now(), now() + interval '1 day' FROM people, generate_series(1, 3) n WHERE name = 'Mia Member'`)
	b.must(err)
	page := approver.Post("/me/delegations", b.standInForm("Mia Member")).WantStatus(http.StatusUnprocessableEntity)
	if got := page.Fault("stand_in"); !strings.Contains(got, "stands in for 3 people already") {
		t.Errorf("%q", got)
	}
	for name, step := range map[string]struct{ gone, back string }{
		"it has ended": {`UPDATE delegations SET until = now() - interval '1 second', starts_at = now() - interval '1 day' WHERE subject = '1'`,
			`UPDATE delegations SET until = now() + interval '1 day' WHERE subject = '1'`},
		"nobody has seen the delegator for a month": {`UPDATE people SET groups_at = now() - interval '31 days' WHERE subject = '1'`,
			`UPDATE people SET groups_at = now() WHERE subject = '1'`},
		"the delegator has no groups any longer": {`UPDATE people SET groups = '{}' WHERE subject = '1'`,
			`UPDATE people SET groups = '{pay-approvers}' WHERE subject = '1'`},
	} {
		_, err = b.pool.Exec(t.Context(), step.gone)
		b.must(err)
		page := approver.Post("/me/delegations", b.standInForm("Mia Member"))
		end, ok := page.Find("[data-testid=own-stand-in] form").Attr("action")
		if !ok {
			t.Errorf("%s: %d: %s", name, page.Status, page.Fault("stand_in"))
		} else {
			approver.Post(end, nil).WantStatus(http.StatusOK)
		}
		_, err = b.pool.Exec(t.Context(), step.back)
		b.must(err)
		approver.Post("/me/delegations", b.standInForm("Mia Member")).WantStatus(http.StatusUnprocessableEntity)
	}
}

// Nobody has others told of stand-ins without end.
func TestDelegationsOfOnePersonAreBounded(t *testing.T) {
	b := setup(t)
	b.as("member")
	approver := b.as("approver")
	for i := range 11 {
		page := approver.Post("/me/delegations", b.standInForm("Mia Member"))
		if i == 10 {
			page.WantStatus(http.StatusTooManyRequests)
			break
		}
		end, _ := page.WantStatus(http.StatusOK).Find("[data-testid=own-stand-in] form").Attr("action")
		approver.Post(end, nil).WantStatus(http.StatusOK)
	}
	if made, ended := b.count("SELECT count(*) FROM delegations"), b.count("SELECT count(*) FROM events WHERE kind = 'delegation_ended'"); made != 10 || ended != 10 {
		t.Errorf("%d were made, %d ended", made, ended)
	}
}

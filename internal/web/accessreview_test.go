package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/auditors"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/web/webtest"
)

const signAccessPath = "/audit/access/sign"

// describe has the identity provider say of somebody in which groups they are, and
// returns their key on pages.
func (b *bundle) describe(subject, name string, groups ...string) string {
	b.t.Helper()
	p := store.Person{Identity: portal.Identity{Issuer: "https://idp.example", Subject: subject}, Name: name, Email: subject + "@x.example", Groups: groups, GroupsAt: time.Now()}
	b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error { return b.auth.Describe(b.t.Context(), tx, p) }))
	return portal.AccessPerson{Issuer: p.Issuer, Subject: p.Subject}.Key()
}

func person(p webtest.Page, key string) string { return p.Text("[data-person='" + key + "']") }

// signing is the form by which a review is signed as the page offers it. Pairs of names
// and values replace what it has.
func signing(p webtest.Page, pairs ...string) url.Values {
	form := formOf(p)
	form.Set("note", "I went through all of them.")
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// The page says who may do what and why, and what the portal keeps of them; a name is
// text, and what the provider did not say gives nothing.
func TestAccessOfEverybody(t *testing.T) {
	b := setup(t)
	eve := b.describe("eve", "Eve <script>alert(1)</script>", "admins", "pay", "pay-approvers", "unrelated")
	forged := b.describe("mallory", "Mallory")
	b.exec("UPDATE people SET groups = '{admins}' WHERE subject = 'mallory'")
	b.exec(`INSERT INTO delegations (id, issuer, subject, name, stand_in_issuer, stand_in_subject, stand_in_name, reason, starts_at, until)
		VALUES (gen_random_uuid(), 'https://idp.example', 'abe', 'Abe', 'https://idp.example', 'eve', 'Eve', 'r', now() - interval '1 day', now() + interval '1 day'),
			(gen_random_uuid(), 'https://idp.example', 'old', 'Old', 'https://idp.example', 'eve', 'Eve', 'r', now() - interval '3 days', now() - interval '1 day')`)
	b.exec(`INSERT INTO channels (id, issuer, subject, kind, label, target, topics, created_at) VALUES (gen_random_uuid(), 'https://idp.example', 'eve', 'slack', 'l', 'SECRET', '{failed}', now())`)
	b.as("member")
	p := b.as("auditor").Get("/audit/access").WantStatus(http.StatusOK)
	got := person(p, eve)
	for _, want := range []string{"Eve <script>alert(1)</script>", "eve@x.example", "admin via admins", "member of team pay via pay", "approver of team pay via pay-approvers", "stands in for Abe until", "1 notification channel", "no session"} {
		if !strings.Contains(got, want) {
			t.Errorf("of Eve the page says %q, want %q", got, want)
		}
	}
	if strings.Contains(got, "unrelated") || strings.Contains(got, "Old") {
		t.Errorf("what gives nothing is shown: %q", got)
	}
	if got := person(p, forged); !strings.Contains(got, "other groups than the identity provider gave") || strings.Contains(got, "admin via") {
		t.Errorf("of who made up their groups the page says %q", got)
	}
	if got := p.Text("[data-testid=people]"); !strings.Contains(got, "Mia Member") || !strings.Contains(got, "1 session, tokens of the identity provider") {
		t.Errorf("of who is signed in the page says %q", got)
	}
	if got := p.Text("[data-testid=groups]"); !strings.Contains(got, "pay-approversapprover of team pay1 people known") {
		t.Errorf("the groups are %q", got)
	}
	if got := p.Text("[data-testid=held]"); !strings.Contains(got, "PORTAL_DO_TOKEN") {
		t.Errorf("the portal holds %q", got)
	}
	for _, secret := range []string{doToken, "SECRET", webtest.ClientSecret} {
		if strings.Contains(p.Body, secret) {
			t.Errorf("%s is on the page", secret)
		}
	}
	if admin := b.as("admin").Get("/audit/access").WantStatus(http.StatusOK); admin.Find("[name=mark]").Length()+admin.Find("[data-testid=go-on]").Length() != 0 {
		t.Error("who cannot sign is offered to")
	}
	b.as("admin").Get(signAccessPath).WantStatus(http.StatusForbidden)
	b.as("admin").Post(signAccessPath, url.Values{"note": {"fine"}}).WantStatus(http.StatusForbidden)
}

// A review that nobody has signed, by the trail, is none, and keeps nobody from signing; a
// snapshot that was changed is not shown as signed.
func TestAccessReviewThatNobodySigned(t *testing.T) {
	b := setup(t)
	auditor := b.as("auditor")
	auditor.Post(signAccessPath, signing(auditor.Get(signAccessPath))).WantStatus(http.StatusOK)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO access_reviews (id, number, issuer, subject, by_name, admin, note, marks, snapshot, digest, people, changes)
		SELECT gen_random_uuid(), 2, issuer, subject, by_name, false, 'as it should be', '[]', snapshot, digest, people, 0 FROM access_reviews`)
	b.must(err)
	if got := auditor.Get("/audit/access").Text("main"); strings.Contains(got, "as it should be") {
		t.Error("the page shows it")
	}
	auditor.Get("/audit/access/reviews/2").WantStatus(http.StatusNotFound)
	b.describe("new", "Nora New", "pay")
	auditor.Post(signAccessPath, signing(auditor.Get(signAccessPath))).WantStatus(http.StatusOK)
	if n := b.count(`SELECT count(*) FROM access_reviews`); n != 3 {
		t.Errorf("%d reviews are kept", n)
	}
	_, err = dbtest.Owner(t).Exec(t.Context(), `UPDATE access_reviews SET snapshot = '{}' WHERE number = 1`)
	b.must(err)
	auditor.Get("/audit/access/reviews/1").WantStatus(http.StatusConflict)
}

// A review is signed by an auditor who says who should lose access; the next one says
// what changed, and who has it all the same. Its snapshot is what the trail says.
func TestAccessReview(t *testing.T) {
	b := setup(t)
	eve, joe := b.describe("eve", "Eve", "admins", "pay"), b.describe("joe", "Joe", "find")
	auditor := b.as("auditor")
	p := auditor.Get("/audit/access?mark=" + eve)
	if p.Find("[name=mark][checked]").AttrOr("value", "") != eve {
		t.Error("who was ticked is not")
	}
	sign := auditor.Get(signAccessPath + "?" + url.Values{"mark": {eve}, "seen": {p.Value("seen")}}.Encode()).WantStatus(http.StatusOK)
	if got := sign.Text("[data-mark='" + eve + "']"); !strings.Contains(got, "admin via admins") {
		t.Errorf("of who is ticked the form says %q", got)
	}
	bad := auditor.Post(signAccessPath, signing(sign)).WantStatus(http.StatusUnprocessableEntity)
	if got := bad.Fault("mark_reason"); got != "Enter why Eve should lose access." || bad.Find("[name=mark][checked]").Length() != 1 || bad.Value("note") != "I went through all of them." {
		t.Errorf("without a reason it says %q", got)
	}
	for field, value := range map[string]string{"note": " ", "mark_reason": strings.Repeat("x", 1001)} {
		if p := auditor.Post(signAccessPath, signing(sign, "mark_reason", "left", field, value)).WantStatus(http.StatusUnprocessableEntity); p.Fault(field) == "" {
			t.Errorf("%s: no fault", field)
		}
	}
	auditor.Post(signAccessPath, signing(sign, "note", strings.Repeat("x", 2001), "mark_reason", "left")).WantStatus(http.StatusUnprocessableEntity)
	auditor.Post(signAccessPath, signing(sign, "mark_reason", "Left in May.")).WantStatus(http.StatusOK)

	b.describe("joe", "Joe", "find", "auditors")
	b.describe("eve", "Eve", "admins")
	b.describe("new", "Nora New", "pay")
	p = auditor.Get("/audit/access")
	changes := p.Text("[data-testid=access-changes]")
	for _, want := range []string{"Eve lost member of team pay", "Joe gained auditor via auditors", "Nora New is newgained member of team pay"} {
		if !strings.Contains(changes, want) {
			t.Errorf("the changes are %q, want %q", changes, want)
		}
	}
	if got := p.Text("[data-testid=left]"); !strings.Contains(got, "still has access EveLeft in May.admin via admins") {
		t.Errorf("of who should have lost access the page says %q", got)
	}
	b.describe("eve", "Eve")
	if got := auditor.Get("/audit/access").Text("[data-testid=left]"); !strings.Contains(got, "lost it Eve") {
		t.Errorf("of who has lost access the page says %q", got)
	}
	if got := person(auditor.Get("/audit/access"), joe); !strings.Contains(got, "auditor via auditors") {
		t.Errorf("of Joe the page says %q", got)
	}

	auditor.Post(signAccessPath, signing(auditor.Get(signAccessPath))).WantStatus(http.StatusOK)
	first := auditor.Get("/audit/access/reviews/1").WantStatus(http.StatusOK)
	if got := first.Text("main"); !strings.Contains(got, "Left in May.") || !strings.Contains(person(first, eve), "member of team pay") {
		t.Errorf("the first review has %q", got)
	}
	if got := b.as("admin").Get("/audit/access/reviews/2").Text("[data-testid=access-changes]"); !strings.Contains(got, "Eve lost admin via admins") {
		t.Errorf("the second review has %q", got)
	}
	if got := auditor.Get("/audit/access").Text("[data-testid=history]"); !strings.Contains(got, "Review 2") || !strings.Contains(got, "Review 1") {
		t.Errorf("the history is %q", got)
	}
	file := auditor.Get("/audit/access/reviews/1/snapshot").WantStatus(http.StatusOK)
	sum := sha256.Sum256([]byte(file.Body))
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'access_reviewed' AND data->>'sha256' = $1 AND data->>'review' = '1' AND data->'marks'->0->>'reason' = 'Left in May.' AND reason <> ''`, hex.EncodeToString(sum[:])); n != 1 {
		t.Errorf("%d events have the digest of the snapshot", n)
	}
	for _, sql := range []string{"UPDATE access_reviews SET note = 'x'", "DELETE FROM access_reviews", "TRUNCATE access_reviews"} {
		if _, err := b.pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s: it can be", sql)
		}
	}
	for _, number := range []string{"0", "3", "x", "99999999999"} {
		auditor.Get("/audit/access/reviews/" + number).WantStatus(http.StatusNotFound)
	}
}

// What is signed is what was on the page: where access has changed meanwhile the form
// comes back with what changed, nothing typed lost, and is signed once that was read.
func TestAccessThatChangesMeanwhile(t *testing.T) {
	b := setup(t)
	eve := b.describe("eve", "Eve", "pay")
	auditor := b.as("auditor")
	sign := auditor.Get(signAccessPath + "?mark=" + eve)
	b.describe("eve", "Eve", "admins")
	p := auditor.Post(signAccessPath, signing(sign, "mark_reason", "typed")).WantStatus(http.StatusConflict)
	if got := p.Text("[data-testid=since]"); !strings.Contains(got, "Eve gained admin via adminslost member of team pay via pay") {
		t.Errorf("the form says %q", got)
	}
	if p.Value("note") != "I went through all of them." || strings.TrimSpace(p.Find("textarea[name=mark_reason]").Text()) != "typed" || p.Find("[name=mark][checked]").Length() != 1 {
		t.Errorf("what was typed is lost: %q", p.Text("main"))
	}
	if n := b.count("SELECT count(*) FROM access_reviews"); n != 0 {
		t.Errorf("%d are signed", n)
	}
	list := auditor.Get("/audit/access?seen=" + sign.Value("seen"))
	if got := list.Text("[data-testid=since]"); !strings.Contains(got, "Eve gained admin") {
		t.Errorf("the list says %q", got)
	}
	auditor.Post(signAccessPath, formOf(p)).WantStatus(http.StatusOK)
	if n := b.count("SELECT count(*) FROM access_reviews"); n != 1 {
		t.Errorf("%d are signed", n)
	}
	auditor.Post(signAccessPath, signing(sign, "seen", "made up", "review_after", "1")).WantStatus(http.StatusUnprocessableEntity)
	auditor.Post(signAccessPath, url.Values{"seen": {"made up"}, "review_after": {"1"}, "note": {"x"}}).WantStatus(http.StatusConflict)
	auditor.Post(signAccessPath, url.Values{"seen": {p.Value("seen")}, "review_after": {"1"}, "note": {"x"}, "mark": {"nobody"}, "mark_shown": {"nobody"}, "mark_reason": {"x"}}).WantStatus(http.StatusNotFound)
}

// Sent twice it is signed once; of two auditors the second reads that the first has.
func TestAccessSignedAtOnce(t *testing.T) {
	b := setup(t)
	b.describe("eve", "Eve", "pay")
	other := webtest.SignIn(t, b.url, "auditor")
	auditor := b.as("auditor")
	form := signing(auditor.Get(signAccessPath))
	late := signing(other.Get(signAccessPath), "note", "another note")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { auditor.Post(signAccessPath, form).WantStatus(http.StatusOK) })
	}
	all.Wait()
	if n, events := b.count("SELECT count(*) FROM access_reviews"), b.count("SELECT count(*) FROM events WHERE kind = 'access_reviewed'"); n != 1 || events != 1 {
		t.Errorf("%d reviews, %d events", n, events)
	}
	p := other.Post(signAccessPath, late).WantStatus(http.StatusConflict)
	if !strings.Contains(p.Text("[data-testid=problem]"), "Otto Auditor has signed a review") || p.Value("note") != "another note" {
		t.Errorf("who is late reads %q", p.Text("main"))
	}
	other.Post(signAccessPath, formOf(p)).WantStatus(http.StatusOK)
}

// A signature needs a fresh sign-in, and what was typed comes back.
func TestAccessNeedsAFreshSignIn(t *testing.T) {
	b := setup(t)
	eve := b.describe("eve", "Eve", "pay")
	old := b.old("auditor")
	asked := old.Post(signAccessPath, signing(old.Get(signAccessPath+"?mark="+eve), "mark_reason", "left")).WantStatus(http.StatusOK)
	if asked.URL.Path != "/step-up" || b.count("SELECT count(*) FROM access_reviews") != 0 {
		t.Fatalf("%s, %d reviews", asked.URL, b.count("SELECT count(*) FROM access_reviews"))
	}
	back := old.SignInAgain(asked, "auditor").WantStatus(http.StatusOK)
	if back.Value("note") != "I went through all of them." || back.Find("[name=mark][checked]").Length() != 1 || !strings.Contains(back.Text("textarea[name=mark_reason]"), "left") {
		t.Errorf("back: %q", back.Text("main"))
	}
	old.Post(signAccessPath, formOf(back)).WantStatus(http.StatusOK)
	if n := b.count("SELECT count(*) FROM access_reviews WHERE marks->0->>'reason' = 'left'"); n != 1 {
		t.Errorf("%d reviews", n)
	}
}

// Many people are paged, found by name, and stay ticked on other pages.
func TestAccessOfManyPeople(t *testing.T) {
	b := setup(t)
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		for i := range 1000 {
			p := store.Person{Identity: portal.Identity{Issuer: "https://idp.example", Subject: fmt.Sprint("s", i)}, Name: fmt.Sprintf("Person %04d", i), Email: fmt.Sprintf("person.%d@company.example", i),
				Groups: []string{"pay", "find"}, GroupsAt: time.Now()}
			if err := b.auth.Describe(t.Context(), tx, p); err != nil {
				return err
			}
		}
		return nil
	}))
	auditor := b.as("auditor")
	first := auditor.Get("/audit/access")
	key := first.Find("[data-person]").Eq(50).AttrOr("data-person", "")
	if n := first.Find("[data-person]").Length(); n != 100 {
		t.Errorf("%d people on a page", n)
	}
	second := auditor.Get("/audit/access?page=2&mark=" + key)
	if second.Find("input[type=hidden][name=mark]").AttrOr("value", "") != key || !strings.Contains(second.Text("[data-testid=others]"), "1 person who is ticked is on other pages") {
		t.Errorf("who was ticked is lost: %q", second.Text("[data-testid=others]"))
	}
	seen := map[string]bool{}
	for page := 1; page <= 11; page++ {
		p := auditor.Get(fmt.Sprint("/audit/access?page=", page))
		for i := range p.Find("[data-person]").Length() {
			seen[p.Find("[data-person]").Eq(i).AttrOr("data-person", "")] = true
		}
	}
	if len(seen) != 1001 {
		t.Errorf("%d of 1001 people are on the pages", len(seen))
	}
	if got := auditor.Get("/audit/access?name=PERSON+0999"); got.Find("[data-person]").Length() != 1 || got.Text("[data-testid=found]") != "1 person" {
		t.Errorf("found: %q", got.Text("[data-testid=found]"))
	}
	for _, page := range []string{"0", "-1", "99", "x"} {
		auditor.Get("/audit/access?page=" + page).WantStatus(http.StatusOK)
	}
	var many []string
	for k := range seen {
		many = append(many, k)
	}
	form := signing(auditor.Get(signAccessPath))
	form["mark"], form["mark_shown"], form["mark_reason"] = many[:51], many[:51], many[:51]
	if p := auditor.Post(signAccessPath, form).WantStatus(http.StatusUnprocessableEntity); !strings.Contains(p.Fault("mark"), "at most 50") {
		t.Errorf("too many marks: %q", p.Text("main"))
	}
}

// The files have a line for each right and no formula.
func TestAccessAsFile(t *testing.T) {
	b := setup(t)
	eve := b.describe("eve", "=Eve", "admins", "pay")
	auditor := b.as("auditor")
	auditor.Post(signAccessPath, signing(auditor.Get(signAccessPath+"?mark="+eve), "mark_reason", "@left")).WantStatus(http.StatusOK)
	for _, path := range []string{"/audit/access.csv", "/audit/access/reviews/1/csv"} {
		lines, err := csv.NewReader(strings.NewReader(auditor.Get(path).WantStatus(http.StatusOK).Body)).ReadAll()
		b.must(err)
		var rights []string
		for _, l := range lines[1:] {
			if l[0] == "'=Eve" {
				rights = append(rights, l[4]+" "+l[5]+" "+l[14])
			}
		}
		mark := ""
		if strings.Contains(path, "reviews") {
			mark = "'@left"
		}
		if got, want := strings.Join(rights, ", "), "role admin "+mark+", member pay "+mark; got != want {
			t.Errorf("%s has %q, want %q", path, got, want)
		}
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'trail_read' AND data->>'format' = 'csv'"); n != 2 {
		t.Errorf("%d events tell of the files", n)
	}
}

// A review is due half a year after the portal was installed, or the last one; that is
// told once, and said on the page and on the auditor's desk.
func TestAccessReviewIsDue(t *testing.T) {
	b := setup(t)
	told := 0
	s := &auditors.Service{Pool: b.pool, Now: time.Now, People: b.auth, Rules: b.requests.Rules, Tell: func(context.Context, pgx.Tx, portal.Event) error { told++; return nil }}
	auditor := b.as("auditor")
	keep := func(at time.Time) {
		t.Helper()
		s.Now = func() time.Time { return at }
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { b.must(s.KeepAccess(t.Context())) })
		}
		all.Wait()
	}
	keep(time.Now())
	if told != 0 || auditor.Get("/").Find("[data-testid=access-due]").Length() != 0 || strings.Contains(auditor.Get("/audit/access").Text("[data-testid=due]"), "overdue") {
		t.Errorf("told %d times before it is due", told)
	}
	_, err := dbtest.Owner(t).Exec(t.Context(), "UPDATE installation SET installed_at = now() - interval '183 days'")
	b.must(err)
	keep(time.Now())
	keep(time.Now().Add(24 * time.Hour))
	if told != 1 || b.count("SELECT count(*) FROM events WHERE kind = 'access_review_due'") != 1 {
		t.Errorf("told %d times", told)
	}
	if got := auditor.Get("/").Text("[data-testid=access-due]"); !strings.Contains(got, "has been due since") {
		t.Errorf("the desk says %q", got)
	}
	if got := auditor.Get("/audit/access").Text("[data-testid=due]"); !strings.Contains(got, "overdue") {
		t.Errorf("the page says %q", got)
	}
	auditor.Post(signAccessPath, signing(auditor.Get(signAccessPath))).WantStatus(http.StatusOK)
	if auditor.Get("/").Find("[data-testid=access-due]").Length() != 0 || strings.Contains(auditor.Get("/audit/access").Text("[data-testid=due]"), "overdue") {
		t.Error("a review that was signed is overdue")
	}
	keep(time.Now().Add(portal.AccessReviewEvery + time.Hour))
	if told != 2 {
		t.Errorf("told %d times, half a year later", told)
	}
}

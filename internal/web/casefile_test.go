package web_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/uuid"

	"doksportal/internal/audit"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/web/webtest"
)

// send sends the form of a request's page that ends in an action.
func (b *bundle) send(account, number, action string, changes ...string) {
	b.t.Helper()
	page := b.as(account).Get("/requests/" + number)
	path := "/requests/" + number + "/" + action
	b.as(account).Post(path, fieldsOf(page, page.Find(`form[action="`+path+`"]`), changes...)).WantStatus(http.StatusOK)
}

// numbered is a request by its number.
func (b *bundle) numbered(number string) portal.Request {
	b.t.Helper()
	n, err := strconv.ParseInt(number, 10, 64)
	b.must(err)
	r, err := store.RequestByNumber(b.t.Context(), b.pool, n)
	b.must(err)
	return r
}

// step takes a request one step on.
func (b *bundle) step(number string) portal.State {
	b.t.Helper()
	_, err := b.executor.Step(b.t.Context(), b.numbered(number).ID)
	b.must(err)
	return b.numbered(number).State
}

// caseFile is the case file of a request, which has each of its events, and which the
// trail agrees with.
func (b *bundle) caseFile(number string) webtest.Page {
	b.t.Helper()
	page := b.as("auditor").Get("/audit/cases/" + number).WantStatus(http.StatusOK)
	rows := page.Find("[data-testid=case-events] tbody tr")
	if n := b.count(`SELECT count(*) FROM events WHERE request_id = $1`, b.numbered(number).ID); rows.Length() != n {
		b.t.Errorf("the case file of #%s has %d events of %d", number, rows.Length(), n)
	}
	if got := page.Text("[data-testid=differences], [data-testid=not-whole], [data-testid=cut]"); got != "" {
		b.t.Errorf("the case file of #%s: %s", number, got)
	}
	if got := page.Text("main"); strings.Contains(got, "no event in this file") {
		b.t.Errorf("no event tells of something: %s", got)
	}
	return page
}

// A case file says of each revision what was planned and who decided on what they saw,
// what was sent, and what came of it.
func TestCaseFile(t *testing.T) {
	b := setup(t)
	for _, account := range []string{"approver", "platform", "auditor"} {
		b.as(account)
	}
	const hostile = "<script>alert(1)</script>\n=cmd|' /C calc'!A0 https://wiki.example/plan"
	b.exec(`INSERT INTO policies (version, base, text, issuer, subject, author_name, note, created_at, state)
		VALUES (1, 0, 'rules: [{name: all, require: [{approvals: 1, from: [platform]}]}]', 'i', 's', 'n', '', now(), 'in_force')`)
	b.as("platform").Post("/me/delegations", b.standInForm("Abe Approver")).WantStatus(http.StatusOK)
	number := b.asked("member", "/clusters/new", createForm("name", "shop", "environment", "production", "justification", hostile))
	b.send("platform", number, "review", "decision", "changes", "comment", "two nodes <b>please</b>")
	form := formOf(b.as("member").Get("/requests/" + number + "/revise"))
	form.Set("pools[0].count", "2")
	form.Set("action", "submit")
	b.as("member").Post("/requests/"+number+"/revise", form).WantStatus(http.StatusOK)
	b.send("approver", number, "review", "decision", "approve", "comment", "agreed")
	b.send("approver", number, "comment", "text", "soon?")
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultLost})
	if got := b.step(number); got != portal.Unknown {
		t.Fatalf("it is %s: %s", got, b.numbered(number).Reason)
	}
	if got := b.step(number); got != portal.Settling {
		t.Fatalf("it is %s", got)
	}
	b.must(b.trail.Seal(t.Context()))

	page := b.caseFile(number)
	first, second := page.Text("[data-testid=revision-1]"), page.Text("[data-testid=revision-2]")
	for _, want := range []string{"Revision 1replaced", "1 × s-2vcpu-4gb", "version 1 of the policy", "Rule “all”", "changes requested by Pia Platform", "not the one that was sent", "two nodes <b>please</b>", "signed in less than a minute before", "roles: platform approver; groups: platform", "Planned again:"} {
		if !strings.Contains(first, want) {
			t.Errorf("revision 1 lacks %q: %s", want, first)
		}
	}
	for _, want := range []string{"Revision 2sent to DigitalOcean", "2 × s-2vcpu-4gb", "approved by Abe Approver", "for Pia Platform", "Saw revision 2, digest " + b.numbered(number).Digest[:16] + "…: the one that was sent", "Counted for platform", "groups: pay, pay-approvers", "agreed"} {
		if !strings.Contains(second, want) {
			t.Errorf("revision 2 lacks %q: %s", want, second)
		}
	}
	if got := page.Text("[aria-labelledby=attempts]"); !strings.Contains(got, "Attempt 1") || !strings.Contains(got, "of revision 2") || !strings.Contains(got, "unknown") || !strings.Contains(got, "Found to have taken effect") {
		t.Errorf("attempts: %s", got)
	}
	if got := page.Text("[data-testid=case-proof]"); !strings.Contains(got, "are under the newest checkpoint") || !strings.Contains(got, "portal.example/audit") {
		t.Errorf("proofs: %s", got)
	}
	if page.Find("main script").Length() != 0 || !strings.Contains(page.Text("[data-testid=case-facts]"), "<script>alert(1)</script>") {
		t.Error("what somebody typed is not shown as text")
	}
	if got := page.Find("[data-testid=bundle]").AttrOr("href", ""); got != "/audit/export?format=bundle&request="+number {
		t.Errorf("the download is %q", got)
	}
	b.must(b.trail.Seal(t.Context()))
	bundle := b.as("auditor").Get(page.Find("[data-testid=bundle]").AttrOr("href", "")).WantStatus(http.StatusOK)
	report, err := audit.VerifyBundle(strings.NewReader(bundle.Body), []string{b.trail.Signers[0].Public})
	b.must(err)
	if n := b.count(`SELECT count(*) FROM events WHERE request_id = $1`, b.numbered(number).ID); !report.OK() || report.Events != int64(n) {
		t.Errorf("the download has %d events of %d: %v", report.Events, n, report.Faults)
	}
	if !strings.Contains(page.Text("[data-testid=case-events]"), "soon?") {
		t.Error("comments are not on the timeline")
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = $1 AND data->>'case' = $2`, portal.EventTrailRead, number); n != 1 {
		t.Errorf("that it was read is %d times on the trail", n)
	}
}

// A rejection, and an approval that nobody gave, are told as such.
func TestCaseFileOfDecisions(t *testing.T) {
	b := setup(t)
	rejected := b.pending()
	b.send("approver", rejected, "review", "decision", "reject", "comment", "no need")
	page := b.caseFile(rejected)
	if got := page.Text("[data-testid=case-review]"); !strings.Contains(got, "rejected by Abe Approver") || !strings.Contains(got, "the last one") || !strings.Contains(got, "no need") {
		t.Errorf("the rejection: %s", got)
	}
	if got := page.Text("main"); !strings.Contains(got, "Nothing was sent to DigitalOcean.") {
		t.Error("it does not say that nothing was sent")
	}
	urgent := b.pending()
	b.send("admin", urgent, "break-glass", "break_glass_reason", "it burns")
	if got := b.caseFile(urgent).Text("[data-testid=case-break-glass]"); !strings.Contains(got, "pending") {
		t.Errorf("before the review: %s", got)
	}
	b.send("platform", urgent, "break-glass-review", "break_glass_comment", "it did")
	b.sim.Inject(dosim.Fault{Operation: "create_cluster", Kind: dosim.FaultStatus, Status: http.StatusUnprocessableEntity, ID: "unprocessable_entity", Message: "no such size"})
	if got := b.step(urgent); got != portal.Failed {
		t.Fatalf("it is %s", got)
	}
	page = b.caseFile(urgent)
	if got := page.Text("[data-testid=case-break-glass]"); !strings.Contains(got, "by Ada Admin") || !strings.Contains(got, "the one that was sent") || !strings.Contains(got, "it burns") || !strings.Contains(got, "Reviewed by Pia Platform") || !strings.Contains(got, "it did") {
		t.Errorf("the break-glass: %s", got)
	}
	if got, want := page.Text("[data-testid=do-request]"), b.numbered(urgent).Attempts[0].DORequestID; got != want || len(want) != 36 {
		t.Errorf("DigitalOcean's request id is %q, want %q", got, want)
	}
	b.as("auditor").Get("/audit/cases/9999").WantStatus(http.StatusNotFound)
	b.as("auditor").Get("/audit/cases/x").WantStatus(http.StatusNotFound)
}

// Whoever changes records past the portal is given away by the trail.
func TestCaseFileHoldsRecordsAgainstTheTrail(t *testing.T) {
	b := setup(t)
	number := b.pending()
	b.send("approver", number, "review", "decision", "approve")
	b.step(number)
	b.caseFile(number)
	owner := dbtest.Owner(t)
	for name, tt := range map[string]struct{ change, back, want string }{
		"the plan":             {`UPDATE requests SET plan = jsonb_set(plan, '{changes,0,after}', '"nothing"')`, `UPDATE requests SET plan = jsonb_set(plan, '{changes,0,after}', (SELECT data::jsonb #> '{plan,changes,0,after}' FROM events WHERE kind = 'request_submitted'))`, "another plan of revision 1"},
		"what it is done with": {`UPDATE requests SET params = jsonb_set(params, '{create,name}', '"other"')`, `UPDATE requests SET params = jsonb_set(params, '{create,name}', to_jsonb(target_name))`, "not what its digest is of"},
		"why":                  {`UPDATE requests SET justification = justification || '!'`, `UPDATE requests SET justification = rtrim(justification, '!')`, "another reason of revision 1"},
		"what was approved":    {`UPDATE reviews SET digest = digest || '0'`, `UPDATE reviews SET digest = left(digest, 64)`, "another digest of what Abe Approver decided on revision 1"},
		"what they said":       {`UPDATE reviews SET comment = comment || ' not'`, `UPDATE reviews SET comment = left(comment, -4)`, "another comment of what Abe Approver decided on revision 1"},
		"what they are called": {`UPDATE reviews SET reviewer_name = 'Xaver'`, `UPDATE reviews SET reviewer_name = 'Abe Approver'`, "another name of what Xaver decided on revision 1"},
		"when they did":        {`UPDATE reviews SET created_at = created_at - interval '30 days'`, `UPDATE reviews SET created_at = created_at + interval '30 days'`, "another time of what Abe Approver decided"},
		"who answered":         {`UPDATE executions SET do_request_id = 'deadbeef'`, `UPDATE executions SET do_request_id = ''`, "another request id of DigitalOcean's"},
		"for whom":             {`UPDATE reviews SET for_issuer = 'i', for_subject = 's', for_name = 'n'`, `UPDATE reviews SET for_issuer = '', for_subject = '', for_name = ''`, "person for whom they stood in"},
		"who approved":         {`UPDATE reviews SET subject = subject || '!'`, `UPDATE reviews SET subject = rtrim(subject, '!')`, "No event tells of what Abe Approver decided on revision 1."},
		"that it was sent":     {`UPDATE executions SET attempt = 2`, `UPDATE executions SET attempt = 1`, "No event tells of attempt 2."},
		"what came of it":      {`UPDATE executions SET outcome = 'refused'`, `UPDATE executions SET outcome = 'accepted'`, "another outcome of the outcome of attempt 1"},
		"that nobody did":      {`UPDATE reviews SET revision = 7`, `UPDATE reviews SET revision = 1`, "No record says so."},
		"a break-glass of it":  {`INSERT INTO break_glasses (request_id, revision, issuer, subject, name, reason, at) SELECT id, 1, 'i', 's', 'Eve', 'r', now() FROM requests`, `DELETE FROM break_glasses`, "No event tells of the break-glass of revision 1 by Eve."},
	} {
		_, err := owner.Exec(t.Context(), tt.change)
		b.must(err)
		if got := b.as("auditor").Get("/audit/cases/" + number).WantStatus(http.StatusOK).Text("[data-testid=differences]"); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q does not say %q", name, got, tt.want)
		}
		_, err = owner.Exec(t.Context(), tt.back)
		b.must(err)
		b.caseFile(number)
	}
}

// However much is said about a request, its file has an end and says so, and the
// comments hide nothing else.
func TestCaseFileIsBounded(t *testing.T) {
	b := setup(t)
	number := b.pending()
	b.exec(`INSERT INTO events (id, at, kind, outcome, issuer, subject, actor_name, request_id, summary)
		SELECT (left($1, 15) || right(gen_random_uuid()::text, 21))::uuid, now() - interval '1 hour', $2, 'done', 'i', 's', 'n', id, 'a comment' FROM requests, generate_series(1, 1005)`,
		uuid.Must(uuid.NewV7()).String(), portal.EventCommented)
	page := b.as("auditor").Get("/audit/cases/" + number).WantStatus(http.StatusOK)
	kinds := map[string]int{}
	page.Find("[data-testid=case-events] tbody tr").Each(func(_ int, row *goquery.Selection) { kinds[row.AttrOr("data-kind", "")]++ })
	if kinds["request_commented"] != portal.MostCaseEvents || kinds["request_submitted"] != 1 || page.Text("[data-testid=cut]") == "" {
		t.Errorf("%v, %q", kinds, page.Text("[data-testid=cut]"))
	}
}

// Who may audit is led to the case file from where they are; nobody else is.
func TestCaseFileIsAtHand(t *testing.T) {
	b := setup(t)
	number := b.pending()
	var event string
	b.must(b.pool.QueryRow(t.Context(), `SELECT id::text FROM events WHERE kind = $1`, portal.EventSubmitted).Scan(&event))
	link := "main a[href='/audit/cases/" + number + "']"
	for _, path := range []string{"/requests/" + number, "/audit?request=" + number, "/audit?request=%23" + number, "/audit/events/" + event} {
		if b.as("auditor").Get(path).Find(link).Length() != 1 {
			t.Errorf("%s does not lead to the case file", path)
		}
	}
	for _, path := range []string{"/audit", "/audit?request=999"} {
		if b.as("auditor").Get(path).Find("main a[href^='/audit/cases/']").Length() != 0 {
			t.Errorf("%s leads to a case file", path)
		}
	}
	if b.as("member").Get("/requests/"+number).Find(link).Length() != 0 {
		t.Error("a member is led to a case file")
	}
}

package web_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/orphans"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

const resolvePath = "/quotas/orphans/resolve"

// leave has the deletion of a cluster, which account asks for, leave resources behind,
// and returns their ids.
func (b *bundle) leave(account, cluster string, left ...portal.Resource) []string {
	b.t.Helper()
	number, err := strconv.ParseInt(b.asked(account, "/clusters/"+cluster+"/delete", url.Values{
		"submit_key": {uuid.NewString()}, "operation": {"delete_cluster"}, "justification": {"a test"}, "action": {"submit"}}), 10, 64)
	b.must(err)
	r, err := store.RequestByNumber(b.t.Context(), b.pool, number)
	b.must(err)
	b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error { return store.InsertOrphans(b.t.Context(), tx, r, left, time.Now()) }))
	rows, err := b.pool.Query(b.t.Context(), `SELECT id::text FROM orphans WHERE request_id = $1 ORDER BY id`, r.ID)
	b.must(err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	b.must(err)
	return ids
}

// resolving is the form that says of orphans that they are kept. Pairs of names and
// values replace what it has.
func resolving(ids []string, changes ...string) url.Values {
	form := url.Values{"orphan": ids, "orphan_shown": ids, "orphan_state": {"kept"}, "orphan_reason": {"The data is still needed."}}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

var leftOfLedger = []portal.Resource{
	{Kind: portal.LoadBalancer, ID: "lb", Name: "front"}, {Kind: portal.Volume, ID: "v", Name: "=data"}, {Kind: portal.VolumeSnapshot, ID: "s", Name: "nightly"}}

// What deleted clusters left behind is listed for those who may see their teams, with
// its price where that is known. Members of the team and admins say what became of it;
// then it is off the list, with who and why on the trail.
func TestOrphans(t *testing.T) {
	b := setup(t)
	ids := b.leave("member", b.ledger, leftOfLedger...)
	b.leave("other", b.index, portal.Resource{Kind: portal.Volume, ID: "w", Name: "words"})
	for account, want := range map[string]struct{ rows, boxes int }{"member": {3, 3}, "other": {1, 1}, "admin": {4, 4}, "platform": {4, 0}, "auditor": {4, 0}} {
		p := b.as(account).Get("/quotas/orphans").WantStatus(http.StatusOK)
		if rows, boxes := p.Find("[data-orphan]").Length(), p.Find("[data-orphan] [name=orphan]").Length(); rows != want.rows || boxes != want.boxes {
			t.Errorf("%s sees %d and may resolve %d, want %v", account, rows, boxes, want)
		}
	}
	list := b.as("member").Get("/quotas/orphans")
	for id, want := range map[string]string{ids[0]: "from $12", ids[1]: "not known $0.10 a GiB", ids[2]: "not known $0.06 a GiB"} {
		if row := list.Text("[data-orphan='" + id + "']"); !strings.Contains(row, want) {
			t.Errorf("the row says %q, not %q", row, want)
		}
	}
	if sum := b.as("member").Get("/quotas").Text("[data-testid=orphans-notice]"); !strings.Contains(sum, "3 open, at least $12 a month at list price. What 2 of them cost is not known.") {
		t.Errorf("the page of quotas says %q", sum)
	}

	p := b.as("member").Post(resolvePath, resolving(ids[1:])).WantStatus(http.StatusOK)
	if p.Find("[data-orphan]").Length() != 1 || !strings.Contains(p.Text("[data-testid=orphans-sum]"), "1 open") {
		t.Errorf("open is still %q", p.Text("main"))
	}
	kept := b.as("auditor").Get("/quotas/orphans?state=kept&team=pay")
	if row := kept.Text("[data-orphan='" + ids[1] + "']"); !strings.Contains(row, "The data is still needed.") || !strings.Contains(row, "Mia Member") || kept.Find("[data-orphan]").Length() != 2 {
		t.Errorf("kept is %q", kept.Text("main"))
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'orphan_resolved' AND actor_name = 'Mia Member' AND reason = 'The data is still needed.'
		AND target_id = $1 AND team_id = (SELECT id FROM teams WHERE slug = 'pay') AND data->>'orphan' = ANY ($2)`, b.ledger, ids[1:]); n != 2 {
		t.Errorf("%d of 2 events", n)
	}
	b.as("admin").Post(resolvePath, resolving(ids[:1], "orphan_state", "deleted")).WantStatus(http.StatusOK)
	if p := b.as("member").Get("/quotas/orphans?state=deleted"); !strings.Contains(p.Text("[data-orphan='"+ids[0]+"']"), "Ada Admin") {
		t.Errorf("deleted is %q", p.Text("main"))
	}
	for _, query := range []string{"?state=nonsense", "?team=find", "?team=nobody"} {
		b.as("member").Get("/quotas/orphans" + query).WantStatus(http.StatusNotFound)
	}
}

// The file has all of the list, a price only where it is known, and no formula.
func TestOrphansAsFile(t *testing.T) {
	b := setup(t)
	ids := b.leave("member", b.ledger, leftOfLedger...)
	b.leave("other", b.index, portal.Resource{Kind: portal.Volume, ID: "w", Name: "words"})
	b.as("member").Post(resolvePath, resolving(ids[2:], "orphan_reason", "+1")).WantStatus(http.StatusOK)
	read := func(query string) [][]string {
		file := b.as("member").Get("/quotas/orphans.csv" + query).WantStatus(http.StatusOK)
		lines, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
		b.must(err)
		return lines[1:]
	}
	open := read("")
	if len(open) != 2 || open[0][4] != "'=data" || open[0][8] != "" || open[1][4] != "front" || open[1][8] != "1200" {
		t.Errorf("open: %q", open)
	}
	if kept := read("?state=kept"); len(kept) != 1 || kept[0][9] != "kept" || kept[0][10] != "Mia Member" || kept[0][12] != "'+1" {
		t.Errorf("kept: %q", kept)
	}
}

// What one may not resolve stays as it is: of another team it looks like nothing, and
// who may only read is refused. Of several, none is resolved then.
func TestOrphansOfOthers(t *testing.T) {
	b := setup(t)
	mine := b.leave("member", b.ledger, leftOfLedger...)
	theirs := b.leave("other", b.index, portal.Resource{Kind: portal.Volume, ID: "w", Name: "SECRET"})
	nothing := b.as("member").Get(resolvePath + "?orphan=" + uuid.NewString()).WantStatus(http.StatusNotFound)
	for _, ids := range [][]string{theirs, append(theirs, mine...)} {
		if p := b.as("member").Get(resolvePath + "?" + url.Values{"orphan": ids}.Encode()).WantStatus(http.StatusNotFound); p.Text("main") != nothing.Text("main") {
			t.Errorf("%q, and of what is not there %q", p.Text("main"), nothing.Text("main"))
		}
		b.as("member").Post(resolvePath, resolving(ids)).WantStatus(http.StatusNotFound)
	}
	b.as("member").Post(resolvePath, resolving(mine, "orphan_shown", theirs[0], "orphan_reason", "")).WantStatus(http.StatusNotFound)
	for _, ids := range [][]string{{uuid.NewString()}, append([]string{uuid.NewString()}, mine...), {"x"}, {"\x00"}} {
		b.as("member").Post(resolvePath, resolving(ids)).WantStatus(http.StatusNotFound)
	}
	for _, reader := range []string{"platform", "auditor"} {
		b.as(reader).Get(resolvePath + "?orphan=" + mine[0]).WantStatus(http.StatusForbidden)
		b.as(reader).Post(resolvePath, resolving(mine)).WantStatus(http.StatusForbidden)
	}
	if n := b.count(`SELECT count(*) FROM orphans WHERE state <> 'open'`) + b.count(`SELECT count(*) FROM events WHERE kind = 'orphan_resolved'`); n != 0 {
		t.Errorf("%d are resolved or on the trail", n)
	}
	if n := b.count(`SELECT count(*) FROM events WHERE kind = $1 AND actor_name = 'Mia Member'`, portal.EventAccessRefused); n == 0 {
		t.Error("that a member tried the ids of others is not on the trail")
	}
	if orphans.MayResolve(portal.Actor{Groups: []string{"pay-approvers"}, Identity: portal.Identity{Issuer: "i", Subject: "s"}}, portal.Team{MemberGroup: "pay", ApproverGroup: "pay-approvers"}) {
		t.Error("who only approves for a team may resolve its orphans")
	}
}

// However many say at once what became of an orphan, the first word counts, once.
func TestOrphansAreResolvedOnce(t *testing.T) {
	b := setup(t)
	ids := b.leave("member", b.ledger, leftOfLedger...)
	var all sync.WaitGroup
	for i, account := range []string{"member", "approver", "admin", "member", "approver", "admin"} {
		browser := b.as(account)
		all.Go(func() {
			browser.Post(resolvePath, resolving(ids, "orphan_reason", "word "+strconv.Itoa(i))).WantStatus(http.StatusOK)
		})
	}
	all.Wait()
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'orphan_resolved'`); n != len(ids) {
		t.Errorf("%d events for %d orphans", n, len(ids))
	}
	if n := b.count(`SELECT count(DISTINCT reason) FROM (SELECT reason FROM orphans UNION ALL SELECT reason FROM events WHERE kind = 'orphan_resolved') said`); n != 1 {
		t.Errorf("%d words count", n)
	}
	p := b.as("member").Post(resolvePath, resolving(ids)).WantStatus(http.StatusOK)
	if !strings.Contains(p.Text("body"), "nothing has changed") {
		t.Errorf("who is late reads %q", p.Text("body"))
	}
	if p := b.as("member").Get(resolvePath + "?orphan=" + ids[0]); !strings.Contains(p.Text("[data-testid=resolved-already]"), "word ") || p.Find("main form").Length() != 0 {
		t.Errorf("the form of a resolved one: %q", p.Text("main"))
	}
}

// What was said wrongly is corrected, or taken back, and only by who has seen it.
func TestOrphansAreCorrected(t *testing.T) {
	b := setup(t)
	ids := b.leave("member", b.ledger, leftOfLedger...)
	member := b.as("member")
	member.Post(resolvePath, resolving(ids, "orphan_state", "deleted")).WantStatus(http.StatusOK)
	form := member.Get(member.Get("/quotas/orphans?state=deleted").Find("[data-orphan='"+ids[0]+"'] a.btn").AttrOr("href", "/none")).WantStatus(http.StatusOK)
	if form.Find("[name=orphan_state]").Length() != 2 || form.Find("[name=orphan_state][value=deleted]").Length() != 0 {
		t.Errorf("the form is %q", form.Text("main"))
	}
	member.Post(resolvePath, resolving(ids[:1], "orphan_from", "deleted", "orphan_state", "kept", "orphan_reason", "It is still there.")).WantStatus(http.StatusOK)
	if p := member.Post(resolvePath, resolving(ids[:1], "orphan_from", "deleted", "orphan_state", "open")).WantStatus(http.StatusOK); !strings.Contains(p.Text("body"), "nothing has changed") {
		t.Errorf("who has not seen that reads %q", p.Text("body"))
	}
	open := member.Post(resolvePath, resolving(ids[1:2], "orphan_from", "deleted", "orphan_state", "open", "orphan_reason", "I looked at another one.")).WantStatus(http.StatusOK)
	if open.Find("[data-orphan='"+ids[1]+"']").Length() != 1 || !strings.Contains(open.Text("body"), "is open again") {
		t.Errorf("open is %q", open.Text("main"))
	}
	if got := b.count(`SELECT count(*) FROM events WHERE kind = 'orphan_resolved' AND reason = 'I looked at another one.' AND data->>'before' = 'deleted' AND data->>'state' = 'open'`); got != 1 {
		t.Errorf("%d events say that it is open again", got)
	}
	if row := member.Get("/quotas/orphans?state=kept").Text("[data-orphan='" + ids[0] + "']"); !strings.Contains(row, "It is still there.") {
		t.Errorf("kept is %q", row)
	}
	member.Post(resolvePath, resolving(ids, "orphan_from", "nonsense")).WantStatus(http.StatusNotFound)
}

// What is wrong is said at its field, and nothing that was typed or ticked is lost.
func TestWrongResolving(t *testing.T) {
	b := setup(t)
	ids := b.leave("member", b.ledger, leftOfLedger...)
	many := make([]string, orphans.MostAtOnce+1)
	for i := range many {
		many[i] = uuid.NewString()
	}
	for name, c := range map[string]struct {
		change      []string
		field, says string
	}{
		"no reason":     {[]string{"orphan_reason", " \n"}, "orphan_reason", "Enter a reason."},
		"long reason":   {[]string{"orphan_reason", strings.Repeat("é", 1001)}, "orphan_reason", "1001 characters"},
		"hidden reason": {[]string{"orphan_reason", "a\u202eb"}, "orphan_reason", "cannot be seen"},
		"no state":      {[]string{"orphan_state", ""}, "orphan_state", "Choose"},
		"open":          {[]string{"orphan_state", "open"}, "orphan_state", "Choose"},
	} {
		form := resolving(ids[:2], c.change...)
		form["orphan_shown"] = ids
		p := b.as("member").Post(resolvePath, form).WantStatus(http.StatusUnprocessableEntity)
		if !strings.Contains(p.Fault(c.field), c.says) {
			t.Errorf("%s: at the field it says %q: %s", name, p.Fault(c.field), p.Text("main"))
		}
		if got, want := p.Find("textarea[name=orphan_reason]").Text(), form.Get("orphan_reason"); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s: the reason %q became %q", name, want, got)
		}
		if p.Find("[name=orphan]").Length() != 3 || p.Find("[name=orphan][checked]").Length() != 2 {
			t.Errorf("%s: %d of %d are ticked", name, p.Find("[name=orphan][checked]").Length(), p.Find("[name=orphan]").Length())
		}
	}
	none := resolving(nil)
	none["orphan_shown"] = ids
	if p := b.as("member").Post(resolvePath, none).WantStatus(http.StatusUnprocessableEntity); p.Fault("orphan") == "" || p.Find("[name=orphan]").Length() != 3 || !strings.Contains(p.Text("textarea"), "still needed") {
		t.Errorf("with nothing ticked: %q", p.Text("main"))
	}
	if p := b.as("member").Post(resolvePath, resolving(many)).WantStatus(http.StatusUnprocessableEntity); !strings.Contains(p.Text("main"), "at most 100") {
		t.Errorf("with too many: %q", p.Text("main"))
	}
	b.as("member").Get(resolvePath + "?" + url.Values{"orphan": many}.Encode()).WantStatus(http.StatusUnprocessableEntity)
	if n := b.count(`SELECT count(*) FROM events WHERE kind = 'orphan_resolved'`); n != 0 {
		t.Errorf("%d events", n)
	}
}

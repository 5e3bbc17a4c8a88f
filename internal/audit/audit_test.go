package audit_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/names"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// bundle is a trail on which nothing stands yet, and a request to write of.
type bundle struct {
	t       *testing.T
	pool    *pgxpool.Pool
	now     time.Time
	ann     portal.Person
	team    portal.Team
	request portal.Request
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, pool: dbtest.New(t), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		ann: portal.Person{Identity: portal.Identity{Issuer: "https://idp.example", Subject: "ann"}, Name: "Ann"}}
	b.team = portal.Team{ID: uuid.NewString(), Slug: "pay", Name: "Payments", MemberGroup: "pay", ApproverGroup: "pay-approvers"}
	b.must(b.tx(func(tx pgx.Tx) error { return store.InsertTeam(t.Context(), tx, b.team, b.now) }))
	b.request = b.ask()
	return b
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) tx(fn func(pgx.Tx) error) error { return db.WithTx(b.t.Context(), b.pool, fn) }

// ask makes a request, of which nothing is recorded.
func (b *bundle) ask() portal.Request {
	b.t.Helper()
	r := portal.Request{
		ID: uuid.NewString(), SubmitKey: uuid.NewString(), Team: b.team, Operation: portal.CreateCluster, TargetName: "web",
		Params: portal.Params{}, Justification: "a test", Digest: "d", State: portal.Pending, Requester: b.ann,
		CreatedAt: b.now, Revision: 1, PlannedAt: b.now, DueAt: b.now.Add(time.Hour),
	}
	b.must(b.tx(func(tx pgx.Tx) (err error) {
		r.Number, err = store.InsertRequest(b.t.Context(), tx, r)
		return err
	}))
	return r
}

// event is one of Ann's that says only what it must.
func (b *bundle) event(summary string) portal.Event {
	return portal.Event{At: b.now, Kind: portal.EventCommented, Actor: b.ann, Summary: summary}
}

func (b *bundle) append(events ...portal.Event) {
	b.t.Helper()
	for _, e := range events {
		b.must(b.tx(func(tx pgx.Tx) error { return audit.Append(b.t.Context(), tx, e) }))
	}
}

// search returns what of the trail matches, newest first, with its details, which
// lists leave out.
func (b *bundle) search(f portal.EventFilter) []portal.Event {
	b.t.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	list, err := audit.Search(b.t.Context(), b.pool, f)
	b.must(err)
	for i, e := range list {
		if e.Data != nil {
			b.t.Errorf("a list has read the details of %s", e.Summary)
		}
		list[i].Data, err = audit.Details(b.t.Context(), b.pool, e.ID)
		b.must(err)
	}
	return list
}

func summaries(list []portal.Event) string {
	var words []string
	for _, e := range list {
		words = append(words, e.Summary)
	}
	return strings.Join(words, " ")
}

func TestEventStandsAndFallsWithItsTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(b.event("kept"))
	changedItsMind := errors.New("changed its mind")
	err := b.tx(func(tx pgx.Tx) error {
		return errors.Join(audit.Append(t.Context(), tx, b.event("undone")), changedItsMind)
	})
	if !errors.Is(err, changedItsMind) {
		t.Fatal(err)
	}
	if got := summaries(b.search(portal.EventFilter{})); got != "kept" {
		t.Errorf("on the trail: %q", got)
	}
}

func TestEventKeepsWhatItSays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := portal.Event{
		At: b.now.Add(123456 * time.Microsecond), Kind: portal.EventOutcome, Actor: b.ann,
		Number: -1, Result: portal.ResultFailed, Revision: 2, Clusters: []string{"c-1", "c-2"}, Reason: "it is\nbroken",
		TeamID: b.team.ID, TeamName: b.team.Name, RequestID: b.request.ID, RequestNumber: b.request.Number,
		Target: portal.EventTarget{Kind: portal.TargetCluster, ID: "c-1", Name: "web"}, Origin: portal.Origin{Roles: []portal.Role{}, Groups: []string{}},
		Summary: "Ann’s “web” \u2028\n <b>%s' -- " + strings.Repeat("long ", 300),
		Data:    map[string]any{"nodes": 3.0, "sizes": []any{"s", nil}, "deep": map[string]any{"true": true}, "": "é"},
	}
	bare := b.event("")
	b.append(want, bare)
	want.Summary = "Ann’s “web” <b>%s' --" + strings.Repeat(" long", 300) // on one line, so that it does not read as two events
	got := b.search(portal.EventFilter{})
	bare.Number, bare.Result, bare.Data, bare.Clusters, bare.Origin = -1, portal.ResultDone, map[string]any{}, []string{}, want.Origin
	for i, want := range []portal.Event{want, bare} { // that happened later first
		if id, err := uuid.Parse(got[i].ID); err != nil || id.Version() != 7 {
			t.Errorf("the id %q is no UUIDv7", got[i].ID)
		}
		if got[i].RecordedAt.IsZero() {
			t.Error("it was recorded at no time")
		}
		got[i].ID, got[i].At, got[i].RecordedAt = "", got[i].At.UTC(), time.Time{}
		if diff := cmp.Diff(want, got[i]); diff != "" {
			t.Error(diff)
		}
	}
}

// However much an event says, the pages that list it do not read it.
func TestListsHaveNoDetails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.event("large")
	e.RequestID, e.Kind, e.Data = b.request.ID, portal.EventSubmitted, map[string]any{"plan": strings.Repeat("long ", 10_000)}
	b.append(e)
	all, err := audit.Search(t.Context(), b.pool, portal.EventFilter{Limit: 10})
	b.must(err)
	of, err := audit.OfRequest(t.Context(), b.pool, b.request.Number)
	b.must(err)
	for _, list := range [][]portal.Event{all, of} {
		if len(list) != 1 || list[0].Data != nil {
			t.Errorf("read: %+v", list)
		}
	}
	data, err := audit.Details(t.Context(), b.pool, all[0].ID)
	b.must(err)
	if diff := cmp.Diff(e.Data, data); diff != "" {
		t.Error(diff)
	}
}

// What cannot be told whose it is, when or what, takes its transaction with it.
func TestEventThatSaysTooLittle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, spoil := range map[string]func(*portal.Event){
		"no actor": func(e *portal.Event) { e.Actor = portal.Person{} },
		"no time":  func(e *portal.Event) { e.At = time.Time{} },
		"no kind":  func(e *portal.Event) { e.Kind = "" },
	} {
		e := b.event(name)
		spoil(&e)
		err := b.tx(func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `UPDATE teams SET name = $1`, name); err != nil {
				return err
			}
			return audit.Append(t.Context(), tx, e)
		})
		if err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	team, err := store.TeamBySlug(t.Context(), b.pool, "pay")
	b.must(err)
	if got := b.search(portal.EventFilter{}); len(got) > 0 || team.Name != b.team.Name {
		t.Errorf("the team is called %q, on the trail are %d events", team.Name, len(got))
	}
}

// Postgres itself refuses to change the trail, even where nothing would change:
// to the portal, which has no such privilege, and by a trigger to the owner.
func TestNothingChangesTheTrail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.append(b.event("first"), b.event("second"))
	before, owner := b.search(portal.EventFilter{}), dbtest.Owner(t)
	for _, sql := range []string{
		`UPDATE events SET summary = 'nothing happened'`,
		`UPDATE events SET at = at WHERE false`,
		`DELETE FROM events WHERE summary = 'first'`,
		`TRUNCATE events`,
		`TRUNCATE events CASCADE`,
		`MERGE INTO events e USING (SELECT 'second' AS summary) s ON e.summary = s.summary WHEN MATCHED THEN DELETE`,
		`INSERT INTO events SELECT * FROM events ON CONFLICT (id) DO UPDATE SET summary = 'another'`,
	} {
		for why, pool := range map[string]*pgxpool.Pool{"permission denied": b.pool, "append-only": owner} {
			if _, err := pool.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
	if diff := cmp.Diff(before, b.search(portal.EventFilter{})); diff != "" {
		t.Error(diff)
	}
}

// Who has written to the trail and not committed yet keeps nobody else from it.
func TestWritersDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(b.tx(func(tx pgx.Tx) error {
		if err := audit.Append(t.Context(), tx, b.event("slow")); err != nil {
			return err
		}
		b.append(b.event("quick"))
		if got := summaries(b.search(portal.EventFilter{})); got != "quick" {
			t.Errorf("before the slow one commits: %q", got)
		}
		return nil
	}))
	if got := len(b.search(portal.EventFilter{})); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.ask()
	bob := portal.Person{Identity: portal.Identity{Issuer: "https://idp.example", Subject: "bob"}, Name: "Bob"}
	b.append(
		portal.Event{At: b.now, Kind: portal.EventSubmitted, Actor: b.ann, TeamID: b.team.ID, RequestID: b.request.ID, Summary: "a"},
		portal.Event{At: b.now.Add(time.Hour), Kind: portal.EventApprovedBy, Actor: bob, TeamID: b.team.ID, RequestID: b.request.ID, Target: portal.EventTarget{Kind: portal.TargetCluster, ID: "c-1"}, Summary: "b"},
		portal.Event{At: b.now.Add(2 * time.Hour), Kind: portal.EventSubmitted, Actor: bob, RequestID: other.ID, Clusters: []string{"c-2", "c-3"}, Summary: "c"},
		portal.Event{At: b.now.Add(3 * time.Hour), Kind: portal.EventSignIn, Actor: b.ann, TeamID: uuid.NewString(), Summary: "d"},
	)
	from := audit.WithOrigin(t.Context(), b.ann.Identity, portal.Origin{Address: "203.0.113.7"})
	b.must(b.tx(func(tx pgx.Tx) error {
		return audit.Append(from, tx, portal.Event{At: b.now.Add(-time.Hour), Kind: portal.EventIntent, Result: portal.ResultFailed, Actor: b.ann,
			Operation: portal.GetKubeconfig, Environment: portal.Production, Target: portal.EventTarget{Kind: portal.TargetCluster, ID: "c-4", Name: "payments-prod.eu"},
			Summary: "e", Reason: "Zündung der Stufe #12, it's urgent"})
	}))
	tried := map[string]bool{"Before": true} // by the tests of pages
	for _, test := range []struct {
		filter portal.EventFilter
		want   string
	}{
		{portal.EventFilter{}, "d c b a e"},
		{portal.EventFilter{Text: "payments prod"}, "e"},
		{portal.EventFilter{Text: "PAY-prod.E"}, "e"},
		{portal.EventFilter{Text: "zünd urgent 12"}, "e"},
		{portal.EventFilter{Text: "it's c-4"}, "e"},
		{portal.EventFilter{Text: "payments staging"}, ""},
		{portal.EventFilter{Text: "roduction"}, ""},
		{portal.EventFilter{Result: portal.ResultFailed}, "e"},
		{portal.EventFilter{Operation: portal.GetKubeconfig}, "e"},
		{portal.EventFilter{Operation: portal.GetCredentials}, ""},
		{portal.EventFilter{Risk: portal.RiskSecret}, "e"},
		{portal.EventFilter{Risk: portal.RiskChange}, ""},
		{portal.EventFilter{Environment: portal.Production}, "e"},
		{portal.EventFilter{Address: "203.0.113.7"}, "e"},
		{portal.EventFilter{Address: "203.0.113.70"}, ""},
		{portal.EventFilter{Kind: portal.EventSubmitted}, "c a"},
		{portal.EventFilter{But: portal.EventSubmitted}, "d b e"},
		{portal.EventFilter{Actor: bob.Identity}, "c b"},
		{portal.EventFilter{Actor: portal.Identity{Issuer: "https://other.example", Subject: "bob"}}, ""},
		{portal.EventFilter{TeamID: b.team.ID}, "b a"},
		{portal.EventFilter{Request: b.request.Number}, "b a"},
		{portal.EventFilter{Request: other.Number + 1000}, ""},
		{portal.EventFilter{Cluster: "c-1"}, "b"},
		{portal.EventFilter{Cluster: "c-3"}, "c"},
		{portal.EventFilter{From: b.now.Add(time.Hour)}, "d c b"},
		{portal.EventFilter{To: b.now.Add(time.Hour)}, "a e"},
		{portal.EventFilter{From: b.now.Add(time.Hour), To: b.now.Add(3 * time.Hour)}, "c b"},
		{portal.EventFilter{Kind: portal.EventSubmitted, Actor: b.ann.Identity}, "a"},
		{portal.EventFilter{Limit: 2}, "d c"},
	} {
		if got := summaries(b.search(test.filter)); got != test.want {
			t.Errorf("%+v: %q, want %q", test.filter, got, test.want)
		}
		for f, v := range reflect.ValueOf(test.filter).Fields() {
			tried[f.Name] = tried[f.Name] || !v.IsZero()
		}
	}
	for f := range reflect.TypeFor[portal.EventFilter]().Fields() {
		if !tried[f.Name] {
			t.Errorf("no search is narrowed by %s", f.Name)
		}
	}
	for _, f := range []portal.EventFilter{{TeamID: "payments", Limit: 1}, {Before: "yesterday", Limit: 1}} {
		if _, err := audit.Search(t.Context(), b.pool, f); !portal.Is(err, portal.KindNotFound) {
			t.Errorf("%+v: %v, want that there is no such thing", f, err)
		}
	}
}

// Whoever turns the pages to the end has seen every event once, also those of
// one moment, and none that came meanwhile.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]time.Duration{"all": 0, "since a time": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turnPages(t, from)
		})
	}
}

func turnPages(t *testing.T, from time.Duration) {
	b := setup(t)
	var want []string
	for i := range 7 {
		b.append(b.event(fmt.Sprint(i)))
		want = append([]string{fmt.Sprint(i)}, want...)
	}
	var got []string
	f := portal.EventFilter{Limit: 3}
	if from != 0 {
		f.From = b.now.Add(from)
	}
	for len(got) <= len(want) {
		page := b.search(f)
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			got = append(got, e.Summary)
		}
		f.Before = page[len(page)-1].ID
		b.append(b.event("meanwhile"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the pages show %q, want %q", got, want)
	}
}

func TestOfRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.ask()
	for i, r := range []portal.Request{b.request, other, b.request, b.request} {
		e := b.event(fmt.Sprint(i))
		e.RequestID, e.Kind = r.ID, portal.EventSubmitted
		b.append(e)
		e.Kind, e.Summary = portal.EventCommented, "a comment, which is shown by itself"
		b.append(e)
	}
	b.append(b.event("of none"))
	got, err := audit.OfRequest(t.Context(), b.pool, b.request.Number)
	b.must(err)
	if summaries(got) != "0 2 3" {
		t.Errorf("its events are %q, want the oldest first and nothing else", summaries(got))
	}
}

// Whatever text an event brings, all of it can be seen and none of it turns, and a
// reason keeps its lines.
func TestEventHidesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const odd = "a\u202eb\x00c\xffd\u200be\u2066f\u0007g"
	eve := portal.Person{Identity: portal.Identity{Issuer: "i", Subject: "eve"}, Name: "Eve " + odd}
	e := portal.Event{
		At: b.now, Kind: portal.EventAccessRefused, Actor: eve, Summary: "line one\nline two " + odd, Reason: "one\r\ntwo\n\tthree " + odd,
		Target: portal.EventTarget{Kind: portal.TargetCluster, ID: odd, Name: "web " + odd}, Clusters: []string{odd}, Data: map[string]any{"text": odd},
	}
	ctx := audit.WithOrigin(t.Context(), eve.Identity, portal.Origin{
		Email: odd, Roles: []portal.Role{odd}, Groups: []string{odd}, Session: "s", Address: odd, UserAgent: odd, HTTPRequest: "h"})
	b.must(b.tx(func(tx pgx.Tx) error { return audit.Append(ctx, tx, e) }))
	for range 40 { // those beyond the first are summed up
		b.must(b.tx(func(tx pgx.Tx) error { return audit.AppendRefusal(ctx, tx, e, "GET /") }))
	}
	b.must(b.tx(func(tx pgx.Tx) error { return audit.SumUpRefusals(t.Context(), tx, b.now) }))
	list := b.search(portal.EventFilter{})
	for _, e := range list {
		o := e.Origin
		texts := []string{e.Actor.Name, e.Summary, e.Reason, e.Target.ID, e.Target.Name, strings.Join(e.Clusters, ""), o.Email, fmt.Sprint(o.Roles, o.Groups), o.Address, o.UserAgent}
		for _, text := range texts {
			if r, hidden := names.Hidden(strings.ReplaceAll(text, "\ufffd", "")); hidden {
				t.Errorf("%q has U+%04X", text, r)
			}
		}
	}
	first := list[len(list)-1]
	if want := "line one line two a\\u202eb\ufffdc\ufffdd\\u200be\\u2066f\\u0007g"; first.Summary != want {
		t.Errorf("summary %q, want %q", first.Summary, want)
	}
	if !strings.HasPrefix(first.Reason, "one\ntwo\n\tthree a") {
		t.Errorf("reason %q", first.Reason)
	}
	if tried := fmt.Sprint(list[0].Data["tried"]); !strings.Contains(list[0].Summary, "more times") || strings.ContainsAny(tried, "\u202e\u200b\u2066\u0007") {
		t.Errorf("summed up: %q, %q", list[0].Summary, tried)
	}
}

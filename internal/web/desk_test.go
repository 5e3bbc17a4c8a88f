package web_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/unusual"
)

// Everybody's desk has what is theirs to do, and nothing of another team.
func TestDesks(t *testing.T) {
	b := setup(t)
	for _, account := range []string{"approver", "platform"} {
		b.as(account)
	}
	number := b.pending()
	b.unusual(t)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO deliveries (id, issuer, subject, lane, state, fault, next_at, created_at)
		VALUES ($1, 'i', 's', 'mail', 'given up', 'no such host', now(), now())`, uuid.New())
	b.must(err)
	for account, desk := range map[string]struct{ has, lacks []string }{
		"member": {[]string{"Your open requests", "#" + number, "Abe Approver", "Pia Platform", "ledger", "$48.00", "Quota of your teams"},
			[]string{"index", "legacy", "Waits for your decision", "Needs an admin", "Unusual"}},
		"approver": {[]string{"Waits for your decision", "#" + number, "Mia Member", "ledger"}, []string{"index", "Needs an admin", "Unusual"}},
		"other":    {[]string{"index", "You have no open requests"}, []string{"#" + number, "shop-0", "ledger", "Mia", "Waits for your decision"}},
		"platform": {[]string{"Waits for your decision", "#" + number}, []string{"Your clusters", "Needs an admin", "Unusual"}},
		"admin":    {[]string{"Needs an admin", "1 cluster without a team", "legacy", "1 notification did not arrive"}, []string{"Unusual", "ledger"}},
		"auditor":  {[]string{"Unusual in the last 7 days", "tried the back door"}, []string{"long ago", "was accepted", "Needs an admin", "Waits for your decision"}},
	} {
		got := strings.Join(strings.Fields(b.as(account).Get("/").Text("main")), " ")
		for _, has := range desk.has {
			if !strings.Contains(got, has) {
				t.Errorf("the desk of %s lacks %q: %s", account, has, got)
			}
		}
		for _, lacks := range desk.lacks {
			if strings.Contains(got, lacks) {
				t.Errorf("the desk of %s has %q: %s", account, lacks, got)
			}
		}
	}
	link := b.as("auditor").Get("/").Find(`[data-testid=unusual] li a`).AttrOr("href", "")
	if got := b.as("auditor").Get(link).Text("main"); !strings.Contains(got, "tried the back door") {
		t.Errorf("%s leads to %q", link, got)
	}
}

// An inbox that does not show all that waits says so.
func TestInboxSaysThatThereIsMore(t *testing.T) {
	b := setup(t)
	b.pending()
	more := func() string { return b.as("approver").Get("/inbox").Text("[data-testid=more]") }
	if got := more(); got != "" {
		t.Errorf("with one request: %q", got)
	}
	_, err := b.pool.Exec(t.Context(), `INSERT INTO requests (id, submit_key, team_id, operation, target_name, params, justification, plan, digest, state,
			issuer, subject, requester_name, created_at, updated_at, planned_at, due_at, approver_groups)
		SELECT gen_random_uuid(), n::text, team_id, operation, target_name, params, justification, plan, digest, state,
			issuer, subject, requester_name, created_at, updated_at, planned_at, due_at, approver_groups FROM requests, generate_series(1, 100) n`)
	b.must(err)
	if got := more(); !strings.Contains(got, "The first 100 are shown") {
		t.Errorf("with 101: %q", got)
	}
}

// unusual puts something unusual on the trail, and things that are not, and has the rules
// look at it.
func (b *bundle) unusual(t *testing.T) {
	t.Helper()
	who := portal.Person{Identity: portal.Identity{Issuer: "i", Subject: "s"}, Name: "Eve"}
	b.append(
		portal.Event{Kind: portal.EventAccessRefused, Actor: who, Summary: "Eve tried the back door", Data: map[string]any{portal.DetailOwnRequest: true}},
		portal.Event{Kind: portal.EventOutcome, Actor: who, Summary: "a call was accepted", Data: map[string]any{"outcome": portal.OutcomeAccepted}},
		portal.Event{Kind: portal.EventBreakGlass, Actor: who, Summary: "long ago", At: time.Now().Add(-8 * 24 * time.Hour)},
	)
	b.lookForUnusual()
}

// append puts events on the trail.
func (b *bundle) append(list ...portal.Event) {
	b.t.Helper()
	b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		for _, e := range list {
			if e.At.IsZero() {
				e.At = time.Now()
			}
			if err := audit.Append(b.t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
}

// lookForUnusual has the rules look at all that is on the trail.
func (b *bundle) lookForUnusual() {
	b.t.Helper()
	_, err := b.trail.Checkpoint(b.t.Context())
	b.must(err)
	b.must((&unusual.Watcher{Pool: b.pool, Trail: b.trail, Now: time.Now}).Run(b.t.Context()))
}

// What can be upgraded says so.
func TestUpgradeOnTheDesk(t *testing.T) {
	b := setup(t)
	offer, err := store.Offer(t.Context(), b.pool)
	b.must(err)
	newest := offer.Options.Versions[0].Slug
	for version, want := range map[string]string{newest: "", "1.0.0-do.0": ""} {
		_, err := b.pool.Exec(t.Context(), `UPDATE clusters SET version = $1`, version)
		b.must(err)
		if got := b.as("member").Get("/").Text("[data-testid=upgrade]"); got != want {
			t.Errorf("from %s: %q", version, got)
		}
	}
	older := offer.Options.Versions[len(offer.Options.Versions)-1].Slug
	_, err = b.pool.Exec(t.Context(), `UPDATE clusters SET version = $1`, older)
	b.must(err)
	if got := b.as("member").Get("/").Text("[data-testid=upgrade]"); !strings.Contains(got, offer.Options.UpgradeTo(older)) || got == "" {
		t.Errorf("from %s: %q", older, got)
	}
}

// The list of requests is narrowed by its address.
func TestRequestFilters(t *testing.T) {
	b := setup(t)
	create := b.asked("member", "/clusters/new", createForm("name", "hop-front", "environment", "production"))
	own := b.asked("approver", "/clusters/new", createForm("name", "till", "environment", "production"))
	foreign := b.asked("other", "/clusters/new", createForm("team", "find", "name", "theirs", "environment", "production"))
	_, err := b.pool.Exec(t.Context(), `UPDATE requests SET state = 'rejected' WHERE number = $1`, own)
	b.must(err)
	for _, tt := range []struct {
		account, query string
		want           []string
	}{
		{"approver", "", []string{own, create}},
		{"approver", "state=open", []string{create}},
		{"approver", "state=rejected", []string{own}},
		{"approver", "mine=true", []string{own}},
		{"approver", "name=HOP-", []string{create}},
		{"approver", "name=op", nil},
		{"approver", "name=%25", nil},
		{"approver", "operation=create_cluster&state=open", []string{create}},
		{"approver", "operation=delete_cluster", nil},
		{"approver", "team=pay", []string{own, create}},
		{"auditor", "", []string{foreign, own, create}},
		{"auditor", "team=find", []string{foreign}},
		{"other", "", []string{foreign}},
	} {
		var got []string
		page := b.as(tt.account).Get("/requests?" + tt.query)
		for _, a := range page.Find("[data-testid=requests] a.anchor").EachIter() {
			got = append(got, strings.TrimPrefix(a.AttrOr("href", ""), "/requests/"))
		}
		if strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("%s by %q: %q, want %q", tt.account, tt.query, got, tt.want)
		}
		if len(tt.want) == 0 && page.Find(`a[href="/requests"].btn`).Length() != 1 {
			t.Errorf("%s by %q: no way out of an empty list", tt.account, tt.query)
		}
	}
	for _, q := range []url.Values{{"team": {"find"}}, {"state": {"x"}}, {"operation": {"x"}}} {
		b.as("member").Get("/requests?" + q.Encode()).WantStatus(404)
	}
}

package unusual_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/internal/unusual"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// noon is a Wednesday, when nothing is at night.
var noon = time.Date(2026, 7, 15, 12, 0, 0, 0, time.UTC)

type testBundle struct {
	t     *testing.T
	pool  *pgxpool.Pool
	trail *audit.Trail
	now   time.Time
	mu    sync.Mutex
	told  []string
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{t: t, pool: dbtest.New(t), now: noon}
	b.trail = audittest.New(t, b.pool)
	return b
}

func (b *testBundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// record puts events on the trail.
func (b *testBundle) record(list ...portal.Event) {
	b.t.Helper()
	b.must(db.WithTx(b.t.Context(), b.pool, func(tx pgx.Tx) error {
		for _, e := range list {
			if err := audit.Append(audit.WithOrigin(b.t.Context(), e.Actor.Identity, e.Origin), tx, e); err != nil {
				return err
			}
		}
		return nil
	}))
	_, err := b.trail.Checkpoint(b.t.Context())
	b.must(err)
}

func (b *testBundle) watcher() *unusual.Watcher {
	return &unusual.Watcher{Pool: b.pool, Trail: b.trail, Now: func() time.Time { return b.now }, Tell: func(_ context.Context, _ pgx.Tx, e portal.Event) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.told = append(b.told, e.Summary)
		return nil
	}}
}

// found is what the rules have found, oldest first, as rule and summary.
func (b *testBundle) found() (list []string) {
	b.t.Helper()
	events, err := store.UnusualBetween(b.t.Context(), b.pool, time.Unix(0, 0), noon.AddDate(1, 0, 0), 2000)
	b.must(err)
	for _, e := range slices.Backward(events) {
		list = append(list, e.Rule+": "+e.Summary)
	}
	return list
}

func by(name string) portal.Person {
	return portal.Person{Identity: portal.Identity{Issuer: "https://idp.example.com", Subject: name}, Name: name}
}

// after is an event some time after noon.
func after(d time.Duration, e portal.Event) portal.Event {
	e.At = noon.Add(d)
	return e
}

// times is an event so many times, so long apart, each summary with its number.
func times(n int, apart time.Duration, e portal.Event) (list []portal.Event) {
	for i := range n {
		one := after(time.Duration(i)*apart, e)
		one.Summary = fmt.Sprintf("%s %d", e.Summary, i+1)
		list = append(list, one)
	}
	return list
}

// Each rule finds what it is for, and not what is next to it.
func TestRules(t *testing.T) {
	refusal := portal.Event{Kind: portal.EventAccessRefused, Actor: by("eve"), Summary: "refused"}
	signIn := portal.Event{Kind: portal.EventSignInRefused, Actor: by("eve"), Summary: "no", Origin: portal.Origin{Address: "192.0.2.1"}}
	deletion := portal.Event{Kind: portal.EventSubmitted, Operation: portal.DeleteNodePool, Actor: by("eve"), Summary: "deletion"}
	access := portal.Event{Kind: portal.EventSucceeded, Operation: portal.GetKubeconfig, Actor: by("eve"), Summary: "kubeconfig"}
	production := portal.Event{Kind: portal.EventSubmitted, Environment: portal.Production, Actor: by("eve"), Summary: "asked"}
	loosened := func(effects ...string) portal.Event {
		return after(0, portal.Event{Kind: portal.EventPolicyInForce, Actor: by("eve"), Summary: "policy", Data: map[string]any{"effects": effects}})
	}
	outcome := func(result portal.EventResult) portal.Event {
		return after(0, portal.Event{Kind: portal.EventOutcome, Result: result, Actor: by("eve"), Summary: "outcome"})
	}
	drift := func(environment portal.Environment) portal.Event {
		return after(0, portal.Event{Kind: portal.EventClusterDrifted, Environment: environment, Actor: by("eve"), Summary: "drift"})
	}
	for name, test := range map[string]struct {
		events []portal.Event
		want   []string
	}{
		"break-glass, each":            {times(2, time.Minute, portal.Event{Kind: portal.EventBreakGlass, Actor: by("eve"), Summary: "bypass"}), []string{"break_glass: bypass 1", "break_glass: bypass 2"}},
		"own request":                  {[]portal.Event{after(0, portal.Event{Kind: portal.EventAccessRefused, Actor: by("eve"), Summary: "own", Data: map[string]any{portal.DetailOwnRequest: true}})}, []string{"own_request: own"}},
		"another refusal":              {[]portal.Event{after(0, refusal)}, nil},
		"four refusals":                {times(4, time.Minute, refusal), nil},
		"five refusals":                {times(5, time.Minute, refusal), []string{"refusals: refused 5"}},
		"five refusals, slowly":        {times(5, 4*time.Minute, refusal), nil},
		"refusals for half an hour":    {times(30, time.Minute, refusal), []string{"refusals: refused 5"}},
		"refusals for over an hour":    {times(70, time.Minute, refusal), []string{"refusals: refused 5", "refusals: refused 65"}},
		"refusals of several people":   {append(times(4, time.Minute, refusal), times(4, time.Minute, portal.Event{Kind: portal.EventRefused, Actor: by("bob"), Summary: "denied"})...), nil},
		"refused sign-ins":             {times(5, time.Minute, signIn), []string{"sign_ins_refused: no 5"}},
		"sign-ins from nowhere":        {times(5, time.Minute, portal.Event{Kind: portal.EventSignInRefused, Actor: by("eve"), Summary: "no"}), nil},
		"first kubeconfig":             {times(2, time.Hour, access), []string{"first_access: kubeconfig 1"}},
		"credentials after kubeconfig": {[]portal.Event{after(0, access), after(time.Hour, portal.Event{Kind: portal.EventSucceeded, Operation: portal.GetCredentials, Actor: by("eve"), Summary: "credentials"})}, []string{"first_access: kubeconfig"}},
		"at 21:59":                     {[]portal.Event{after(9*time.Hour+59*time.Minute, production)}, nil},
		"at 22:00":                     {[]portal.Event{after(10*time.Hour, production)}, []string{"night: asked"}},
		"at 05:59":                     {[]portal.Event{after(-6*time.Hour-time.Minute, production)}, []string{"night: asked"}},
		"at 06:00":                     {[]portal.Event{after(-6*time.Hour, production)}, nil},
		"on a Saturday":                {[]portal.Event{after(72*time.Hour, production)}, []string{"night: asked"}},
		"at night in staging":          {[]portal.Event{after(10*time.Hour, portal.Event{Kind: portal.EventSubmitted, Environment: portal.Staging, Actor: by("eve"), Summary: "asked"})}, nil},
		"two deletions":                {times(2, time.Minute, deletion), nil},
		"three deletions":              {times(3, time.Minute, deletion), []string{"deletions: deletion 3"}},
		"policy loosened":              {[]portal.Event{loosened("1 approval fewer")}, []string{"policy_loosened: policy"}},
		"policy not loosened":          {[]portal.Event{loosened()}, nil},
		"lost answer":                  {[]portal.Event{outcome(portal.ResultUnknown)}, []string{"lost_answer: outcome"}},
		"an answer":                    {[]portal.Event{outcome(portal.ResultDone)}, nil},
		"drift of production":          {[]portal.Event{drift(portal.Production)}, []string{"past_portal: drift"}},
		"drift of development":         {[]portal.Event{drift(portal.Development)}, nil},
		"protection lifted":            {[]portal.Event{after(0, portal.Event{Kind: portal.EventUnprotected, Actor: by("eve"), Summary: "unprotected"})}, []string{"unprotected: unprotected"}},
		"the trail":                    {[]portal.Event{after(0, portal.Event{Kind: portal.EventTrailStopped, Actor: by("eve"), Summary: "stopped"})}, []string{"trail: stopped"}},
		"a verification":               {[]portal.Event{after(0, portal.Event{Kind: portal.EventTrailVerified, Actor: by("eve"), Summary: "verified"})}, nil},
		"a verification that failed":   {[]portal.Event{after(0, portal.Event{Kind: portal.EventTrailVerified, Result: portal.ResultFailed, Actor: by("eve"), Summary: "changed"})}, []string{"trail_changed: changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.record(test.events...)
			b.must(b.watcher().Run(t.Context()))
			if got := b.found(); !slices.Equal(got, test.want) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// Whether it was at night says the clock of who did it.
func TestNightIsThatOfThePerson(t *testing.T) {
	b := setup(t)
	eve := by("eve")
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		if err := store.SetPerson(t.Context(), tx, store.Person{Identity: eve.Identity, Name: "Eve", GroupsAt: noon}); err != nil {
			return err
		}
		return store.SetTimeZone(t.Context(), tx, eve.Identity, "Asia/Tokyo")
	}))
	b.record(
		after(-time.Hour, portal.Event{Kind: portal.EventSubmitted, Environment: portal.Production, Actor: eve, Summary: "at 20:00 in Tokyo"}),
		after(time.Hour, portal.Event{Kind: portal.EventSubmitted, Environment: portal.Production, Actor: eve, Summary: "at 22:00 in Tokyo"}),
	)
	b.must(b.watcher().Run(t.Context()))
	if got := b.found(); !slices.Equal(got, []string{"night: at 22:00 in Tokyo"}) {
		t.Errorf("found %q", got)
	}
	b.record(
		after(20*time.Hour, portal.Event{Kind: portal.EventPreference, Actor: eve, Summary: "chose Tokyo"}),
		after(36*time.Hour-time.Second, portal.Event{Kind: portal.EventSubmitted, Environment: portal.Production, Actor: eve, Summary: "at midnight UTC"}),
	)
	b.must(b.watcher().Run(t.Context()))
	if got := b.found(); len(got) != 2 || got[1] != "night: at midnight UTC" {
		t.Errorf("by who has just chosen a zone: %q", got)
	}
}

// However often, by however many replicas, and wherever they end, each event is found
// once, and told once.
func TestFoundOnce(t *testing.T) {
	b := setup(t)
	for i := range 3 {
		b.record(times(400, 0, portal.Event{Kind: portal.EventBreakGlass, Actor: by("eve"), Summary: fmt.Sprint("round ", i)})...)
		ended, end := context.WithCancel(t.Context())
		end()
		if err := b.watcher().Run(ended); err == nil {
			t.Error("a replica that has ended went on")
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := b.watcher().Run(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if found := b.found(); len(found) != 1200 {
		t.Errorf("found %d, want 1200", len(found))
	}
	slices.Sort(b.told)
	if len(slices.Compact(b.told)) != 1200 || len(b.told) != 1200 {
		t.Errorf("told %d times", len(b.told))
	}
	events, err := audit.Search(t.Context(), b.pool, portal.EventFilter{Kind: portal.EventUnusual, Limit: 2000})
	b.must(err)
	if len(events) != 1200 {
		t.Errorf("%d events on the trail tell of it", len(events))
	}
}

// Of what is old nobody is told, such as when the portal sees a trail for the first time.
func TestOldIsNotTold(t *testing.T) {
	b := setup(t)
	b.now = noon.Add(49 * time.Hour)
	b.record(after(0, portal.Event{Kind: portal.EventBreakGlass, Actor: by("eve"), Summary: "old"}), after(2*time.Hour, portal.Event{Kind: portal.EventBreakGlass, Actor: by("eve"), Summary: "new"}))
	b.must(b.watcher().Run(t.Context()))
	if got := b.found(); !slices.Equal(got, []string{"break_glass: old", "break_glass: new"}) {
		t.Errorf("found %q", got)
	}
	if !slices.Equal(b.told, []string{"Break-glass: new"}) {
		t.Errorf("told %q", b.told)
	}
}

// Whoever moves the position of the rules in the database hides nothing from them.
func TestMovedPositionHidesNothing(t *testing.T) {
	for name, sql := range map[string]string{
		"beyond the end": `UPDATE unusual_watch SET next = 1000000`,
		"over one":       `UPDATE unusual_watch SET next = next + 1`,
		"another mark":   `UPDATE unusual_watch SET mark = '\x00'`,
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t)
			b.record(after(0, portal.Event{Kind: portal.EventBreakGlass, Actor: by("eve"), Summary: "before"}))
			b.must(b.watcher().Run(t.Context()))
			_, err := b.pool.Exec(t.Context(), sql)
			b.must(err)
			b.record(after(0, portal.Event{Kind: portal.EventBreakGlass, Actor: by("eve"), Summary: "hidden"}))
			b.must(b.watcher().Run(t.Context()))
			if got := b.found(); !slices.Equal(got, []string{"break_glass: before", "break_glass: hidden"}) {
				t.Errorf("found %q", got)
			}
			if len(b.told) != 3 || !strings.Contains(b.told[1], "was changed in the database") {
				t.Errorf("told %q", b.told)
			}
		})
	}
}

// What nobody has vouched for, and so is under no checkpoint, is not looked at.
func TestOnlySignedEventsAreLookedAt(t *testing.T) {
	b := setup(t)
	b.record(after(0, portal.Event{Kind: portal.EventBreakGlass, Actor: by("eve"), Summary: "signed"}))
	b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error {
		return audit.Append(t.Context(), tx, after(0, portal.Event{Kind: portal.EventBreakGlass, Actor: by("eve"), Summary: "not yet"}))
	}))
	_, err := b.trail.Sequence(t.Context())
	b.must(err)
	b.must(b.watcher().Run(t.Context()))
	if got := b.found(); !slices.Equal(got, []string{"break_glass: signed"}) {
		t.Errorf("found %q", got)
	}
}

// Whoever puts into the database what a rule is about to find, or has found of somebody a
// moment ago, keeps nobody from being told.
func TestFoundBeforehand(t *testing.T) {
	b := setup(t)
	forge := func(rule, of string, at time.Time) {
		t.Helper()
		_, err := b.pool.Exec(t.Context(), `INSERT INTO unusual_events (id, rule, event_id, at, issuer, subject, actor_name, address, summary, mark)
			SELECT gen_random_uuid(), $1, id, $3, issuer, subject, actor_name, address, 'x', '\x00' FROM events WHERE summary = $2`, rule, of, at)
		b.must(err)
	}
	b.record(after(0, portal.Event{Kind: portal.EventBreakGlass, Actor: by("eve"), Summary: "hidden"}))
	forge("break_glass", "hidden", noon.AddDate(-6, 0, 0))
	forge("refusals", "hidden", noon.Add(-time.Minute))
	b.record(times(5, 0, portal.Event{Kind: portal.EventAccessRefused, Actor: by("eve"), Result: portal.ResultRefused, Summary: "refused"})...)
	b.must(b.watcher().Run(t.Context()))
	if want := []string{"Break-glass: hidden", "Refusals in a row: refused 1"}; !slices.Equal(b.told, want) {
		t.Errorf("told %q, want %q", b.told, want)
	}
}

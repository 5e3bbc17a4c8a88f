package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/store"
	"doksportal/internal/web"
)

// A rate is shared by all who count under a key, and lets as many through as it
// says, however many ask at once.
func TestRate(t *testing.T) {
	b := setup(t)
	rate := store.Rate{Every: time.Second, Burst: 10}
	start := time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
	admit := func(cost int, after time.Duration) time.Duration {
		wait, err := rate.Admit(context.Background(), b.pool, "key", cost, start.Add(after))
		b.must(err)
		return wait
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	admitted := 0
	for range 30 {
		group.Go(func() {
			if admit(1, 0) == 0 {
				mu.Lock()
				admitted++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if admitted != 10 {
		t.Errorf("%d were admitted at once", admitted)
	}
	for _, step := range []struct {
		after time.Duration
		cost  int
		wait  time.Duration
	}{{999 * time.Millisecond, 1, time.Second}, {time.Second, 1, 0}, {time.Second, 4, 4 * time.Second}, {time.Hour, 11, time.Second}, {time.Hour, 10, 0}, {time.Hour, 1, time.Second}} {
		if got := admit(step.cost, step.after); got != step.wait {
			t.Errorf("after %s, %d: wait %s, want %s", step.after, step.cost, got, step.wait)
		}
	}
	b.must(store.SweepRates(context.Background(), b.pool, start.Add(3*time.Hour)))
	if n := b.count("SELECT count(*) FROM rate_limits WHERE key = 'key'"); n != 0 {
		t.Error("it is kept for ever")
	}
}

// limited is the portal with small limits, behind a proxy at 192.0.2.1.
func (b *bundle) limited() *web.Server {
	cfg := b.pages.Config
	cfg.Limits = web.Limits{Person: store.Rate{Every: time.Hour, Burst: 8}, Address: store.Rate{Every: time.Hour, Burst: 30}}
	cfg.TrustedProxies = []string{"192.0.2.1"}
	s, err := web.New(cfg)
	b.must(err)
	return s
}

// Too much from one person or address is refused on a page, and harms nobody
// else. Who says that they forward for others is believed only if they are known.
func TestLimits(t *testing.T) {
	b := setup(t)
	pages := b.limited()
	get := func(from, forwarded, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = from + ":1234"
		if strings.Contains(from, ":") {
			r.RemoteAddr = "[" + from + "]:1234"
		}
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		return w
	}
	for range 3 {
		if w := get("203.0.113.1", "198.51.100.9", "/login"); w.Code != http.StatusSeeOther {
			t.Fatalf("a sign-in: %d", w.Code)
		}
	}
	w := get("203.0.113.1", "198.51.100.10", "/login") // another lie
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Too many requests") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for _, path := range []string{"/", "/nowhere", "/auth/callback"} {
		if w := get("203.0.113.1", "", path); w.Code != http.StatusTooManyRequests {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if w := get("203.0.113.1", "", path); w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := get("203.0.113.2", "", "/login"); w.Code != http.StatusSeeOther {
		t.Errorf("another address: %d", w.Code)
	}
	if w := get("192.0.2.1", "203.0.113.1", "/login"); w.Code != http.StatusTooManyRequests {
		t.Errorf("the same through a proxy: %d", w.Code)
	}
	if w := get("192.0.2.1", "1.2.3.4, 203.0.113.3", "/login"); w.Code != http.StatusSeeOther {
		t.Errorf("another through a proxy: %d", w.Code)
	}
	// A proxy that names a port says nothing of the address; X-Real-IP is the
	// client's own word.
	for i := range 4 {
		r := httptest.NewRequest(http.MethodGet, "/login", nil)
		r.RemoteAddr = "192.0.2.1:1234"
		r.Header.Set("X-Forwarded-For", "203.0.113.4:5678")
		r.Header.Set("X-Real-IP", fmt.Sprintf("198.51.100.%d", i))
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		if refused := w.Code == http.StatusTooManyRequests; refused != (i == 3) {
			t.Errorf("X-Real-IP, the %dth time: %d", i+1, w.Code)
		}
	}
	for _, address := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::3"} {
		get(address, "", "/login")
	}
	if w := get("2001:db8::4", "", "/login"); w.Code != http.StatusTooManyRequests {
		t.Errorf("a fourth address of one network: %d", w.Code)
	}
}

// Many refusals of one person are summed up on the trail, and none is lost.
func TestRefusalsAreSummedUp(t *testing.T) {
	b := setup(t)
	const tried = 60
	for range tried {
		b.as("member").Get("/admin/teams").WantStatus(http.StatusForbidden)
	}
	single := b.count("SELECT count(*) FROM events WHERE kind = 'access_refused'")
	if single < 20 || single > 25 {
		t.Errorf("%d have a line of their own", single)
	}
	for range 2 {
		b.must(db.WithTx(t.Context(), b.pool, func(tx pgx.Tx) error { return audit.SumUpRefusals(t.Context(), tx, time.Now()) }))
	}
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'access_refused'"); n != single+1 {
		t.Errorf("%d lines sum up the rest", n-single)
	}
	if more := b.count("SELECT (data->>'number')::int FROM events WHERE data::jsonb ? 'number' AND kind = 'access_refused'"); more+single != tried {
		t.Errorf("%d and %d of %d are told", single, more, tried)
	}
}

// One person's comments are bounded, and a key that somebody else has seen
// takes nobody's comment away.
func TestComments(t *testing.T) {
	b := setup(t)
	number := b.pending()
	key := "01890a5d-ac96-774b-bcce-b302099a8057"
	send := func(who, text string) {
		b.as(who).Post("/requests/"+number+"/comment", url.Values{"key": {key}, "text": {text}}).WantStatus(http.StatusOK)
	}
	for _, c := range []struct {
		who, text string
		total     int
	}{{"member", "one", 1}, {"member", "one", 1}, {"approver", "one", 2}, {"member", "two", 3}} {
		send(c.who, c.text)
		if n := b.count("SELECT count(*) FROM comments"); n != c.total {
			t.Errorf("%s: %q: %d comments, want %d", c.who, c.text, n, c.total)
		}
	}
	_, err := b.pool.Exec(context.Background(), `INSERT INTO comments SELECT gen_random_uuid(), (SELECT id FROM requests WHERE number = $1::bigint), issuer, subject, author_name, text, created_at
		FROM comments, generate_series(1, 58) WHERE text = 'two'`, b.pending()) // so many of this hour, elsewhere
	b.must(err)
	b.as("member").Post("/requests/"+number+"/comment", url.Values{"key": {key}, "text": {"too much"}}).WantStatus(http.StatusTooManyRequests)
	send("approver", "still here")
}

// Nothing lists the files there are, and every page answers HEAD.
func TestHeadAndListings(t *testing.T) {
	b := setup(t)
	get := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		b.pages.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w.Code, w.Body.String()
	}
	for _, path := range []string{"/static/", "/static/.", "/static//", "/static/..%2f"} {
		if code, body := get(http.MethodGet, path); code != http.StatusNotFound && code != http.StatusMovedPermanently || strings.Contains(body, "<pre>") {
			t.Errorf("%s: %d %.80s", path, code, body)
		}
	}
	w := httptest.NewRecorder()
	b.pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/static/app-of-another-version.js", nil))
	if h := w.Header().Get("Cache-Control"); w.Code != http.StatusNotFound || strings.Contains(h, "immutable") {
		t.Errorf("what is not there yet: %d, kept by browsers: %q", w.Code, h)
	}
	for _, path := range []string{"/healthz", "/readyz", "/signed-out"} {
		if code, _ := get(http.MethodHead, path); code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, code)
		}
	}
	if code, _ := get(http.MethodHead, "/events"); code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD /events: %d", code)
	}
}

// One person's open streams are bounded; others' are not touched by that, and
// whoever closes some may open others.
func TestStreamsOfOnePerson(t *testing.T) {
	b := setup(t)
	open := func(who string) (*http.Response, context.CancelFunc) {
		ctx, leave := context.WithCancel(t.Context())
		t.Cleanup(leave)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/events?feed=inventory", nil)
		b.must(err)
		client := *b.as(who).Client
		client.Timeout = 0
		resp, err := client.Do(req)
		b.must(err)
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp, leave
	}
	var leaves []context.CancelFunc
	for range 50 {
		resp, leave := open("member")
		if leaves = append(leaves, leave); resp.StatusCode != http.StatusOK {
			t.Fatalf("stream %d: %s", len(leaves), resp.Status)
		}
	}
	if resp, _ := open("member"); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one too many: %s", resp.Status)
	}
	if resp, _ := open("other"); resp.StatusCode != http.StatusOK {
		t.Errorf("another person: %s", resp.Status)
	}
	leaves[0]()
	for failure := time.Now().Add(time.Minute); ; {
		if resp, _ := open("member"); resp.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(failure) {
			t.Fatal("a place is not given back")
		}
	}
}

// What people write is what can be seen of it, on pages and on the trail.
func TestTextThatCannotBeSeen(t *testing.T) {
	b := setup(t)
	number := b.pending()
	page := b.as("approver").Get("/requests/" + number)
	form := url.Values{"decision": {"reject"}, "digest": {page.Value("digest")}, "revision": {"1"}, "comment": {"no \u202eabc"}}
	page = b.as("approver").Post("/requests/"+number+"/review", form).WantStatus(http.StatusUnprocessableEntity)
	if got := page.Fault("comment"); !strings.Contains(got, "U+202E") {
		t.Errorf("it says %q", got)
	}
	form.Set("comment", "no\nAda Admin approved")
	b.as("approver").Post("/requests/"+number+"/review", form).WantStatus(http.StatusOK)
	if n := b.count("SELECT count(*) FROM events WHERE summary LIKE '%' || chr(10) || '%'"); n != 0 {
		t.Error("an event has two lines")
	}
}

// What somebody tries who belongs to nothing is on the trail as well.
func TestOutsiderIsOnTheTrail(t *testing.T) {
	b := setup(t)
	b.as("outsider").Get("/").WantStatus(http.StatusForbidden)
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'access_refused'"); n != 0 {
		t.Error("it is no attempt to arrive")
	}
	b.as("outsider").Get("/admin/teams").WantStatus(http.StatusForbidden)
	if n := b.count("SELECT count(*) FROM events WHERE kind = 'access_refused' AND subject = 'outsider'"); n != 1 {
		t.Errorf("%d events", n)
	}
}

// Refused requests are summed up like other refusals.
func TestRefusedRequestsAreSummedUp(t *testing.T) {
	b := setup(t)
	_, err := b.pool.Exec(t.Context(), "UPDATE clusters SET protected = true")
	b.must(err)
	const tried = 40
	for range tried {
		b.as("member").Post("/clusters/"+b.ledger+"/delete", url.Values{"submit_key": {uuid.NewString()}, "typed_name": {"ledger"}, "justification": {"x"}, "action": {"submit"}})
	}
	single := b.count("SELECT count(*) FROM events WHERE kind = 'request_refused'")
	counted := b.count("SELECT coalesce(sum(number), 0)::int FROM refusals WHERE kind = 'request_refused'")
	if single > 25 || single+counted != tried {
		t.Errorf("%d events and %d counted, of %d", single, counted, tried)
	}
}

// What changes something stays on the trail, so that one person changes only so
// much; what only shows a plan is free.
func TestActsOfOnePersonAreBounded(t *testing.T) {
	b := setup(t)
	member, other := b.as("member"), b.as("other")
	b.pages.Limits.Acts = store.Rate{Every: time.Hour, Burst: 3}
	for i := range 4 {
		page := member.Post("/me/notifications", url.Values{"mail": {"all"}})
		if refused := page.Status == http.StatusTooManyRequests; refused != (i == 3) {
			t.Errorf("form %d: %d", i, page.Status)
		}
	}
	member.Post("/clusters/new/plan", createForm("name", "shop")).WantStatus(http.StatusOK)
	member.Get("/me").WantStatus(http.StatusOK)
	if page := other.Post("/me/notifications", url.Values{"mail": {"all"}}); page.Status == http.StatusTooManyRequests {
		t.Error("another person is refused, too")
	}
}

// Nobody outside fills the log: addresses are cut, and what the limit refuses is
// no line of it.
func TestLogIsNotFilledFromOutside(t *testing.T) {
	b := setup(t)
	cfg := b.pages.Config
	var log strings.Builder
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	cfg.Limits = web.Limits{Person: unbounded, Address: store.Rate{Every: time.Hour, Burst: 5}}
	pages, err := web.New(cfg)
	b.must(err)
	for range 100 {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			pages.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, "/"+strings.Repeat("a", 60_000), nil))
		}
	}
	if log.Len() > 5000 || strings.Count(log.String(), "\n") > 5 {
		t.Errorf("%d bytes in %d lines", log.Len(), strings.Count(log.String(), "\n"))
	}
}

// Whoever asks whether the portal is ready and leaves, or reads pages and leaves,
// writes nothing into the log, and while the database is away they write one line.
func TestWhoLeavesIsNotLogged(t *testing.T) {
	b := setup(t)
	base, err := url.Parse(b.url)
	b.must(err)
	cookies := b.as("member").Client.Jar.Cookies(base)
	cfg := b.pages.Config
	var log strings.Builder
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	now := time.Now()
	cfg.Now = func() time.Time { return now }
	pages, err := web.New(cfg)
	b.must(err)
	left, leave := context.WithCancel(t.Context())
	leave()
	get := func(ctx context.Context, path string) int {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		for _, cookie := range cookies {
			r.AddCookie(cookie)
		}
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		return w.Code
	}
	for range 50 {
		now = now.Add(2 * time.Second)
		get(left, "/readyz")
		get(left, "/")
		get(left, "/signed-out")
	}
	if got := log.String(); strings.Contains(got, "ERROR") {
		t.Errorf("readers who left are errors: %.500s", got)
	}
	now = now.Add(2 * time.Second)
	if code := get(t.Context(), "/readyz"); code != http.StatusOK {
		t.Errorf("it is not ready: %d", code)
	}
	b.pool.Close()
	now = now.Add(2 * time.Second)
	for range 50 {
		if code := get(t.Context(), "/readyz"); code != http.StatusServiceUnavailable {
			t.Errorf("without database: %d", code)
		}
	}
	if got := log.String(); strings.Count(got, "not ready") != 1 {
		t.Errorf("it is said %d times that it is not ready", strings.Count(got, "not ready"))
	}
	now = now.Add(time.Minute)
	get(t.Context(), "/readyz")
	if got := log.String(); strings.Count(got, "not ready") != 2 {
		t.Errorf("a minute later it is not said again: %s", got)
	}
}

// What is refused is on the trail as it was tried, whatever characters the address
// has, and in letters that can be read.
func TestRefusalsOfStrangeAddresses(t *testing.T) {
	b := setup(t)
	for _, path := range []string{"/admin/teams/%00", "/admin/teams/x%00y", "/admin/teams/%FF", "/admin/policy/%E2%80%AEdevorppa%20nimdA", "/admin/policy/%E2%80%8B"} {
		b.as("member").Get(path).WantStatus(http.StatusForbidden)
		if n := b.count(`SELECT count(*) FROM events WHERE kind = 'access_refused' AND summary LIKE '%was refused GET ' || replace($1, '%', '\%') || ': %'`, path); n != 1 {
			t.Errorf("%s: %d events", path, n)
		}
	}
	if strings.Contains(b.log.String(), "missing on the trail") {
		t.Errorf("a refusal is missing: %s", b.log)
	}
}

// A name that no file can have is no error of the portal's.
func TestStaticFilesOfOddNames(t *testing.T) {
	b := setup(t)
	for _, path := range []string{"/static/%ff", "/static/..%2f..", "/static/%00", "/static/"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path, _ = url.PathUnescape(path)
		w := httptest.NewRecorder()
		b.pages.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

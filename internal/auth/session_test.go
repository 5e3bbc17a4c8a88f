package auth_test

import (
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"doksportal/internal/auth"
)

// signIn returns a browser in which eve is signed in.
func signIn(t *testing.T, b *testBundle) browser {
	t.Helper()
	eve := newBrowser(t)
	wantStatus(t, eve.get(b.URL+"/login"), http.StatusOK)
	return eve
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]http.Cookie{
		"https://portal.example": {Name: "__Host-portal", Secure: true},
		"":                       {Name: "portal"},
	} {
		i := newIssuer(t)
		b := setup(t, i.URL, func(c *auth.Config) {
			if base != "" {
				c.BaseURL = mustParse(t, base)
			}
		})
		cookies := signInByHand(t, b, i)
		got := cookies[len(cookies)-1]
		if got.Name != want.Name || got.Secure != want.Secure || !got.HttpOnly || got.SameSite != http.SameSiteLaxMode ||
			got.Path != "/" || got.Domain != "" || got.MaxAge != int(auth.Lifetime.Seconds()) {
			t.Errorf("%q: cookie %+v", base, got)
		}
	}
}

// signInByHand carries cookies that a browser would not send over plain http,
// and returns those that the portal gave in the end.
func signInByHand(t *testing.T, b *testBundle, i *issuer) []*http.Cookie {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	var cookies []*http.Cookie
	step := func(address string) string {
		req, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cookies {
			req.AddCookie(c)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Cookies(); len(got) > 0 {
			cookies = got
		}
		return resp.Header.Get("Location")
	}
	back := mustParse(t, step(step(b.URL+"/login")))
	step(b.URL + "/auth/callback?" + back.RawQuery)
	return cookies
}

func TestSignInGivesANewSessionID(t *testing.T) {
	t.Parallel()
	b := setup(t, newIssuer(t).URL)
	eve := newBrowser(t)
	// An id that somebody else has chosen is not taken over.
	eve.Jar.SetCookies(mustParse(t, b.URL), []*http.Cookie{{Name: "portal", Value: "chosen", Path: "/"}})
	wantStatus(t, eve.get(b.URL+"/login"), http.StatusOK)
	first := eve.cookies(b.URL)["portal"]
	if first == "chosen" || len(first) < 43 {
		t.Fatalf("the session's id is %q", first)
	}
	wantStatus(t, eve.get(b.URL+"/login"), http.StatusOK)
	second := eve.cookies(b.URL)["portal"]
	if second == first {
		t.Error("the session's id stayed the same")
	}
	old := newBrowser(t)
	old.Jar.SetCookies(mustParse(t, b.URL), []*http.Cookie{{Name: "portal", Value: first, Path: "/"}})
	wantStatus(t, old.get(b.URL+"/"), http.StatusUnauthorized)
	wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
}

func TestDatabaseAndLogKeepNoSecrets(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	b := setup(t, i.URL)
	eve := signIn(t, b)
	begun := eve.stopAt(i.URL).get(b.URL + "/login")
	b.clock.advance(5 * time.Minute)
	i.set(func() { i.broken["/token"] = http.StatusBadGateway })
	wantStatus(t, eve.get(b.URL+"/"), http.StatusOK) // logs that groups are old
	var dump string
	err := b.pool.QueryRow(context.Background(), `SELECT (SELECT string_agg(encode(token_hash, 'escape') || encode(data, 'escape') || s::text, '') FROM sessions s)
		|| (SELECT string_agg(e::text, '') FROM events e) || (SELECT string_agg(encode(tokens, 'escape') || p::text, '') FROM people p)`).Scan(&dump)
	if err != nil {
		t.Fatal(err)
	}
	if b.log.Len() == 0 || dump == "" {
		t.Fatal("there is nothing to look at")
	}
	secrets := []string{"canary", mustParse(t, begun.header.Get("Location")).Query().Get("nonce")}
	for _, value := range eve.cookies(b.URL) {
		secrets = append(secrets, value)
	}
	for _, secret := range secrets {
		if strings.Contains(dump, secret) || strings.Contains(b.log.String(), secret) {
			t.Errorf("%q is kept", secret)
		}
	}
	hash := sha256.Sum256([]byte(eve.cookies(b.URL)["portal"]))
	if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE token_hash = $1 AND subject = 'eve' AND user_agent LIKE 'Go-http%'`, hash[:]); n != 1 {
		t.Errorf("%d sessions by the hash of the cookie", n)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	t.Run("when idle", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		i.userinfo = map[string]any{"sub": "eve", "groups": []string{}}
		b := setup(t, i.URL)
		eve := signIn(t, b)
		b.clock.advance(auth.IdleFor - time.Second)
		wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
		b.clock.advance(auth.IdleFor + time.Second)
		wantStatus(t, eve.get(b.URL+"/"), http.StatusUnauthorized)
	})
	t.Run("whatever happens", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		i.userinfo = map[string]any{"sub": "eve", "groups": []string{}}
		b := setup(t, i.URL)
		eve := signIn(t, b)
		for range 11 {
			b.clock.advance(time.Hour)
			wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
		}
		b.clock.advance(time.Hour + time.Second)
		wantStatus(t, eve.get(b.URL+"/"), http.StatusUnauthorized)
	})
	t.Run("on all replicas", func(t *testing.T) {
		t.Parallel()
		b := setup(t, newIssuer(t).URL)
		other := b.startReplica(t)
		eve := signIn(t, b)
		copied := newBrowser(t)
		copied.Jar.SetCookies(mustParse(t, b.URL), eve.Jar.Cookies(mustParse(t, b.URL)))
		wantStatus(t, copied.get(other.URL+"/"), http.StatusOK)
		eve.do(http.MethodPost, b.URL+"/logout", nil)
		wantStatus(t, copied.get(other.URL+"/"), http.StatusUnauthorized)
		wantStatus(t, copied.get(b.URL+"/"), http.StatusUnauthorized)
		if len(eve.cookies(b.URL)) != 0 {
			t.Error("the browser keeps cookies")
		}
		if n := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_out' AND subject = 'eve'`); n != 1 {
			t.Errorf("%d events of the sign-out", n)
		}
	})
	t.Run("by an admin", func(t *testing.T) {
		t.Parallel()
		b := setup(t, newIssuer(t).URL)
		laptop, phone := signIn(t, b), signIn(t, b)
		if err := b.endSessions("eve"); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, laptop.get(b.URL+"/"), http.StatusUnauthorized)
		wantStatus(t, phone.get(b.URL+"/"), http.StatusUnauthorized)
	})
}

func TestSweepRemovesWhatHasEnded(t *testing.T) {
	t.Parallel()
	b := setup(t, newIssuer(t).URL)
	sweep := func(want int) {
		t.Helper()
		if err := b.auth.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := count(t, b.pool, `SELECT count(*) FROM sessions`); n != want {
			t.Errorf("%d sessions are left, want %d", n, want)
		}
	}
	signIn(t, b)
	newBrowser(t).stopAt(b.issuer).get(b.URL + "/login")
	sweep(2)
	b.clock.advance(11 * time.Minute)
	sweep(1)
	b.clock.advance(auth.IdleFor)
	sweep(0)
}

func TestReadingWritesAtMostOnceAMinute(t *testing.T) {
	t.Parallel()
	b := setup(t, newIssuer(t).URL)
	eve := signIn(t, b)
	used := func() (at time.Time) {
		t.Helper()
		if err := b.pool.QueryRow(context.Background(), `SELECT last_used_at FROM sessions`).Scan(&at); err != nil {
			t.Fatal(err)
		}
		return at
	}
	start := used()
	b.clock.advance(50 * time.Second)
	wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
	if !used().Equal(start) {
		t.Error("a page view within the minute was written down")
	}
	b.clock.advance(20 * time.Second)
	wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
	if used().Equal(start) {
		t.Error("a page view after a minute was not written down")
	}
}

// stream opens the long answer of auth.Valid. ask has it check once more and
// reports whether it goes on.
func (b browser) stream(address string) (ask func() bool) {
	b.t.Helper()
	questions, asker := io.Pipe()
	b.t.Cleanup(func() { _ = asker.Close() })
	req, err := http.NewRequest(http.MethodGet, address+"/stream", questions)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := b.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = resp.Body.Close() })
	first := true
	return func() bool {
		if !first {
			_, _ = asker.Write([]byte("?"))
		}
		first = false
		n, _ := resp.Body.Read(make([]byte, 1))
		return n == 1
	}
}

func TestStreamsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testBundle, *issuer, browser){
		"signed out": func(b *testBundle, _ *issuer, eve browser) { eve.do(http.MethodPost, b.URL+"/logout", nil) },
		"another group": func(b *testBundle, i *issuer, _ browser) {
			i.set(func() { i.userinfo = map[string]any{"sub": "eve", "groups": []string{}} })
			b.clock.advance(5 * time.Minute)
		},
		// The question in between was no use of the session.
		"left open": func(b *testBundle, _ *issuer, _ browser) { b.clock.advance(auth.IdleFor/2 + time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.userinfo = map[string]any{"sub": "eve", "groups": []string{"payments-members"}}
			b := setup(t, i.URL)
			eve := signIn(t, b)
			ask := eve.stream(b.URL)
			for range 2 {
				if !ask() {
					t.Fatal("the stream ended early")
				}
			}
			b.clock.advance(auth.IdleFor / 2)
			if !ask() {
				t.Fatal("the stream ended early")
			}
			end(b, i, eve)
			if ask() {
				t.Error("the stream goes on")
			}
		})
	}
}

func TestSealedTokensStayWithTheirOwner(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.userinfo = map[string]any{"sub": "eve", "groups": []string{"payments-members"}}
	b := setup(t, i.URL)
	signIn(t, b)
	i.set(func() {
		i.userinfo["sub"] = "ada"
		i.claims = func(c map[string]any) { c["sub"] = "ada" }
	})
	ada := signIn(t, b)
	wantBody(t, ada.get(b.URL+"/"), "ada")
	// Whoever can write to the database gives ada eve's tokens. Not even the provider
	// would notice.
	if _, err := b.pool.Exec(context.Background(), `UPDATE people SET tokens = (SELECT tokens FROM people WHERE subject = 'eve') WHERE subject = 'ada'`); err != nil {
		t.Fatal(err)
	}
	b.clock.advance(5 * time.Minute)
	wantStatus(t, ada.get(b.URL+"/"), http.StatusUnauthorized)
}

// Whoever can write to the database cannot make a token of theirs somebody's session.
func TestSealedSessionsStayWithTheirToken(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	b := setup(t, i.URL)
	own, thief := signIn(t, b), newBrowser(t)
	site, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	const token = "a token of the thief's own, as long as others"
	hash := sha256.Sum256([]byte(token))
	if _, err := b.pool.Exec(context.Background(), `INSERT INTO sessions (token_hash, id, data, issuer, subject, created_at, last_used_at, expires_at)
		SELECT $1, gen_random_uuid(), data, issuer, subject, created_at, last_used_at, expires_at FROM sessions`, hash[:]); err != nil {
		t.Fatal(err)
	}
	var cookies []*http.Cookie
	for _, c := range own.Jar.Cookies(site) {
		cookies = append(cookies, &http.Cookie{Name: c.Name, Value: token, Path: "/"})
	}
	thief.Jar.SetCookies(site, cookies)
	wantStatus(t, thief.get(b.URL+"/"), http.StatusUnauthorized)
}

// Whoever can write to the database gives nobody groups: what the provider did not say
// is not believed, and it is asked.
func TestForgedGroupsAreNotBelieved(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.userinfo = map[string]any{"sub": "eve", "groups": []string{"payments-members"}}
	b := setup(t, i.URL)
	eve := signIn(t, b)
	before := eve.get(b.URL + "/").body
	for _, forge := range []string{
		`UPDATE people SET groups = '{portal-admins}'`,
		`UPDATE people SET groups_at = groups_at + interval '1 year'`,
		`UPDATE people SET name = 'Ada'`,
		`UPDATE people SET proof = NULL`,
	} {
		if _, err := b.pool.Exec(context.Background(), forge); err != nil {
			t.Fatal(err)
		}
		if after := eve.get(b.URL + "/").body; after != before {
			t.Errorf("after %s: %q, before %q", forge, after, before)
		}
	}
}

// What a browser calls itself is kept in short, and who signs in again and again
// keeps the newest sessions.
func TestSessionsOfOnePersonAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, newIssuer(t).URL)
	first := newBrowser(t)
	wantStatus(t, first.get(b.URL+"/login"), http.StatusOK)
	for range 50 {
		b.clock.advance(time.Second)
		last := newBrowser(t)
		last.agent = strings.Repeat("agent ", 1000)
		wantStatus(t, last.get(b.URL+"/login"), http.StatusOK)
	}
	if n := count(t, b.pool, `SELECT count(*) FROM sessions`); n != 50 {
		t.Errorf("%d sessions are kept", n)
	}
	if n := count(t, b.pool, `SELECT max(length(user_agent) + length(data)) FROM sessions`); n > 3000 {
		t.Errorf("one of them takes %d bytes", n)
	}
	wantStatus(t, first.get(b.URL+"/"), http.StatusUnauthorized)
}

// Each sign-in stays on the trail, so one person may sign in only so often.
func TestSignInsOfOnePersonAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, newIssuer(t).URL)
	for range 60 {
		wantStatus(t, newBrowser(t).get(b.URL+"/login"), http.StatusOK)
	}
	wantStatus(t, newBrowser(t).get(b.URL+"/login"), http.StatusTooManyRequests)
	if n := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_in'`); n != 60 {
		t.Errorf("%d sign-ins are on the trail", n)
	}
	b.clock.advance(time.Minute)
	wantStatus(t, newBrowser(t).get(b.URL+"/login"), http.StatusOK)
}

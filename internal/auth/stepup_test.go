package auth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"doksportal/internal/auth"
	"doksportal/internal/auth/devidp"
)

var form = url.Values{"name": {"a <b> & \"c\" \u2028 ü\r\n"}, "pools[0].name": {"x"}, "nodes": {"1", "2"}, "empty": {""}}

// send submits a form that asks for a fresh sign-in, and returns the address of
// the provider.
func (b browser) send(portalURL string, typed url.Values) string {
	b.t.Helper()
	page := b.do(http.MethodPost, portalURL+"/typed/page", typed)
	wantStatus(b.t, page, http.StatusOK)
	return page.body
}

// ada signs in, and her sign-in grows old.
func ada(t *testing.T) (*devidp.Issuer, *testBundle, browser) {
	t.Helper()
	issuer, b := startDevIDP(t)
	issuer.SetAuthTime(b.clock.now)
	who := newBrowser(t)
	wantStatus(t, who.choose(who.get(b.URL+"/login"), "ada"), http.StatusOK)
	b.clock.advance(6 * time.Minute)
	return issuer, b, who
}

func TestStepUp(t *testing.T) {
	t.Parallel()
	_, b, who := ada(t)
	wantBody(t, who.get(b.URL+"/typed/page"), "ada false  fresh=false")
	session := who.cookies(b.URL)["portal"]
	address := who.send(b.URL, form)
	query := mustParse(t, address).Query()
	for name, want := range map[string]string{"prompt": "login", "max_age": "300", "login_hint": "ada@demo.invalid", "code_challenge_method": "S256"} {
		if query.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, query.Get(name), want)
		}
	}
	if who.cookies(b.URL)["portal"] != session {
		t.Error("the session changed before there was a sign-in")
	}
	page := who.get(address)
	wantBody(t, page, "asks <b>ada</b> to sign in again")
	wantBody(t, who.choose(page, "ada"), "ada true "+form.Encode()+" fresh=true")
	now := who.cookies(b.URL)["portal"]
	if now == session {
		t.Error("the session's id stayed the same")
	}
	old := newBrowser(t)
	old.Jar.SetCookies(mustParse(t, b.URL), []*http.Cookie{{Name: "portal", Value: session, Path: "/"}})
	wantStatus(t, old.get(b.URL+"/"), http.StatusUnauthorized)
	wantBody(t, who.get(b.URL+"/typed/page"), "ada false  fresh=true")
	if n := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_in' AND data->>'fresh' = 'true' AND summary = 'Ada signed in again'`); n != 1 {
		t.Errorf("%d events of the fresh sign-in", n)
	}
	b.clock.advance(6 * time.Minute)
	wantBody(t, who.get(b.URL+"/typed/page"), "fresh=false")
}

// What was typed is for one page, one session, once, and for ten minutes.
func TestTypedIsKeptFromOthers(t *testing.T) {
	t.Parallel()
	_, b, who := ada(t)
	back := func() answer {
		return who.stopAt(b.URL+"/typed/page").choose(who.get(who.send(b.URL, form)), "ada")
	}
	if got := back().header.Get("Location"); got != "/typed/page" {
		t.Fatalf("back to %q", got)
	}
	other := newBrowser(t)
	wantStatus(t, other.choose(other.get(b.URL+"/login"), "ada"), http.StatusOK)
	wantBody(t, other.get(b.URL+"/typed/page"), "ada false")
	wantBody(t, who.get(b.URL+"/typed/other"), "ada false")
	wantBody(t, who.get(b.URL+"/typed/page/"), "ada false")
	for _, value := range []string{"a <b>", "pools[0]"} {
		if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE position($1::text::bytea IN data) > 0`, value); n != 0 {
			t.Errorf("%q can be read in the database", value)
		}
	}
	wantBody(t, who.get(b.URL+"/typed/page"), "ada true")
	wantBody(t, who.get(b.URL+"/typed/page"), "ada false")
	back()
	b.clock.advance(11 * time.Minute)
	wantBody(t, who.get(b.URL+"/typed/page"), "ada false")
	if err := b.auth.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE issuer = ''`); n != 0 {
		t.Errorf("%d are left", n)
	}
}

func TestStepUpByAnotherPerson(t *testing.T) {
	t.Parallel()
	_, b, who := ada(t)
	wantBody(t, who.choose(who.get(who.send(b.URL, form)), "bob"), "/ bob groups=[]")
	wantBody(t, who.get(b.URL+"/typed/page"), "bob false  fresh=true")
	wantStatus(t, who.choose(who.get(b.URL+"/login?return=/typed/page"), "ada"), http.StatusOK)
	wantBody(t, who.get(b.URL+"/typed/page"), "ada false")
}

func TestStepUpInTwoTabs(t *testing.T) {
	t.Parallel()
	_, b, who := ada(t)
	first, second := who.send(b.URL, url.Values{"tab": {"1"}}), who.send(b.URL, url.Values{"tab": {"2"}})
	pages := []answer{who.get(first), who.get(second)}
	wantBody(t, who.choose(pages[0], "ada"), "true tab=1 fresh=true")
	wantBody(t, who.choose(pages[1], "ada"), "true tab=2 fresh=true")
}

// What the provider says of the sign-in counts, not what it was asked for.
func TestStepUpsThatAreRefused(t *testing.T) {
	t.Parallel()
	at := func(age time.Duration) func(*clock) time.Time {
		return func(c *clock) time.Time { return c.now().Add(-age) }
	}
	for name, c := range map[string]struct {
		at   func(*clock) time.Time
		says string // empty: it works
	}{
		"none":                             {func(*clock) time.Time { return time.Time{} }, "does not say when you signed in"},
		"old":                              {at(6*time.Minute + 5*time.Second), "did not ask you to sign in again"},
		"very old":                         {func(*clock) time.Time { return time.Unix(1, 0) }, "did not ask you to sign in again"},
		"in the future":                    {at(-70 * time.Second), "its clock or the portal's is wrong"},
		"by a clock behind":                {at(50 * time.Second), ""},
		"by a clock ahead":                 {at(-50 * time.Second), ""},
		"just within, with a clock behind": {at(5*time.Minute + 50*time.Second), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer, b, who := ada(t)
			session := who.cookies(b.URL)["portal"]
			issuer.SetAuthTime(func() time.Time { return c.at(b.clock) })
			got := who.choose(who.get(who.send(b.URL, form)), "ada")
			if c.says == "" {
				wantBody(t, got, "ada true "+form.Encode())
				return
			}
			wantStatus(t, got, http.StatusForbidden)
			wantBody(t, got, c.says)
			if n := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_in_refused'`); n != 1 {
				t.Errorf("%d events of the refusal", n)
			}
			if who.cookies(b.URL)["portal"] != session {
				t.Error("the session changed")
			}
			wantBody(t, who.get(b.URL+"/typed/page"), "ada true "+form.Encode()+" fresh=false")
		})
	}
}

// Leaving the provider's page, or its failing, loses nothing that was typed.
func TestStepUpGivenUp(t *testing.T) {
	t.Parallel()
	_, b, who := ada(t)
	state := mustParse(t, who.send(b.URL, form)).Query().Get("state")
	denied := who.get(b.URL + "/auth/callback?error=access_denied&state=" + state)
	wantStatus(t, denied, http.StatusForbidden)
	wantStatus(t, who.get(b.URL+"/step-up?state="+state), http.StatusNotFound)
	stranger := newBrowser(t)
	wantBody(t, stranger.get(b.URL+"/typed/page"), " false")
	wantBody(t, who.get(b.URL+"/typed/page"), "ada true "+form.Encode()+" fresh=false")

	// Who has signed out meanwhile gets nothing back.
	state = mustParse(t, who.send(b.URL, form)).Query().Get("state")
	wantStatus(t, who.choose(who.get(b.URL+"/login"), "bob"), http.StatusOK)
	wantStatus(t, who.get(b.URL+"/step-up?state="+state), http.StatusNotFound)
	wantStatus(t, who.get(b.URL+"/auth/callback?error=access_denied&state="+state), http.StatusForbidden)
	wantBody(t, who.get(b.URL+"/typed/page"), "bob false")
}

func TestStepUpOnlyOfReaders(t *testing.T) {
	t.Parallel()
	_, b, who := ada(t)
	nobody := newBrowser(t)
	wantStatus(t, nobody.do(http.MethodPost, b.URL+"/typed/page", form), http.StatusUnauthorized)
	state := mustParse(t, who.send(b.URL, form)).Query().Get("state")
	wantStatus(t, nobody.get(b.URL+"/step-up?state="+state), http.StatusNotFound)
	signIn := who.stopAt(b.issuer).get(b.URL + "/login")
	normal := mustParse(t, signIn.header.Get("Location")).Query().Get("state")
	wantStatus(t, who.get(b.URL+"/step-up?state="+normal), http.StatusNotFound)
	b.clock.advance(11 * time.Minute)
	wantStatus(t, who.get(b.URL+"/step-up?state="+state), http.StatusNotFound)
}

// A form that is too large is not cut: nothing of it is kept, and its reader is
// told.
func TestTooMuchTyped(t *testing.T) {
	t.Parallel()
	_, b, who := ada(t)
	most := url.Values{"x": {strings.Repeat("<", 96<<10-1)}}
	page := who.get(who.send(b.URL, most))
	wantBody(t, who.choose(page, "ada"), "ada true "+most.Encode())
	most.Set("y", "")
	got := who.do(http.MethodPost, b.URL+"/typed/page", most)
	wantStatus(t, got, http.StatusRequestEntityTooLarge)
	wantBody(t, got, "sign in again in another tab")
	if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE issuer = ''`); n != 0 {
		t.Errorf("%d are kept", n)
	}
}

// auth_time is the ID token's word about this sign-in, not userinfo's.
func TestSignedInAt(t *testing.T) {
	t.Parallel()
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		claim, userinfo any
		fresh           bool
	}{
		"now":            {now, nil, true},
		"an hour ago":    {now - 3600, nil, false},
		"not said":       {nil, nil, false},
		"in userinfo":    {nil, now, false},
		"both":           {now - 3600, now, false},
		"as text":        {"1893456000", nil, false},
		"negative":       {-1, nil, false},
		"no time at all": {1e300, nil, false},
		"far ahead":      {now + 120, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.claims = func(claims map[string]any) {
				if c.claim != nil {
					claims["auth_time"] = c.claim
				}
				delete(claims, "groups")
			}
			i.userinfo = map[string]any{"sub": "eve", "groups": []string{"payments-members"}}
			if c.userinfo != nil {
				i.userinfo["auth_time"] = c.userinfo
			}
			b := setup(t, i.URL)
			eve := signIn(t, b)
			if got := strings.HasSuffix(eve.get(b.URL+"/typed/x").body, "fresh=true"); got != c.fresh {
				t.Errorf("fresh: %v", got)
			}
		})
	}
}

// Renewing groups says nothing of when somebody signed in.
func TestRefreshKeepsSignedInAt(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	at := time.Now().Unix()
	i.claims = func(c map[string]any) { c["auth_time"] = at }
	b := setup(t, i.URL, func(c *auth.Config) { c.StepUpMaxAge = time.Hour })
	eve := signIn(t, b)
	i.set(func() { at += 3600 })
	b.clock.advance(4*time.Minute + 30*time.Second)
	wantBody(t, eve.get(b.URL+"/typed/x"), "fresh=true")
	b.clock.advance(time.Minute)
	wantBody(t, eve.get(b.URL+"/typed/x"), "fresh=false")
	if i.renewed == 0 {
		t.Error("the groups were not renewed")
	}
	if got := mustParse(t, eve.send(b.URL, form)).Query().Get("max_age"); got != "3600" {
		t.Errorf("max_age = %q", got)
	}
}

// Pages of other sites are no place to return to.
func TestStepUpReturnsToLocalPages(t *testing.T) {
	t.Parallel()
	_, b, who := ada(t)
	for _, page := range []string{"//evil.example/typed/", "/typed/%5C%5Cevil.example", "/typed/..//evil.example"} {
		address := who.stopAt(b.URL+"/step-up").do(http.MethodPost, b.URL+page, form)
		if address.status != http.StatusSeeOther {
			continue // the server itself knows better
		}
		shown := who.get(b.URL + address.header.Get("Location"))
		got := who.choose(who.get(shown.body), "ada")
		if !strings.HasPrefix(got.request.URL.String(), b.URL+"/") || strings.HasPrefix(got.request.URL.Path, "//") {
			t.Errorf("%s: led to %s", page, got.request.URL)
		}
	}
}

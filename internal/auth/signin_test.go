package auth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"doksportal/internal/auth"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	_, b := startDevIDP(t)
	ada := newBrowser(t)
	page := ada.get(b.URL + "/login?return=/clusters%3Fpage%3D2")
	wantStatus(t, page, http.StatusOK)
	wantBody(t, page, "ada")
	got := ada.choose(page, "ada")
	wantStatus(t, got, http.StatusOK)
	wantBody(t, got, "/clusters ada groups=[payments-members platform-approvers] roles=[platform approver]")
	if got.request.URL.RawQuery != "page=2" {
		t.Errorf("the reader came back to %s", got.request.URL)
	}
	if n := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_in' AND subject = 'ada'`); n != 1 {
		t.Errorf("%d events of the sign-in", n)
	}
	actor, at, err := b.auth.Current(context.Background(), portal.Identity{Issuer: b.issuer, Subject: "ada"})
	if err != nil || actor.Name != "Ada" || !actor.HasRole(portal.RolePlatformApprover) || b.clock.now().Sub(at) > time.Minute {
		t.Errorf("Current = %+v, %v, %v", actor, at, err)
	}
}

func TestOutsiderGetsASession(t *testing.T) {
	t.Parallel()
	_, b := startDevIDP(t)
	bob := newBrowser(t)
	got := bob.choose(bob.get(b.URL+"/login"), "bob")
	wantStatus(t, got, http.StatusOK)
	wantBody(t, got, "bob groups=[] roles=[] problem=")
}

func TestCurrentOfAStranger(t *testing.T) {
	t.Parallel()
	b := setup(t, "http://127.0.0.1:1")
	_, _, err := b.auth.Current(context.Background(), portal.Identity{Issuer: b.issuer, Subject: "nobody"})
	if !portal.Is(err, portal.KindNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestTheRequestToTheProvider(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.metadata["scopes_supported"] = []string{"openid", "offline_access"}
	b := setup(t, i.URL)
	seen := map[string]bool{}
	for range 3 {
		wantStatus(t, newBrowser(t).get(b.URL+"/login"), http.StatusOK)
		for name, least := range map[string]int{"state": 43, "nonce": 43, "code_challenge": 43} {
			value := i.asked.Get(name)
			if len(value) < least || seen[value] {
				t.Errorf("%s %q is short or was used before", name, value)
			}
			seen[value] = true
		}
		for name, want := range map[string]string{"code_challenge_method": "S256", "response_type": "code",
			"redirect_uri": b.URL + "/auth/callback", "scope": "openid profile email offline_access"} {
			if got := i.asked.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
	}
}

func TestTabsSignInAtTheSameTime(t *testing.T) {
	t.Parallel()
	_, b := startDevIDP(t)
	ada := newBrowser(t)
	first := ada.get(b.URL + "/login?return=/first")
	second := ada.get(b.URL + "/login?return=/second")
	wantBody(t, ada.choose(first, "ada"), "/first ada")
	wantBody(t, ada.choose(second, "ada"), "/second ada")
}

func TestTooManyTabsLoseTheOldest(t *testing.T) {
	t.Parallel()
	_, b := startDevIDP(t)
	ada := newBrowser(t)
	var pages []answer
	for range 7 {
		pages = append(pages, ada.get(b.URL+"/login"))
	}
	if n := len(ada.cookies(b.URL)); n > 5 {
		t.Errorf("the browser keeps %d sign-ins", n)
	}
	wantStatus(t, ada.choose(pages[0], "ada"), http.StatusForbidden)
	wantStatus(t, ada.choose(pages[6], "ada"), http.StatusOK)
}

func TestCallbackOnlyOfThisBrowsersSignIn(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T) (b *testBundle, eve browser, callback string) {
		b = setup(t, newIssuer(t).URL)
		eve = newBrowser(t)
		stopped := eve.stopAt(b.URL + "/auth/callback").get(b.URL + "/login")
		return b, eve, stopped.header.Get("Location")
	}
	// What nobody has begun here is not recorded either: anybody could fill the
	// trail with it.
	refused := func(t *testing.T, b *testBundle, who browser, a answer) {
		t.Helper()
		wantStatus(t, a, http.StatusForbidden)
		wantBody(t, a, "was not started in this browser")
		if n := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_in_refused' AND summary NOT LIKE '%did not let you%'`); n != 0 {
			t.Errorf("%d refusals on the trail", n)
		}
		wantStatus(t, who.get(b.URL+"/"), http.StatusUnauthorized)
	}
	t.Run("unsolicited", func(t *testing.T) {
		t.Parallel()
		b, _, callback := begin(t)
		mallory := newBrowser(t)
		refused(t, b, mallory, mallory.get(b.URL+"/auth/callback?code=x&state=y"))
		refused(t, b, mallory, mallory.get(b.URL+"/auth/callback"))
		refused(t, b, mallory, mallory.get(callback))
		if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE issuer <> ''`); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
	t.Run("another state", func(t *testing.T) {
		t.Parallel()
		b, eve, callback := begin(t)
		u, _ := url.Parse(callback)
		q := u.Query()
		q.Set("state", q.Get("state")[:len(q.Get("state"))-1]+"?")
		u.RawQuery = q.Encode()
		refused(t, b, eve, eve.get(u.String()))
	})
	t.Run("replayed", func(t *testing.T) {
		t.Parallel()
		b, eve, callback := begin(t)
		cookies := eve.Jar.Cookies(mustParse(t, b.URL))
		wantStatus(t, eve.get(callback), http.StatusOK)
		// A copy of the browser as it was before.
		copied := newBrowser(t)
		copied.Jar.SetCookies(mustParse(t, b.URL), cookies)
		refused(t, b, copied, copied.get(callback))
	})
	t.Run("too late", func(t *testing.T) {
		t.Parallel()
		b, eve, callback := begin(t)
		b.clock.advance(11 * time.Minute)
		refused(t, b, eve, eve.get(callback))
	})
	t.Run("after the provider refused", func(t *testing.T) {
		t.Parallel()
		b, eve, callback := begin(t)
		state := mustParse(t, callback).Query().Get("state")
		denied := eve.get(b.URL + "/auth/callback?error=access_denied&state=" + state)
		wantStatus(t, denied, http.StatusForbidden)
		wantBody(t, denied, "the identity provider did not let you sign in")
		refused(t, b, eve, eve.get(callback))
	})
	t.Run("after an error of the provider", func(t *testing.T) {
		t.Parallel()
		b, eve, callback := begin(t)
		state := mustParse(t, callback).Query().Get("state")
		failed := eve.get(b.URL + "/auth/callback?error=server_error&code=x&state=" + state)
		wantStatus(t, failed, http.StatusForbidden)
		wantBody(t, failed, "the sign-in did not work")
		if n := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_in_refused' AND summary LIKE '%reported an error%'`); n != 1 {
			t.Errorf("%d events", n)
		}
	})
	t.Run("again and again", func(t *testing.T) {
		t.Parallel()
		b, _, _ := begin(t)
		const tried = 40
		for range tried {
			stranger := newBrowser(t)
			callback := stranger.stopAt(b.URL + "/auth/callback").get(b.URL + "/login").header.Get("Location")
			state := mustParse(t, callback).Query().Get("state")
			wantStatus(t, stranger.get(b.URL+"/auth/callback?error=access_denied&state="+state), http.StatusForbidden)
		}
		single := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_in_refused'`)
		counted := count(t, b.pool, `SELECT coalesce(sum(number), 0)::int FROM refusals WHERE kind = 'sign_in_refused'`)
		if single > 25 || single+counted != tried {
			t.Errorf("%d events and %d counted, of %d", single, counted, tried)
		}
	})
	t.Run("that cannot be recorded", func(t *testing.T) {
		t.Parallel()
		b, eve, callback := begin(t)
		if _, err := dbtest.Owner(t).Exec(t.Context(), `ALTER TABLE events ADD CONSTRAINT full_disk CHECK (false) NOT VALID`); err != nil {
			t.Fatal(err)
		}
		state := mustParse(t, callback).Query().Get("state")
		wantStatus(t, eve.get(b.URL+"/auth/callback?error=access_denied&state="+state), http.StatusInternalServerError)
	})
}

func mustParse(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestForgedAnswersAreRefused(t *testing.T) {
	t.Parallel()
	claim := func(name string, value any) func(*testing.T, *issuer) {
		return func(_ *testing.T, i *issuer) { i.claims = func(c map[string]any) { c[name] = value } }
	}
	without := func(name string) func(*testing.T, *issuer) {
		return func(_ *testing.T, i *issuer) { i.claims = func(c map[string]any) { delete(c, name) } }
	}
	signedBy := func(f func(*testing.T, *issuer, []byte) string) func(*testing.T, *issuer) {
		return func(t *testing.T, i *issuer) { i.sign = func(c []byte) string { return f(t, i, c) } }
	}
	for name, forge := range map[string]func(*testing.T, *issuer){
		"wrong issuer":     claim("iss", "https://evil.example"),
		"wrong audience":   claim("aud", "another-client"),
		"no audience":      without("aud"),
		"wrong party":      claim("azp", "another-client"),
		"expired":          claim("exp", time.Now().Add(-time.Minute).Unix()),
		"no expiry":        without("exp"),
		"not yet valid":    claim("nbf", time.Now().Add(time.Hour).Unix()),
		"wrong nonce":      claim("nonce", "another"),
		"missing nonce":    without("nonce"),
		"empty nonce":      claim("nonce", ""),
		"no subject":       without("sub"),
		"alg none":         signedBy(func(_ *testing.T, _ *issuer, c []byte) string { return unsigned(c) }),
		"HS256":            signedBy(func(t *testing.T, _ *issuer, c []byte) string { return sign(t, jose.HS256, []byte(clientSecret), c) }),
		"another key":      signedBy(func(t *testing.T, _ *issuer, c []byte) string { return sign(t, jose.RS256, otherRSA(t), c) }),
		"algorithm unsaid": signedBy(func(t *testing.T, _ *issuer, c []byte) string { return sign(t, jose.ES256, ecKey(t), c) }),
		"tampered":         signedBy(func(t *testing.T, i *issuer, c []byte) string { return tampered(sign(t, jose.RS256, i.key, c)) }),
		"no ID token":      signedBy(func(*testing.T, *issuer, []byte) string { return "" }),
		"answer's issuer":  func(_ *testing.T, i *issuer) { i.answer = func(v url.Values) { v.Set("iss", "https://evil.example") } },
		"answer without issuer": func(_ *testing.T, i *issuer) {
			i.metadata["authorization_response_iss_parameter_supported"] = true
		},
		"wrong code": func(_ *testing.T, i *issuer) { i.answer = func(v url.Values) { v.Set("code", "stolen") } },
		"userinfo of another": func(_ *testing.T, i *issuer) {
			noGroups(i)
			i.userinfo = map[string]any{"sub": "mallory", "groups": []string{"portal-admins"}}
		},
		"userinfo without owner": func(_ *testing.T, i *issuer) {
			noGroups(i)
			i.userinfo = map[string]any{"groups": []string{"portal-admins"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			forge(t, i)
			b := setup(t, i.URL)
			eve := newBrowser(t)
			wantStatus(t, eve.get(b.URL+"/login"), http.StatusForbidden)
			wantStatus(t, eve.get(b.URL+"/"), http.StatusUnauthorized)
			if n := count(t, b.pool, `SELECT count(*) FROM sessions`); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
			if n := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_in_refused'`); n != 1 {
				t.Errorf("%d events of the refusal", n)
			}
		})
	}
}

func noGroups(i *issuer) { i.claims = func(c map[string]any) { delete(c, "groups") } }

// tampered exchanges the claims of a token for others.
func tampered(token string) string {
	parts := strings.Split(token, ".")
	other := unsigned([]byte(`{"sub":"admin"}`))
	parts[1] = strings.Split(other, ".")[1]
	return strings.Join(parts, ".")
}

func TestProvidersThatConform(t *testing.T) {
	t.Parallel()
	for name, is := range map[string]func(*issuer){
		"names itself in its answer": func(i *issuer) {
			i.metadata["authorization_response_iss_parameter_supported"] = true
			i.answer = func(v url.Values) { v.Set("iss", i.URL) }
		},
		"groups in userinfo only": func(i *issuer) {
			noGroups(i)
			i.userinfo = map[string]any{"sub": "eve", "groups": []string{"payments-members"}}
		},
		"one group as text": func(i *issuer) { i.claims = func(c map[string]any) { c["groups"] = "payments-members" } },
		"several audiences": func(i *issuer) {
			i.claims = func(c map[string]any) { c["aud"], c["azp"] = []string{"api", clientID}, clientID }
		},
		"secret in the form only": func(i *issuer) {
			i.formOnly = true
			i.metadata["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "private_key_jwt"}
		},
		"secret in either, for others": func(i *issuer) {
			i.formOnly = true
			i.metadata["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "client_secret_basic"}
		},
		"secret in the header only": func(i *issuer) {
			i.metadata["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
		},
		"text that no table keeps": func(i *issuer) { i.claims = func(c map[string]any) { c["name"] = "E\x00ve" } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			is(i)
			b := setup(t, i.URL)
			got := newBrowser(t).get(b.URL + "/login")
			wantStatus(t, got, http.StatusOK)
			wantBody(t, got, "eve groups=[payments-members]")
		})
	}
}

func TestProviderAwayAtSignIn(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.broken["/.well-known/openid-configuration"] = http.StatusBadGateway
	b := setup(t, i.URL)
	eve := newBrowser(t)
	got := eve.get(b.URL + "/login")
	wantStatus(t, got, http.StatusServiceUnavailable)
	wantBody(t, got, "the identity provider is not responding")
	i.set(func() { i.broken = map[string]int{"/token": http.StatusBadGateway} })
	wantStatus(t, eve.get(b.URL+"/login"), http.StatusServiceUnavailable)
	i.set(func() { clear(i.broken) })
	wantStatus(t, eve.get(b.URL+"/login"), http.StatusOK)
	if n := count(t, b.pool, `SELECT count(*) FROM events WHERE kind = 'sign_in_refused'`); n != 0 {
		t.Errorf("an outage was recorded as %d refusals", n)
	}
}

func TestPortalsOwnAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"https://portal.example": true, "http://localhost:8080": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true,
		"http://portal.example": false, "http://localhost.example": false, "ftp://localhost": false, "localhost": false,
	} {
		_, err := auth.New(auth.Config{BaseURL: mustParse(t, address), ClientSecret: clientSecret, Now: time.Now})
		if (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

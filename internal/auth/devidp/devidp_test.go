package devidp_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"doksportal/internal/auth/devidp"
)

const redirectURI = "http://127.0.0.1:1/auth/callback"

// testBundle is an issuer with a client that does everything right.
type testBundle struct {
	*httptest.Server
	issuer   *devidp.Issuer
	provider *oidc.Provider
	client   oauth2.Config
	browser  *http.Client
}

func setup(t *testing.T, key []byte) *testBundle {
	t.Helper()
	b := &testBundle{Server: httptest.NewUnstartedServer(nil)}
	address := "http://" + b.Listener.Addr().String()
	var err error
	b.issuer, err = devidp.New(devidp.Config{
		Issuer: address, ClientID: "portal", ClientSecret: "secret", RedirectURI: redirectURI, Key: key,
		Accounts: []devidp.Account{
			{Username: "ada", Name: "Ada <b>", Groups: []string{"admins"}, About: "may do all"},
			{Username: "bob", Name: "Bob"},
		},
		More: []devidp.Account{{Username: "cleo", Name: "Cleo", Groups: []string{"more"}, About: "is one of many"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Config.Handler = b.issuer
	b.Start()
	t.Cleanup(b.Close)
	if b.provider, err = oidc.NewProvider(context.Background(), address); err != nil {
		t.Fatal(err)
	}
	b.client = oauth2.Config{ClientID: "portal", ClientSecret: "secret", Endpoint: b.provider.Endpoint(),
		RedirectURL: redirectURI, Scopes: []string{"openid", "profile", "email"}}
	b.browser = &http.Client{CheckRedirect: func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), redirectURI) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	return b
}

// page is what a browser shows.
type page struct {
	*http.Response
	body string
}

func (b *testBundle) fetch(t *testing.T, method, address string, form url.Values) page {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := b.browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return page{resp, string(body)}
}

// choose signs an account in, and returns what the browser brings back.
func (b *testBundle) choose(t *testing.T, account, verifier string) url.Values {
	t.Helper()
	shown := b.fetch(t, http.MethodGet, b.client.AuthCodeURL("state", oidc.Nonce("nonce"), oauth2.S256ChallengeOption(verifier)), nil)
	form := url.Values{"id": {shown.Request.URL.Query().Get("id")}, "account": {account}}
	back, err := b.fetch(t, http.MethodPost, b.URL+"/sign-in", form).Location()
	if err != nil {
		t.Fatal(err)
	}
	return back.Query()
}

// authTime signs ada in and returns the claim auth_time of the ID token.
func (b *testBundle) authTime(t *testing.T) (at int64) {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	token, err := b.client.Exchange(context.Background(), b.choose(t, "ada", verifier).Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := b.provider.Verifier(&oidc.Config{ClientID: "portal"}).Verify(context.Background(), raw)
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		At int64 `json:"auth_time"`
	}
	if err := idToken.Claims(&c); err != nil {
		t.Fatal(err)
	}
	return c.At
}

// groupsOf reads the groups claim.
func groupsOf(t *testing.T, from interface{ Claims(any) error }) []string {
	t.Helper()
	var c struct {
		Groups *[]string `json:"groups"`
	}
	if err := from.Claims(&c); err != nil {
		t.Fatal(err)
	}
	if c.Groups == nil {
		t.Fatal("there is no groups claim")
	}
	return *c.Groups
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	ctx := context.Background()
	for account, groups := range map[string][]string{"ada": {"admins"}, "bob": {}, "cleo": {"more"}} {
		verifier := oauth2.GenerateVerifier()
		back := b.choose(t, account, verifier)
		token, err := b.client.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier))
		if err != nil || back.Get("state") != "state" {
			t.Fatal(back, err)
		}
		raw, _ := token.Extra("id_token").(string)
		idToken, err := b.provider.Verifier(&oidc.Config{ClientID: "portal"}).Verify(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		if idToken.Subject != account || idToken.Nonce != "nonce" || !slices.Equal(groupsOf(t, idToken), groups) {
			t.Errorf("ID token %+v with groups %v", idToken, groupsOf(t, idToken))
		}
		b.issuer.SetGroups(account, "changed")
		info, err := b.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil || info.Subject != account || !slices.Equal(groupsOf(t, info), []string{"changed"}) {
			t.Errorf("userinfo %+v, %v", info, err)
		}
		if _, err := b.client.Exchange(ctx, back.Get("code"), oauth2.VerifierOption(verifier)); err == nil {
			t.Error("a code was good twice")
		}
	}
}

func TestAuthTime(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	if got := time.Since(time.Unix(b.authTime(t), 0)); got < 0 || got > time.Minute {
		t.Errorf("whoever has just signed in did so %s ago", got)
	}
	b.issuer.SetAuthTime(func() time.Time { return time.Unix(1_700_000_000, 0) })
	if got := b.authTime(t); got != 1_700_000_000 {
		t.Errorf("auth_time %d", got)
	}
	b.issuer.SetAuthTime(func() time.Time { return time.Time{} })
	if got := b.authTime(t); got != 0 {
		t.Errorf("auth_time %d where there should be none", got)
	}
}

// The page says whom the portal expects, if it is somebody.
func TestExpected(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	for hint, want := range map[string]bool{"bob@demo.invalid": true, "": false, "<b>@demo.invalid": false} {
		shown := b.fetch(t, http.MethodGet, b.client.AuthCodeURL("state", oauth2.SetAuthURLParam("login_hint", hint),
			oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "300")), nil)
		if got := strings.Contains(shown.body, "asks <b>bob</b> to sign in again"); shown.StatusCode != http.StatusOK || got != want {
			t.Errorf("%q: %d %s", hint, shown.StatusCode, shown.body)
		}
	}
}

func TestExchangesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(b *testBundle, verifier *string){
		"wrong secret":   func(b *testBundle, _ *string) { b.client.ClientSecret = "guess" },
		"other verifier": func(_ *testBundle, verifier *string) { *verifier = oauth2.GenerateVerifier() },
		"no verifier":    func(_ *testBundle, verifier *string) { *verifier = "" },
		"other client":   func(b *testBundle, _ *string) { b.client.ClientID = "another" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, nil)
			verifier := oauth2.GenerateVerifier()
			code := b.choose(t, "ada", verifier).Get("code")
			change(b, &verifier)
			if _, err := b.client.Exchange(context.Background(), code, oauth2.VerifierOption(verifier)); err == nil {
				t.Error("the code was taken")
			}
		})
	}
}

func TestBrowsersAreSentToThePortalOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.client.RedirectURL = "http://127.0.0.1:2/evil"
	if got := b.fetch(t, http.MethodGet, b.client.AuthCodeURL("state"), nil); got.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d", got.StatusCode)
	}
}

func TestSignInPage(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	shown := b.fetch(t, http.MethodGet, b.client.AuthCodeURL("state"), nil)
	for _, part := range []string{`value="ada"`, "may do all", `value="bob"`, "own identity provider", "is one of many"} {
		if !strings.Contains(shown.body, part) {
			t.Errorf("%q is not on the page", part)
		}
	}
	if _, folded, ok := strings.Cut(shown.body, "<details>"); !ok || !strings.Contains(folded, `value="cleo"`) || strings.Contains(folded, `value="bob"`) {
		t.Errorf("the other people are not folded away: %s", shown.body)
	}
	if csp := shown.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
}

func TestSignInsThatAreNotUnderWay(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	id := b.fetch(t, http.MethodGet, b.client.AuthCodeURL("state"), nil).Request.URL.Query().Get("id")
	for name, form := range map[string]url.Values{
		"unknown id":      {"id": {"x"}, "account": {"ada"}},
		"unknown account": {"id": {id}, "account": {"root"}},
	} {
		if got := b.fetch(t, http.MethodPost, b.URL+"/sign-in", form); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: status %d", name, got.StatusCode)
		}
	}
	// The browser skips the choice.
	if got := b.fetch(t, http.MethodGet, b.URL+"/authorize/callback?id="+id, nil); got.StatusCode != http.StatusFound ||
		strings.Contains(got.Header.Get("Location"), "code=") {
		t.Errorf("status %d, Location %s", got.StatusCode, got.Header.Get("Location"))
	}
}

func TestTokensOutliveARestart(t *testing.T) {
	t.Parallel()
	key, err := devidp.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	before := setup(t, key)
	verifier := oauth2.GenerateVerifier()
	token, err := before.client.Exchange(context.Background(), before.choose(t, "ada", verifier).Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	after := setup(t, key)
	if _, err := after.provider.UserInfo(context.Background(), oauth2.StaticTokenSource(token)); err != nil {
		t.Error(err)
	}
	other := setup(t, nil)
	if _, err := other.provider.UserInfo(context.Background(), oauth2.StaticTokenSource(token)); err == nil {
		t.Error("an issuer with another key took the token")
	}
}

func TestKeysThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"not PEM", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"} {
		if _, err := devidp.New(devidp.Config{Issuer: "http://127.0.0.1:1", Key: []byte(key)}); err == nil {
			t.Errorf("%q was taken", key)
		}
	}
}

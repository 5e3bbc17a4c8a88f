// Package webtest walks through the portal's pages as a browser would, without
// running their scripts.
package webtest

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"doksportal/internal/auth/devidp"
)

// The client as which the portal is known to the issuer of Issuer.
const (
	ClientID     = "portal"
	ClientSecret = "canary-client-secret"
)

// Issuer starts a local issuer for the portal at that URL and returns its own.
func Issuer(t testing.TB, portalURL string, accounts []devidp.Account) string {
	t.Helper()
	_, address := StartIssuer(t, portalURL, accounts)
	return address
}

// StartIssuer is Issuer for tests that change what the issuer does.
func StartIssuer(t testing.TB, portalURL string, accounts []devidp.Account) (*devidp.Issuer, string) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	issuer, err := devidp.New(devidp.Config{
		Issuer: address, ClientID: ClientID, ClientSecret: ClientSecret,
		RedirectURI: portalURL + "/auth/callback", Accounts: accounts,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = issuer
	server.Start()
	t.Cleanup(server.Close)
	return issuer, address
}

// Browser keeps cookies, follows redirects and says where its forms come from.
type Browser struct {
	Client *http.Client
	Base   string // URL of the portal
	t      testing.TB
}

// NewBrowser returns a browser that nobody has signed in with.
func NewBrowser(t testing.TB, base string) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{Client: &http.Client{Jar: jar, Timeout: time.Minute}, Base: base, t: t}
	b.Client.CheckRedirect = b.saysWhatItDid
	return b
}

// saysWhatItDid follows redirects, and holds that each form that leads to another
// of the portal's pages has that page say what it did. Two pages say it themselves.
func (b *Browser) saysWhatItDid(req *http.Request, via []*http.Request) error {
	const most = 10
	if len(via) >= most {
		return errors.New("the redirects do not end")
	}
	from := via[len(via)-1]
	page := strings.TrimPrefix(req.URL.String(), b.Base)
	if from.Method != http.MethodPost || !strings.HasPrefix(from.URL.String(), b.Base) || strings.HasPrefix(page, "/step-up?") {
		return nil
	}
	said := func(c *http.Cookie) bool { return strings.HasSuffix(c.Name, "portal-said") && c.Value != "" }
	if page != "/signed-out" && !slices.ContainsFunc(req.Response.Cookies(), said) {
		b.t.Errorf("POST %s leads to %s, which does not say what it did", from.URL.Path, page)
	}
	return nil
}

// SignIn returns a browser that an account has signed in with.
func SignIn(t testing.TB, base, account string) *Browser {
	t.Helper()
	b := NewBrowser(t, base)
	page := b.Choose(b.Get("/login"), account)
	if !strings.HasPrefix(page.URL.String(), base) {
		t.Fatalf("%s could not sign in: %s: %s", account, page.URL, page.Body)
	}
	return b
}

// Choose signs in as an account on the issuer's page.
func (b *Browser) Choose(page Page, account string) Page {
	b.t.Helper()
	address := *page.URL
	address.RawQuery = ""
	return b.Send(Form(address.String(), url.Values{"id": {page.URL.Query().Get("id")}, "account": {account}}))
}

// SignInAgain signs in as an account where a page asks for a fresh sign-in.
func (b *Browser) SignInAgain(page Page, account string) Page {
	b.t.Helper()
	address, ok := page.Find("[data-testid=sign-in-again]").Attr("href")
	if !ok {
		b.t.Fatalf("%s asks for no fresh sign-in: %d %s", page.URL, page.Status, page.Text("main"))
	}
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.Choose(b.Send(req), account)
}

// At returns the same browser before another replica.
func (b *Browser) At(base string) *Browser {
	return &Browser{Client: b.Client, Base: base, t: b.t}
}

// For returns the same browser as part of another test.
func (b *Browser) For(t testing.TB) *Browser {
	return &Browser{Client: b.Client, Base: b.Base, t: t}
}

// Page is what the browser shows.
type Page struct {
	Status int
	Header http.Header
	URL    *url.URL // after redirects
	Body   string
	t      testing.TB
}

// Get opens a page.
func (b *Browser) Get(path string) Page {
	b.t.Helper()
	req, err := http.NewRequest(http.MethodGet, b.Base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.Send(req)
}

// Post sends a form of one of the portal's own pages.
func (b *Browser) Post(path string, form url.Values) Page {
	b.t.Helper()
	req := Form(b.Base+path, form)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.Send(req)
}

// Form returns the request of a form, which does not say where it comes from.
func Form(address string, form url.Values) *http.Request {
	req, err := http.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

// Send sends a request and follows redirects.
func (b *Browser) Send(req *http.Request) Page {
	b.t.Helper()
	resp, err := b.Client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return Page{Status: resp.StatusCode, Header: resp.Header, URL: resp.Request.URL, Body: string(body), t: b.t}
}

// Find returns the elements that match a CSS selector.
func (p Page) Find(css string) *goquery.Selection {
	p.t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(p.Body))
	if err != nil {
		p.t.Fatal(err)
	}
	return doc.Find(css)
}

// Text is the text of the elements that match, without needless space.
func (p Page) Text(css string) string {
	p.t.Helper()
	return strings.Join(strings.Fields(p.Find(css).Text()), " ")
}

// Value is what the control of that name holds.
func (p Page) Value(name string) string {
	p.t.Helper()
	control := p.Find(`[name="` + name + `"]`).First()
	switch goquery.NodeName(control) {
	case "select":
		v, _ := control.Find("option[selected]").Attr("value")
		return v
	case "textarea":
		return control.Text()
	}
	if control.AttrOr("type", "") == "radio" {
		control = p.Find(`[name="` + name + `"][checked]`)
	}
	return control.AttrOr("value", "")
}

// Fault is what the page says is wrong with the field of that name.
func (p Page) Fault(name string) string {
	p.t.Helper()
	return p.Text(`[data-fault="` + name + `"]`)
}

// WantStatus fails the test unless the page has that status.
func (p Page) WantStatus(status int) Page {
	p.t.Helper()
	if p.Status != status {
		p.t.Fatalf("%s: status %d, want %d: %s", p.URL, p.Status, status, p.Text("main"))
	}
	return p
}

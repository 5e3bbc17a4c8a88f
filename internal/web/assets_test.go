package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"doksportal/static"
)

// encoded is the answer to a browser that understands some ways to compress.
func (b *bundle) encoded(r *http.Request, accepted, account string) *httptest.ResponseRecorder {
	b.t.Helper()
	base, err := url.Parse(b.url)
	b.must(err)
	r.Header.Set("Accept-Encoding", accepted)
	r.Header.Set("Origin", b.url)
	for _, c := range b.as(account).Client.Jar.Cookies(base) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	b.pages.ServeHTTP(w, r)
	return w
}

// What people load is compressed as their browser understands it, and is the same
// as what it was made of. From the length of a page with a secret nobody learns
// what is in it.
func TestCompressed(t *testing.T) {
	b := setup(t)
	_, names, err := static.Dist()
	b.must(err)
	css := httptest.NewRequest(http.MethodGet, "/static/"+names["app.css"], nil)
	plain := b.encoded(css, "", "nobody")
	if plain.Code != http.StatusOK || plain.Header().Get("Content-Encoding") != "" {
		t.Fatalf("%d %v", plain.Code, plain.Header())
	}
	for accepted, want := range map[string]string{"gzip, deflate, br, zstd": "br", "gzip;q=0.5": "gzip", "br;q=0, gzip": "gzip", "deflate": ""} {
		got := b.encoded(css, accepted, "nobody")
		h := got.Header()
		if h.Get("Content-Encoding") != want || !strings.HasPrefix(h.Get("Content-Type"), "text/css") || h.Get("Vary") != "Accept-Encoding" || !strings.Contains(h.Get("Cache-Control"), "immutable") {
			t.Errorf("%q: %v", accepted, h)
		}
		if want == "gzip" && unzipped(t, got) != plain.Body.String() {
			t.Errorf("%q: other bytes", accepted)
		}
	}
	page := b.encoded(httptest.NewRequest(http.MethodGet, "/clusters", nil), "gzip", "member")
	if page.Header().Get("Content-Encoding") != "gzip" || !strings.Contains(unzipped(t, page), "ledger") {
		t.Errorf("%d %v", page.Code, page.Header())
	}
	secret := httptest.NewRequest(http.MethodPost, "/admin/teams/pay/channels", strings.NewReader(channelForm().Encode()))
	secret.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if page := b.encoded(secret, "gzip", "admin"); page.Header().Get("Content-Encoding") != "" || !strings.Contains(page.Body.String(), "whsec_") {
		t.Errorf("a page with a secret: %d %v", page.Code, page.Header())
	}
}

func unzipped(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A file that this version does not have may be one of another version's: no
// browser and no cache remembers that it was missing.
func TestMissingAssetIsNotRemembered(t *testing.T) {
	b := setup(t)
	for _, path := range []string{"/static/app-0123.css", "/static/"} {
		p := b.as("member").Get(path)
		if got := p.Header.Get("Cache-Control"); p.Status != http.StatusNotFound || got != "no-store" {
			t.Errorf("%s: %d, %q", path, p.Status, got)
		}
	}
}

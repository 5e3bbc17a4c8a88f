package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"doksportal/internal/auth"
)

// Somebody who does not even sign in fills no disk: what is kept of them is
// small, and of one network never more than so much.
func TestSignInsUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, newIssuer(t).URL)
	login := func(network, query string) {
		r := httptest.NewRequest(http.MethodGet, "/login"+query, nil)
		if network != "" {
			r = auth.From(r, network)
		}
		r, err := b.auth.Load(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.auth.Login(httptest.NewRecorder(), r); err != nil {
			t.Fatal(err)
		}
	}
	for range 300 {
		login("", "?return=/"+strings.Repeat("a", 60<<10))
	}
	if n := count(t, b.pool, `SELECT max(length(data)) FROM sessions`); n > 4<<10 {
		t.Errorf("a row has %d bytes", n)
	}
	login("", "?return=/"+strings.Repeat("%26%3C%FF", 600)) // which JSON writes with six characters each
	login("", "?return=/clusters"+strings.Repeat("a", 2<<10-len(`"/clusters"`)))
	if n := count(t, b.pool, `SELECT max(length(data)) FROM sessions`); n < 2<<10 || n > 4<<10 {
		t.Errorf("an address that fits has %d bytes", n)
	}
	for range 505 {
		login("2001:db8::/64", "")
	}
	if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE holder = 'network 2001:db8::/64'`); n != 500 {
		t.Errorf("%d are kept of one network", n)
	}
	if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE holder = 'network 192.0.2.1'`); n != 302 {
		t.Errorf("%d are kept of another", n)
	}
}

// However many networks somebody comes from, the oldest make room for the new.
func TestSignInsUnderWayAreBoundedInAll(t *testing.T) {
	t.Parallel()
	b := setup(t, newIssuer(t).URL)
	_, err := b.pool.Exec(t.Context(), `INSERT INTO sessions (token_hash, data, holder, created_at, last_used_at, expires_at)
		SELECT sha256(n::text::bytea), '', 'network ' || n, $1::timestamptz - n * interval '1 millisecond', $1, $1::timestamptz + interval '10 minutes'
		FROM generate_series(1, 20005) n`, b.clock.now())
	if err != nil {
		t.Fatal(err)
	}
	eve := signIn(t, b) // whose own is not pushed out
	wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
	if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE issuer = ''`); n != 19_999 { // hers was used
		t.Errorf("%d are kept", n)
	}
	if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE holder IN ('network 20005', 'network 20000')`); n != 0 {
		t.Errorf("%d of the oldest are kept", n)
	}
}

// One person who is sent to sign in again and again fills no disk either.
func TestStepUpsOfOnePersonAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, newIssuer(t).URL)
	eve := signIn(t, b)
	for range 25 {
		wantStatus(t, eve.do(http.MethodPost, b.URL+"/typed/a", url.Values{"x": {"y"}}), http.StatusOK)
	}
	if n := count(t, b.pool, `SELECT count(*) FROM sessions WHERE holder LIKE 'person %'`); n != 20 {
		t.Errorf("%d are kept", n)
	}
}

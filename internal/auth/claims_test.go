package auth_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"doksportal/internal/auth"
)

// groupsIn has somebody sign in through a provider that sends these claims.
func groupsIn(t *testing.T, claim string, sent map[string]any) (*issuer, *testBundle, answer) {
	t.Helper()
	i := newIssuer(t)
	i.claims = func(c map[string]any) {
		delete(c, "groups")
		maps.Copy(c, sent)
	}
	b := setup(t, i.URL, func(cfg *auth.Config) { cfg.GroupsClaim = claim })
	return i, b, signIn(t, b).get(b.URL + "/")
}

// The groups may be inside of another claim, and a claim's own name may look
// like a path.
func TestWhereTheGroupsAre(t *testing.T) {
	t.Parallel()
	list := func(names ...string) map[string]any { return map[string]any{"roles": names} }
	sent := map[string]any{
		"realm_access":               list("payments", "payments-approvers"),
		"https://idp.example/groups": []string{"search"},
		"resource.access":            []string{"platform-approvers"},
		"resource_access":            map[string]any{"portal.example": list("inner")},
		"a.b":                        []string{"exact"},
		"a":                          map[string]any{"b": []string{"nested"}},
		"text":                       "x",
		"urn:roles":                  map[string]any{"dev": map[string]any{"1": "a.example"}, "ops": map[string]any{}},
	}
	for claim, want := range map[string]string{
		"realm_access.roles":                   "groups=[payments payments-approvers] roles=[] problem=",
		"https://idp.example/groups":           "groups=[search] ",
		"resource.access":                      "groups=[platform-approvers] roles=[platform approver]",
		"resource_access.portal.example.roles": "groups=[inner] ",
		"a.b":                                  "groups=[exact] ",
		"realm_access":                         "groups=[] roles=[] problem=The identity provider sent no claim",
		"realm_access.none":                    "groups=[] roles=[] problem=The identity provider sent no claim",
		"urn:roles":                            "groups=[dev ops] ",
		"text.roles":                           "groups=[] roles=[] problem=The identity provider sent no claim",
		".realm_access.roles":                  "groups=[] roles=[] problem=The identity provider sent no claim",
		"realm_access..roles":                  "groups=[] roles=[] problem=The identity provider sent no claim",
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			_, _, page := groupsIn(t, claim, sent)
			wantBody(t, page, want)
		})
	}
}

// Groups that come in userinfo only are found there when the ID token has the
// claim around them, and when they are asked for again.
func TestNestedGroupsInUserInfo(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.claims = func(c map[string]any) {
		delete(c, "groups")
		c["realm_access"] = map[string]any{"verified": true}
	}
	i.userinfo = map[string]any{"sub": "eve", "realm_access": map[string]any{"roles": []string{"one"}}}
	b := setup(t, i.URL, func(cfg *auth.Config) { cfg.GroupsClaim = "realm_access.roles" })
	eve := signIn(t, b)
	wantBody(t, eve.get(b.URL+"/"), "groups=[one]")
	i.set(func() {
		i.userinfo = map[string]any{"sub": "eve", "realm_access": map[string]any{"roles": []string{"two"}}}
	})
	b.clock.advance(5 * time.Minute)
	wantBody(t, eve.get(b.URL+"/"), "groups=[two]")
	wantStatus(t, eve.do(http.MethodPost, b.URL+"/", nil), http.StatusOK)
}

func TestGroupsAreBounded(t *testing.T) {
	t.Parallel()
	for most, want := range map[int]string{1000: "problem=", 1001: "groups=[] roles=[] problem=The identity provider sent 1001 groups"} {
		many := make([]string, most)
		for n := range many {
			many[n] = "portal-admins"
		}
		_, _, page := groupsIn(t, "groups", map[string]any{"groups": many})
		wantBody(t, page, want)
	}
	_, _, page := groupsIn(t, "groups", map[string]any{"groups": []string{"one", strings.Repeat("x", 513), strings.Repeat("y", 512)}})
	wantBody(t, page, "groups=[one "+strings.Repeat("y", 512)+"]")
}

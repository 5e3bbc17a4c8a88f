package auth_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"doksportal/internal/auth"
	"doksportal/internal/portal"
)

func TestLosingAGroupTakesEffectWithinFiveMinutes(t *testing.T) {
	t.Parallel()
	issuer, b := startDevIDP(t)
	ada := newBrowser(t)
	wantBody(t, ada.choose(ada.get(b.URL+"/login"), "ada"), "roles=[platform approver]")
	issuer.SetGroups("ada", "payments-members")
	b.clock.advance(3 * time.Minute)
	wantBody(t, ada.get(b.URL+"/"), "roles=[platform approver]")
	b.clock.advance(2 * time.Minute)
	wantBody(t, ada.get(b.URL+"/"), "groups=[payments-members] roles=[]")
	wantStatus(t, ada.do(http.MethodPost, b.URL+"/", nil), http.StatusOK)
}

func TestProviderDown(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.userinfo = map[string]any{"sub": "eve", "groups": []string{"payments-members"}}
	b := setup(t, i.URL)
	eve := signIn(t, b)
	wantStatus(t, eve.do(http.MethodPost, b.URL+"/", nil), http.StatusOK)
	i.set(func() { i.broken["/userinfo"] = http.StatusBadGateway })
	b.clock.advance(portal.GroupsFor - 10*time.Second)
	wantStatus(t, eve.do(http.MethodPost, b.URL+"/", nil), http.StatusOK)
	b.clock.advance(time.Minute)
	refused := eve.do(http.MethodPost, b.URL+"/", nil)
	wantStatus(t, refused, http.StatusServiceUnavailable)
	wantBody(t, refused, "the identity provider is not responding")
	wantBody(t, eve.get(b.URL+"/"), "eve groups=[payments-members]")
	if !strings.Contains(b.log.String(), "groups could not be renewed") {
		t.Error("nothing tells the operator")
	}
	i.set(func() { clear(i.broken) })
	b.clock.advance(time.Minute)
	wantStatus(t, eve.do(http.MethodPost, b.URL+"/", nil), http.StatusOK)
}

func TestReadersDoNotWaitForAProviderThatIsGone(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.userinfo = map[string]any{"sub": "eve", "groups": []string{"payments-members"}}
	b := setup(t, i.URL)
	eve, phone := signIn(t, b), signIn(t, b)
	address := i.Listener.Addr().String()
	i.Close()
	b.clock.advance(5 * time.Minute)
	wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
	if !strings.Contains(b.log.String(), address) {
		t.Fatal("the provider was not asked")
	}
	wantStatus(t, phone.get(b.URL+"/"), http.StatusOK)
	if !strings.Contains(b.log.String(), "is left alone") {
		t.Error("the provider was asked again at once")
	}
}

func TestGroupsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	overage := func(c map[string]any) {
		delete(c, "groups")
		c["_claim_names"] = map[string]string{"groups": "src1"}
		c["_claim_sources"] = map[string]any{"src1": map[string]string{"endpoint": "https://graph.example/groups"}}
	}
	for name, test := range map[string]struct {
		claims func(map[string]any)
		shown  string
	}{
		"missing":         {func(c map[string]any) { delete(c, "groups") }, `sent no claim named "groups"`},
		"null":            {func(c map[string]any) { c["groups"] = nil }, `sent no claim named "groups"`},
		"an object":       {func(c map[string]any) { c["groups"] = map[string]any{"portal-admins": true} }, `sent no claim named "groups"`},
		"a pointer":       {overage, "sent a pointer instead of your groups"},
		"hasgroups":       {func(c map[string]any) { delete(c, "groups"); c["hasgroups"] = "true" }, "sent a pointer instead of your groups"},
		"not all of text": {func(c map[string]any) { c["groups"] = []any{1, nil, []string{"portal-admins"}} }, "problem="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t)
			i.claims = test.claims
			b := setup(t, i.URL)
			got := newBrowser(t).get(b.URL + "/login")
			wantStatus(t, got, http.StatusOK)
			wantBody(t, got, "eve groups=[] roles=[]")
			wantBody(t, got, test.shown)
		})
	}
}

func TestRolesNeedTheirGroup(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.claims = func(c map[string]any) { c["groups"] = []string{"", "portal-admins", "portal-auditors"} }
	b := setup(t, i.URL, func(c *auth.Config) { c.ApproverGroup, c.AuditorGroup = "", "" })
	wantBody(t, newBrowser(t).get(b.URL+"/login"), "roles=[admin]")
}

func TestRefreshToken(t *testing.T) {
	t.Parallel()
	rotating := func(t *testing.T) (*issuer, *testBundle, browser) {
		i := newIssuer(t)
		i.refresh = true
		b := setup(t, i.URL)
		return i, b, signIn(t, b)
	}
	t.Run("renews groups of ID tokens", func(t *testing.T) {
		t.Parallel()
		i, b, eve := rotating(t)
		for _, group := range []string{"one", "two", "three"} {
			i.set(func() { i.claims = func(c map[string]any) { c["groups"] = []string{group} } })
			b.clock.advance(5 * time.Minute)
			wantBody(t, eve.get(b.URL+"/"), "groups=["+group+"]")
		}
	})
	t.Run("is used once by all replicas", func(t *testing.T) {
		t.Parallel()
		i, b, eve := rotating(t)
		other := b.startReplica(t)
		b.clock.advance(5 * time.Minute)
		var wg sync.WaitGroup
		for n := range 20 {
			address := []string{b.URL, other.URL}[n%2]
			wg.Go(func() { wantStatus(t, eve.get(address+"/"), http.StatusOK) })
		}
		wg.Wait()
		if i.renewed != 1 || i.refused != 0 {
			t.Errorf("renewed %d times, %d of them refused", i.renewed, i.refused)
		}
	})
	t.Run("refused ends the session", func(t *testing.T) {
		t.Parallel()
		i, b, eve := rotating(t)
		i.set(func() { i.current = "revoked" })
		b.clock.advance(5 * time.Minute)
		wantStatus(t, eve.get(b.URL+"/"), http.StatusUnauthorized)
		if n := count(t, b.pool, `SELECT count(*) FROM sessions`); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
	})
	t.Run("survives a failure after its exchange", func(t *testing.T) {
		t.Parallel()
		i := newIssuer(t)
		i.refresh = true
		i.userinfo = map[string]any{"sub": "eve", "groups": []string{"one"}}
		b := setup(t, i.URL)
		eve := signIn(t, b)
		i.set(func() { i.broken["/userinfo"] = http.StatusBadGateway })
		b.clock.advance(5 * time.Minute)
		wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
		i.set(func() { clear(i.broken) })
		wantBody(t, eve.get(b.URL+"/"), "groups=[one]")
		if i.refused != 0 || i.renewed != 2 {
			t.Errorf("renewed %d times, %d of them refused", i.renewed, i.refused)
		}
	})
	t.Run("survives a reader who leaves", func(t *testing.T) {
		t.Parallel()
		i, b, eve := rotating(t)
		b.clock.advance(5 * time.Minute)
		asked, goOn := make(chan struct{}), make(chan struct{})
		i.set(func() { i.claims = func(map[string]any) { close(asked); <-goOn } })
		ctx, leave := context.WithCancel(context.Background())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { <-asked; leave() }()
		if _, err := eve.Do(req); err == nil {
			t.Fatal("the reader has stayed")
		}
		<-b.left
		close(goOn)
		i.set(func() { i.claims = func(map[string]any) {} })
		b.clock.advance(time.Minute)
		wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
		if i.refused != 0 {
			t.Error("a used refresh token was used again")
		}
	})
	t.Run("of somebody else", func(t *testing.T) {
		t.Parallel()
		i, b, eve := rotating(t)
		i.set(func() { i.claims = func(c map[string]any) { c["sub"] = "mallory" } })
		b.clock.advance(5 * time.Minute)
		wantStatus(t, eve.get(b.URL+"/"), http.StatusUnauthorized)
	})
}

func TestSessionEndedDuringRefreshStaysEnded(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	b := setup(t, i.URL)
	eve := signIn(t, b)
	b.clock.advance(5 * time.Minute)
	asked, goOn := make(chan struct{}), make(chan struct{})
	i.set(func() {
		i.claims = func(map[string]any) { close(asked); <-goOn }
	})
	done := make(chan answer, 1)
	go func() { done <- eve.get(b.URL + "/") }()
	<-asked
	ended := make(chan error, 1)
	go func() { ended <- b.endSessions("eve") }()
	waitFor(t, func() bool {
		return count(t, b.pool, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	})
	close(goOn)
	<-done
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if n := count(t, b.pool, `SELECT (SELECT count(*) FROM sessions) + (SELECT count(tokens) FROM people)`); n != 0 {
		t.Errorf("%d sessions and tokens are left", n)
	}
}

func TestGroupsThatCannotBeRenewedEndTheSession(t *testing.T) {
	t.Parallel()
	for name, i := range map[string]*issuer{"without userinfo": newIssuer(t), "userinfo refuses": newIssuer(t), "userinfo has none": newIssuer(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "without userinfo" {
				i.userinfo = map[string]any{"sub": "eve"}
			}
			b := setup(t, i.URL)
			eve := signIn(t, b)
			if name == "userinfo refuses" {
				i.set(func() { i.broken["/userinfo"] = http.StatusUnauthorized })
			}
			b.clock.advance(5 * time.Minute)
			wantStatus(t, eve.get(b.URL+"/"), http.StatusUnauthorized)
			wantBody(t, eve.get(b.URL+"/login"), "groups=[payments-members]")
		})
	}
}

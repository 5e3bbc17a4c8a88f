package auth_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"doksportal/internal/auth"
	"doksportal/internal/portal"
)

// confirm has a replica confirm somebody's groups.
func (b *testBundle) confirm(t *testing.T, r *replica, subject string) (portal.Actor, time.Time) {
	t.Helper()
	actor, at, err := r.auth.Confirm(context.Background(), portal.Identity{Issuer: b.issuer, Subject: subject})
	if err != nil {
		t.Fatal(err)
	}
	return actor, at
}

// wantConfirmed makes sure that somebody's groups are these, and whether that
// is known now.
func (b *testBundle) wantConfirmed(t *testing.T, subject string, fresh bool, groups ...string) {
	t.Helper()
	actor, at := b.confirm(t, b.replica, subject)
	if !slices.Equal(actor.Groups, groups) || (b.clock.now().Sub(at) < time.Minute) != fresh {
		t.Errorf("groups %v as of %s ago, want %v, fresh: %v", actor.Groups, b.clock.now().Sub(at), groups, fresh)
	}
}

func (b *testBundle) tokens(t *testing.T) int {
	t.Helper()
	return count(t, b.pool, `SELECT count(tokens) FROM people`)
}

// Without a browser, and without refresh tokens, userinfo tells what has become
// of somebody's groups.
func TestConfirm(t *testing.T) {
	t.Parallel()
	issuer, b := startDevIDP(t)
	ada := newBrowser(t)
	wantStatus(t, ada.choose(ada.get(b.URL+"/login"), "ada"), http.StatusOK)
	ada.do(http.MethodPost, b.URL+"/logout", nil)
	for _, groups := range [][]string{{"payments-members", "platform-approvers"}, {"payments-members"}, {}} {
		issuer.SetGroups("ada", groups...)
		b.clock.advance(time.Hour)
		b.wantConfirmed(t, "ada", true, groups...)
	}
	actor, _ := b.confirm(t, b.replica, "ada")
	if actor.Name != "Ada" || actor.HasRole(portal.RolePlatformApprover) {
		t.Errorf("confirmed as %+v", actor)
	}
	_, _, err := b.auth.Confirm(context.Background(), portal.Identity{Issuer: b.issuer, Subject: "nobody"})
	if !portal.Is(err, portal.KindNotFound) {
		t.Errorf("a stranger: %v", err)
	}
}

func TestConfirmAsksOnlyWhenTheAnswerIsOld(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	b := setup(t, i.URL)
	signIn(t, b)
	for _, c := range []struct {
		after time.Duration
		asked int
	}{{3 * time.Minute, 0}, {time.Minute, 1}, {3 * time.Minute, 1}, {time.Minute, 2}} {
		b.clock.advance(c.after)
		b.confirm(t, b.replica, "eve")
		if i.renewed != c.asked {
			t.Errorf("the provider was asked %d times, want %d", i.renewed, c.asked)
		}
	}
}

// A provider that is away changes nothing, and is left alone for a moment.
func TestConfirmWhileTheProviderIsAway(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.userinfo = map[string]any{"sub": "eve", "groups": []string{"one"}}
	b := setup(t, i.URL)
	eve := signIn(t, b)
	b.clock.advance(5 * time.Minute)
	i.set(func() { i.broken["/userinfo"] = http.StatusBadGateway })
	b.wantConfirmed(t, "eve", false, "payments-members")
	if !strings.Contains(b.log.String(), "groups could not be confirmed") || !strings.Contains(b.log.String(), "subject=eve") {
		t.Errorf("the operator reads %s", b.log)
	}
	i.set(func() { clear(i.broken) })
	b.wantConfirmed(t, "eve", true, "one")
	wantBody(t, eve.get(b.URL+"/"), "groups=[one]")

	i.Close()
	b.clock.advance(5 * time.Minute)
	b.wantConfirmed(t, "eve", false, "one")
	b.wantConfirmed(t, "eve", false, "one")
	if !strings.Contains(b.log.String(), "is left alone") {
		t.Error("the provider was asked again at once")
	}
	if b.tokens(t) != 1 {
		t.Error("the tokens are lost")
	}
}

// A person whom the provider no longer vouches for has no session left, and
// nobody asks again.
func TestConfirmOfSomebodyRefused(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	b := setup(t, i.URL)
	laptop, phone := signIn(t, b), signIn(t, b)
	i.set(func() { i.current = "revoked" })
	b.clock.advance(5 * time.Minute)
	for range 3 {
		b.wantConfirmed(t, "eve", false) // and what was known of her groups is gone
	}
	if i.renewed != 1 {
		t.Errorf("the provider was asked %d times", i.renewed)
	}
	wantStatus(t, laptop.get(b.URL+"/"), http.StatusUnauthorized)
	wantStatus(t, phone.get(b.URL+"/"), http.StatusUnauthorized)
	if n := count(t, b.pool, `SELECT count(*) FROM sessions`); n != 0 || b.tokens(t) != 0 {
		t.Errorf("%d sessions and %d tokens are left", n, b.tokens(t))
	}
	wantStatus(t, phone.get(b.URL+"/login"), http.StatusOK)
	b.clock.advance(5 * time.Minute)
	b.wantConfirmed(t, "eve", true, "payments-members")
}

// The tokens are the person's: sessions come and go, also the one that they
// came with, and none uses up what another needs.
func TestSessionsShareTheTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	b := setup(t, i.URL)
	laptop, phone := signIn(t, b), signIn(t, b)
	for _, group := range []string{"one", "two"} {
		i.set(func() { i.claims = func(c map[string]any) { c["groups"] = []string{group} } })
		b.clock.advance(5 * time.Minute)
		wantBody(t, laptop.get(b.URL+"/"), "groups=["+group+"]")
		wantBody(t, phone.get(b.URL+"/"), "groups=["+group+"]")
	}
	phone.do(http.MethodPost, b.URL+"/logout", nil)
	b.clock.advance(5 * time.Minute)
	wantStatus(t, laptop.get(b.URL+"/"), http.StatusOK)
	i.set(func() { i.claims = func(c map[string]any) { delete(c, "groups") } })
	third := signIn(t, b)
	wantBody(t, laptop.get(b.URL+"/"), `sent no claim named "groups"`)
	i.set(func() { i.claims = func(map[string]any) {} })
	b.clock.advance(5 * time.Minute)
	wantBody(t, third.get(b.URL+"/"), "groups=[payments-members] roles=[] problem=")
	if strings.Contains(laptop.get(b.URL+"/").body, "sent no claim") {
		t.Error("the problem with the groups has passed, and is shown")
	}
	if i.renewed != 4 || i.refused != 0 {
		t.Errorf("renewed %d times, %d of them refused", i.renewed, i.refused)
	}
}

// However many replicas, sessions and requests ask at once, a token that is
// good for one use is used once.
func TestOneUserOfTheTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	b := setup(t, i.URL)
	other := b.startReplica(t)
	laptop, phone := signIn(t, b), signIn(t, b)
	for round := range 3 {
		b.clock.advance(5 * time.Minute)
		var wg sync.WaitGroup
		for n := range 12 {
			replica := []*replica{b.replica, other}[n%2]
			who := []browser{laptop, phone}[n/2%2]
			wg.Go(func() { wantStatus(t, who.get(replica.URL+"/"), http.StatusOK) })
			wg.Go(func() { b.confirm(t, replica, "eve") })
		}
		wg.Wait()
		if i.renewed != round+1 || i.refused != 0 {
			t.Fatalf("round %d: renewed %d times, %d of them refused", round, i.renewed, i.refused)
		}
		b.wantConfirmed(t, "eve", true, "payments-members")
	}
}

// Sessions of before the portal kept tokens with people go on until the
// provider has to be asked.
func TestSessionsWithoutTokens(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	b := setup(t, i.URL)
	eve := signIn(t, b)
	if _, err := b.pool.Exec(context.Background(), `UPDATE people SET tokens = NULL, tokens_until = NULL`); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, eve.get(b.URL+"/"), http.StatusOK)
	b.clock.advance(5 * time.Minute)
	b.wantConfirmed(t, "eve", false, "payments-members")
	wantStatus(t, eve.get(b.URL+"/"), http.StatusUnauthorized)
	if i.renewed != 0 {
		t.Error("the provider was asked")
	}
}

// Two weeks after somebody's last sign-in the provider is no longer asked about
// them, and soon nothing is kept to ask by.
func TestTokensAreDropped(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	i.claims = func(c map[string]any) { c["exp"] = time.Now().Add(2 * auth.TokensFor).Unix() }
	b := setup(t, i.URL)
	signIn(t, b)
	sweep := func(want int) {
		t.Helper()
		if err := b.auth.Sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
		if n := b.tokens(t); n != want {
			t.Errorf("the tokens of %d people are kept, want %d", n, want)
		}
	}
	b.clock.advance(auth.TokensFor - time.Hour)
	b.wantConfirmed(t, "eve", true, "payments-members") // which is no sign-in
	sweep(1)
	b.clock.advance(time.Hour)
	b.wantConfirmed(t, "eve", false, "payments-members")
	sweep(0)
	signIn(t, b)
	b.clock.advance(time.Hour)
	b.wantConfirmed(t, "eve", true, "payments-members")
	if err := b.endSessions("eve"); err != nil {
		t.Fatal(err)
	}
	sweep(0)
}

// Once an admin has ended somebody's sessions nothing is known of them, however
// short ago the provider confirmed it, until they sign in again.
func TestNothingIsKnownAfterSessionsEnd(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.refresh = true
	b := setup(t, i.URL)
	signIn(t, b)
	b.wantConfirmed(t, "eve", true, "payments-members")
	if err := b.endSessions("eve"); err != nil {
		t.Fatal(err)
	}
	b.wantConfirmed(t, "eve", false)
	signIn(t, b)
	b.wantConfirmed(t, "eve", true, "payments-members")
}

package execute_test

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"doksportal/internal/auth"
	"doksportal/internal/auth/devidp"
	"doksportal/internal/portal"
)

// accounts are everybody's at the provider. They have left again when a request
// is carried out.
var accounts = []devidp.Account{
	{Username: "ann", Name: "ann", Groups: []string{"pay"}},
	{Username: "bob", Name: "bob", Groups: []string{"pay-approvers"}},
	{Username: "pia", Name: "pia", Groups: []string{"platform"}},
	{Username: "ada", Name: "ada", Groups: []string{"admins"}},
}

// provider is an identity provider that people have signed in through.
type provider struct {
	*devidp.Issuer
	b       *bundle
	portal  string       // its address
	status  atomic.Int32 // what it answers to everything, zero: the truth
	asked   atomic.Int32 // how often about somebody
	refused atomic.Value // the account whose tokens it refuses, a string
}

// signedInPeople is a portal whose people signed in, each in a browser, through
// a real provider.
func signedInPeople(t *testing.T) (*bundle, *provider) {
	t.Helper()
	b := richSetup(t)
	p := &provider{b: b}
	idp, pages := httptest.NewUnstartedServer(p), httptest.NewUnstartedServer(nil)
	b.issuer, p.portal = "http://"+idp.Listener.Addr().String(), "http://"+pages.Listener.Addr().String()
	people, err := auth.New(auth.Config{
		BaseURL: &url.URL{Scheme: "http", Host: pages.Listener.Addr().String()}, Issuer: b.issuer, ClientID: "portal", ClientSecret: "secret",
		GroupsClaim: "groups", Scopes: []string{"openid", "profile", "email"}, ApproverGroup: "platform", AdminGroup: "admins",
		Pool: b.pool, Now: b.clock.Now, Logger: slog.New(slog.DiscardHandler),
	})
	b.must(err)
	p.Issuer, err = devidp.New(devidp.Config{Issuer: b.issuer, ClientID: "portal", ClientSecret: "secret",
		RedirectURI: p.portal + "/auth/callback", Accounts: accounts})
	b.must(err)
	pages.Config.Handler = signInPages(people)
	for _, server := range []*httptest.Server{idp, pages} {
		server.Start()
		t.Cleanup(server.Close)
	}
	b.executor.People, b.requests.People = people, people
	for _, a := range accounts {
		p.signIn(a.Username)
	}
	b.member, b.approver = b.person("ann", "pay"), b.person("bob", "pay-approvers")
	return b, p
}

func signInPages(people *auth.Auth) http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request) error{"GET /login": people.Login, "GET /auth/callback": people.Callback} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r, err := people.Load(r)
			if err == nil {
				err = serve(w, r)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	mux.HandleFunc("GET /{$}", func(http.ResponseWriter, *http.Request) {})
	return mux
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/userinfo" {
		p.asked.Add(1)
	}
	if status := int(p.status.Load()); status != 0 {
		w.WriteHeader(status)
		return
	}
	if refused, _ := p.refused.Load().(string); refused != "" && r.URL.Path == "/userinfo" {
		truth := httptest.NewRecorder()
		p.Issuer.ServeHTTP(truth, r)
		if strings.Contains(truth.Body.String(), `"sub":"`+refused+`"`) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		maps.Copy(w.Header(), truth.Header())
		_, _ = w.Write(truth.Body.Bytes())
		return
	}
	p.Issuer.ServeHTTP(w, r)
}

// signIn has somebody sign in with a new browser.
func (p *provider) signIn(account string) {
	p.b.t.Helper()
	jar, err := cookiejar.New(nil)
	p.b.must(err)
	browser := &http.Client{Jar: jar, Timeout: time.Minute}
	chooser, err := browser.Get(p.portal + "/login")
	p.b.must(err)
	p.b.must(chooser.Body.Close())
	page, err := browser.PostForm(p.b.issuer+"/sign-in", url.Values{"id": {chooser.Request.URL.Query().Get("id")}, "account": {account}})
	p.b.must(err)
	text, err := io.ReadAll(page.Body)
	p.b.must(err)
	p.b.must(page.Body.Close())
	if page.StatusCode != http.StatusOK {
		p.b.t.Fatalf("%s does not sign in: %s", account, text)
	}
}

func (p *provider) sessions(subject string) int {
	p.b.t.Helper()
	var n int
	p.b.must(p.b.pool.QueryRow(p.b.t.Context(), `SELECT count(*) FROM sessions WHERE issuer = $1 AND subject = $2`, p.b.issuer, subject).Scan(&n))
	return n
}

// Whoever has approved need not be there when the request is carried out: the
// provider says whether their word still counts.
func TestNobodyIsThere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		op   portal.OperationID
		who  string // loses all groups meanwhile
		says string // empty: it is carried out
	}{
		{"the requester's word alone", portal.CreateNodePool, "", ""},
		{"an approver's word", portal.DeleteNode, "", ""},
		{"two approvers' words", portal.DeleteClusterDangerous, "", ""},
		{"an admin asked", portal.AddRegistries, "", ""},
		{"the requester left the team", portal.CreateNodePool, "ann", "ann is no longer a member of team pay."},
		{"the requester of what others approved left the team", portal.DeleteClusterDangerous, "ann", "ann is no longer a member of team pay."},
		{"the team's approver left", portal.DeleteClusterDangerous, "bob", "Someone who approved it may no longer do so."},
		{"the platform's approver left", portal.DeleteClusterDangerous, "pia", "Someone who approved it may no longer do so."},
		{"the admin left", portal.AddRegistries, "ada", "ada is no longer an admin."},
		{"somebody left who has no say in it", portal.CreateNodePool, "bob", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, p := signedInPeople(t)
			r := b.approved(cases[tt.op])
			if tt.who != "" {
				p.SetGroups(tt.who)
			}
			b.clock.advance(6 * time.Hour)
			r = b.step(r)
			if tt.says == "" {
				b.want(r, portal.Settling)
				b.wantCalls(string(tt.op), 1)
				return
			}
			b.want(r, portal.Stale)
			b.wantCalls(string(tt.op), 0)
			if r.Reason != tt.says {
				t.Errorf("reason %q, want %q", r.Reason, tt.says)
			}
		})
	}
}

func TestAdminWhoUsedBreakGlassIsNotThere(t *testing.T) {
	t.Parallel()
	for _, left := range []bool{false, true} {
		b, p := signedInPeople(t)
		r := b.pending(portal.DeleteClusterDangerous)
		b.must(b.requests.BreakGlass(t.Context(), b.admin("ada"), r.Number, 1, r.Digest, "fire"))
		want := portal.Settling
		if left {
			p.SetGroups("ada")
			want = portal.Stale
		}
		b.clock.advance(time.Hour)
		b.want(b.step(r), want)
	}
}

// While the provider cannot confirm what it runs on, a request waits; then it
// is carried out by itself.
func TestProviderIsAway(t *testing.T) {
	t.Parallel()
	b, p := signedInPeople(t)
	r := b.approved(cases[portal.DeleteClusterDangerous])
	b.clock.advance(6 * time.Hour)
	p.status.Store(http.StatusServiceUnavailable)
	for range 2 {
		r = b.step(r)
		b.want(r, portal.Approved)
		if want := "Waiting until the identity provider confirms the groups of ann, which happens when they open the portal."; r.Reason != want {
			t.Errorf("reason %q, want %q", r.Reason, want)
		}
		b.clock.advance(30 * time.Second)
	}
	b.wantCalls("delete_cluster_dangerous", 0)
	p.status.Store(0)
	b.want(b.step(r), portal.Settling)
	b.wantCalls("delete_cluster_dangerous", 1)
}

// Somebody whom the provider no longer vouches for has no say and no session,
// until they sign in again.
func TestProviderRefuses(t *testing.T) {
	t.Parallel()
	b, p := signedInPeople(t)
	p.signIn("bob")
	r := b.pending(portal.DeleteNode)
	b.must(b.decides(r, "bob", "pay-approvers"))
	b.clock.advance(6 * time.Hour)
	if n := p.sessions("bob"); n != 2 {
		t.Fatalf("bob has %d sessions", n)
	}
	for _, refused := range []string{"bob", ""} {
		p.refused.Store(refused)
		r = b.step(r)
		b.want(r, portal.Approved)
		if !strings.Contains(r.Reason, "the groups of bob, which happens when they open the portal") {
			t.Errorf("reason %q", r.Reason)
		}
	}
	if n := p.sessions("bob"); n != 0 {
		t.Errorf("bob has %d sessions", n)
	}
	b.wantCalls("delete_node", 0)
	p.signIn("bob")
	b.want(b.step(r), portal.Settling)
	b.wantCalls("delete_node", 1)
}

// What somebody asked for who has been dismissed does not run, whoever approved
// it: the provider refuses their tokens, and nothing that was known of them
// counts any more.
func TestRequesterIsDismissed(t *testing.T) {
	t.Parallel()
	for _, op := range []portal.OperationID{portal.CreateNodePool, portal.DeleteClusterDangerous} {
		b, p := signedInPeople(t)
		r := b.approved(cases[op])
		b.clock.advance(time.Hour)
		p.refused.Store("ann")
		r = b.step(r)
		b.want(r, portal.Approved)
		if !strings.Contains(r.Reason, "confirms the groups of ann") {
			t.Errorf("reason %q", r.Reason)
		}
		var groups []string
		b.must(b.pool.QueryRow(t.Context(), `SELECT groups FROM people WHERE issuer = $1 AND subject = 'ann'`, b.issuer).Scan(&groups))
		if len(groups) > 0 || p.sessions("ann") > 0 {
			t.Errorf("groups %q and %d sessions are left", groups, p.sessions("ann"))
		}
		b.clock.advance(25 * time.Hour)
		b.want(b.step(r), portal.Stale)
		b.wantCalls(string(op), 0)
	}
}

// Two words are needed, and one of those who gave them is dismissed.
func TestApproverIsDismissed(t *testing.T) {
	t.Parallel()
	b, p := signedInPeople(t)
	r := b.pending(portal.DeleteClusterDangerous)
	b.must(b.decides(r, "bob", "pay-approvers"))
	b.must(b.decides(r, "pia", "platform"))
	b.clock.advance(time.Hour)
	p.refused.Store("pia")
	r = b.step(r)
	b.want(r, portal.Approved)
	if !strings.Contains(r.Reason, "confirms the groups of pia") {
		t.Errorf("reason %q", r.Reason)
	}
	b.wantCalls("delete_cluster_dangerous", 0)
}

// Somebody whom the provider can no longer be asked about, because their tokens
// have run out, counts by what was known of them neither as who asked, nor as who
// approved, nor as the admin who did without approvals.
func TestNobodyCountsWhoCannotBeAskedAbout(t *testing.T) {
	t.Parallel()
	for who, breakGlass := range map[string]bool{"ann": false, "bob": false, "ada": true} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			b, p := signedInPeople(t)
			r := b.pending(portal.DeleteNode)
			if breakGlass {
				b.must(b.requests.BreakGlass(t.Context(), b.admin("ada"), r.Number, 1, r.Digest, "fire"))
			} else {
				b.must(b.decides(r, "bob", "pay-approvers"))
			}
			b.clock.advance(time.Hour)
			_, err := b.pool.Exec(t.Context(), `UPDATE people SET tokens = NULL, tokens_until = NULL WHERE subject = $1`, who)
			b.must(err)
			r = b.step(r)
			b.want(r, portal.Approved)
			if !strings.Contains(r.Reason, "confirms the groups of "+who) {
				t.Errorf("reason %q", r.Reason)
			}
			b.wantCalls("delete_node", 0)
			p.signIn(who)
			b.want(b.step(r), portal.Settling)
			b.wantCalls("delete_node", 1)
		})
	}
}

// Collecting a secret needs those who approved no more than carrying out does.
func TestCollectWhileTheApproverIsAway(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		meanwhile func(*provider)
		want      portal.Kind
	}{
		"still an approver": {func(*provider) {}, portal.KindUnknown},
		"no longer one":     {func(p *provider) { p.SetGroups("bob") }, portal.KindConflict},
		"not known":         {func(p *provider) { p.status.Store(http.StatusBadGateway) }, portal.KindUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, p := signedInPeople(t)
			r := b.access(portal.GetKubeconfig, portal.Production, "30")
			b.must(b.decides(r, "bob", "pay-approvers"))
			tt.meanwhile(p)
			b.clock.advance(time.Hour)
			_, err := b.collect(b.member, r)
			if portal.KindOf(err) != tt.want || (err == nil) != (tt.want == portal.KindUnknown) {
				t.Errorf("collecting: %v", err)
			}
		})
	}
}

// Several replicas that carry out what one person approved ask once.
func TestReplicasConfirmOnce(t *testing.T) {
	t.Parallel()
	b, p := signedInPeople(t)
	r := b.approved(cases[portal.CreateNodePool])
	b.clock.advance(time.Hour)
	before := p.asked.Load()
	inParallel(6, func(int) error {
		_, err := b.executor.Step(t.Context(), r.ID)
		return err
	})
	b.wantCalls("create_node_pool", 1)
	if n := p.asked.Load() - before; n != 1 {
		t.Errorf("the provider was asked %d times about ann", n)
	}
}

package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/auth"
	"doksportal/internal/auth/devidp"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/portal"
)

const (
	clientID     = "portal"
	clientSecret = "canary-client-secret-of-the-portal"
)

// clock is the real time plus what a test has let pass.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.passed.Load())) }
func (c *clock) advance(by time.Duration) { c.passed.Add(int64(by)) }

// replica is one process of the portal, with pages that show what auth says.
type replica struct {
	*httptest.Server
	auth *auth.Auth
	log  *strings.Builder
	left chan struct{} // receives when a browser leaves before it is answered
}

// testBundle is a portal with a provider.
type testBundle struct {
	pool  *pgxpool.Pool
	clock *clock
	*replica
	adjust func(*auth.Config)
	issuer string
}

// setup returns a portal that trusts the issuer at that URL. adjust may change
// the configuration.
func setup(t *testing.T, issuer string, adjust ...func(*auth.Config)) *testBundle {
	t.Helper()
	b := &testBundle{pool: dbtest.New(t), clock: &clock{}, issuer: issuer, adjust: func(*auth.Config) {}}
	if len(adjust) > 0 {
		b.adjust = adjust[0]
	}
	b.replica = b.startReplica(t)
	return b
}

// startReplica starts another process over the same database.
func (b *testBundle) startReplica(t *testing.T) *replica {
	t.Helper()
	r := &replica{log: &strings.Builder{}, left: make(chan struct{}, 10)}
	r.Server = httptest.NewUnstartedServer(nil)
	base := &url.URL{Scheme: "http", Host: r.Listener.Addr().String()}
	cfg := auth.Config{
		BaseURL: base, Issuer: b.issuer, ClientID: clientID, ClientSecret: clientSecret, GroupsClaim: "groups",
		Scopes: []string{"openid", "profile", "email"}, AdminGroup: "portal-admins", ApproverGroup: "platform-approvers",
		AuditorGroup: "portal-auditors", Pool: b.pool, Now: b.clock.now, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	b.adjust(&cfg)
	var err error
	if r.auth, err = auth.New(cfg); err != nil {
		t.Fatal(err)
	}
	r.Config.Handler = r.pages()
	r.Start()
	t.Cleanup(r.Close)
	return r
}

func (r *replica) pages() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h func(w http.ResponseWriter, req *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) {
			defer context.AfterFunc(req.Context(), func() { r.left <- struct{}{} })()
			req, err := r.auth.Load(req)
			if err == nil {
				err = h(w, req)
			}
			if err != nil {
				shown := err.Error()
				if e, ok := errors.AsType[*portal.Error](err); ok {
					shown = e.Message // as people read it
				}
				http.Error(w, shown, statusOf(err))
			}
		})
	}
	handle("GET /login", r.auth.Login)
	handle("GET /auth/callback", r.auth.Callback)
	handle("POST /logout", r.auth.Logout)
	handle("GET /", showActor)
	handle("POST /", func(w http.ResponseWriter, req *http.Request) error {
		actor, err := r.auth.Fresh(req)
		if err == nil {
			_, err = fmt.Fprint(w, actor.Subject)
		}
		return err
	})
	handle("GET /stream", r.stream)
	handle("GET /typed/", r.showTyped)
	handle("POST /typed/", func(w http.ResponseWriter, req *http.Request) error {
		if err := req.ParseForm(); err != nil {
			return err
		}
		state, err := r.auth.StepUp(w, req, req.PostForm, req.URL.Path)
		if err == nil {
			http.Redirect(w, req, "/step-up?state="+state, http.StatusSeeOther)
		}
		return err
	})
	handle("GET /step-up", func(w http.ResponseWriter, req *http.Request) error {
		ready, err := r.auth.Prepared(req, req.URL.Query().Get("state"))
		if err == nil {
			_, err = fmt.Fprint(w, ready.Address)
		}
		return err
	})
	return mux
}

// showTyped shows what was typed on this page, and since when its reader is
// signed in.
func (r *replica) showTyped(w http.ResponseWriter, req *http.Request) error {
	typed, ok, err := r.auth.TakeTyped(req, req.URL.Path)
	if err != nil {
		return err
	}
	actor, _ := auth.ActorFrom(req.Context())
	_, err = fmt.Fprintf(w, "%s %v %s fresh=%v", actor.Subject, ok, typed.Encode(), actor.Fresh(r.auth.Now(), portal.FreshFor))
	return err
}

// stream writes a byte for each question whether the session is valid, which
// the test asks by sending one, and ends when it is not.
func (r *replica) stream(w http.ResponseWriter, req *http.Request) error {
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil {
		return err
	}
	question := make([]byte, 1)
	for r.auth.Valid(req) {
		if _, err := w.Write([]byte(".")); err != nil {
			return err
		}
		if err := control.Flush(); err != nil {
			return err
		}
		if _, err := req.Body.Read(question); err != nil {
			return nil
		}
	}
	return nil
}

func showActor(w http.ResponseWriter, req *http.Request) error {
	actor, ok := auth.ActorFrom(req.Context())
	if !ok {
		return portal.E(portal.KindUnauthorized, "not signed in")
	}
	_, err := fmt.Fprintf(w, "%s %s groups=%v roles=%v problem=%s", req.URL.Path, actor.Subject,
		actor.Groups, actor.Roles, auth.GroupsProblem(req.Context()))
	return err
}

func statusOf(err error) int {
	switch portal.KindOf(err) {
	case portal.KindUnauthorized:
		return http.StatusUnauthorized
	case portal.KindForbidden:
		return http.StatusForbidden
	case portal.KindNotFound:
		return http.StatusNotFound
	case portal.KindStepUp:
		return http.StatusRequestEntityTooLarge
	case portal.KindLimited:
		return http.StatusTooManyRequests
	case portal.KindUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// browser keeps cookies and follows redirects.
type browser struct {
	*http.Client
	t     *testing.T
	agent string // what it calls itself; empty: as Go does
}

func newBrowser(t *testing.T) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{Client: &http.Client{Jar: jar, Timeout: time.Minute}, t: t}
}

// answer is what a browser shows.
type answer struct {
	status  int
	body    string
	request *http.Request // the last of a chain of redirects
	header  http.Header
}

func (b browser) do(method, address string, form url.Values) answer {
	b.t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if b.agent != "" {
		req.Header.Set("User-Agent", b.agent)
	}
	resp, err := b.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer{status: resp.StatusCode, body: string(body), request: resp.Request, header: resp.Header}
}

func (b browser) get(address string) answer { b.t.Helper(); return b.do(http.MethodGet, address, nil) }

// stopAt makes the browser show redirects to an address instead of following.
func (b browser) stopAt(prefix string) browser {
	copied := *b.Client
	copied.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), prefix) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return browser{Client: &copied, t: b.t}
}

// cookies are those of the portal, by name.
func (b browser) cookies(portalURL string) map[string]string {
	u, err := url.Parse(portalURL)
	if err != nil {
		b.t.Fatal(err)
	}
	all := map[string]string{}
	for _, c := range b.Jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}

func wantStatus(t *testing.T, a answer, status int) {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: status %d, want %d: %s", a.request.URL.Path, a.status, status, a.body)
	}
}

func wantBody(t *testing.T, a answer, part string) {
	t.Helper()
	if !strings.Contains(a.body, part) {
		t.Errorf("%s shows %q, want %q in it", a.request.URL.Path, a.body, part)
	}
}

// startDevIDP starts the local issuer for a portal that the caller sets up
// with its URL.
func startDevIDP(t *testing.T) (*devidp.Issuer, *testBundle) {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	issuerURL := "http://" + server.Listener.Addr().String()
	b := setup(t, issuerURL)
	issuer, err := devidp.New(devidp.Config{
		Issuer: issuerURL, ClientID: clientID, ClientSecret: clientSecret, RedirectURI: b.URL + "/auth/callback",
		Accounts: []devidp.Account{
			{Username: "ada", Name: "Ada", Groups: []string{"payments-members", "platform-approvers"}},
			{Username: "bob", Name: "Bob"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = issuer
	server.Start()
	t.Cleanup(server.Close)
	return issuer, b
}

// choose clicks an account on the local issuer's page.
func (b browser) choose(page answer, account string) answer {
	b.t.Helper()
	address := *page.request.URL
	form := url.Values{"id": {address.Query().Get("id")}, "account": {account}}
	address.RawQuery = ""
	return b.do(http.MethodPost, address.String(), form)
}

// endSessions ends what an admin ends.
func (b *testBundle) endSessions(subject string) error {
	return pgx.BeginFunc(context.Background(), b.pool, func(tx pgx.Tx) error {
		return b.auth.EndSessions(context.Background(), tx, portal.System("test").Person(), portal.Identity{Issuer: b.issuer, Subject: subject})
	})
}

// waitFor waits until something that happens beside the test has happened.
func waitFor(t *testing.T, happened func() bool) {
	t.Helper()
	for range 500 {
		if happened() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it does not happen")
}

func count(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := pool.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

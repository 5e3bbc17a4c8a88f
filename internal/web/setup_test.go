package web_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/audittest"
	"doksportal/internal/auditors"
	"doksportal/internal/auth"
	"doksportal/internal/auth/devidp"
	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/delegation"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/events"
	"doksportal/internal/execute"
	"doksportal/internal/inventory"
	"doksportal/internal/notify"
	"doksportal/internal/orphans"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
	"doksportal/internal/teams"
	"doksportal/internal/templates"
	"doksportal/internal/web"
	"doksportal/internal/web/webtest"
)

const doToken = "dop_v1_canary-token"

// accounts are named after what they may do. Teams pay and find are those of
// the clusters "ledger" and "index"; "legacy" is nobody's.
var accounts = []devidp.Account{
	{Username: "member", Name: "Mia Member", Groups: []string{"pay"}},
	{Username: "approver", Name: "Abe Approver", Groups: []string{"pay", "pay-approvers"}},
	{Username: "other", Name: "Oda Other", Groups: []string{"find"}},
	{Username: "platform", Name: "Pia Platform", Groups: []string{"platform"}},
	{Username: "admin", Name: "Ada Admin", Groups: []string{"admins"}},
	{Username: "auditor", Name: "Otto Auditor", Groups: []string{"auditors"}},
	{Username: "outsider", Name: "Olga Outsider"},
	{Username: "owner", Name: "Dora Database", Groups: []string{"database-owners"}},
}

// jobs notes what is enqueued; no test of the pages carries it out.
type jobs struct{}

func (jobs) Enqueue(context.Context, pgx.Tx, string) error                           { return nil }
func (jobs) NextSteps(context.Context, []string) (map[string]portal.NextStep, error) { return nil, nil }
func (jobs) Wake(context.Context, pgx.Tx, string) error                              { return nil }

// log is what the portal logs.
type log struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *log) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(b) }
func (l *log) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// noLimits lets tests ask as much as they like.
var noLimits = web.Limits{Person: unbounded, Address: unbounded, Acts: unbounded}

var unbounded = store.Rate{Every: time.Microsecond, Burst: 1e6}

// bundle is a portal that answers browsers, before a simulated DigitalOcean.
type bundle struct {
	t                     testing.TB
	url, doURL            string
	pool                  *pgxpool.Pool
	sim                   *dosim.Sim
	pages                 *web.Server
	requests              *request.Service
	auth                  *auth.Auth
	executor              *execute.Executor
	syncer                *inventory.Syncer
	notify                *notify.Service
	trail                 *audit.Trail
	log                   *log
	issuer                *devidp.Issuer
	ledger, index, legacy string // ids of clusters
	browsers              map[string]*webtest.Browser
}

func setup(t testing.TB) *bundle {
	t.Helper()
	b := &bundle{t: t, pool: dbtest.New(t), log: &log{}, browsers: map[string]*webtest.Browser{}}
	b.sim = dosim.New(dosim.Config{Token: doToken, Limits: dosim.Limits{PerHour: -1, PerMinute: -1}})
	do := httptest.NewServer(b.sim)
	t.Cleanup(do.Close)
	b.doURL = do.URL
	b.seed(do.URL)
	b.serve()
	return b
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) seed(doURL string) {
	b.t.Helper()
	client, err := doapi.New(doURL, doToken)
	b.must(err)
	b.ledger = b.sim.Add(dosim.Seed{Name: "ledger", Region: "fra1", Size: "s-2vcpu-4gb", Count: 2})
	b.index = b.sim.Add(dosim.Seed{Name: "index", Region: "fra1", Size: "s-2vcpu-4gb", Count: 2})
	b.legacy = b.sim.Add(dosim.Seed{Name: "legacy", Region: "fra1", Size: "s-2vcpu-4gb", Count: 2})
	b.syncer = &inventory.Syncer{Pool: b.pool, DO: client, Now: time.Now}
	b.must(b.syncer.Sync(context.Background()))
	b.requests = &request.Service{Pool: b.pool, DO: client, Jobs: jobs{}, Rules: &rulebook.Service{PlatformApprovers: "platform", Pool: b.pool, Now: time.Now}, Now: time.Now}
	b.trail = audittest.Run(b.t, b.pool)
	b.executor = &execute.Executor{Pool: b.pool, DO: client, Rules: b.requests.Rules, Trail: b.trail, Pauses: &pauses.Service{Pool: b.pool, Now: time.Now}, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Pace: execute.DefaultPace}
	for slug, cluster := range map[string]string{"pay": b.ledger, "find": b.index} {
		team := portal.Team{ID: uuid.NewString(), Slug: slug, Name: slug, MemberGroup: slug, ApproverGroup: slug + "-approvers",
			Quota: portal.QuotaOf(12, map[string]int{"s-2vcpu-4gb": 10})}
		b.must(db.WithTx(context.Background(), b.pool, func(tx pgx.Tx) error {
			return errors.Join(store.InsertTeam(context.Background(), tx, team, time.Now()),
				store.AssignCluster(context.Background(), tx, cluster, team.ID, portal.Production))
		}))
	}
}

func (b *bundle) serve() {
	b.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	b.url = "http://" + server.Listener.Addr().String()
	base, err := url.Parse(b.url)
	b.must(err)
	logger := slog.New(slog.NewTextHandler(io.MultiWriter(b.log), nil))
	var issuer string
	b.issuer, issuer = webtest.StartIssuer(b.t, b.url, accounts)
	signIn, err := auth.New(auth.Config{
		BaseURL: base, Issuer: issuer, ClientID: webtest.ClientID, ClientSecret: webtest.ClientSecret,
		GroupsClaim: "groups", Scopes: []string{"openid", "profile", "email"},
		AdminGroup: "admins", ApproverGroup: "platform", AuditorGroup: "auditors",
		Pool: b.pool, Now: time.Now, Logger: logger,
	})
	b.must(err)
	b.auth, b.executor.People, b.executor.Logger = signIn, signIn, logger
	b.notify, err = notify.New(notify.Config{
		Pool: b.pool, Now: time.Now, Logger: logger, BaseURL: base, AdminGroup: "admins", ApproverGroup: "platform",
		Secret: webtest.ClientSecret, SMTPURL: "smtp://127.0.0.1:1", SMTPFrom: "portal@example.com", WebhookHosts: []string{"hooks.example"},
	})
	b.must(err)
	hub := events.NewHub(b.pool, logger)
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() { hub.Run(ctx); close(stopped) }()
	b.t.Cleanup(func() { stop(); <-stopped })
	b.requests.People, b.requests.Rules.People = signIn, signIn
	b.pages, err = web.New(web.Config{
		Pool: b.pool, Auth: signIn, Requests: b.requests, Executor: b.executor, Limits: noLimits, Teams: &teams.Service{Pool: b.pool, People: signIn, Now: time.Now, OtherGroups: func(context.Context) ([]string, error) { return []string{"admins", "platform", "auditors"}, nil }}, Notify: b.notify, Trail: b.trail, Hub: hub,
		Delegations: &delegation.Service{Pool: b.pool, Rules: b.requests.Rules, Now: time.Now},
		Templates:   &templates.Service{Pool: b.pool, Now: time.Now},
		Auditors:    &auditors.Service{Pool: b.pool, Now: time.Now, People: signIn, Rules: b.requests.Rules, Secrets: []string{"PORTAL_DO_TOKEN"}},
		Orphans:     &orphans.Service{Pool: b.pool, Now: time.Now},
		Pauses:      b.executor.Pauses,
		Queue:       jobs{},
		BaseURL:     base, AdminGroup: "admins", Groups: "groups", Logger: logger, Now: time.Now,
	})
	b.must(err)
	server.Config = web.NewHTTPServer(b.watch(b.pages))
	server.Start()
	b.t.Cleanup(func() { stop(); server.CloseClientConnections(); server.Close() })
}

// as returns the browser of an account, "nobody" for one that has not signed in.
// The first call for each is no other's at the same time.
func (b *bundle) as(account string) *webtest.Browser {
	b.t.Helper()
	if browser := b.browsers[account]; browser != nil {
		return browser
	}
	var browser *webtest.Browser
	switch {
	case account == "nobody":
		browser = webtest.NewBrowser(b.t, b.url)
	case slices.ContainsFunc(accounts, func(a devidp.Account) bool { return a.Username == account }):
		browser = webtest.SignIn(b.t, b.url, account)
	default:
		b.t.Fatalf("there is no account %q", account)
	}
	b.browsers[account] = browser
	return browser
}

// createForm is the form of a cluster that team pay may have. Pairs of names
// and values replace what it has.
func createForm(changes ...string) url.Values {
	form := url.Values{
		"submit_key": {uuid.NewString()}, "team": {"pay"}, "name": {"shop"}, "region": {"fra1"}, "version": {"1.35.1-do.0"},
		"environment": {"development"}, "pools[0].name": {"pool"}, "pools[0].size": {"s-2vcpu-4gb"}, "pools[0].count": {"1"},
		"justification": {"for a test"}, "action": {"submit"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// pending is the number of a new request of the member's that waits for a
// decision.
func (b *bundle) pending() string {
	b.t.Helper()
	name := "shop-" + strconv.Itoa(b.count("SELECT count(*) FROM requests"))
	return b.asked("member", "/clusters/new", createForm("name", name, "environment", "production"))
}

// asked is the number of a new request that waits for a decision.
func (b *bundle) asked(account, path string, form url.Values) string {
	b.t.Helper()
	page := b.as(account).Post(path, form)
	number, ok := strings.CutPrefix(page.URL.Path, "/requests/")
	if !ok {
		b.t.Fatalf("%d: %s", page.Status, page.Text("main"))
	}
	return number
}

func (b *bundle) count(sql string, args ...any) int {
	b.t.Helper()
	var n int
	b.must(b.pool.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

func (b *bundle) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.pool.Exec(context.Background(), sql, args...)
	b.must(err)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/stream"
	"doksportal/internal/auditors"
	"doksportal/internal/auth"
	"doksportal/internal/config"
	"doksportal/internal/db"
	"doksportal/internal/delegation"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/budget"
	"doksportal/internal/events"
	"doksportal/internal/execute"
	"doksportal/internal/inventory"
	"doksportal/internal/jobs"
	"doksportal/internal/notify"
	"doksportal/internal/orphans"
	"doksportal/internal/pauses"
	"doksportal/internal/request"
	"doksportal/internal/rulebook"
	"doksportal/internal/store"
	"doksportal/internal/teams"
	"doksportal/internal/templates"
	"doksportal/internal/unusual"
	"doksportal/internal/web"
)

type serveCmd struct{}

// Run serves until ctx ends.
func (serveCmd) Run(ctx context.Context) error {
	cfg, err := config.Load(os.Environ())
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("PORTAL_LISTEN: %w", err)
	}
	logger := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: cfg.LogLevel}))
	return serve(ctx, cfg, listener, logger, func() { logger.Info("ready", "url", cfg.BaseURL) })
}

// serve runs the portal on listener until ctx ends. It calls ready once it
// answers.
func serve(ctx context.Context, cfg config.Config, listener net.Listener, logger *slog.Logger, ready func()) error {
	keys, err := signers(cfg)
	if err != nil {
		return err
	}
	pool, err := db.Open(ctx, cfg.DatabaseURL.Reveal(), audit.Vouching(keys[0]))
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := db.CheckSession(ctx, pool); err != nil {
		return err
	}
	clock := db.NewClock(machineTime)
	if err := setClock(ctx, clock, pool, logger); err != nil {
		return err
	}
	schema, err := db.SchemaOf(ctx, pool)
	if err != nil {
		return err
	}
	if err := schema.Check(); err != nil {
		return err
	}
	if err := warnOfRole(ctx, cfg, pool, logger); err != nil {
		return err
	}
	p, err := assemble(cfg, pool, clock, logger)
	if err != nil {
		return err
	}
	if err := p.rules.Ensure(ctx); err != nil {
		return err
	}
	return p.run(ctx, listener, ready)
}

// warnOfRole says when whoever takes over this process could change the trail,
// or the schema.
func warnOfRole(ctx context.Context, cfg config.Config, pool *pgxpool.Pool, logger *slog.Logger) error {
	if cfg.DatabaseOwnerURL != "" {
		logger.Warn("PORTAL_DATABASE_OWNER_URL is for `portal migrate` alone: take it from the environment of `portal serve`")
	}
	role, err := db.RoleOf(ctx, pool, "")
	if err == nil && len(role.Faults) > 0 {
		logger.Warn("the audit trail is not safe from this process: the database role "+role.Text(), "see", "`portal migrate status`, docs/operating.md")
	}
	return err
}

// machineTime is the clock of the machine, which may be off.
var machineTime = time.Now

// setClock sets the clock of this process by the database's, and says how far the
// machine's is off.
func setClock(ctx context.Context, clock *db.Clock, pool *pgxpool.Pool, logger *slog.Logger) error {
	moved, err := clock.Set(ctx, pool)
	if err == nil && moved != 0 {
		logger.Warn("the clock of this machine is off: the portal goes by the database's", "moved", moved.Round(time.Millisecond).String())
	}
	return err
}

// parts are what the portal consists of while it runs.
type parts struct {
	rules  *rulebook.Service
	trail  *audit.Trail
	stream *stream.Stream // nil: there is none
	pages  *web.Server
	hub    *events.Hub
	queue  *jobs.Queue
	clock  *db.Clock
	pool   *pgxpool.Pool
	logger *slog.Logger
}

// assemble puts the parts together.
func assemble(cfg config.Config, pool *pgxpool.Pool, clock *db.Clock, logger *slog.Logger) (*parts, error) {
	baseURL, err := url.Parse(cfg.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("PORTAL_BASE_URL: %w", err)
	}
	now := clock.Now
	calls, access := budget.New(pool, "main", now), budget.New(pool, "access", now)
	client, err := doapi.New(cfg.DOAPIURL, cfg.DOToken.Reveal(), doapi.AccessToken(cfg.DOAccessToken.Reveal()),
		doapi.Limits(calls, access))
	if err != nil {
		return nil, err
	}
	signIn, err := newSignIn(cfg, baseURL, pool, now, logger)
	if err != nil {
		return nil, err
	}
	notifier, err := newNotify(cfg, baseURL, pool, now, logger)
	if err != nil {
		return nil, err
	}
	rules := &rulebook.Service{PlatformApprovers: cfg.ApproverGroup, Pool: pool, People: signIn, Now: now, StepUpWithin: cfg.StepUpMaxAge}
	requests := &request.Service{Pool: pool, DO: client, Rules: rules, People: signIn, Now: now, StepUpWithin: cfg.StepUpMaxAge, DropletLimit: cfg.DropletLimit}
	trail, err := newTrail(cfg, pool, now, notifier, logger)
	if err != nil {
		return nil, err
	}
	siem, err := newStream(cfg, trail)
	if err != nil {
		return nil, err
	}
	pace := execute.DefaultPace
	pace.Settle = cfg.SettleEvery
	pausing := &pauses.Service{Pool: pool, Now: now, StepUpWithin: cfg.StepUpMaxAge}
	executor := &execute.Executor{Pool: pool, DO: client, People: signIn, Rules: rules, Trail: trail, Pauses: pausing, Now: now, Logger: logger, Pace: pace,
		StepUpWithin: cfg.StepUpMaxAge}
	syncer := &inventory.Syncer{Pool: pool, DO: client, Now: now, Pauses: pausing}
	watcher := &unusual.Watcher{Pool: pool, Trail: trail, Now: now, Tell: tell}
	reviewers := &auditors.Service{Pool: pool, Now: now, People: signIn, Rules: rules, Secrets: cfg.SecretNames(), StepUpWithin: cfg.StepUpMaxAge, Tell: tell}
	var queue *jobs.Queue
	queue, err = jobs.New(pool, logger, now, executor.Advance, []jobs.Task{
		{Name: "inventory", Every: cfg.SyncEvery, Run: syncer.Sync},
		{Name: "expire", Every: time.Minute, Run: requests.Expire},
		{Name: "campaigns", Every: 5 * time.Second, Run: requests.AdvanceCampaigns},
		{Name: "quota grants", Every: time.Minute, Run: requests.EndGrants},
		{Name: "leases", Every: time.Minute, Run: requests.EndLeases},
		{Name: "freshen", Every: cfg.SyncEvery, Run: requests.Freshen},
		{Name: "sessions", Every: 10 * time.Minute, Run: signIn.Sweep},
		{Name: "rates", Every: 10 * time.Minute, Run: func(ctx context.Context) error { return store.SweepRates(ctx, pool, now()) }},
		{Name: "refusals", Every: time.Minute, Run: func(ctx context.Context) error {
			return db.WithTx(ctx, pool, func(tx pgx.Tx) error { return audit.SumUpRefusals(ctx, tx, now()) })
		}},
		{Name: "usage", Every: time.Hour, Run: func(ctx context.Context) error {
			return db.WithTx(ctx, pool, func(tx pgx.Tx) error { return store.RecordUsage(ctx, tx, now()) })
		}},
		{Name: "event partitions", Every: 12 * time.Hour, Run: trail.MakePartitions},
		{Name: "verify the trail", Every: 24 * time.Hour, For: time.Hour, Run: trail.VerifyAll},
		{Name: "unusual events", Every: 10 * time.Second, Run: watcher.Run},
		{Name: "access review", Every: time.Hour, Run: reviewers.KeepAccess},
		{Name: "mail", Every: 2 * time.Second, Queue: jobs.Deliveries, Run: notifier.RunMail},
		{Name: "webhooks", Every: 2 * time.Second, Queue: jobs.Deliveries, Run: notifier.RunHooks},
		{Name: "budget", Every: time.Hour, Run: calls.Sweep},
		{Name: "access budget", Every: time.Hour, Run: access.Sweep},
		{Name: "old notifications", Every: time.Hour, Run: notifier.Sweep},
		{Name: "requeue", Every: time.Minute, Run: func(ctx context.Context) error { return queue.Requeue(ctx, now()) }},
	})
	if err != nil {
		return nil, err
	}
	requests.Jobs, pausing.Jobs = queue, queue
	hub := events.NewHub(pool, logger)
	pages, err := web.New(web.Config{
		Pool: pool, Auth: signIn, Requests: requests, Executor: executor, Teams: &teams.Service{Pool: pool, People: signIn, Now: now, StepUpWithin: cfg.StepUpMaxAge,
			OtherGroups: func(ctx context.Context) ([]string, error) {
				inForce, err := rules.InForce(ctx, pool)
				if err != nil {
					return nil, err
				}
				return append(inForce.Groups(), slices.Collect(maps.Values(signIn.RoleGroups()))...), nil
			}}, Notify: notifier, Trail: trail, Stream: siem, Hub: hub,
		Delegations: &delegation.Service{Pool: pool, Rules: rules, Now: now, StepUpWithin: cfg.StepUpMaxAge},
		Templates:   &templates.Service{Pool: pool, Now: now},
		Auditors:    reviewers,
		Orphans:     &orphans.Service{Pool: pool, Now: now},
		Pauses:      pausing,
		Queue:       queue,
		BaseURL:     baseURL, AdminGroup: cfg.AdminGroup, Groups: cfg.OIDCGroupsClaim, Notice: cfg.Notice, DropletLimit: cfg.DropletLimit, Demo: cfg.Demo, SyncEvery: cfg.SyncEvery, SettleEvery: cfg.SettleEvery, TrustedProxies: cfg.TrustedProxies, Logger: logger, Now: now,
	})
	return &parts{rules: rules, trail: trail, stream: siem, pages: pages, hub: hub, queue: queue, clock: clock, pool: pool, logger: logger}, err
}

func newSignIn(cfg config.Config, baseURL *url.URL, pool *pgxpool.Pool, now func() time.Time, logger *slog.Logger) (*auth.Auth, error) {
	return auth.New(auth.Config{
		BaseURL: baseURL, Issuer: cfg.OIDCIssuer, ClientID: cfg.OIDCClientID, ClientSecret: cfg.OIDCClientSecret.Reveal(),
		GroupsClaim: cfg.OIDCGroupsClaim, Scopes: cfg.OIDCScopes,
		AdminGroup: cfg.AdminGroup, ApproverGroup: cfg.ApproverGroup, AuditorGroup: cfg.AuditorGroup,
		StepUpMaxAge: cfg.StepUpMaxAge, Pool: pool, Now: now, Logger: logger,
	})
}

func newNotify(cfg config.Config, baseURL *url.URL, pool *pgxpool.Pool, now func() time.Time, logger *slog.Logger) (*notify.Service, error) {
	return notify.New(notify.Config{
		Pool: pool, Now: now, Logger: logger, BaseURL: baseURL, AdminGroup: cfg.AdminGroup, ApproverGroup: cfg.ApproverGroup, AuditorGroup: cfg.AuditorGroup,
		Secret: cfg.OIDCClientSecret.Reveal(), SMTPURL: cfg.SMTPURL.Reveal(), SMTPFrom: cfg.SMTPFrom,
		WebhookHosts: cfg.WebhookHosts, WebhookPrivate: cfg.WebhookPrivate,
	})
}

// shutdownFor is how long open answers may take to end.
const shutdownFor = time.Second

func (p *parts) run(ctx context.Context, listener net.Listener, ready func()) error {
	if err := p.queue.Start(ctx); err != nil {
		return fmt.Errorf("start the job queue: %w", err)
	}
	hubCtx, stopHub := context.WithCancel(ctx)
	defer stopHub()
	go p.hub.Run(hubCtx)
	go p.clock.Keep(hubCtx, p.pool, p.logger)
	stopTrail, err := p.runTrail(ctx)
	if err != nil {
		return err
	}
	server := web.NewHTTPServer(p.pages)
	server.BaseContext = func(net.Listener) context.Context { return ctx } // ends live streams with the program
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	go func() {
		if awaitReady(ctx, listener.Addr()) {
			ready()
		}
	}()
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	return errors.Join(err, p.stop(server), stopTrail())
}

func (p *parts) stop(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownFor)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		_ = server.Close() // whoever is left has had their time
	}
	return p.queue.Stop(context.Background())
}

// awaitReady asks until the portal answers that it can serve. It reports false
// when ctx ends before.
func awaitReady(ctx context.Context, addr net.Addr) bool {
	_, port, _ := net.SplitHostPort(addr.String())
	host, _, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
		if err != nil {
			return false
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}

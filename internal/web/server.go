// Package web serves the pages: a handler parses what a browser sends, calls one
// use case, fills the props of one page of views, and renders it. It decides
// nothing. routes.go lists all addresses and who may use them; cmd/portal makes
// the Server.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/stream"
	"doksportal/internal/auditors"
	"doksportal/internal/auth"
	"doksportal/internal/delegation"
	"doksportal/internal/events"
	"doksportal/internal/notify"
	"doksportal/internal/orphans"
	"doksportal/internal/pauses"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/shares"
	"doksportal/internal/teams"
	"doksportal/internal/templates"
	"doksportal/static"
	"doksportal/views"
)

// Config is what the pages need. All members but Stream, Notice, DropletLimit, Demo, Limits,
// SyncEvery, SettleEvery and TrustedProxies must be set.
type Config struct {
	Pool         *pgxpool.Pool
	Auth         *auth.Auth
	Requests     *request.Service
	Executor     Executor
	Teams        *teams.Service
	Notify       *notify.Service
	Trail        *audit.Trail
	Stream       *stream.Stream
	Delegations  *delegation.Service
	Templates    *templates.Service
	Auditors     *auditors.Service
	Orphans      *orphans.Service
	Pauses       *pauses.Service
	Queue        Queue
	Hub          *events.Hub
	BaseURL      *url.URL
	AdminGroup   string // whose members people without access should ask
	Groups       string // name of the groups claim
	Notice       string // shown on every page
	DropletLimit int    // of the account at DigitalOcean; 0: not known
	Demo         bool   // shows the way around, and a page of the parts that pages are made of
	Limits       Limits // zero: DefaultLimits

	SyncEvery, SettleEvery time.Duration // of which readers are told, see internal/config

	// TrustedProxies are addresses or networks whose X-Forwarded-For is believed.
	TrustedProxies []string
	Logger         *slog.Logger
	Now            func() time.Time
}

// Executor does what people have a part in while a request is carried out: it hands out
// what requests for secrets ask for, and takes their word on which cluster a request has
// made. Its errors are those of execute.Executor.
type Executor interface {
	Collect(ctx context.Context, a portal.Actor, number int64) (portal.Secret, error)
	Choose(ctx context.Context, a portal.Actor, number int64, clusterID string) error
}

// Queue says when the portal next does something for requests, by their ids. One for
// which nothing is planned is not in the answer.
type Queue interface {
	NextSteps(ctx context.Context, requestIDs []string) (map[string]portal.NextStep, error)
}

// Server answers browsers.
type Server struct {
	Config
	assets  views.Assets
	icons   map[string]string // their drawings, see ui.WithIcons
	engine  *gin.Engine
	handler http.Handler // engine, whose pages it compresses
	labels  labelCache
	visits  visitCache
	streams *shares.Shares // open streams by person
	exports *shares.Shares // exports of the trail by person
	ready   readiness

	readings readingCache
}

// New makes the pages' handler. It fails when the browser assets are missing.
func New(cfg Config) (*Server, error) {
	files, names, err := static.Dist()
	if err != nil {
		return nil, err
	}
	icons, err := static.Icons()
	if err != nil {
		return nil, err
	}
	if cfg.Limits == (Limits{}) {
		cfg.Limits = DefaultLimits
	}
	s := &Server{Config: cfg, assets: views.Assets{}, icons: icons, streams: shares.New(maxStreams), exports: shares.New(maxExports)}
	for name, built := range names {
		s.assets[name] = "/static/" + built
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false // it answers before the headers are set, and believes X-Forwarded-Prefix
	// gin believes X-Forwarded-For of everybody unless told otherwise, and
	// X-Real-IP, which proxies hand on as it comes, where that cannot be read.
	engine.RemoteIPHeaders = []string{"X-Forwarded-For"}
	if err := engine.SetTrustedProxies(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	s.routes(engine, files)
	s.engine = engine
	s.handler, err = compressPages(engine)
	return s, err
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead && r.URL.Path != "/events" { // whose answer does not end
		// A page answers HEAD as GET; net/http leaves out what is in it.
		r = r.WithContext(context.WithValue(r.Context(), headKey{}, true))
		r.Method = http.MethodGet
	}
	s.handler.ServeHTTP(w, r)
}

type headKey struct{}

// onlyHead reports whether the reader wants no more than the head of a page.
func onlyHead(r *http.Request) bool { return r.Context().Value(headKey{}) != nil }

// NewHTTPServer returns a server for h with limits on time and size, so that
// slow or greedy clients harm themselves only.
func NewHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

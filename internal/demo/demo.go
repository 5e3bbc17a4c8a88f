// Package demo starts what the portal needs around it on one machine: a
// private Postgres, a simulated DigitalOcean, a local identity provider and a
// mailbox, with teams and clusters to begin with. `portal demo` calls it, and
// then serves the portal as usual.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/auth/devidp"
	"doksportal/internal/config"
	"doksportal/internal/db"
	"doksportal/internal/db/pgembed"
	"doksportal/internal/demo/story"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/jobs"
)

// Token is what the simulated DigitalOcean takes.
const Token = "dop_v1_demo"

const (
	clientID     = "doks-portal"
	clientSecret = "demo-client-secret"
	// speed makes five minutes of provisioning take six seconds.
	speed = 50
)

// Options say where the demo listens and keeps its data.
type Options struct {
	Listen    string // host:port of the portal
	Simulator string
	Issuer    string
	Data      string // directory
	Fresh     bool   // begin again
	Story     bool   // a demo that begins tells what its company has done in 90 days

	StepUpMaxAge time.Duration // how old a sign-in may be for what is dangerous
}

// Demo is what runs around the portal.
type Demo struct {
	Config   config.Config
	Listener net.Listener // of the portal

	postgres  *pgembed.Server
	mailbox   mailbox
	listeners []net.Listener // of the simulator and the issuer
	closers   []io.Closer    // servers
}

// DefaultData is the directory that the data is kept in unless told otherwise.
func DefaultData() (string, error) {
	if state := os.Getenv("XDG_STATE_HOME"); state != "" {
		return filepath.Join(state, "doks-portal", "demo"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("there is no home directory; choose one for the data with --data DIR")
	}
	return filepath.Join(home, ".local", "state", "doks-portal", "demo"), nil
}

// Start starts everything but the portal. When that fails nothing is left
// running.
func Start(ctx context.Context, o Options) (*Demo, error) {
	d := &Demo{}
	if err := d.start(ctx, o); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return d, nil
}

func (d *Demo) start(ctx context.Context, o Options) error {
	simulator, issuer, err := d.listen(o)
	if err != nil {
		return err
	}
	post, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	d.serveMail(post)
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("the directory %s cannot be made (%w): choose another one with --data DIR", o.Data, err)
	}
	fresh := o.Fresh || cutOff(o.Data)
	if d.postgres, err = pgembed.Start(ctx, pgembed.Config{Dir: o.Data, Fresh: fresh}); err != nil {
		return err
	}
	if fresh {
		if err := forget(o.Data); err != nil {
			return err
		}
	}
	d.Config = configuration(o, d.postgres.RuntimeURL(), post.Addr().String())
	if d.Config.AuditKey, err = auditKey(o.Data); err != nil {
		return err
	}
	if err := d.prepareData(ctx, o); err != nil {
		return err
	}
	if err := d.serveSimulator(simulator, o.Data); err != nil {
		return err
	}
	if err := d.serveIssuer(issuer, o); err != nil {
		return err
	}
	return seed(ctx, d.Config)
}

// prepareData brings the schema up to date, and fills what is empty with the
// story.
func (d *Demo) prepareData(ctx context.Context, o Options) error {
	if err := db.Migrate(ctx, d.postgres.URL(), jobs.Migrate, db.Runtime(d.postgres.RuntimeURL())); err != nil {
		return err
	}
	if err := checkSchema(ctx, d.postgres.URL()); err != nil {
		return err
	}
	if !o.Story {
		return nil
	}
	return d.tellStory(ctx, o.Data)
}

// checkSchema makes sure that the data are not another program's.
func checkSchema(ctx context.Context, url string) error {
	pool, err := db.Open(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	schema, err := db.SchemaOf(ctx, pool)
	if err != nil {
		return err
	}
	if err := schema.Check(); err != nil {
		return fmt.Errorf("%w, or begin again with --fresh", err)
	}
	return nil
}

// listen takes all three ports before anything is started.
func (d *Demo) listen(o Options) (simulator, issuer net.Listener, err error) {
	listeners := make([]net.Listener, 3)
	for i, at := range []struct{ flag, address string }{{"--listen", o.Listen}, {"--simulator", o.Simulator}, {"--issuer", o.Issuer}} {
		if listeners[i], err = net.Listen("tcp", at.address); err != nil {
			for _, open := range listeners[:i] {
				_ = open.Close()
			}
			return nil, nil, fmt.Errorf("cannot listen on %s (%w): choose another address with %s", at.address, cause(err), at.flag)
		}
	}
	d.Listener, d.listeners = listeners[0], listeners[1:]
	return listeners[1], listeners[2], nil
}

// cause is the operating system's word on a failed call.
func cause(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}

const (
	simulatorFile = "digitalocean.json"
	keyFile       = "issuer.pem"
	auditKeyFile  = "audit.key"
	anchorFile    = "checkpoints"
	tellingFile   = "telling" // is there while the story is told
)

// forget removes what the demo keeps besides the database.
func forget(dir string) error {
	for _, name := range []string{simulatorFile, keyFile, auditKeyFile, anchorFile, tellingFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func configuration(o Options, databaseURL, post string) config.Config {
	return config.Config{
		Listen: o.Listen, BaseURL: "http://" + hostPort(o.Listen), DatabaseURL: config.Secret(databaseURL),
		OIDCIssuer: "http://" + hostPort(o.Issuer), OIDCClientID: clientID, OIDCClientSecret: clientSecret,
		OIDCGroupsClaim: "groups", OIDCScopes: []string{"openid", "profile", "email"},
		DOToken: Token, DOAPIURL: "http://" + hostPort(o.Simulator),
		AdminGroup: "portal-admins", ApproverGroup: "platform-approvers", AuditorGroup: "auditors",
		StepUpMaxAge: o.StepUpMaxAge,
		SMTPURL:      config.Secret("smtp://" + post), SMTPFrom: "DOKS Portal <portal@example.com>",
		WebhookHosts: []string{"localhost", "127.0.0.1"}, WebhookPrivate: true,
		AuditAnchors: []string{"file://" + filepath.Join(o.Data, anchorFile)},
		SyncEvery:    5 * time.Second, SettleEvery: time.Second,
		Notice: "Demo: simulated DigitalOcean", DropletLimit: 400, Demo: true,
	}
}

// auditKey is the key that checkpoints of the trail are signed with, made at the
// first start.
func auditKey(dir string) (config.Secret, error) {
	path := filepath.Join(dir, auditKeyFile)
	key, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return config.Secret(key), err
	}
	made, err := audit.NewKey("localhost/doks-portal-demo")
	if err != nil {
		return "", err
	}
	return config.Secret(made), replace(path, []byte(made))
}

// open opens the database for what happens before the portal is served, as the portal
// itself would.
func open(ctx context.Context, cfg config.Config, options ...func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	key, err := audit.ParseKey(cfg.AuditKey.Reveal())
	if err != nil {
		return nil, err
	}
	return db.Open(ctx, cfg.DatabaseURL.Reveal(), append(options, audit.Vouching(key))...)
}

// newTrail is the trail of what happens before the portal is served.
func (d *Demo) newTrail(pool *pgxpool.Pool) (*audit.Trail, error) {
	key, err := audit.ParseKey(d.Config.AuditKey.Reveal())
	if err != nil {
		return nil, err
	}
	return audit.New(audit.Config{Pool: pool, Signers: []audit.Signer{key}, Vouched: true, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
}

// hostPort is how a browser on this machine names a listening address.
func hostPort(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || (ip != nil && (ip.IsLoopback() || ip.IsUnspecified()))) {
		return "localhost:" + port
	}
	return listen
}

func (d *Demo) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	d.closers = append(d.closers, server)
	go func() { _ = server.Serve(l) }() // until Stop closes it
}

func (d *Demo) serveSimulator(l net.Listener, dir string) error {
	path := filepath.Join(dir, simulatorFile)
	_, err := os.Stat(path)
	empty := errors.Is(err, fs.ErrNotExist)
	sim, err := dosim.Open(dosim.Config{Token: Token, Speed: speed, Admin: true}, path, func(error) {}) // a later change is kept again
	if err != nil {
		return fmt.Errorf("%w: begin again with --fresh", err)
	}
	if empty {
		addClusters(sim)
	}
	d.serve(l, sim)
	return nil
}

func (d *Demo) serveIssuer(l net.Listener, o Options) error {
	path := filepath.Join(o.Data, keyFile)
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if key, err = devidp.NewKey(); err == nil {
			err = replace(path, key)
		}
	}
	if err != nil {
		return err
	}
	var more []devidp.Account
	if o.Story {
		more = story.People
	}
	issuer, err := devidp.New(devidp.Config{
		Issuer: d.Config.OIDCIssuer, ClientID: clientID, ClientSecret: clientSecret,
		RedirectURI: d.Config.BaseURL + "/auth/callback", Accounts: Accounts, More: more, Key: key,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+mailPath, &d.mailbox)
	mux.Handle("/", issuer)
	d.serve(l, mux)
	return nil
}

// MailURL is where the mails of the demo are shown.
func (d *Demo) MailURL() string { return d.Config.OIDCIssuer + mailPath }

// OwnerURL is the database for the role that owns the portal's tables and migrates
// them. The portal itself serves as another, see Config.
func (d *Demo) OwnerURL() string { return d.postgres.URL() }

// replace writes a file so that it is either the old one or the new one.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// Stop ends everything, within a few seconds.
func (d *Demo) Stop() error {
	var errs []error
	for _, server := range d.closers {
		errs = append(errs, server.Close())
	}
	if d.Listener != nil {
		_ = d.Listener.Close() // the portal has closed it, if it came to serve
	}
	for _, l := range d.listeners {
		_ = l.Close() // as has its server
	}
	if d.postgres != nil {
		errs = append(errs, d.postgres.Stop())
	}
	return errors.Join(errs...)
}

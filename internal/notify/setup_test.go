package notify_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/db/dbtest"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
	"doksportal/internal/request"
	"doksportal/internal/store"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// log is what the portal logs.
type log struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *log) Write(b []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(b) }
func (l *log) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// bundle is a portal that tells people, with a mail server and a receiver of
// webhooks on this machine.
type bundle struct {
	t       *testing.T
	pool    *pgxpool.Pool
	clock   *clock
	log     *log
	post    *postOffice
	hook    *receiver
	config  notify.Config
	service *notify.Service
	team    portal.Team
	member  portal.Actor // who asks
	admin   portal.Actor
}

// setup makes a bundle. Changes are made to its configuration first.
func setup(t *testing.T, changes ...func(*notify.Config)) *bundle {
	t.Helper()
	t.Parallel()
	return setupAlone(t, changes...)
}

// setupAlone is setup for a test that runs while no other does.
func setupAlone(t *testing.T, changes ...func(*notify.Config)) *bundle {
	t.Helper()
	b := &bundle{t: t, pool: dbtest.New(t), clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, log: &log{}}
	b.post, b.hook = newPostOffice(t, false), newReceiver(t)
	roots := x509.NewCertPool()
	roots.AddCert(b.hook.server.Certificate())
	b.config = notify.Config{
		Pool: b.pool, Now: b.clock.Now, Logger: slog.New(slog.NewTextHandler(b.log, nil)),
		BaseURL: &url.URL{Scheme: "https", Host: "portal.example"}, AdminGroup: "admins", ApproverGroup: "platform",
		Secret: "canary-client-secret", SMTPURL: "smtp://" + b.post.address, SMTPFrom: "DOKS Portal <portal@portal.example>",
		WebhookHosts: []string{"127.0.0.1", "localhost"}, WebhookPrivate: true, Roots: roots,
	}
	b.service = b.replica(changes...)
	b.team = portal.Team{ID: uuid.NewString(), Slug: "pay", Name: "Payments", MemberGroup: "pay", ApproverGroup: "pay-approvers"}
	b.tx(func(tx pgx.Tx) error { return store.InsertTeam(t.Context(), tx, b.team, b.clock.Now()) })
	b.member, b.admin = b.person("ann", "pay"), b.person("ada", "admins")
	b.admin.Roles = []portal.Role{portal.RoleAdmin}
	return b
}

// replica returns another service on the same database.
func (b *bundle) replica(changes ...func(*notify.Config)) *notify.Service {
	b.t.Helper()
	cfg := b.config
	for _, change := range changes {
		change(&cfg)
	}
	s, err := notify.New(cfg)
	b.must(err)
	return s
}

func (b *bundle) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) tx(fn func(pgx.Tx) error) {
	b.t.Helper()
	b.must(db.WithTx(context.Background(), b.pool, fn))
}

// person is somebody whom the portal knows.
func (b *bundle) person(name string, groups ...string) portal.Actor {
	b.t.Helper()
	if groups == nil {
		groups = []string{}
	}
	a := portal.Actor{Identity: portal.Identity{Issuer: "https://idp.example", Subject: name}, Name: name, Email: name + "@people.example", Groups: groups}
	_, err := b.pool.Exec(b.t.Context(), `INSERT INTO people VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (issuer, subject) DO UPDATE SET groups = $5`, a.Issuer, a.Subject, a.Name, a.Email, groups, b.clock.Now())
	b.must(err)
	return a
}

// ask makes a request of the member's that needs approvals, and tells of it.
func (b *bundle) ask(needs ...portal.ApprovalRule) portal.Request {
	b.t.Helper()
	r := portal.Request{
		ID: uuid.NewString(), SubmitKey: uuid.NewString(), Team: b.team, Operation: portal.CreateCluster, TargetName: "web",
		Params: portal.Params{}, Justification: "no longer needed", Digest: "d", State: portal.Pending,
		Requester: b.member.Person(), CreatedAt: b.clock.Now(), Revision: 1, PlannedAt: b.clock.Now(), DueAt: b.clock.Now().Add(time.Hour),
		Plan: portal.Plan{Verdict: portal.Verdict{Decision: portal.Approve, Approvals: needs}},
	}
	b.tx(func(tx pgx.Tx) (err error) {
		r.Number, err = store.InsertRequest(b.t.Context(), tx, r)
		return err
	})
	b.tell(r, portal.EventSubmitted, b.member)
	return r
}

// one is the need for an approval from somebody of the groups.
func one(groups ...string) portal.ApprovalRule {
	return portal.ApprovalRule{Count: 1, Groups: groups}
}

// tell records that somebody did something to a request.
func (b *bundle) tell(r portal.Request, kind portal.EventKind, a portal.Actor) {
	b.t.Helper()
	b.tx(func(tx pgx.Tx) error {
		return request.Record(b.t.Context(), tx, r, request.Step{At: b.clock.Now(), Kind: kind, Actor: a.Person(), Summary: a.Name + ": " + string(kind)})
	})
}

// approve records an approval, which decides the request unless more are outstanding.
func (b *bundle) approve(r portal.Request, a portal.Actor) {
	b.t.Helper()
	b.tx(func(tx pgx.Tx) error {
		v := portal.Review{Reviewer: a.Person(), Groups: r.ApproverGroups(a), Decision: portal.ReviewApprove, Revision: 1, Digest: r.Digest, CreatedAt: b.clock.Now()}
		step := request.Step{At: b.clock.Now(), Kind: portal.EventApprovedBy, Actor: a.Person(), Summary: a.Name + " approved", Next: portal.Approved}
		r.Reviews = append(r.Reviews, v)
		err := store.InsertReview(b.t.Context(), tx, r.ID, v)
		if len(r.Outstanding()) > 0 {
			return errors.Join(err, request.Record(b.t.Context(), tx, r, step))
		}
		return errors.Join(err, request.Move(b.t.Context(), tx, r, step))
	})
}

// round has the service tell what there is to tell.
func (b *bundle) round() { b.t.Helper(); b.must(b.service.Run(b.t.Context())) }

// add makes a channel for everything and returns its id and its secret.
func (b *bundle) add(a portal.Actor, o portal.Owner, kind portal.ChannelKind, target string, topics ...portal.Topic) (id, secret string) {
	b.t.Helper()
	in := notify.Input{Kind: string(kind), Target: target}
	if topics == nil {
		topics = portal.Topics
	}
	for _, o := range topics {
		in.Topics = append(in.Topics, string(o))
	}
	secret, err := b.service.Add(b.t.Context(), a, o, in)
	b.must(err)
	list, err := b.service.Channels(b.t.Context(), o)
	b.must(err)
	return list[len(list)-1].ID, secret
}

func (b *bundle) ofTeam() portal.Owner { return portal.Owner{TeamID: b.team.ID} }

// undelivered lists what has not arrived.
func (b *bundle) undelivered() []portal.Delivery {
	b.t.Helper()
	list, err := b.service.Undelivered(b.t.Context(), b.admin, "", 1000)
	b.must(err)
	return list
}

// queued counts all deliveries that were ever queued.
func (b *bundle) queued() (n int) {
	b.t.Helper()
	b.must(b.pool.QueryRow(b.t.Context(), `SELECT count(*) FROM deliveries`).Scan(&n))
	return n
}

// wantFault checks that one delivery has not arrived, and why.
func (b *bundle) wantFault(words string) portal.Delivery {
	b.t.Helper()
	list := b.undelivered()
	if len(list) != 1 || !strings.Contains(list[0].Fault, words) {
		b.t.Fatalf("undelivered: %+v, want one because of %q", list, words)
	}
	return list[0]
}

// letter is a mail that arrived.
type letter struct {
	from string
	to   []string
	text string
}

// postOffice is a mail server.
type postOffice struct {
	address string
	mu      sync.Mutex
	letters []letter
	refusal error  // of each mail, nil when they are taken
	user    string // who may send; empty: everybody
	rude    bool   // hang up once a mail is taken
}

// newPostOffice starts a mail server, which speaks TLS from the beginning, or
// not at all.
func newPostOffice(t *testing.T, withTLS bool) *postOffice {
	t.Helper()
	return startPostOffice(t, "127.0.0.1:0", withTLS)
}

func startPostOffice(t *testing.T, address string, withTLS bool) *postOffice {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p := &postOffice{address: listener.Addr().String()}
	server := smtp.NewServer(p)
	server.Domain, server.AllowInsecureAuth = "mail.example", false
	if withTLS {
		certificates := httptest.NewUnstartedServer(nil)
		certificates.StartTLS()
		server.TLSConfig = certificates.TLS.Clone()
		certificates.Close()
		listener = tls.NewListener(listener, server.TLSConfig)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return p
}

func (p *postOffice) NewSession(c *smtp.Conn) (smtp.Session, error) {
	return &session{p: p, conn: c}, nil
}

// refuse has the server refuse mails, or take them again.
func (p *postOffice) refuse(err error) { p.mu.Lock(); defer p.mu.Unlock(); p.refusal = err }

// take returns the mails that have arrived since it was last called.
func (p *postOffice) take() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	letters := p.letters
	p.letters = nil
	return letters
}

// to are the receivers of the mails that have arrived, in order.
func (p *postOffice) to() string {
	var names []string
	for _, l := range p.take() {
		for _, to := range l.to {
			names = append(names, strings.TrimSuffix(to, "@people.example"))
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

type session struct {
	p    *postOffice
	conn *smtp.Conn
	l    letter
	ok   bool // signed in
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.p.user || password != "canary-password" {
			return smtp.ErrAuthFailed
		}
		s.ok = true
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.l.from = from
	if s.p.user != "" && !s.ok {
		return smtp.ErrAuthRequired
	}
	return s.p.refusal
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error { s.l.to = append(s.l.to, to); return nil }

func (s *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	s.l.text = string(content)
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.letters = append(s.p.letters, s.l)
	return err
}

func (s *session) Reset() {
	if s.p.rude && s.l.text != "" {
		_ = s.conn.Conn().Close()
	}
	s.l = letter{}
}

func (s *session) Logout() error { return nil }

// delivered is a webhook that arrived.
type delivered struct {
	header http.Header
	body   []byte
}

// receiver is an https server that takes webhooks.
type receiver struct {
	server *httptest.Server
	url    string
	mu     sync.Mutex
	got    []delivered
	answer http.HandlerFunc // nil: 200
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.server = httptest.NewUnstartedServer(r)
	r.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.server.StartTLS()
	r.url = r.server.URL + "/services/T000/canary-of-the-url"
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.got = append(r.got, delivered{req.Header, body})
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(w, req)
	}
}

// answers has the server answer with a status.
func (r *receiver) answers(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
}

// take returns what has arrived since it was last called.
func (r *receiver) take() []delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// Package notify tells people and teams what becomes of requests. What
// happened is written down in the transaction of what it tells, so nothing is
// told that did not happen and nothing that did is lost. From there it is
// turned into deliveries to those whom it concerns, which are sent again until
// they arrive or a day has passed. A delivery may arrive twice.
//
// request and teams write the news, periodic tasks of the job queue send it, and
// web shows the channels and what did not arrive.
package notify

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/seal"
)

// Notification is something that happened to a request or, without one, to a team, a
// cluster or a delegation.
type Notification struct {
	Kind         portal.EventKind
	RequestID    string
	TeamID       string // without a request: whose groups are told besides the admins; empty: nobody's
	ClusterID    string // without a request: the cluster that it is about, if any
	DelegationID string // without a request: the delegation whose two people are told besides the admins, if any
	Actor        portal.Person
	Summary      string // one sentence for people
	At           time.Time
}

// Queue writes a notification down in the transaction of what it tells. Kinds that
// nobody is told of leave nothing.
func Queue(ctx context.Context, tx pgx.Tx, n Notification) error {
	if portal.TopicOf(n.Kind) == "" {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO notifications (id, kind, request_id, team_id, cluster_id, delegation_id, issuer, subject, actor_name, summary, at)
		VALUES (@id, @kind, nullif(@request, '')::uuid, nullif(@team, '')::uuid, @cluster, nullif(@delegation, '')::uuid, @issuer, @subject, @name, @summary, @at)`,
		pgx.StrictNamedArgs{"id": id, "kind": n.Kind, "request": n.RequestID, "team": n.TeamID, "cluster": n.ClusterID, "delegation": n.DelegationID,
			"issuer": n.Actor.Issuer, "subject": n.Actor.Subject, "name": n.Actor.Name, "summary": n.Summary, "at": n.At})
	return db.Wrap(err)
}

// Config says whom to tell, and how. Without an SMTP server no mail is queued,
// and without hosts no webhook.
type Config struct {
	Pool    *pgxpool.Pool
	Now     func() time.Time
	Logger  *slog.Logger
	BaseURL *url.URL // of the portal, for links

	AdminGroup    string
	ApproverGroup string // of the platform approvers
	AuditorGroup  string

	Secret         string         // of the configuration, from which the key of sealed targets is derived
	SMTPURL        string         // smtps://user:password@host:port, or smtp:// with STARTTLS
	SMTPFrom       string         // address that mails come from
	WebhookHosts   []string       // names, or *.name for all below it
	WebhookPrivate bool           // allow private addresses
	Roots          *x509.CertPool // whom to trust; nil: the system's
}

// Service tells people. It is safe for concurrent use.
type Service struct {
	Config
	seal seal.Seal
	mail *mailer // nil without an SMTP server
	http *http.Client
}

// New returns a Service. It connects to nothing yet.
func New(cfg Config) (*Service, error) {
	seal, err := seal.New(cfg.Secret, "notification targets")
	if err != nil {
		return nil, err
	}
	s := &Service{Config: cfg, seal: seal, http: newClient(cfg.WebhookPrivate, cfg.Roots)}
	if cfg.SMTPURL != "" {
		if s.mail, err = newMailer(cfg); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// CanMail reports whether there is a server for mail.
func (s *Service) CanMail() bool { return s.mail != nil }

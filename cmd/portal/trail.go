package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/anchor"
	"doksportal/internal/audit/stream"
	"doksportal/internal/config"
	"doksportal/internal/db"
	"doksportal/internal/notify"
	"doksportal/internal/portal"
)

// tell queues that admins and auditors are told of an event of the trail.
func tell(ctx context.Context, tx pgx.Tx, e portal.Event) error {
	return notify.Queue(ctx, tx, notify.Notification{Kind: e.Kind, Actor: e.Actor, Summary: e.Summary, At: e.At})
}

// newTrail makes the trail, with its keys and the anchors of its checkpoints. Of what
// becomes of it admins and auditors are told.
func newTrail(cfg config.Config, pool *pgxpool.Pool, now func() time.Time, notifier *notify.Service, logger *slog.Logger) (*audit.Trail, error) {
	signers, err := signers(cfg)
	if err != nil {
		return nil, err
	}
	c := audit.Config{Pool: pool, Signers: signers, Vouched: true, Logger: logger, Now: now, Tell: tell}
	o := anchorOptions(cfg.AuditS3Key, cfg.AuditS3Secret, cfg.AuditWebhookSecret)
	o.Now, o.Log = now, logger
	if cfg.SMTPURL != "" {
		o.Mail = notifier.SendText
	}
	if c.Anchors, err = anchor.Open(cfg.AuditAnchors, o); err != nil {
		return nil, fmt.Errorf("PORTAL_AUDIT_ANCHORS: %w", err)
	}
	for _, address := range cfg.AuditAnchors {
		reader, err := anchor.OpenReader(address, o)
		if err != nil {
			continue // it cannot be read back
		}
		c.Asked = append(c.Asked, reader)
		if strings.HasPrefix(address, "file:") { // a bucket takes long to read
			c.Readers = append(c.Readers, reader)
		}
	}
	return audit.New(c)
}

// newStream makes the stream of the trail to a SIEM, nil where none is configured.
func newStream(cfg config.Config, trail *audit.Trail) (*stream.Stream, error) {
	if cfg.AuditStream == "" {
		return nil, nil
	}
	target, err := stream.Open(cfg.AuditStream.Reveal(), stream.Options{Now: trail.Now, Secret: cfg.AuditStreamSecret.Reveal(), Authorization: cfg.AuditStreamAuthorization.Reveal()})
	if err != nil {
		return nil, fmt.Errorf("PORTAL_AUDIT_STREAM: %w", err)
	}
	return &stream.Stream{Pool: trail.Pool, Trail: trail, Target: target, Logger: trail.Logger, Now: trail.Now, Began: trail.Now(), Tell: trail.Tell}, nil
}

// signers are the keys of the trail, that of now first.
func signers(cfg config.Config) ([]audit.Signer, error) {
	var list []audit.Signer
	for _, key := range []struct{ variable, private string }{{"PORTAL_AUDIT_KEY", cfg.AuditKey.Reveal()}, {"PORTAL_AUDIT_KEY_OLD", cfg.AuditKeyOld.Reveal()}} {
		if key.private == "" {
			continue
		}
		signer, err := audit.ParseKey(key.private)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key.variable, err)
		}
		list = append(list, signer)
	}
	return list, nil
}

func anchorOptions(s3Key string, s3Secret, webhookSecret config.Secret) anchor.Options {
	return anchor.Options{Now: time.Now, S3Key: s3Key, S3Secret: s3Secret.Reveal(), WebhookSecret: webhookSecret.Reveal()}
}

// lastSealFor is how long putting the last events under a checkpoint may take. Nobody
// waits for that but who stops the program.
const lastSealFor = 10 * time.Second

// runTrail has the audit trail put under checkpoints, and records that this replica
// is there. What it returns records that it is not any more, and stops the rest.
func (p *parts) runTrail(ctx context.Context) (stop func() error, err error) {
	if err := p.trail.Begin(ctx); err != nil {
		return nil, err
	}
	if err := recordReplica(ctx, p.trail, portal.EventReplicaStarted, "started"); err != nil {
		return nil, err
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var working sync.WaitGroup
	working.Go(func() { p.trail.Run(work) })
	if p.stream != nil {
		working.Go(func() { p.stream.Run(work) })
	}
	return func() error {
		ctx, cancelWrite := context.WithTimeout(context.WithoutCancel(ctx), lastSealFor)
		defer cancelWrite()
		err := recordReplica(ctx, p.trail, portal.EventReplicaStopped, "stopped")
		cancel()
		working.Wait()
		if sealed := p.trail.Seal(ctx); sealed != nil { // nobody else may be left to do so
			p.trail.Logger.Error("the last events are under no checkpoint, or that is not anchored", "error", sealed)
		}
		return err
	}, nil
}

// recordReplica puts on the trail what became of this process.
func recordReplica(ctx context.Context, trail *audit.Trail, kind portal.EventKind, became string) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	build := version()
	return db.WithTx(ctx, trail.Pool, func(tx pgx.Tx) error {
		return audit.Append(ctx, tx, portal.Event{
			At: trail.Now(), Kind: kind, Actor: portal.System("server").Person(), Target: portal.EventTarget{Kind: portal.TargetReplica, ID: host},
			Summary: fmt.Sprintf("The portal %s on %s, version %s", became, host, build),
			Data:    map[string]any{"version": build, "process": os.Getpid()},
		})
	})
}

// version is that of the program: its tag, or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (info.Main.Version == "" || info.Main.Version == "(devel)") {
			return s.Value
		}
	}
	return info.Main.Version
}

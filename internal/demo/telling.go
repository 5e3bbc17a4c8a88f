package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/auth"
	"doksportal/internal/demo/story"
	"doksportal/internal/doapi"
	"doksportal/internal/doapi/dosim"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// cutOff reports whether an earlier start was ended in the middle of the story:
// its data are good for nothing.
func cutOff(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, tellingFile))
	return err == nil
}

// tellStory fills an empty portal, and an empty DigitalOcean, with the story.
func (d *Demo) tellStory(ctx context.Context, dir string) error {
	pool, err := open(ctx, d.Config, inBatches)
	if err != nil {
		return err
	}
	defer pool.Close()
	existing, err := store.Teams(ctx, pool)
	if err != nil || len(existing) > 0 {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, simulatorFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := replace(filepath.Join(dir, tellingFile), nil); err != nil {
		return err
	}
	trail, err := d.newTrail(pool)
	if err != nil {
		return err
	}
	signIn, err := d.signIn(pool)
	if err != nil {
		return err
	}
	simulator, err := story.Tell(ctx, story.Config{
		Describe: signIn.Describe,
		Pool:     pool, Trail: &later{trail: trail}, Issuer: d.Config.OIDCIssuer, Accounts: Accounts, Until: time.Now(),
		Roles: portal.RoleGroups{portal.RoleAdmin: d.Config.AdminGroup, portal.RolePlatformApprover: d.Config.ApproverGroup, portal.RoleAuditor: d.Config.AuditorGroup},
		Begin: func(ctx context.Context, sim *dosim.Sim, do *doapi.Client, now func() time.Time) error {
			return Begin(ctx, pool, sim, do, now)
		},
	})
	if err != nil {
		return fmt.Errorf("%w: begin without the story with --story=false", err)
	}
	if err := trail.RecordTold(ctx); err != nil {
		return err
	}
	if err := trail.Seal(ctx); err != nil {
		return err
	}
	if err := replace(filepath.Join(dir, simulatorFile), simulator); err != nil {
		return err
	}
	return os.Remove(filepath.Join(dir, tellingFile))
}

// signIn is the portal's, by which what the identity provider says of people is sealed.
func (d *Demo) signIn(pool *pgxpool.Pool) (*auth.Auth, error) {
	base, err := url.Parse(d.Config.BaseURL)
	if err != nil {
		return nil, err
	}
	return auth.New(auth.Config{BaseURL: base, Issuer: d.Config.OIDCIssuer, ClientID: d.Config.OIDCClientID, ClientSecret: d.Config.OIDCClientSecret.Reveal(), Pool: pool, Now: time.Now})
}

// later puts nothing under a checkpoint while the story is told, whose calls go to
// nobody; all of it is put under one at its end. It only has events numbered, so that
// the trail is not taken to be behind where telling takes long.
type later struct {
	trail    *audit.Trail
	numbered time.Time
}

// SealIntent numbers events every few seconds.
func (l *later) SealIntent(ctx context.Context, _ *audit.Intent, _ func(audit.History) error) error {
	if time.Since(l.numbered) < 10*time.Second {
		return nil
	}
	_, err := l.trail.Sequence(ctx)
	l.numbered = time.Now()
	return err
}

// inBatches has Postgres write what is committed a moment later: what gets lost
// with the machine is told again from the beginning.
func inBatches(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "off" }

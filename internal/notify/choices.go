package notify

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Choice returns what a wants to be told by e-mail: of everything, unless they
// said otherwise.
func (s *Service) Choice(ctx context.Context, a portal.Actor) (portal.MailChoice, error) {
	p, err := s.reader(ctx, s.Pool, a.Identity)
	c := portal.MailChoice{On: !p.off}
	for _, o := range portal.Topics {
		if !slices.Contains(p.muted, o) {
			c.Topics = append(c.Topics, o)
		}
	}
	return c, err
}

// Choose keeps what a wants to be told by e-mail. What is not wanted is kept,
// so that topics that come later are told.
func (s *Service) Choose(ctx context.Context, a portal.Actor, on bool, wanted []string) error {
	if a.IsZero() {
		return portal.E(portal.KindUnauthorized, "sign in first")
	}
	muted := slices.DeleteFunc(slices.Clone(portal.Topics), func(o portal.Topic) bool { return slices.Contains(wanted, string(o)) })
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO mail_choices (issuer, subject, off, muted) VALUES (@issuer, @subject, @off, @muted)
			ON CONFLICT (issuer, subject) DO UPDATE SET off = @off, muted = @muted`,
			pgx.StrictNamedArgs{"issuer": a.Issuer, "subject": a.Subject, "off": !on, "muted": muted}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventPreference, Actor: a.Person(), Summary: a.Name + " chose what to be told of by e-mail",
			Data: map[string]any{"off": !on, "muted": muted},
		})
	})
}

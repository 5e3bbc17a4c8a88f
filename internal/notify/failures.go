package notify

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// deliveryQuery reads deliveries with what people need to know of them.
const deliveryQuery = `SELECT d.id, d.topic, coalesce(r.number, 0) AS request_number, coalesce(c.kind, @mail) AS kind,
		coalesce(t.name || ': ' || c.label, p.name || ': ' || c.label, p.name, d.subject) AS target,
		d.state, d.attempts, d.next_at, d.fault, d.created_at, coalesce(d.ended_at, 'epoch') AS ended_at
	FROM deliveries d LEFT JOIN channels c ON c.id = d.channel_id LEFT JOIN teams t ON t.id = c.team_id
		LEFT JOIN people p ON p.issuer = d.issuer AND p.subject = d.subject
		LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN requests r ON r.id = n.request_id `

// Undelivered lists what waits to be sent and what was given up, newest first,
// below the id before. Only admins may see it.
func (s *Service) Undelivered(ctx context.Context, a portal.Actor, before string, limit int) ([]portal.Delivery, error) {
	if err := a.RequireAdmin(); err != nil {
		return nil, err
	}
	return db.All(ctx, s.Pool, pgx.RowToStructByName[portal.Delivery], deliveryQuery+`WHERE d.state IN `+toLook+`
		AND (@before = '' OR d.id < nullif(@before, '')::uuid) ORDER BY d.id DESC LIMIT @limit`,
		pgx.StrictNamedArgs{"mail": portal.ChannelMail, "before": before, "limit": limit})
}

// Failed counts the deliveries that did not arrive, up to most. Only admins may
// see it.
func (s *Service) Failed(ctx context.Context, a portal.Actor, most int) (int, error) {
	if err := a.RequireAdmin(); err != nil {
		return 0, err
	}
	return db.One(ctx, s.Pool, pgx.RowTo[int], `SELECT count(*) FROM (
			SELECT FROM deliveries WHERE state IN `+toLook+` AND fault <> '' LIMIT @most) failed`, pgx.StrictNamedArgs{"most": most})
}

// TryAgain sends a delivery again, with as many attempts as a new one has. It
// returns KindNotFound when it neither waits nor was given up.
func (s *Service) TryAgain(ctx context.Context, a portal.Actor, id string) error {
	return s.decide(ctx, a, id, "retried", portal.DeliveryWaiting, `attempts = 0, next_at = @now, ended_at = NULL`)
}

// GiveUp ends a delivery that did not arrive. Its errors are those of TryAgain.
func (s *Service) GiveUp(ctx context.Context, a portal.Actor, id string) error {
	return s.decide(ctx, a, id, "gave up on", portal.DeliveryGivenUp, `ended_at = @now`)
}

// decide changes a delivery by an admin's word, which is put on the trail.
func (s *Service) decide(ctx context.Context, a portal.Actor, id, verb string, next portal.DeliveryState, change string) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		d, err := db.One(ctx, tx, pgx.RowToStructByName[portal.Delivery], deliveryQuery+`WHERE d.id = @id AND d.state IN `+toLook+` FOR UPDATE OF d`,
			pgx.StrictNamedArgs{"mail": portal.ChannelMail, "id": id})
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE deliveries SET state = @next, `+change+` WHERE id = @id`,
			pgx.StrictNamedArgs{"id": id, "next": next, "now": s.Now()}); err != nil {
			return err
		}
		return audit.Append(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventChannelChanged, Actor: a.Person(),
			Summary: fmt.Sprintf("%s %s a notification: %s, request #%d, %s to %s", a.Name, verb, d.Topic.Title(), d.RequestNumber, d.Kind.Title(), d.Target),
			Data:    map[string]any{"delivery": d.ID, "fault": d.Fault},
		})
	})
}

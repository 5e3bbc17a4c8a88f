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
const deliveryQuery = `SELECT d.id, d.topic, coalesce(r.number, 0), coalesce(c.kind, 'mail'),
		coalesce(t.name || ': ' || c.label, p.name || ': ' || c.label, p.name, d.subject),
		d.state, d.attempts, d.next_at, d.fault, d.created_at, coalesce(d.ended_at, 'epoch')
	FROM deliveries d LEFT JOIN channels c ON c.id = d.channel_id LEFT JOIN teams t ON t.id = c.team_id
		LEFT JOIN people p ON p.issuer = d.issuer AND p.subject = d.subject
		LEFT JOIN notifications n ON n.id = d.notification_id LEFT JOIN requests r ON r.id = n.request_id `

func scanDelivery(row pgx.CollectableRow) (portal.Delivery, error) {
	var d portal.Delivery
	return d, row.Scan(&d.ID, &d.Topic, &d.RequestNumber, &d.Kind, &d.Target, &d.State, &d.Attempts, &d.NextAt,
		&d.Fault, &d.CreatedAt, &d.EndedAt)
}

// Undelivered lists what waits to be sent and what was given up, newest first,
// below the id before. Only admins may see it.
func (s *Service) Undelivered(ctx context.Context, a portal.Actor, before string, limit int) ([]portal.Delivery, error) {
	if err := a.RequireAdmin(); err != nil {
		return nil, err
	}
	rows, err := s.Pool.Query(ctx, deliveryQuery+`WHERE d.state IN ('waiting', 'given up')
		AND ($1 = '' OR d.id < nullif($1, '')::uuid) ORDER BY d.id DESC LIMIT $2`, before, limit)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, scanDelivery)
	return list, db.Wrap(err)
}

// TryAgain sends a delivery again, with as many attempts as a new one has. It
// returns KindNotFound when it neither waits nor was given up.
func (s *Service) TryAgain(ctx context.Context, a portal.Actor, id string) error {
	return s.decide(ctx, a, id, "had the portal try again", `state = 'waiting', attempts = 0, next_at = $2, ended_at = NULL`)
}

// GiveUp ends a delivery that did not arrive. Its errors are those of TryAgain.
func (s *Service) GiveUp(ctx context.Context, a portal.Actor, id string) error {
	return s.decide(ctx, a, id, "gave up", `state = 'given up', ended_at = $2`)
}

// decide changes a delivery by an admin's word, which is put on the trail.
func (s *Service) decide(ctx context.Context, a portal.Actor, id, verb, change string) error {
	if err := a.RequireAdmin(); err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, deliveryQuery+`WHERE d.id = $1 AND d.state IN ('waiting', 'given up') FOR UPDATE OF d`, id)
		if err != nil {
			return err
		}
		d, err := pgx.CollectExactlyOneRow(rows, scanDelivery)
		if err != nil {
			return db.Wrap(err)
		}
		if _, err := tx.Exec(ctx, `UPDATE deliveries SET `+change+` WHERE id = $1`, id, s.Now()); err != nil {
			return err
		}
		return audit.Append(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventChannelChanged, Actor: a.Person(),
			Summary: fmt.Sprintf("%s %s a notification: %s, request #%d, %s to %s", a.Name, verb, d.Topic.Title(), d.RequestNumber, d.Kind.Title(), d.Target),
			Data:    map[string]any{"delivery": d.ID, "fault": d.Fault},
		})
	})
}

package notify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// Times of the outbox.
const (
	lease     = 2 * time.Minute     // that a delivery is its sender's alone; longer than sending may take
	sendFor   = 10 * time.Second    // for one attempt
	drainFor  = 5 * time.Second     // in which a round begins attempts to the same target
	writeFor  = 5 * time.Second     // to note what came of an attempt
	mostTries = 12                  // before a delivery is given up, after about a day
	firstWait = 40 * time.Second    // before the second attempt; it doubles with each
	KeepFor   = 30 * 24 * time.Hour // that notifications and what became of them can be looked at
)

// claimed is a delivery that is being sent, with all that is needed for it.
type claimed struct {
	id             string
	notificationID string // empty for a test
	topic          portal.Topic
	channelID      string
	person         portal.Identity
	attempts       int // with the one under way
	kind           portal.ChannelKind
	target         []byte // sealed
	createdAt      time.Time
}

// claim takes the next delivery of a lane for a while, in which nobody else
// sends it. The attempt counts from here, so that one that ends the sender is
// not made for ever. It reports false when there is nothing to send.
func (s *Service) claim(ctx context.Context, lane string) (claimed, bool, error) {
	type row struct {
		ID, NotificationID string
		Topic              portal.Topic
		ChannelID          string
		portal.Identity
		Attempts  int
		Kind      portal.ChannelKind
		Target    []byte
		CreatedAt time.Time
	}
	now := s.Now()
	r, err := db.One(ctx, s.Pool, pgx.RowToStructByName[row], `
		WITH next AS (
			SELECT id FROM deliveries WHERE state IN `+waiting+` AND lane = @lane AND next_at <= @now
			ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
		), taken AS (
			UPDATE deliveries d SET attempts = attempts + 1, next_at = @lease_ends FROM next WHERE d.id = next.id RETURNING d.*
		)
		SELECT t.id, coalesce(t.notification_id::text, '') AS notification_id, t.topic, coalesce(t.channel_id::text, '') AS channel_id,
			t.issuer, t.subject, t.attempts, coalesce(c.kind, @mail) AS kind, c.target, t.created_at
		FROM taken t LEFT JOIN channels c ON c.id = t.channel_id`,
		pgx.StrictNamedArgs{"lane": lane, "now": now, "lease_ends": now.Add(lease), "mail": portal.ChannelMail})
	if errors.Is(err, pgx.ErrNoRows) {
		return claimed{}, false, nil
	}
	return claimed{id: r.ID, notificationID: r.NotificationID, topic: r.Topic, channelID: r.ChannelID, person: r.Identity,
		attempts: r.Attempts, kind: r.Kind, target: r.Target, createdAt: r.CreatedAt}, err == nil, err
}

// Deliveries in these states are found by partial indexes, which the planner
// uses only where it sees the states, whatever the arguments.
const (
	waiting = `('` + string(portal.DeliveryWaiting) + `')`
	toLook  = `('` + string(portal.DeliveryWaiting) + `', '` + string(portal.DeliveryGivenUp) + `')`
)

// end notes that nothing more is to be sent.
func (s *Service) end(ctx context.Context, q db.Querier, d claimed, state portal.DeliveryState, fault string) error {
	_, err := q.Exec(ctx, `UPDATE deliveries SET state = @state, fault = @fault, ended_at = @now WHERE id = @id AND state IN `+waiting,
		pgx.StrictNamedArgs{"id": d.id, "state": state, "fault": fault, "now": s.Now()})
	return db.Wrap(err)
}

// giveUp ends a delivery that keeps failing, which the trail has; a test that fails
// is told where it was asked for.
func (s *Service) giveUp(ctx context.Context, d claimed, fault string) error {
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.end(ctx, tx, d, portal.DeliveryGivenUp, fault); err != nil || d.notificationID == "" {
			return err
		}
		return audit.Append(ctx, tx, portal.Event{
			At: s.Now(), Kind: portal.EventNotificationFailed, Actor: portal.System("notifications").Person(),
			Target:  portal.EventTarget{Kind: portal.TargetChannel, ID: d.channelID},
			Summary: fmt.Sprintf("A notification was given up after %d attempts", d.attempts), Reason: fault,
			Data: map[string]any{"delivery": d.id, "notification": d.notificationID, "channel": d.kind},
		})
	})
}

// postpone notes that an attempt failed and when the next is due, unless
// somebody has taken the delivery on meanwhile.
func (s *Service) postpone(ctx context.Context, d claimed, fault string) error {
	_, err := s.Pool.Exec(ctx, `
		UPDATE deliveries SET fault = @fault, next_at = @next WHERE id = @id AND attempts = @attempts AND state IN `+waiting,
		pgx.StrictNamedArgs{"id": d.id, "attempts": d.attempts, "fault": fault, "next": s.Now().Add(wait(d.attempts))})
	return db.Wrap(err)
}

// wait is how long to wait after a number of attempts: twice as long each
// time, and never quite the same, so that not all come back at once.
func wait(attempts int) time.Duration {
	base := firstWait << (attempts - 1)
	return base*4/5 + rand.N(base*2/5)
}

// situation is what a delivery has to tell, as it is now.
func (s *Service) situation(ctx context.Context, d claimed) (Notification, portal.Request, error) {
	n, err := db.One(ctx, s.Pool, readNotification, `SELECT `+notificationColumns+` FROM notifications WHERE id = @id`,
		pgx.StrictNamedArgs{"id": d.notificationID})
	if err != nil || n.RequestID == "" {
		return n.Notification, portal.Request{}, err
	}
	r, err := store.RequestByID(ctx, s.Pool, n.RequestID)
	return n.Notification, r, err
}

// reader returns a person as they are known now.
func (s *Service) reader(ctx context.Context, q store.Querier, id portal.Identity) (reader, error) {
	p, err := store.RecipientByIdentity(ctx, q, id)
	return s.known(p), err
}

// Sweep removes notifications that nobody looks at any more. A task calls it.
func (s *Service) Sweep(ctx context.Context) error {
	old := pgx.StrictNamedArgs{"old": s.Now().Add(-KeepFor)}
	if _, err := s.Pool.Exec(ctx, `DELETE FROM notifications WHERE at < @old AND expanded_at IS NOT NULL`, old); err != nil {
		return db.Wrap(err)
	}
	_, err := s.Pool.Exec(ctx, `DELETE FROM deliveries WHERE notification_id IS NULL AND created_at < @old`, old)
	return db.Wrap(err)
}

// SkipBefore has nobody told of what happened before a time and has not been
// told yet: a portal whose past was made up begins with nothing to tell.
func SkipBefore(ctx context.Context, pool *pgxpool.Pool, before time.Time) error {
	_, err := pool.Exec(ctx, `UPDATE notifications SET expanded_at = @before WHERE at <= @before AND expanded_at IS NULL`,
		pgx.StrictNamedArgs{"before": before})
	return db.Wrap(err)
}

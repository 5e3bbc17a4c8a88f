package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

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
	keepFor   = 30 * 24 * time.Hour // that notifications and what became of them can be looked at
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
	var d claimed
	now := s.Now()
	err := s.Pool.QueryRow(ctx, `
		WITH next AS (
			SELECT id FROM deliveries WHERE state = 'waiting' AND lane = $1 AND next_at <= $2
			ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
		), taken AS (
			UPDATE deliveries d SET attempts = attempts + 1, next_at = $3 FROM next WHERE d.id = next.id RETURNING d.*
		)
		SELECT t.id, coalesce(t.notification_id::text, ''), t.topic, coalesce(t.channel_id::text, ''), t.issuer, t.subject,
			t.attempts, coalesce(c.kind, 'mail'), c.target, t.created_at
		FROM taken t LEFT JOIN channels c ON c.id = t.channel_id`, lane, now, now.Add(lease)).
		Scan(&d.id, &d.notificationID, &d.topic, &d.channelID, &d.person.Issuer, &d.person.Subject,
			&d.attempts, &d.kind, &d.target, &d.createdAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return d, false, nil
	}
	return d, err == nil, db.Wrap(err)
}

// end notes that nothing more is to be sent.
func (s *Service) end(ctx context.Context, d claimed, state portal.DeliveryState, fault string) error {
	_, err := s.Pool.Exec(ctx, `UPDATE deliveries SET state = $2, fault = $3, ended_at = $4 WHERE id = $1 AND state = 'waiting'`,
		d.id, state, fault, s.Now())
	return db.Wrap(err)
}

// postpone notes that an attempt failed and when the next is due, unless
// somebody has taken the delivery on meanwhile.
func (s *Service) postpone(ctx context.Context, d claimed, fault string) error {
	_, err := s.Pool.Exec(ctx, `UPDATE deliveries SET fault = $3, next_at = $4 WHERE id = $1 AND state = 'waiting' AND attempts = $2`,
		d.id, d.attempts, fault, s.Now().Add(wait(d.attempts)))
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
	var n Notification
	err := s.Pool.QueryRow(ctx, `SELECT `+notificationColumns+` FROM notifications WHERE id = $1`, d.notificationID).Scan(n.fields()...)
	if err != nil || n.RequestID == "" {
		return n, portal.Request{}, db.Wrap(err)
	}
	r, err := store.RequestByID(ctx, s.Pool, n.RequestID)
	return n, r, err
}

// reader returns a person as they are known now.
func (s *Service) reader(ctx context.Context, q store.Querier, id portal.Identity) (reader, error) {
	p, err := store.RecipientByIdentity(ctx, q, id)
	return s.known(p), err
}

// Sweep removes notifications that nobody looks at any more. A task calls it.
func (s *Service) Sweep(ctx context.Context) error {
	old := s.Now().Add(-keepFor)
	if _, err := s.Pool.Exec(ctx, `DELETE FROM notifications WHERE at < $1 AND expanded_at IS NOT NULL`, old); err != nil {
		return db.Wrap(err)
	}
	_, err := s.Pool.Exec(ctx, `DELETE FROM deliveries WHERE notification_id IS NULL AND created_at < $1`, old)
	return db.Wrap(err)
}

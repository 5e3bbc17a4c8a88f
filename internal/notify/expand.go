package notify

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// mailLane is the lane of mail to people: one mail after another.
const mailLane = "mail"

// expandAll turns all notifications into deliveries. Those that cannot be, because of a
// fault of the portal's own, keep no others waiting.
func (s *Service) expandAll(ctx context.Context) error {
	var errs []error
	for after := uuid.Nil.String(); ctx.Err() == nil; {
		id, err := s.expandNext(ctx, after)
		if id == "" {
			return errors.Join(append(errs, err)...)
		}
		if err != nil {
			errs = append(errs, err)
		}
		after = id
	}
	return errors.Join(errs...)
}

// expandNext turns the next notification into deliveries and returns its id, which
// is empty when there are none.
func (s *Service) expandNext(ctx context.Context, after string) (string, error) {
	id := ""
	err := db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		n, err := db.One(ctx, tx, readNotification, `SELECT `+notificationColumns+`
			FROM notifications WHERE expanded_at IS NULL AND id > @after ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`,
			pgx.StrictNamedArgs{"after": after})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		id = n.id
		if err := s.expand(ctx, tx, n.id, n.Notification); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE notifications SET expanded_at = @now WHERE id = @id`, pgx.StrictNamedArgs{"id": n.id, "now": s.Now()})
		return err
	})
	return id, err
}

// expand queues a delivery to each target of those whom the notification concerns.
func (s *Service) expand(ctx context.Context, tx pgx.Tx, id string, n Notification) error {
	topic := portal.TopicOf(n.Kind)
	if n.RequestID == "" {
		readers, err := s.concernedByChange(ctx, tx, n)
		if err != nil {
			return err
		}
		return s.queueAll(ctx, tx, id, topic, n.TeamID, readers)
	}
	r, err := store.RequestByID(ctx, tx, n.RequestID)
	if err != nil {
		return err
	}
	if topic.Waits() && r.State != portal.Pending {
		return nil
	}
	readers, err := s.concerned(ctx, tx, topic, n, r)
	if err != nil {
		return err
	}
	return s.queueAll(ctx, tx, id, topic, r.Team.ID, readers)
}

// queueAll queues a delivery to each target of the readers and of the team.
func (s *Service) queueAll(ctx context.Context, tx pgx.Tx, id string, topic portal.Topic, teamID string, readers []reader) error {
	list, err := s.channelsFor(ctx, tx, topic, teamID, readers)
	if err != nil {
		return err
	}
	for _, p := range readers {
		if s.CanMail() && p.wants(topic) && checkAddress(p.Email) == "" {
			list = append(list, newDelivery{person: p.Identity, lane: mailLane})
		}
	}
	for _, d := range list {
		d.notificationID, d.topic = id, topic
		if err := queueDelivery(ctx, tx, d, s.Now()); err != nil {
			return err
		}
	}
	return nil
}

// newDelivery is a delivery before it is queued.
type newDelivery struct {
	notificationID string // empty for a test
	topic          portal.Topic
	channelID      string // empty: mail to the person
	person         portal.Identity
	lane           string
}

func queueDelivery(ctx context.Context, tx pgx.Tx, d newDelivery, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO deliveries (id, notification_id, topic, channel_id, issuer, subject, lane, next_at, created_at)
		VALUES (@id, nullif(@notification, '')::uuid, @topic, nullif(@channel, '')::uuid, @issuer, @subject, @lane, @now, @now)`,
		pgx.StrictNamedArgs{"id": id, "notification": d.notificationID, "topic": d.topic, "channel": d.channelID,
			"issuer": d.person.Issuer, "subject": d.person.Subject, "lane": d.lane, "now": now})
	return db.Wrap(err)
}

// channelsFor are deliveries to the channels of the team and of the readers
// that are for the topic.
func (s *Service) channelsFor(ctx context.Context, tx pgx.Tx, o portal.Topic, teamID string, readers []reader) ([]newDelivery, error) {
	issuers, subjects := make([]string, len(readers)), make([]string, len(readers))
	for i, p := range readers {
		issuers[i], subjects[i] = p.Issuer, p.Subject
	}
	type row struct {
		ID string
		portal.Identity
	}
	channels, err := db.All(ctx, tx, pgx.RowToStructByName[row], `
		SELECT id, issuer, subject FROM channels
		WHERE @topic = ANY(topics) AND (kind <> @mail OR @can_mail)
			AND (team_id = nullif(@team, '')::uuid OR (issuer, subject) IN (SELECT * FROM unnest(@issuers::text[], @subjects::text[])))`,
		pgx.StrictNamedArgs{"topic": o, "mail": portal.ChannelMail, "can_mail": s.CanMail(), "team": teamID, "issuers": issuers, "subjects": subjects})
	list := make([]newDelivery, len(channels))
	for i, c := range channels {
		list[i] = newDelivery{channelID: c.ID, person: c.Identity, lane: c.ID}
	}
	return list, err
}

// reader is a person as the portal last knew them, with what they do not want
// to be told by e-mail.
type reader struct {
	portal.Actor
	off   bool
	muted []portal.Topic
}

// wants reports whether the reader wants to be told of the topic by e-mail.
func (p reader) wants(o portal.Topic) bool { return !p.off && !slices.Contains(p.muted, o) }

// known is a reader as the store knows them.
func (s *Service) known(p store.Recipient) reader {
	roles := portal.RoleGroups{portal.RoleAdmin: s.AdminGroup, portal.RolePlatformApprover: s.ApproverGroup, portal.RoleAuditor: s.AuditorGroup}.Of(p.Groups)
	return reader{portal.Actor{Identity: p.Identity, Name: p.Name, Email: p.Email, Groups: p.Groups, Roles: roles}, p.Off, p.Muted}
}

func (s *Service) allKnown(list []store.Recipient) []reader {
	readers := make([]reader, len(list))
	for i, p := range list {
		readers[i] = s.known(p)
	}
	return readers
}

// concerned are the people whom the notification concerns.
func (s *Service) concerned(ctx context.Context, tx pgx.Tx, o portal.Topic, n Notification, r portal.Request) ([]reader, error) {
	since := s.Now().Add(-portal.KnownFor)
	mandates, err := store.MandatesFor(ctx, tx, r.Plan.Verdict.Groups(), s.Now(), since)
	if err != nil {
		return nil, err
	}
	also := []portal.Identity{r.Requester.Identity}
	for _, m := range mandates {
		also = append(also, m.StandIn.Identity)
	}
	list, err := store.RecipientsAnd(ctx, tx, append(r.Plan.Verdict.Groups(), s.AdminGroup), also, since)
	return slices.DeleteFunc(s.allKnown(list), func(p reader) bool { return !s.concerns(o, n.Actor, r, p.Actor, mandates) }), err
}

// concerns reports whether what actor did to a request is a's business, who may
// stand in for somebody.
func (s *Service) concerns(o portal.Topic, actor portal.Person, r portal.Request, a portal.Actor, mandates []portal.Mandate) bool {
	asked := a.Identity == r.Requester.Identity
	switch o {
	case portal.TopicReviewRequested:
		return mayAct(r, a, mandates, s.Now()) && actor.Identity != a.Identity
	case portal.TopicExpiring:
		return mayAct(r, a, mandates, s.Now()) || asked && r.State == portal.Pending
	case portal.TopicBreakGlass:
		return asked || a.HasRole(portal.RoleAdmin) || r.MayApprove(a)
	}
	return asked && actor.Identity != a.Identity
}

// mayAct reports whether a's approval is among those that are still missing.
func mayAct(r portal.Request, a portal.Actor, mandates []portal.Mandate, now time.Time) bool {
	word, refusal := r.WordOf(a, mandates, now)
	return refusal == nil && slices.ContainsFunc(r.Outstanding(), func(n portal.ApprovalRule) bool {
		return slices.ContainsFunc(n.Groups, func(g string) bool { return slices.Contains(word.Groups, g) })
	})
}

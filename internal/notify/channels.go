package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/audit"
	"doksportal/internal/db"
	"doksportal/internal/portal"
	"doksportal/internal/store"
)

// mostChannels is how many channels an owner may have.
const mostChannels = 20

// Input is a channel as somebody typed it.
type Input struct {
	Kind   string
	Target string // an address of the web or of mail
	Topics []string
}

// Channels lists an owner's channels, oldest first. Callers make sure that the
// reader may see them.
func (s *Service) Channels(ctx context.Context, o portal.Owner) ([]portal.Channel, error) {
	type row struct {
		portal.Channel
		State   portal.DeliveryState
		Fault   string
		EndedAt time.Time
	}
	rows, err := db.All(ctx, s.Pool, pgx.RowToStructByNameLax[row], `
		SELECT c.id, c.kind, c.label, c.topics, c.created_at,
			coalesce(d.state, '') AS state, coalesce(d.fault, '') AS fault, coalesce(d.ended_at, d.created_at, 'epoch') AS ended_at
		FROM channels c LEFT JOIN LATERAL (
			SELECT * FROM deliveries WHERE channel_id = c.id ORDER BY id DESC LIMIT 1) d ON true
		WHERE `+ofOwner+` ORDER BY c.id`, owned(o))
	list := make([]portal.Channel, len(rows))
	for i, r := range rows {
		list[i] = r.Channel
		list[i].Owner, list[i].Last = o, portal.Delivery{State: r.State, Fault: r.Fault, EndedAt: r.EndedAt}
	}
	return list, err
}

// ofOwner finds an owner's channels c, with what owned returns.
const ofOwner = `c.team_id IS NOT DISTINCT FROM nullif(@team, '')::uuid AND c.issuer = @issuer AND c.subject = @subject`

func owned(o portal.Owner) pgx.NamedArgs {
	return pgx.NamedArgs{"team": o.TeamID, "issuer": o.Person.Issuer, "subject": o.Person.Subject}
}

// Add makes a channel and returns the secret that a webhook's receiver verifies
// with, which nobody can read again. Admins may for teams, and everybody for
// themselves. Faults are named by field.
func (s *Service) Add(ctx context.Context, a portal.Actor, o portal.Owner, in Input) (string, error) {
	if err := mayChange(a, o); err != nil {
		return "", err
	}
	c, t, err := s.parse(o, in)
	if err != nil {
		return "", err
	}
	box, err := s.seal.Close(t, c.ID)
	if err != nil {
		return "", err
	}
	return t.Secret, db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		whose, err := lockOwner(ctx, tx, o)
		if err != nil {
			return err
		}
		if err := s.room(ctx, tx, o); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			INSERT INTO channels (id, team_id, issuer, subject, kind, label, target, topics, created_at)
			VALUES (@id, nullif(@team, '')::uuid, @issuer, @subject, @kind, @label, @target, @topics, @now)`,
			pgx.StrictNamedArgs{"id": c.ID, "team": o.TeamID, "issuer": o.Person.Issuer, "subject": o.Person.Subject, "kind": c.Kind,
				"label": c.Label, "target": box, "topics": c.Topics, "now": s.Now()})
		if err != nil {
			return db.Wrap(err)
		}
		return s.record(ctx, tx, a, c, portal.EventChannelChanged, "added a notification channel "+whose)
	})
}

// room refuses more channels than an owner may have.
func (s *Service) room(ctx context.Context, tx pgx.Tx, o portal.Owner) error {
	n, err := db.One(ctx, tx, pgx.RowTo[int], `SELECT count(*) FROM channels c WHERE `+ofOwner, owned(o))
	if err == nil && n >= mostChannels {
		return portal.Invalid(portal.FieldError{Field: "target", Message: fmt.Sprintf("There are %d channels already; remove one first.", n)})
	}
	return err
}

// parse reads a channel and finds out what is wrong with it.
func (s *Service) parse(o portal.Owner, in Input) (portal.Channel, target, error) {
	var f portal.FieldErrors
	var t target
	c := portal.Channel{Owner: o, Kind: portal.ChannelKind(in.Kind), Topics: topics(in.Topics)}
	kind, known := kinds[c.Kind]
	if !known {
		f.Add("kind", "Choose how to be notified.")
	} else if why := kind.refusal(s, o); why != "" {
		f.Add("kind", "%s", why)
	} else {
		var problem string
		if t, c.Label, problem = kind.parse(s, strings.TrimSpace(in.Target)); problem != "" {
			f.Add("target", "%s", problem)
		}
	}
	if len(c.Topics) == 0 {
		f.Add("topics", "Choose at least one topic.")
	}
	if err := f.Err(); err != nil {
		return c, t, err
	}
	id, err := uuid.NewV7()
	c.ID = id.String()
	return c, t, err
}

// topics are those of the names that are topics, each once.
func topics(names []string) []portal.Topic {
	return slices.DeleteFunc(slices.Clone(portal.Topics), func(o portal.Topic) bool { return !slices.Contains(names, string(o)) })
}

// Remove ends a channel, and what is on its way to it. It returns KindNotFound
// when the owner has no such channel.
func (s *Service) Remove(ctx context.Context, a portal.Actor, o portal.Owner, id string) error {
	return s.withChannel(ctx, a, o, id, func(tx pgx.Tx, c portal.Channel, whose string) error {
		if _, err := tx.Exec(ctx, `DELETE FROM channels WHERE id = @id`, pgx.StrictNamedArgs{"id": id}); err != nil {
			return err
		}
		return s.record(ctx, tx, a, c, portal.EventChannelChanged, "removed a notification channel "+whose)
	})
}

// Test sends a test to a channel. It returns KindNotFound when the owner has
// no such channel.
func (s *Service) Test(ctx context.Context, a portal.Actor, o portal.Owner, id string) error {
	return s.withChannel(ctx, a, o, id, func(tx pgx.Tx, c portal.Channel, whose string) error {
		recent, err := db.One(ctx, tx, pgx.RowTo[bool], `
			SELECT EXISTS (SELECT FROM deliveries WHERE channel_id = @id AND notification_id IS NULL AND created_at > @since)`,
			pgx.StrictNamedArgs{"id": id, "since": s.Now().Add(-testEvery)})
		if err != nil || recent {
			return err // one is on its way already
		}
		if err := queueDelivery(ctx, tx, newDelivery{channelID: c.ID, person: o.Person, lane: c.ID}, s.Now()); err != nil {
			return err
		}
		return s.record(ctx, tx, a, c, portal.EventChannelTested, "tested a notification channel "+whose)
	})
}

// testEvery is how often a channel may be tested.
const testEvery = 10 * time.Second

// withChannel does something with a channel of an owner that nobody else
// changes meanwhile.
func (s *Service) withChannel(ctx context.Context, a portal.Actor, o portal.Owner, id string,
	fn func(tx pgx.Tx, c portal.Channel, whose string) error) error {
	if err := mayChange(a, o); err != nil {
		return err
	}
	return db.WithTx(ctx, s.Pool, func(tx pgx.Tx) error {
		whose, err := lockOwner(ctx, tx, o)
		if err != nil {
			return err
		}
		args := owned(o)
		args["id"] = id
		c, err := db.One(ctx, tx, pgx.RowToStructByNameLax[portal.Channel],
			`SELECT id, kind, label, topics FROM channels c WHERE id = @id AND `+ofOwner+` FOR UPDATE`, args)
		if errors.Is(err, pgx.ErrNoRows) {
			return notTheirs(ctx, tx, id)
		}
		if err != nil {
			return err
		}
		c.Owner = o
		return fn(tx, c, whose)
	})
}

// notTheirs is the error for a channel that its owner does not have: whether somebody
// else has it, only the trail says.
func notTheirs(ctx context.Context, tx pgx.Tx, id string) error {
	there, err := db.One(ctx, tx, pgx.RowTo[bool], `SELECT EXISTS (SELECT FROM channels WHERE id = @id)`, pgx.StrictNamedArgs{"id": id})
	switch {
	case err != nil:
		return err
	case there:
		return portal.Hidden("there is no such channel")
	}
	return portal.E(portal.KindNotFound, "there is no such channel")
}

// mayChange refuses everybody but admins for a team, and everybody else for a
// person.
func mayChange(a portal.Actor, o portal.Owner) error {
	switch {
	case a.IsZero():
		return portal.E(portal.KindUnauthorized, "sign in first")
	case o.TeamID != "":
		return a.RequireAdmin()
	case o.Person != a.Identity:
		return portal.E(portal.KindForbidden, "these are somebody else's")
	}
	return nil
}

// lockOwner keeps others from changing a team's channels until tx ends, and
// says whose the owner's channels are.
func lockOwner(ctx context.Context, tx pgx.Tx, o portal.Owner) (string, error) {
	if o.TeamID == "" {
		return "of their own", nil
	}
	team, err := store.LockTeam(ctx, tx, o.TeamID)
	return "of team " + team.Name, err
}

// record puts what was done to a channel on the trail, without its target.
func (s *Service) record(ctx context.Context, tx pgx.Tx, a portal.Actor, c portal.Channel, kind portal.EventKind, did string) error {
	return audit.Append(ctx, tx, portal.Event{
		At: s.Now(), Kind: kind, Actor: a.Person(), TeamID: c.Owner.TeamID,
		Target:  portal.EventTarget{Kind: portal.TargetChannel, ID: c.ID, Name: c.Label},
		Summary: fmt.Sprintf("%s %s: %s to %s", a.Name, did, c.Kind.Title(), c.Label),
		Data:    map[string]any{"channel": c.ID, "kind": c.Kind, "label": c.Label, "topics": c.Topics},
	})
}

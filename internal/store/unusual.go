package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// UnusualWatch is how far the rules have looked through the trail.
type UnusualWatch struct {
	Next int64  // number of the event that they look at next
	Mark []byte // by which the portal vouches for that; nil: they have not looked yet
}

// LockUnusual returns how far the rules have looked, and keeps others from looking, and
// from signing days off, until tx ends.
func LockUnusual(ctx context.Context, tx pgx.Tx) (UnusualWatch, error) {
	if _, err := tx.Exec(ctx, `LOCK TABLE unusual_watch IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return UnusualWatch{}, db.Wrap(err)
	}
	list, err := db.All(ctx, tx, pgx.RowToStructByName[UnusualWatch], `SELECT next, mark FROM unusual_watch`)
	if err != nil || len(list) == 0 {
		return UnusualWatch{}, err
	}
	return list[0], nil
}

// SetUnusualWatch keeps how far the rules have looked. Callers have locked it.
func SetUnusualWatch(ctx context.Context, tx pgx.Tx, w UnusualWatch) error {
	_, err := tx.Exec(ctx, `INSERT INTO unusual_watch (next, mark) VALUES (@next, @mark) ON CONFLICT (only_row) DO UPDATE SET next = @next, mark = @mark`,
		pgx.StrictNamedArgs{"next": w.Next, "mark": w.Mark})
	return db.Wrap(err)
}

// Find is what a rule has found, by the word of the database but for Mark.
type Find struct {
	EventID string
	At      time.Time
	portal.Identity
	Address string
	Mark    []byte // by which the portal vouches for it
}

// FindsSince lists what a rule has found of the same person, or of the same address,
// after a time and up to another, up to some.
func FindsSince(ctx context.Context, q Querier, rule portal.UnusualRule, e portal.Event, from, to time.Time) ([]Find, error) {
	const some = 1000
	same := `subject = @subject AND issuer = @issuer`
	if rule.FromAddress {
		same = `address = @address`
	}
	return db.All(ctx, q, pgx.RowToStructByName[Find], `SELECT event_id, at, issuer, subject, address, mark FROM unusual_events WHERE rule = @rule AND at > @from AND at <= @to AND `+same+` LIMIT @some`,
		pgx.NamedArgs{"rule": rule.ID, "from": from, "to": to, "subject": e.Actor.Subject, "issuer": e.Actor.Issuer, "address": e.Origin.Address, "some": some})
}

// InsertUnusual keeps that a rule has found an event. It reports false when that is kept
// already, with the same mark.
func InsertUnusual(ctx context.Context, tx pgx.Tx, rule portal.UnusualRule, e portal.Event, mark []byte) (bool, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return false, err
	}
	tag, err := tx.Exec(ctx, `INSERT INTO unusual_events (id, rule, event_id, at, issuer, subject, actor_name, address, request_id, summary, mark)
		VALUES (@id, @rule, @event, @at, @issuer, @subject, @name, @address, nullif(@request, '')::uuid, @summary, @mark) ON CONFLICT (event_id, rule, mark) DO NOTHING`,
		pgx.StrictNamedArgs{"id": id, "rule": rule.ID, "event": e.ID, "at": e.At, "issuer": e.Actor.Issuer, "subject": e.Actor.Subject, "name": e.Actor.Name,
			"address": e.Origin.Address, "request": e.RequestID, "summary": e.Summary, "mark": mark})
	return tag.RowsAffected() > 0, db.Wrap(err)
}

// UnusualBetween lists what the rules found of a time, newest first, up to limit.
func UnusualBetween(ctx context.Context, q Querier, from, to time.Time, limit int) ([]portal.UnusualEvent, error) {
	type row struct {
		portal.UnusualEvent
		portal.Person
	}
	list, err := db.All(ctx, q, pgx.RowToStructByNameLax[row], `
		SELECT u.id, u.rule, u.event_id, u.at, u.found_at, u.issuer, u.subject, u.actor_name AS name, u.address, coalesce(r.number, 0) AS request_number, u.summary
		FROM unusual_events u LEFT JOIN requests r ON r.id = u.request_id
		WHERE u.at >= @from AND u.at < @to ORDER BY u.at DESC, u.id DESC LIMIT @limit`,
		pgx.StrictNamedArgs{"from": from, "to": to, "limit": limit})
	found := make([]portal.UnusualEvent, len(list))
	for i, r := range list {
		found[i] = r.UnusualEvent
		found[i].Actor = r.Person
	}
	return found, err
}

// UnusualBy reports whether the rules found anything of a person in a time.
func UnusualBy(ctx context.Context, q Querier, id portal.Identity, from, to time.Time) (bool, error) {
	return db.One(ctx, q, pgx.RowTo[bool], `SELECT EXISTS (SELECT FROM unusual_events WHERE at >= @from AND at < @to AND subject = @subject AND issuer = @issuer)`,
		pgx.StrictNamedArgs{"from": from, "to": to, "subject": id.Subject, "issuer": id.Issuer})
}

// ReviewDays are the days from one to another, both included, midnights in UTC, newest
// first. A review of which no event tells is none.
func ReviewDays(ctx context.Context, q Querier, from, to time.Time) ([]portal.ReviewDay, error) {
	type row struct {
		portal.ReviewDay
		ReviewID     *string
		ReviewAt     *time.Time
		Note, ByName string
		FoundThen    int
		portal.Identity
	}
	list, err := db.All(ctx, q, pgx.RowToStructByNameLax[row], `
		SELECT day.day, r.id AS review_id, r.at AS review_at, coalesce(r.note, '') AS note, coalesce(r.by_name, '') AS by_name,
			coalesce(r.issuer, '') AS issuer, coalesce(r.subject, '') AS subject, coalesce(r.found, 0) AS found_then, u.found, u.open
		FROM generate_series(@from::timestamp, @to::timestamp, interval '1 day') AS day (day)
			LEFT JOIN LATERAL (SELECT * FROM daily_reviews d WHERE d.day = day.day::date AND EXISTS (SELECT FROM events e
					WHERE e.kind = @signed AND e.at > d.at - interval '10 minutes' AND e.at < d.at + interval '10 minutes' AND e.subject = d.subject AND e.issuer = d.issuer
						AND e.data::jsonb -> 'days' ? to_char(d.day, 'YYYY-MM-DD'))
				ORDER BY d.at DESC LIMIT 1) r ON true
			CROSS JOIN LATERAL (SELECT count(*) AS found, count(*) FILTER (WHERE r.at IS NULL OR u.found_at > r.at) AS open FROM unusual_events u
				WHERE u.at >= day.day AT TIME ZONE 'UTC' AND u.at < (day.day + interval '1 day') AT TIME ZONE 'UTC') u
		ORDER BY day.day DESC`, pgx.StrictNamedArgs{"from": from.UTC(), "to": to.UTC(), "signed": portal.EventDailyReview})
	days := make([]portal.ReviewDay, len(list))
	for i, r := range list {
		days[i] = r.ReviewDay
		if r.ReviewID != nil {
			days[i].Review = &portal.DailyReview{ID: *r.ReviewID, Day: r.Day, By: portal.Person{Identity: r.Identity, Name: r.ByName}, At: *r.ReviewAt, Note: r.Note, Found: r.FoundThen}
		}
	}
	return days, err
}

// FirstReviewDay is the day from which on days are to be reviewed, midnight in UTC: the
// first of which anything is known, at most so many days before today.
func FirstReviewDay(ctx context.Context, q Querier, today time.Time, most int) (time.Time, error) {
	first, err := db.One(ctx, q, pgx.RowTo[time.Time], `SELECT least(installed_at, (SELECT min(at) FROM unusual_events)) FROM installation`)
	if earliest := today.AddDate(0, 0, -most); first.Before(earliest) {
		first = earliest
	}
	return first.UTC().Truncate(24 * time.Hour), err
}

// InsertDailyReview keeps that somebody has looked at a day. Callers have locked what is
// found.
func InsertDailyReview(ctx context.Context, tx pgx.Tx, r portal.DailyReview) error {
	_, err := tx.Exec(ctx, `INSERT INTO daily_reviews (id, day, issuer, subject, by_name, note, found) VALUES (@id, @day, @issuer, @subject, @name, @note, @found)`,
		pgx.StrictNamedArgs{"id": r.ID, "day": r.Day, "issuer": r.By.Issuer, "subject": r.By.Subject, "name": r.By.Name, "note": r.Note, "found": r.Found})
	return db.Wrap(err)
}

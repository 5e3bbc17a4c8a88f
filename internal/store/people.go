package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Person is what the identity provider last said of somebody.
type Person struct {
	portal.Identity
	Name          string
	Email         string
	Groups        []string
	GroupsAt      time.Time
	GroupsProblem string // why there are no groups, in plain words
	Proof         []byte // that the provider said so, by package auth; readers of lists do without
}

// KnownPerson is a Person with what the portal can do to hear more.
type KnownPerson struct {
	Person
	Askable  bool   // there are tokens to ask the provider by
	TimeZone string // in which they read times; empty: their browser's
}

// PersonByIdentity returns KindNotFound for somebody who never signed in.
func PersonByIdentity(ctx context.Context, q Querier, id portal.Identity, now time.Time) (KnownPerson, error) {
	return db.One(ctx, q, pgx.RowToStructByName[KnownPerson], `
		SELECT issuer, subject, name, email, groups, groups_at, groups_problem, proof, coalesce(tokens_until > @now, false) AS askable, time_zone
		FROM people WHERE issuer = @issuer AND subject = @subject`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject, "now": now})
}

// SetPerson writes down what the identity provider says of somebody now.
func SetPerson(ctx context.Context, tx pgx.Tx, p Person) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO people (issuer, subject, name, email, groups, groups_at, groups_problem, proof)
		VALUES (@issuer, @subject, @name, @email, @groups, @at, @problem, @proof)
		ON CONFLICT (issuer, subject) DO UPDATE
			SET name = @name, email = @email, groups = @groups, groups_at = @at, groups_problem = @problem, proof = @proof`,
		pgx.StrictNamedArgs{"issuer": p.Issuer, "subject": p.Subject, "name": p.Name, "email": p.Email,
			"groups": notNil(p.Groups), "at": p.GroupsAt, "problem": p.GroupsProblem, "proof": p.Proof})
	return db.Wrap(err)
}

// SetTimeZone keeps in which zone somebody reads times; empty: in their browser's.
func SetTimeZone(ctx context.Context, tx pgx.Tx, id portal.Identity, zone string) error {
	_, err := tx.Exec(ctx, `UPDATE people SET time_zone = @zone WHERE issuer = @issuer AND subject = @subject`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject, "zone": zone})
	return db.Wrap(err)
}

// TimeZone is the zone that somebody has chosen, empty for none.
func TimeZone(ctx context.Context, q Querier, id portal.Identity) (string, error) {
	return db.One(ctx, q, pgx.RowTo[string], `SELECT coalesce((SELECT time_zone FROM people WHERE issuer = @issuer AND subject = @subject), '')`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject})
}

// Tokens are what the identity provider is asked about somebody by.
type Tokens struct {
	Tokens        []byte    // sealed; nil when there are none
	TokensUntil   time.Time // they may be used
	GroupsAt      time.Time // when the provider last said something
	GroupsProblem string    // with the groups then
}

// LockTokens returns somebody's tokens and keeps others from their row until tx
// ends. Whoever holds the lock is the only one who uses the tokens, in all
// replicas.
func LockTokens(ctx context.Context, tx pgx.Tx, id portal.Identity, now time.Time) (Tokens, error) {
	return db.One(ctx, tx, pgx.RowToStructByName[Tokens], `
		SELECT tokens, coalesce(tokens_until, @now) AS tokens_until, groups_at, groups_problem
		FROM people WHERE issuer = @issuer AND subject = @subject FOR UPDATE`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject, "now": now})
}

// SetTokens keeps sealed tokens in the place of older ones.
func SetTokens(ctx context.Context, tx pgx.Tx, id portal.Identity, sealed []byte, until time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE people SET tokens = @tokens, tokens_until = @until WHERE issuer = @issuer AND subject = @subject`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject, "tokens": sealed, "until": until})
	return db.Wrap(err)
}

// ForgetPerson removes somebody's tokens and groups: until they sign in again
// nothing is known of them.
func ForgetPerson(ctx context.Context, tx pgx.Tx, id portal.Identity) error {
	_, err := tx.Exec(ctx, `UPDATE people SET tokens = NULL, tokens_until = NULL, groups = '{}', groups_at = 'epoch'
		WHERE issuer = @issuer AND subject = @subject`, pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject})
	return db.Wrap(err)
}

// SweepTokens removes tokens that may no longer be used.
func SweepTokens(ctx context.Context, q Querier, now time.Time) error {
	_, err := q.Exec(ctx, `UPDATE people SET tokens = NULL, tokens_until = NULL WHERE tokens_until <= @now`, pgx.StrictNamedArgs{"now": now})
	return db.Wrap(err)
}

// GroupsOfOthers returns, for each person but one who is known to be in one of
// the groups since the given time, all groups that they are in.
func GroupsOfOthers(ctx context.Context, q Querier, groups []string, but portal.Identity, since time.Time) ([][]string, error) {
	const enough = 1000 // people, to tell whether there are any
	return db.All(ctx, q, pgx.RowTo[[]string], `
		SELECT groups FROM people
		WHERE groups && @groups AND NOT (issuer = @issuer AND subject = @subject) AND groups_at > @since LIMIT @enough`,
		pgx.StrictNamedArgs{"groups": notNil(groups), "issuer": but.Issuer, "subject": but.Subject, "since": since, "enough": enough})
}

// GroupsOfPeople returns of each person who is in one of the groups, and of whom
// the provider has said so since a time, the groups of theirs that are among them.
func GroupsOfPeople(ctx context.Context, q Querier, groups []string, since time.Time) ([][]string, error) {
	return db.All(ctx, q, pgx.RowTo[[]string],
		`SELECT ARRAY(SELECT unnest(groups) INTERSECT SELECT unnest(@groups::text[])) FROM people WHERE groups && @groups AND groups_at > @since`,
		pgx.StrictNamedArgs{"groups": notNil(groups), "since": since})
}

// Approvers lists people who are in one of the groups, as far as they are known
// since the given time, those who were here last first, and of each group no more
// than limit, so that a large one hides nobody of another.
func Approvers(ctx context.Context, q Querier, groups []string, since time.Time, limit int) ([]portal.Approver, error) {
	return db.All(ctx, q, readApprover, `
		SELECT p.issuer, p.subject, p.name, ARRAY(SELECT unnest(p.groups) INTERSECT SELECT unnest(@groups::text[])) AS groups,
			(SELECT max(last_used_at) FROM sessions s WHERE s.issuer = p.issuer AND s.subject = p.subject) AS seen
		FROM people p WHERE (p.issuer, p.subject) IN (
			SELECT few.issuer, few.subject FROM unnest(@groups::text[]) AS one, LATERAL (
				SELECT m.issuer, m.subject FROM people m LEFT JOIN LATERAL (
					SELECT max(last_used_at) AS seen FROM sessions s WHERE s.issuer = m.issuer AND s.subject = m.subject) u ON true
				WHERE m.groups && ARRAY[one] AND m.groups_at > @since
				ORDER BY u.seen DESC NULLS LAST, m.name, m.issuer, m.subject LIMIT @limit) few)
		ORDER BY seen DESC NULLS LAST, p.name, p.issuer, p.subject`,
		pgx.StrictNamedArgs{"groups": notNil(groups), "since": since, "limit": limit})
}

func readApprover(row pgx.CollectableRow) (portal.Approver, error) {
	type approver struct {
		portal.Approver
		Seen *time.Time
	}
	r, err := pgx.RowToStructByNameLax[approver](row)
	r.SeenAt = fromNull(r.Seen)
	return r.Approver, err
}

// Recipient is somebody who may be told of something, with what they do not
// want to be told by e-mail.
type Recipient struct {
	portal.Identity
	Name   string
	Email  string
	Groups []string
	Off    bool // nothing at all
	Muted  []portal.Topic
}

const recipients = `
	SELECT issuer, subject, name, email, groups, coalesce(off, false) AS off, coalesce(muted, '{}') AS muted
	FROM people LEFT JOIN mail_choices USING (issuer, subject) `

// RecipientByIdentity returns KindNotFound for somebody who never signed in.
func RecipientByIdentity(ctx context.Context, q Querier, id portal.Identity) (Recipient, error) {
	return db.One(ctx, q, pgx.RowToStructByName[Recipient], recipients+`WHERE issuer = @issuer AND subject = @subject`,
		pgx.StrictNamedArgs{"issuer": id.Issuer, "subject": id.Subject})
}

// RecipientsAnd lists the people who are in one of the groups, and some others,
// as far as they are known since the given time.
func RecipientsAnd(ctx context.Context, q Querier, groups []string, also []portal.Identity, since time.Time) ([]Recipient, error) {
	issuers, subjects := make([]string, len(also)), make([]string, len(also))
	for i, id := range also {
		issuers[i], subjects[i] = id.Issuer, id.Subject
	}
	return db.All(ctx, q, pgx.RowToStructByName[Recipient], recipients+`
		WHERE (groups && @groups OR (issuer, subject) IN (SELECT * FROM unnest(@issuers::text[], @subjects::text[])))
			AND groups_at > @since ORDER BY issuer, subject`,
		pgx.StrictNamedArgs{"groups": notNil(groups), "issuers": issuers, "subjects": subjects, "since": since})
}

// GroupLabels lists what admins call groups.
func GroupLabels(ctx context.Context, q Querier) (portal.GroupLabels, error) {
	type row struct{ GroupName, Label string }
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `SELECT group_name, label FROM group_labels`)
	labels := portal.GroupLabels{}
	for _, r := range list {
		labels[r.GroupName] = r.Label
	}
	return labels, err
}

// LockGroupLabels lists the labels and keeps others from changing them until tx
// ends.
func LockGroupLabels(ctx context.Context, tx pgx.Tx) (portal.GroupLabels, error) {
	if _, err := tx.Exec(ctx, `LOCK TABLE group_labels IN SHARE ROW EXCLUSIVE MODE`); err != nil {
		return nil, db.Wrap(err)
	}
	return GroupLabels(ctx, tx)
}

// SetGroupLabel gives a group a label, or takes it away when it is empty.
func SetGroupLabel(ctx context.Context, tx pgx.Tx, group, label string, at time.Time) error {
	if label == "" {
		_, err := tx.Exec(ctx, `DELETE FROM group_labels WHERE group_name = @group`, pgx.StrictNamedArgs{"group": group})
		return db.Wrap(err)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO group_labels (group_name, label, changed_at) VALUES (@group, @label, @at)
		ON CONFLICT (group_name) DO UPDATE SET label = excluded.label, changed_at = excluded.changed_at`,
		pgx.StrictNamedArgs{"group": group, "label": label, "at": at})
	return db.Wrap(err)
}

package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// KnownAccess is what the portal has of somebody, for a review of access.
type KnownAccess struct {
	Person
	Askable  bool       // there are tokens to ask the provider by
	Seen     *time.Time // when they last opened a page
	Channels int
}

// EverybodysAccess lists everybody whom the portal knows, by name.
func EverybodysAccess(ctx context.Context, q Querier, now time.Time) ([]KnownAccess, error) {
	return db.All(ctx, q, pgx.RowToStructByName[KnownAccess], `
		SELECT p.issuer, p.subject, p.name, p.email, p.groups, p.groups_at, p.groups_problem, p.proof, coalesce(p.tokens_until > @now, false) AS askable, v.seen_at AS seen,
			(SELECT count(*) FROM channels c WHERE c.team_id IS NULL AND c.issuer = p.issuer AND c.subject = p.subject)::int AS channels
		FROM people p LEFT JOIN visits v ON v.issuer = p.issuer AND v.subject = p.subject
		ORDER BY p.name, p.issuer, p.subject`, pgx.StrictNamedArgs{"now": now})
}

// TeamChannels counts the channels of each team that has any, by its name.
func TeamChannels(ctx context.Context, q Querier) ([]portal.TeamChannels, error) {
	return db.All(ctx, q, pgx.RowToStructByName[portal.TeamChannels], `SELECT t.name AS team, count(*)::int AS channels
		FROM channels c JOIN teams t ON t.id = c.team_id GROUP BY t.name ORDER BY t.name`)
}

// KeepAccessReading keeps who may do what as a page has shown it, so that who signs it
// can be told what has changed since. digest is that of the snapshot.
func KeepAccessReading(ctx context.Context, q Querier, digest string, s portal.AccessSnapshot, at time.Time) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = q.Exec(ctx, `INSERT INTO access_readings (digest, snapshot, read_at) VALUES (@digest, @snapshot, @at)
		ON CONFLICT (digest) DO UPDATE SET read_at = @at`, pgx.StrictNamedArgs{"digest": digest, "snapshot": string(text), "at": at})
	return db.Wrap(err)
}

// AccessReading returns who may do what as a page has shown it. It returns KindNotFound
// where that is not kept any more.
func AccessReading(ctx context.Context, q Querier, digest string) (portal.AccessSnapshot, error) {
	text, err := db.One(ctx, q, pgx.RowTo[string], `SELECT snapshot::text FROM access_readings WHERE digest = @digest`, pgx.StrictNamedArgs{"digest": digest})
	return snapshotOf(text, err)
}

// SweepAccessReadings removes what pages have shown before a time.
func SweepAccessReadings(ctx context.Context, q Querier, before time.Time) error {
	_, err := q.Exec(ctx, `DELETE FROM access_readings WHERE read_at < @before`, pgx.StrictNamedArgs{"before": before})
	return db.Wrap(err)
}

func snapshotOf(text string, err error) (portal.AccessSnapshot, error) {
	var s portal.AccessSnapshot
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	return s, err
}

// ErrReviewedMeanwhile is what InsertAccessReview returns when somebody else has signed
// a review at the same time.
var ErrReviewedMeanwhile = portal.E(portal.KindConflict, "somebody has just signed a review of access; look at it first")

// InsertAccessReview keeps a review with its snapshot, the text of which r.Digest is of.
func InsertAccessReview(ctx context.Context, tx pgx.Tx, r portal.AccessReview, snapshot string) error {
	_, err := tx.Exec(ctx, `INSERT INTO access_reviews (id, number, issuer, subject, by_name, admin, note, marks, snapshot, digest, people, changes)
		VALUES (@id, @number, @issuer, @subject, @name, @admin, @note, @marks, @snapshot, @digest, @people, @changes)`,
		pgx.StrictNamedArgs{"id": r.ID, "number": r.Number, "issuer": r.By.Issuer, "subject": r.By.Subject, "name": r.By.Name, "admin": r.Admin, "note": r.Note,
			"marks": notNil(r.Marks), "snapshot": snapshot, "digest": r.Digest, "people": r.People, "changes": r.Changes})
	if db.IsUnique(err, "access_reviews_in_order") {
		return ErrReviewedMeanwhile
	}
	return db.Wrap(err)
}

// accessReviews reads those of which an event tells, with the argument reviewed: any
// other is nobody's.
const accessReviews = `SELECT id, number, issuer, subject, by_name, admin, at, note, marks, digest, people, changes FROM access_reviews r
	WHERE EXISTS (SELECT FROM events e WHERE e.kind = @reviewed AND e.at > r.at - interval '10 minutes' AND e.at < r.at + interval '10 minutes'
		AND e.subject = r.subject AND e.issuer = r.issuer AND e.data ->> 'review' = r.number::text AND e.data ->> 'sha256' = r.digest) `

func readAccessReview(row pgx.CollectableRow) (portal.AccessReview, error) {
	type review struct {
		portal.AccessReview
		portal.Identity
		ByName string
	}
	r, err := pgx.RowToStructByNameLax[review](row)
	r.By = portal.Person{Identity: r.Identity, Name: r.ByName}
	return r.AccessReview, err
}

// AccessReviews lists the reviews of access, newest first, without their snapshots.
func AccessReviews(ctx context.Context, q Querier, limit int) ([]portal.AccessReview, error) {
	return db.All(ctx, q, readAccessReview, accessReviews+`ORDER BY number DESC LIMIT @limit`, pgx.StrictNamedArgs{"limit": limit, "reviewed": portal.EventAccessReviewed})
}

// LastAccessReview returns the newest review of access, nil where there is none.
func LastAccessReview(ctx context.Context, q Querier) (*portal.AccessReview, error) {
	list, err := AccessReviews(ctx, q, 1)
	if len(list) == 0 {
		return nil, err
	}
	return &list[0], err
}

// AccessReview returns a review of access, KindNotFound where there is none.
func AccessReview(ctx context.Context, q Querier, number int) (portal.AccessReview, error) {
	r, err := db.One(ctx, q, readAccessReview, accessReviews+`AND number = @number`, pgx.StrictNamedArgs{"number": number, "reviewed": portal.EventAccessReviewed})
	if errors.Is(err, pgx.ErrNoRows) {
		err = portal.E(portal.KindNotFound, "there is no such review of access")
	}
	return r, err
}

// AccessSnapshotText is the snapshot of a review as it is kept, the text of which its
// digest is of. It returns KindConflict when it is not.
func AccessSnapshotText(ctx context.Context, q Querier, number int) (string, error) {
	type kept struct{ Text, Digest string }
	k, err := db.One(ctx, q, pgx.RowToStructByName[kept], `SELECT snapshot::text AS text, digest FROM access_reviews WHERE number = @number`, pgx.StrictNamedArgs{"number": number})
	if err != nil {
		return "", err
	}
	if sum := sha256.Sum256([]byte(k.Text)); hex.EncodeToString(sum[:]) != k.Digest {
		return "", portal.E(portal.KindConflict, fmt.Sprintf("what is kept of review %d of access is not what was signed: it was changed in the database", number))
	}
	return k.Text, nil
}

// AccessReviewNumbers is how many numbers of reviews of access are taken.
func AccessReviewNumbers(ctx context.Context, q Querier) (int, error) {
	return db.One(ctx, q, pgx.RowTo[int], `SELECT coalesce(max(number), 0) FROM access_reviews`)
}

// AccessSnapshot is who could do what at the time of a review.
func AccessSnapshot(ctx context.Context, q Querier, number int) (portal.AccessSnapshot, error) {
	return snapshotOf(AccessSnapshotText(ctx, q, number))
}

// LockAccessDue keeps others from telling that a review is due until tx ends.
func LockAccessDue(ctx context.Context, tx pgx.Tx) error {
	const due = 0x61636365 // any number that no other such lock has
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(@due)`, pgx.StrictNamedArgs{"due": due})
	return db.Wrap(err)
}

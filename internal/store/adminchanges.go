package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const adminChangeColumns = `id, subject, title, payload, gains, author_issuer, author_subject, author_name,
	created_at, expires_at, state, decided_issuer, decided_subject, decided_name, decided_at AS decided`

func readAdminChange(row pgx.CollectableRow) (portal.AdminChange, error) {
	type change struct {
		portal.AdminChange
		AuthorIssuer, AuthorSubject, AuthorName    string
		DecidedIssuer, DecidedSubject, DecidedName string
		Decided                                    *time.Time
	}
	r, err := pgx.RowToStructByNameLax[change](row)
	c := r.AdminChange
	c.Author, c.DecidedBy = person(r.AuthorIssuer, r.AuthorSubject, r.AuthorName), person(r.DecidedIssuer, r.DecidedSubject, r.DecidedName)
	c.DecidedAt = fromNull(r.Decided)
	return c, err
}

// InsertAdminChange keeps a proposed change. It returns KindConflict when
// another of the same subject waits already.
func InsertAdminChange(ctx context.Context, tx pgx.Tx, c portal.AdminChange) error {
	_, err := tx.Exec(ctx, `INSERT INTO admin_changes
		(id, subject, title, payload, gains, author_issuer, author_subject, author_name, created_at, expires_at, state)
		VALUES (@id, @subject, @title, @payload, @gains, @issuer, @author, @name, @at, @expires, @state)`,
		pgx.StrictNamedArgs{"id": c.ID, "subject": c.Subject, "title": c.Title, "payload": c.Payload, "gains": c.Gains,
			"issuer": c.Author.Issuer, "author": c.Author.Subject, "name": c.Author.Name,
			"at": c.CreatedAt, "expires": c.ExpiresAt, "state": c.State})
	if db.IsUnique(err, "admin_changes_one_proposed") {
		return portal.E(portal.KindConflict, "another change of this waits for a second admin already; accept or drop it first")
	}
	return db.Wrap(err)
}

// ProposedAdminChanges lists the changes that have not been decided on, newest
// first.
func ProposedAdminChanges(ctx context.Context, q Querier, limit int) ([]portal.AdminChange, error) {
	return db.All(ctx, q, readAdminChange, `SELECT `+adminChangeColumns+` FROM admin_changes
		WHERE state IN `+literals(portal.AdminChangeProposed)+` ORDER BY id DESC LIMIT @limit`, pgx.StrictNamedArgs{"limit": limit})
}

// AdminChangesOf counts the changes of somebody that wait and have not expired, up
// to most.
func AdminChangesOf(ctx context.Context, q Querier, author portal.Identity, now time.Time, most int) (int, error) {
	return db.One(ctx, q, pgx.RowTo[int], `SELECT count(*) FROM (SELECT FROM admin_changes
		WHERE state IN `+literals(portal.AdminChangeProposed)+` AND author_issuer = @issuer AND author_subject = @subject AND expires_at > @now LIMIT @most) waiting`,
		pgx.StrictNamedArgs{"issuer": author.Issuer, "subject": author.Subject, "now": now, "most": most})
}

// AdminChange returns a change, KindNotFound when there is none.
func AdminChange(ctx context.Context, q Querier, id string) (portal.AdminChange, error) {
	return oneAdminChange(ctx, q, `WHERE id = @id`, id)
}

// LockAdminChange is AdminChange, and keeps others from deciding on the change
// until tx ends.
func LockAdminChange(ctx context.Context, tx pgx.Tx, id string) (portal.AdminChange, error) {
	return oneAdminChange(ctx, tx, `WHERE id = @id FOR UPDATE`, id)
}

func oneAdminChange(ctx context.Context, q Querier, where, id string) (portal.AdminChange, error) {
	c, err := db.One(ctx, q, readAdminChange, `SELECT `+adminChangeColumns+` FROM admin_changes `+where, pgx.StrictNamedArgs{"id": id})
	return c, named(err, "there is no such change")
}

// DecideAdminChange writes down what became of a change. The caller has locked
// it.
func DecideAdminChange(ctx context.Context, tx pgx.Tx, c portal.AdminChange) error {
	_, err := tx.Exec(ctx, `UPDATE admin_changes SET state = @state, decided_issuer = @issuer,
		decided_subject = @subject, decided_name = @name, decided_at = @at WHERE id = @id`,
		pgx.StrictNamedArgs{"id": c.ID, "state": c.State, "issuer": c.DecidedBy.Issuer, "subject": c.DecidedBy.Subject,
			"name": c.DecidedBy.Name, "at": c.DecidedAt})
	return db.Wrap(err)
}

// InstalledAt is when the portal was installed on this database.
func InstalledAt(ctx context.Context, q Querier) (time.Time, error) {
	return db.One(ctx, q, pgx.RowTo[time.Time], `SELECT installed_at FROM installation`)
}

// HadTeam reports whether a team has ever owned the cluster.
func HadTeam(ctx context.Context, q Querier, clusterID string) (bool, error) {
	return db.One(ctx, q, pgx.RowTo[bool], `SELECT had_team FROM clusters WHERE id = @id`, pgx.StrictNamedArgs{"id": clusterID})
}

package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const adminChangeColumns = `id, subject, title, payload, gains, author_issuer, author_subject, author_name,
	created_at, expires_at, state, decided_issuer, decided_subject, decided_name, decided_at`

func scanAdminChange(row pgx.CollectableRow) (portal.AdminChange, error) {
	var c portal.AdminChange
	var decidedAt *time.Time
	err := row.Scan(&c.ID, &c.Subject, &c.Title, &c.Payload, &c.Gains, &c.Author.Issuer, &c.Author.Subject, &c.Author.Name,
		&c.CreatedAt, &c.ExpiresAt, &c.State, &c.DecidedBy.Issuer, &c.DecidedBy.Subject, &c.DecidedBy.Name, &decidedAt)
	c.DecidedAt = fromNull(decidedAt)
	return c, err
}

// InsertAdminChange keeps a proposed change. It returns KindConflict when
// another of the same subject waits already.
func InsertAdminChange(ctx context.Context, tx pgx.Tx, c portal.AdminChange) error {
	_, err := tx.Exec(ctx, `INSERT INTO admin_changes
		(id, subject, title, payload, gains, author_issuer, author_subject, author_name, created_at, expires_at, state)
		VALUES (@id, @subject, @title, @payload, @gains, @issuer, @author, @name, @at, @expires, @state)`,
		pgx.NamedArgs{"id": c.ID, "subject": c.Subject, "title": c.Title, "payload": c.Payload, "gains": c.Gains,
			"issuer": c.Author.Issuer, "author": c.Author.Subject, "name": c.Author.Name,
			"at": c.CreatedAt, "expires": c.ExpiresAt, "state": c.State})
	if db.IsUnique(err, "admin_changes_one_proposed") {
		return portal.E(portal.KindConflict, "another change of this waits for a second admin already; accept or drop it first")
	}
	return db.Wrap(err)
}

// ProposedAdminChanges lists the changes that have not been decided on, oldest
// first.
func ProposedAdminChanges(ctx context.Context, q Querier, limit int) ([]portal.AdminChange, error) {
	return adminChanges(ctx, q, `WHERE state = @state ORDER BY id LIMIT @limit`,
		pgx.NamedArgs{"state": portal.AdminChangeProposed, "limit": limit})
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
	list, err := adminChanges(ctx, q, where, pgx.NamedArgs{"id": id})
	if err != nil {
		return portal.AdminChange{}, err
	}
	if len(list) == 0 {
		return portal.AdminChange{}, portal.E(portal.KindNotFound, "there is no such change")
	}
	return list[0], nil
}

func adminChanges(ctx context.Context, q Querier, where string, args pgx.NamedArgs) ([]portal.AdminChange, error) {
	rows, err := q.Query(ctx, `SELECT `+adminChangeColumns+` FROM admin_changes `+where, args)
	if err != nil {
		return nil, db.Wrap(err)
	}
	list, err := pgx.CollectRows(rows, scanAdminChange)
	return list, db.Wrap(err)
}

// DecideAdminChange writes down what became of a change. The caller has locked
// it.
func DecideAdminChange(ctx context.Context, tx pgx.Tx, c portal.AdminChange) error {
	_, err := tx.Exec(ctx, `UPDATE admin_changes SET state = @state, decided_issuer = @issuer,
		decided_subject = @subject, decided_name = @name, decided_at = @at WHERE id = @id`,
		pgx.NamedArgs{"id": c.ID, "state": c.State, "issuer": c.DecidedBy.Issuer, "subject": c.DecidedBy.Subject,
			"name": c.DecidedBy.Name, "at": c.DecidedAt})
	return db.Wrap(err)
}

// InstalledAt is when the portal was installed on this database.
func InstalledAt(ctx context.Context, q Querier) (time.Time, error) {
	var at time.Time
	err := q.QueryRow(ctx, `SELECT installed_at FROM installation`).Scan(&at)
	return at, db.Wrap(err)
}

// HadTeam reports whether a team has ever owned the cluster.
func HadTeam(ctx context.Context, q Querier, clusterID string) (bool, error) {
	var had bool
	err := q.QueryRow(ctx, `SELECT had_team FROM clusters WHERE id = @id`, pgx.NamedArgs{"id": clusterID}).Scan(&had)
	return had, db.Wrap(err)
}

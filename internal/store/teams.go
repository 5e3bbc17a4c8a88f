package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const teamColumns = `id, slug, name, member_group, approver_group, quota, version, updated_at, coalesce((
	SELECT jsonb_agg(jsonb_build_object(` + grantMembers + `) ORDER BY g.until, g.id)
	FROM quota_grants g JOIN requests r ON r.id = g.request_id WHERE g.team_id = teams.id AND g.ended_at IS NULL), '[]') AS grants`

// Teams lists all teams by name.
func Teams(ctx context.Context, q Querier) ([]portal.Team, error) {
	return db.All(ctx, q, pgx.RowToStructByName[portal.Team], `SELECT `+teamColumns+` FROM teams ORDER BY name, id`)
}

// TeamBySlug returns a team, or an error of KindNotFound.
func TeamBySlug(ctx context.Context, q Querier, slug string) (portal.Team, error) {
	return oneTeam(ctx, q, `WHERE slug = @slug`, pgx.StrictNamedArgs{"slug": slug})
}

// TeamByID returns a team, or an error of KindNotFound.
func TeamByID(ctx context.Context, q Querier, id string) (portal.Team, error) {
	return oneTeam(ctx, q, `WHERE id = @id`, pgx.StrictNamedArgs{"id": id})
}

// LockTeam returns a team and keeps others from changing it, or from reserving
// its quota, until tx ends.
func LockTeam(ctx context.Context, tx pgx.Tx, id string) (portal.Team, error) {
	// It is read by a statement of its own: one that has waited for the lock would
	// not see what was granted, or ended, meanwhile.
	if _, err := tx.Exec(ctx, `SELECT FROM teams WHERE id = @id FOR UPDATE`, pgx.StrictNamedArgs{"id": id}); err != nil {
		return portal.Team{}, db.Wrap(err)
	}
	return TeamByID(ctx, tx, id)
}

func oneTeam(ctx context.Context, q Querier, where string, args pgx.StrictNamedArgs) (portal.Team, error) {
	t, err := db.One(ctx, q, pgx.RowToStructByName[portal.Team], `SELECT `+teamColumns+` FROM teams `+where, args)
	return t, named(err, "there is no such team")
}

// LockTeamNames keeps others from giving a team a name until tx ends.
func LockTeamNames(ctx context.Context, tx pgx.Tx) error {
	const names = 0x7465616d // any number that no other such lock has
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(@names)`, pgx.StrictNamedArgs{"names": names})
	return db.Wrap(err)
}

// InsertTeam keeps a new team. A slug that is taken gives a field error.
func InsertTeam(ctx context.Context, tx pgx.Tx, t portal.Team, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO teams (id, slug, name, member_group, approver_group, quota, updated_at)
		VALUES (@id, @slug, @name, @members, @approvers, @quota, @now)`,
		pgx.StrictNamedArgs{"id": t.ID, "slug": t.Slug, "name": t.Name, "members": t.MemberGroup, "approvers": t.ApproverGroup,
			"quota": t.Quota, "now": now})
	if db.IsUnique(err, "teams_slug_key") {
		return portal.Invalid(portal.FieldError{Field: "slug", Message: "A team with this short name already exists."})
	}
	return db.Wrap(err)
}

// UpdateTeam writes all but the slug of a team that is still at the version
// that t was read at; else it returns an error of KindConflict.
func UpdateTeam(ctx context.Context, tx pgx.Tx, t portal.Team, now time.Time) error {
	tag, err := tx.Exec(ctx, `
		UPDATE teams SET name = @name, member_group = @members, approver_group = @approvers,
			quota = @quota, updated_at = @now, version = version + 1
		WHERE id = @id AND version = @version`,
		pgx.StrictNamedArgs{"id": t.ID, "version": t.Version, "name": t.Name, "members": t.MemberGroup, "approvers": t.ApproverGroup,
			"quota": t.Quota, "now": now})
	if err != nil {
		return db.Wrap(err)
	}
	if tag.RowsAffected() == 0 {
		return portal.E(portal.KindConflict, "someone else has changed this team in the meantime; look at the current version and try again")
	}
	return nil
}

// usage reads rows of an item and an amount.
func usage(ctx context.Context, q Querier, sql string, args pgx.StrictNamedArgs) (portal.Usage, error) {
	type row struct {
		Item   portal.Item
		Amount int
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], sql, args)
	u := portal.Usage{}
	for _, r := range list {
		u[r.Item] = r.Amount
	}
	return u, err
}

// Reserve holds quota for a request, as far as it grows. clusterID is the cluster
// that the request changes, empty for a new one: once it is highly available, that
// is not counted twice. The caller has locked the team's row.
func Reserve(ctx context.Context, tx pgx.Tx, requestID, teamID, clusterID string, u portal.Usage) error {
	for item, amount := range u {
		if amount <= 0 {
			continue
		}
		holder := ""
		if item == portal.HAClusters {
			holder = clusterID
		}
		_, err := tx.Exec(ctx, `INSERT INTO reservations (request_id, team_id, holder_id, item, amount) VALUES (@request, @team, @holder, @item, @amount)`,
			pgx.StrictNamedArgs{"request": requestID, "team": teamID, "holder": holder, "item": item, "amount": amount})
		if err != nil {
			return db.Wrap(err)
		}
	}
	return nil
}

// Hold has a pool count as much as given until its request has ended, instead
// of what the request has reserved. The caller has locked the team's row.
func Hold(ctx context.Context, tx pgx.Tx, requestID, teamID string, p portal.Pool, nodes int) error {
	if err := Release(ctx, tx, requestID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO reservations (request_id, team_id, item, amount, holder_id) VALUES (@request, @team, @item, @amount, @pool)`,
		pgx.StrictNamedArgs{"request": requestID, "team": teamID, "item": portal.NodesOf(p.Size), "amount": nodes, "pool": p.ID})
	return db.Wrap(err)
}

// Reserved is the quota that a request holds.
func Reserved(ctx context.Context, q Querier, requestID string) (portal.Usage, error) {
	return usage(ctx, q, `SELECT item, amount FROM reservations WHERE request_id = @id`, pgx.StrictNamedArgs{"id": requestID})
}

// Release gives back the quota that a request holds, if any.
func Release(ctx context.Context, tx pgx.Tx, requestID string) error {
	_, err := tx.Exec(ctx, `DELETE FROM reservations WHERE request_id = @id`, pgx.StrictNamedArgs{"id": requestID})
	return db.Wrap(err)
}

package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const teamColumns = `teams.id, slug, teams.name, member_group, approver_group,
	quota_nodes, quota_sizes, teams.version, teams.updated_at`

// teamFields are the places that teamColumns are scanned into.
func teamFields(t *portal.Team) []any {
	return []any{&t.ID, &t.Slug, &t.Name, &t.MemberGroup, &t.ApproverGroup,
		&t.Quota.Nodes, &t.Quota.Sizes, &t.Version, &t.UpdatedAt}
}

func scanTeam(row pgx.CollectableRow) (portal.Team, error) {
	var t portal.Team
	return t, row.Scan(teamFields(&t)...)
}

// Teams lists all teams by name.
func Teams(ctx context.Context, q Querier) ([]portal.Team, error) {
	rows, err := q.Query(ctx, `SELECT `+teamColumns+` FROM teams ORDER BY name, id`)
	if err != nil {
		return nil, db.Wrap(err)
	}
	teams, err := pgx.CollectRows(rows, scanTeam)
	return teams, db.Wrap(err)
}

// TeamBySlug returns a team, or an error of KindNotFound.
func TeamBySlug(ctx context.Context, q Querier, slug string) (portal.Team, error) {
	return oneTeam(ctx, q, `SELECT `+teamColumns+` FROM teams WHERE slug = $1`, slug)
}

// TeamByID returns a team, or an error of KindNotFound.
func TeamByID(ctx context.Context, q Querier, id string) (portal.Team, error) {
	return oneTeam(ctx, q, `SELECT `+teamColumns+` FROM teams WHERE id = $1`, id)
}

// LockTeam returns a team and keeps others from changing it, or from reserving
// its quota, until tx ends.
func LockTeam(ctx context.Context, tx pgx.Tx, id string) (portal.Team, error) {
	return oneTeam(ctx, tx, `SELECT `+teamColumns+` FROM teams WHERE id = $1 FOR UPDATE`, id)
}

func oneTeam(ctx context.Context, q Querier, sql string, args ...any) (portal.Team, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return portal.Team{}, db.Wrap(err)
	}
	t, err := pgx.CollectExactlyOneRow(rows, scanTeam)
	if errors.Is(err, pgx.ErrNoRows) {
		return portal.Team{}, portal.E(portal.KindNotFound, "there is no such team", err)
	}
	return t, db.Wrap(err)
}

// LockTeamNames keeps others from giving a team a name until tx ends.
func LockTeamNames(ctx context.Context, tx pgx.Tx) error {
	const names = 0x7465616d // any number that no other such lock has
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, names)
	return db.Wrap(err)
}

// InsertTeam keeps a new team. A slug that is taken gives a field error.
func InsertTeam(ctx context.Context, tx pgx.Tx, t portal.Team, now time.Time) error {
	_, err := tx.Exec(ctx, `INSERT INTO teams
		(id, slug, name, member_group, approver_group, quota_nodes, quota_sizes, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		t.ID, t.Slug, t.Name, t.MemberGroup, t.ApproverGroup, t.Quota.Nodes, t.Quota.Sizes, now)
	if db.IsUnique(err, "teams_slug_key") {
		return portal.Invalid(portal.FieldError{Field: "slug", Message: "A team with this short name exists already."})
	}
	return db.Wrap(err)
}

// UpdateTeam writes all but the slug of a team that is still at the version
// that t was read at; else it returns an error of KindConflict.
func UpdateTeam(ctx context.Context, tx pgx.Tx, t portal.Team, now time.Time) error {
	tag, err := tx.Exec(ctx, `UPDATE teams SET name = $3, member_group = $4, approver_group = $5,
		quota_nodes = $6, quota_sizes = $7, updated_at = $8, version = version + 1
		WHERE id = $1 AND version = $2`,
		t.ID, t.Version, t.Name, t.MemberGroup, t.ApproverGroup, t.Quota.Nodes, t.Quota.Sizes, now)
	if err != nil {
		return db.Wrap(err)
	}
	if tag.RowsAffected() == 0 {
		return portal.E(portal.KindConflict, "somebody else has changed this team meanwhile; look at it as it is now and try again")
	}
	return nil
}

// TeamUsage is what a team takes of its quota: its clusters and what its
// requests under way hold. A pool whose request holds it counts as much as it
// is held for, or more when there is more. It is one statement, because a
// create moves its nodes from a reservation to a cluster and must be counted
// exactly once.
func TeamUsage(ctx context.Context, q Querier, teamID string) (portal.Usage, error) {
	return usage(ctx, q, `
		WITH pools AS (
			SELECT p.id, p.size, CASE WHEN p.auto_scale THEN p.max_nodes ELSE p.count END AS nodes
			FROM node_pools p JOIN clusters c ON c.id = p.cluster_id
			WHERE c.team_id = $1 AND c.gone_at IS NULL
		), held AS (SELECT pool_id, size, nodes FROM reservations WHERE team_id = $1)
		SELECT size, sum(nodes)::int FROM (
			SELECT size, greatest(nodes, (SELECT max(held.nodes) FROM held WHERE pool_id = pools.id)) AS nodes FROM pools
			UNION ALL
			SELECT size, nodes FROM held WHERE pool_id NOT IN (SELECT id FROM pools)
		) used GROUP BY size`, teamID)
}

// usage reads rows of a size and a number of nodes.
func usage(ctx context.Context, q Querier, sql string, args ...any) (portal.Usage, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, db.Wrap(err)
	}
	u := portal.Usage{}
	var size string
	var nodes int
	_, err = pgx.ForEachRow(rows, []any{&size, &nodes}, func() error {
		u[size] = nodes
		return nil
	})
	return u, db.Wrap(err)
}

// Reserve holds quota for a request, as far as it grows. The caller has locked
// the team's row.
func Reserve(ctx context.Context, tx pgx.Tx, requestID, teamID string, u portal.Usage) error {
	for size, nodes := range u {
		if nodes <= 0 {
			continue
		}
		_, err := tx.Exec(ctx, `INSERT INTO reservations (request_id, team_id, size, nodes)
			VALUES ($1, $2, $3, $4)`, requestID, teamID, size, nodes)
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
	_, err := tx.Exec(ctx, `INSERT INTO reservations (request_id, team_id, size, nodes, pool_id)
		VALUES ($1, $2, $3, $4, $5)`, requestID, teamID, p.Size, nodes, p.ID)
	return db.Wrap(err)
}

// Reserved is the quota that a request holds.
func Reserved(ctx context.Context, q Querier, requestID string) (portal.Usage, error) {
	return usage(ctx, q, `SELECT size, nodes FROM reservations WHERE request_id = $1`, requestID)
}

// Release gives back the quota that a request holds, if any.
func Release(ctx context.Context, tx pgx.Tx, requestID string) error {
	_, err := tx.Exec(ctx, `DELETE FROM reservations WHERE request_id = $1`, requestID)
	return db.Wrap(err)
}

package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const teamColumns = `id, slug, name, member_group, approver_group, quota_nodes, quota_sizes, version, updated_at`

func readTeam(row pgx.CollectableRow) (portal.Team, error) {
	type team struct {
		portal.Team
		QuotaNodes int
		QuotaSizes map[string]int
	}
	r, err := pgx.RowToStructByNameLax[team](row)
	r.Quota = portal.Quota{Nodes: r.QuotaNodes, Sizes: r.QuotaSizes}
	return r.Team, err
}

// Teams lists all teams by name.
func Teams(ctx context.Context, q Querier) ([]portal.Team, error) {
	return db.All(ctx, q, readTeam, `SELECT `+teamColumns+` FROM teams ORDER BY name, id`)
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
	return oneTeam(ctx, tx, `WHERE id = @id FOR UPDATE`, pgx.StrictNamedArgs{"id": id})
}

func oneTeam(ctx context.Context, q Querier, where string, args pgx.StrictNamedArgs) (portal.Team, error) {
	t, err := db.One(ctx, q, readTeam, `SELECT `+teamColumns+` FROM teams `+where, args)
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
		INSERT INTO teams (id, slug, name, member_group, approver_group, quota_nodes, quota_sizes, updated_at)
		VALUES (@id, @slug, @name, @members, @approvers, @nodes, @sizes, @now)`,
		pgx.StrictNamedArgs{"id": t.ID, "slug": t.Slug, "name": t.Name, "members": t.MemberGroup, "approvers": t.ApproverGroup,
			"nodes": t.Quota.Nodes, "sizes": t.Quota.Sizes, "now": now})
	if db.IsUnique(err, "teams_slug_key") {
		return portal.Invalid(portal.FieldError{Field: "slug", Message: "A team with this short name exists already."})
	}
	return db.Wrap(err)
}

// UpdateTeam writes all but the slug of a team that is still at the version
// that t was read at; else it returns an error of KindConflict.
func UpdateTeam(ctx context.Context, tx pgx.Tx, t portal.Team, now time.Time) error {
	tag, err := tx.Exec(ctx, `
		UPDATE teams SET name = @name, member_group = @members, approver_group = @approvers,
			quota_nodes = @nodes, quota_sizes = @sizes, updated_at = @now, version = version + 1
		WHERE id = @id AND version = @version`,
		pgx.StrictNamedArgs{"id": t.ID, "version": t.Version, "name": t.Name, "members": t.MemberGroup, "approvers": t.ApproverGroup,
			"nodes": t.Quota.Nodes, "sizes": t.Quota.Sizes, "now": now})
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
			WHERE c.team_id = @team AND c.gone_at IS NULL
		), held AS (SELECT pool_id, size, nodes FROM reservations WHERE team_id = @team)
		SELECT size, sum(nodes)::int AS nodes FROM (
			SELECT size, greatest(nodes, (SELECT max(held.nodes) FROM held WHERE pool_id = pools.id)) AS nodes FROM pools
			UNION ALL
			SELECT size, nodes FROM held WHERE pool_id NOT IN (SELECT id FROM pools)
		) used GROUP BY size`, pgx.StrictNamedArgs{"team": teamID})
}

// usage reads rows of a size and a number of nodes.
func usage(ctx context.Context, q Querier, sql string, args pgx.StrictNamedArgs) (portal.Usage, error) {
	type row struct {
		Size  string
		Nodes int
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], sql, args)
	u := portal.Usage{}
	for _, r := range list {
		u[r.Size] = r.Nodes
	}
	return u, err
}

// Reserve holds quota for a request, as far as it grows. The caller has locked
// the team's row.
func Reserve(ctx context.Context, tx pgx.Tx, requestID, teamID string, u portal.Usage) error {
	for size, nodes := range u {
		if nodes <= 0 {
			continue
		}
		_, err := tx.Exec(ctx, `INSERT INTO reservations (request_id, team_id, size, nodes) VALUES (@request, @team, @size, @nodes)`,
			pgx.StrictNamedArgs{"request": requestID, "team": teamID, "size": size, "nodes": nodes})
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
		INSERT INTO reservations (request_id, team_id, size, nodes, pool_id) VALUES (@request, @team, @size, @nodes, @pool)`,
		pgx.StrictNamedArgs{"request": requestID, "team": teamID, "size": p.Size, "nodes": nodes, "pool": p.ID})
	return db.Wrap(err)
}

// Reserved is the quota that a request holds.
func Reserved(ctx context.Context, q Querier, requestID string) (portal.Usage, error) {
	return usage(ctx, q, `SELECT size, nodes FROM reservations WHERE request_id = @id`, pgx.StrictNamedArgs{"id": requestID})
}

// Release gives back the quota that a request holds, if any.
func Release(ctx context.Context, tx pgx.Tx, requestID string) error {
	_, err := tx.Exec(ctx, `DELETE FROM reservations WHERE request_id = @id`, pgx.StrictNamedArgs{"id": requestID})
	return db.Wrap(err)
}

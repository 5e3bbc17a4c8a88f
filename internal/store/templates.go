package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// NoTemplate is said of a template that there is not, and of one of another team.
const NoTemplate = "there is no such template"

const selectTemplates = `SELECT m.id, m.team_id, t.slug AS team_slug, t.name AS team_name, m.name, m.params, m.saved_by, m.saved_at
	FROM templates m JOIN teams t ON t.id = m.team_id `

// Templates lists the templates of teams by the names of the teams and their own.
func Templates(ctx context.Context, q Querier, teamIDs []string) ([]portal.Template, error) {
	return db.All(ctx, q, pgx.RowToStructByName[portal.Template], selectTemplates+`
		WHERE m.team_id = ANY(@teams::uuid[]) ORDER BY t.name, t.id, m.name`, pgx.StrictNamedArgs{"teams": teamIDs})
}

// Template returns KindNotFound for one that there is not. Callers make sure that
// the reader is a member of its team.
func Template(ctx context.Context, q Querier, id string) (portal.Template, error) {
	if !portal.IsUUID(id) {
		return portal.Template{}, portal.E(portal.KindNotFound, NoTemplate)
	}
	t, err := db.One(ctx, q, pgx.RowToStructByName[portal.Template], selectTemplates+`WHERE m.id = @id`, pgx.StrictNamedArgs{"id": id})
	return t, named(err, NoTemplate)
}

// SetTemplate keeps a template, in the place of what was kept under its id. Callers
// have locked its team.
func SetTemplate(ctx context.Context, tx pgx.Tx, t portal.Template) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO templates (id, team_id, name, params, saved_by, saved_at) VALUES (@id, @team, @name, @params, @by, @at)
		ON CONFLICT (id) DO UPDATE SET name = @name, params = @params, saved_by = @by, saved_at = @at`,
		pgx.StrictNamedArgs{"id": t.ID, "team": t.TeamID, "name": t.Name, "params": t.Params, "by": t.SavedBy, "at": t.SavedAt})
	return db.Wrap(err)
}

// DeleteTemplate removes a template. Callers have locked its team.
func DeleteTemplate(ctx context.Context, tx pgx.Tx, id string) error {
	_, err := tx.Exec(ctx, `DELETE FROM templates WHERE id = @id`, pgx.StrictNamedArgs{"id": id})
	return db.Wrap(err)
}

package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const selectRules = `SELECT r.id::text, r.kind, r.pattern, r.team_id::text, t.slug AS team_slug, t.name AS team_name, r.environment, r.created_by, r.created_at
	FROM ownership_rules r JOIN teams t ON t.id = r.team_id `

// OwnershipRules lists the rules by what they look at.
func OwnershipRules(ctx context.Context, q Querier) ([]portal.OwnershipRule, error) {
	return db.All(ctx, q, pgx.RowToStructByName[portal.OwnershipRule], selectRules+`ORDER BY r.kind DESC, r.pattern`)
}

// OwnershipRule returns a rule, or an error of KindNotFound.
func OwnershipRule(ctx context.Context, q Querier, id string) (portal.OwnershipRule, error) {
	r, err := db.One(ctx, q, pgx.RowToStructByName[portal.OwnershipRule], selectRules+`WHERE r.id::text = @id`, pgx.StrictNamedArgs{"id": id})
	return r, named(err, "there is no such rule")
}

// InsertOwnershipRule keeps a new rule. One that looks at the same as another gives a
// field error.
func InsertOwnershipRule(ctx context.Context, tx pgx.Tx, r portal.OwnershipRule) error {
	_, err := tx.Exec(ctx, `INSERT INTO ownership_rules (id, kind, pattern, team_id, environment, created_by, created_at)
		VALUES (@id, @kind, @pattern, @team, @environment, @by, @at)`,
		pgx.StrictNamedArgs{"id": r.ID, "kind": r.Kind, "pattern": r.Pattern, "team": r.TeamID, "environment": r.Environment, "by": r.CreatedBy, "at": r.CreatedAt})
	if db.IsUnique(err, "ownership_rules_once") {
		return portal.Invalid(portal.FieldError{Field: "pattern", Message: "There is a rule for this pattern already; remove it first."})
	}
	return db.Wrap(err)
}

// DeleteOwnershipRule removes a rule. It reports whether there was one.
func DeleteOwnershipRule(ctx context.Context, tx pgx.Tx, id string) (bool, error) {
	tag, err := tx.Exec(ctx, `DELETE FROM ownership_rules WHERE id::text = @id`, pgx.StrictNamedArgs{"id": id})
	return err == nil && tag.RowsAffected() > 0, db.Wrap(err)
}

package store

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// SearchFilter says what is looked for, and who looks.
type SearchFilter struct {
	Text    string   // part of the name or id of a cluster, or how the name that a request is about begins
	All     bool     // of every team
	TeamIDs []string // of these teams, unless All
	Groups  []string // whose members may decide on requests besides
	Limit   int      // of each kind
}

// SearchClusters finds clusters by a part of their name, their id or one of their
// tags, those whose name begins with it first.
func SearchClusters(ctx context.Context, q Querier, f SearchFilter) ([]portal.ClusterSummary, error) {
	return db.All(ctx, q, pgx.RowToStructByName[portal.ClusterSummary], clusterSummary+`
		WHERE c.gone_at IS NULL AND (@all OR c.team_id = ANY(@teams::uuid[]))
			AND (c.name ILIKE '%' || @text || '%' OR c.id ILIKE @text || '%' OR EXISTS (SELECT FROM unnest(c.tags) tag WHERE tag ILIKE @text || '%'))
		ORDER BY c.name NOT ILIKE @text || '%', c.name, c.id LIMIT @limit`,
		pgx.StrictNamedArgs{"all": f.All, "teams": f.TeamIDs, "text": likeText(f.Text), "limit": f.Limit})
}

// SearchRequests finds the newest requests about something whose name begins with
// the text.
func SearchRequests(ctx context.Context, q Querier, f SearchFilter) ([]portal.Request, error) {
	return db.All(ctx, q, readListed, `SELECT `+listColumns+requestTables+`
		WHERE (@all OR r.team_id = ANY(@teams::uuid[]) OR r.approver_groups && @groups) AND lower(r.target_name) LIKE lower(@text) || '%'
		ORDER BY r.number DESC LIMIT @limit`,
		pgx.StrictNamedArgs{"all": f.All, "teams": f.TeamIDs, "groups": notNil(f.Groups), "text": likeText(f.Text), "limit": f.Limit})
}

// SearchPeople finds people whom the portal knows by how a word of their name or
// their e-mail address begins.
func SearchPeople(ctx context.Context, q Querier, text string, limit int) ([]portal.Person, error) {
	return db.All(ctx, q, pgx.RowToStructByNameLax[portal.Person], `SELECT issuer, subject, name FROM people
		WHERE name ILIKE @text || '%' OR name ILIKE '% ' || @text || '%' OR email ILIKE @text || '%'
		ORDER BY name, issuer, subject LIMIT @limit`, pgx.StrictNamedArgs{"text": likeText(text), "limit": limit})
}

// likeText is a text that LIKE takes to the letter.
func likeText(text string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text)
}

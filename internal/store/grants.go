package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// grantMembers are the members of a portal.Grant as JSON, of the grant g and its
// request r.
const grantMembers = `'id', g.id, 'team_id', g.team_id, 'item', g.item, 'limit', g.amount, 'starts_at', g.starts_at, 'until', g.until,
	'request', r.number, 'told', g.told`

// InsertGrant keeps a grant of a request, given by its id. The caller has locked the
// team's row.
func InsertGrant(ctx context.Context, tx pgx.Tx, g portal.Grant, requestID string) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO quota_grants (id, team_id, request_id, item, amount, starts_at, until, told)
		VALUES (@id, @team, @request, @item, @amount, @starts, @until, @told)`,
		pgx.StrictNamedArgs{"id": g.ID, "team": g.TeamID, "request": requestID, "item": g.Item, "amount": g.Limit,
			"starts": g.StartsAt, "until": g.Until, "told": g.Told})
	return db.Wrap(err)
}

// GrantsUntil lists the grants that nobody has ended and that end by the given time,
// those that end first first.
func GrantsUntil(ctx context.Context, q Querier, by time.Time, limit int) ([]portal.Grant, error) {
	return db.All(ctx, q, pgx.RowTo[portal.Grant], `
		SELECT jsonb_build_object(`+grantMembers+`) FROM quota_grants g JOIN requests r ON r.id = g.request_id
		WHERE g.ended_at IS NULL AND g.until <= @by ORDER BY g.until, g.id LIMIT @limit`, pgx.StrictNamedArgs{"by": by, "limit": limit})
}

// EndGrant marks a grant as ended. The caller has locked the team's row.
func EndGrant(ctx context.Context, tx pgx.Tx, id string, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE quota_grants SET ended_at = @now WHERE id = @id AND ended_at IS NULL`, pgx.StrictNamedArgs{"id": id, "now": now})
	return db.Wrap(err)
}

// SetGrantTold notes how often it was said that a grant ends soon. The caller has
// locked the team's row.
func SetGrantTold(ctx context.Context, tx pgx.Tx, id string, times int) error {
	_, err := tx.Exec(ctx, `UPDATE quota_grants SET told = @times WHERE id = @id`, pgx.StrictNamedArgs{"id": id, "times": times})
	return db.Wrap(err)
}

// Raising is which limits of a team requests that can still go on are to raise, but
// for one request by its id, with the number of the first. One that is out of date
// keeps nobody else from asking.
func Raising(ctx context.Context, q Querier, teamID, except string) (map[portal.Item]int64, error) {
	type row struct {
		Item   portal.Item
		Number int64
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `
		SELECT item, min(number) AS number FROM requests, jsonb_object_keys(params #> '{raise,limits}') AS item
		WHERE operation IN `+literals(portal.RaiseQuota)+` AND team_id = @team AND id::text <> @except AND state = ANY(@open) GROUP BY item`,
		pgx.StrictNamedArgs{"team": teamID, "except": except, "open": open})
	raising := map[portal.Item]int64{}
	for _, r := range list {
		raising[r.Item] = r.Number
	}
	return raising, err
}

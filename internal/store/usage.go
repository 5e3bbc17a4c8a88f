package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// usageKept is how long the use of a day is kept.
const usageKept = 400 * 24 * time.Hour

// TeamUsage is UsageOf for one team.
func TeamUsage(ctx context.Context, q Querier, teamID string) (portal.Usage, error) {
	all, err := UsageOf(ctx, q, []string{teamID})
	if u, ok := all[teamID]; ok {
		return u, err
	}
	return portal.Usage{}, err
}

// UsageOf is what teams take of their quotas, by their ids: their clusters and what
// their requests under way hold. A pool, or a cluster's high availability, that a
// request holds counts as much as it is held for, or more when there is more. It is
// one statement, because a create moves what it takes from a reservation to a
// cluster and must be counted exactly once.
func UsageOf(ctx context.Context, q Querier, teamIDs []string) (map[string]portal.Usage, error) {
	type row struct {
		TeamID string
		Item   portal.Item
		Amount int
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `
		WITH own AS (SELECT id, team_id, ha FROM clusters WHERE team_id = ANY (@teams) AND gone_at IS NULL),
		holders AS (
			SELECT p.id, own.team_id, @nodes_of || p.size AS item, CASE WHEN p.auto_scale THEN p.max_nodes ELSE p.count END AS amount
			FROM node_pools p JOIN own ON own.id = p.cluster_id
			UNION ALL
			SELECT id, team_id, @ha_clusters, 1 FROM own WHERE ha
		), held AS (SELECT holder_id, team_id, item, amount FROM reservations WHERE team_id = ANY (@teams)),
		most AS (SELECT team_id, holder_id, max(amount) AS amount FROM held WHERE holder_id <> '' GROUP BY team_id, holder_id)
		SELECT team_id, item, sum(amount)::int AS amount FROM (
			SELECT team_id, @clusters AS item, 1 AS amount FROM own
			UNION ALL
			SELECT h.team_id, h.item, greatest(h.amount, most.amount) FROM holders h LEFT JOIN most ON most.team_id = h.team_id AND most.holder_id = h.id
			UNION ALL
			SELECT team_id, item, amount FROM held WHERE NOT EXISTS (SELECT FROM holders h WHERE h.team_id = held.team_id AND h.id = held.holder_id)
		) used GROUP BY team_id, item`, pgx.StrictNamedArgs{"teams": notNil(teamIDs), "clusters": string(portal.Clusters),
		"ha_clusters": string(portal.HAClusters), "nodes_of": string(portal.NodesOf(""))})
	all := make(map[string]portal.Usage, len(teamIDs))
	for _, r := range list {
		if all[r.TeamID] == nil {
			all[r.TeamID] = portal.Usage{}
		}
		all[r.TeamID][r.Item] = r.Amount
	}
	return all, err
}

// UnownedNodes are the nodes of clusters that nobody owns, counted as those of teams.
func UnownedNodes(ctx context.Context, q Querier) (int, error) {
	return db.One(ctx, q, pgx.RowTo[int], `SELECT coalesce(sum(CASE WHEN p.auto_scale THEN p.max_nodes ELSE p.count END), 0)::int
		FROM node_pools p JOIN clusters c ON c.id = p.cluster_id WHERE c.team_id IS NULL AND c.gone_at IS NULL`)
}

// DayUsage is what a team used of its quota on a day.
type DayUsage struct {
	Day   time.Time // its midnight in UTC
	Usage portal.Usage
}

// RecordUsage keeps what every team uses now as its use of the day, and removes
// what is too old. A task calls it.
func RecordUsage(ctx context.Context, tx pgx.Tx, now time.Time) error {
	teams, err := Teams(ctx, tx)
	if err != nil {
		return err
	}
	ids, usages := make([]string, len(teams)), make([]portal.Usage, len(teams))
	for i, t := range teams {
		ids[i] = t.ID
	}
	used, err := UsageOf(ctx, tx, ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if usages[i] = used[id]; usages[i] == nil {
			usages[i] = portal.Usage{}
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO team_usage (team_id, day, usage)
		SELECT * FROM unnest(@teams::uuid[], array_fill(@day::date, ARRAY[@count::int]), @usages::jsonb[])
		ON CONFLICT (team_id, day) DO UPDATE SET usage = excluded.usage WHERE team_usage.usage <> excluded.usage`,
		pgx.StrictNamedArgs{"teams": ids, "count": len(ids), "day": now.UTC().Truncate(24 * time.Hour), "usages": usages})
	if err != nil {
		return db.Wrap(err)
	}
	_, err = tx.Exec(ctx, `DELETE FROM team_usage WHERE day < @before::date`, pgx.StrictNamedArgs{"before": now.UTC().Add(-usageKept)})
	return db.Wrap(err)
}

// UsageSince is what teams used on the days since, by their ids, oldest first. Days
// of which nothing was recorded are missing.
func UsageSince(ctx context.Context, q Querier, teamIDs []string, since time.Time) (map[string][]DayUsage, error) {
	type row struct {
		TeamID string
		Day    time.Time
		Usage  portal.Usage
	}
	list, err := db.All(ctx, q, pgx.RowToStructByName[row], `SELECT team_id, day, usage FROM team_usage
		WHERE team_id = ANY (@teams) AND day >= @since::date ORDER BY team_id, day`, pgx.StrictNamedArgs{"teams": notNil(teamIDs), "since": since.UTC()})
	all := map[string][]DayUsage{}
	for _, r := range list {
		all[r.TeamID] = append(all[r.TeamID], DayUsage{r.Day, r.Usage})
	}
	return all, err
}

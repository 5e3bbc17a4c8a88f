package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const clusterColumns = `c.id, c.name, c.region, c.version, c.ha, c.state, c.state_message, c.tags,
	c.endpoint, c.created_at, c.details, coalesce(c.team_id::text, ''), coalesce(t.name, ''),
	coalesce(c.environment, ''), c.protected, c.seen_at, c.gone_at`

const clusterTables = ` FROM clusters c LEFT JOIN teams t ON t.id = c.team_id `

func scanCluster(row pgx.CollectableRow) (portal.Cluster, error) {
	var c portal.Cluster
	var goneAt *time.Time
	err := row.Scan(&c.ID, &c.Name, &c.Region, &c.Version, &c.HA, &c.State, &c.StateMessage, &c.Tags,
		&c.Endpoint, &c.CreatedAt, &c.Details, &c.TeamID, &c.TeamName, &c.Environment, &c.Protected, &c.SeenAt, &goneAt)
	c.GoneAt = fromNull(goneAt)
	return c, err
}

// ClusterFilter narrows a list of clusters.
type ClusterFilter struct {
	All       bool     // of every team and of none
	TeamIDs   []string // of these teams, unless All
	AfterName string   // with AfterID: the last cluster of the previous page
	AfterID   string
	Limit     int
}

// Clusters lists the clusters that exist, by name.
func Clusters(ctx context.Context, q Querier, f ClusterFilter) ([]portal.ClusterSummary, error) {
	rows, err := q.Query(ctx, `SELECT c.id, c.name, c.region, c.version, c.state,
			coalesce(c.team_id::text, ''), coalesce(t.name, ''), coalesce(c.environment, ''), c.protected,
			(SELECT coalesce(sum(count), 0) FROM node_pools p WHERE p.cluster_id = c.id)`+clusterTables+`
		WHERE c.gone_at IS NULL AND ($1 OR c.team_id = ANY($2::uuid[])) AND (c.name, c.id) > ($3, $4)
		ORDER BY c.name, c.id LIMIT $5`, f.All, f.TeamIDs, f.AfterName, f.AfterID, f.Limit)
	if err != nil {
		return nil, db.Wrap(err)
	}
	clusters, err := pgx.CollectRows(rows, pgx.RowToStructByPos[portal.ClusterSummary])
	return clusters, db.Wrap(err)
}

// Cluster returns a cluster with its pools, also one that is gone, or an error
// of KindNotFound.
func Cluster(ctx context.Context, q Querier, id string) (portal.Cluster, error) {
	clusters, err := selectClusters(ctx, q, `SELECT `+clusterColumns+clusterTables+`WHERE c.id = $1`, id)
	if err != nil {
		return portal.Cluster{}, err
	}
	if len(clusters) == 0 {
		return portal.Cluster{}, portal.E(portal.KindNotFound, "there is no such cluster")
	}
	return clusters[0], addPools(ctx, q, clusters)
}

// ClustersByID returns those of the clusters that exist, by name, with their
// pools.
func ClustersByID(ctx context.Context, q Querier, ids []string) ([]portal.Cluster, error) {
	clusters, err := selectClusters(ctx, q, `SELECT `+clusterColumns+clusterTables+`
		WHERE c.id = ANY($1) AND c.gone_at IS NULL ORDER BY c.name, c.id`, ids)
	if err != nil {
		return nil, err
	}
	return clusters, addPools(ctx, q, clusters)
}

// ClusterNameTaken reports whether a cluster that exists, or one that is being
// asked for by another request than the given one, has the name. DigitalOcean
// allows a name once an account.
func ClusterNameTaken(ctx context.Context, q Querier, name, except string) (bool, error) {
	var taken bool
	err := q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM clusters WHERE name = $1 AND gone_at IS NULL)
		OR EXISTS (SELECT FROM requests WHERE operation = 'create_cluster' AND target_name = $1 AND id::text <> $2
			AND state IN ('pending', 'approved', 'executing', 'settling', 'unknown'))`, name, except).Scan(&taken)
	return taken, db.Wrap(err)
}

// ClusterIDs returns the ids of the clusters that exist as far as was last
// heard before the given time.
func ClusterIDs(ctx context.Context, q Querier, before time.Time) ([]string, error) {
	rows, err := q.Query(ctx, `SELECT id FROM clusters WHERE gone_at IS NULL AND seen_at < $1`, before)
	if err != nil {
		return nil, db.Wrap(err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return ids, db.Wrap(err)
}

// SeeCluster writes down what DigitalOcean says of a cluster at c.SeenAt,
// unless something newer is known. Team and environment stay as they are.
func SeeCluster(ctx context.Context, tx pgx.Tx, c portal.Cluster) error {
	tag, err := tx.Exec(ctx, `INSERT INTO clusters (id, name, region, version, ha, state, state_message,
			tags, endpoint, created_at, seen_at, details)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (id) DO UPDATE SET name = $2, region = $3, version = $4, ha = $5, state = $6,
			state_message = $7, tags = $8, endpoint = $9, created_at = $10, seen_at = $11, details = $12, gone_at = NULL
		WHERE clusters.seen_at <= $11`,
		c.ID, c.Name, c.Region, c.Version, c.HA, c.State, c.StateMessage,
		notNil(c.Tags), c.Endpoint, c.CreatedAt, c.SeenAt, c.Details)
	if err != nil {
		return db.Wrap(err)
	}
	if tag.RowsAffected() == 0 {
		return nil
	}
	return replacePools(ctx, tx, c)
}

func replacePools(ctx context.Context, tx pgx.Tx, c portal.Cluster) error {
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM node_pools WHERE cluster_id = $1`, c.ID)
	for _, p := range c.Pools {
		queuePool(batch, c.ID, p)
	}
	return db.Wrap(tx.SendBatch(ctx, batch).Close())
}

func queuePool(batch *pgx.Batch, clusterID string, p portal.Pool) {
	batch.Queue(`INSERT INTO node_pools (cluster_id, id, name, size, count, auto_scale, min_nodes, max_nodes, nodes, details)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (cluster_id, id) DO UPDATE SET name = $3, size = $4, count = $5, auto_scale = $6,
			min_nodes = $7, max_nodes = $8, nodes = $9, details = $10`,
		clusterID, p.ID, p.Name, p.Size, p.Count, p.AutoScale, p.MinNodes, p.MaxNodes, notNil(p.Nodes), p.Details)
}

// SeePool writes down what DigitalOcean says of one pool at the given time.
// Lists that were read before that no longer replace the cluster's pools.
func SeePool(ctx context.Context, tx pgx.Tx, clusterID string, p portal.Pool, at time.Time) error {
	batch := &pgx.Batch{}
	batch.Queue(`UPDATE clusters SET seen_at = greatest(seen_at, $2) WHERE id = $1`, clusterID, at)
	queuePool(batch, clusterID, p)
	return db.Wrap(tx.SendBatch(ctx, batch).Close())
}

// LockClusters keeps others from starting to change the clusters until tx ends.
func LockClusters(ctx context.Context, tx pgx.Tx, ids []string) error {
	_, err := tx.Exec(ctx, `SELECT FROM clusters WHERE id = ANY($1) ORDER BY id FOR UPDATE`, ids)
	return db.Wrap(err)
}

// AssignCluster gives a cluster to a team and an environment, or to nobody when
// teamID is empty: then it has no environment and is protected.
func AssignCluster(ctx context.Context, tx pgx.Tx, id, teamID string, env portal.Environment) error {
	tag, err := tx.Exec(ctx, `UPDATE clusters SET team_id = @team, environment = CASE WHEN @team::uuid IS NULL THEN NULL ELSE @environment END,
			protected = @team::uuid IS NULL OR (team_id IS NOT NULL AND protected), had_team = had_team OR @team::uuid IS NOT NULL
		WHERE id = @id`, pgx.NamedArgs{"id": id, "team": db.OrNull(teamID), "environment": db.OrNull(env)})
	if err == nil && tag.RowsAffected() == 0 {
		return portal.E(portal.KindNotFound, "there is no such cluster")
	}
	return db.Wrap(err)
}

// Protect sets whether requests may delete the cluster. It reports whether that
// changed anything.
func Protect(ctx context.Context, tx pgx.Tx, id string, protected bool) (bool, error) {
	tag, err := tx.Exec(ctx, `UPDATE clusters SET protected = $2 WHERE id = $1 AND protected <> $2`, id, protected)
	return err == nil && tag.RowsAffected() > 0, db.Wrap(err)
}

// MarkClusterGone records that DigitalOcean no longer has the cluster. It
// reports whether that changed anything.
func MarkClusterGone(ctx context.Context, tx pgx.Tx, id string, now time.Time) (bool, error) {
	tag, err := tx.Exec(ctx, `UPDATE clusters SET gone_at = $2, seen_at = $2
		WHERE id = $1 AND gone_at IS NULL`, id, now)
	return err == nil && tag.RowsAffected() > 0, db.Wrap(err)
}

func selectClusters(ctx context.Context, q Querier, sql string, args ...any) ([]portal.Cluster, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, db.Wrap(err)
	}
	clusters, err := pgx.CollectRows(rows, scanCluster)
	return clusters, db.Wrap(err)
}

// addPools reads the pools of all clusters at once.
func addPools(ctx context.Context, q Querier, clusters []portal.Cluster) error {
	at := make(map[string]int, len(clusters))
	ids := make([]string, len(clusters))
	for i, c := range clusters {
		at[c.ID], ids[i] = i, c.ID
	}
	rows, err := q.Query(ctx, `SELECT cluster_id, id, name, size, count, auto_scale, min_nodes, max_nodes, nodes, details
		FROM node_pools WHERE cluster_id = ANY($1) ORDER BY cluster_id, name, id`, ids)
	if err != nil {
		return db.Wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		var clusterID string
		var p portal.Pool
		if err := rows.Scan(&clusterID, &p.ID, &p.Name, &p.Size, &p.Count, &p.AutoScale,
			&p.MinNodes, &p.MaxNodes, &p.Nodes, &p.Details); err != nil {
			return db.Wrap(err)
		}
		pools := &clusters[at[clusterID]].Pools
		*pools = append(*pools, p)
	}
	return db.Wrap(rows.Err())
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

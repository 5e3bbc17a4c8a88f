package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

const clusterColumns = `c.id, c.name, c.region, c.version, c.ha, c.state, c.state_message, c.tags,
	c.endpoint, c.created_at, c.details, coalesce(c.team_id::text, '') AS team_id, coalesce(t.name, '') AS team_name,
	coalesce(c.environment, '') AS environment, c.protected, ` + seenAt + ` AS seen_at, c.gone_at AS gone`

// seenAt is since when what is kept of a cluster is what DigitalOcean says: a
// reading that said the same has not written it again.
const seenAt = `CASE WHEN c.gone_at IS NULL THEN greatest(c.seen_at, (SELECT complete_at FROM inventory_state)) ELSE c.seen_at END`

const clusterTables = ` FROM clusters c LEFT JOIN teams t ON t.id = c.team_id `

func readCluster(row pgx.CollectableRow) (portal.Cluster, error) {
	type cluster struct {
		portal.Cluster
		Gone *time.Time
	}
	r, err := pgx.RowToStructByNameLax[cluster](row)
	r.GoneAt = fromNull(r.Gone)
	return r.Cluster, err
}

// ClusterFilter narrows a list of clusters.
type ClusterFilter struct {
	All       bool     // of every team and of none
	TeamIDs   []string // of these teams, unless All
	AfterName string   // with AfterID: the last cluster of the previous page
	AfterID   string
	Limit     int
}

const clusterSummary = `SELECT c.id, c.name, c.region, c.version, c.state,
	coalesce(c.team_id::text, '') AS team_id, coalesce(t.name, '') AS team_name, coalesce(c.environment, '') AS environment,
	c.protected, c.tags, c.ha, c.created_at, (
		SELECT coalesce(jsonb_agg(jsonb_build_object('size', size, 'count', count, 'auto_scale', auto_scale) ORDER BY name), '[]')
		FROM node_pools p WHERE p.cluster_id = c.id) AS pools` + clusterTables

// Clusters lists the clusters that exist, by name.
func Clusters(ctx context.Context, q Querier, f ClusterFilter) ([]portal.ClusterSummary, error) {
	return db.All(ctx, q, pgx.RowToStructByName[portal.ClusterSummary], clusterSummary+`
		WHERE c.gone_at IS NULL AND (@all OR c.team_id = ANY(@teams::uuid[])) AND (c.name, c.id) > (@after_name, @after_id)
		ORDER BY c.name, c.id LIMIT @limit`,
		pgx.StrictNamedArgs{"all": f.All, "teams": f.TeamIDs, "after_name": f.AfterName, "after_id": f.AfterID, "limit": f.Limit})
}

// NamedCluster is a cluster that is or was called something.
type NamedCluster struct {
	ID, Name  string
	CreatedAt time.Time
	GoneAt    time.Time // zero: it exists
}

// ClustersNamed returns the clusters, also those that are gone, that have a name, or
// its text as their id; the newest first.
func ClustersNamed(ctx context.Context, q Querier, name string, limit int) ([]NamedCluster, error) {
	type cluster struct {
		NamedCluster
		Gone *time.Time
	}
	list, err := db.All(ctx, q, pgx.RowToStructByNameLax[cluster], `SELECT id, name, created_at, gone_at AS gone FROM clusters
		WHERE name = @name OR id = @name ORDER BY created_at DESC, id LIMIT @limit`, pgx.StrictNamedArgs{"name": name, "limit": limit})
	named := make([]NamedCluster, len(list))
	for i, c := range list {
		named[i] = c.NamedCluster
		named[i].GoneAt = fromNull(c.Gone)
	}
	return named, err
}

// TeamRegion returns the region in which a team has most of its clusters, empty
// when it has none.
func TeamRegion(ctx context.Context, q Querier, teamID string) (string, error) {
	list, err := db.All(ctx, q, pgx.RowTo[string], `SELECT region FROM clusters WHERE gone_at IS NULL AND team_id = @team
		GROUP BY region ORDER BY count(*) DESC, region LIMIT 1`, pgx.StrictNamedArgs{"team": teamID})
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// ClustersOf lists clusters of teams with their pools, those that are not running
// first and then by name.
func ClustersOf(ctx context.Context, q Querier, teamIDs []string, limit int) ([]portal.Cluster, error) {
	clusters, err := db.All(ctx, q, readCluster, `SELECT `+clusterColumns+clusterTables+`
		WHERE c.gone_at IS NULL AND c.team_id = ANY(@teams::uuid[]) ORDER BY c.state = @running, c.name, c.id LIMIT @limit`,
		pgx.StrictNamedArgs{"teams": teamIDs, "running": portal.ClusterRunning, "limit": limit})
	if err != nil {
		return nil, err
	}
	return clusters, addPools(ctx, q, clusters)
}

// UnownedClusters lists clusters that no team owns, by name.
func UnownedClusters(ctx context.Context, q Querier, limit int) ([]portal.ClusterSummary, error) {
	return db.All(ctx, q, pgx.RowToStructByName[portal.ClusterSummary], clusterSummary+`
		WHERE c.gone_at IS NULL AND c.team_id IS NULL ORDER BY c.name, c.id LIMIT @limit`, pgx.StrictNamedArgs{"limit": limit})
}

// Cluster returns a cluster with its pools, also one that is gone, or an error
// of KindNotFound.
func Cluster(ctx context.Context, q Querier, id string) (portal.Cluster, error) {
	c, err := db.One(ctx, q, readCluster, `SELECT `+clusterColumns+clusterTables+`WHERE c.id = @id`, pgx.StrictNamedArgs{"id": id})
	if err != nil {
		return c, named(err, "there is no such cluster")
	}
	clusters := []portal.Cluster{c}
	err = addPools(ctx, q, clusters)
	return clusters[0], err
}

// ClustersByID returns those of the clusters that exist, by name, with their
// pools.
func ClustersByID(ctx context.Context, q Querier, ids []string) ([]portal.Cluster, error) {
	clusters, err := db.All(ctx, q, readCluster, `SELECT `+clusterColumns+clusterTables+`
		WHERE c.id = ANY(@ids) AND c.gone_at IS NULL ORDER BY c.name, c.id`, pgx.StrictNamedArgs{"ids": ids})
	if err != nil {
		return nil, err
	}
	return clusters, addPools(ctx, q, clusters)
}

// ClustersWithTag are the clusters that carry a tag at DigitalOcean, as far as the
// inventory has them.
func ClustersWithTag(ctx context.Context, q Querier, tag string) ([]portal.Cluster, error) {
	clusters, err := db.All(ctx, q, readCluster, `SELECT `+clusterColumns+clusterTables+`
		WHERE @tag = ANY(c.tags) AND c.gone_at IS NULL ORDER BY c.created_at, c.id`, pgx.StrictNamedArgs{"tag": tag})
	if err != nil {
		return nil, err
	}
	return clusters, addPools(ctx, q, clusters)
}

// ClusterNameTaken reports whether a cluster that exists, or one that is being
// asked for by another request than the given one, has the name. DigitalOcean
// allows a name once an account.
func ClusterNameTaken(ctx context.Context, q Querier, name, except string) (bool, error) {
	return db.One(ctx, q, pgx.RowTo[bool], `
		SELECT EXISTS (SELECT FROM clusters WHERE name = @name AND gone_at IS NULL)
			OR EXISTS (SELECT FROM requests
				WHERE operation = @create AND target_name = @name AND id::text <> @except AND state = ANY(@open))`,
		pgx.StrictNamedArgs{"name": name, "except": except, "create": portal.CreateCluster, "open": open})
}

// LockClusters keeps others from starting to change the clusters until tx ends.
func LockClusters(ctx context.Context, tx pgx.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `SELECT FROM clusters WHERE id = ANY(@ids) ORDER BY id FOR UPDATE`, pgx.StrictNamedArgs{"ids": ids})
	return db.Wrap(err)
}

// AssignCluster gives a cluster to a team and an environment, or to nobody when
// teamID is empty: then it has no environment and is protected.
func AssignCluster(ctx context.Context, tx pgx.Tx, id, teamID string, env portal.Environment) error {
	tag, err := tx.Exec(ctx, `UPDATE clusters SET team_id = @team, environment = CASE WHEN @team::uuid IS NULL THEN NULL ELSE @environment END,
			protected = @team::uuid IS NULL OR (team_id IS NOT NULL AND protected), had_team = had_team OR @team::uuid IS NOT NULL
		WHERE id = @id`, pgx.StrictNamedArgs{"id": id, "team": db.OrNull(teamID), "environment": db.OrNull(env)})
	if err == nil && tag.RowsAffected() == 0 {
		return portal.E(portal.KindNotFound, "there is no such cluster")
	}
	return db.Wrap(err)
}

// Protect sets whether requests may delete the cluster. It reports whether that
// changed anything.
func Protect(ctx context.Context, tx pgx.Tx, id string, protected bool) (bool, error) {
	tag, err := tx.Exec(ctx, `UPDATE clusters SET protected = @protected WHERE id = @id AND protected <> @protected`,
		pgx.StrictNamedArgs{"id": id, "protected": protected})
	return err == nil && tag.RowsAffected() > 0, db.Wrap(err)
}

// MarkClusterGone records that DigitalOcean no longer has the cluster. It
// reports whether that changed anything.
func MarkClusterGone(ctx context.Context, tx pgx.Tx, id string, now time.Time) (bool, error) {
	tag, err := tx.Exec(ctx, `UPDATE clusters SET gone_at = @now, seen_at = @now WHERE id = @id AND gone_at IS NULL`,
		pgx.StrictNamedArgs{"id": id, "now": now})
	return err == nil && tag.RowsAffected() > 0, db.Wrap(err)
}

// addPools reads the pools of all clusters at once.
func addPools(ctx context.Context, q Querier, clusters []portal.Cluster) error {
	at := make(map[string]int, len(clusters))
	ids := make([]string, len(clusters))
	for i, c := range clusters {
		at[c.ID], ids[i] = i, c.ID
	}
	type pool struct {
		portal.Pool
		ClusterID string
	}
	pools, err := db.All(ctx, q, pgx.RowToStructByName[pool], `
		SELECT cluster_id, id, name, size, count, auto_scale, min_nodes, max_nodes, nodes, details
		FROM node_pools WHERE cluster_id = ANY(@ids) ORDER BY cluster_id, name, id`, pgx.StrictNamedArgs{"ids": ids})
	for _, p := range pools {
		c := &clusters[at[p.ClusterID]]
		c.Pools = append(c.Pools, p.Pool)
	}
	return err
}

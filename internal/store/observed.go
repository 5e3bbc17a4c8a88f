package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"doksportal/internal/db"
	"doksportal/internal/portal"
)

// Known is as much of a cluster as tells whether something new is said of it.
type Known struct {
	ID     string
	Digest string    // of what DigitalOcean says, see Digest; empty: not known
	SeenAt time.Time // when DigitalOcean said so that last wrote it down
	Gone   bool

	Accounted bool // its configuration is the one that drift is told from
}

// KnownClusters returns the clusters that exist as far as is known, and those
// among ids that are gone.
func KnownClusters(ctx context.Context, q Querier, ids []string) ([]Known, error) {
	return db.All(ctx, q, pgx.RowToStructByName[Known], `SELECT id, digest, seen_at, gone_at IS NOT NULL AS gone, accounted
		FROM clusters WHERE gone_at IS NULL OR id = ANY(@ids)`, pgx.StrictNamedArgs{"ids": notNil(ids)})
}

// Before is what drift of a cluster is told from.
type Before struct {
	ID       string
	TeamID   string           // whose it is; empty: nobody's
	Gone     bool             // it is known not to exist
	Baseline *portal.Baseline // nil: not known
}

// Baselines returns what drift of the clusters is told from, of those that are known.
func Baselines(ctx context.Context, q Querier, ids []string) ([]Before, error) {
	return db.All(ctx, q, pgx.RowToStructByName[Before], `SELECT id, coalesce(team_id::text, '') AS team_id, gone_at IS NOT NULL AS gone, baseline
		FROM clusters WHERE id = ANY(@ids)`, pgx.StrictNamedArgs{"ids": notNil(ids)})
}

// Digest stands for all that DigitalOcean says of a cluster and its pools, in
// whichever order it lists them.
func Digest(c portal.Cluster) (string, error) {
	own := portal.Cluster{ID: c.ID, Name: c.Name, Region: c.Region, Version: c.Version, HA: c.HA, State: c.State, StateMessage: c.StateMessage,
		Tags: slices.Sorted(slices.Values(c.Tags)), Endpoint: c.Endpoint, CreatedAt: c.CreatedAt.UTC(), Details: c.Details, Pools: slices.Clone(c.Pools)}
	own.Details.UpdatedAt = c.Details.UpdatedAt.UTC()
	slices.SortFunc(own.Pools, func(a, b portal.Pool) int { return strings.Compare(a.ID, b.ID) })
	for i := range own.Pools {
		own.Pools[i].Nodes = slices.SortedFunc(slices.Values(own.Pools[i].Nodes), func(a, b portal.Node) int { return cmp.Compare(a.ID, b.ID) })
	}
	text, err := json.Marshal(own)
	if err != nil {
		return "", fmt.Errorf("digest of cluster %s: %w", c.ID, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Observed is a cluster of which something was written down.
type Observed struct {
	ID      string
	TeamID  string // whose it is; empty: nobody's
	Changed bool   // DigitalOcean says something else than before
}

// writeObserved writes a cluster with those of its pools that are not as they
// were, unless something newer is known.
const writeObserved = `
	WITH before AS (SELECT digest, gone_at FROM clusters WHERE id = @id),
	written AS (
		INSERT INTO clusters AS c (id, name, region, version, ha, state, state_message, tags, endpoint, created_at, seen_at, details, digest,
			baseline, accounted)
		VALUES (@id, @name, @region, @version, @ha, @state, @message, @tags, @endpoint, @created, @seen, @details, @digest,
			@baseline, @baseline::jsonb IS NOT NULL)
		ON CONFLICT (id) DO UPDATE SET name = @name, region = @region, version = @version, ha = @ha, state = @state,
			state_message = @message, tags = @tags, endpoint = @endpoint, created_at = @created, seen_at = @seen,
			details = @details, digest = @digest, gone_at = NULL,
			baseline = coalesce(@baseline, c.baseline), accounted = @baseline::jsonb IS NOT NULL
		WHERE c.seen_at <= @seen AND NOT EXISTS (SELECT FROM inventory_state WHERE complete_at > @seen)
		RETURNING c.id, c.team_id),
	removed AS (DELETE FROM node_pools USING written WHERE cluster_id = written.id AND node_pools.id <> ALL(@pool_ids)),
	kept AS (
		INSERT INTO node_pools AS p (cluster_id, id, name, size, count, auto_scale, min_nodes, max_nodes, nodes, details)
		SELECT written.id, q.* FROM written, jsonb_to_recordset(@pools) AS q (id text, name text, size text, count integer, auto_scale boolean,
			min_nodes integer, max_nodes integer, nodes jsonb, details jsonb)
		ON CONFLICT (cluster_id, id) DO UPDATE SET name = excluded.name, size = excluded.size, count = excluded.count,
			auto_scale = excluded.auto_scale, min_nodes = excluded.min_nodes, max_nodes = excluded.max_nodes,
			nodes = excluded.nodes, details = excluded.details
		WHERE (p.name, p.size, p.count, p.auto_scale, p.min_nodes, p.max_nodes, p.nodes, p.details) IS DISTINCT FROM
			(excluded.name, excluded.size, excluded.count, excluded.auto_scale, excluded.min_nodes, excluded.max_nodes, excluded.nodes, excluded.details))
	SELECT written.id, coalesce(written.team_id::text, '') AS team_id,
		before.digest IS DISTINCT FROM @digest OR before.gone_at IS NOT NULL AS changed
	FROM written LEFT JOIN before ON true`

// poolRow is a pool as writeObserved reads it.
type poolRow struct {
	ID        string             `json:"id"`
	Name      string             `json:"name"`
	Size      string             `json:"size"`
	Count     int                `json:"count"`
	AutoScale bool               `json:"auto_scale"`
	MinNodes  int                `json:"min_nodes"`
	MaxNodes  int                `json:"max_nodes"`
	Nodes     []portal.Node      `json:"nodes"`
	Details   portal.PoolDetails `json:"details"`
}

// WriteClusters writes down what DigitalOcean says of each cluster at its SeenAt,
// unless something newer is known, and returns those that it has written. Team and
// environment stay as they are. Drift is told from a cluster's baseline, by its id,
// from then on; without one from what it is told from now. Callers name clusters in
// the order of their ids, in which everybody locks them.
func WriteClusters(ctx context.Context, tx pgx.Tx, clusters []portal.Cluster, baselines map[string]portal.Baseline) ([]Observed, error) {
	if len(clusters) == 0 {
		return nil, nil
	}
	batch, list := &pgx.Batch{}, []Observed{}
	for _, c := range clusters {
		digest, err := Digest(c)
		if err != nil {
			return nil, err
		}
		args := observedArgs(c, digest)
		if baseline, ok := baselines[c.ID]; ok {
			args["baseline"] = baseline
		}
		batch.Queue(writeObserved, args).Query(func(rows pgx.Rows) error {
			written, err := pgx.CollectRows(rows, pgx.RowToStructByName[Observed])
			list = append(list, written...)
			return err
		})
	}
	err := db.Wrap(tx.SendBatch(ctx, batch).Close())
	return list, err
}

func observedArgs(c portal.Cluster, digest string) pgx.StrictNamedArgs {
	pools, ids := make([]poolRow, len(c.Pools)), make([]string, len(c.Pools))
	for i, p := range c.Pools {
		ids[i] = p.ID
		pools[i] = poolRow{p.ID, p.Name, p.Size, p.Count, p.AutoScale, p.MinNodes, p.MaxNodes, notNil(p.Nodes), p.Details}
	}
	return pgx.StrictNamedArgs{"id": c.ID, "name": c.Name, "region": c.Region, "version": c.Version, "ha": c.HA, "state": c.State,
		"message": c.StateMessage, "tags": notNil(c.Tags), "endpoint": c.Endpoint, "created": c.CreatedAt, "seen": c.SeenAt,
		"details": c.Details, "digest": digest, "baseline": nil, "pools": pools, "pool_ids": ids}
}

// UpsertCluster is WriteClusters for one cluster.
func UpsertCluster(ctx context.Context, tx pgx.Tx, c portal.Cluster) error {
	_, err := WriteClusters(ctx, tx, []portal.Cluster{c}, nil)
	return err
}

// UpsertPool writes down what DigitalOcean says of one pool at the given time.
// Lists that were read before that no longer replace the cluster's pools.
func UpsertPool(ctx context.Context, tx pgx.Tx, clusterID string, p portal.Pool, at time.Time) error {
	batch := &pgx.Batch{}
	batch.Queue(`UPDATE clusters SET seen_at = greatest(seen_at, @at), digest = '', accounted = false WHERE id = @id`, pgx.StrictNamedArgs{"id": clusterID, "at": at})
	batch.Queue(`
		INSERT INTO node_pools (cluster_id, id, name, size, count, auto_scale, min_nodes, max_nodes, nodes, details)
		VALUES (@cluster, @id, @name, @size, @count, @auto_scale, @min, @max, @nodes, @details)
		ON CONFLICT (cluster_id, id) DO UPDATE SET name = @name, size = @size, count = @count, auto_scale = @auto_scale,
			min_nodes = @min, max_nodes = @max, nodes = @nodes, details = @details`,
		pgx.StrictNamedArgs{"cluster": clusterID, "id": p.ID, "name": p.Name, "size": p.Size, "count": p.Count, "auto_scale": p.AutoScale,
			"min": p.MinNodes, "max": p.MaxNodes, "nodes": notNil(p.Nodes), "details": p.Details})
	return db.Wrap(tx.SendBatch(ctx, batch).Close())
}

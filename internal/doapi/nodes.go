package doapi

import (
	"context"
	"net/http"
	"net/url"
)

// DeleteNode is how a node is deleted.
type DeleteNode struct {
	SkipDrain bool // do not move its pods away first
	Replace   bool // make a new one; else the pool's count goes down by one
}

// DeleteNode deletes a node of a pool. That it returns nil says that the call
// was accepted, not that the node is gone.
//
// DELETE /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}/nodes/{node_id},
// scope kubernetes:update.
func (c *Client) DeleteNode(ctx context.Context, id, poolID, nodeID string, params DeleteNode) error {
	query := url.Values{}
	if params.SkipDrain {
		query.Set("skip_drain", "1")
	}
	if params.Replace {
		query.Set("replace", "1")
	}
	return c.write(ctx, call{method: http.MethodDelete, path: clusters(id, "node_pools", poolID, "nodes", nodeID), query: query})
}

// RecycleNodePool replaces nodes of a pool. DigitalOcean deprecates it:
// DeleteNode with Replace does the same to one node. Naming no nodes is
// refused before anything is sent, because it might mean all of them.
//
// POST /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}/recycle,
// scope kubernetes:delete.
func (c *Client) RecycleNodePool(ctx context.Context, id, poolID string, nodes []string) error {
	if len(nodes) == 0 {
		return invalid("no nodes are named")
	}
	body := struct {
		Nodes []string `json:"nodes"`
	}{nodes}
	return c.write(ctx, call{method: http.MethodPost, path: clusters(id, "node_pools", poolID, "recycle"), body: body})
}

package doapi

import (
	"context"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// NodePool is a pool of a cluster. Source: API reference, "Retrieve a Node
// Pool for a Kubernetes Cluster".
type NodePool struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Size      string            `json:"size"`
	Count     int               `json:"count"` // as asked for; Nodes may lag behind
	AutoScale bool              `json:"auto_scale"`
	MinNodes  int               `json:"min_nodes"` // 0 without AutoScale
	MaxNodes  int               `json:"max_nodes"` // 0 without AutoScale
	Tags      []string          `json:"tags"`
	Labels    map[string]string `json:"labels"`
	Taints    []Taint           `json:"taints"`
	Nodes     []Node            `json:"nodes"`
	Extra     jsontext.Value    `json:",unknown"`
}

// Node is a node of a pool. Name and DropletID are empty while it is made.
type Node struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Status    Status         `json:"status"`
	DropletID string         `json:"droplet_id"`
	CreatedAt time.Time      `json:"created_at"`
	UpdatedAt time.Time      `json:"updated_at"`
	Extra     jsontext.Value `json:",unknown"`
}

// Taint keeps pods that do not tolerate it from the nodes of a pool.
type Taint struct {
	Key    string         `json:"key"`
	Value  string         `json:"value"`
	Effect string         `json:"effect"` // NoSchedule, PreferNoSchedule, NoExecute
	Extra  jsontext.Value `json:",unknown"`
}

// CreateNodePool are the parameters of a pool. What is nil is left to
// DigitalOcean. Source: API reference, "Add a Node Pool to a Kubernetes
// Cluster".
type CreateNodePool struct {
	Name      string            `json:"name"`
	Size      string            `json:"size"`
	Count     int               `json:"count"`
	AutoScale bool              `json:"auto_scale"`
	MinNodes  int               `json:"min_nodes"` // 0 without AutoScale
	MaxNodes  int               `json:"max_nodes"` // 0 without AutoScale
	Tags      []string          `json:"tags,omitzero"`
	Labels    map[string]string `json:"labels,omitzero"`
	Taints    []Taint           `json:"taints,omitzero"`
}

// UpdateNodePool is what is to change of a pool: nil keeps a field, a pointer
// sets it, and a pointer to an empty list or map clears it. A label that is
// removed stays on the nodes that have it; a taint does not. Source: API
// reference, "Update a Node Pool in a Kubernetes Cluster".
type UpdateNodePool struct {
	Name      *string            `json:"name,omitzero"`
	Count     *int               `json:"count,omitzero"`
	AutoScale *bool              `json:"auto_scale,omitzero"`
	MinNodes  *int               `json:"min_nodes,omitzero"`
	MaxNodes  *int               `json:"max_nodes,omitzero"`
	Tags      *[]string          `json:"tags,omitzero"`
	Labels    *map[string]string `json:"labels,omitzero"`
	Taints    *[]Taint           `json:"taints,omitzero"`
}

type poolAnswer struct {
	NodePool NodePool `json:"node_pool"`
}

// ListNodePools reads the pools of a cluster; they come on one page.
//
// GET /v2/kubernetes/clusters/{cluster_id}/node_pools, scope kubernetes:read.
func (c *Client) ListNodePools(ctx context.Context, id string) ([]NodePool, error) {
	var answer struct {
		NodePools []NodePool `json:"node_pools"`
	}
	err := c.get(ctx, call{path: clusters(id, "node_pools"), read: into(&answer)})
	return answer.NodePools, err
}

// CreateNodePool adds a pool to a cluster and returns it as its nodes are made.
//
// POST /v2/kubernetes/clusters/{cluster_id}/node_pools, scope kubernetes:update.
func (c *Client) CreateNodePool(ctx context.Context, id string, params CreateNodePool) (NodePool, error) {
	var answer poolAnswer
	err := c.write(ctx, call{method: http.MethodPost, path: clusters(id, "node_pools"), body: params, read: into(&answer)})
	if err == nil && answer.NodePool.ID == "" {
		err = wrong(true, "the answer names no pool")
	}
	if err != nil {
		return NodePool{}, err
	}
	return answer.NodePool, nil
}

// GetNodePool reads a pool.
//
// GET /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}, scope
// kubernetes:read.
func (c *Client) GetNodePool(ctx context.Context, id, poolID string) (NodePool, error) {
	var answer poolAnswer
	err := c.get(ctx, call{path: clusters(id, "node_pools", poolID), read: into(&answer)})
	return answer.of(poolID, false, err)
}

// UpdateNodePool changes a pool and returns it. Nodes come and go after it
// returns.
//
// PUT /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}, scope
// kubernetes:update.
func (c *Client) UpdateNodePool(ctx context.Context, id, poolID string, params UpdateNodePool) (NodePool, error) {
	var answer poolAnswer
	err := c.write(ctx, call{method: http.MethodPut, path: clusters(id, "node_pools", poolID), body: params, read: into(&answer)})
	return answer.of(poolID, true, err)
}

// of returns the pool that was asked for, or fails.
func (a poolAnswer) of(id string, write bool, err error) (NodePool, error) {
	if err == nil && a.NodePool.ID != id {
		err = wrong(write, "the call was about pool %q, the answer is about %q", id, plain(a.NodePool.ID))
	}
	if err != nil {
		return NodePool{}, err
	}
	return a.NodePool, nil
}

// DeleteNodePool deletes a pool. Its nodes are drained and deleted after it
// returns.
//
// DELETE /v2/kubernetes/clusters/{cluster_id}/node_pools/{node_pool_id}, scope
// kubernetes:update.
func (c *Client) DeleteNodePool(ctx context.Context, id, poolID string) error {
	return c.write(ctx, call{method: http.MethodDelete, path: clusters(id, "node_pools", poolID)})
}

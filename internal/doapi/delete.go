package doapi

import (
	"context"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

// AssociatedResources are what a cluster has made outside of itself and what
// is paid for. Source: API reference, "List Associated Resources for Cluster
// Deletion".
type AssociatedResources struct {
	LoadBalancers   []AssociatedResource `json:"load_balancers"`
	Volumes         []AssociatedResource `json:"volumes"`
	VolumeSnapshots []AssociatedResource `json:"volume_snapshots"`
	Extra           jsontext.Value       `json:",unknown"` // a new kind, perhaps
}

// AssociatedResource is one of them.
type AssociatedResource struct {
	ID    string         `json:"id"`
	Name  string         `json:"name"`
	Extra jsontext.Value `json:",unknown"`
}

// DeleteClusterSelective are the identifiers of what is deleted with a
// cluster. What is not listed stays, and goes on to be paid for.
type DeleteClusterSelective struct {
	LoadBalancers   []string `json:"load_balancers"`
	Volumes         []string `json:"volumes"`
	VolumeSnapshots []string `json:"volume_snapshots"`
}

// DeleteCluster deletes a cluster with its nodes; what else it has made stays.
// Deletion goes on after it returns.
//
// DELETE /v2/kubernetes/clusters/{cluster_id}, scope kubernetes:delete.
func (c *Client) DeleteCluster(ctx context.Context, id string) error {
	return c.write(ctx, call{method: http.MethodDelete, path: clusters(id)})
}

// ListAssociatedResources lists what a cluster has made outside of itself.
//
// GET /v2/kubernetes/clusters/{cluster_id}/destroy_with_associated_resources,
// scope kubernetes:read.
func (c *Client) ListAssociatedResources(ctx context.Context, id string) (AssociatedResources, error) {
	var answer AssociatedResources
	err := c.get(ctx, call{path: clusters(id, "destroy_with_associated_resources"), read: into(&answer)})
	return answer, err
}

// DeleteClusterDangerous deletes a cluster with everything that it has made by
// then, whether or not the caller has seen it. Deletion goes on after it
// returns.
//
// DELETE /v2/kubernetes/clusters/{cluster_id}/destroy_with_associated_resources/dangerous,
// scope kubernetes:delete.
func (c *Client) DeleteClusterDangerous(ctx context.Context, id string) error {
	return c.write(ctx, call{method: http.MethodDelete, path: clusters(id, "destroy_with_associated_resources", "dangerous")})
}

// DeleteClusterSelective deletes a cluster with the resources given. Deletion
// goes on after it returns.
//
// DELETE /v2/kubernetes/clusters/{cluster_id}/destroy_with_associated_resources/selective,
// scope kubernetes:delete.
func (c *Client) DeleteClusterSelective(ctx context.Context, id string, params DeleteClusterSelective) error {
	return c.write(ctx, call{method: http.MethodDelete, path: clusters(id, "destroy_with_associated_resources", "selective"), body: params})
}

package doapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const clustersPath = "/v2/kubernetes/clusters"

// Cluster is a Kubernetes cluster. Source: API reference, "Retrieve an
// Existing Kubernetes Cluster".
type Cluster struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Region    string     `json:"region"`
	Version   string     `json:"version"`
	HA        bool       `json:"ha"`
	Endpoint  string     `json:"endpoint"`
	IPv4      string     `json:"ipv4"`
	Tags      []string   `json:"tags"`
	NodePools []NodePool `json:"node_pools"`
	Status    Status     `json:"status"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
}

// Status is the state of a cluster or node. States that the reference does not
// list occur; they are kept as they are.
type Status struct {
	State   string `json:"state"`
	Message string `json:"message"`
}

// NodePool is a pool of a cluster.
type NodePool struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Size      string   `json:"size"`
	Count     int      `json:"count"`
	Tags      []string `json:"tags"`
	AutoScale bool     `json:"auto_scale"`
	MinNodes  int      `json:"min_nodes"`
	MaxNodes  int      `json:"max_nodes"`
	Nodes     []Node   `json:"nodes"`
}

// Node is a node of a pool. Name and DropletID are empty while it is made.
type Node struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Status    Status `json:"status"`
	DropletID string `json:"droplet_id"`
}

// CreateCluster are the parameters of a new cluster. Source: API reference,
// "Create a New Kubernetes Cluster".
type CreateCluster struct {
	Name      string           `json:"name"`
	Region    string           `json:"region"`
	Version   string           `json:"version"` // a slug, a minor, or "latest"
	HA        bool             `json:"ha"`
	Tags      []string         `json:"tags"`
	NodePools []CreateNodePool `json:"node_pools"`
}

// CreateNodePool are the parameters of a pool of a new cluster.
type CreateNodePool struct {
	Name  string `json:"name"`
	Size  string `json:"size"`
	Count int    `json:"count"`
}

// AssociatedResources are what a cluster has made outside of itself. Source:
// API reference, "List Associated Resources for Cluster Deletion".
type AssociatedResources struct {
	LoadBalancers   []AssociatedResource `json:"load_balancers"`
	Volumes         []AssociatedResource `json:"volumes"`
	VolumeSnapshots []AssociatedResource `json:"volume_snapshots"`
}

// AssociatedResource is one of them.
type AssociatedResource struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ListClusters reads all clusters, every page of the list, or fails. It needs
// the scope kubernetes:read.
func (c *Client) ListClusters(ctx context.Context) ([]Cluster, error) {
	return list(ctx, c, clustersPath, func(p clusterPage) ([]Cluster, meta) { return p.Clusters, p.Meta })
}

type clusterPage struct {
	Clusters []Cluster `json:"kubernetes_clusters"`
	Meta     meta      `json:"meta"`
}

type meta struct {
	Total int `json:"total"`
}

// list reads all pages of a list. Pages that do not add up to the total mean
// that the list changed while it was read; nothing could be concluded from it.
func list[Page, Item any](ctx context.Context, c *Client, path string, items func(Page) ([]Item, meta)) ([]Item, error) {
	const perPage, maxPages = 200, 100
	var all []Item
	for page := 1; page <= maxPages; page++ {
		var answer Page
		query := url.Values{"page": {strconv.Itoa(page)}, "per_page": {strconv.Itoa(perPage)}}
		if err := c.get(ctx, path, query, &answer); err != nil {
			return nil, err
		}
		some, meta := items(answer)
		all = append(all, some...)
		if len(all) == meta.Total {
			return all, nil
		}
		if len(some) == 0 || len(all) > meta.Total {
			return nil, &Error{Err: fmt.Errorf("the list changed while it was read: %d of %d entries", len(all), meta.Total)}
		}
	}
	return nil, &Error{Err: fmt.Errorf("the list has more than %d pages", maxPages)}
}

// GetCluster reads a cluster. It needs the scope kubernetes:read.
func (c *Client) GetCluster(ctx context.Context, id string) (Cluster, error) {
	var answer struct {
		Cluster Cluster `json:"kubernetes_cluster"`
	}
	part, err := segment(id)
	if err != nil {
		return Cluster{}, err
	}
	if err := c.get(ctx, clustersPath+"/"+part, nil, &answer); err != nil {
		return Cluster{}, err
	}
	if answer.Cluster.ID != id {
		return Cluster{}, &Error{Err: fmt.Errorf("asked for cluster %q, got %q", id, answer.Cluster.ID)}
	}
	return answer.Cluster, nil
}

// CreateCluster makes a cluster and returns it as it is provisioned. It needs
// the scope kubernetes:create. See OutcomeUnknown for its errors.
func (c *Client) CreateCluster(ctx context.Context, params CreateCluster) (Cluster, error) {
	var answer struct {
		Cluster Cluster `json:"kubernetes_cluster"`
	}
	if err := c.write(ctx, http.MethodPost, clustersPath, params, &answer); err != nil {
		return Cluster{}, err
	}
	if answer.Cluster.ID == "" {
		return Cluster{}, &Error{Write: true, Sent: true, Err: fmt.Errorf("the answer names no cluster")}
	}
	return answer.Cluster, nil
}

// DeleteCluster deletes a cluster with its nodes; what else it has made stays.
// Deletion goes on after it returns. It needs the scope kubernetes:delete. See
// OutcomeUnknown for its errors.
func (c *Client) DeleteCluster(ctx context.Context, id string) error {
	part, err := segment(id)
	if err != nil {
		return err
	}
	return c.write(ctx, http.MethodDelete, clustersPath+"/"+part, nil, nil)
}

// ListAssociatedResources lists what a cluster has made outside of itself. It
// needs the scope kubernetes:read.
func (c *Client) ListAssociatedResources(ctx context.Context, id string) (AssociatedResources, error) {
	var answer AssociatedResources
	part, err := segment(id)
	if err != nil {
		return answer, err
	}
	err = c.get(ctx, clustersPath+"/"+part+"/destroy_with_associated_resources", nil, &answer)
	return answer, err
}

package doapi

import (
	"context"
	"net/http"
)

// registriesBody is what the four operations on registries take.
type registriesBody struct {
	ClusterUUIDs []string `json:"cluster_uuids"`
	Registries   []string `json:"registries,omitzero"`
}

// AddRegistries lets clusters pull from container registries, given by name.
//
// POST /v2/kubernetes/registries, scopes kubernetes:create and kubernetes:update.
func (c *Client) AddRegistries(ctx context.Context, clusterIDs, registries []string) error {
	return c.setRegistries(ctx, http.MethodPost, clusterIDs, registries)
}

// RemoveRegistries undoes AddRegistries.
//
// DELETE /v2/kubernetes/registries, scope kubernetes:update.
func (c *Client) RemoveRegistries(ctx context.Context, clusterIDs, registries []string) error {
	return c.setRegistries(ctx, http.MethodDelete, clusterIDs, registries)
}

// AddRegistry lets clusters pull from the account's one container registry.
//
// POST /v2/kubernetes/registry, scopes kubernetes:create and kubernetes:update.
func (c *Client) AddRegistry(ctx context.Context, clusterIDs []string) error {
	return c.setRegistry(ctx, http.MethodPost, clusterIDs)
}

// RemoveRegistry undoes AddRegistry.
//
// DELETE /v2/kubernetes/registry, scope kubernetes:update.
func (c *Client) RemoveRegistry(ctx context.Context, clusterIDs []string) error {
	return c.setRegistry(ctx, http.MethodDelete, clusterIDs)
}

func (c *Client) setRegistries(ctx context.Context, method string, clusterIDs, registries []string) error {
	if len(clusterIDs) == 0 || len(registries) == 0 {
		return invalid("no clusters or no registries are named")
	}
	body := registriesBody{ClusterUUIDs: clusterIDs, Registries: registries}
	return c.write(ctx, call{method: method, path: []string{"kubernetes", "registries"}, body: body})
}

func (c *Client) setRegistry(ctx context.Context, method string, clusterIDs []string) error {
	if len(clusterIDs) == 0 {
		return invalid("no clusters are named")
	}
	return c.write(ctx, call{method: method, path: []string{"kubernetes", "registry"}, body: registriesBody{ClusterUUIDs: clusterIDs}})
}

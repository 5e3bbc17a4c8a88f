package doapi

import (
	"context"
	"net/http"
)

// UpgradeCluster upgrades a cluster to a version that ListUpgrades lists: its
// control plane first, then its pools one at a time, after it returns.
//
// POST /v2/kubernetes/clusters/{cluster_id}/upgrade, scope kubernetes:update.
func (c *Client) UpgradeCluster(ctx context.Context, id, version string) error {
	if version == "" {
		return invalid("no version is named")
	}
	body := struct {
		Version string `json:"version"`
	}{version}
	return c.write(ctx, call{method: http.MethodPost, path: clusters(id, "upgrade"), body: body})
}

// ListUpgrades lists the versions that a cluster can be upgraded to. There are
// none when it is up to date.
//
// GET /v2/kubernetes/clusters/{cluster_id}/upgrades, scope kubernetes:read.
func (c *Client) ListUpgrades(ctx context.Context, id string) ([]VersionOption, error) {
	var answer struct {
		Versions []VersionOption `json:"available_upgrade_versions"`
	}
	err := c.get(ctx, call{path: clusters(id, "upgrades"), read: into(&answer)})
	return answer.Versions, err
}

package doapi

import "context"

// Options are what new clusters can be made of. Source: API reference, "List
// Available Regions, Node Sizes, and Versions of Kubernetes".
type Options struct {
	Regions  []Option        `json:"regions"`
	Versions []VersionOption `json:"versions"` // newest first
	Sizes    []Option        `json:"sizes"`
}

// Option is a region or a size.
type Option struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
}

// VersionOption is a version of Kubernetes.
type VersionOption struct {
	Slug              string `json:"slug"`
	KubernetesVersion string `json:"kubernetes_version"`
}

// Size is a kind of node. Source: API reference, "List All Droplet Sizes".
type Size struct {
	Slug         string  `json:"slug"`
	PriceMonthly float64 `json:"price_monthly"` // USD
	VCPUs        int     `json:"vcpus"`
	Memory       int     `json:"memory"` // MiB
}

// Options reads what new clusters can be made of. It needs the scope
// kubernetes:read.
func (c *Client) Options(ctx context.Context) (Options, error) {
	var answer struct {
		Options Options `json:"options"`
	}
	err := c.get(ctx, "/v2/kubernetes/options", nil, &answer)
	return answer.Options, err
}

// Sizes reads all sizes with their prices.
func (c *Client) Sizes(ctx context.Context) ([]Size, error) {
	return list(ctx, c, "/v2/sizes", func(p sizePage) ([]Size, meta) { return p.Sizes, p.Meta })
}

type sizePage struct {
	Sizes []Size `json:"sizes"`
	Meta  meta   `json:"meta"`
}

package doapi

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"
)

// Options are what new clusters can be made of. Source: API reference, "List
// Available Regions, Node Sizes, and Versions of Kubernetes".
type Options struct {
	Regions  []Option        `json:"regions"`
	Versions []VersionOption `json:"versions"` // newest first
	Sizes    []Option        `json:"sizes"`
	Extra    jsontext.Value  `json:",unknown"`
}

// Option is a region or a size.
type Option struct {
	Name  string         `json:"name"`
	Slug  string         `json:"slug"`
	Extra jsontext.Value `json:",unknown"`
}

// VersionOption is a version of Kubernetes.
type VersionOption struct {
	Slug              string         `json:"slug"`
	KubernetesVersion string         `json:"kubernetes_version"`
	SupportedFeatures []string       `json:"supported_features"`
	Extra             jsontext.Value `json:",unknown"`
}

// Size is a kind of node. Source: API reference, "List All Droplet Sizes".
type Size struct {
	Slug         string         `json:"slug"`
	Description  string         `json:"description"`
	VCPUs        int            `json:"vcpus"`
	Memory       int            `json:"memory"`        // MiB
	Disk         int            `json:"disk"`          // GiB
	Transfer     float64        `json:"transfer"`      // TB a month
	PriceMonthly float64        `json:"price_monthly"` // USD
	PriceHourly  float64        `json:"price_hourly"`  // USD
	Regions      []string       `json:"regions"`
	Available    bool           `json:"available"`
	Extra        jsontext.Value `json:",unknown"`
}

type sizePage struct {
	Sizes []Size `json:"sizes"`
	Meta  meta   `json:"meta"`
}

// ListOptions returns what new clusters can be made of, as it was at most a
// few minutes ago. Callers share what it returns and must not change it.
//
// GET /v2/kubernetes/options, scope kubernetes:read.
func (c *Client) ListOptions(ctx context.Context) (Options, error) {
	return c.options.get(ctx, c.now, func(ctx context.Context) (Options, error) {
		var answer struct {
			Options Options `json:"options"`
		}
		err := c.get(ctx, call{path: []string{"kubernetes", "options"}, read: into(&answer)})
		return answer.Options, err
	})
}

// ListSizes returns all sizes with their prices, every page of the list, as
// they were at most a few minutes ago. Callers share what it returns and must
// not change it.
//
// GET /v2/sizes, scope sizes:read.
func (c *Client) ListSizes(ctx context.Context) ([]Size, error) {
	return c.sizes.get(ctx, c.now, func(ctx context.Context) ([]Size, error) {
		return list(ctx, c, []string{"sizes"}, func(p sizePage) ([]Size, meta) { return p.Sizes, p.Meta })
	})
}

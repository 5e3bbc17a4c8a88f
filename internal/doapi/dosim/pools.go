package dosim

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"
)

const (
	maxNodes    = 512 // a cluster
	maxPoolName = 55  // characters
)

// pool is a pool of nodes. Count is how many are wanted; nodes come and go
// until there are as many. Tags are the custom ones.
type pool struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Size      string            `json:"size"`
	Count     int               `json:"count"`
	AutoScale bool              `json:"auto_scale"`
	MinNodes  int               `json:"min_nodes"`
	MaxNodes  int               `json:"max_nodes"`
	Tags      []string          `json:"tags"`
	Labels    map[string]string `json:"labels"`
	Taints    []Taint           `json:"taints"`
	Nodes     []*node           `json:"nodes"`
	GoneAt    time.Time         `json:"gone_at,omitzero"` // set once it is deleted
}

// Taint keeps pods off the nodes of a pool.
type Taint struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Effect string `json:"effect"` // NoSchedule, PreferNoSchedule or NoExecute
}

// poolParams are what both the creation and the update of a pool may say. What
// is absent or null is kept; only a list that is null means none.
type poolParams struct {
	Name      string            `json:"name"`
	Size      string            `json:"size"`
	Count     *int              `json:"count"` // absent in a creation: 0
	Tags      list[string]      `json:"tags"`
	Labels    map[string]string `json:"labels"`
	Taints    list[Taint]       `json:"taints"`
	AutoScale *bool             `json:"auto_scale"`
	MinNodes  *int              `json:"min_nodes"`
	MaxNodes  *int              `json:"max_nodes"`
}

// changed returns the pool as the parameters would have it. Its nodes are
// those of before.
func (p pool) changed(clusterID string, params poolParams) pool {
	setGiven(&p.Name, params.Name)
	set(&p.Count, params.Count)
	set(&p.AutoScale, params.AutoScale)
	set(&p.MinNodes, params.MinNodes)
	set(&p.MaxNodes, params.MaxNodes)
	if params.Tags.given {
		p.Tags = customTags(clusterID, params.Tags.items)
	}
	if params.Labels != nil {
		p.Labels = maps.Clone(params.Labels)
	}
	if params.Taints.given {
		p.Taints = params.Taints.items
	}
	if !p.AutoScale {
		p.MinNodes, p.MaxNodes = 0, 0
	} else if p.Count < p.MinNodes || p.Count > p.MaxNodes {
		p.Count = p.MinNodes
	}
	return p
}

// addPool adds a pool with new nodes to a cluster. The words of a refusal
// begin with at.
func (w *world) addPool(c *cluster, params poolParams, at string) (*pool, error) {
	p := pool{ID: newID(), Size: params.Size}.changed(c.ID, params)
	if err := w.checkPool(c, pool{ID: p.ID}, p, at); err != nil {
		return nil, err
	}
	w.resize(&p, p.Count)
	c.Pools = append(c.Pools, &p)
	return &p, nil
}

// checkPool tells why a pool cannot become what is wanted.
func (w *world) checkPool(c *cluster, before, wanted pool, at string) error {
	taken := func(o *pool) bool { return o.ID != wanted.ID && o.Name == wanted.Name }
	switch {
	case len(wanted.Name) > maxPoolName:
		return invalid("%spool names cannot be greater than %d characters", at, maxPoolName)
	case !dnsLabel.MatchString(wanted.Name):
		return invalid("%sinvalid pool name", at)
	case slices.ContainsFunc(c.pools(w.now()), taken):
		return invalid("%spool names must be unique", at)
	case !knownSize(wanted.Size):
		return invalid("%sinvalid droplet size", at)
	case wanted.Count < 0:
		return invalid("%sinvalid count", at)
	case wanted.AutoScale && (wanted.MinNodes < 0 || wanted.MaxNodes < 1 || wanted.MaxNodes < wanted.MinNodes):
		return invalid("%sinvalid min_nodes and max_nodes", at)
	}
	if err := checkTags(c.ID, wanted.Tags); err != nil {
		return err
	}
	if err := checkLabels(wanted, at); err != nil {
		return err
	}
	return c.checkNodes(w.now(), before, wanted)
}

// checkNodes holds a cluster to the limit of its nodes. A pool that autoscales
// counts with the most that it may have.
func (c *cluster) checkNodes(now time.Time, before, wanted pool) error {
	count, most := 0, 0
	for _, p := range c.pools(now) {
		if p.ID != wanted.ID {
			count, most = count+p.Count, most+p.most()
		}
	}
	if more := wanted.Count - before.Count; more > 0 && count+wanted.Count > maxNodes {
		return invalid("%d additional nodes but not enough available droplet limit", more)
	}
	if more := wanted.most() - before.most(); more > 0 && most+wanted.most() > maxNodes {
		return invalid("autoscale desired max nodes exceed limits, %d additional nodes but not enough available droplet limit", more)
	}
	return nil
}

func (p *pool) most() int { return max(p.Count, p.MaxNodes) }

// Syntax of labels and taints. Source: Kubernetes, "Labels and Selectors".
var (
	labelKey   = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$`)
	effects    = []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}
)

func checkLabels(p pool, at string) error {
	for key, value := range p.Labels {
		if !labelKey.MatchString(key) || !labelValue.MatchString(value) {
			return invalid("%sinvalid label", at)
		}
	}
	for _, t := range p.Taints {
		if !labelKey.MatchString(t.Key) || !labelValue.MatchString(t.Value) || !slices.Contains(effects, t.Effect) {
			return invalid("%sinvalid taint", at)
		}
	}
	return nil
}

func (w *world) listPools(r *http.Request) (any, error) {
	c, err := w.cluster(r)
	if err != nil {
		return nil, err
	}
	return object{"node_pools": w.showPools(c)}, nil
}

func (w *world) createPool(r *http.Request) (any, error) {
	c, err := w.changeable(r)
	if err != nil {
		return nil, err
	}
	var params poolParams
	if err := decode(r, &params); err != nil {
		return nil, err
	}
	p, err := w.addPool(c, params, "worker_node_pool_spec.")
	if err != nil {
		return nil, err
	}
	c.touch(w.now())
	return object{"node_pool": w.showPool(c, p)}, nil
}

func (w *world) getPool(r *http.Request) (any, error) {
	c, err := w.cluster(r)
	if err != nil {
		return nil, err
	}
	p, err := w.pool(c, r)
	if err != nil {
		return nil, err
	}
	return object{"node_pool": w.showPool(c, p)}, nil
}

func (w *world) updatePool(r *http.Request) (any, error) {
	c, p, err := w.changeablePool(r)
	if err != nil {
		return nil, err
	}
	var params poolParams
	if err := decode(r, &params); err != nil {
		return nil, err
	}
	wanted := p.changed(c.ID, params)
	if err := w.checkPool(c, *p, wanted, "worker_node_pool_spec."); err != nil {
		return nil, err
	}
	*p = wanted
	w.resize(p, p.Count)
	c.touch(w.now())
	return object{"node_pool": w.showPool(c, p)}, nil
}

func (w *world) deletePool(r *http.Request) (any, error) {
	c, p, err := w.changeablePool(r)
	if err != nil {
		return nil, err
	}
	staying := func(o *pool) bool { return o != p && o.GoneAt.IsZero() }
	if !slices.ContainsFunc(c.Pools, staying) {
		return nil, unprocessable("the last node pool of a cluster cannot be deleted")
	}
	w.resize(p, 0)
	p.AutoScale, p.MinNodes, p.MaxNodes, p.GoneAt = false, 0, 0, w.now()
	for _, n := range p.Nodes {
		if n.GoneAt.After(p.GoneAt) {
			p.GoneAt = n.GoneAt
		}
	}
	c.touch(w.now())
	return nil, nil
}

// pool returns the pool that a request names.
func (w *world) pool(c *cluster, r *http.Request) (*pool, error) {
	here := c.pools(w.now())
	i := slices.IndexFunc(here, func(p *pool) bool { return p.ID == r.PathValue("node_pool_id") })
	if i < 0 {
		return nil, notFound("node pool not found")
	}
	return here[i], nil
}

// changeablePool returns the pool that a request names, if it can be changed
// now, and its cluster.
func (w *world) changeablePool(r *http.Request) (*cluster, *pool, error) {
	c, err := w.changeable(r)
	if err != nil {
		return nil, nil, err
	}
	p, err := w.pool(c, r)
	if err == nil && !p.GoneAt.IsZero() {
		err = unprocessable("node pool is deleting")
	}
	return c, p, err
}

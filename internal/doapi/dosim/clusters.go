package dosim

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
)

type createParams struct {
	settings
	Region        string       `json:"region"`
	Version       string       `json:"version"`
	VPC           string       `json:"vpc_uuid"`
	ClusterSubnet string       `json:"cluster_subnet"`
	ServiceSubnet string       `json:"service_subnet"`
	NodePools     []poolParams `json:"node_pools"`
}

func (w *world) createCluster(r *http.Request) (any, error) {
	var p createParams
	if err := decode(r, &p); err != nil {
		return nil, err
	}
	c := w.newCluster("")
	if err := w.fill(c, p); err != nil {
		return nil, err
	}
	now := w.now()
	c.ReadyAt = now.Add(w.scale(provisioningFor))
	for _, n := range c.nodes() {
		n.ReadyAt = c.ReadyAt
	}
	c.say(now, "The cluster is being provisioned, which usually takes 3 to 7 minutes")
	c.say(c.ReadyAt, "The cluster is running")
	w.clusters = append(w.clusters, c)
	return object{"kubernetes_cluster": w.show(c)}, nil
}

// newCluster returns a cluster with the settings that nobody has chosen. An
// empty id stands for a new one.
func (w *world) newCluster(id string) *cluster {
	if id == "" {
		id = newID()
	}
	now := w.now()
	return &cluster{
		ID: id, CreatedAt: now, UpdatedAt: now, CA: newCA(now), IPv4: publicIPv4(id),
		ClusterSubnet: "10.244.0.0/16", ServiceSubnet: "10.245.0.0/16",
		Plugins: map[string]bool{}, Maintenance: maintenance{StartTime: "00:00", Day: "any"},
	}
}

// fill gives a new cluster what was asked for.
func (w *world) fill(c *cluster, p createParams) error {
	version, known := resolve(p.Version)
	switch {
	case p.Name == "":
		return invalid("invalid cluster name")
	case !knownRegion(p.Region):
		return invalid("invalid region slug")
	case !known:
		return invalid("invalid version slug")
	}
	c.Region, c.Version = p.Region, version
	if err := w.apply(c, p.settings); err != nil {
		return err
	}
	if err := c.connect(p); err != nil {
		return err
	}
	if len(p.NodePools) == 0 {
		return invalid("worker_node_pool_specs cannot be empty")
	}
	for i, pool := range p.NodePools {
		if _, err := w.addPool(c, pool, fmt.Sprintf("worker_node_pool_specs[%d].", i)); err != nil {
			return err
		}
	}
	return nil
}

// connect gives a new cluster its networks.
func (c *cluster) connect(p createParams) error {
	c.VPC = p.VPC
	if c.VPC == "" {
		c.VPC = defaultVPC(c.Region)
	}
	if _, err := uuid.Parse(c.VPC); err != nil {
		return invalid("invalid vpc_uuid")
	}
	if p.ClusterSubnet != "" {
		c.ClusterSubnet = p.ClusterSubnet
	}
	if p.ServiceSubnet != "" {
		c.ServiceSubnet = p.ServiceSubnet
	}
	return checkSubnets(c.ClusterSubnet, c.ServiceSubnet)
}

func (w *world) listClusters(r *http.Request) (any, error) {
	return paged(r, "kubernetes_clusters", w.present(), func(c *cluster) any { return w.show(c) })
}

func (w *world) getCluster(r *http.Request) (any, error) {
	c, err := w.cluster(r)
	if err != nil {
		return nil, err
	}
	return object{"kubernetes_cluster": w.show(c)}, nil
}

func (w *world) updateCluster(r *http.Request) (any, error) {
	c, err := w.changeable(r)
	if err != nil {
		return nil, err
	}
	var p settings
	if err := decode(r, &p); err != nil {
		return nil, err
	}
	if err := w.apply(c, p); err != nil {
		return nil, err
	}
	c.touch(w.now())
	return object{"kubernetes_cluster": w.show(c)}, nil
}

func (w *world) deleteCluster(r *http.Request) (any, error) {
	c, err := w.changeable(r)
	if err != nil {
		return nil, err
	}
	w.destroy(c)
	return nil, nil
}

// destroy begins to delete a cluster with its nodes.
func (w *world) destroy(c *cluster) {
	c.DeletedAt = w.now()
	c.GoneAt = c.DeletedAt.Add(w.scale(deletingFor))
	for _, n := range c.nodes() {
		n.DeleteAt, n.GoneAt = c.DeletedAt, c.GoneAt
	}
	c.touch(c.DeletedAt)
	c.say(c.DeletedAt, "The cluster is being deleted")
}

// nodes returns those of all pools.
func (c *cluster) nodes() []*node {
	var all []*node
	for _, p := range c.Pools {
		all = append(all, p.Nodes...)
	}
	return all
}

// pools returns those that are there at a time.
func (c *cluster) pools(now time.Time) []*pool {
	return slices.DeleteFunc(slices.Clone(c.Pools), func(p *pool) bool { return reached(now, p.GoneAt) })
}

package dosim

import (
	"slices"
	"time"
)

// Seed describes a cluster that is there from the start.
type Seed struct {
	ID          string // a UUID; made up when empty
	Name        string
	Region      string
	Version     string // a slug, of an older patch too, e.g. 1.34.1-do.0; 1.34.4-do.0 when empty
	Tags        []string
	HA          bool
	AutoUpgrade bool
	Size        string // of the only pool, unless there are Pools
	Count       int    // nodes of it
	Pools       []SeedPool
	Registries  []string
	Resources   Resources
}

// SeedPool describes a pool of a Seed. It autoscales when MaxNodes is not 0.
type SeedPool struct {
	ID       string // a UUID; made up when empty
	Name     string
	Size     string
	Count    int
	MinNodes int
	MaxNodes int
	Tags     []string
	Labels   map[string]string
	Taints   []Taint
}

// Add adds a running cluster, with surge upgrades, and returns its id. Seeds
// are not checked: what the API would refuse can be there all the same.
func (s *Sim) Add(seed Seed) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.world.newCluster(seed.ID)
	c.Name, c.Region, c.Tags, c.HA, c.AutoUpgrade = seed.Name, seed.Region, slices.Clone(seed.Tags), seed.HA, seed.AutoUpgrade
	c.Version, c.VPC, c.Registries, c.Resources = versions[1], defaultVPC(seed.Region), slices.Clone(seed.Registries), seed.Resources
	setGiven(&c.Version, seed.Version)
	c.SurgeUpgrade = true
	c.CreatedAt = c.CreatedAt.Truncate(time.Second).Add(-48 * time.Hour)
	c.UpdatedAt, c.ReadyAt = c.CreatedAt, c.CreatedAt.Add(provisioningFor)
	pools := seed.Pools
	if pools == nil {
		pools = []SeedPool{{Name: seed.Name + "-pool", Size: seed.Size, Count: seed.Count}}
	}
	for _, p := range pools {
		c.Pools = append(c.Pools, p.pool(c))
	}
	s.world.clusters = append(s.world.clusters, c)
	s.changed()
	return c.ID
}

func (p SeedPool) pool(c *cluster) *pool {
	made := &pool{
		ID: p.ID, Name: p.Name, Size: p.Size, Count: p.Count, AutoScale: p.MaxNodes > 0, MinNodes: p.MinNodes, MaxNodes: p.MaxNodes,
		Tags: slices.Clone(p.Tags), Labels: p.Labels, Taints: p.Taints,
	}
	if made.ID == "" {
		made.ID = newID()
	}
	for range p.Count {
		made.Nodes = append(made.Nodes, made.newNode(c.CreatedAt, c.ReadyAt))
	}
	return made
}

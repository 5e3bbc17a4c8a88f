package dosim

// What happens to clusters behind the back of the API's clients, as if by
// somebody else's hand. No state refuses it.

// Remove makes a cluster vanish, as if somebody had deleted it a while ago.
// What it has made outside of itself stays.
func (s *Sim) Remove(id string) {
	s.behind(id, func(w *world, c *cluster) {
		w.destroy(c)
		c.GoneAt = w.now()
	})
}

// Recreate makes a cluster vanish and another one of its name and settings
// appear, and returns the id of that. It returns "" when there is no such
// cluster.
func (s *Sim) Recreate(id string) string {
	var again string
	s.behind(id, func(w *world, c *cluster) {
		made := w.newCluster("")
		made.Name, made.Region, made.Version, made.HA, made.Tags, made.VPC = c.Name, c.Region, c.version(w.now()), c.HA, c.Tags, c.VPC
		made.ReadyAt = w.now()
		for _, p := range c.pools(w.now()) {
			made.Pools = append(made.Pools, SeedPool{
				Name: p.Name, Size: p.Size, Count: p.Count, MinNodes: p.MinNodes, MaxNodes: p.MaxNodes,
				Tags: p.Tags, Labels: p.Labels, Taints: p.Taints,
			}.pool(made))
		}
		w.destroy(c)
		c.GoneAt = w.now()
		w.clusters = append(w.clusters, made)
		again = made.ID
	})
	return again
}

// Attach gives a cluster resources outside of itself, as what runs in it makes them.
func (s *Sim) Attach(id string, r Resources) {
	s.behind(id, func(_ *world, c *cluster) {
		c.Resources.LoadBalancers = append(c.Resources.LoadBalancers, r.LoadBalancers...)
		c.Resources.Volumes = append(c.Resources.Volumes, r.Volumes...)
		c.Resources.VolumeSnapshots = append(c.Resources.VolumeSnapshots, r.VolumeSnapshots...)
	})
}

// Resize changes the nodes of a cluster's first pool, at once.
func (s *Sim) Resize(id string, count int) {
	s.behind(id, func(w *world, c *cluster) {
		if len(c.Pools) == 0 {
			return
		}
		p := c.Pools[0]
		p.Count, p.Nodes = count, nil
		for range count {
			p.Nodes = append(p.Nodes, p.newNode(w.now(), w.now()))
		}
		c.touch(w.now())
	})
}

// Tag gives a cluster another tag.
func (s *Sim) Tag(id, tag string) {
	s.behind(id, func(w *world, c *cluster) {
		c.Tags = append(c.Tags, tag)
		c.touch(w.now())
	})
}

// SetState makes a cluster show a state and a message, whatever it is doing,
// until SetState is called with an empty state.
func (s *Sim) SetState(id, state, message string) {
	s.behind(id, func(w *world, c *cluster) {
		c.Forced = nil
		if state != "" {
			c.Forced = &status{State: state, Message: message}
		}
		c.touch(w.now())
	})
}

// Announce emits a status message of a cluster.
func (s *Sim) Announce(id, text string) {
	s.behind(id, func(w *world, c *cluster) { c.say(w.now(), "%s", text) })
}

// behind changes a cluster, if it is there.
func (s *Sim) behind(id string, change func(*world, *cluster)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.world.find(id); c != nil {
		change(s.world, c)
		s.changed()
	}
}

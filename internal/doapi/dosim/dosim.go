// Package dosim stands for DigitalOcean's Kubernetes API in the demo and in
// tests. It keeps clusters that are provisioned and deleted as time passes,
// answers with the real API's statuses, bodies and words, and can be asked to
// fail in the ways that the real one does.
//
// What is not publicly known is assumed: provisioning takes five minutes,
// deleting two; deleting a cluster that is being deleted is refused with 422;
// names are DNS labels of at most 63 characters.
package dosim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// How long the API takes to finish what it has accepted.
const (
	provisioningFor = 5 * time.Minute
	deletingFor     = 2 * time.Minute
)

// Config says how the simulator behaves.
type Config struct {
	Token    string           // the only one that is accepted
	Speed    float64          // how much faster than the real API clusters change; 1 when 0
	Now      func() time.Time // the clock; time.Now when nil
	Admin    bool             // serve /_sim/, by which faults are asked for
	OnChange func([]byte)     // called with the state, in the form of Snapshot, after each change
}

// Sim is the simulator. It is safe for concurrent use.
type Sim struct {
	cfg Config
	mux *http.ServeMux

	mu       sync.Mutex
	clusters []*cluster
	faults   []Fault
	calls    map[string]int // how often each operation was asked for
	requests []time.Time    // of the last hour, for the rate limits
}

// cluster is what the simulator knows of a cluster. Its state follows from the
// clock.
type cluster struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Region    string     `json:"region"`
	Version   string     `json:"version"`
	HA        bool       `json:"ha"`
	Tags      []string   `json:"tags"`
	Pools     []pool     `json:"pools"`
	CreatedAt time.Time  `json:"created_at"`
	ReadyAt   time.Time  `json:"ready_at"`
	DeletedAt *time.Time `json:"deleted_at"`
	Resources Resources  `json:"resources"`
}

type pool struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	Size      string   `json:"size"`
	AutoScale bool     `json:"auto_scale"`
	MinNodes  int      `json:"min_nodes"`
	MaxNodes  int      `json:"max_nodes"`
	Tags      []string `json:"tags"`
	NodeIDs   []string `json:"node_ids"`
}

// Resources are what a cluster has made outside of itself.
type Resources struct {
	LoadBalancers   []Resource `json:"load_balancers"`
	Volumes         []Resource `json:"volumes"`
	VolumeSnapshots []Resource `json:"volume_snapshots"`
}

// Resource is one of them.
type Resource struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// New makes a simulator without clusters.
func New(cfg Config) *Sim {
	if cfg.Speed == 0 {
		cfg.Speed = 1
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Sim{cfg: cfg, mux: http.NewServeMux(), calls: map[string]int{}}
	s.routes()
	return s
}

// Snapshot returns the clusters in a form that Restore takes.
func (s *Sim) Snapshot() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return json.Marshal(s.clusters)
}

// Restore replaces the clusters with those of a snapshot.
func (s *Sim) Restore(snapshot []byte) error {
	var clusters []*cluster
	if err := json.Unmarshal(snapshot, &clusters); err != nil {
		return fmt.Errorf("simulator's state: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clusters = clusters
	return nil
}

// Seed describes a cluster that is there from the start.
type Seed struct {
	ID        string // a UUID; made up when empty
	Name      string
	Region    string
	Tags      []string
	HA        bool
	Size      string
	Count     int
	Resources Resources
}

// Add adds a running cluster and returns its id.
func (s *Sim) Add(seed Seed) string {
	id := seed.ID
	if id == "" {
		id = uuid.NewString()
	}
	now := s.cfg.Now().UTC().Truncate(time.Second)
	c := &cluster{
		ID: id, Name: seed.Name, Region: seed.Region, Version: versions[1], HA: seed.HA,
		Tags:      append([]string{"k8s", "k8s:" + id}, seed.Tags...),
		CreatedAt: now.Add(-48 * time.Hour), ReadyAt: now.Add(-47 * time.Hour), Resources: seed.Resources,
	}
	c.addPool(poolParams{Name: seed.Name + "-pool", Size: seed.Size, Count: &seed.Count})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clusters = append(s.clusters, c)
	s.changed()
	return id
}

// Remove makes a cluster vanish, as if somebody had deleted it at DigitalOcean.
func (s *Sim) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clusters = slices.DeleteFunc(s.clusters, func(c *cluster) bool { return c.ID == id })
	s.changed()
}

// Resize changes the nodes of a cluster's first pool behind everybody's back.
func (s *Sim) Resize(id string, count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.find(id); c != nil {
		c.Pools[0].NodeIDs = newIDs(count)
		s.changed()
	}
}

// CallCount is how often an operation, e.g. "create_cluster", has been asked for.
func (s *Sim) CallCount(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// find returns the cluster called id that is there now. The caller holds mu.
func (s *Sim) find(id string) *cluster {
	i := slices.IndexFunc(s.clusters, func(c *cluster) bool { return c.ID == id && !s.gone(c) })
	if i < 0 {
		return nil
	}
	return s.clusters[i]
}

// present returns the clusters that are there now. The caller holds mu.
func (s *Sim) present() []*cluster {
	var list []*cluster
	for _, c := range s.clusters {
		if !s.gone(c) {
			list = append(list, c)
		}
	}
	return list
}

func (s *Sim) gone(c *cluster) bool {
	return c.DeletedAt != nil && !s.cfg.Now().Before(c.DeletedAt.Add(s.scale(deletingFor)))
}

func (s *Sim) state(c *cluster) string {
	switch {
	case c.DeletedAt != nil:
		return "deleting"
	case s.cfg.Now().Before(c.ReadyAt):
		return "provisioning"
	}
	return "running"
}

// scale is how long something takes at the simulator's speed.
func (s *Sim) scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) / s.cfg.Speed)
}

// changed announces the state. The caller holds mu, so that announcements keep
// their order.
func (s *Sim) changed() {
	if s.cfg.OnChange == nil {
		return
	}
	if snapshot, err := json.Marshal(s.clusters); err == nil {
		s.cfg.OnChange(snapshot)
	}
}

func newIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = uuid.NewString()
	}
	return ids
}

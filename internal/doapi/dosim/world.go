package dosim

import (
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
)

// How long the API takes to finish what it has accepted, at speed 1.
const (
	provisioningFor = 5 * time.Minute  // a cluster
	controlPlaneFor = 4 * time.Minute  // an upgrade of it
	deletingFor     = 2 * time.Minute  // a cluster
	nodeFor         = 2 * time.Minute  // a new node
	drainingFor     = time.Minute      // a node
	nodeDeletingFor = 30 * time.Second // after draining
	lintFor         = 10 * time.Second // a run of clusterlint
)

// world is what DigitalOcean has, and the clock by which it moves on. Whatever
// takes time is written down as the times at which it will happen, and states
// are read from those times; nothing runs in the background. The simulator's
// lock is held around all of its methods.
type world struct {
	now      func() time.Time
	speed    float64
	clusters []*cluster // those that are gone too, for what has survived them
}

// cluster is what DigitalOcean knows of a cluster. Tags are the custom ones.
type cluster struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Region        string          `json:"region"`
	Version       string          `json:"version"` // before the last upgrade, see version
	HA            bool            `json:"ha"`
	Tags          []string        `json:"tags"`
	VPC           string          `json:"vpc_uuid"`
	ClusterSubnet string          `json:"cluster_subnet"`
	ServiceSubnet string          `json:"service_subnet"`
	IPv4          string          `json:"ipv4"`
	CA            string          `json:"ca"` // PEM
	AutoUpgrade   bool            `json:"auto_upgrade"`
	SurgeUpgrade  bool            `json:"surge_upgrade"`
	Plugins       map[string]bool `json:"plugins"` // by their field's name
	Maintenance   maintenance     `json:"maintenance_policy"`
	Autoscaler    autoscaler      `json:"cluster_autoscaler_configuration"`
	Firewall      *firewall       `json:"control_plane_firewall"`
	Registries    []string        `json:"registries"`
	Pools         []*pool         `json:"pools"`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
	ReadyAt       time.Time       `json:"ready_at"`
	Upgrade       *upgrade        `json:"upgrade"` // the last one
	DeletedAt     time.Time       `json:"deleted_at,omitzero"`
	GoneAt        time.Time       `json:"gone_at,omitzero"`
	Forced        *status         `json:"forced"` // shown whatever the times say
	Messages      []message       `json:"messages"`
	Runs          []lintRun       `json:"runs"`
	Resources     Resources       `json:"resources"` // once it is deleted, what survives
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

// status is the state of a cluster or node.
type status struct {
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
}

// States of clusters and nodes. A cluster refuses changes in the last three.
const (
	running      = "running"
	provisioning = "provisioning"
	upgrading    = "upgrading"
	deleting     = "deleting"
)

func (c *cluster) status(now time.Time) status {
	switch {
	case c.Forced != nil:
		return *c.Forced
	case !c.DeletedAt.IsZero():
		return status{State: deleting}
	case !c.ready(now):
		return status{State: provisioning, Message: provisioning}
	case c.Upgrade != nil && now.Before(c.Upgrade.DoneAt):
		return status{State: upgrading}
	}
	return status{State: running}
}

// ready reports whether the control plane can be reached.
func (c *cluster) ready(now time.Time) bool { return !now.Before(c.ReadyAt) }

// reached reports whether a time that may be unset has come.
func reached(now, at time.Time) bool { return !at.IsZero() && !now.Before(at) }

// scale is how long something takes at the simulator's speed.
func (w *world) scale(d time.Duration) time.Duration {
	return time.Duration(float64(d) / w.speed)
}

// present returns the clusters that are there now.
func (w *world) present() []*cluster {
	var list []*cluster
	for _, c := range w.clusters {
		if !reached(w.now(), c.GoneAt) {
			list = append(list, c)
		}
	}
	return list
}

// find returns the cluster called id that is there now, nil when there is none.
func (w *world) find(id string) *cluster {
	present := w.present()
	i := slices.IndexFunc(present, func(c *cluster) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return present[i]
}

// cluster returns the cluster that a request names.
func (w *world) cluster(r *http.Request) (*cluster, error) {
	c := w.find(r.PathValue("cluster_id"))
	if c == nil {
		return nil, notFound("cluster not found")
	}
	return c, nil
}

// changeable returns the cluster that a request names, if it can be changed now.
func (w *world) changeable(r *http.Request) (*cluster, error) {
	c, err := w.cluster(r)
	if err != nil {
		return nil, err
	}
	return c, c.busy(w.now())
}

// busy is the refusal of a cluster that is occupied with something.
func (c *cluster) busy(now time.Time) error {
	switch state := c.status(now).State; state {
	case provisioning, upgrading, deleting:
		return unprocessable("cluster is %s", state)
	}
	return nil
}

// touch notes that a cluster has changed, and forgets the nodes and pools that
// are gone.
func (c *cluster) touch(now time.Time) {
	c.UpdatedAt = now
	c.Pools = c.pools(now)
	for _, p := range c.Pools {
		p.Nodes = slices.DeleteFunc(p.Nodes, func(n *node) bool { return reached(now, n.GoneAt) })
	}
}

func newID() string { return uuid.NewString() }

package dosim

import (
	"net/http"
	"slices"
)

func (w *world) listAssociated(r *http.Request) (any, error) {
	c, err := w.cluster(r)
	if err != nil {
		return nil, err
	}
	return Resources{
		LoadBalancers:   notNil(c.Resources.LoadBalancers),
		Volumes:         notNil(c.Resources.Volumes),
		VolumeSnapshots: notNil(c.Resources.VolumeSnapshots),
	}, nil
}

func (w *world) deleteDangerous(r *http.Request) (any, error) {
	c, err := w.changeable(r)
	if err != nil {
		return nil, err
	}
	c.Resources = Resources{}
	w.destroy(c)
	return nil, nil
}

// deleteSelective deletes a cluster and exactly the resources that are named.
// One that the cluster does not have refuses it all; with a 404 the caller
// might think that the cluster is gone already.
func (w *world) deleteSelective(r *http.Request) (any, error) {
	c, err := w.changeable(r)
	if err != nil {
		return nil, err
	}
	var ids struct {
		LoadBalancers   []string `json:"load_balancers"`
		Volumes         []string `json:"volumes"`
		VolumeSnapshots []string `json:"volume_snapshots"`
	}
	if err := decode(r, &ids); err != nil {
		return nil, err
	}
	var left Resources
	for _, kind := range []struct {
		name   string
		have   []Resource
		ids    []string
		remain *[]Resource
	}{
		{"load balancer", c.Resources.LoadBalancers, ids.LoadBalancers, &left.LoadBalancers},
		{"volume", c.Resources.Volumes, ids.Volumes, &left.Volumes},
		{"volume snapshot", c.Resources.VolumeSnapshots, ids.VolumeSnapshots, &left.VolumeSnapshots},
	} {
		for _, id := range kind.ids {
			if !slices.ContainsFunc(kind.have, func(r Resource) bool { return r.ID == id }) {
				return nil, unprocessable("%s %q is not associated with the cluster", kind.name, id)
			}
		}
		*kind.remain = slices.DeleteFunc(slices.Clone(kind.have), func(r Resource) bool { return slices.Contains(kind.ids, r.ID) })
	}
	c.Resources = left
	w.destroy(c)
	return nil, nil
}

// Survivors returns what a cluster that has been deleted left behind, also
// long after it is gone. It reports false for one that was not deleted.
func (s *Sim) Survivors(clusterID string) (Resources, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.world.clusters {
		if c.ID == clusterID && !c.DeletedAt.IsZero() {
			return c.Resources, true
		}
	}
	return Resources{}, false
}

package dosim

import (
	"maps"
	"net/http"
)

// adminRoutes serve what is done behind the back of the API's clients. They
// take no token and count nowhere.
func (s *Sim) adminRoutes() {
	s.admin("GET /_sim/calls", s.showCalls)
	s.admin("POST /_sim/faults", s.addFault)
	s.admin("DELETE /_sim/faults", func(*http.Request) (any, error) {
		s.Heal()
		return nil, nil
	})
	s.admin("GET /_sim/clusters/{cluster_id}/survivors", s.showSurvivors)
	s.onCluster("PUT /_sim/clusters/{cluster_id}", s.change)
	s.onCluster("DELETE /_sim/clusters/{cluster_id}", func(id string, _ *http.Request) (any, error) {
		s.Remove(id)
		return nil, nil
	})
	s.onCluster("POST /_sim/clusters/{cluster_id}/recreate", func(id string, _ *http.Request) (any, error) {
		return object{"id": s.Recreate(id)}, nil
	})
	s.onCluster("PUT /_sim/clusters/{cluster_id}/nodes", s.putNodes)
	s.onCluster("PUT /_sim/clusters/{cluster_id}/state", s.putState)
	s.onCluster("POST /_sim/clusters/{cluster_id}/status_messages", s.postMessage)
}

// admin registers a route that answers with what do returns.
func (s *Sim) admin(pattern string, do func(*http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		body, err := do(r)
		status := http.StatusOK
		if body == nil {
			status = http.StatusNoContent
		}
		answerTo(w.Header().Get(requestIDHeader), status, body, err).write(w)
	})
}

// onCluster registers a route about a cluster that must be there.
func (s *Sim) onCluster(pattern string, do func(id string, r *http.Request) (any, error)) {
	s.admin(pattern, func(r *http.Request) (any, error) {
		s.mu.Lock()
		c, err := s.world.cluster(r)
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		return do(c.ID, r)
	})
}

// change takes what the API's update of a cluster takes.
func (s *Sim) change(id string, r *http.Request) (any, error) {
	var p settings
	err := decode(r, &p)
	if err == nil {
		s.behind(id, func(w *world, c *cluster) {
			if err = w.apply(c, p); err == nil {
				c.touch(w.now())
			}
		})
	}
	return nil, err
}

func (s *Sim) putNodes(id string, r *http.Request) (any, error) {
	var wanted struct {
		Count int `json:"count"`
	}
	if err := decode(r, &wanted); err != nil {
		return nil, err
	}
	if wanted.Count < 0 || wanted.Count > maxNodes {
		return nil, badRequest("count is out of range")
	}
	s.Resize(id, wanted.Count)
	return nil, nil
}

func (s *Sim) putState(id string, r *http.Request) (any, error) {
	var wanted status
	err := decode(r, &wanted)
	if err == nil {
		s.SetState(id, wanted.State, wanted.Message)
	}
	return nil, err
}

func (s *Sim) postMessage(id string, r *http.Request) (any, error) {
	var said struct {
		Message string `json:"message"`
	}
	err := decode(r, &said)
	if err == nil {
		s.Announce(id, said.Message)
	}
	return nil, err
}

func (s *Sim) addFault(r *http.Request) (any, error) {
	var f Fault
	if err := decode(r, &f); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, badRequest(err.Error())
	}
	s.Inject(f)
	return nil, nil
}

func (s *Sim) showCalls(*http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls), nil
}

func (s *Sim) showSurvivors(r *http.Request) (any, error) {
	survivors, deleted := s.Survivors(r.PathValue("cluster_id"))
	if !deleted {
		return nil, notFound("no such cluster was deleted")
	}
	return survivors, nil
}

// Package dosim stands for DigitalOcean's Kubernetes API in the demo, in tests
// and for people who write against it. It keeps clusters that are provisioned,
// upgraded and deleted as time passes, answers with the real API's statuses,
// bodies and words, and can be asked to fail in the ways that the real one does.
//
// What is not publicly known is assumed; docs/simulator.md lists it.
package dosim

import (
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Config says how the simulator behaves.
type Config struct {
	Token    string              // has every scope
	Tokens   map[string][]string // further tokens and the scopes of each, e.g. "kubernetes:read"
	Limits   Limits              // how many requests a token may send
	Speed    float64             // how much faster than the real API clusters change; 1 when 0
	Now      func() time.Time    // the clock; time.Now when nil
	Admin    bool                // serve /_sim/, by which faults are asked for
	OnChange func([]byte)        // called with the state, in the form of Snapshot, after each change
}

// Sim is the simulator. It is safe for concurrent use.
type Sim struct {
	cfg Config
	mux *http.ServeMux

	mu     sync.Mutex
	world  *world
	faults []Fault
	calls  map[string]int         // how often each operation was asked for
	meter  map[string][]time.Time // each token's requests of the last hour, oldest first
}

// New makes a simulator without clusters.
func New(cfg Config) *Sim {
	if cfg.Speed == 0 {
		cfg.Speed = 1
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &Sim{
		cfg: cfg, mux: http.NewServeMux(), world: &world{now: cfg.Now, speed: cfg.Speed},
		calls: map[string]int{}, meter: map[string][]time.Time{},
	}
	s.routes()
	if cfg.Admin {
		s.adminRoutes()
	}
	return s
}

// ServeHTTP answers as the API would.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(requestIDHeader, uuid.NewString())
	s.mux.ServeHTTP(w, r)
}

// CallCount is how often an operation, e.g. "create_cluster", has been asked for.
func (s *Sim) CallCount(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// Package shares bounds how much one person takes of what a replica does at the
// same time: executions of requests, open pages. It is pure; nothing is shared
// with other replicas.
package shares

import (
	"sync"

	"doksportal/internal/portal"
)

// Shares counts what is under way by person.
type Shares struct {
	most int

	mu    sync.Mutex
	under map[portal.Identity]int
}

// New returns shares of so many places for each person.
func New(most int) *Shares {
	return &Shares{most: most, under: map[portal.Identity]int{}}
}

// Enter takes a place of a person's share, which leave gives back; ok is false
// when there is none. Nil Shares let everybody in.
func (s *Shares) Enter(id portal.Identity) (leave func(), ok bool) {
	if s == nil {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under[id] == s.most {
		return nil, false
	}
	s.under[id]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.under[id]--; s.under[id] == 0 {
			delete(s.under, id)
		}
	}, true
}

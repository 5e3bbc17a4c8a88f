package execute

import (
	"sync"
	"time"

	"doksportal/internal/portal"
)

// A replica takes on requestsAtOnce steps of requests at the same time, and no
// more than ownMost of one person, so that theirs, when DigitalOcean hangs, do
// not keep others' waiting.
const (
	requestsAtOnce = 10
	ownMost        = requestsAtOnce / 2
	shareWait      = time.Second // until a step is tried again that finds the share used up
)

// shares counts the steps under way by person; nil lets everybody in.
type shares struct {
	mu    sync.Mutex
	under map[portal.Identity]int
}

// enter takes a place of a person's share, which leave gives back; ok is false
// when there is none.
func (s *shares) enter(id portal.Identity) (leave func(), ok bool) {
	if s == nil {
		return func() {}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under[id] == ownMost {
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

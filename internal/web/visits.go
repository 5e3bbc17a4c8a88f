package web

import (
	"context"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"doksportal/internal/portal"
	"doksportal/internal/store"
	"doksportal/views"
)

// visitCache keeps whose visit was noted a moment ago, so that not every page
// writes one down.
type visitCache struct {
	mu    sync.Mutex
	noted map[portal.Identity]time.Time
}

// mostVisits bounds the cache, in people.
const mostVisits = 10_000

// due reports whether a visit is to be noted, and takes it as noted.
func (v *visitCache) due(id portal.Identity, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if at, ok := v.noted[id]; ok && now.Sub(at) < store.VisitStep {
		return false
	}
	if v.noted == nil || len(v.noted) >= mostVisits {
		v.noted = map[portal.Identity]time.Time{}
	}
	v.noted[id] = now
	return true
}

// noteVisit notes that a reader opens a page; one that renews itself is not opened.
func (s *Server) noteVisit(c *gin.Context, actor portal.Actor) error {
	if _, part := partOf(c); part || c.GetHeader("HX-Request") != "" || onlyHead(c.Request) || !s.visits.due(actor.Identity, s.Now()) {
		return nil
	}
	return store.NoteVisit(c.Request.Context(), s.Pool, actor.Identity, s.Now())
}

// sinceDesk reads what has changed for the viewer since they were last here.
func (s *Server) sinceDesk(ctx context.Context, v viewer, p *views.HomePage) error {
	since, err := store.LastVisit(ctx, s.Pool, v.actor.Identity)
	if err != nil || since.IsZero() {
		return err
	}
	var ids []string
	for _, t := range v.memberTeams() {
		ids = append(ids, t.ID)
	}
	list, err := store.ActivitySince(ctx, s.Pool, ids, v.actor.Identity, since, sinceOnDesk+1)
	if err != nil || len(list) == 0 {
		return err
	}
	p.Since = &views.SinceDesk{At: since, List: list[:min(len(list), sinceOnDesk)], More: len(list) > sinceOnDesk}
	return nil
}

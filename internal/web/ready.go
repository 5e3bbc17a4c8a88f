package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	pingFor       = 2 * time.Second
	readyKept     = time.Second // for which an answer serves all who ask
	notReadyEvery = time.Minute // between lines of the log that say so
)

// readiness knows whether the database answers. Anybody may ask, as often as they
// like, without being signed in: one ping serves all of a second, and ends on its
// own when who asked has left.
type readiness struct {
	mu     sync.Mutex
	asked  time.Time
	err    error
	logged time.Time
}

// check returns why the database does not answer, nil when it does, and whether
// that is to be said: it has not been of late.
func (r *readiness) check(ctx context.Context, pool *pgxpool.Pool, now func() time.Time) (unsaid bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := now().Sub(r.asked); age < 0 || age >= readyKept {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingFor)
		defer cancel()
		r.err, r.asked = pool.Ping(ctx), now()
	}
	if age := now().Sub(r.logged); r.err == nil || age >= 0 && age < notReadyEvery {
		return false, r.err
	}
	r.logged = now()
	return true, r.err
}

// readyz says whether the portal can serve, which it cannot without database.
func (s *Server) readyz(c *gin.Context) {
	unsaid, err := s.ready.check(c.Request.Context(), s.Pool, s.Now)
	if unsaid {
		s.Logger.Error("not ready", "error", err)
	}
	if err != nil {
		c.String(http.StatusServiceUnavailable, "the database is not responding\n")
		return
	}
	c.String(http.StatusOK, "ready\n")
}

package crash

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"

	"doksportal/internal/doapi/dosim"
)

// cloud is DigitalOcean: the simulator behind a door that counts what comes in and what
// is done, and holds calls at a boundary.
type cloud struct {
	sim *dosim.Sim
	mux *http.ServeMux

	mu       sync.Mutex
	gate     *gate
	received map[string]int // writing calls, by operation
	effects  map[string]int // those that were done
}

const token = "dop_v1_of-this-test"

func newCloud() *cloud {
	c := &cloud{
		sim: dosim.New(dosim.Config{Token: token, Speed: 2000, Limits: dosim.Limits{PerHour: -1, PerMinute: -1}}),
		mux: http.NewServeMux(), received: map[string]int{}, effects: map[string]int{},
	}
	for _, op := range dosim.Operations() {
		if op.Method == http.MethodGet {
			c.mux.Handle(op.Method+" "+op.Path, c.sim)
			continue
		}
		c.mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) { c.write(w, r, op.Name) })
	}
	return c
}

// ServeHTTP answers as the simulator does.
func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

func (c *cloud) set(g *gate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gate = g
}

// write takes a call that may have an effect.
func (c *cloud) write(w http.ResponseWriter, r *http.Request, op string) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	c.mu.Lock()
	c.received[op]++
	g := c.gate
	c.mu.Unlock()
	if g != nil && (g.call == nowhere || !g.enter()) {
		g = nil
	}
	if g != nil && g.call == received && !g.hold() {
		panic(http.ErrAbortHandler)
	}
	// What has arrived is done, whatever becomes of who has sent it.
	r = r.WithContext(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer := httptest.NewRecorder()
	c.sim.ServeHTTP(answer, r)
	if answer.Code < http.StatusBadRequest {
		c.mu.Lock()
		c.effects[op]++
		c.mu.Unlock()
	}
	switch {
	case g == nil || g.call == received:
	case g.call == halfway:
		half(w, answer, g)
	case !g.hold():
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// half sends half of an answer, and then breaks the connection.
func half(w http.ResponseWriter, answer *httptest.ResponseRecorder, g *gate) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		whole := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			answer.Code, http.StatusText(answer.Code), answer.Body.Len(), answer.Body)
		_, _ = io.WriteString(conn, whole[:len(whole)/2])
		_ = g.hold()
		_ = conn.Close()
	}
	panic(http.ErrAbortHandler)
}

// counts is how often an operation was called and done.
func (c *cloud) counts(op string) (received, effects int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received[op], c.effects[op]
}

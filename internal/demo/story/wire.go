package story

import (
	"net/http"
	"sync"
)

// wire leads to the simulator. Something can happen there between a call and its
// answer.
type wire struct {
	next http.Handler

	mu    sync.Mutex
	event func() // after the next call that changes something; nil: nothing
}

// after has something happen after the next call that changes something.
func (w *wire) after(event func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.event = event
}

func (w *wire) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	event := w.event
	if r.Method != http.MethodGet {
		w.event = nil
	}
	w.mu.Unlock()
	w.next.ServeHTTP(out, r)
	if r.Method != http.MethodGet && event != nil {
		event()
	}
}

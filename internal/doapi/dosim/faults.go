package dosim

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Fault makes requests for an operation go wrong. POST /_sim/faults takes it as
// JSON when the simulator has its admin routes.
type Fault struct {
	Operation string        `json:"operation"` // e.g. "create_cluster"
	Times     int           `json:"times"`     // how many requests; 1 when 0
	Page      string        `json:"page"`      // only this page of a list
	Delay     time.Duration `json:"delay"`     // nanoseconds; before anything else happens
	Kind      FaultKind     `json:"kind"`
	Status    int           `json:"status"`  // for FaultStatus
	ID        string        `json:"id"`      // of the error, for FaultStatus
	Message   string        `json:"message"` // of the error, for FaultStatus
}

// FaultKind is what goes wrong.
type FaultKind string

// The kinds. The first three do nothing but fail; after the others, the
// operation has been done.
const (
	FaultDelay     FaultKind = ""           // nothing but the delay
	FaultStatus    FaultKind = "status"     // a refusal with Status, ID and Message
	FaultReset     FaultKind = "reset"      // the connection breaks before anything is done
	FaultLost      FaultKind = "lost"       // done, but the connection breaks before the answer
	FaultCut       FaultKind = "cut"        // done, but the connection breaks in the middle of the answer
	FaultRubbish   FaultKind = "rubbish"    // done, but the answer is no JSON
	FaultDoneError FaultKind = "done-error" // done, but the answer is a 500
)

// Inject makes requests go wrong from now on.
func (s *Sim) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
}

// Heal ends all faults.
func (s *Sim) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// receive notes a request and returns the fault that it meets, if any.
func (s *Sim) receive(operation string, r *http.Request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[operation]++
	i := slices.IndexFunc(s.faults, func(f Fault) bool {
		return f.Operation == operation && (f.Page == "" || f.Page == r.URL.Query().Get("page"))
	})
	if i < 0 {
		return Fault{}
	}
	fault := s.faults[i]
	if s.faults[i].Times--; s.faults[i].Times == 0 {
		s.faults = slices.Delete(s.faults, i, i+1)
	}
	return fault
}

func (f Fault) wait(ctx context.Context) {
	if f.Delay == 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(f.Delay):
	}
}

// before fails a request before anything is done, and reports whether it did.
func (f Fault) before(w http.ResponseWriter) bool {
	switch f.Kind {
	case FaultReset:
		panic(http.ErrAbortHandler)
	case FaultStatus:
		a := refused(f.Status, f.ID, f.Message)
		if f.Status == http.StatusTooManyRequests {
			a.header = map[string]string{"retry-after": "1"}
		}
		a.write(w)
		return true
	}
	return false
}

// after spoils the answer to a request that was done, and reports whether it did.
func (f Fault) after(w http.ResponseWriter) bool {
	switch f.Kind {
	case FaultLost:
		panic(http.ErrAbortHandler)
	case FaultCut:
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte(`{"kubernetes_cluster":{"id":`))
		panic(http.ErrAbortHandler)
	case FaultRubbish:
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("<html>bad gateway</html>"))
		return true
	case FaultDoneError:
		refused(http.StatusInternalServerError, "server_error", "Unexpected server-side error").write(w)
		return true
	}
	return false
}

func (s *Sim) addFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if err := json.NewDecoder(r.Body).Decode(&f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.Inject(f)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sim) showCalls(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.calls)
}

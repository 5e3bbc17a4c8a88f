package dosim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
)

func (s *Sim) routes() {
	s.handle("GET /v2/kubernetes/clusters", "list_clusters", s.listClusters)
	s.handle("POST /v2/kubernetes/clusters", "create_cluster", s.createCluster)
	s.handle("GET /v2/kubernetes/clusters/{id}", "get_cluster", s.getCluster)
	s.handle("DELETE /v2/kubernetes/clusters/{id}", "delete_cluster", s.deleteCluster)
	s.handle("GET /v2/kubernetes/clusters/{id}/destroy_with_associated_resources", "list_associated_resources", s.listAssociated)
	s.handle("GET /v2/kubernetes/options", "list_options", s.listOptions)
	s.handle("GET /v2/sizes", "list_sizes", s.listSizes)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		notFound("The resource you requested could not be found.").write(w)
	})
	if s.cfg.Admin {
		s.mux.HandleFunc("POST /_sim/faults", s.addFault)
		s.mux.HandleFunc("GET /_sim/calls", s.showCalls)
		s.mux.HandleFunc("DELETE /_sim/clusters/{id}", func(w http.ResponseWriter, r *http.Request) {
			s.Remove(r.PathValue("id"))
			w.WriteHeader(http.StatusNoContent)
		})
	}
}

// ServeHTTP answers as the API would.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// answer is what the API says to a request.
type answer struct {
	status int
	body   any // nil for none
	header map[string]string
}

// apiError is the body of every refusal.
type apiError struct {
	ID        string `json:"id"`
	Message   string `json:"message"`
	RequestID string `json:"request_id,omitempty"`
}

func refused(status int, id, message string) answer {
	return answer{status: status, body: apiError{ID: id, Message: message}}
}

func unprocessable(format string, args ...any) answer {
	return refused(http.StatusUnprocessableEntity, "unprocessable_entity", fmt.Sprintf(format, args...))
}

func notFound(message string) answer {
	return refused(http.StatusNotFound, "not_found", message)
}

func (a answer) write(w http.ResponseWriter) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body) // the client is gone
}

const maxBody = 1 << 20 // bytes of a request

// handle registers an operation: its limits and faults come first.
func (s *Sim) handle(pattern, operation string, h func(*http.Request) answer) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-request-id", uuid.NewString())
		// net/http notices that a client has gone only once the body is read.
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			refused(http.StatusBadRequest, "bad_request", "The request body cannot be read.").write(w)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		fault := s.receive(operation, r)
		fault.wait(r.Context())
		if fault.before(w) {
			return
		}
		if a, limited := s.limit(w); limited {
			a.write(w)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+s.cfg.Token {
			refused(http.StatusUnauthorized, "unauthorized", "Unable to authenticate you.").write(w)
			return
		}
		a := h(r)
		if fault.after(w) {
			return
		}
		a.write(w)
	})
}

// Rate limits of a token. Source: API reference, "Rate Limit".
const (
	perHour   = 5000
	perMinute = 250
)

// limit counts the request and refuses one too many.
func (s *Sim) limit(w http.ResponseWriter) (answer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	recent, burst := s.requests[:0], 0
	for _, at := range s.requests {
		if now.Sub(at) < time.Hour {
			recent = append(recent, at)
			if now.Sub(at) < time.Minute {
				burst++
			}
		}
	}
	s.requests = recent
	h := w.Header()
	h.Set("ratelimit-limit", strconv.Itoa(perHour))
	h.Set("ratelimit-remaining", strconv.Itoa(max(0, perHour-len(recent)-1)))
	h.Set("ratelimit-reset", strconv.FormatInt(now.Add(time.Hour).Unix(), 10))
	tooMany := refused(http.StatusTooManyRequests, "too_many_requests", "API rate limit exceeded.")
	if burst >= perMinute {
		tooMany.header = map[string]string{"retry-after": "60"}
		return tooMany, true
	}
	if len(recent) >= perHour {
		return tooMany, true
	}
	s.requests = append(s.requests, now)
	return answer{}, false
}

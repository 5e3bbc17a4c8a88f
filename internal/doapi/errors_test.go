package doapi_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"doksportal/internal/doapi"
)

// A refusal of any operation is sorted by its status. Writes are never sent
// again, reads only after what may pass.
func TestErrorsOfOperations(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		write, read string
		reads       int
	}{
		400: {"refused", "refused", 1}, 401: {"refused", "refused", 1}, 403: {"refused", "refused", 1},
		404: {"not found", "not found", 1}, 412: {"refused", "refused", 1}, 422: {"refused", "refused", 1},
		429: {"rate limited", "rate limited", 3},
		408: {"unknown", "unavailable", 3}, 500: {"unknown", "unavailable", 3}, 503: {"unknown", "unavailable", 3},
		302: {"unknown", "unavailable", 3},
	} {
		for _, o := range operations {
			t.Run(fmt.Sprint(o.name, " ", status), func(t *testing.T) {
				t.Parallel()
				class, calls := want.read, want.reads
				if o.writes() {
					class, calls = want.write, 1
				}
				o.fails(t, saying(status, `{"id":"some_id","message":"some words"}`), class, calls)
			})
		}
	}
}

// fails checks the class of an operation's error, and how often it is sent.
func (o operation) fails(t *testing.T, respond http.HandlerFunc, want string, calls int) {
	t.Helper()
	s := answers(t, respond)
	_, err := o.call(t.Context(), client(t, s.url, token))
	if got := class(err); got != want {
		t.Errorf("%s, want %s: %v", got, want, err)
	}
	if n := len(s.heard()); n != calls {
		t.Errorf("sent %d times, want %d", n, calls)
	}
}

// When the answer to a write is lost in any way, nobody knows what it did.
func TestLostAnswersOfOperations(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]http.HandlerFunc{
		"reset": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99")
			saying(200, "{")(w, nil)
		},
		"rubbish": saying(200, "<html>"),
		"empty":   saying(200, ""),
		"no such": saying(200, `{"kubernetes_cluster":{},"node_pool":{}}`),
	} {
		for _, o := range operations {
			quiet := o.answer == "" && (name == "rubbish" || name == "empty" || name == "no such") // nobody reads it
			if !o.writes() || quiet {
				continue
			}
			t.Run(o.name+" "+name, func(t *testing.T) {
				t.Parallel()
				o.fails(t, respond, "unknown", 1)
			})
		}
	}
}

// Nothing that DigitalOcean says hides anything or turns the direction of writing.
func TestWordsOfDigitalOcean(t *testing.T) {
	t.Parallel()
	const odd, want = "a\u202eb\u200bc", `a\u202eb\u200bc`
	s := answers(t, saying(422, `{"id":"unprocessable_entity","message":"`+odd+`"}`))
	_, err := client(t, s.url, token).GetCluster(t.Context(), "c")
	if got := doapi.UserMessage(err); got != want {
		t.Errorf("of a refusal: %q", got)
	}
	c := doapi.Cluster{Status: doapi.Status{State: "error", Message: odd}, NodePools: []doapi.NodePool{{Nodes: []doapi.Node{{Status: doapi.Status{Message: odd}}}}}}.Portal(time.Time{})
	lint := doapi.Clusterlint{Diagnostics: []doapi.Diagnostic{{CheckName: odd, Message: odd, Object: doapi.DiagnosticObject{Name: odd}}}}.Portal()
	resources := doapi.AssociatedResources{Volumes: []doapi.AssociatedResource{{Name: odd}}}.Portal()
	for what, got := range map[string]string{
		"cluster": c.StateMessage, "node": c.Pools[0].Nodes[0].Message, "status message": doapi.PortalMessages([]doapi.StatusMessage{{Message: odd}})[0].Message,
		"finding": lint.Findings[0].Message, "check": lint.Findings[0].Check, "object": lint.Findings[0].Name, "resource": resources[0].Name,
	} {
		if got != want {
			t.Errorf("%s: %q", what, got)
		}
	}
}

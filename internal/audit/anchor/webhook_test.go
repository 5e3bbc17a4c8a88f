package anchor_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// hook keeps what it receives, and answers with a status.
type hook struct {
	status int
	bodies []string
	ids    []string
	faults []string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.bodies, h.ids = append(h.bodies, string(body)), append(h.ids, r.Header.Get("Webhook-Id"))
	verifier, err := standardwebhooks.NewWebhook(webhookSecret)
	if err == nil {
		err = verifier.Verify(body, r.Header)
	}
	if err != nil {
		h.faults = append(h.faults, err.Error())
	}
	if verifier.Verify(append(body, '\n'), r.Header) == nil {
		h.faults = append(h.faults, "another body has the same signature")
	}
	if r.Method != http.MethodPost || r.URL.Path != "/canary" || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		h.faults = append(h.faults, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type"))
	}
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(h.status)
}

func TestWebhook(t *testing.T) {
	b := setup(t)
	h := &hook{status: http.StatusAccepted}
	s := b.serve(t, h)
	a := b.open(t, s.URL+"/canary?key=canary")
	if a.String() != "webhook "+strings.TrimPrefix(s.URL, "https://") || !a.Prompt() {
		t.Errorf("%s, prompt: %v", a, a.Prompt())
	}
	publish(t, a, 1)
	b.advance(time.Second)
	publish(t, a, 1, 2)
	for _, fault := range h.faults {
		t.Error(fault)
	}
	if len(h.bodies) != 3 || h.bodies[0] != checkpoint(1).Note || h.bodies[2] != checkpoint(2).Note {
		t.Errorf("received %q", h.bodies)
	}
	if h.ids[0] == "" || h.ids[0] != h.ids[1] || h.ids[1] == h.ids[2] {
		t.Errorf("the ids are %q", h.ids)
	}
}

// Whatever is no 2xx is no confirmation; redirects are not followed.
func TestWebhookRefuses(t *testing.T) {
	b := setup(t)
	h := &hook{}
	s := b.serve(t, h)
	a := b.open(t, s.URL+"/canary")
	for status, words := range map[int]string{
		http.StatusTemporaryRedirect: "answered with a redirect (307)", http.StatusFound: "answered with a redirect (302)",
		http.StatusNotModified: "(304)", http.StatusUnauthorized: "answered with status 401", http.StatusInternalServerError: "answered with status 500",
	} {
		h.status = status
		wantRefusal(t, a, words)
	}
	if len(h.bodies) != 5 {
		t.Errorf("%d requests arrived", len(h.bodies))
	}
	s.Close()
	wantRefusal(t, a, "connection refused")
	b.options.Roots = nil
	wantRefusal(t, b.open(t, b.serve(t, h).URL+"/canary"), "its certificate is not one that the portal trusts")
	wantRefusal(t, b.open(t, "https://host.invalid/canary"), "its host name could not be found")
}

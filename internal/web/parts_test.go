package web_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// When a session ends while a form is filled in, the plan beside it says so, and
// the form stays as it is.
func TestPlanAfterTheSession(t *testing.T) {
	b := setup(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/clusters/new/plan", strings.NewReader("name=x"))
	b.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", b.url)
	req.Header.Set("HX-Request", "true")
	resp, err := http.DefaultClient.Do(req)
	b.must(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	b.must(err)
	if got := string(body); !strings.Contains(got, `id="plan"`) || !strings.Contains(got, "Your session has ended") || strings.Contains(got, "<html") {
		t.Errorf("%d: %s", resp.StatusCode, got)
	}
}

// The address of a form's answer can be opened again.
func TestAddressesOfAnswers(t *testing.T) {
	b := setup(t)
	number := b.pending()
	for _, action := range []string{"review", "stop", "collect"} {
		if got := b.as("approver").Get("/requests/" + number + "/" + action).WantStatus(http.StatusOK).URL.Path; got != "/requests/"+number {
			t.Errorf("%s leads to %s", action, got)
		}
	}
}

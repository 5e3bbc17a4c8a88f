package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Who reads the trail is on it, once for what they read again, and nobody fills it
// by reading.
func TestReadingTheTrailIsBounded(t *testing.T) {
	b := setup(t)
	readings := func() int { return b.count(`SELECT count(*) FROM events WHERE kind = 'trail_read'`) }
	for range 30 {
		b.as("auditor").Get("/audit?kind=break_glass").WantStatus(http.StatusOK)
	}
	if n := readings(); n != 1 {
		t.Errorf("%d events of reading the same", n)
	}
	refused := 0
	for i := range 220 {
		if p := b.as("auditor").Get(fmt.Sprintf("/audit?request=%d", i+1)); p.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if n := readings(); n > 205 || refused == 0 {
		t.Errorf("%d events, and %d pages refused", n, refused)
	}
}

// A request has one address: other ways to write its number could keep it off the
// event of who tried it.
func TestOneAddressOfARequest(t *testing.T) {
	b := setup(t)
	number := b.pending()
	b.as("member").Get("/requests/" + number).WantStatus(http.StatusOK)
	for _, prefix := range []string{"0", "+", "%20", strings.Repeat("0", 400)} {
		b.as("member").Get("/requests/" + prefix + number).WantStatus(http.StatusNotFound)
	}
}

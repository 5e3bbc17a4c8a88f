package web_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// While others have all connections to the database, every page says that it
// is not available, and none hangs. Afterwards they answer again.
func TestExhaustedPool(t *testing.T) {
	b := setup(t)
	browser := b.as("admin")
	var release []func()
	for range b.pool.Config().MaxConns {
		conn, err := b.pool.Acquire(t.Context())
		b.must(err)
		release = append(release, conn.Release)
	}
	client := *browser.Client
	client.Timeout = time.Minute // a bound of failure only
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	var all sync.WaitGroup
	for _, r := range b.pages.Routes() {
		if r.Method == http.MethodHead || r.Path == "/healthz" || r.Path == "/static/*file" {
			continue
		}
		path := strings.NewReplacer(":id", uuid.NewString(), ":pool", "p", ":node", "n", ":number", "1", ":slug", "pay", ":version", "1", ":channel", uuid.NewString()).Replace(r.Path)
		all.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), r.Method, b.url+path, strings.NewReader(""))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Origin", b.url)
			resp, err := client.Do(req)
			if err != nil {
				t.Errorf("%s %s: %v", r.Method, r.Path, err)
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%s %s: %d", r.Method, r.Path, resp.StatusCode)
			}
		})
	}
	all.Wait()
	for _, done := range release {
		done()
	}
	if p := browser.Get("/"); p.Status != http.StatusOK {
		t.Errorf("afterwards: %d", p.Status)
	}
}
